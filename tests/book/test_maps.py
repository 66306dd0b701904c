"""The map on a page: where it opens, that its parts lead to lessons, that its words can be read."""

import pytest
from bs4 import BeautifulSoup
from contrast import CONTRAST
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from small_book import PAGE, build, notebook

from courseware.figures.map import LIT, machine_html
from courseware.figures.map.parts import GROUPS

OPENING = """# 7.1 A lesson

> **Question.** Why?

**You will be able to** prove · see.

**Needs** nothing. **5 minutes.**
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A book of one lesson, 7.1, with a map of its own; 7.1 is treated by no part, 4.2 by one."""
    drawn = machine_html(("positions",)).replace("lesson:7.3", "lesson:7.1")
    cell = new_code_cell(
        "figures.machine()",
        metadata={"tags": ["map", "hide-input"]},
        outputs=[new_output("display_data", {"text/html": drawn})],
    )
    folder = tmp_path_factory.mktemp("maps")
    cells = [new_markdown_cell(OPENING), cell, new_markdown_cell("Text.")]
    assert build(folder, notebook(cells)) == ""
    return lambda page: BeautifulSoup((folder / "out" / "html" / page).read_text(), "html.parser")


def test_a_lessons_map_stands_before_its_outcomes(small):
    page = small(PAGE)
    place = page.select_one("article section > .map")
    assert place.select_one("figure.machine svg [data-part=positions].lit")
    assert "question" in place.find_previous_sibling("div")["class"]
    assert "outcomes" in place.find_next_sibling("div")["class"]
    assert "figures.machine" not in page.text and not page.select(".tag_map")


def test_a_chapters_map_stands_below_its_title(small):
    page = small("chapters/07-test/index.html")
    assert page.select_one("article h1 + .map [data-part=positions].lit")


def test_only_lessons_of_the_book_are_linked(small):
    assert [a["href"] for a in small(PAGE).select(".machine a")] == ["#"]
    chapter = small("chapters/07-test/index.html").select_one(".machine")
    assert not chapter.select("a") and "lesson:" not in str(chapter)


# --- The book itself ---


@pytest.fixture(scope="session")
def mapped(book) -> list[str]:
    """Every page with a map: at least the front page and the chapters."""
    pages = [path.relative_to(book).as_posix() for path in sorted(book.rglob("*.html"))]
    found = [page for page in pages if '<figure class="machine' in (book / page).read_text("utf-8")]
    chapters = [page for page in pages if page.startswith("chapters/") and "/index." in page]
    assert {"index.html", *chapters} <= set(found)
    return found


def test_every_link_of_every_map_lands(mapped, soup, book):
    for page in mapped:
        links = soup(page).select(".machine a")
        assert links, page
        for link in links:
            target = book / page if link["href"] == "#" else (book / page).parent / link["href"]
            number = link["aria-label"].rsplit(" ", 1)[1]
            assert target.resolve().is_file(), (page, link["href"])
            title = soup(target.resolve().relative_to(book.resolve()).as_posix()).h1
            assert title.text.startswith(f"{number} "), (page, link["href"])


def test_pages_light_what_the_table_says(mapped, soup):
    for page in mapped:
        drawing = soup(page).select_one(".map .machine")
        if drawing is None:  # the front page shows the machine as a whole
            assert page == "index.html"
            continue
        names = LIT[soup(page).select_one("h1 .number").text]
        wanted = {part for name in names for part in GROUPS.get(name, (name,))}
        drawn = {element["data-part"] for element in drawing.select("[data-part]")}
        lit = {element["data-part"] for element in drawing.select("[data-part].lit")}
        assert lit == wanted & drawn != set(), page


def test_the_front_page_leads_into_every_chapter(soup):
    """Of those that treat a part of a decoder: the fifth, say, treats a choice of its sizes."""
    links = soup("index.html").select(".machine a")
    chapters = {link["href"].split("/")[1][:2] for link in links}
    assert {"01", "02", "03", "04"} <= chapters


SEEN = """() => [...document.querySelectorAll(".machine svg")]
  .filter((svg) => svg.checkVisibility()).map((svg) => svg.getAttribute("class"))"""
LEAST = """() => Math.min(...[...document.querySelectorAll(".machine svg text")]
  .filter((text) => text.checkVisibility())
  .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))"""


@pytest.mark.parametrize(("width", "shape"), [(320, "narrow"), (390, "narrow"), (1280, "wide")])
def test_one_drawing_is_shown_and_its_words_are_large_enough(visit, width, shape):
    page = visit("index.html", width=width)
    assert page.evaluate(SEEN) == [shape]
    assert page.evaluate(LEAST) >= (11 if width >= 390 else 10)


CHAPTER = "chapters/04-self-attention-mathematics/index.html"


@pytest.mark.parametrize("width", [320, 390, 720, 992, 1240, 1920])
def test_a_page_opens_with_title_and_map(visit, width):
    page = visit(CHAPTER, width=width)
    assert page.query_selector("h1").bounding_box()["y"] < 200
    box = page.query_selector(".map svg").bounding_box()
    assert box["y"] + box["height"] < 800 and box["x"] + box["width"] <= width
    if width >= 390:
        assert page.evaluate(LEAST) >= 11


WORDS = (
    """() => {%s
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--c-surface");
  const probe = document.createElement("p");
  const below = (text) => {
    const box = text.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const bricks = [...text.ownerSVGElement.querySelectorAll(".f, .o")].filter((brick) => {
      const b = brick.getBoundingClientRect();
      return b.x <= x && x <= b.right && b.y <= y && y <= b.bottom;
    });
    return [ground, ...bricks.map((brick) => getComputedStyle(brick).fill)];
  };
  return [...document.querySelectorAll(".machine svg text")]
    .filter((text) => text.checkVisibility())
    .map((text) => [contrast(below(text), [getComputedStyle(text).fill]), text.textContent])
    .filter(([strength]) => strength < 4.5);
}"""
    % CONTRAST
)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["index.html", CHAPTER])
def test_words_are_strong_by_day_and_night(visit, name, dark):
    page = visit(name, dark=dark)
    assert page.evaluate(WORDS) == []


def test_words_can_be_selected(visit):
    page = visit("index.html")
    word = page.locator(".machine .wide text", has_text="tokenizer")
    word.scroll_into_view_if_needed()
    word.evaluate("(text) => getSelection().selectAllChildren(text)")
    assert page.evaluate("getSelection().toString()") == "tokenizer"


def test_a_part_is_reached_and_opened_by_keyboard(visit):
    page = visit("index.html")
    link = page.get_by_role("link", name="Scores: lesson 4.2")
    link.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    outline = link.evaluate("(a) => getComputedStyle(a).outlineStyle")
    assert link.evaluate("(a) => a === document.activeElement") and outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/02-scaled-dot-product-attention.html")
