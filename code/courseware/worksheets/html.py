"""HTML of a worksheet: each stage once, for the page and for the live front end alike.

A number is a button in a real table. ``data-how``, ``data-sum`` and ``data-from`` carry where it
comes from; ``worksheet.js`` shows that and marks the cells it came from.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from html import escape

from courseware.worksheets.worksheet import Entry, Matrix, Stage, Worksheet, number

HINT = (
    "Point at a number, tap it, or reach it with Tab and the arrow keys: "
    "here stands where it comes from."
)


def tree(sheet: Worksheet, rich: Callable[..., str]) -> dict:
    """The worksheet as a state of an explorer: what every state shares is stored once."""
    return {
        "data": [],
        "layout": {},
        "stages": [
            {
                "head": head_html(stage, number, rich),
                "tables": [{"html": table_html(matrix)} for matrix in stage.matrices],
            }
            for number, stage in enumerate(sheet.stages, 1)
        ],
    }


def sheet_html(stages: Sequence[dict], key: str) -> str:
    """The whole sheet from the stages of :func:`tree`; ``key`` makes its ids unique."""
    rows = [f'<div class="courseware-sheet explorer-plot" id="{key}-sheet">']
    rows.append('<div class="sheet-stages">')
    for i, stage in enumerate(stages):
        tables = "".join(
            f'<div class="sheet-table">{table["html"]}</div>' for table in stage["tables"]
        )
        rows.append(
            f'<div class="sheet-stage" role="group" aria-labelledby="{key}-{i}">'
            f'<div class="sheet-head" id="{key}-{i}">{stage["head"]}</div>'
            f'<div class="sheet-tables">{tables}</div></div>'
        )
    rows.append(f'</div><div class="sheet-panel" role="status"><p>{HINT}</p></div></div>')
    return "\n".join(rows)


def head_html(stage: Stage, place: int, rich: Callable[..., str]) -> str:
    """Number, title, formula and the sentence."""
    return _head(place, stage.title, stage.formula, stage.words, rich)


@lru_cache(maxsize=256)
def _head(place: int, title: str, formula: str, words: str, rich: Callable[..., str]) -> str:
    return (
        f'<span class="sheet-title"><span class="sheet-number">{place}</span> '
        f"{rich(title, inline=True)}</span> "
        f'<span class="sheet-formula">{rich(f"${formula}$", inline=True)}</span> '
        f'<span class="sheet-words">{rich(words, inline=True)}</span>'
    )


@lru_cache(maxsize=4096)
def table_html(matrix: Matrix) -> str:
    """A table whose entries are buttons, with names for rows and columns."""
    single = len(matrix.rows) == 1 and not matrix.rows[0]  # the symbol then names its only row
    sides = [matrix.symbol] if single else list(matrix.rows)
    named = any(sides)
    if any(matrix.columns):
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in matrix.columns)
    else:
        head = "".join(f'<th scope="col">{j}</th>' for j in range(1, len(matrix.columns) + 1))
    classes = ["sheet-matrix"]
    classes += ["is-bare"] * matrix.bare + ["is-single"] * single
    classes += ["is-counted"] * (not any(matrix.columns))
    rows = "".join(
        f"<tr{' class=is-followed' if i == matrix.marked else ''}>"
        + (f'<th scope="row">{subscripts(side)}</th>' if named else "")
        + "".join(_entry(entry, matrix) for entry in row)
        + "</tr>"
        for i, (side, row) in enumerate(zip(sides, matrix.entries, strict=True))
    )
    return (
        f'<table class="{" ".join(classes)}" data-matrix="{matrix.name}">'
        f"<caption>{subscripts(matrix.symbol)}</caption>"
        f"<thead><tr>{'<td></td>' if named else ''}{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _entry(entry: Entry, matrix: Matrix) -> str:
    text = entry.value if isinstance(entry.value, str) else number(entry.value, matrix.places)
    rest = f' data-sum="{escape(entry.sum)}"' if entry.sum else ""
    if entry.sources:
        rest += f' data-from="{" ".join(entry.sources)}"'
    if entry.shade:
        rest += f' style="--shade:{round(100 * entry.shade)}%"'
    return (
        f'<td><button type="button" tabindex="-1" data-how="{escape(entry.how)}"{rest}>'
        f"{escape(text)}</button></td>"
    )


def subscripts(symbol: str) -> str:
    """``W_Q`` as HTML, with its index below the line."""
    main, _, index = symbol.partition("_")
    below, _, rest = index.partition(" ")
    return escape(main) + (f"<sub>{escape(below)}</sub>" if below else "") + escape(
        f" {rest}" if rest else ""
    )  # fmt: skip
