"""Where the system sets all colours, a state still shows: its picture changes with it."""

import pytest

PRESS = "(e) => e.setAttribute('aria-pressed', e.getAttribute('aria-pressed') !== 'true')"
NOT_HERE = "(e) => { e.removeAttribute('aria-current'); e.style.fontWeight = 600; }"
HIDE = "(e) => [...e.children].forEach((child) => (child.style.visibility = 'hidden'))"
# What is looked at, and the change that must be seen.
STATES = {
    "a pressed button": (".code-button", PRESS),
    "the page in the contents": (".contents [aria-current]", NOT_HERE),
    "the section that is read": (
        ".on-this-page a:not(.here)",
        "(e) => e.classList.add('here')",
    ),
    "the kind of a box": (".theorem .box-label", "(e) => e.style.setProperty('--sign', 'none')"),
    "the mark": (".mark", HIDE),
    "the chosen number": (".sheet-matrix td:has(button)", "(e) => mark(e, 'is-chosen')"),
    "a source": (".sheet-matrix td:has(button:not(.is-chosen))", "(e) => mark(e, 'is-source')"),
    "the edge of a button": (".tools", "(e) => tools(e, 'none')"),
    "the edge of a quiz's button": (".cw-quiz-check", "(e) => (e.style.border = 'none')"),
}
HELP = """() => {
  window.mark = (cell, name) => cell.querySelector("button").classList.add(name);
  window.tools = (box, border) => [...box.children].forEach((tool) => (tool.style.border = border));
}"""


@pytest.fixture(scope="module", params=["light", "dark"])
def forced(request, browser, server, book, lessons):
    """A lesson with a worksheet and a quiz in the system's colours, chosen light in the book."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800},
        forced_colors="active",
        color_scheme=request.param,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.add_init_script("localStorage.setItem('mode', 'light')")
    sheet = next(name for name in lessons if "courseware-sheet" in (book / name).read_text("utf-8"))
    page.goto(f"{server}/{sheet}")
    page.evaluate(HELP)
    figures = page.locator(".courseware-explorer:has(.courseware-sheet)")
    figures.first.evaluate("(figure) => figure.courseware.ready()")
    yield page
    context.close()


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_seen(forced, state):
    selector, change = STATES[state]
    element = forced.locator(selector).locator("visible=true").first.element_handle()
    before = element.screenshot()
    element.evaluate(change)
    assert element.screenshot() != before


def test_figures_keep_their_own_ground(forced):
    plot = forced.locator(".explorer-plot:not(.courseware-sheet)").first
    plot.locator("xpath=ancestor::figure").evaluate("(figure) => figure.courseware.ready()")
    ground = plot.evaluate("(plot) => getComputedStyle(plot).backgroundColor")
    ink = plot.locator(".xtick text").first.evaluate("(text) => getComputedStyle(text).fill")
    assert ground == "rgb(255, 255, 255)", "the book's light ground, under figures drawn for it"
    assert ink != ground
