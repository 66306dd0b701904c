"""A quiz is plain data; both front ends and the export show all of it."""

import html.parser
import subprocess
import sys

import nbformat
import pytest

from courseware import front_end, quiz
from courseware.quizzes import export, from_notebook
from courseware.quizzes.live import feedback, to_widgets
from courseware.quizzes.page import to_page
from courseware.quizzes.questions import letter, read
from courseware.typesetting.inline import to_html

ONE = {
    "question": "Which factor keeps $\\operatorname{Var}(q \\cdot k)$ at 1?",
    "right": {"$1/\\sqrt{d_h}$": "The sum has variance $d_h$."},
    "wrong": {
        "$1/d_h$": "That leaves a variance of $1/d_h$.",
        "none, *if* 1 < 2": "Use `scale`, not <b>hope</b>.",
    },
}
TWO = {
    "question": "Which masks are causal?",
    "right": {"lower triangle": "No key after the query.", "a window": "It only removes keys."},
    "wrong": {"upper triangle": "It shows the future."},
}


class Reader(html.parser.HTMLParser):
    """Collects the tags of a fragment and checks that they close in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)
        assert not self.open, f"unclosed {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("input", "br", "path"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "path":
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"right": {}}, "has no right choice"),
        ({"wrong": {}}, "has no wrong choice"),
        ({"right": "a"}, "has no right choice"),
        ({"wrong": {"x": " "}}, "does not say why 'x' is wrong"),
        ({"wrong": {" ": "x"}}, "empty choice"),
        ({"wrong": {"$1/\\sqrt{d_h}$ ": "x"}}, "twice"),
        ({"question": ""}, "empty 'question'"),
        ({"hint": "x"}, "unknown key 'hint'; its keys are question, right, wrong"),
    ],
)
def test_bad_questions_are_named(change, words):
    with pytest.raises(ValueError, match="question 2") as error:
        quiz(TWO, ONE | change)
    assert words in str(error.value)


def test_other_bad_data():
    with pytest.raises(ValueError, match="at least one question"):
        quiz()
    with pytest.raises(ValueError, match="no 'wrong'"):
        quiz({"question": "?", "right": {"a": "b"}})
    with pytest.raises(ValueError, match="should be a dict"):
        quiz("What?")


def test_order_is_fixed_and_does_not_give_the_answer_away():
    assert read([ONE]) == read([ONE])
    places = set()
    for n in range(30):
        (question,) = read([ONE | {"question": f"{n}?"}])
        places.add([choice.right for choice in question.choices].index(True))
    assert places == {0, 1, 2}


def test_page_has_real_controls_and_every_answer():
    questions = read([ONE, TWO])
    text = to_page(questions)
    assert text == to_page(questions), "the page differs from build to build"
    page = Reader(text)
    assert len(page.all("form")) == len(page.all("fieldset")) == len(page.all("legend")) == 2
    inputs = page.all("input")
    assert [i["type"] for i in inputs] == ["radio"] * 3 + ["checkbox"] * 3
    assert len({i["name"] for i in inputs}) == 2 and "q" not in {i["name"] for i in inputs}
    assert len(page.all("label")) == 6
    assert [a["role"] for a in page.all("div") if "role" in a] == ["status"] * 2
    assert all("disabled" in button for button in page.all("button"))
    assert [li["data-right"] for li in page.all("li")] == [
        str(choice.right).lower() for question in questions for choice in question.choices
    ]
    assert "katex" in text and "<em>if</em>" in text and "<code>scale</code>" in text
    assert "<b>hope</b>" not in text and "<b>hope</b>" in page.text
    assert "more than one is right" in page.text
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]


@pytest.mark.parametrize(
    "name, mime",
    [("page", "text/html"), ("live", "application/vnd.jupyter.widget-view+json")],
)
def test_one_output_without_plain_text(monkeypatch, name, mime):
    shown = []
    monkeypatch.setenv("COURSEWARE_FRONT_END", name)
    monkeypatch.setattr(front_end, "publish", shown.append)
    assert quiz(ONE) is None
    assert [list(bundle) for bundle in shown] == [[mime]]


def test_live_widgets_answer_every_choice():
    one, two = read([ONE, TWO])
    for question, box in zip([one, two], to_widgets([one, two]).children, strict=True):
        title, *rows, status = box.children
        assert to_html(question.text) in title.value
        if question.several:
            *rows, button = rows
            button.click()
            assert status.value == "Choose an answer first."
        for i, (choice, row) in enumerate(zip(question.choices, rows, strict=True)):
            control, text = row.children
            assert control.description == letter(i) and text.value == to_html(choice.text)
            if question.several:
                control.value = True
                button.click()
                control.value = False
            else:
                control.click()
            assert to_html(choice.why) in status.value
            assert ("Not quite" in status.value) == (not choice.right)


def test_feedback_of_several():
    (question,) = read([TWO])
    right = {i for i, choice in enumerate(question.choices) if choice.right}
    assert feedback(question, right).startswith("<b>Right.</b>")
    assert feedback(question, {min(right)}).startswith("<b>Right so far; more are right.</b>")
    everything = feedback(question, {0, 1, 2})
    assert everything == "<b>Not quite.</b> It shows the future."


@pytest.mark.parametrize(
    "text, expected",
    [
        ("$a*b$ and *c*", "$a*b$ and <em>c</em>"),
        ("`a*b*` **d**", "<code>a*b*</code> <strong>d</strong>"),
        ("1 < 2 * 3 * 4", "1 &lt; 2 * 3 * 4"),
        ("$x < y$", "$x &lt; y$"),
    ],
)
def test_live_text(text, expected):
    assert to_html(text) == expected


def notebook(*sources):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])


def test_export_reads_a_notebook_without_running_it(tmp_path):
    lesson = notebook("%pip install x", f"1 / 0\n%time 1\nquiz({ONE!r})", f"quiz({TWO!r},)")
    assert from_notebook(lesson) == [*read([ONE]), *read([TWO])]
    gift = export(lesson)
    assert "=\\\\(1/\\\\sqrt\\{d_h\\}\\\\)\n    #The sum has variance \\\\(d_h\\\\)." in gift
    assert gift.count("\n  ~%50%") == 2 and gift.count("\n  ~%-100%upper triangle") == 1
    assert gift.count("::") == 4 and gift.count("}\n") == 1 and gift.endswith("}")
    with pytest.raises(ValueError, match="plain data"):
        from_notebook(notebook("text = 'a'\nquiz({'question': text})"))
    path = tmp_path / "lesson.ipynb"
    nbformat.write(lesson, path)
    command = [sys.executable, "-m", "courseware.quizzes", str(path)]
    assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == gift
