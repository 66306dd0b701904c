"""axe-core finds nothing: WCAG 2.2 A and AA, best practices; light and dark, wide and narrow."""

import json

import pytest

from courseware.katex import node_modules

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONFIGURATIONS = [(1280, "light"), (1280, "dark"), (390, "dark"), (390, "light")]

# Formulas and code are nine tenths of a lesson's elements, and axe asks each of them what it asked
# its neighbour. A glyph is left out where it looks, in both themes, like one that stays, and where
# nothing but its look could be wrong with it. A displayed formula keeps its width: it may scroll.
LOOK = """() => {
  const parts = ":has(> .katex), .katex, .katex *, pre, pre span, .sig, .sig *, code, code span";
  for (const part of document.querySelectorAll(parts)) {
    const { color, backgroundColor, opacity } = getComputedStyle(part);
    part.look = `${part.look ?? ""} ${color} ${backgroundColor} ${opacity}`;
  }
}"""
THIN = """() => {
  const mute = (part) => ![...part.attributes].some(({ name }) =>
    /^(aria-(?!hidden)|role$|id$|tabindex$|href$)/.test(name));
  const even = (part) =>
    [...part.querySelectorAll("*")].every((inner) => mute(inner) && inner.look === part.look);
  const cuts = [];
  const known = new Set();
  const stays = (part) => {
    const look = `${part.look} on ${part.parentElement.look}`;
    return known.size < known.add(look).size;
  };
  for (const formula of document.querySelectorAll(".katex:not(.katex-display *)"))
    if (mute(formula) && even(formula) && !stays(formula))
      cuts.push(() => formula.replaceWith("x"));
  for (const part of document.querySelectorAll(".katex-base, math")) {
    const { width } = part.getBoundingClientRect();
    const cut = () => {
      part.style.cssText += `display: inline-block; width: ${width}px`;
      part.textContent = "x";
    };
    if (even(part)) cuts.push(cut);
  }
  for (const token of document.querySelectorAll("pre span, .sig :is(em, span), code span"))
    if (!stays(token) && mute(token) && even(token))
      cuts.push(() => token.replaceWith(token.textContent));
  for (const cut of cuts) cut();
}"""


@pytest.fixture(scope="session")
def axe() -> str:
    return (node_modules() / "axe-core" / "axe.min.js").read_text("utf-8")


def violations(page, axe) -> str:
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(axe)
    found = page.evaluate(
        """(tags) => axe
          .run(document, { runOnly: tags, resultTypes: ["violations"], selectors: false })
          .then(({ violations }) => violations.map(({ id, help, nodes }) => ({ id, help,
            where: nodes.slice(0, 4).map((n) => `${n.html}: ${n.failureSummary}`) })))""",
        TAGS,
    )
    return json.dumps(found, indent=1, ensure_ascii=False) if found else ""


def show(page, width, theme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")


def unfold(page):
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")


def thin(page):
    """Leave out what looks like its neighbour; the page begins dark."""
    for theme in ("dark", "light"):
        show(page, 1280, theme)
        page.evaluate(LOOK)
    page.evaluate(THIN)


def test_axe_finds_nothing(visit, axe, page_name, draw_all):
    page = visit(page_name, dark=True)
    unfold(page)
    thin(page)
    for width, theme in CONFIGURATIONS:
        show(page, width, theme)
        draw_all(page)
        found = violations(page, axe)
        assert not found, f"{width} px, {theme}: {found}"


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


def test_nothing_pale_is_left_out(visit, axe, lessons):
    page = visit(lessons[0], dark=True)
    page.evaluate(
        """() => {
          const [formula] = document.querySelectorAll(".katex .mord:not(:has(*))");
          const [token] = [...document.querySelectorAll("pre span:not(:has(*))")].slice(-1);
          for (const pale of [formula, token]) pale.style.color = "#ddd";
          formula.textContent = token.textContent = "pale";
        }"""
    )
    unfold(page)
    thin(page)
    found = violations(page, axe)
    assert "color-contrast" in found and found.count("#dddddd") >= 2, found
