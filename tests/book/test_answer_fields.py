"""Answer fields in a browser: what can be typed, what is said, and that it survives a reload.

A small book is built with fields and a quiz, so that these tests need no lesson.
"""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from small_book import PAGE, build, notebook

from courseware.exercises import find, registry
from courseware.exercises.by_hand import RIGHT, reply
from courseware.quizzes.page import to_page as quiz_page
from courseware.quizzes.questions import read
from courseware.typesetting.katex import node_modules

LESSON = """# 7.1 A lesson

> **Theorem 7.1.1.** So.

## Exercises"""
SOLUTION = "<details><summary>Solution</summary>\n\nThat.\n\n</details>"
QUESTIONS = [
    {"question": "One?", "right": {"a": "Yes."}, "wrong": {"b": "No.", "c": "Nor this."}},
    {"question": "Two?", "right": {"d": "Yes.", "e": "Too."}, "wrong": {"f": "No."}},
]
REGISTERED = {
    "7.1.11": (80, {"hints": {64: "Add the *mean*: $\\mu$."}, "label": "Variance"}),
    "7.1.12": (1.25, {"tolerance": 0.01, "unit": "bits", "hints": {float("inf"): "Never."}}),
    "7.1.13": ((7, 1024, 4.6), {"tolerance": 0.01, "hints": {(7, 20, 4.6): "They multiply."}}),
    "7.1.14": ((2.1, "1100"), {"tolerance": 0.01, "hints": {(2.1, "110"): "Four bits."}}),
    "7.1.15": ("the rows", {"choices": ["the rows", "the $k$"], "hints": {"B": "No."}}),
    "7.1.16": ("softmax", {}),
}


def stub(name):
    return new_code_cell(f'check("{name}", ...)', metadata={"tags": ["exercise"]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A book whose one lesson asks all kinds of answers, and a quiz."""
    kept = dict(registry._registered)
    for name, (value, settings) in REGISTERED.items():
        registry.answer(name, value, **settings)
    quiz = new_output("display_data", data={"text/html": quiz_page(read(QUESTIONS))})
    cells = [
        new_markdown_cell(LESSON),
        new_code_cell("quiz()", metadata={"tags": ["hide-input"]}, outputs=[quiz]),
    ]
    for number, name in enumerate([*REGISTERED, "4.2.7"], 1):
        cells.append(new_markdown_cell(f"### Exercise 7.1.{number} · ★ · 9 min\n\nHow many?"))
        cells += [stub(name), new_markdown_cell(SOLUTION)]
    place = tmp_path_factory.mktemp("answers")
    assert build(place, notebook(cells)) == ""
    yield place / "out" / "html"
    registry._registered.clear()
    registry._registered.update(kept)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def end_headers(self):
        self.send_header("Access-Control-Allow-Origin", "*")  # for frames without an origin
        super().end_headers()


@pytest.fixture(scope="module")
def site(folder):
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()


@pytest.fixture
def page(browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{site}/{PAGE}")
    yield page
    context.close()
    assert errors == []


def form(page, name):
    return page.locator(f"#answer-{name.replace('.', '-')}")


def give(page, name, typed):
    """Type and check by keyboard; returns what is said."""
    asked = form(page, name)
    if asked.get_by_role("textbox").count():
        asked.get_by_role("textbox").fill(typed)
        page.keyboard.press("Enter")
    else:
        asked.locator(f"input[value={typed}]").check()
        asked.get_by_role("button").press("Enter")
    return asked.get_by_role("status").inner_text()


NUMBERS = {
    "3/4": 0.75, "0,75": 0.75, ".75": 0.75, ",75": 0.75, "0.75": 0.75, "75e-2": 0.75, "75 %": 0.75,
    " 3 / 4 ": 0.75, "2^-3": 0.125, "2**-3": 0.125, "2⁻³": 0.125, "10²": 100, "-1": -1, "−1": -1,
    "–1": -1, "+1": 1, "--1": 1, "sqrt(2)": 2**0.5, "√2": 2**0.5, "2√2": 8**0.5, "√2/2": 0.5**0.5,
    "√(1+1)": 2**0.5, "sqrt 2": 2**0.5, "-2^2": -4, "(-2)^2": 4, "2^3^2": 512, "1/8/2": 0.0625,
    "1 000 000": 1e6, "1,000,000": 1e6, "1.000.000": 1e6, "1_000": 1000, "50'257": 50257,
    "1,234.5": 1234.5, "0,125": 0.125, "1,5e3": 1500, "1E3": 1000, "2·3": 6, "2×3": 6, "6÷4": 1.5,
    "ln 8": 2.0794415416798357, "ln(8)/3": 0.6931471805599453, "log2(8)": 3, "log10(100)": 2,
    "e^2": 7.38905609893065, "2e": 5.43656365691809, "pi": 3.141592653589793,
    "2π": 2 * 3.141592653589793,
    "1,5 + 1,5": 3, "inf": float("inf"), "-∞": float("-inf"), "80 bits": 80, "80bits": 80,
}  # fmt: skip
UNREADABLE = {
    "": "“” cannot be read as a number. These can: 3/4, 0.75, 75e-2, 2^-3, sqrt(2).",
    "abc": "“abc” cannot be read as a number.", "1/0": "cannot be read", "√(-1)": "cannot be read",
    "1 2": "“1 2” cannot be read", "3/": "cannot be read", "(1": "cannot be read", "1)": "cannot",
    "1..2": "cannot be read", "1,2,3": "cannot be read", "2(3)": "cannot be read",
    "1,000": "can be read in two ways. Write 1000 or 1.000.", "log(8)": "Write ln, log2 or log10.",
    "constructor": "cannot be read", "alert(1)": "cannot be read", "(" * 300: "cannot be read",
    "0x10": "cannot be read", "1e999": "cannot be read", "<b>1</b>": "“<b>1</b>” cannot be read",
    "5 apples": "cannot be read",
}  # fmt: skip
LISTS = {
    "1 2 3": ["1", "2", "3"], "1; 2; 3": ["1", "2", "3"], "1, 2, 3": ["1", "2", "3"],
    "(1, 2)": ["1", "2"], "[1, 2]": ["1", "2"], "1,2,3": ["1", "2", "3"], " 1  2 ": ["1", "2"],
    "0,5 0,25": ["0,5", "0,25"], "0,5; 0,25": ["0,5", "0,25"], "0,5, 0,25": ["0,5", "0,25"],
    "2 359 296; 12 582 912": ["2 359 296", "12 582 912"], "3 / 4 1/5": ["3/4", "1/5"],
    "2,359,296, 12,582,912": ["2,359,296", "12,582,912"], "3 and 4": ["3", "4"],
    "(1 + 2)/3; 4": ["(1 + 2)/3", "4"], "1\n2": ["1", "2"], "1, 2,": ["1", "2,"],
    "sqrt( 2 ) 3": ["sqrt(2)", "3"], "2 ^ 3 4": ["2^3", "4"], "-1 −2": ["-1", "−2"], "7": ["7"],
    "50 % 1": ["50%", "1"], "": [],
}  # fmt: skip


def test_numbers_are_read(page):
    script = """(all) => all.map((text) => {
        try { return String(coursewareNumbers.read(text, "bits")); }
        catch (e) { return `${e instanceof coursewareNumbers.Unreadable}: ${e.message}`; }
    })"""
    for text, got in zip(NUMBERS, page.evaluate(script, list(NUMBERS)), strict=True):
        want = NUMBERS[text]
        assert got[:4] not in ("true", "fals"), f"{text!r}: {got}"
        got = float(got.replace("Infinity", "inf"))
        assert got == want or abs(got - want) < 1e-12 * abs(want), text
    for text, got in zip(UNREADABLE, page.evaluate(script, list(UNREADABLE)), strict=True):
        assert got.startswith("true: ") and UNREADABLE[text] in got, f"{text!r}: {got}"


def test_lists_are_split(page):
    got = page.evaluate("(all) => all.map(coursewareNumbers.split)", list(LISTS))
    assert dict(zip(LISTS, got, strict=True)) == LISTS


SAID = {
    "7.1.11": {"80": "", "640/8": "", "64": "Add the mean: ", "81": "", "-1": "", "many": "cannot"},
    "7.1.12": {"5/4": "", "1,255 bits": "", "inf": "Never.", "1": "", "2": ""},
    "7.1.13": {
        "7 2^10 4,605": "", "(7, 20, 4.6)": "", "1 20 3": "", "7 1024 3": "", "1 1024 3": "",
        "1 2 3": "", "7 1024": "3 numbers are asked for; you gave 2.",
    },
    "7.1.14": {
        "2.1 1100": "", "2,1; '1100'": "", "2.1 110": "", "2.1, 0": "", "3 1100": "", "1 1": "",
    },
    "7.1.15": {"A": "", "B": "No."},
    "7.1.16": {"Softmax ": "", "sigmoid": ""},
}  # fmt: skip


def test_the_page_says_what_check_says(page):
    """Both judge by the same numbers; here, that they do so in the same words."""
    script = """([typed, unit]) => coursewareNumbers.split(typed).map(
        (part) => { try { return coursewareNumbers.read(part, unit); } catch { return part; } })"""
    for name, answers in SAID.items():
        entry = find(name)
        for typed, words in answers.items():
            said = give(page, name, typed)
            state = form(page, name).get_attribute("data-state")
            assert words in said
            if state == "unread":
                continue
            if name in ("7.1.15", "7.1.16"):
                status, text = reply(entry, typed)
            else:
                parts = page.evaluate(script, [typed, entry.unit])
                if name == "7.1.14":
                    parts[1] = typed.split()[1].strip("'")
                status, text = reply(entry, tuple(parts))
            assert state == status, (name, typed, said)
            verdict = "Right." if status == RIGHT else "Not yet."
            if "$" in text:
                assert said.startswith(f"{verdict} Add the mean: ")
            else:
                assert said.strip() == f"{verdict} {text}".strip(), (name, typed)


def test_nothing_typed_is_no_mistake(page):
    assert give(page, "7.1.11", "  ") == "Type your answer first."
    form(page, "7.1.15").get_by_role("button").click()
    assert form(page, "7.1.15").get_by_role("status").inner_text() == "Choose an answer first."


def test_what_is_typed_is_never_taken_for_html(page):
    said = give(page, "7.1.11", "<img src=x onerror=alert(1)>")
    assert said.startswith("“<img src=x") and form(page, "7.1.11").locator("img").count() == 0


def test_the_field_stands_in_place_of_the_cell_and_the_answer_lies_nowhere(folder, page):
    html = (folder / PAGE).read_text("utf-8")
    for name in REGISTERED:
        assert (
            f'check("{name}"' not in html.replace("&quot;", '"') and form(page, name).count() == 1
        )
    assert "check(" in page.locator("#exercise-7-1-7").inner_text()  # in code: the cell stays
    text = page.locator("#exercise-7-1-3").inner_html()
    assert "1024" not in text and "multiply" not in text


def test_answers_and_choices_survive_a_reload_and_can_be_cleared(page):
    clear = page.get_by_role("button", name="Clear my answers on this page")
    assert clear.count() == 0
    give(page, "7.1.11", "64")
    give(page, "7.1.15", "A")
    form(page, "7.1.13").get_by_role("textbox").fill("7 1024")  # typed, not checked
    questions = page.locator(".cw-quiz-question")
    questions.nth(0).get_by_role("radio").nth(1).check()
    questions.nth(0).get_by_role("button").click()
    questions.nth(1).get_by_role("checkbox").nth(2).check()  # chosen, not checked
    seen = page.locator("article").inner_text()

    def state():
        return page.evaluate("""() => [...document.querySelectorAll("article form")].map((form) =>
            [form.dataset.state, [...form.elements].map((e) => [e.value, e.checked])])""")

    before = state()
    page.reload()
    assert state() == before and page.locator("article").inner_text() == seen
    page.evaluate("localStorage.setItem('code', 'shown')")
    clear.click()
    assert page.evaluate("document.activeElement.textContent").endswith("are cleared.")
    assert page.evaluate("Object.keys(localStorage)") == ["code"], "what is no answer stays"
    assert not clear.is_visible() and form(page, "7.1.11").get_attribute("data-state") is None
    page.reload()
    assert page.locator("input:checked").count() == clear.count() == 0
    assert form(page, "7.1.11").get_by_role("textbox").input_value() == ""


def test_emptying_a_field_forgets_it(page):
    give(page, "7.1.11", "64")
    form(page, "7.1.11").get_by_role("textbox").fill("")
    assert page.evaluate("localStorage.length") == 0
    assert not page.get_by_role("button", name="Clear my answers").is_visible()


def test_kept_rubbish_is_no_fault(page):
    for rubbish in ("{", "null", "7", '{"typed": 3, "judged": true}', '{"chosen": {}}'):
        page.evaluate(
            """(rubbish) => { for (const form of document.querySelectorAll("article form"))
                localStorage.setItem(`answers:${location.pathname}#${form.id}`, rubbish); }""",
            rubbish,
        )
        page.reload()
        assert give(page, "7.1.11", "80") == "Right."


def test_answers_are_found_again_when_others_have_come(page):
    """Under a question's own text and a choice's own text, not under their places."""
    first = quiz_page(read(QUESTIONS))
    more = {"question": "New?", "right": {"x": "Yes."}, "wrong": {"y": "No."}}
    changed = [more, QUESTIONS[0] | {"wrong": {"z": "No.", "b": "No."}}]
    second = quiz_page(read(changed))
    for part in ("name", "value"):
        assert _marks(first, "a", part) == _marks(second, "a", part)


def _marks(html, choice, attribute):
    label = next(part for part in html.split("<label") if f"<span>{choice}</span>" in part)
    return label.split(f'{attribute}="')[1].split('"')[0]


def test_refused_storage_changes_nothing_but_the_memory(browser, site, folder):
    """In a frame without an origin, whoever names localStorage is thrown out."""
    (folder / "frame.html").write_text(
        f'<iframe sandbox="allow-scripts allow-forms" src="{PAGE}"></iframe>'
        '<iframe sandbox="allow-scripts allow-forms" src="search.html?q=theorem"></iframe>'
    )
    context = browser.new_context()
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{site}/frame.html")
    inside, search = (page.frames[i] for i in (1, 2))
    inside.wait_for_selector("#answer-7-1-11 button:enabled")
    assert inside.evaluate("self.origin") == "null", "a frame with an origin would prove nothing"
    assert give_in(inside, "#answer-7-1-11", "80") == "Right."
    assert inside.locator(".clear-answers button").count() == 0
    search.locator("#search-results a").first.wait_for()
    assert errors == []
    context.close()


def give_in(frame, place, typed):
    frame.locator(f"{place} input").fill(typed)
    frame.locator(f"{place} button").click()
    return frame.locator(f"{place} [role=status]").inner_text()


def test_without_scripts_only_the_solution_is_left(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/{PAGE}")
    assert not page.locator(".cw-answer").first.is_visible()
    assert page.locator("details", has_text="Solution").first.is_visible()
    context.close()


def test_reading_without_code_keeps_the_fields(page):
    page.get_by_role("button", name="Hide code").click()
    assert (
        form(page, "7.1.11").is_visible() and not page.locator(".tag_exercise").first.is_visible()
    )


@pytest.mark.parametrize("width, theme", [(390, "dark"), (1280, "light")])
def test_axe_finds_nothing_in_fields(page, width, theme):
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
    for name, typed in [("7.1.11", "64"), ("7.1.12", "5/4"), ("7.1.13", "x"), ("7.1.15", "B")]:
        give(page, name, typed)
    page.evaluate((node_modules() / "axe-core" / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("""async () => (await axe.run("article")).violations
        .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))""")
    assert [fault for fault in found if "answer" in fault] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_stub_that_nobody_registered_is_a_warning(tmp_path):
    warnings = build(tmp_path, notebook([new_markdown_cell(LESSON), stub("7.1.99")]))
    assert "there is no exercise '7.1.99'" in warnings and "lesson_7_1.py" in warnings
    assert "01-lesson" in warnings
