"""A quiz in the published page: one form a question, answered by `quiz.js`.

Without JavaScript the answers stand in a `<details>`; with it the script takes the sentence that
belongs to the reader's choice from there.
"""

import hashlib
from html import escape

from courseware.quizzes.questions import Question, letter
from courseware.typesetting.text import to_html


def to_page(questions: list[Question]) -> str:
    """HTML of a quiz, the same in every build."""
    forms = "\n".join(
        _form(question, f"cw-quiz-{_mark(question.text)}", f"Question {n} of {len(questions)}")
        for n, question in enumerate(questions, 1)
    )
    return f'<div class="cw-quiz">\n{forms}\n</div>'


def _mark(text: str) -> str:
    """A short name of a text, the same wherever it stands: an answer kept under it is found again
    when other questions and choices have come or gone."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _form(question: Question, name: str, title: str) -> str:
    kind = "checkbox" if question.several else "radio"
    note = ' <span class="cw-quiz-note">(more than one is right)</span>' * question.several
    choices = "\n".join(
        f'<label class="cw-quiz-choice"><input type="{kind}" name="{name}" '
        f'value="{_mark(choice.text)}">'
        f'<span class="cw-quiz-letter">{letter(i)}</span> '
        f"<span>{to_html(choice.text, inline=True)}</span></label>"
        for i, choice in enumerate(question.choices)
    )
    answers = "\n".join(
        f'<li data-right="{str(choice.right).lower()}">'
        f"<strong>{letter(i)} is {'right' if choice.right else 'wrong'}:</strong> "
        f"{to_html(choice.text, inline=True)}<br>"
        f'<span class="cw-quiz-why">{to_html(choice.why, inline=True)}</span></li>'
        for i, choice in enumerate(question.choices)
    )
    legend = (
        f'<span class="cw-quiz-title">{title}</span> {to_html(question.text, inline=True)}{note}'
    )
    # The button is off until the script turns it on, so that Enter does not send the form anywhere.
    return f"""<form class="cw-quiz-question" id="{escape(name)}">
<fieldset>
<legend>{legend}</legend>
{choices}
</fieldset>
<button type="submit" class="cw-quiz-check" hidden disabled>Check answer</button>
<div class="cw-quiz-feedback" role="status"></div>
<details class="cw-quiz-answers"><summary>Answers</summary>
<ul>
{answers}
</ul>
</details>
</form>"""
