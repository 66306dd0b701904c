"""On paper: light colours, whole code, open folds, and no empty place where a figure belongs."""

import pytest

INK = """(selector) => {
  const { color } = getComputedStyle(document.querySelector(selector));
  return Math.max(...color.match(/\\d+/g).slice(0, 3).map(Number));
}"""
# Code that is cut at the right edge, and folds whose insides are not laid out.
CUT = """() => [...document.querySelectorAll("article pre")]
  .filter((code) => code.scrollWidth > code.clientWidth + 1).map((code) => code.textContent)"""
SHUT = """() => [...document.querySelectorAll("article details > :not(summary)")]
  .filter((part) => !part.closest("[hidden]"))
  .filter((part) => !part.checkVisibility({ contentVisibilityAuto: true }))
  .map((part) => part.textContent)"""
ALONE = """() => [...document.querySelectorAll("article :is(h1, h2, h3, h4)")]
  .filter((head) => getComputedStyle(head).breakAfter !== "avoid")
  .map((head) => head.textContent)"""
FIGURES = """() => [...document.querySelectorAll("figure[data-plotly-bundle]")].map((figure) => {
  const drawn = figure.querySelector(".explorer-plot .main-svg");
  const words = figure.querySelector(".explorer-words");
  return Boolean(drawn) !== words.checkVisibility();
})"""
# The colours in which a figure is written; how many letters there are depends on its width.
LETTERS = """() => {
  const texts = document.querySelector("figure:has(.main-svg)").querySelectorAll("svg text");
  return [...new Set([...texts].map((text) => getComputedStyle(text).fill))].sort().join();
}"""


@pytest.fixture
def sheet(visit, first_lesson):
    """A lesson at night, its first figure drawn, as it goes to the printer: A4 without margins."""
    page = visit(first_lesson, width=1280, dark=True)
    page.evaluate("document.querySelector('figure[data-plotly-bundle]').courseware.ready()")
    page.set_viewport_size({"width": 718, "height": 1046})
    page.emulate_media(media="print")
    return page


def test_paper_shows_all_there_is(sheet):
    assert sheet.evaluate(INK, "article p") < 128 and sheet.evaluate(INK, ".katex") < 128
    assert sheet.evaluate(CUT) == []
    assert sheet.evaluate(SHUT) == []
    assert sheet.evaluate(ALONE) == []
    figures = sheet.evaluate(FIGURES)
    assert figures and all(figures)
    for furniture in (".top", ".side", ".neighbours"):
        assert not sheet.locator(furniture).is_visible()


def test_figures_are_drawn_for_paper_and_back(sheet):
    night = sheet.evaluate(LETTERS)
    sheet.evaluate("dispatchEvent(new Event('beforeprint'))")
    paper = sheet.evaluate(LETTERS)
    sheet.evaluate("dispatchEvent(new Event('afterprint'))")
    assert paper != night and sheet.evaluate(LETTERS) == night


def test_the_printer_is_told(sheet):
    """The browser itself says when it prints: the colours of that moment are those for paper."""
    sheet.evaluate(
        f"addEventListener('beforeprint', () => (window.printed = ({LETTERS})()), {{once: true}})"
    )
    night = sheet.evaluate(LETTERS)
    assert len(sheet.pdf(format="A4")) > 10_000
    assert sheet.evaluate("window.printed") not in (None, night)
