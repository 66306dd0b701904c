r"""Recurrent networks: a state that is rewritten at every position.

Weights lie as in ``torch.nn.RNN`` and ``torch.nn.LSTM``: :math:`W_{ih}` has one row for each number
of the state and one column for each number of the input, so that a position costs
:math:`x W_{ih}^\top`. The LSTM stacks the rows of its gates in torch's order: input gate, forget
gate, candidate, output gate. There are two biases because torch has two; only their sum matters.
"""

from ..arrays import Array, Float, at_least, namespace, present
from .activations import relu, sigmoid, tanh

ACTIVATIONS = {"tanh": tanh, "relu": relu, "linear": lambda x: x}
GATES = 4


def rnn_cell(
    x: Float[Array, "*batch input"],
    h: Float[Array, "*batch hidden"],
    w_ih: Float[Array, "hidden input"],
    w_hh: Float[Array, "hidden hidden"],
    b_ih: Float[Array, "hidden"] | None = None,
    b_hh: Float[Array, "hidden"] | None = None,
    activation: str = "tanh",
) -> Float[Array, "*batch hidden"]:
    r"""One step of a recurrent network: the old state and one input make the new state.

    .. math:: h' = \varphi(x W_{ih}^\top + b_{ih} + h W_{hh}^\top + b_{hh})

    Parameters
    ----------
    x : the input at this position, or several side by side.
    h : the state before it, with the same leading dimensions.
    w_ih, w_hh, b_ih, b_hh : weights and biases, laid out as torch's; no bias by default.
    activation : :math:`\varphi`, ``"tanh"``, ``"relu"`` or ``"linear"``.

    Returns
    -------
    The state after it, of the shape of ``h``.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype, their shapes do not fit together, or
        ``activation`` is unknown.

    Source: Elman (1990), https://doi.org/10.1207/s15516709cog1402_1 (not opened)
    """
    _check(1, x, w_ih, w_hh, b_ih, b_hh, h=h)
    return _activation(activation)(_affine(x, w_ih, b_ih) + _affine(h, w_hh, b_hh))


def rnn(
    x: Float[Array, "*batch positions input"],
    w_ih: Float[Array, "hidden input"],
    w_hh: Float[Array, "hidden hidden"],
    b_ih: Float[Array, "hidden"] | None = None,
    b_hh: Float[Array, "hidden"] | None = None,
    h: Float[Array, "*batch hidden"] | None = None,
    activation: str = "tanh",
) -> Float[Array, "*batch positions hidden"]:
    r"""Read a sequence with :func:`rnn_cell`.

    .. math:: h_t = \varphi(x_t W_{ih}^\top + b_{ih} + h_{t-1} W_{hh}^\top + b_{hh})

    Parameters
    ----------
    x : the inputs, one position a row.
    w_ih, w_hh, b_ih, b_hh, activation : as in :func:`rnn_cell`.
    h : the state before the first position; zeros by default.

    Returns
    -------
    The states after every position.

    Raises
    ------
    ValueError
        As in :func:`rnn_cell`, or if ``x`` has no position.
    """
    xp, (h,) = _start(1, x, w_ih, w_hh, b_ih, b_hh, h=h)
    phi = _activation(activation)
    inputs, states = _affine(x, w_ih, b_ih), []
    for t in range(x.shape[-2]):
        h = phi(inputs[..., t, :] + _affine(h, w_hh, b_hh))
        states.append(h)
    return xp.stack(states, axis=-2)


def lstm_gates(
    x: Float[Array, "*batch input"],
    h: Float[Array, "*batch hidden"],
    w_ih: Float[Array, "gates input"],
    w_hh: Float[Array, "gates hidden"],
    b_ih: Float[Array, "gates"] | None = None,
    b_hh: Float[Array, "gates"] | None = None,
) -> tuple[Float[Array, "*batch hidden"], ...]:
    r"""The four decisions that an LSTM takes at a position.

    .. math:: (z_i, z_f, z_g, z_o) = x W_{ih}^\top + b_{ih} + h W_{hh}^\top + b_{hh}, \qquad
              i = \sigma(z_i), \quad f = \sigma(z_f), \quad g = \tanh z_g, \quad o = \sigma(z_o)

    Parameters
    ----------
    x, h : as in :func:`rnn_cell`.
    w_ih, w_hh, b_ih, b_hh : weights and biases, the rows of input gate, forget gate, candidate and
        output gate below each other, as torch stacks them: four times as many as the state has
        numbers. No bias by default.

    Returns
    -------
    Input gate i, forget gate f, candidate g and output gate o, each of the shape of ``h``. Gates
    lie from 0 to 1, candidates from -1 to 1.

    Raises
    ------
    ValueError
        If the arrays are not floating-point of one dtype or their shapes do not fit together.

    Source: Gers, Schmidhuber and Cummins (2000), https://doi.org/10.1162/089976600300015015 (not
    opened); the gates of torch.nn.LSTM
    """
    _check(GATES, x, w_ih, w_hh, b_ih, b_hh, h=h)
    return _gates(_affine(x, w_ih, b_ih) + _affine(h, w_hh, b_hh))


def lstm_cell(
    x: Float[Array, "*batch input"],
    h: Float[Array, "*batch hidden"],
    c: Float[Array, "*batch hidden"],
    w_ih: Float[Array, "gates input"],
    w_hh: Float[Array, "gates hidden"],
    b_ih: Float[Array, "gates"] | None = None,
    b_hh: Float[Array, "gates"] | None = None,
) -> tuple[Float[Array, "*batch hidden"], Float[Array, "*batch hidden"]]:
    r"""One step of long short-term memory: forget a little, write a little, show a little.

    .. math:: c' = f \circ c + i \circ g, \qquad h' = o \circ \tanh c'

    with the gates of :func:`lstm_gates`.

    Parameters
    ----------
    x, h, w_ih, w_hh, b_ih, b_hh : as in :func:`lstm_gates`.
    c : the cell before this position, of the shape of ``h``.

    Returns
    -------
    State and cell after it.

    Raises
    ------
    ValueError
        As in :func:`lstm_gates`.

    Source: Hochreiter and Schmidhuber (1997), https://doi.org/10.1162/neco.1997.9.8.1735 (not
    opened), whose cell forgets nothing: f = 1
    """
    _check(GATES, x, w_ih, w_hh, b_ih, b_hh, h=h, c=c)
    return _remember(_affine(x, w_ih, b_ih) + _affine(h, w_hh, b_hh), c)


def lstm(
    x: Float[Array, "*batch positions input"],
    w_ih: Float[Array, "gates input"],
    w_hh: Float[Array, "gates hidden"],
    b_ih: Float[Array, "gates"] | None = None,
    b_hh: Float[Array, "gates"] | None = None,
    h: Float[Array, "*batch hidden"] | None = None,
    c: Float[Array, "*batch hidden"] | None = None,
) -> tuple[Float[Array, "*batch positions hidden"], Float[Array, "*batch positions hidden"]]:
    r"""Read a sequence with :func:`lstm_cell`.

    Parameters
    ----------
    x : the inputs, one position a row.
    w_ih, w_hh, b_ih, b_hh : as in :func:`lstm_gates`.
    h, c : state and cell before the first position; zeros by default.

    Returns
    -------
    The states and the cells after every position.

    Raises
    ------
    ValueError
        As in :func:`lstm_gates`, or if ``x`` has no position.
    """
    xp, (h, c) = _start(GATES, x, w_ih, w_hh, b_ih, b_hh, h=h, c=c)
    inputs, states, cells = _affine(x, w_ih, b_ih), [], []
    for t in range(x.shape[-2]):
        h, c = _remember(inputs[..., t, :] + _affine(h, w_hh, b_hh), c)
        states.append(h)
        cells.append(c)
    return xp.stack(states, axis=-2), xp.stack(cells, axis=-2)


def _affine(x, weight, bias):
    y = x @ weight.T
    return y if bias is None else y + bias


def _gates(z):
    width = z.shape[-1] // GATES
    i, f, g, o = (z[..., k * width : (k + 1) * width] for k in range(GATES))
    return sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)


def _remember(z, c):
    i, f, g, o = _gates(z)
    c = f * c + i * g
    return o * tanh(c), c


def _activation(name):
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(f"activation is {name!r}; allowed: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


def _start(gates, x, w_ih, w_hh, b_ih, b_hh, **states):
    """Check a sequence and its weights; a state that is None becomes zeros."""
    if hasattr(x, "ndim") and (x.ndim < 2 or x.shape[-2] == 0):
        layout = "(..., positions, input), with at least one of each"
        raise ValueError(f"x has shape {tuple(x.shape)}; allowed: {layout}")
    xp = _check(gates, x, w_ih, w_hh, b_ih, b_hh, positions=1, **present(**states))
    shape = (*x.shape[:-2], w_hh.shape[-1])
    return xp, [
        xp.zeros(shape, dtype=x.dtype, device=x.device) if state is None else state
        for state in states.values()
    ]


def _check(gates, x, w_ih, w_hh, b_ih, b_hh, positions=0, **states):
    """Raise a ValueError unless all shapes fit; return the array API functions."""
    biases = present(b_ih=b_ih, b_hh=b_hh)
    xp = namespace(x=x, w_ih=w_ih, w_hh=w_hh, **biases, **states)
    at_least("x", x, 1 + positions, "(..., positions, input)" if positions else "(..., input)")
    hidden = w_hh.shape[-1] if w_hh.ndim == 2 else 0
    if hidden == 0 or w_hh.shape[0] != gates * hidden:
        rows = "hidden" if gates == 1 else f"{gates} hidden"
        raise ValueError(f"w_hh has shape {tuple(w_hh.shape)}; allowed: ({rows}, hidden)")
    shapes = {
        "w_ih": (gates * hidden, x.shape[-1]),
        **dict.fromkeys(biases, (gates * hidden,)),
        **dict.fromkeys(states, (*x.shape[: x.ndim - 1 - positions], hidden)),
    }
    for name, array in {"w_ih": w_ih, **biases, **states}.items():
        if tuple(array.shape) != shapes[name]:
            raise ValueError(f"{name} has shape {tuple(array.shape)}; allowed: {shapes[name]}")
    return xp
