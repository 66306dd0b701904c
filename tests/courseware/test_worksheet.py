"""Worksheets: entries that know their arithmetic, and what a page stores of them."""

import math
import re

import ipywidgets as widgets
import numpy as np
import pytest

from courseware import explore, show
from courseware.explorers import live, page
from courseware.explorers.controls import read_controls
from courseware.explorers.html import rich
from courseware.explorers.page import first, grid
from courseware.explorers.payload import decode, encode
from courseware.worksheets import (
    Entry,
    Matrix,
    Stage,
    Worksheet,
    dot,
    factor,
    given,
    normalise,
    number,
    product,
    total,
)
from courseware.worksheets.html import sheet_html, subscripts, table_html, tree

WORDS = {"caption": "Notice $x$.", "alt": "Two tables."}
RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 4)).round(1).tolist()
W = RNG.normal(size=(4, 2)).round(1).tolist()


def sheet(row=0, scale=1.0):
    """A norm, a product and a sum; both parameters move it."""
    x = given("x", "X", X, ["a", "b", "c"], [""] * 4, marked=row)
    w = given("w", "W_Q", [[scale * value for value in line] for line in W], [""] * 4, [""] * 2)
    m, z = normalise("m", "z", "Z", x, 1e-5, marked=row)
    q = product("q", "Q", z, w, row=row)
    added = Matrix("s", "s", [""], [""], [[total(q.cell(0, 0), x.cell(row, 1))]])
    return Worksheet(
        [
            Stage("Norm", "Each row minus its mean.", r"Z=\operatorname{N}(X)", [x, m, z]),
            Stage("Product", "Row times column.", "q=zW_Q", [w, q]),
            Stage("Sum", "Added.", "s=q+x", [added]),
        ]
    )


def value_of(text):
    """The arithmetic of an explanation, done by Python."""
    for written, python in (
        ("·", "*"), ("−", "-"), ("²", "**2"), ("√(", "sqrt("), ("e^(", "exp("), ("√2", "sqrt(2)"),
    ):  # fmt: skip
        text = text.replace(written, python)
    assert re.fullmatch(r"(sqrt|exp|max|[-+*/(),.\d ])+", text), text
    return eval(text, {"sqrt": math.sqrt, "exp": math.exp, "max": max})


def entries(worksheet):
    for matrix in worksheet.matrices.values():
        for row in matrix.entries:
            yield from row


@pytest.mark.parametrize("row", range(3))
def test_written_sums_give_the_numbers_shown(row):
    explained = [entry for entry in entries(sheet(row)) if entry.sum]
    assert len(explained) == 3 * 2 + 3 * 4 + 2 + 1
    for entry in explained:
        left, _, right = entry.sum.rpartition(" = ")
        assert value_of(left) == pytest.approx(entry.value, abs=5e-3), entry.sum
        assert value_of(right) == pytest.approx(entry.value, abs=5.1e-4), entry.sum


def test_the_numbers_are_right():
    worksheet = sheet(2)
    x = np.array(X)
    z = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
    for name, expected in (
        ("z", z),
        ("q", z[2:] @ W),
        ("s", [z[2] @ np.array(W)[:, :1] + x[2, 1]]),
    ):
        shown = [[entry.value for entry in row] for row in worksheet.matrices[name].entries]
        assert np.allclose(shown, expected, atol=1e-12), name


def test_sources_are_the_row_and_the_column():
    matrices = sheet(1).matrices
    assert matrices["q"].entries[0][1].sources == ("z/1/*", "w/*/1")
    assert matrices["q"].entries[0][1].how == "row b of Z · column 2 of W_Q"
    assert matrices["z"].entries[1][3].sources == ("x/1/3", "m/1/0", "m/1/1")
    assert matrices["m"].entries[1][1].sources == ("x/1/*", "m/1/0")
    assert matrices["s"].entries[0][0].sources == ("q/0/0", "x/1/1")


def test_numbers_as_they_are_written():
    written = [number(v, 2) for v in (1.234, -1.5, -0.001, 0.0, 123.456, -math.inf)]
    assert written == ["1.23", "−1.50", "0.00", "0.00", "123.5", "−∞"]
    assert [factor(v, 1) for v in (0.5, -0.5, -0.01)] == ["0.5", "(−0.5)", "0.0"]
    assert subscripts("W_Q") == "W<sub>Q</sub>" and subscripts("a<b") == "a&lt;b"


GRID = {"row": [("a", 0), ("b", 1), ("c", 2)], "scale": [1.0, 2.0, 3.0]}


def test_what_is_stored_is_what_draw_gives():
    controls = read_controls(sheet, GRID, None, None)
    states = grid(sheet, controls)
    stored = decode(encode(states))
    assert len(stored) == 9
    for i, state in enumerate(stored):
        drawn = tree(sheet(i // 3, 1.0 + i % 3), rich)
        assert state["stages"] == drawn["stages"]
    assert first(states, read_controls(sheet, GRID, None, {"row": 2, "scale": 2.0})) == states[7]


def test_what_several_states_share_is_stored_once():
    states = grid(sheet, read_controls(sheet, GRID, None, None))
    assert len(encode(states)) < 2.5 * len(encode(states[:1]))


@pytest.fixture
def published(monkeypatch):
    bundles = []
    monkeypatch.setenv("COURSEWARE_FRONT_END", "page")
    monkeypatch.setattr(page, "publish", bundles.append)
    return bundles


def test_the_page_shows_the_first_state_without_scripts(published):
    explore(sheet, **WORDS, **GRID, start={"row": 2})
    (bundle,) = published
    html = bundle["text/html"]
    assert "plotly" not in html and 'aria-hidden="true"></div>' not in html
    for matrix in sheet(2).matrices.values():
        assert table_html(matrix) in html
    assert table_html(sheet(0).matrices["q"]) not in html
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'aria-labelledby="([^"]+)"', html)) <= set(ids)


def test_a_worksheet_without_controls(published):
    show(sheet(), **WORDS)
    assert "courseware-sheet" in published[0]["text/html"]


def test_the_page_refuses(published):
    with pytest.raises(ValueError, match="control 'idle' changes nothing"):
        explore(lambda row, idle: sheet(row), **WORDS, row=[0, 1, 2], idle=(0, 1))

    def growing(row):
        return Worksheet(sheet().stages[: row + 1])

    with pytest.raises(ValueError, match="same stages with the same matrices"):
        explore(growing, **WORDS, row=[0, 1, 2])
    with pytest.raises(ValueError, match="draw\\(\\) got str; allowed: a plotly Figure or a Work"):
        explore(lambda row: "sheet", **WORDS, row=[0, 1, 2])


def test_live_every_move_shows_a_whole_sheet(monkeypatch):
    shown, made = [], {}
    monkeypatch.setenv("COURSEWARE_FRONT_END", "live")
    monkeypatch.setattr(live, "publish", shown.append)
    monkeypatch.setattr(live, "clear_output", lambda wait: shown.append("clear"))
    make = live._widget
    monkeypatch.setattr(live, "_widget", lambda c: made.setdefault(c.name, make(c)))
    explore(sheet, **WORDS, **GRID)
    assert isinstance(made["row"], widgets.Dropdown)
    made["row"].index = 1
    sheets = [b["text/html"] for b in shown if isinstance(b, dict) and "text/html" in b]
    assert len(sheets) == 2 and shown.count("clear") == 1
    for html, row in zip(sheets, (0, 1), strict=True):
        assert table_html(sheet(row).matrices["q"]) in html
        assert "<style>" in html and "coursewareSheets" in html and "--c-ink" in html
    keys = {re.search(r'id="(live-\w+-sheet)"', html)[1] for html in sheets}
    assert len(keys) == 1, "the script knows a sheet again by its id"
    assert all(set(b) == {"text/html"} for b in shown if isinstance(b, dict) and "text/html" in b)


ONE = given("x", "X", [[1.0]], ["a"], ["b"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Entry(None, "given"), "value is None; allowed: a number or a text"),
        (lambda: Entry(math.nan, "given"), "value is nan"),
        (lambda: Entry(1.0, " "), "how is ' '; say where 1.0 comes from"),
        (lambda: Entry(1.0, "given", "", ("x",)), "source is 'x'; allowed: matrix/row/column"),
        (lambda: Entry(1.0, "given", shade=2.0), "shade is 2.0; allowed: from 0 to 1"),
        (lambda: given("X y", "X", [[1]], ["a"], ["b"]), "name is 'X y'; allowed"),
        (lambda: given("x", "X", [[1, 2]], ["a"], ["b"]), r"rows of \[2\] entries for 1 names"),
        (lambda: given("x", "X", [], [], []), r"rows of \[\] entries"),
        (lambda: given("x", "X", [[1]], ["a"], ["b"], marked=1), "marked is 1; allowed: 0 to 0"),
        (lambda: Stage("", "Words.", "x", [ONE]), "a stage has no title"),
        (lambda: Stage("T", "Words.", "", [ONE]), "a stage has no formula"),
        (lambda: Stage("T", "Words.", "x", []), "stage 'T' has no matrix"),
        (lambda: Worksheet([]), "a worksheet has no stage"),
        (lambda: Worksheet([Stage("T", "W.", "x", [ONE, ONE])]), "two matrices are called 'x'"),
        (lambda: dot(ONE.row(0), sheet().matrices["x"].row(0)), "1 numbers, row a of X has 4"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("source", ["y/0/0", "x/1/0", "x/*/1"])
def test_a_source_that_does_not_exist(source):
    lost = Matrix("z", "z", ["a"], ["b"], [[Entry(1.0, "copied", "", (source,))]])
    with pytest.raises(ValueError, match="matrix 'z' names the source .*: no such cell"):
        Worksheet([Stage("T", "Words.", "x", [ONE, lost])])


def test_words_are_escaped():
    table = given("x", "<b>", [["<i>"]], ['"a"'], ["<th>"], how='say "so" & more')
    html = sheet_html(
        tree(Worksheet([Stage("T", "W.", "x", [table])]), lambda t, inline: t)["stages"], "k"
    )
    assert "<i>" not in html and "<b>" not in html.replace("</b>", "")
    assert 'data-how="say &quot;so&quot; &amp; more"' in html
