"""One look for every figure: a plotly template, a palette, and a few shapes that lessons repeat.

Figures carry no title; the caption of :func:`courseware.explore` or :func:`courseware.show` does.
Colours come from ``palette.json`` only: the published page maps each of them to its
counterpart on a dark ground.
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
from plotly.subplots import make_subplots

from courseware.figures.bare import refuse_bare_figures
from courseware.front_end import front_end

HERE = Path(__file__).parent
EXPLORER = HERE.parent / "explorers" / "explorer.js"
THEMES: dict[str, dict[str, str]] = json.loads((HERE / "palette.json").read_text("utf-8"))
_LIGHT = THEMES["light"]

BLUE, ORANGE, GREEN = _LIGHT["blue"], _LIGHT["orange"], _LIGHT["green"]
RED, PURPLE, CYAN = _LIGHT["red"], _LIGHT["purple"], _LIGHT["cyan"]
INK, MUTED, GRID = _LIGHT["ink"], _LIGHT["muted"], _LIGHT["grid"]
SURFACE, ACCENT = _LIGHT["surface"], _LIGHT["accent"]
PALETTE = [BLUE, ORANGE, GREEN, RED, PURPLE, CYAN]
CLEAR = "rgba(0,0,0,0)"
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
HEIGHT = 360
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def _mix(start: str, end: str, share: float) -> str:
    pairs = zip(bytes.fromhex(start[1:]), bytes.fromhex(end[1:]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _scale(*stops: tuple[float, str]) -> list[list]:
    return [[position, colour] for position, colour in stops]


def _scales(colours: Mapping[str, str]) -> tuple[list, list]:
    """From the ground to the accent, and from orange over the ground to the accent."""
    ground, blue, orange = colours["surface"], colours["blue"], colours["orange"]
    rise = [round(0.04 + 0.96 * i / 6, 3) for i in range(7)]
    sequential = _scale(*((i / 6, _mix(ground, blue, share)) for i, share in enumerate(rise)))
    half = [0.95, 0.6, 0.28]
    diverging = _scale(
        *((i / 6, _mix(ground, orange, share)) for i, share in enumerate(half)),
        (0.5, _mix(ground, colours["muted"], 0.06)),
        *((1 - i / 6, _mix(ground, blue, share)) for i, share in reversed(list(enumerate(half)))),
    )
    return sequential, diverging


SEQUENTIAL, DIVERGING = _scales(_LIGHT)


def dark_colours() -> dict[str, str]:
    """Every colour a figure may carry, with its counterpart on a dark ground."""
    pairs = {_LIGHT[name]: THEMES["dark"][name] for name in _LIGHT}
    for light, dark in zip(_scales(_LIGHT), _scales(THEMES["dark"]), strict=True):
        pairs.update({a: b for (_, a), (_, b) in zip(light, dark, strict=True)})
    return pairs


_KNOWN = set(dark_colours())
_COLOUR = re.compile(
    r"#[0-9a-fA-F]{6}\b|^#[0-9a-fA-F]{3,8}$|rgba?\((?P<rgb>[\d ]+,[\d ]+,[\d ]+)(,[\d. ]+)?\)"
)


def template() -> go.layout.Template:
    """The template "courseware": restrained axes, no zoom by dragging, room for labels."""
    axis = dict(
        color=MUTED, gridcolor=GRID, gridwidth=1, linecolor=MUTED, zerolinecolor=GRID,
        zerolinewidth=1, showline=False, automargin=True,
        ticks="outside", ticklen=5, tickcolor=CLEAR, fixedrange=True,
        ticklabeloverflow="allow",
        tickfont=dict(size=12), title=dict(font=dict(size=13, color=INK), standoff=8),
    )  # fmt: skip
    bar = dict(
        thickness=10, outlinewidth=0, ticks="", tickfont=dict(size=12, color=MUTED),
        title=dict(font=dict(size=12, color=INK)), len=0.9,
    )  # fmt: skip
    layout = go.Layout(
        font=dict(family=FONT, size=13, color=INK),
        colorway=PALETTE,
        colorscale=dict(sequential=SEQUENTIAL, diverging=DIVERGING),
        coloraxis=dict(colorbar=bar),
        paper_bgcolor=SURFACE,
        plot_bgcolor=CLEAR,
        height=HEIGHT,
        margin=dict(l=44, r=16, t=20, b=32),
        xaxis=dict(axis, showgrid=False),
        yaxis=axis,
        legend=dict(
            orientation="h", x=0, y=1.02, xanchor="left", yanchor="bottom",
            font=dict(size=12), bgcolor=CLEAR, itemclick=False, itemdoubleclick=False,
        ),
        hoverlabel=dict(bgcolor=SURFACE, bordercolor=GRID, font=dict(size=12, color=INK)),
        annotationdefaults=dict(font=dict(size=12, color=INK), showarrow=False),
        shapedefaults=dict(line=dict(color=MUTED, width=1)),
        bargap=0.25,
        dragmode=False,
    )  # fmt: skip
    return go.layout.Template(
        layout=layout,
        data=dict(
            bar=[dict(marker=dict(line=dict(width=0)))],
            heatmap=[dict(colorscale=SEQUENTIAL, colorbar=bar, xgap=1, ygap=1)],
            scatter=[dict(line=dict(width=2.25), marker=dict(size=7))],
        ),
    )


def fade(colour: str, opacity: float) -> str:
    """A palette colour made see-through, for fills and bands."""
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity is {opacity!r}; allowed: 0 to 1")
    r, g, b = bytes.fromhex(colour[1:])
    return f"rgba({r},{g},{b},{opacity:g})"


def check_colours(node, path: str = "figure") -> None:
    """Raise unless every literal colour in the figure tree is the palette's."""
    if isinstance(node, str) and (literal := _foreign(node)):
        raise ValueError(
            f"{path} is the colour {literal!r}, which has no counterpart on a dark ground; "
            "allowed: the colours and scales of courseware.figures, and fade(colour, opacity)"
        )
    if isinstance(node, dict):
        inner = ((f".{key}", value) for key, value in node.items())
    else:
        inner = ((f"[{i}]", value) for i, value in enumerate(node)) if type(node) is list else ()
    for step, value in inner:
        if isinstance(value, (dict, list, str)):
            check_colours(value, path + step)


@functools.cache
def _foreign(text: str) -> str | None:
    """The first literal colour in ``text`` that is none of the palette's."""
    for literal in _COLOUR.finditer(text):
        parts = literal["rgb"].split(",") if literal["rgb"] else []
        opaque = "#" + "".join(f"{int(p):02x}" for p in parts) if parts else literal[0].lower()
        if opaque not in _KNOWN and literal[0].replace(" ", "") != CLEAR:
            return literal[0]
    return None


def bars(
    x: Sequence, y: Sequence, *, color: str | Sequence[str] = BLUE, name: str | None = None,
    x_title: str | None = None, y_title: str | None = None, y_range: Sequence | None = None,
    values: str | None = None,
) -> go.Figure:  # fmt: skip
    """Bars ``y`` over labels ``x``; ``values=".2f"`` prints each height above its bar.

    In an explorer give ``y_range``: bars that move inside a fixed axis can be compared by eye.
    """
    bar = go.Bar(
        x=list(x), y=np.asarray(y), marker=dict(color=color), name=name,
        texttemplate=f"%{{y:{values}}}" if values else None,
        textposition="outside" if values else None,
        cliponaxis=False,
        hovertemplate="%{x}: %{y:.4g}<extra></extra>",
    )  # fmt: skip
    xaxis = dict(title=dict(text=x_title))
    return go.Figure(bar, dict(xaxis=xaxis, yaxis=dict(title=dict(text=y_title), range=y_range)))


def heatmap(
    z, x: Sequence | None = None, y: Sequence | None = None, *, values: str | None = None,
    z_range: Sequence[float] | None = None, diverging: bool = False, scale: bool = True,
    x_title: str | None = None, y_title: str | None = None, z_title: str | None = None,
) -> go.Figure:  # fmt: skip
    """Matrix ``z`` with row 0 on top; ``values=".2f"`` prints every entry.

    ``diverging`` centres the colours on zero; ``z_range`` fixes them, which an explorer should do.
    """
    z = np.asarray(z, dtype=float)
    if z.ndim != 2:
        raise ValueError(f"z has shape {z.shape}; allowed: a matrix (rows, columns)")
    if z_range is None and diverging:
        peak = float(np.nanmax(np.abs(z))) or 1.0
        z_range = (-peak, peak)
    low, high = z_range if z_range is not None else (None, None)
    cells = go.Heatmap(
        z=z, x=_names(x, z.shape[1]), y=_names(y, z.shape[0]), zmin=low, zmax=high,
        colorscale=DIVERGING if diverging else SEQUENTIAL, showscale=scale,
        colorbar=dict(title=dict(text=z_title)) if z_title else None,
        texttemplate=f"%{{z:{values}}}" if values else None,
        hovertemplate="%{y} → %{x}: %{z:.4g}<extra></extra>",
    )  # fmt: skip
    axis = dict(type="category", showgrid=False)
    layout = dict(
        xaxis=dict(axis, title=dict(text=x_title)),
        yaxis=dict(axis, title=dict(text=y_title), autorange="reversed"),
    )
    return go.Figure(cells, layout)


def _names(labels: Sequence | None, count: int) -> list[str]:
    labels = range(count) if labels is None else labels
    if len(labels) != count:
        raise ValueError(f"{len(labels)} labels for {count} rows or columns")
    names: list[str] = []
    for label in map(str, labels):
        # A sentence may hold a word twice; invisible spaces keep its two columns apart.
        while label in names:
            label += "\u200b"
        names.append(label)
    return names


def lines(
    x: Sequence, series: Mapping[str, Sequence], *, colors: Sequence[str] | None = None,
    mode: str = "lines", x_title: str | None = None, y_title: str | None = None,
    y_range: Sequence | None = None, log_x: bool = False, log_y: bool = False,
) -> go.Figure:  # fmt: skip
    """Named curves over ``x``; each has its own dash too, so colour alone carries no meaning."""
    colors = colors or PALETTE
    curves = [
        go.Scatter(
            x=np.asarray(x), y=np.asarray(y), name=name, mode=mode,
            line=dict(color=colors[i % len(colors)], dash=DASHES[i % len(DASHES)]),
            hovertemplate="%{x:.4g}: %{y:.4g}<extra>%{fullData.name}</extra>",
        )
        for i, (name, y) in enumerate(series.items())
    ]  # fmt: skip
    xaxis = dict(title=dict(text=x_title), type="log" if log_x else None)
    yaxis = dict(title=dict(text=y_title), type="log" if log_y else None, range=y_range)
    return go.Figure(curves, dict(xaxis=xaxis, yaxis=yaxis, showlegend=len(series) > 1))


def panels(columns: int, titles: Sequence[str] = (), rows: int = 1, **options) -> go.Figure:
    """An empty row (or grid) of axes side by side; fill with ``figure.add_…(…, row=1, col=2)``."""
    options = {"horizontal_spacing": 0.3 / columns / 2 + 0.04, **options}
    figure = make_subplots(rows=rows, cols=columns, subplot_titles=list(titles) or None, **options)
    figure.update_annotations(font=dict(size=13, color=INK))
    return figure.update_layout(margin_t=32 if titles else None)


pio.templates["courseware"] = template()
pio.templates.default = "courseware"
if front_end() != "live":
    refuse_bare_figures()


def stamp() -> None:
    """Write the theme into ``explorer.js``: the page draws with the same template and palette."""
    EXPLORER.write_text(themed(EXPLORER.read_text("utf-8")), "utf-8")


def themed(script: str) -> str:
    """``explorer.js`` with the theme of this module; on the page the ground is the page's own."""
    look = template().to_plotly_json()
    look["layout"]["paper_bgcolor"] = CLEAR
    theme = json.dumps({"dark": dark_colours(), "template": look}, separators=(",", ":"))
    return re.sub(r"const THEME = .*;", lambda _: f"const THEME = {theme};", script)
