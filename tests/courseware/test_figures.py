"""The figures' look: contrast, colour-blind safety, one theme for Python and the page."""

import itertools
import json
import re
import subprocess
import sys

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import pytest

from courseware import figures
from courseware.explorers.page import tree
from courseware.figures.theme import EXPLORER

DATA = ("blue", "orange", "green", "red", "purple", "cyan")
# Machado, Oliveira & Fernandes 2009, https://doi.org/10.1109/TVCG.2009.113, severity 1, linear RGB.
SEEN = {
    "all": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
LMS = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
       [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
LAB = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
       [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip


def linear(colour):
    values = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    low, high = sorted(linear(c) @ [0.2126, 0.7152, 0.0722] for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def oklab(colour, seen):
    rgb = np.clip(np.asarray(seen) @ linear(colour), 0, 1)
    return np.asarray(LAB) @ np.cbrt(np.asarray(LMS) @ rgb)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_against_the_ground(theme):
    colours = figures.THEMES[theme]
    for name in DATA:
        assert contrast(colours[name], colours["surface"]) >= 3, name
    for name in ("ink", "muted", "accent"):
        assert contrast(colours[name], colours["surface"]) >= 4.5, name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eyes", SEEN)
def test_colours_stay_apart_for_all_eyes(theme, eyes):
    for a, b in itertools.combinations(DATA, 2):
        first, second = (oklab(figures.THEMES[theme][c], SEEN[eyes]) for c in (a, b))
        assert np.linalg.norm(first - second) > 0.055, (a, b)


@pytest.mark.parametrize("scale", [figures.SEQUENTIAL, figures.DIVERGING])
def test_scales_rise_evenly_in_lightness(scale):
    light = [oklab(colour, np.eye(3))[0] for _, colour in scale]
    middle = int(np.argmax(light))
    assert (np.diff(light[: middle + 1]) > 0).all() and (np.diff(light[middle:]) < 0).all()
    assert scale[0][0] == 0 and scale[-1][0] == 1


def test_every_shade_of_a_scale_carries_a_number():
    """plotly writes in white on what it calls dark, else in grey; explorer.css mends both."""
    style = EXPLORER.with_suffix(".css").read_text("utf-8")
    outline = int(re.search(r"heatmap-label[^}]*stroke: rgb\(0 0 0 / (\d+)%\)", style)[1]) / 100
    assert re.search(r'heatmap-label text\[style\*="rgb\(68, 68, 68\)"\] {\s*fill: #000', style)
    dark = figures.dark_colours()
    for light in (figures.SEQUENTIAL, figures.DIVERGING):
        for scale in (light, [[at, dark[colour]] for at, colour in light]):
            places, colours = zip(*scale, strict=True)
            ends = np.array([list(bytes.fromhex(colour[1:])) for colour in colours])
            for z in np.linspace(0, 1, 201):
                cell = np.array([np.interp(z, places, channel) for channel in ends.T])
                white = cell @ [0.299, 0.587, 0.114] < 128
                ground = np.round(cell * (1 - outline) if white else cell).astype(np.uint8)
                written = "#ffffff" if white else "#000000"
                assert contrast(written, "#" + ground.tobytes().hex()) >= 4.5, (z, colours[-1])


def test_every_colour_has_a_dark_counterpart():
    dark = figures.dark_colours()
    used = {c for _, c in figures.SEQUENTIAL + figures.DIVERGING} | set(figures.PALETTE)
    assert used <= set(dark)
    assert figures.PALETTE[0] == figures.BLUE == figures.THEMES["light"]["blue"]


def test_page_has_the_same_theme():
    script = EXPLORER.read_text("utf-8")
    assert figures.themed(script) == script, "run: python -m courseware.figures"
    theme = json.loads(re.search(r"const THEME = (.*);", script)[1])
    assert theme["dark"] == figures.dark_colours()
    assert theme["template"]["layout"]["paper_bgcolor"] == figures.CLEAR


def test_template_is_the_default():
    assert pio.templates.default == "courseware"
    assert pio.templates["courseware"].layout.dragmode is False


def test_bars():
    figure = figures.bars(["a", "b"], [0.25, 0.75], values=".2f", y_range=[0, 1], y_title="share")
    assert list(figure.data[0].y) == [0.25, 0.75]
    assert figure.data[0].texttemplate == "%{y:.2f}"
    assert figure.layout.yaxis.range == (0, 1)
    assert figure.layout.yaxis.title.text == "share"


def test_heatmap():
    figure = figures.heatmap([[1, 2, 3], [4, 5, 6]], ["the", "the", "cat"], diverging=True)
    assert figure.layout.yaxis.autorange == "reversed"
    names = figure.data[0].x
    assert len(set(names)) == 3 and [n.strip("\u200b") for n in names] == ["the", "the", "cat"]
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-6, 6)
    assert figures.heatmap([[1]], z_range=(0, 2)).data[0].zmax == 2
    with pytest.raises(ValueError, match="shape \\(3,\\)"):
        figures.heatmap([1, 2, 3])
    with pytest.raises(ValueError, match="2 labels for 3"):
        figures.heatmap([[1, 2, 3]], ["a", "b"])


def test_lines_differ_in_more_than_colour():
    series = {"a": [1, 2], "b": [2, 3], "c": [3, 4]}
    figure = figures.lines([0, 1], series, log_y=True)
    assert len({trace.line.dash for trace in figure.data}) == 3
    assert figure.layout.yaxis.type == "log" and figure.layout.showlegend
    assert not figures.lines([0, 1], {"a": [1, 2]}).layout.showlegend


def test_panels():
    figure = figures.panels(2, ["scores", "weights"])
    figure.add_bar(y=[1], row=1, col=2)
    assert figure.data[0].xaxis == "x2"
    assert [a.text for a in figure.layout.annotations] == ["scores", "weights"]


def test_all_helpers_pass_the_colour_check():
    for figure in (
        figures.bars([1], [2]),
        figures.heatmap([[1]], diverging=True),
        figures.lines([1], {"a": [1]}),
        figures.panels(2, ["a", "b"]),
    ):
        tree(figure)
    for bad in ("#12345", "rgb(1,2,3)", "rgba(1, 2, 3, 0.5)", "<b style='color:#010203'>x</b>"):
        with pytest.raises(ValueError, match="no counterpart"):
            figures.check_colours({"a": [{"b": bad}]})
    figures.check_colours({"text": "#12 of #3", "fill": figures.CLEAR})


def test_fade():
    assert figures.fade("#102030", 0.5) == "rgba(16,32,48,0.5)"
    with pytest.raises(ValueError, match="opacity is 2"):
        figures.fade("#102030", 2)


def test_bare_figure_fails_on_a_page(monkeypatch):
    from courseware.figures.bare import BareFigure, refuse_bare_figures

    default = pio.renderers.default
    try:
        refuse_bare_figures()
        with pytest.raises(BareFigure, match="use courseware.show"):
            pio.show(go.Figure())
        assert not issubclass(BareFigure, Exception)  # IPython would print it and go on
    finally:
        pio.renderers.default = default


def test_names_are_lazy():
    code = "import sys, courseware; dir(courseware); assert 'plotly' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = (
        "import courseware.explorers.explorer; from courseware import explore, figures, show;"
        "assert callable(explore) and callable(show) and figures.BLUE"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
