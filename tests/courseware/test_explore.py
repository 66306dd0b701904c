"""explore and show: what they take, what they refuse, and what they publish on a page."""

import re

import numpy as np
import plotly.graph_objects as go
import pytest

from courseware import explore, figures, show
from courseware.explorers import page
from courseware.explorers.controls import read_controls
from courseware.explorers.html import explorer_html
from courseware.explorers.states import plain
from courseware.front_end import front_end

WORDS = {"caption": "Notice $x$.", "alt": "Two bars."}


@pytest.fixture
def published(monkeypatch):
    """MIME bundles of the page front end."""
    bundles = []
    monkeypatch.setenv("COURSEWARE_FRONT_END", "page")
    monkeypatch.setattr(page, "publish", bundles.append)
    monkeypatch.setattr("courseware.explorers.html.rich", lambda text, inline=False: f"[{text}]")
    return bundles


def bars(a, b=1):
    return figures.bars(["left", "right"], [a, float(b)])


def control(abbreviation, **start):
    return read_controls(lambda a: None, {"a": abbreviation}, None, start)[0]


@pytest.mark.parametrize(
    ("abbreviation", "kind", "values", "texts"),
    [
        ((0, 2), "slider", (0, 1, 2), ("0", "1", "2")),
        ((0, 1, 0.5), "slider", (0.0, 0.5, 1.0), ("0.0", "0.5", "1.0")),
        ((0.1, 0.3), "slider", (0.1, 0.2, 0.3), ("0.1", "0.2", "0.3")),
        ((1, 8, 3), "slider", (1, 4, 7), ("1", "4", "7")),
        ([4, 16, 1024], "slider", (4, 16, 1024), ("4", "16", "1 024")),
        ([3, 1, 2], "select", (3, 1, 2), ("3", "1", "2")),
        (["u", "v"], "select", ("u", "v"), ("u", "v")),
        ([("one", 1), ("two", 2)], "select", (1, 2), ("one", "two")),
        ({"one": 1, "two": 2}, "select", (1, 2), ("one", "two")),
        ([False, True], "checkbox", (False, True), ("off", "on")),
        (True, "checkbox", (False, True), ("off", "on")),
    ],
)
def test_abbreviations(abbreviation, kind, values, texts):
    got = control(abbreviation)
    assert (got.kind, got.values, got.texts) == (kind, values, texts)


def test_starts():
    assert control((0.1, 3.0, 0.1), a=1.0).start == 9
    assert control({"one": 1, "two": 2}, a=2).start == 1
    assert control(True).start == 1
    assert control(False).start == 0
    assert control([False, True], a=True).start == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(a="abc"), "control 'a' is 'abc'; allowed"),
        (dict(a=(0, 1, 2, 3)), "allowed"),
        (dict(a=(0, "x")), "allowed"),
        (dict(a=(0, float("inf"))), "not finite"),
        (dict(a=(2, 1)), "min < max"),
        (dict(a=(0, 1, 0)), "step > 0"),
        (dict(a=[7]), "two or more"),
        (dict(a=["1", 1]), "read the same"),
        (dict(a=(0, 1), c=(0, 1)), "control 'c' names no parameter of bars"),
        (dict(b=(0, 1)), "parameter 'a' of bars\\(\\) has no control and no default"),
        (dict(a=(0, 1), start={"a": 0.5}), "start of control 'a' is 0.5; allowed: 0, 1"),
        (dict(a=(0, 1), start={"b": 1}), "start names 'b'"),
        (dict(a=(0, 1), labels={"q": "query"}), "labels names 'q'"),
        ({}, "without a control"),
        (dict(a=(0, 1), caption=" "), "caption"),
        (dict(a=(0, 1), alt=""), "alt"),
        (dict(a=(0, 1), finding=" "), "finding is ' '; needs a sentence with the conclusion"),
        (dict(a=(0, 1), finding=7), "finding is 7; needs a sentence .* or leave it out"),
        (dict(a=(0, 1), finding="Notice  $x$.\n"), "the same as the caption .* write each"),
        (dict(a=(0, 99), b=(0, 99)), "10000 states"),
    ],
)
def test_refusals(arguments, message, published):
    with pytest.raises(ValueError, match=message):
        explore(bars, **{**WORDS, **arguments})
    assert not published


def test_a_control_must_move_its_figure(published):
    explore(bars, **WORDS, a=(0, 2), b=(0, 2))
    with pytest.raises(ValueError, match="control 'b' changes nothing"):
        explore(lambda a, b: bars(a), **WORDS, a=(0, 2), b=(0, 2))


def test_draw_must_return_a_figure(published):
    with pytest.raises(ValueError, match="draw\\(\\) got dict"):
        explore(lambda a: {}, **WORDS, a=(0, 2))
    with pytest.raises(ValueError, match="show\\(\\) got int"):
        show(3, **WORDS)


def test_traces_must_stay(published):
    with pytest.raises(ValueError, match="visible=False"):
        explore(lambda a: go.Figure([go.Bar(y=[a])] * a), **WORDS, a=(1, 2))


def test_foreign_colours_are_refused(published):
    with pytest.raises(ValueError, match="#123456.*no counterpart on a dark ground"):
        show(figures.bars([1], [2], color="#123456"), **WORDS)
    show(figures.bars([1], [2], color=figures.fade(figures.RED, 0.3)), **WORDS)


def test_byte_budget(published):
    noise = np.random.default_rng(0).normal(size=(40, 2000))
    with pytest.raises(ValueError, match="bytes .*allowed: 60,000"):
        explore(lambda a: go.Figure(go.Scatter(y=noise[a])), **WORDS, a=(0, 39))


def test_heights_must_agree(published):
    with pytest.raises(ValueError, match="heights differ"):
        explore(lambda a: bars(a).update_layout(height=300 + a), **WORDS, a=(0, 2))


def test_unknown_front_end(monkeypatch):
    monkeypatch.setenv("COURSEWARE_FRONT_END", "paper")
    with pytest.raises(ValueError, match="'paper'; allowed: live, page"):
        front_end()


def test_page_publishes_one_html_bundle_and_nothing_else(published):
    explore(bars, **WORDS, title="Bars", a=(0, 2), b=["1", "2"], labels={"a": "the left"})
    (bundle,) = published
    assert list(bundle) == ["text/html"]
    html = bundle["text/html"]
    for part in (
        'role="figure"',
        'aria-label="Two bars."',
        'data-plotly-bundle="basic"',
        "[Notice $x$.]",
        "[Bars]",
        "[the left]",
        '<input type="range"',
        'aria-valuetext="0"',
        "<select",
        "The figure in words: Two bars.",
    ):
        assert part in html, part
    assert 'name="' not in html
    ids = re.findall(r' id="([^"]+)"', html)
    assert set(re.findall(r'for="([^"]+)"', html)) == set(ids[1:])


def test_pages_are_deterministic_and_ids_follow_content(published):
    for top in (2, 2, 3):
        explore(bars, **WORDS, a=(0, top))
    first, again, other = (bundle["text/html"] for bundle in published)
    assert first == again
    assert first.split('id="')[1][:20] != other.split('id="')[1][:20]


def test_a_finding_is_folded_below_the_caption(published):
    explore(bars, **WORDS, finding="It rises.", a=(0, 2))
    show(bars(1), **WORDS, finding="It stands.")
    show(bars(1), **WORDS)
    moved, still, none = (bundle["text/html"] for bundle in published)
    for html, words in ((moved, "[**Finding.** It rises.]"), (still, "[**Finding.** It stands.]")):
        key = re.search(r'<figure class="courseware-explorer" id="([^"]+)"', html)[1]
        caption = re.search(r"<figcaption>(.*)</figcaption>", html, re.DOTALL)[1]
        assert caption.startswith("[Notice $x$.]") and words in caption
        assert f'aria-expanded="false" aria-controls="{key}-finding"' in caption
        assert f'id="{key}-finding" hidden="until-found"' in caption
    assert "finding" not in none
    assert 'role="status"' in moved and 'role="status"' not in still


@pytest.mark.parametrize("finding", ["", "Notice $x$.", ["It stands."]])
def test_a_plain_figure_refuses_the_same_findings(published, finding):
    with pytest.raises(ValueError, match="finding"):
        show(bars(1), **WORDS, finding=finding)
    assert not published


def test_words_are_escaped():
    html = explorer_html(
        b"", [], caption="", alt='"<b>" & more', title=None, bundle="basic", height=1
    )
    assert 'aria-label="&quot;&lt;b&gt;&quot; &amp; more"' in html


@pytest.mark.parametrize(
    ("trace", "bundle"),
    [
        (go.Scatter(y=[1]), "basic"),
        (go.Heatmap(z=[[1]]), "cartesian"),
        (go.Surface(z=[[1]]), "full"),
    ],
)
def test_smallest_bundle(trace, bundle):
    assert page.bundle([plain(go.Figure(trace).to_plotly_json())]) == bundle


def test_grid_runs_over_all_states_last_control_fastest():
    seen = []

    def draw(a, b):
        seen.append((a, b))
        return bars(a, b)

    controls = read_controls(draw, {"a": (0, 1), "b": [5, 6, 7]}, None, None)
    states = page.grid(draw, controls)
    assert seen == [(0, 5), (0, 6), (0, 7), (1, 5), (1, 6), (1, 7)]
    assert [list(state["data"][0]["y"]) for state in states] == [list(s) for s in seen]


def test_empty_labels_keep_their_place():
    figure = go.Figure(go.Scatter(y=[1, 2], text=["", "b"], mode="markers+text"))
    assert page.tree(figure)["data"][0]["text"] == [" ", "b"]
