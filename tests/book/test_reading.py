"""What a reader does with a page: reads without code, answers a quiz, searches, finds the way."""

SHOWN = """(selector) => [...document.querySelectorAll(selector)]
  .filter((element) => element.checkVisibility({ visibilityProperty: true })).length"""
CODE = ".cell_input:not(details *)"


def test_reading_mode_hides_code_and_is_remembered(on_desk):
    page = on_desk
    output = page.query_selector(".cell_output")
    button = page.get_by_role("button", name="Hide code")
    assert page.query_selector(CODE).is_visible()
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert page.evaluate(SHOWN, ".cell_input, .folded-code") == 0
    assert button.get_attribute("aria-pressed") == "true"
    assert output.is_visible() or page.evaluate(SHOWN, ".courseware-explorer") > 0
    page.reload(wait_until="domcontentloaded")
    assert page.evaluate(SHOWN, ".cell_input, .folded-code") == 0
    assert button.get_attribute("aria-pressed") == "true"
    button.focus()
    page.keyboard.press("Enter")
    assert page.query_selector(CODE).is_visible()
    page.reload(wait_until="domcontentloaded")
    assert page.query_selector(CODE).is_visible()


SAID = """(question) => {
  const status = question.querySelector("[role=status]");
  return status.checkVisibility({ visibilityProperty: true }) ? status.innerText : "";
}"""
RIGHTS = """(question) => [...question.querySelectorAll("li[data-right]")]
  .map((item) => item.dataset.right === "true")"""


def test_quiz_answers_by_keyboard_alone(on_desk):
    page = on_desk
    questions = page.query_selector_all("form.cw-quiz-question")
    assert len(questions) >= 3
    for question in questions:
        assert question.evaluate(SAID) == ""
        rights = question.evaluate(RIGHTS)
        _choose(page, question, [rights.index(False)])
        wrong = question.evaluate(SAID)
        assert len(wrong.split()) > 3
        _choose(page, question, [i for i, right in enumerate(rights) if right])
        assert question.evaluate(SAID).startswith("Right") and question.evaluate(SAID) != wrong


INPUTS = """(question) => {
  const inputs = [...question.querySelectorAll("input")];
  return [inputs.map((input) => input.type), inputs.map((input) => input.checked)];
}"""
ON_BUTTON = "(question) => question.querySelector('button') === document.activeElement"


def _choose(page, question, wanted):
    """Check exactly the wanted choices and send, with Tab, arrows, space and Enter only."""
    kinds, checked = question.evaluate(INPUTS)
    question.query_selector("input").focus()
    if kinds[0] == "radio":
        page.keyboard.press("Space")
        for _ in range(wanted[0]):
            page.keyboard.press("ArrowDown")
    else:
        for index, is_checked in enumerate(checked):
            if is_checked != (index in wanted):
                page.keyboard.press("Space")
            if index + 1 < len(checked):
                page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert question.evaluate(ON_BUTTON)
    page.keyboard.press("Enter")


def test_search_finds_a_word(visit):
    page = visit("index.html")
    page.keyboard.press("/")
    page.keyboard.type("entropy")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=entropy")
    results = page.locator("#search-results a")
    page.locator("#search-results a[href*='chapters/']").first.wait_for()  # they come one by one
    page.wait_for_load_state("networkidle")
    results.first.click()
    page.wait_for_load_state("load")
    assert page.locator("article h1").count() == 1


def test_theme_is_chosen_and_remembered(visit, lessons):
    page = visit("index.html")
    theme = "document.documentElement.dataset.theme"
    button = page.get_by_role("button", name="Colours")
    seen = []
    for _ in range(3):
        button.click()
        seen.append((button.inner_text(), page.evaluate(theme)))
    assert [name for name, _ in seen] == [
        "Colours: light",
        "Colours: dark",
        "Colours: as the system",
    ]
    assert seen[1][1] == "dark"
    button.click()
    button.click()
    page.goto(page.url.replace("index.html", lessons[0]))
    assert page.evaluate(theme) == "dark"


def test_contents_open_on_a_phone(visit, first_lesson):
    page = visit(first_lesson, width=390)
    contents = page.get_by_role("navigation", name="Course")
    button = page.get_by_role("button", name="Contents")
    assert not contents.is_visible()
    button.focus()
    page.keyboard.press("Enter")
    assert contents.is_visible() and button.get_attribute("aria-expanded") == "true"
    assert contents.locator("[aria-current=page]").count() == 1
    page.keyboard.press("Escape")
    assert not contents.is_visible()


def test_reads_without_scripts(browser, server, lesson):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{server}/{lesson}")
    assert page.locator(".katex").count() > 0
    assert page.get_by_role("navigation", name="Course").is_visible()
    assert page.locator(".cw-quiz-answers").first.is_visible()
    context.close()
