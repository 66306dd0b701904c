"""The page front end: every state drawn when the page is built, one block of static HTML."""

import gc
import itertools
import math
from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from courseware import figures
from courseware.explorers.controls import Control
from courseware.explorers.html import explorer_html, rich
from courseware.explorers.payload import encode
from courseware.explorers.quick_plotly import hurry
from courseware.explorers.showable import figure_of
from courseware.explorers.states import plain
from courseware.front_end import publish
from courseware.worksheets import Worksheet
from courseware.worksheets.html import tree as sheet_tree

MOST_STATES = 4000
MOST_BYTES = 60_000
# The smallest plotly.js bundle that has a trace type; all else needs the full one.
BASIC = {"scatter", "bar", "pie"}
CARTESIAN = BASIC | {
    "box", "contour", "heatmap", "histogram", "histogram2d", "histogram2dcontour", "image",
    "scatterternary", "violin",
}  # fmt: skip


def publish_page(draw: Callable, controls: Sequence[Control], **words: str | None) -> None:
    """Publish the explorer, with its ``words``, as the single MIME type ``text/html``."""
    states = grid(draw, controls)
    data = within_budget(encode(states), controls)
    kind = (
        dict(sheet=first(states, controls)["stages"])
        if "stages" in states[0]
        else dict(bundle=bundle(states), height=height(states))
    )
    html = explorer_html(data, controls, **words, **kind)
    publish({"text/html": html})


def first(states: Sequence[dict], controls: Sequence[Control]) -> dict:
    """The state that the controls name before anybody moves them."""
    index = 0
    for control in controls:
        index = index * len(control.values) + control.start
    return states[index]


def grid(draw: Callable, controls: Sequence[Control]) -> list[dict]:
    """Trees of all states, figures or worksheets, the last control running fastest."""
    count = math.prod(len(control.values) for control in controls)
    if count > MOST_STATES:
        sizes = " × ".join(f"{c.name}: {len(c.values)}" for c in controls)
        raise ValueError(
            f"{count} states ({sizes}), allowed: {MOST_STATES}; take larger steps, "
            "fewer options, or split the explorer in two"
        )
    names = [control.name for control in controls]
    hurry()
    gc.freeze()  # what is there now stays: no need to look through it again and again
    try:
        states = [
            _state(draw, dict(zip(names, values, strict=True)))
            for values in itertools.product(*(control.values for control in controls))
        ]
    finally:
        gc.unfreeze()
    _check_traces(states)
    _check_stages(states)
    _check_moves(states, controls)
    return states


def _state(draw: Callable, values: dict) -> dict:
    drawn = figure_of(draw(**values), "draw()" if values else "show()")
    return sheet_tree(drawn, rich) if isinstance(drawn, Worksheet) else tree(drawn)


def tree(figure: go.Figure) -> dict:
    """The figure without its template, which the page holds once."""
    layout = figure.layout.to_plotly_json()
    layout.pop("template", None)
    # Trace by trace: the whole figure's JSON would encode every array, to be decoded here.
    out = plain({"data": [trace.to_plotly_json() for trace in figure.data], "layout": layout})
    for trace in out["data"]:
        if trace.get("type", "scatter") == "scatter" and isinstance(trace.get("text"), list):
            # plotly.js drops the element of an empty label, and redraws lose its neighbour's.
            trace["text"] = [text or " " for text in trace["text"]]
    figures.check_colours(out)
    return out


def _check_traces(states: list[dict]) -> None:
    kinds = [[trace.get("type", "scatter") for trace in state["data"]] for state in states]
    for kind in kinds:
        if kind != kinds[0]:
            raise ValueError(
                f"draw() returned traces {kind} in one state and {kinds[0]} in another; return the "
                "same traces in every state and hide one with visible=False"
            )


def _check_stages(states: list[dict]) -> None:
    counts = [[len(stage["tables"]) for stage in state.get("stages", ())] for state in states]
    for count in counts:
        if count != counts[0]:
            raise ValueError(
                f"draw() returned stages of {count} matrices in one state and of {counts[0]} in "
                "another; return the same stages with the same matrices in every state"
            )


def _check_moves(states: list[dict], controls: Sequence[Control]) -> None:
    prints = [repr(_print(state)) for state in states]
    stride = len(states)
    for control in controls:
        count = len(control.values)
        stride //= count
        same = all(
            prints[i] == prints[i - (i // stride % count) * stride] for i in range(len(prints))
        )
        if same:
            raise ValueError(f"control {control.name!r} changes nothing in the figure: drop it")


def _print(node):
    if isinstance(node, dict):
        return [(key, _print(value)) for key, value in sorted(node.items())]
    if isinstance(node, list):
        return [_print(value) for value in node]
    return node.tobytes() if hasattr(node, "tobytes") else node


def within_budget(data: bytes, controls: Sequence[Control]) -> bytes:
    """``data``, if it is small enough to travel with the page."""
    if len(data) > MOST_BYTES:
        sizes = ", ".join(f"{c.name}: {len(c.values)}" for c in controls) or "no controls"
        raise ValueError(
            f"explorer takes {len(data):,} bytes ({sizes}), allowed: {MOST_BYTES:,}; take larger "
            "steps, draw fewer points, or round the data (short decimals store best)"
        )
    return data


def bundle(states: Sequence[dict]) -> str:
    """Name of the smallest plotly.js bundle that can draw these figures."""
    kinds = {trace.get("type", "scatter") for trace in states[0]["data"]}
    return "basic" if kinds <= BASIC else "cartesian" if kinds <= CARTESIAN else "full"


def height(states: Sequence[dict]) -> int:
    """Pixels to reserve, so that nothing moves when the figure arrives."""
    heights = {state["layout"].get("height", figures.HEIGHT) for state in states}
    if len(heights) > 1:
        raise ValueError(f"figure heights differ between states: {sorted(heights)}; use one")
    return int(heights.pop())
