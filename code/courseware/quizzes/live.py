"""A quiz on a live kernel, from the core widgets that ipywidgets 7 and 8 share."""

import ipywidgets as widgets

from courseware.quizzes.questions import Choice, Question, letter
from courseware.typesetting.inline import to_html


def to_widgets(questions: list[Question]) -> widgets.VBox:
    """A box for all questions, one below the other."""
    boxes = [_question(question, n, len(questions)) for n, question in enumerate(questions, 1)]
    return widgets.VBox(boxes)


def feedback(question: Question, chosen: set[int]) -> str:
    """What to say to a set of chosen places, as HTML."""
    if not chosen:
        return "Choose an answer first."
    wrong = [i for i in sorted(chosen) if not question.choices[i].right]
    missing = [i for i, choice in enumerate(question.choices) if choice.right and i not in chosen]
    told = wrong or sorted(chosen)
    verdict = "Not quite." if wrong else "Right so far; more are right." if missing else "Right."
    whys = " ".join(to_html(question.choices[i].why) for i in told)
    return f"<b>{verdict}</b> {whys}"


def _question(question: Question, number: int, total: int) -> widgets.VBox:
    note = " <i>(more than one is right)</i>" if question.several else ""
    title = widgets.HTMLMath(f"<b>Question {number} of {total}.</b> {to_html(question.text)}{note}")
    status = widgets.HTMLMath("")
    rows = _ticks(question, status) if question.several else _buttons(question, status)
    return widgets.VBox([title, *rows, status], layout=widgets.Layout(margin="0 0 1.5em 0"))


def _buttons(question: Question, status: widgets.HTMLMath) -> list[widgets.Widget]:
    """A lettered button beside each choice; pressing it answers at once."""
    rows = []
    for i, choice in enumerate(question.choices):
        button = widgets.Button(
            description=letter(i), tooltip=f"Answer {letter(i)}", layout=_narrow()
        )
        button.on_click(lambda _, i=i: setattr(status, "value", feedback(question, {i})))
        rows.append(_row(button, choice))
    return rows


def _ticks(question: Question, status: widgets.HTMLMath) -> list[widgets.Widget]:
    """A tick box beside each choice and a button that checks them together."""
    ticks = [
        widgets.Checkbox(value=False, description=letter(i), indent=False, layout=_narrow())
        for i in range(len(question.choices))
    ]
    button = widgets.Button(description="Check answer")

    def answer(_) -> None:
        status.value = feedback(question, {i for i, tick in enumerate(ticks) if tick.value})

    button.on_click(answer)
    rows = [_row(tick, choice) for tick, choice in zip(ticks, question.choices, strict=True)]
    return [*rows, button]


def _row(control: widgets.Widget, choice: Choice) -> widgets.HBox:
    return widgets.HBox([control, widgets.HTMLMath(to_html(choice.text))])


def _narrow() -> widgets.Layout:
    return widgets.Layout(width="3.5em", flex="0 0 auto")
