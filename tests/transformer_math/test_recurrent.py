"""Recurrent cells and their runs over a sequence, against torch's."""

import math

import numpy as np
import pytest
import torch

from transformer_math.networks import lstm, lstm_cell, lstm_gates, rnn, rnn_cell

WIDTHS = [(3, 5), (1, 1), (4, 2)]
DTYPES = [("float32", 1e-5), ("float64", 1e-13)]


def redrawn(module, draw):
    """The module with all weights drawn anew, larger than torch would."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.8 * draw(*parameter.shape))
    return module.double()


def weights(module, array, dtype="float64"):
    tensors = (module.weight_ih_l0, module.weight_hh_l0, module.bias_ih_l0, module.bias_hh_l0)
    return [array(tensor.detach(), dtype) for tensor in tensors]


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_rnn_equals_torch(draw, array, widths, dtype, tolerance, activation):
    module = torch.nn.RNN(*widths, nonlinearity=activation, batch_first=True)
    redrawn(module, draw)
    x, h = draw(2, 7, widths[0]), draw(2, widths[1])
    ours = weights(module, array, dtype)
    for start, theirs in ((None, None), (array(h, dtype), h[None])):
        expected = module(x, theirs)[0].detach().numpy()
        states = rnn(array(x, dtype), *ours, h=start, activation=activation)
        assert str(states.dtype).endswith(dtype)
        scale = np.abs(expected).max()
        assert np.asarray(states) == pytest.approx(expected, abs=tolerance * scale)


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
def test_lstm_equals_torch(draw, array, widths, dtype, tolerance):
    module = redrawn(torch.nn.LSTM(*widths, batch_first=True), draw)
    x, h, c = draw(2, 7, widths[0]), draw(2, widths[1]), draw(2, widths[1])
    ours = weights(module, array, dtype)
    start = dict(h=array(h, dtype), c=array(c, dtype))
    for ours_from, theirs_from in (({}, None), (start, (h[None], c[None]))):
        expected, (_, last) = module(x, theirs_from)
        states, cells = lstm(array(x, dtype), *ours, **ours_from)
        assert str(states.dtype).endswith(dtype) and str(cells.dtype).endswith(dtype)
        assert np.asarray(states) == pytest.approx(expected.detach().numpy(), abs=tolerance)
        assert np.asarray(cells)[:, -1] == pytest.approx(last[0].detach().numpy(), abs=tolerance)


def test_cells_equal_torch_and_a_run_of_one_position(draw, array):
    x, h, c = draw(4, 3), draw(4, 5), draw(4, 5)
    for kind in ("tanh", "relu"):
        cell = redrawn(torch.nn.RNNCell(3, 5, nonlinearity=kind), draw)
        ours = [
            array(w.detach()) for w in (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
        ]
        step = rnn_cell(array(x), array(h), *ours, activation=kind)
        assert np.asarray(step) == pytest.approx(cell(x, h).detach().numpy(), abs=1e-13)
        run = rnn(array(x[:, None]), *ours, h=array(h), activation=kind)
        assert np.asarray(run)[:, 0] == pytest.approx(np.asarray(step), abs=1e-14)
    cell = redrawn(torch.nn.LSTMCell(3, 5), draw)
    ours = [array(w.detach()) for w in (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)]
    step = lstm_cell(array(x), array(h), array(c), *ours)
    for got, expected in zip(step, cell(x, (h, c)), strict=True):
        assert np.asarray(got) == pytest.approx(expected.detach().numpy(), abs=1e-13)
    i, f, g, o = map(np.asarray, lstm_gates(array(x), array(h), *ours))
    assert f * c.numpy() + i * g == pytest.approx(np.asarray(step[1]), abs=1e-14)
    assert o * np.tanh(np.asarray(step[1])) == pytest.approx(np.asarray(step[0]), abs=1e-14)


def test_linear_cell_is_one_affine_map(draw, array):
    x, h, w_ih, w_hh = draw(3), draw(5), draw(5, 3), draw(5, 5)
    step = rnn_cell(*map(array, (x, h, w_ih, w_hh)), activation="linear")
    assert np.asarray(step) == pytest.approx((w_ih @ x + w_hh @ h).numpy(), abs=1e-13)
    zero = array(torch.zeros(6, 3))
    run = rnn(zero, array(w_ih), array(w_hh), h=array(h), activation="linear")
    power = torch.linalg.matrix_power(w_hh, 6) @ h
    assert np.asarray(run)[-1] == pytest.approx(power.numpy(), rel=1e-12)


def test_open_forget_gate_and_closed_input_gate_keep_the_cell(draw, array):
    bias = torch.tensor([-800.0, 800.0, 0.0, 0.0]).double().repeat_interleave(2)
    w_ih, w_hh, x = draw(8, 3), draw(8, 2), draw(9, 3)
    start = dict(h=array([0.0, 0.0]), c=array([1.5, -2.0]))
    _, cells = lstm(array(x), array(w_ih), array(w_hh), array(bias), **start)
    assert np.asarray(cells) == pytest.approx(np.tile([1.5, -2.0], (9, 1)), abs=1e-12)


def test_biases_add_and_may_be_left_out(draw, array):
    x, w_ih, w_hh, one, two = (array(draw(*s)) for s in ((4, 3), (8, 3), (8, 2), (8,), (8,)))
    both = np.asarray(lstm(x, w_ih, w_hh, one, two)[0])
    assert np.asarray(lstm(x, w_ih, w_hh, None, one + two)[0]) == pytest.approx(both, abs=1e-14)
    none = np.asarray(lstm(x, w_ih, w_hh)[0])
    assert np.asarray(lstm(x, w_ih, w_hh, 0 * one, 0 * two)[0]) == pytest.approx(none, abs=1e-14)


def test_gradients(draw):
    inputs = [draw(*s).requires_grad_() for s in ((2, 3, 2), (3, 2), (3, 3), (3,), (3,), (2, 3))]
    assert torch.autograd.gradcheck(rnn, inputs, fast_mode=True)
    shapes = ((2, 3, 2), (8, 2), (8, 2), (8,), (8,), (2, 2), (2, 2))
    assert torch.autograd.gradcheck(
        lstm, [draw(*s).requires_grad_() for s in shapes], fast_mode=True
    )


def test_strict_array_api():
    strict = pytest.importorskip("array_api_strict")

    def ones(*shape):
        return strict.ones(shape, dtype=strict.float32) / 4

    x = ones(2, 3, 2)
    assert rnn(x, ones(3, 2), ones(3, 3), ones(3)).dtype == strict.float32
    assert lstm(x, ones(12, 2), ones(12, 3), ones(12))[1].shape == (2, 3, 3)


X, H, C = np.ones((2, 3)), np.ones((2, 5)), np.ones((2, 5))
I1, H1, B1 = np.ones((5, 3)), np.ones((5, 5)), np.ones(5)
I4, H4, B4 = np.ones((20, 3)), np.ones((20, 5)), np.ones(20)
SEQUENCE = np.ones((2, 4, 3))
CALLS = {
    "rnn_cell": (rnn_cell, dict(x=X, h=H, w_ih=I1, w_hh=H1, b_ih=B1, b_hh=B1)),
    "rnn": (rnn, dict(x=SEQUENCE, w_ih=I1, w_hh=H1, b_ih=B1, b_hh=B1, h=H)),
    "lstm_gates": (lstm_gates, dict(x=X, h=H, w_ih=I4, w_hh=H4, b_ih=B4, b_hh=B4)),
    "lstm_cell": (lstm_cell, dict(x=X, h=H, c=C, w_ih=I4, w_hh=H4, b_ih=B4, b_hh=B4)),
    "lstm": (lstm, dict(x=SEQUENCE, w_ih=I4, w_hh=H4, b_ih=B4, b_hh=B4, h=H, c=C)),
}
EVERY = [(name, argument) for name, (_, good) in CALLS.items() for argument in good]


def message(name, **bad):
    function, good = CALLS[name]
    function(**good)  # only what is bad may fail
    with pytest.raises(ValueError) as caught:
        function(**{**good, **bad})
    return str(caught.value)


@pytest.mark.parametrize(("name", "argument"), EVERY)
def test_error_for_what_is_no_array_of_one_dtype(name, argument, unchecked):
    value = CALLS[name][1][argument]
    library = "different libraries"
    for bad, words in (
        ([1.0], f"{argument} is a list; allowed: a NumPy array or a torch tensor"),
        (value.astype(int), f"{argument} has dtype int64; allowed: a floating-point dtype"),
        (value.astype("f"), "float32" if argument == "x" else f"{argument} has dtype float32"),
        (torch.from_numpy(value), library),
    ):
        assert words in message(name, **{argument: bad})


@pytest.mark.parametrize(("name", "argument"), [pair for pair in EVERY if pair[1] != "x"])
def test_error_for_a_shape_that_does_not_fit(name, argument, unchecked):
    value = CALLS[name][1][argument]
    for bad in (value[:-1], value[..., :-1], value[None], value[..., None], value[:0]):
        said = message(name, **{argument: bad})
        assert "has shape" in said and "allowed: (" in said
        if argument != "w_hh":  # from which the width of the state is read
            assert said.startswith(f"{argument} has shape {bad.shape}; allowed: {value.shape}")


@pytest.mark.parametrize("name", CALLS)
def test_error_for_a_state_matrix_of_no_width(name, unchecked):
    rows = "(4 hidden, hidden)" if "lstm" in name else "(hidden, hidden)"
    for bad in (np.ones(5), np.ones((7, 5)), np.ones((20, 0)), np.ones((1, 5, 5))):
        assert message(name, w_hh=bad) == f"w_hh has shape {bad.shape}; allowed: {rows}"


@pytest.mark.parametrize("name", CALLS)
def test_error_for_inputs_without_width_or_position(name, unchecked):
    x = CALLS[name][1]["x"]
    layout = "(..., positions, input)" if x is SEQUENCE else "(..., input)"
    bad = [x[..., :0], np.float64(1.0)] + ([x[:, :0], np.ones(3)] if x is SEQUENCE else [])
    for value in bad:
        said = message(name, x=value)
        assert (
            f"x has shape {np.shape(value)}; allowed: {layout}, with at least one of each" == said
        )
    assert "w_ih has shape" in message(name, x=np.ones((*x.shape[:-1], 4)))


@pytest.mark.parametrize("name", ["rnn_cell", "rnn"])
@pytest.mark.parametrize("activation", ["sigmoid", "", None, math.tanh, ["tanh"]])
def test_error_for_an_unknown_activation(name, activation, unchecked):
    said = message(name, activation=activation)
    assert said == f"activation is {activation!r}; allowed: tanh, relu, linear"
