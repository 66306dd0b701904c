"""Stored states: what is decoded is what was drawn, within the step of the quantisation."""

import gzip
import json

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courseware.explorers.page import tree
from courseware.explorers.payload import decode, encode
from courseware.explorers.states import ABSENT, compare, plain

RNG = np.random.default_rng(4)


def figures_of(*arrays, **layout):
    return [tree(go.Figure(go.Scatter(y=array), layout)) for array in arrays]


def same(stored, drawn, tolerance=0.0):
    """Whether two trees agree: arrays within ``tolerance``, gaps where gaps are."""
    if isinstance(drawn, dict):
        return set(stored) == set(drawn) and all(
            same(stored[k], drawn[k], tolerance) for k in drawn
        )
    if isinstance(drawn, np.ndarray):
        stored = np.asarray(stored, dtype=float)
        if stored.shape != drawn.shape or not (np.isnan(stored) == np.isnan(drawn)).all():
            return False
        return bool(np.nanmax(np.abs(stored - drawn), initial=0) <= tolerance)
    if isinstance(drawn, list):
        return len(stored) == len(drawn) and all(
            map(lambda a, b: same(a, b, tolerance), stored, drawn)
        )
    return stored == drawn


def header(data):
    body = gzip.decompress(data)
    return json.loads(body[4 : 4 + int.from_bytes(body[:4], "little")])


def kinds(data):
    return [column["array"]["kind"] for column in header(data)["columns"] if "array" in column]


@pytest.mark.parametrize(
    ("arrays", "kind"),
    [
        ([np.arange(5), np.arange(5) * 2], "u1"),
        ([np.arange(5) - 70_000, np.arange(5) - 60_000], "u2"),
        ([[0.1, 0.25, 0.5], [1.5, 2.25, 3.0]], "u2"),
        ([[1, None, 3], [None, 2, 1]], "u1"),
        ([[None, None], [None, 1]], "u1"),
        ([[2.0**20, 3, 5], [1, 2, 3]], "f4"),
    ],
)
def test_whole_numbers_and_short_decimals_are_exact(arrays, kind):
    states = figures_of(*arrays)
    data = encode(states)
    assert kinds(data) == [kind]
    assert all(map(same, decode(data), states))


def test_real_numbers_within_half_a_step():
    arrays = [RNG.normal(size=50) for _ in range(6)]
    data = encode(figures_of(*arrays))
    span = np.ptp(np.concatenate(arrays))
    assert kinds(data) == ["u2"]
    assert all(
        same(a, b, 0.51 * span / 65534)
        for a, b in zip(decode(data), figures_of(*arrays), strict=True)
    )


def test_relative_precision_on_a_logarithmic_axis():
    arrays = [10.0 ** RNG.uniform(-12, 3, size=20) for _ in range(3)]
    data = encode(figures_of(*arrays, yaxis_type="log"))
    assert kinds(data) == ["f4"]
    for state, array in zip(decode(data), arrays, strict=True):
        assert np.allclose(state["data"][0]["y"], array, rtol=1e-7, atol=0)


def test_a_small_state_beside_a_large_one_keeps_its_shape():
    small, large = RNG.normal(size=9) * 1e-4, RNG.normal(size=9) * 1e4
    data = encode(figures_of(small, large))
    assert np.allclose(decode(data)[0]["data"][0]["y"], small, rtol=1e-6)


def test_ragged_lengths_and_matrices():
    states = figures_of([1, 2, 3], [4, 5], [6])
    assert all(map(same, decode(encode(states)), states))
    z = RNG.integers(0, 9, size=(3, 4, 5))
    states = [tree(go.Figure(go.Heatmap(z=m))) for m in z]
    assert all(map(same, decode(encode(states)), states))


def test_what_does_not_change_is_stored_once():
    x, y = RNG.normal(size=400), RNG.normal(size=(2, 400))
    states = [tree(go.Figure(go.Scatter(x=x, y=y[i % 2]))) for i in range(40)]
    base, columns = compare(states)
    assert {column.path: len(column.values) for column in columns} == {
        ("data", 0, "x"): 1,
        ("data", 0, "y"): 2,
    }
    assert "x" not in base["data"][0]
    assert len(encode(states)) < 2.2 * len(encode(states[:1]))


def test_words_and_settings_come_and_go():
    def draw(i):
        figure = go.Figure(go.Bar(y=[1, 2], marker_color=["red", "blue"] if i else "green"))
        figure.add_annotation(x=0, y=i, text=f"H = {i} bits")
        if i == 2:
            figure.update_layout(xaxis_title_text="only here")
        if i == 1:
            figure.add_annotation(x=1, y=1, text="one more")
        return tree(figure)

    states = [draw(i) for i in range(4)]
    stored = decode(encode(states))
    for state in stored:
        if state["layout"]["xaxis"] == {"title": {}}:  # the place of a title is no title
            del state["layout"]["xaxis"]
    assert all(map(same, stored, states))


def test_absent_leaves():
    base, columns = compare([{"a": 1, "b": {"c": 1}}, {"a": 1}])
    assert base == {"a": 1, "b": {}}
    assert [(c.path, c.values, c.which) for c in columns] == [(("b", "c"), [1], [0, -1])]
    assert repr(ABSENT) == "ABSENT"


def test_plain_reads_arrays_however_plotly_holds_them():
    array = np.array([[0.5, np.inf], [np.nan, 2]])
    for z in (
        array,
        array.tolist(),
        go.Figure(go.Heatmap(z=array)).to_plotly_json()["data"][0]["z"],
    ):
        got = plain({"data": [{"z": z}]})["data"][0]["z"]
        assert np.array_equal(got, [[0.5, np.nan], [np.nan, 2]], equal_nan=True)
    # Words, Booleans and ragged lists are no numbers.
    for x in (["a", "b"], [True, False], [[1], [1, 2]], []):
        assert plain({"data": [{"x": x}]})["data"][0]["x"] == x


def test_bytes_are_deterministic():
    states = figures_of(*RNG.normal(size=(5, 30)))
    assert encode(states) == encode(states)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(-1e6, 1e6) | st.none(), min_size=1, max_size=12), min_size=1, max_size=5
    )
)
def test_any_arrays(lists):
    states = [{"data": [plain(list(v), ("data", 0, "y"))], "layout": {}} for v in lists]
    states = [{"data": [{"y": s["data"][0]}], "layout": {}} for s in states]
    known = [v for values in lists for v in values if v is not None]
    span = max(known) - min(known) if known else 0
    tolerance = max(0.51 * span / 65534, 1e-7 * max(map(abs, known), default=0), 1e-9)
    assert all(same(a, b, tolerance) for a, b in zip(decode(encode(states)), states, strict=True))
