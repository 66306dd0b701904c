"""The field in which a reader of the page answers an exercise by hand.

`numbers.js` reads what is typed, `answers.js` judges it by the numbers of `by_hand.py`. These are
packed, so that the answer does not lie open in the page's text.
"""

import base64
import json
import math
from html import escape
from typing import Any

from courseware.exercises.by_hand import HandExercise, margin
from courseware.typesetting.text import to_html


def to_page(entry: HandExercise) -> str:
    """HTML of the field, the same in every build."""
    name = f"answer-{entry.name.replace('.', '-')}"
    asked = _choices(entry, name) if entry.choices else _field(entry, name)
    # The button is off until the script turns it on, so that Enter does not send the form anywhere.
    return f"""<form class="cw-answer" id="{name}" data-answer="{pack(entry)}">
<fieldset>
{asked}
</fieldset>
<div class="cw-answer-reply" role="status"></div>
</form>"""


def pack(entry: HandExercise) -> str:
    """What the script needs to judge an answer, as base64 of JSON."""
    data = {
        "parts": _judged(entry, entry.parts),
        "hints": [
            {
                "parts": _judged(entry, slip.parts),
                "places": slip.places,
                "text": to_html(slip.text, inline=True),
            }
            for slip in entry.slips
        ],
        "noun": entry.noun,
    }
    if entry.unit:
        data["unit"] = entry.unit
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(text.encode()).decode()


def _judged(entry: HandExercise, parts: tuple) -> list[Any]:
    """A text as it is, a number as [value, margin]; JSON has no infinity, so its name stands in."""
    return [
        part
        if isinstance(part, str)
        else ["Infinity" if part > 0 else "-Infinity", 0]
        if math.isinf(part)
        else [float(part), margin(part, entry.tolerance)]
        for part in parts
    ]


def _button() -> str:
    return '<button type="submit" class="cw-answer-check" disabled>Check answer</button>'


def _field(entry: HandExercise, name: str) -> str:
    unit = f'<span class="cw-answer-unit" id="{name}-unit">{escape(entry.unit)}</span>\n'
    described = f"{name}-unit {name}-how" if entry.unit else f"{name}-how"
    return f"""<legend class="visually-hidden">Exercise {entry.name}</legend>
<label for="{name}-typed">{to_html(entry.label, inline=True)}</label>
<div class="cw-answer-row">
<input id="{name}-typed" type="text" autocomplete="off" autocapitalize="off" spellcheck="false" \
aria-describedby="{described}">
{unit if entry.unit else ""}{_button()}
</div>
<p class="cw-answer-how" id="{name}-how">{_how(entry)}</p>"""


def _how(entry: HandExercise) -> str:
    """What can be typed, in a line."""
    if all(isinstance(part, str) for part in entry.parts):
        return "Upper and lower case count the same."
    if len(entry.parts) == 1:
        return "A number; 3/4, 2^-3 or sqrt(2) will do."
    return f"{len(entry.parts)} {entry.noun[1]} with spaces between them; 3/4 or sqrt(2) will do."


def _choices(entry: HandExercise, name: str) -> str:
    rows = "\n".join(
        f'<label class="cw-answer-choice"><input type="radio" name="{name}" value="{escape(key)}">'
        f'<span class="cw-answer-key">{escape(key)}</span> '
        f"<span>{to_html(text, inline=True)}</span></label>"
        for key, text in entry.choices.items()
    )
    return f"""<legend><span class="visually-hidden">Exercise {entry.name}: </span>\
{to_html(entry.label, inline=True)}</legend>
{rows}
{_button()}"""
