"""A page asks nobody, fits a phone, and axe-core finds nothing in it: WCAG 2.2 A and AA, best
practices; light and dark, wide and narrow."""

import json

import pytest
from contrast import CONTRAST

from courseware.typesetting.katex import node_modules

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONFIGURATIONS = [(390, "light"), (390, "dark"), (1280, "dark"), (1280, "light")]

# Formulas and code are nine tenths of a lesson's elements, and axe asks each of them what it asked
# its neighbour. A glyph is left out where it looks, in both themes, like one that stays, and where
# nothing but its look could be wrong with it. A displayed formula keeps its width: it may scroll.
# What plotly draws is left out where it has no role, name or focus: axe does not look at colours in
# an SVG (a test here says so), so another test measures the words of figures.
LOOK = """() => {
  const parts = ":has(> .katex), .katex, .katex *, pre, pre span, .sig, .sig *, code, code span";
  for (const part of document.querySelectorAll(parts)) {
    const { color, backgroundColor, opacity } = getComputedStyle(part);
    part.look = `${part.look ?? ""} ${color} ${backgroundColor} ${opacity}`;
  }
}"""
THIN = """() => {
  const still = (part) => ![...part.attributes].some(({ name }) =>
    /^(aria-(?!hidden)|role$|tabindex$|href$)/.test(name));
  const mute = (part) => still(part) && !part.id;
  const even = (part) =>
    [...part.querySelectorAll("*")].every((inner) => mute(inner) && inner.look === part.look);
  for (const drawing of document.querySelectorAll(".explorer-plot .main-svg"))
    if ([drawing, ...drawing.querySelectorAll("*")].every(still)) drawing.replaceChildren();
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
      part.textContent = "xx"; // of one letter alone axe would not say that it is too pale
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
        """async (tags) => {
          const options = { runOnly: tags, resultTypes: ["violations"], selectors: false };
          const { violations } = await axe.run(document, options);
          gc(); // of thousands of text ranges, which each later change of the page would adjust
          return violations.map(({ id, help, nodes }) => ({ id, help,
            where: nodes.slice(0, 4).map((n) => `${n.html}: ${n.failureSummary}`) }));
        }""",
        TAGS,
    )
    return json.dumps(found, indent=1, ensure_ascii=False) if found else ""


def show(page, theme):
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")


def unfold(page):
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    page.evaluate("document.querySelectorAll('.fold[hidden]').forEach((f) => (f.hidden = false))")


def thin(page):
    """Leave out what looks like its neighbour; the page begins dark."""
    for theme in ("dark", "light"):
        show(page, theme)
        page.evaluate(LOOK)
    page.evaluate(THIN)


def widen(page, width):
    """A new width of the window, and one frame, in which the page's own scripts learn of it."""
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


# How strong the weakest words are that figures paint, and of each colour that does not reach the
# least a figure and a word. A word in a heatmap stands on its cell, whose colour is computed as
# plotly does, and on its own outline.
WORDS = (
    """(least) => {%s
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--c-surface");
  const words = [...document.querySelectorAll(".main-svg :is(text, tspan)")].filter((part) =>
    [...part.childNodes].some((child) => child.nodeType === 3 && child.data.trim()) &&
    part.checkVisibility({ visibilityProperty: true }));
  const opacity = (part) =>
    part.matches("figure") ? 1 : getComputedStyle(part).opacity * opacity(part.parentElement);
  const cell = (label) => {
    const { colorscale, zmin, zmax } = label.closest(".hm").__data__[0].trace;
    const share = Math.min(1, Math.max(0, (label.__data__.z - zmin) / (zmax - zmin)));
    const next = Math.max(1, colorscale.findIndex(([place]) => place >= share));
    const [[low, from], [high, to]] = colorscale.slice(next - 1, next + 1);
    return [from, [to, (share - low) / (high - low)]];
  };
  const below = (word) => {
    const label = word.closest(".heatmap-label");
    const { paintOrder, stroke, strokeWidth } = getComputedStyle(word);
    const outlined = paintOrder.startsWith("stroke") && parseFloat(strokeWidth) >= 3;
    return [ground, ...(label ? cell(label) : []), ...(outlined ? [stroke] : [])];
  };
  const pale = {};
  let weakest = Infinity;
  for (const word of words) {
    const { fill, fillOpacity } = getComputedStyle(word);
    const strength = contrast(below(word), [[fill, fillOpacity * opacity(word)]]);
    weakest = Math.min(weakest, strength);
    if (strength < least)
      pale[fill] = `${word.closest("figure").id}: ${word.textContent}, ${strength.toFixed(2)}`;
  }
  return { count: words.length, weakest, pale };
}"""
    % CONTRAST
)


def words_are_strong(page):
    found = page.evaluate(WORDS, 4.5)
    assert found["pale"] == {}
    return found["count"]


STICKING_OUT = """() => [...document.querySelectorAll("body :not(svg *)")]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
  .filter((e) => !e.closest(".equation, pre, .katex"))
  .filter((e) => !e.closest(".pst-scrollable-table-container:not(:has(.prose))"))
  .filter((e) => !e.closest(".side, .visually-hidden"))
  .map((e) => `${e.tagName}.${e.className}: ${e.textContent.slice(0, 60)}`)"""


def test_asks_nobody_and_fits_a_phone(on_phone):
    """The fixture itself fails on a request to another origin, a complaint, a missing file."""
    page = on_phone
    page.wait_for_load_state("networkidle")
    figures = page.locator(".courseware-explorer:not(:has(.courseware-sheet))").count()
    assert page.locator(".courseware-explorer .main-svg").count() >= figures
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        for _ in range(40):  # figures follow a moment later
            if not (wider := page.evaluate(STICKING_OUT)):
                break
            page.wait_for_timeout(50)
        assert wider == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_words_in_figures_are_strong_in_the_dark(on_phone):
    words_are_strong(on_phone)


def test_words_in_figures_are_strong_in_the_light(on_desk):
    assert words_are_strong(on_desk) > 0


def test_axe_finds_nothing(on_phone, axe):
    unfold(on_phone)
    thin(on_phone)
    for width, theme in CONFIGURATIONS:
        widen(on_phone, width)
        show(on_phone, theme)
        found = violations(on_phone, axe)
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


def test_pale_words_in_figures_are_found_here_and_not_by_axe(visit, axe, draw_all):
    page = visit("index.html")
    draw_all(page)
    assert words_are_strong(page) > 0 and not violations(page, axe)
    page.evaluate(
        """() => {
          for (const word of document.querySelectorAll(".main-svg text")) word.style.fill = "#ddd";
        }"""
    )
    found = page.evaluate(WORDS, 4.5)
    assert found["weakest"] < 1.5 and list(found["pale"]) == ["rgb(221, 221, 221)"]
    assert not violations(page, axe), "axe sees words in drawings now: leave drawings in"


def test_nothing_pale_is_left_out(visit, axe, lessons):
    page = visit(lessons[0], dark=True)
    page.evaluate(
        """() => {
          const [formula] = document.querySelectorAll(".katex .mord:not(:has(*))");
          const [token] = [...document.querySelectorAll("pre span:not(:has(*))")].slice(-1);
          const whole = document.querySelector(".katex-display .katex-base");
          for (const pale of [formula, token, whole]) pale.style.color = "#ddd";
          formula.textContent = token.textContent = "pale";
        }"""
    )
    unfold(page)
    thin(page)
    found = violations(page, axe)
    assert "color-contrast" in found and found.count("#dddddd") >= 3, found
