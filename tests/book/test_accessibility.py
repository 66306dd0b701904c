"""axe-core finds nothing: WCAG 2.2 A and AA, best practices; light and dark, wide and narrow."""

import json

import pytest

from courseware.katex import node_modules

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONFIGURATIONS = [(1280, "light"), (1280, "dark"), (390, "dark"), (390, "light")]

# Once formulas have been looked at in full, one glyph of each is enough: the rest has its colour.
ONE_GLYPH = """() => {
  for (const formula of document.querySelectorAll(".katex-html")) formula.textContent = "x";
  for (const spoken of document.querySelectorAll("math")) spoken.textContent = "x";
}"""


@pytest.fixture(scope="session")
def axe() -> str:
    return (node_modules() / "axe-core" / "axe.min.js").read_text("utf-8")


def violations(page, axe) -> str:
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(axe)
    found = page.evaluate(
        """(tags) => axe.run(document, { runOnly: tags, resultTypes: ["violations"] })
          .then(({ violations }) => violations.map(({ id, help, nodes }) => ({ id, help,
            where: nodes.slice(0, 4).map((n) => `${n.target}: ${n.failureSummary}`) })))""",
        TAGS,
    )
    return json.dumps(found, indent=1, ensure_ascii=False) if found else ""


def test_axe_finds_nothing(visit, axe, page_name, draw_all):
    page = visit(page_name)
    draw_all(page)
    # What is folded is looked at as well.
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    for width, theme in CONFIGURATIONS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")
        draw_all(page)
        found = violations(page, axe)
        assert not found, f"{width} px, {theme}: {found}"
        page.evaluate(ONE_GLYPH)


def test_axe_finds_nothing_in_the_open_contents(visit, axe):
    page = visit("index.html", width=390)
    page.get_by_role("button", name="Contents").click()
    assert page.locator("#course-contents").is_visible()
    assert not (found := violations(page, axe)), found


def test_axe_would_find_something(visit, axe):
    page = visit("index.html")
    page.evaluate(
        "document.querySelector('article').insertAdjacentHTML('beforeend', '<img src=\"data:,\">')"
    )
    assert "image-alt" in violations(page, axe)
