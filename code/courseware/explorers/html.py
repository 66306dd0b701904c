"""HTML of an explorer: real inputs with labels, the figure's place, its caption, its states."""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape

from courseware import folds
from courseware.explorers.controls import Control
from courseware.worksheets.html import sheet_html

STATES = "application/x-courseware-states"


def explorer_html(
    data: bytes, controls: Sequence[Control], *, caption: str, alt: str, title: str | None,
    finding: str | None = None, bundle: str = "", height: int = 0,
    sheet: Sequence[dict] | None = None,
) -> str:  # fmt: skip
    """One ``<figure>``; its id is a hash of its content, so equal builds give equal pages.

    ``bundle`` and ``height`` are what plotly.js needs; ``sheet`` is a worksheet's first state,
    which needs neither.
    """
    moves = [[c.name, c.texts, c.start] for c in controls]
    described = json.dumps([caption, alt, finding, title, moves])
    key = f"explorer-{hashlib.sha256(data + described.encode()).hexdigest()[:10]}"
    words = escape(alt, quote=True)
    plot = f'data-plotly-bundle="{bundle}" style="--plot-height:{height}px"'
    rows = [
        f'<figure class="courseware-explorer" id="{key}" role="figure" aria-label="{words}"'
        f"{'' if sheet else ' ' + plot}>"
    ]
    if title:
        rows.append(f'<p class="explorer-title">{rich(title, inline=True)}</p>')
    if controls:
        rows += ['<div class="explorer-controls">', *(_row(key, c) for c in controls), "</div>"]
    if controls and not sheet:  # a worksheet has a status of its own
        rows.append('<p class="explorer-status" role="status"></p>')
    rows += [
        *([sheet_html(sheet, key)] if sheet else _plot(words)),
        f'<script type="{STATES}">{base64.b64encode(data).decode()}</script>',
        f"<figcaption>{rich(caption)}{_finding(key, finding)}</figcaption>",
        "</figure>",
    ]
    return "\n".join(rows)


def _plot(words: str) -> list[str]:
    """The figure's place, and the words that fill it on paper and where no script draws."""
    plot = '<div class="explorer-plot" aria-hidden="true"></div>'
    return [plot, f'<p class="explorer-words">The figure in words: {words}</p>']


def _finding(key: str, finding: str | None) -> str:
    """The conclusion, folded until a control has moved or the reader asks for it."""
    if finding is None:
        return ""
    fold = folds.begin(f"{key}-finding", "What to find", "finding-text")
    return f'\n<div class="finding">{fold}{rich(f"**Finding.** {finding}")}{folds.END}</div>'


def _row(key: str, control: Control) -> str:
    name, text = f"{key}-{control.name}", escape(control.texts[control.start], quote=True)
    label = f'<label for="{name}">{rich(control.label, inline=True)}</label>'
    common = f'id="{name}" data-control="{escape(control.name)}" autocomplete="off"'
    texts = escape(json.dumps(control.texts, ensure_ascii=False), quote=True)
    if control.kind == "checkbox":
        on = " checked" if control.values[control.start] else ""
        backwards = ' data-first="on"' if control.values[0] else ""
        box = f'<input type="checkbox" {common}{backwards}{on}>'
        return f'<div class="explorer-control is-checkbox">{box}{label}</div>'
    if control.kind == "slider":
        room = f"--longest:{max(map(len, control.texts))}"
        return (
            f'<div class="explorer-control is-slider">{label}'
            f'<input type="range" {common} min="0" max="{len(control.values) - 1}" step="1" '
            f'value="{control.start}" aria-valuetext="{text}" data-texts="{texts}">'
            f'<output for="{name}" aria-live="off" style="{room}">{text}</output></div>'
        )
    options = "".join(
        f'<option value="{i}"{" selected" if i == control.start else ""}>{escape(t)}</option>'
        for i, t in enumerate(control.texts)
    )
    select = f"<select {common}>{options}</select>"
    return f'<div class="explorer-control is-select">{label}{select}</div>'


def rich(markdown: str, inline: bool = False) -> str:
    """Markdown with mathematics as HTML."""
    try:
        from courseware.typesetting.text import to_html
    except ImportError:  # the book's renderer is not installed: plain words are better than none
        return escape(markdown)
    return to_html(markdown, inline=inline)
