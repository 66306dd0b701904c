r"""Reverse-mode differentiation, one number at a time.

Every operation leaves a :class:`Value` that remembers what it was made from and how fast it changes
with each of those. Walking the graph once from the result to the inputs multiplies and adds these
local derivatives: that is the chain rule, and all of backpropagation.
"""

import math

from ..arrays import Number, is_finite, whole


class Value:
    r"""A number that knows how it was computed, and can be differentiated.

    .. math:: \frac{\partial L}{\partial x} = \sum_{c \,:\, x \to c}
              \frac{\partial L}{\partial c} \frac{\partial c}{\partial x}

    The sum runs over the arrows that leave x: the results c that x was an argument of. The
    operations are ``+ - * / **``, unary minus, and the methods below. Plain numbers mix with
    values and become leaves themselves. A plain exponent stays part of its operation, such as
    ``**2``, so its base may be negative; if the exponent is a Value,
    :math:`x^y = e^{y \log x}` is what is computed.

    Parameters
    ----------
    data : a finite number.
    label : what to call the value in a drawing.

    Attributes
    ----------
    data : the number.
    grad : sum of the derivatives of everything :meth:`backward` was called on; set it to 0 to
        start again. Inner nodes have one too, as in torch after ``retain_grad()``.
    label : the name given.
    operation : how the value was made, such as ``"*"`` or ``"tanh"``; empty for a leaf.
    parents : a pair for each argument of the operation, the Value and the local derivative with
        respect to it; empty for a leaf.

    Raises
    ------
    ValueError
        If ``data`` or the other operand is not a finite number; if an operation is not defined or
        has no finite derivative there (division by 0, ``log`` of a number that is not above 0, so
        also a base not above 0 under a Value as exponent, a negative base under a fractional
        exponent, 0 under an exponent below 1 other than 0); or if a result, a local derivative or,
        going backward, a product of derivatives overflows.

    Source: Rumelhart, Hinton and Williams (1986), https://doi.org/10.1038/323533a0; survey:
    Baydin et al. (2018), https://arxiv.org/abs/1502.05767
    """

    __slots__ = ("data", "grad", "label", "operation", "parents")

    def __init__(self, data: Number, label: str = ""):
        self.data, self.grad, self.label = _number("data", data), 0.0, label
        self.operation, self.parents = "", ()

    def __repr__(self) -> str:
        return f"Value({self.data:.6g}, grad={self.grad:.6g})"

    def __add__(self, other):
        other = _value(other)
        return _node("+", self.data + other.data, (self, 1.0), (other, 1.0))

    def __sub__(self, other):
        other = _value(other)
        return _node("-", self.data - other.data, (self, 1.0), (other, -1.0))

    def __mul__(self, other):
        other = _value(other)
        return _node("*", self.data * other.data, (self, other.data), (other, self.data))

    def __truediv__(self, other):
        other = _value(other)
        _require(other.data != 0, "divisor", other.data, "any number but 0")
        ratio = self.data / other.data
        return _node("/", ratio, (self, 1 / other.data), (other, -ratio / other.data))

    def __pow__(self, exponent):
        if isinstance(exponent, Value):
            return (exponent * self.log()).exp()
        x, n = self.data, _number("exponent", exponent)
        _require(x >= 0 or n == int(n), "base", x, f"at least 0 for the exponent {n:g}")
        _require(x != 0 or n == 0 or n >= 1, "base", x, f"not 0 for the exponent {n:g}")
        slope = n * _or_infinity(pow, x, n - 1) if n else 0.0
        return _node(f"**{n:g}", _or_infinity(pow, x, n), (self, slope))

    def __neg__(self):
        return _node("-", -self.data, (self, -1.0))

    def __rsub__(self, other):
        return _value(other) - self

    def __rtruediv__(self, other):
        return _value(other) / self

    def __rpow__(self, other):
        return _value(other) ** self

    __radd__, __rmul__ = __add__, __mul__

    def exp(self):
        r""":math:`e^x`, its own derivative."""
        power = _or_infinity(math.exp, self.data)
        return _node("exp", power, (self, power))

    def log(self):
        r"""Natural logarithm, with derivative :math:`1/x`, of a number above 0."""
        _require(self.data > 0, "argument of log", self.data, "above 0")
        return _node("log", math.log(self.data), (self, 1 / self.data))

    def tanh(self):
        r"""Hyperbolic tangent t, with derivative :math:`1 - t^2`."""
        t = math.tanh(self.data)
        return _node("tanh", t, (self, 1 - t**2))

    def relu(self):
        r""":math:`\max(0, x)`, with derivative 1 above 0 and 0 elsewhere, also at 0."""
        return _node("relu", max(0.0, self.data), (self, float(self.data > 0)))

    def sigmoid(self):
        r""":math:`s = 1 / (1 + e^{-x})`, with derivative :math:`s (1 - s)`."""
        e = math.exp(-abs(self.data))  # of -x or of x, whichever cannot overflow
        s = (1.0 if self.data >= 0 else e) / (1 + e)
        return _node("sigmoid", s, (self, e / (1 + e) ** 2))

    def graph(self) -> tuple[list, list]:
        """List what this value was computed from, in the order of computation.

        Returns
        -------
        nodes : every Value once, parents before children; this one is the last.
        edges : (place of the parent in ``nodes``, place of the child, local derivative), one for
            each argument of each operation.
        """
        place, stack = {}, [self]
        while stack:  # a loop, since deep graphs are too much for recursion
            waiting = [parent for parent, _ in stack[-1].parents if parent not in place]
            if waiting:
                stack.extend(reversed(waiting))
            else:
                place.setdefault(stack.pop(), len(place))
        edges = [(place[x], place[node], slope) for node in place for x, slope in node.parents]
        return list(place), edges

    def adjoints(self, seed: Number = 1.0, steps: int | None = None) -> dict:
        """Differentiate this value with respect to every node of its graph; store nothing in them.

        Parameters
        ----------
        seed : what all derivatives are multiplied by.
        steps : stop after so many nodes, from this one backwards, have handed their derivative to
            their parents; None for all.

        Returns
        -------
        A dictionary from Value to derivative, of the nodes that anything has arrived at.
        """
        steps = None if steps is None else whole("steps", steps, least=0)
        adjoint = {self: _number("seed", seed)}
        for node in self.graph()[0][::-1][:steps]:
            for parent, slope in node.parents:
                adjoint[parent] = adjoint.get(parent, 0.0) + adjoint[node] * slope
                _require(math.isfinite(adjoint[parent]), "gradient", adjoint[parent], "finite")
        return adjoint

    def backward(self, seed: Number = 1.0) -> None:
        """Add the derivative of this value, times ``seed``, to ``grad`` of every node of its graph.

        The walk keeps numbers of its own (:meth:`adjoints`) and never reads ``grad``, so what an
        earlier call left in an inner node is not carried down a second time.
        """
        for node, adjoint in self.adjoints(seed).items():
            node.grad += adjoint


def _node(operation, data, *parents):
    """Make the result of an operation from pairs of a parent and the derivative by it."""
    numbers = data, *(slope for _, slope in parents)
    if not all(map(math.isfinite, numbers)):
        name = f"value and derivatives of {operation} at {[parent.data for parent, _ in parents]}"
        _require(False, name, numbers, "finite numbers")
    node = Value(data)
    node.operation, node.parents = operation, parents
    return node


def _value(other):
    return other if isinstance(other, Value) else Value(_number("operand", other))


def _number(name, value):
    usable = is_finite(value) and _or_infinity(float, value) < math.inf
    _require(usable, name, value, "a finite number")
    return float(value)


def _or_infinity(function, *arguments):
    """Python raises an error of its own where torch and NumPy say inf."""
    try:
        return function(*arguments)
    except OverflowError:
        return math.inf


def _require(condition, name, value, allowed):
    if not condition:
        raise ValueError(f"{name} is {value!r}; allowed: {allowed}")
