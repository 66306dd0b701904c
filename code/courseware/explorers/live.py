"""The live front end: ipywidgets' core controls, an Output, and the figure displayed in it.

``FigureWidget`` needs a custom widget manager in Colab; core controls and Output work everywhere,
with ipywidgets 7.7 as with 8.
"""

import hashlib
import html
import time
from collections.abc import Callable, Sequence

import ipywidgets as widgets
from IPython.display import clear_output, display

from courseware.explorers.controls import Control
from courseware.explorers.showable import figure_of
from courseware.front_end import publish
from courseware.worksheets import Worksheet
from courseware.worksheets.live import live_html

SLOW = 0.15  # seconds a draw may take to follow the slider while it moves
WIDGET = "application/vnd.jupyter.widget-view+json"


def publish_live(
    draw: Callable, controls: Sequence[Control], *, caption: str, alt: str, title: str | None,
    finding: str | None = None,
) -> dict[str, widgets.Widget]:  # fmt: skip
    """Display the controls, the figure, the caption and what it hides; redraw at every move.

    Returns the controls' widgets by name.
    """
    if title:
        publish({"text/markdown": f"**{title}**"})
    key = f"live-{hashlib.sha256(repr([caption, alt, title]).encode()).hexdigest()[:10]}"
    inputs = {}
    if controls:
        inputs = _publish_controls(draw, controls, key)
    else:
        _display(figure_of(draw(), "show()"), key)
    hidden = [_folded("Figure in words", html.escape(alt))]
    if finding is not None:
        # Blank lines around it: only then do Jupyter and Colab read the inside as Markdown.
        hidden.insert(0, _folded("What to find", f"\n\n**Finding.** {finding}\n\n"))
    publish({"text/markdown": "\n\n".join([caption, *hidden])})
    return inputs


def _display(drawn, key: str) -> None:
    """A figure as plotly shows it, a worksheet as HTML."""
    if isinstance(drawn, Worksheet):
        publish({"text/html": live_html(drawn, key)})
    else:
        display(drawn)


def _publish_controls(draw: Callable, controls: Sequence[Control], key: str) -> dict:
    inputs = {control.name: _widget(control) for control in controls}
    output = widgets.Output()

    def values() -> dict:
        return {
            control.name: control.values[_position(inputs[control.name], control)]
            for control in controls
        }

    def redraw(change) -> None:
        with output:
            figure = figure_of(draw(**values()), "draw()")
            clear_output(wait=True)
            _display(figure, key)

    started = time.perf_counter()
    # Outside the Output, which would swallow an error, and without clearing what the cell printed.
    figure = figure_of(draw(**values()), "draw()")
    box = widgets.VBox([widgets.VBox(list(inputs.values())), output])
    publish({WIDGET: {"version_major": 2, "version_minor": 0, "model_id": box.model_id}})
    with output:
        _display(figure, key)
    slow = time.perf_counter() - started > SLOW
    for control in controls:
        if control.kind == "slider":
            inputs[control.name].continuous_update = not slow
        inputs[control.name].observe(redraw, names="value")
    return inputs


def _widget(control: Control) -> widgets.Widget:
    style = {"description_width": "initial"}
    layout = widgets.Layout(width="min(32rem, 100%)")
    if control.kind == "checkbox":
        on = bool(control.values[control.start])
        return widgets.Checkbox(value=on, description=control.label, indent=False)
    kind = widgets.SelectionSlider if control.kind == "slider" else widgets.Dropdown
    # The widget's value is a position: options may be arrays, or equal each other.
    options = [(text, i) for i, text in enumerate(control.texts)]
    return kind(
        options=options, value=control.start, description=control.label, style=style, layout=layout
    )


def _position(widget: widgets.Widget, control: Control) -> int:
    return control.index(bool(widget.value)) if control.kind == "checkbox" else widget.value


def _folded(summary: str, inside: str) -> str:
    return f"<details><summary>{summary}</summary>{inside}</details>"
