"""The live front end without a browser: move the widgets, see what is asked of draw and shown."""

import ipywidgets as widgets
import pytest

from courseware import explore, figures, show
from courseware.explorers import live

WORDS = {"caption": "Notice $x$.", "alt": "One <bar>."}


@pytest.fixture
def shown(monkeypatch):
    """All that was displayed, in order: bundles as dicts, figures as figures."""
    out = []
    monkeypatch.setenv("COURSEWARE_FRONT_END", "live")
    monkeypatch.setattr(live, "publish", out.append)
    monkeypatch.setattr(live, "display", out.append)
    monkeypatch.setattr(live, "clear_output", lambda wait: out.append("clear"))
    return out


@pytest.fixture
def made(monkeypatch):
    """Widgets by description, as they are made."""
    found = {}
    make = live._widget

    def remember(control):
        found[control.name] = make(control)
        return found[control.name]

    monkeypatch.setattr(live, "_widget", remember)
    return found


def test_moves_call_draw_exactly(shown, made):
    asked = []

    def draw(a, b, c, d=7):
        asked.append((a, b, c, d))
        return figures.bars(["x"], [a])

    explore(draw, **WORDS, a=(0.0, 1.0, 0.25), b={"one": 1, "two": 2}, c=False, start={"a": 0.5})
    assert asked == [(0.5, 1, False, 7)]
    assert isinstance(made["a"], widgets.SelectionSlider)
    assert isinstance(made["b"], widgets.Dropdown)
    assert isinstance(made["c"], widgets.Checkbox)
    made["a"].index = 4
    made["b"].index = 1
    made["c"].value = True
    assert asked[1:] == [(1.0, 1, False, 7), (1.0, 2, False, 7), (1.0, 2, True, 7)]
    drawn = [item for item in shown if not isinstance(item, (dict, str))]
    assert [figure.data[0].y[0] for figure in drawn] == [0.5, 1.0, 1.0, 1.0]
    # The first figure clears nothing: what the cell printed before must stay.
    assert shown.count("clear") == 3


def test_bundles_hold_no_plain_text(shown, made):
    explore(lambda a: figures.bars(["x"], [a]), **WORDS, title="Bars", a=(0, 1))
    title, box, figure, caption = shown
    assert title == {"text/markdown": "**Bars**"}
    assert list(box) == ["application/vnd.jupyter.widget-view+json"]
    assert box["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert list(caption) == ["text/markdown"]
    assert caption["text/markdown"].startswith("Notice $x$.")
    assert "One &lt;bar&gt;." in caption["text/markdown"]


@pytest.mark.parametrize("controls", [{}, {"a": (0, 1)}])
def test_a_finding_is_markdown_folded_below_the_caption(shown, made, controls):
    def draw(a=1):
        return figures.bars(["x"], [a])

    words = dict(WORDS, finding="It rises with $x$.")
    if controls:
        explore(draw, **words, **controls)
    else:
        show(draw(), **words)
    text = shown[-1]["text/markdown"]
    # Jupyter and Colab read what stands in an HTML block as Markdown between blank lines only.
    folded = "\n\n<details><summary>What to find</summary>\n\n**Finding.** It rises with $x$.\n\n"
    assert text.startswith(f"Notice $x$.{folded}</details>\n\n<details>")


def test_publish_leaves_the_bundle_alone(monkeypatch):
    from courseware.front_end import publish

    got = []
    monkeypatch.setattr("IPython.display.display", lambda *a, **k: got.append((a, k)))
    publish({"text/markdown": "x"})
    assert got == [(({"text/markdown": "x"},), {"raw": True})]


def test_show_displays_the_figure_and_its_caption(shown):
    figure = figures.bars(["x"], [1])
    show(figure, **WORDS)
    assert shown[0] is figure
    assert list(shown[1]) == ["text/markdown"]


def test_slow_draws_wait_for_the_hand(shown, made, monkeypatch):
    for slow in (False, True):
        monkeypatch.setattr(live, "SLOW", -1 if slow else 1e9)
        explore(lambda a: figures.bars(["x"], [a]), **WORDS, a=(0, 5))
        assert made["a"].continuous_update is not slow


def test_options_that_equal_each_other_stay_apart(shown, made):
    asked = []

    def draw(a):
        asked.append(a)
        return figures.bars(["x"], [float(a is True)])

    explore(draw, **WORDS, a={"number": 1, "truth": True})
    made["a"].index = 1
    assert asked == [1, True] and asked[1] is True


def test_draw_must_return_a_figure(shown, made):
    with pytest.raises(ValueError, match="draw\\(\\) got int"):
        explore(lambda a: 3, **WORDS, a=(0, 1))
