"""Worksheets as a reader meets them: by mouse, keyboard and finger; and that they can be read."""

import re

import pytest
from contrast import CONTRAST

LIGHT_AND_DARK = [False, True]
TOUCH = 24  # pixels a target must measure, WCAG 2.2, 2.5.8


@pytest.fixture(scope="module")
def sheets(book, lessons) -> list[str]:
    """The lessons that have a worksheet."""
    found = [n for n in lessons if 'class="courseware-sheet' in (book / n).read_text("utf-8")]
    if not found:
        pytest.fail("no lesson of this book has a worksheet", pytrace=False)
    return found


def chosen(page):
    """Address, matrix, row and column of the entry whose story is told; and the story."""
    return page.evaluate(
        """() => {
             const sheet = document.querySelector(".courseware-sheet");
             const entry = sheet.querySelector(".is-chosen");
             const names = (all) => [...all].map((e) => e.closest("table").dataset.matrix);
             return { matrix: entry && names([entry])[0], text: entry?.textContent,
               from: entry?.dataset.from ?? "",
               sources: names(sheet.querySelectorAll(".is-source")),
               panel: sheet.querySelector(".sheet-panel").innerText };
           }"""
    )


def entry(page, matrix, row, column):
    rows = page.locator(f".courseware-sheet [data-matrix={matrix}] tbody tr").nth(row)
    return rows.locator("button").nth(column)


def written(panel):
    """The sum in the panel, done by Python, and what stands right of its last equals sign."""
    line = next(line for line in panel.splitlines() if " = " in line)
    left, _, right = line.rpartition(" = ")
    python = left.replace("·", "*").replace("−", "-")
    assert re.fullmatch(r"[-+*().\d ]+", python), line
    return eval(python), float(right.replace("−", "-"))


def test_pointing_shows_row_times_column(visit, sheets, draw_all):
    page = visit(sheets[0])
    draw_all(page)
    target = entry(page, "q", 4, 1)
    target.scroll_into_view_if_needed()
    target.hover()
    told = chosen(page)
    assert told["matrix"] == "q" and told["from"] == "z/4/* wq/*/1"
    assert told["sources"].count("z") == told["sources"].count("wq") == 4
    assert "row 5 the of Z · column 2 of WQ" in told["panel"].replace("\n", "")
    by_python, shown = written(told["panel"])
    assert abs(by_python - shown) < 5e-3
    assert f"{shown:.2f}".replace("-", "−") == told["text"]
    # The marked cells are the row and the column themselves, by more than a colour.
    row = page.locator("[data-matrix=z] tbody tr").nth(4).locator("button")
    assert all("is-source" in b.get_attribute("class") for b in row.all())
    assert row.first.evaluate("(b) => getComputedStyle(b).boxShadow") != "none"


def test_keyboard_reaches_every_matrix_and_every_number(visit, sheets, draw_all):
    page = visit(sheets[0])
    draw_all(page)
    matrices = page.locator(".courseware-sheet .sheet-matrix")
    names = matrices.evaluate_all("(all) => all.map((m) => m.dataset.matrix)")
    entry(page, names[0], 0, 0).focus()
    for name in names[1:]:
        page.keyboard.press("Tab")
        told = chosen(page)
        assert told["matrix"] == name
        assert len(told["panel"].split()) > 4
    entry(page, "z", 0, 0).focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "End", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.from") == "x/1/3 m/1/0 m/1/1"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert page.locator(".sheet-panel[role=status]").count() == 1
    # The entry in focus is never hidden under the panel.
    for name in names:
        page.locator(f"[data-matrix={name}] button[tabindex='0']").focus()
        assert page.evaluate(
            """() => {
                 const box = document.activeElement.getBoundingClientRect();
                 const panel = document.querySelector(".sheet-panel").getBoundingClientRect();
                 return box.bottom <= panel.top + 1 || box.top >= panel.bottom;
               }"""
        ), name


def test_every_number_says_where_it_comes_from(visit, sheets, draw_all):
    page = visit(sheets[0])
    draw_all(page)
    silent = page.evaluate(
        """() => {
             const sheet = document.querySelector(".courseware-sheet");
             const silent = [];
             for (const button of sheet.querySelectorAll(".sheet-matrix button")) {
               button.focus();
               const told = sheet.querySelectorAll(".is-source").length;
               const how = sheet.querySelector(".sheet-how")?.textContent ?? "";
               if (!how || (button.dataset.from && !told)) silent.push(button.outerHTML);
             }
             return silent;
           }"""
    )
    assert silent == []


def test_tapping_on_a_phone(browser, server, sheets, draw_all):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{server}/{sheets[0]}")
    draw_all(page)
    target = entry(page, "s", 0, 2)
    target.scroll_into_view_if_needed()
    target.tap()
    told = chosen(page)
    assert told["matrix"] == "s" and set(told["sources"]) == {"q", "k"}
    by_python, shown = written(told["panel"])
    assert abs(by_python - shown) < 5e-3
    panel = page.locator(".sheet-panel").bounding_box()
    assert 0 < panel["y"] and panel["y"] + panel["height"] <= 845, "the panel must be in sight"
    sizes = page.locator(".sheet-matrix button").evaluate_all(
        "(all) => all.map((b) => Math.min(b.offsetWidth, b.offsetHeight))"
    )
    assert min(sizes) >= TOUCH
    context.close()


def test_what_is_chosen_stays_chosen_when_a_control_moves(visit, sheets, draw_all):
    page = visit(sheets[0])
    draw_all(page)
    entry(page, "s", 2, 2).focus()
    before = chosen(page)
    figure = page.locator(".courseware-explorer:has(.courseware-sheet)")
    figure.locator("select[data-control=head]").select_option(index=1)
    page.wait_for_function(
        "(text) => document.querySelector('.is-chosen')?.textContent !== text", arg=before["text"]
    )
    after = chosen(page)
    assert after["matrix"] == "s" and after["panel"] != before["panel"]
    assert after["text"] in after["panel"]


def test_each_control_moves_what_it_should(visit, sheets, draw_all):
    """The temperature touches the last stages only, the head nothing before its own weights."""
    page = visit(sheets[0])
    draw_all(page)
    moved = page.evaluate(
        """async () => {
             const figure = document.querySelector(".courseware-explorer:has(.courseware-sheet)");
             const read = () => Object.fromEntries([...figure.querySelectorAll(".sheet-matrix")]
               .map((m) => [m.dataset.matrix, m.tBodies[0].innerText]));
             const start = figure.courseware.state();
             const moved = {};
             for (const input of figure.querySelectorAll("[data-control]")) {
               const name = input.dataset.control, before = read();
               const drawn = () => new Promise((done) =>
                 figure.addEventListener("courseware:drawn", done, { once: true }));
               let wait = drawn();
               figure.courseware.set(name, 1); // none of them starts at its second option
               await wait;
               const after = read();
               moved[name] = Object.keys(before).filter((m) => before[m] !== after[m]);
               wait = drawn();
               figure.courseware.set(name, start[name]);
               await wait;
             }
             return moved;
           }"""
    )
    assert set(moved) == {"layer", "head", "position", "temperature"}
    assert set(moved["temperature"]) <= {"n", "w"} and "n" in moved["temperature"]
    assert {"wq", "q", "s", "o", "w1", "y"} <= set(moved["layer"])
    assert {"wq", "q", "k", "v", "s", "o"} <= set(moved["head"])
    assert not {"x", "z", "a", "f", "n"} & set(moved["head"])
    assert {"s", "o", "a", "y", "z2", "n"} <= set(moved["position"])
    assert not {"x", "q", "k", "w1"} & set(moved["position"])


WEAKEST = (
    """() => {%s
  const ground = (e) => getComputedStyle(e).backgroundColor;
  const grounds = (e) => (e ? [...grounds(e.parentElement), ground(e)] : []);
  return Math.min(...[...document.querySelectorAll(
    ".sheet-matrix button, .sheet-matrix :is(th, caption), .sheet-panel p, .sheet-head span")]
    .filter((e) => e.textContent.trim() && e.offsetHeight > 1 && !e.closest(".katex"))
    .map((e) => contrast(grounds(e), [getComputedStyle(e).color])));
}"""
    % CONTRAST
)


@pytest.mark.parametrize("dark", LIGHT_AND_DARK, ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_colours_are_strong_enough(visit, sheets, draw_all, dark, width):
    """AA wants 4.5 for text: numbers, shaded, marked and chosen ones too."""
    page = visit(sheets[0], width=width, dark=dark)
    draw_all(page)
    entry(page, "s", 2, 2).focus()  # its sources are marked, itself is chosen and shaded
    assert page.evaluate(WEAKEST) >= 4.5
    page.evaluate(
        "document.querySelector('.sheet-panel').style.color = 'rgb(120, 120, 120)';"
        "document.querySelector('.sheet-which').style.color = 'rgb(120, 120, 120)'"
    )
    assert page.evaluate(WEAKEST) < 4.5, "the measure must be able to fail"


def test_without_scripts_the_first_screen_is_there(browser, server, sheets):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server}/{sheets[0]}")
    assert page.locator(".sheet-matrix button:visible").count() > 200
    context.close()


def test_the_live_sheet_needs_nothing_of_the_page(browser):
    """What a notebook shows: one piece of HTML, in an empty document."""
    from courseware.worksheets import Stage, Worksheet, given, product
    from courseware.worksheets.live import live_html

    a = given("a", "A", [[1.0, 2.0]], ["r"], ["", ""])
    b = given("b", "B", [[3.0], [0.5]], ["", ""], [""])
    sheet = Worksheet(
        [Stage("Product", "Row times column.", "AB", [a, b, product("c", "C", a, b)])]
    )
    page = browser.new_page()
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_content(f"<!doctype html><body>{live_html(sheet, 'live-1')}</body>")
    page.locator("[data-matrix=c] button").hover()
    assert "1.0·3.0 + 2.0·0.5 = 4.000" in page.locator(".sheet-panel").inner_text()
    assert page.locator(".is-source").count() == 4
    page.evaluate("(html) => (document.body.innerHTML = html)", live_html(sheet, "live-1"))
    page.evaluate("window.coursewareSheets.restore('live-1-sheet')")  # as its own script does
    assert page.locator(".is-chosen").inner_text() == "4.00"
    assert complaints == []
    page.close()
