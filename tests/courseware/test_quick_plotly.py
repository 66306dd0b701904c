"""Plotly in a hurry makes the same figures, and refuses what it refused."""

import datetime
import subprocess
import sys

import numpy as np
import plotly.graph_objects as go
import pytest

from courseware import figures
from courseware.explorers.quick_plotly import hurry


def gallery() -> list[str]:
    """Figures of every kind of data and every way to name a property, and two refusals."""
    days = [datetime.date(2026, 1, day) for day in (1, 2)]
    made = [
        figures.panels(2, ["left", "right"], rows=2).add_bar(
            x=["a", "b"], y=(1, 2.5), row=2, col=1
        ),
        figures.lines(np.arange(3), {"up": [0, 1, 2], "down": (2.0, np.nan, 0.0)}, x_title="x"),
        go.Figure(go.Heatmap(z=np.eye(2, dtype=np.float32), text=[["a", ""], ["b", "c"]])),
        go.Figure([go.Scatter(x=days, y=[1, None], error_x_array=[1, 2], marker_size=[3, 4])]),
        go.Figure([dict(type="bar", y=[0, 1, 2], marker=dict(color=["#111", "#222", "#333"]))]),
    ]
    made[1].update_layout(xaxis_title_text="t", yaxis={"range": [0, 1]}, margin_l=3, title="whole")
    made[1].update_traces(line_width=1).add_vline(x=1, line_dash="dot").add_annotation(text="here")
    found = [figure.to_json() for figure in made]
    kept = np.zeros(2)
    figure = go.Figure(go.Scatter(x=[kept, "a"], y=kept, customdata=[[1, {"key": [2]}]]))
    copied = figure.data[0].to_plotly_json()
    figure.data[0].y[:] = kept[:] = 7
    figure.data[0].customdata[0][1]["key"].append(3)
    found.append(str(copied))
    for options in ({"xaxis_tilte": "?"}, {"margin_l": "wide"}):
        with pytest.raises(ValueError) as refusal:
            go.Figure().update_layout(**options)
        found.append(str(refusal.value))
    return found


def test_same_figures_same_refusals():
    code = "from test_quick_plotly import gallery; print(gallery())"
    unhurried = subprocess.run(
        [sys.executable, "-c", code], cwd=__file__.rpartition("/")[0], check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    hurry()
    hurry()
    assert f"{gallery()}\n" == unhurried.stdout
