"""Findings and long proofs fold: on a small book, by mouse, keyboard, link, search and printer."""

import contextlib

import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from small_book import PAGE, build, notebook

from courseware import explore, figures, show
from courseware.explorers import page as page_front_end
from courseware.typesetting.katex import node_modules

STEP = "Every step of a long proof is a paragraph of its own and says what it does to $x$. " * 4
ONE = "These are words of a proof that stays whole whatever its length. " * 12
PROSE = rf"""# 7.1 A lesson

> **Question.** Why?

By (7.1.2) the end comes.

> **Theorem 7.1.1 (long).** Then $a = b$.
>
> *Proof.* The idea is one sentence.
>
> {STEP}
>
> {STEP}
> $$ a = b. \tag{{7.1.2}} $$
>
> Nothing is left but this unusual haystack. ∎

> **Lemma 7.1.2 (short).** Then $a = b$.
>
> *Proof.* The idea.
>
> The step. ∎

> **Lemma 7.1.3 (of one paragraph).** Then $a = b$.
>
> *Proof.* {ONE} ∎

> *Proof of Theorem 7.1.1, again.* The idea carries on into
> $$ c = d, $$
> which ends it here.
>
> {STEP}
>
> {STEP} ∎
"""
REFUSED = (
    "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no'); } })"
)


def bars(a, on):
    figure = figures.bars(["left", "right"], [a, 2 - a], y_range=[0, 2])
    figure.add_annotation(
        text=f"the left is <b>{a:.1f}</b><br>of 2<sup>1</sup>",
        x=0, y=1, xref="paper", yref="paper", yanchor="bottom",
    )  # fmt: skip
    return figure.add_annotation(text="on" if on else "off", x=0, y=1)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Address of a page with two explorers, a plain figure, and proofs of every kind."""
    outputs = []
    words = dict(caption="Watch $a$.", alt="Two bars.")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSEWARE_FRONT_END", "page")
        patch.setattr(page_front_end, "publish", outputs.append)
        controls = dict(a=(0.0, 2.0, 0.5), on=False)
        explore(bars, **words, finding="The left rises with $a$.", **controls)
        explore(bars, **words, **controls, start={"a": 1.0})
        show(figures.bars(["x"], [1]), **words, finding="It stands.")
    shown = [
        new_code_cell("...", outputs=[new_output("display_data", data=data)]) for data in outputs
    ]
    folder = tmp_path_factory.mktemp("folds")
    assert build(folder, notebook([new_markdown_cell(PROSE), *shown])) == ""
    return (folder / "out" / "html" / PAGE).as_uri()


@pytest.fixture(scope="module")
def html(small):
    from urllib.request import urlopen

    with urlopen(small) as file:
        return BeautifulSoup(file.read(), "html.parser")


@pytest.fixture
def visit(browser, small):
    """`visit(…)` opens the page; options are the browser's, `script` runs before the page's own."""
    with contextlib.ExitStack() as stack:

        def open_page(anchor="", script=None, **options):
            options = {"viewport": {"width": 1280, "height": 800}, **options}
            context = stack.enter_context(browser.new_context(**options))
            page = context.new_page()
            page.set_default_timeout(60_000)
            if script:
                page.add_init_script(script)
            page.goto(small + anchor)
            return page

        yield open_page


SEEN = """(all) => all.map((e) => e.checkVisibility({ visibilityProperty: true })
  && e.getBoundingClientRect().height > 0)"""
INSIDE = ".fold > :last-child"  # a fold itself takes part in the layout even while it is shut


def seen(page, selector) -> list[bool]:
    return page.locator(selector).evaluate_all(SEEN)


def buttons(page, selector=".fold-button"):
    return page.locator(selector).evaluate_all("(all) => all.map((b) => b.ariaExpanded)")


# --- What the page holds -----------------------------------------------------------------------


def test_only_long_proofs_fold_and_their_idea_stays(html):
    proofs = html.select(".box.proof")
    assert [len(proof.select(".proof-rest")) for proof in proofs] == [1, 0, 0, 1]
    first, again = proofs[0], proofs[3]
    assert [p.text for p in first.find_all("p", recursive=False)] == [
        "Proof. The idea is one sentence."
    ]
    assert first.select_one("button").text == "ShowHide the proof of Theorem 7.1.1"
    assert first.select_one(".proof-rest #equation-7-1-2")
    # A sentence that goes on through a formula stays whole.
    kept = again.find_all(["p", "div"], recursive=False)
    assert kept[2].text.strip() == "which ends it here." and "proof-rest" in kept[3]["class"]


def test_formulas_count_as_a_word_each():
    from docutils import nodes

    from courseware.book.proofs import LONG, folded, idea, words

    long = nodes.paragraph("", "word " * 100)
    long += [nodes.math("", "a + b + c") for _ in range(LONG - 103)]
    short = [nodes.paragraph("", "The idea — two."), long]
    assert words(short[0]) == 3 and sum(map(words, short)) == LONG
    assert folded(short, "key") == short
    long += nodes.math("", "x")
    assert len(folded(short, "key")[1].children) == 1
    formula = nodes.math_block("", r"\begin{aligned} a &= b. \end{aligned} \tag{1.1.1}")
    blocks = [nodes.paragraph("", "It is"), formula, nodes.paragraph("", "Then.")]
    assert idea(blocks) == 2
    assert idea([nodes.paragraph("", "In steps:"), nodes.bullet_list(), long]) == 1


def test_the_switch_stands_only_where_a_proof_folds(small, html):
    assert html.select_one(".tools .proofs-button").text == "Proofs: open all"
    from urllib.request import urlopen

    with urlopen(small.replace(PAGE, "index.html")) as file:
        assert b"proofs-button" not in file.read()


def test_a_finding_stands_below_its_caption(html):
    figures = html.select("figure")
    assert [len(figure.select("figcaption > .finding")) for figure in figures] == [1, 0, 1]
    finding = figures[0].select_one(".finding")
    assert finding.select_one("button").text == "What to find"
    assert finding.select_one("strong").text == "Finding." and finding.select(".katex")
    assert figures[0].find_all(recursive=False)[-1].name == "figcaption"


# --- Findings ----------------------------------------------------------------------------------


def test_a_finding_opens_when_a_control_of_its_explorer_has_moved(visit):
    page = visit()
    sliders = page.locator("input[type=range]")
    assert seen(page, f".finding {INSIDE}") == [False, False]
    sliders.nth(1).press("ArrowRight")  # the other explorer's
    assert seen(page, f".finding {INSIDE}") == [False, False]
    sliders.nth(0).focus()
    page.keyboard.press("ArrowRight")
    assert seen(page, f".finding {INSIDE}") == [True, False]
    assert buttons(page, ".finding button") == ["true", "false"]
    # From now on it is the reader's: it stays, or stays shut.
    page.keyboard.press("ArrowRight")
    assert buttons(page, ".finding button") == ["true", "false"]
    page.locator(".finding button").first.click()
    sliders.nth(0).press("ArrowLeft")
    assert seen(page, f".finding {INSIDE}") == [False, False]
    page.reload()
    page.locator("input[type=checkbox]").first.press("Space")
    assert seen(page, f".finding {INSIDE}") == [True, False]


def test_a_finding_opens_by_its_button_and_is_folded_again_on_reload(visit):
    page = visit()
    page.get_by_role("button", name="What to find").nth(1).focus()
    page.keyboard.press("Enter")
    assert seen(page, f".finding {INSIDE}") == [False, True]
    assert buttons(page, ".finding button") == ["false", "true"]
    page.keyboard.press("Space")
    assert seen(page, f".finding {INSIDE}") == [False, False]
    page.keyboard.press("Enter")
    page.reload()
    assert seen(page, f".finding {INSIDE}") == [False, False]


@pytest.mark.parametrize("width", [390, 1280])
def test_the_control_in_hand_does_not_jump(visit, width):
    page = visit(viewport={"width": width, "height": 800})
    slider = page.locator("input[type=range]").first
    slider.scroll_into_view_if_needed()
    figure = "document.querySelector('figure')"
    page.evaluate(f"{figure}.courseware.ready()")
    page.evaluate(f"{figure}.scrollIntoView()")
    place, caption = slider.bounding_box(), page.locator("figcaption").first
    below = caption.bounding_box()["height"]
    page.mouse.move(place["x"] + 10, place["y"] + place["height"] / 2)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] - 15, place["y"] + place["height"] / 2, steps=4)
    assert seen(page, f".finding {INSIDE}")[0] is False  # nothing moves while the hand does
    page.mouse.up()
    assert seen(page, f".finding {INSIDE}")[0] is True
    assert caption.bounding_box()["height"] > below + 15
    assert slider.bounding_box() == place


# --- Proofs ------------------------------------------------------------------------------------


def test_a_proof_opens_and_shuts_by_keyboard(visit):
    page = visit()
    assert seen(page, f".proof {INSIDE}") == [False, False]
    button = page.get_by_role("button", name="Show the proof of Theorem 7.1.1")
    button.focus()
    page.keyboard.press("Enter")
    assert seen(page, f".proof {INSIDE}") == [True, False]
    page.get_by_role("button", name="Hide the proof of Theorem 7.1.1").press("Space")
    assert seen(page, f".proof {INSIDE}") == [False, False]


def test_one_switch_opens_all_proofs_and_is_remembered(visit):
    page = visit()
    switch = page.get_by_role("button", name="Proofs: open all")
    for pressed in (True, False):
        switch.focus()
        page.keyboard.press("Enter")
        for _ in range(2):
            assert switch.get_attribute("aria-pressed") == str(pressed).lower()
            assert seen(page, f".proof {INSIDE}") == [pressed] * 2
            assert buttons(page, ".proof > button") == [str(pressed).lower()] * 2
            assert seen(page, f".finding {INSIDE}") == [False] * 2
            page.reload()
    switch.click()
    page.get_by_role("button", name="Hide the proof of").click()  # one may be shut all the same
    assert seen(page, f".proof {INSIDE}") == [False, True]


def test_the_switch_keeps_what_is_being_read_in_its_place(visit):
    page = visit()
    read = page.locator("figcaption").first
    page.evaluate("document.querySelector('figcaption').scrollIntoView()")
    before, height = read.bounding_box(), page.evaluate("document.body.scrollHeight")
    switch = page.get_by_role("button", name="Proofs: open all").bounding_box()
    for opened in (True, False):
        page.mouse.click(switch["x"] + 9, switch["y"] + 9)  # click() would scroll the page itself
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        assert abs(read.bounding_box()["y"] - before["y"]) <= 2
        assert (page.evaluate("document.body.scrollHeight") > height + 200) is opened


def test_a_link_into_a_folded_proof_opens_it(visit):
    page = visit()
    page.get_by_role("link", name="(7.1.2)").click()
    assert seen(page, f".proof {INSIDE}") == [True, False]
    assert buttons(page, ".proof > button") == ["true", "false"]
    assert page.locator("#equation-7-1-2").evaluate(
        "(e) => e.getBoundingClientRect().bottom < innerHeight"
    )
    page = visit("#equation-7-1-2")
    assert buttons(page, ".proof > button") == ["true", "false"]
    assert page.locator("#equation-7-1-2").evaluate(
        "(e) => e.getBoundingClientRect().bottom < innerHeight"
    )


def test_the_browsers_own_search_opens_a_proof(visit):
    page = visit("#:~:text=unusual%20haystack")  # found by the same means as by Ctrl+F
    page.wait_for_function("document.querySelector('.proof > button').ariaExpanded === 'true'")
    assert seen(page, f".proof {INSIDE}") == [True, False]


# --- Both --------------------------------------------------------------------------------------


def test_all_is_open_without_scripts(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("figcaption p", has_text="The left rises").is_visible()
    assert page.locator(".proof p", has_text="haystack").is_visible()
    for button in page.locator(".fold-button, .proofs-button").all():
        assert not button.is_visible()


def test_all_is_open_on_paper(visit):
    page = visit()
    page.emulate_media(media="print")
    assert seen(page, INSIDE) == [True] * 4
    assert seen(page, ".fold-button") == [False] * 4
    page.emulate_media(media="screen")
    assert seen(page, INSIDE) == [False] * 4


def test_works_where_storage_is_refused(visit):
    page = visit(script=REFUSED)
    page.get_by_role("button", name="Proofs: open all").click()
    assert seen(page, f".proof {INSIDE}") == [True] * 2
    page.locator("input[type=range]").first.press("ArrowRight")
    assert seen(page, INSIDE) == [True] * 3 + [False]


@pytest.mark.parametrize("proofs", ["folded", "open"])
def test_nothing_shifts_when_the_page_arrives(visit, proofs):
    page = visit(
        script=f"""localStorage.setItem("proofs", "{proofs}"); window.shift = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((e) => (shift += e.value)))
          .observe({{ type: "layout-shift", buffered: true }});"""
    )
    page.evaluate("document.querySelector('figure').courseware.ready()")
    page.wait_for_timeout(200)
    assert seen(page, f".proof {INSIDE}") == [proofs == "open"] * 2
    assert page.evaluate("shift") < 0.01


AXE = """async (tags) => {
  const { violations } = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html)}`);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_folded_and_open(visit, scheme):
    page = visit(color_scheme=scheme)
    page.evaluate((node_modules() / "axe-core" / "axe.min.js").read_text("utf-8"))
    page.evaluate("document.querySelector('figure').courseware.ready()")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(AXE, tags) == []
        for button in page.locator(".fold-button").all():
            button.click()
        assert page.evaluate(AXE, tags) == []


# --- What the figure says ----------------------------------------------------------------------


def test_the_status_says_what_a_move_has_changed_over_the_figure(visit):
    page = visit()
    figure = page.locator("figure").first
    status = figure.locator("[role=status]")
    figure.evaluate("(f) => f.courseware.ready()")
    page.wait_for_timeout(700)
    assert status.text_content() == ""  # nobody has moved anything
    figure.locator("input[type=checkbox]").press("Space")
    page.wait_for_timeout(700)
    assert status.text_content() == ""  # a mark inside the figure is not its heading
    said = page.evaluate_handle(
        """() => {
          const said = [], status = document.querySelector("figure [role=status]");
          new MutationObserver(() => said.push(status.textContent))
            .observe(status, { childList: true, subtree: true, characterData: true });
          return said;
        }"""
    )
    slider = figure.locator("input[type=range]")
    for _ in range(3):
        slider.press("ArrowRight")
    page.wait_for_function("document.querySelector('figure [role=status]').textContent")
    page.wait_for_timeout(700)
    assert said.json_value() == ["the left is 1.5, of 2^1"]  # once, when the hand rests
    assert not seen(page, "[role=status]")[0] or status.bounding_box()["width"] <= 1
