r"""Activation functions, which act on every entry by itself, and their derivatives.

Softmax, which acts on a whole vector, has a module of its own:
:mod:`transformer_math.probability.softmax`.
"""

import inspect
import math

from array_api_compat import device, is_torch_array

from ..arrays import Array, Float, Number, is_finite, namespace, positive

# Beyond these arguments the normal distribution and the sigmoid are 0 or 1 in every dtype.
NORMAL_ENDS, SIGMOID_ENDS = 40.0, 1000.0


def sigmoid(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Logistic function: any number becomes a probability.

    .. math:: \sigma(x) = \frac{1}{1 + e^{-x}} = \frac{e^x}{1 + e^x}, \qquad
              \sigma'(x) = \sigma(x)\,\sigma(-x)

    The fraction is chosen whose exponential does not overflow.

    Parameters
    ----------
    x : log-odds, an array of any shape.

    Returns
    -------
    Array of the shape and dtype of ``x``, from 0 to 1.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array.
    """
    xp = namespace(x=x)
    if is_torch_array(x):
        return xp.sigmoid(x)  # the derivative of |x| below would be wrong at 0
    e = xp.exp(0.0 - xp.abs(x))
    return xp.where(x < 0, e, 1.0) / (1 + e)


def tanh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Hyperbolic tangent: a sigmoid from -1 to 1.

    .. math:: \tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}} = 2 \sigma(2x) - 1, \qquad
              \tanh' x = 1 - \tanh^2 x

    Parameters
    ----------
    x : array of any shape.

    Returns
    -------
    Array of the shape and dtype of ``x``, from -1 to 1.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array.
    """
    return namespace(x=x).tanh(x)


def relu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Rectified linear unit: negative entries become 0.

    .. math:: \operatorname{ReLU}(x) = \max(0, x)

    Parameters
    ----------
    x : array of any shape.

    Returns
    -------
    Array of the shape and dtype of ``x``. There is no derivative at 0; it is taken as 0.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array.

    Source: Glorot, Bordes and Bengio (2011), https://proceedings.mlr.press/v15/glorot11a.html
    """
    xp = namespace(x=x)
    return xp.where(x <= 0, 0.0, x)


def leaky_relu(x: Float[Array, "*shape"], slope: Number = 0.01) -> Float[Array, "*shape"]:
    r"""Rectified linear unit that lets a little of the negative through.

    .. math:: f(x) = \begin{cases} x & x > 0 \\ a x & x \le 0 \end{cases}

    Parameters
    ----------
    x : array of any shape.
    slope : a, the derivative below and at 0; a finite number.

    Returns
    -------
    Array of the shape and dtype of ``x``.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array or ``slope`` is not a finite number.

    Source: He et al. (2015), https://arxiv.org/abs/1502.01852 (with a learned)
    """
    xp = namespace(x=x)
    return xp.where(x > 0, x, _slope(slope) * x)


def gelu(x: Float[Array, "*shape"], approximate: bool = False) -> Float[Array, "*shape"]:
    r"""Gaussian error linear unit: each entry times the probability that a normal one is smaller.

    .. math:: \operatorname{GELU}(x) = x\, \Phi(x)
              = \frac{x}{2} \Bigl(1 + \operatorname{erf}\frac{x}{\sqrt 2}\Bigr)
              \approx \frac{x}{2} (1 + \tanh u), \qquad
              u = \sqrt{2 / \pi}\, (x + 0.044715\, x^3)

    Parameters
    ----------
    x : array of any shape.
    approximate : compute the expression with tanh, as GPT-2 does, instead of the exact one, as
        BERT and ViT do.

    Returns
    -------
    Array of the shape and dtype of ``x``, as accurate as :func:`normal_cdf`.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array or ``approximate`` is not True or False.

    Source: Hendrycks and Gimpel (2016), https://arxiv.org/abs/1606.08415
    """
    xp = namespace(x=x)
    z = _at_least(x, -NORMAL_ENDS, xp)  # so that -inf gives 0, not -inf times 0
    if not _flag("approximate", approximate):
        return z * normal_cdf(x)
    # (1 + tanh u) / 2 is sigmoid(2u), whose left tail keeps its digits.
    return z * sigmoid(2 * _gelu_inner(_between(x, NORMAL_ENDS, xp)))


def silu(x: Float[Array, "*shape"], beta: Number = 1.0) -> Float[Array, "*shape"]:
    r"""Sigmoid linear unit, or swish: each entry times its own sigmoid.

    .. math:: \operatorname{SiLU}(x) = x\, \sigma(\beta x)

    Parameters
    ----------
    x : array of any shape.
    beta : :math:`\beta > 0`. 1 is SiLU; a large one approaches ReLU, a small one x/2.

    Returns
    -------
    Array of the shape and dtype of ``x``.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array or ``beta`` is not a finite number above 0.

    Source: Ramachandran, Zoph and Le (2017), https://arxiv.org/abs/1710.05941; with beta = 1:
    Elfwing, Uchibe and Doya (2017), https://arxiv.org/abs/1702.03118
    """
    xp = namespace(x=x)
    beta = positive("beta", beta)
    end = -SIGMOID_ENDS / beta
    if is_torch_array(x) and beta == 1:  # the same formula in one pass over memory
        from torch.nn.functional import silu as kernel

        return kernel(xp.clamp(x, min=end))
    return _at_least(x, end, xp) * sigmoid(beta * x)  # -inf gives 0, not -inf times 0


def softplus(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Smooth rectifier, whose derivative is the sigmoid.

    .. math:: \operatorname{softplus}(x) = \log(1 + e^x) = -\log \sigma(-x)

    Parameters
    ----------
    x : array of any shape.

    Returns
    -------
    Array of the shape and dtype of ``x``; nothing overflows.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array.

    Source: Glorot, Bordes and Bengio (2011), https://proceedings.mlr.press/v15/glorot11a.html
    """
    xp = namespace(x=x)
    return xp.logaddexp(x, xp.zeros_like(x))


def swiglu(gate: Float[Array, "*shape"], value: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Gated linear unit with SiLU on the gate.

    .. math:: \operatorname{SwiGLU}(g, v) = \operatorname{SiLU}(g) \circ v, \qquad
              g = x W_{\text{gate}}, \quad v = x W_{\text{value}}

    Parameters
    ----------
    gate, value : g and v, two linear images of one input, of one shape.

    Returns
    -------
    Array of that shape.

    Raises
    ------
    ValueError
        If the two are not floating-point arrays of one dtype and one shape.

    Source: Shazeer (2020), https://arxiv.org/abs/2002.05202
    """
    _check_pair(gate, value)
    return silu(gate) * value


def geglu(gate: Float[Array, "*shape"], value: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Gated linear unit with GELU, by its definition, on the gate.

    .. math:: \operatorname{GEGLU}(g, v) = \operatorname{GELU}(g) \circ v

    Parameters
    ----------
    gate, value : g and v, two linear images of one input, of one shape.

    Returns
    -------
    Array of that shape.

    Raises
    ------
    ValueError
        If the two are not floating-point arrays of one dtype and one shape.

    Source: Shazeer (2020), https://arxiv.org/abs/2002.05202
    """
    _check_pair(gate, value)
    return gelu(gate) * value


def normal_cdf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    r"""Probability that a standard normal variable is at most x.

    .. math:: \Phi(x) = \frac12 \operatorname{erfc}\Bigl(-\frac{x}{\sqrt 2}\Bigr)
              = \frac12 \Bigl(1 + \operatorname{erf}\frac{x}{\sqrt 2}\Bigr)

    Parameters
    ----------
    x : array of any shape, in standard deviations from the mean.

    Returns
    -------
    Array of the shape and dtype of ``x``, from 0 to 1. NumPy arrays keep all digits in the left
    tail, where torch tensors are right to 1e-16 only: torch's erf is much faster than its erfc.

    Raises
    ------
    ValueError
        If ``x`` is not a floating-point array.
    """
    xp = namespace(x=x)
    z = x * -math.sqrt(0.5)
    if is_torch_array(x):
        return (1 - xp.erf(z)) / 2
    # The array standard has no error function; Python's own is exact to the last digit or two.
    flat = xp.reshape(z, (-1,))
    values = [math.erfc(v) for v in (flat.tolist() if hasattr(flat, "tolist") else flat)]
    return xp.reshape(xp.asarray(values, dtype=x.dtype, device=device(x)), x.shape) / 2


def activation_derivative(
    name: str, x: Float[Array, "*shape"], **options: Number
) -> Float[Array, "*shape"]:
    r"""Derivative of an activation function, by formula.

    .. math::
        \begin{aligned}
        \sigma' &= \sigma(x)\,\sigma(-x) &
        \tanh' &= 1 - \tanh^2 x = 4\, \sigma'(2x) \\
        \operatorname{ReLU}' &= [x > 0] &
        \operatorname{softplus}' &= \sigma(x) \\
        \operatorname{GELU}' &= \Phi(x) + x\, \varphi(x) &
        \operatorname{SiLU}' &= \sigma(\beta x) + \beta x\, \sigma'(\beta x)
        \end{aligned}

    Here :math:`\varphi(x) = e^{-x^2/2} / \sqrt{2\pi}`. The approximate GELU,
    :math:`x\,\sigma(2u)`, has :math:`\sigma(2u) + 2 x u' \sigma'(2u)`.

    Parameters
    ----------
    name : ``"sigmoid"``, ``"tanh"``, ``"relu"``, ``"leaky_relu"``, ``"gelu"``, ``"silu"`` or
        ``"softplus"``.
    x : where; array of any shape.
    options : those of the function itself: ``slope``, ``approximate``, ``beta``.

    Returns
    -------
    Array of the shape and dtype of ``x``. At 0 ReLU has 0 and leaky ReLU its ``slope``.

    Raises
    ------
    ValueError
        If ``name`` or an option is unknown, an option has a wrong value, or ``x`` is not a
        floating-point array.
    """
    if not isinstance(name, str) or name not in _DERIVATIVES:
        raise ValueError(f"name is {name!r}; allowed: {', '.join(_DERIVATIVES)}")
    formula = _DERIVATIVES[name]
    known = list(inspect.signature(formula).parameters)[2:]
    for option in options:
        if option not in known:
            allowed = ", ".join(known) or "no option"
            raise ValueError(f"{option} is no option of {name}; allowed: {allowed}")
    return formula(x, namespace(x=x), **options)


def _relu_derivative(x, xp):
    return xp.where(x > 0, 1.0, 0.0 * _between(x, 1.0, xp))  # NaN stays NaN


def _leaky_relu_derivative(x, xp, slope=0.01):
    return xp.where(x > 0, 1.0, _slope(slope) + 0.0 * _between(x, 1.0, xp))


def _gelu_derivative(x, xp, approximate=False):
    x = _between(x, NORMAL_ENDS, xp)
    if _flag("approximate", approximate):
        twice_u = 2 * _gelu_inner(x)
        inner = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
        return sigmoid(twice_u) + 2 * x * inner * _sigmoid_derivative(twice_u)
    return normal_cdf(x) + x * xp.exp(x**2 / -2) / math.sqrt(2 * math.pi)


def _silu_derivative(x, xp, beta=1.0):
    z = _between(positive("beta", beta) * x, SIGMOID_ENDS, xp)
    return sigmoid(z) + z * _sigmoid_derivative(z)


def _sigmoid_derivative(x, xp=None):
    return sigmoid(x) * sigmoid(0.0 - x)


_DERIVATIVES = {
    "sigmoid": _sigmoid_derivative,
    "tanh": lambda x, xp: 4 * _sigmoid_derivative(2 * x),
    "relu": _relu_derivative,
    "leaky_relu": _leaky_relu_derivative,
    "gelu": _gelu_derivative,
    "silu": _silu_derivative,
    "softplus": lambda x, xp: sigmoid(x),
}


def _gelu_inner(x):
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def _at_least(x, end, xp):
    return xp.clamp(x, min=end) if is_torch_array(x) else xp.where(x < end, end, x)


def _between(x, end, xp):
    """Move what lies beyond -end or end to there."""
    x = _at_least(x, -end, xp)
    return xp.where(x > end, end, x)


def _slope(slope):
    if not is_finite(slope):
        raise ValueError(f"slope is {slope!r}; allowed: a finite number")
    return float(slope)


def _flag(name, value):
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}; allowed: True or False")
    return value


def _check_pair(gate, value):
    namespace(gate=gate, value=value)
    if gate.shape != value.shape:
        raise ValueError(
            f"value has shape {tuple(value.shape)}; allowed: the shape of gate, {tuple(gate.shape)}"
        )
