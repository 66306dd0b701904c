r"""Reaching further than was trained: changed frequencies for rotary position embedding.

A model trained on L positions has seen only some angles of its slow planes. Every recipe here
slows planes down so that s times as many positions stay within what was seen; they differ in which
planes they slow, and by how much.
"""

import math
from dataclasses import dataclass, fields

from ..arrays import Array, Float, Number, is_finite, library, positive, whole
from .rotary import even, rotary_frequencies

_USES = {
    "default": (),
    "linear": ("factor",),
    "ntk": ("factor",),
    "dynamic": ("factor", "original_context"),
    "yarn": (
        "factor",
        "original_context",
        "beta_fast",
        "beta_slow",
        "ramp",
        "truncate",
        "fixed_attention_factor",
    ),
    "llama3": ("factor", "original_context", "low_frequency_factor", "high_frequency_factor"),
}


@dataclass(frozen=True)
class RopeScaling:
    r"""A recipe for the frequencies of rotary position embedding beyond the trained context.

    With the trained frequencies :math:`\theta_i`, the stretch s, the trained context L and the
    number of turns that plane i makes within it, :math:`r_i = L \theta_i / 2\pi`:

    .. math:: \begin{aligned}
        \text{linear:} \quad & \theta'_i = \theta_i / s \\
        \text{ntk:} \quad & \theta'_i = b'^{-2i/d}, \quad b' = b\, s^{d/(d-2)} \\
        \text{dynamic:} \quad & \text{as ntk, with } s n / L - (s - 1) \text{ instead of } s
            \text{, for length } n \ge L \\
        \text{yarn, llama3:} \quad & \theta'_i = (1 - \gamma_i)\, \theta_i / s + \gamma_i \theta_i
        \end{aligned}

    Linear (position interpolation) slows all planes alike. NTK-aware slows the fastest not at all
    and the slowest by s. Dynamic NTK does so by what the present length needs, so nothing changes
    up to L. The last two keep a share :math:`\gamma_i` of each plane:

    .. math:: \begin{aligned}
        \text{llama3, and yarn by turns:} \quad & \gamma_i = \operatorname{clip}\Bigl(
            \frac{r_i - \alpha}{\beta - \alpha}, 0, 1 \Bigr) \\
        \text{yarn by index:} \quad & \gamma_i = 1 - \operatorname{clip}\Bigl(
            \frac{i - \lfloor i_\beta \rfloor}{\lceil i_\alpha \rceil - \lfloor i_\beta \rfloor},
            0, 1 \Bigr), \quad i_\rho = \frac{d \ln (L / 2 \pi \rho)}{2 \ln b}
        \end{aligned}

    where :math:`i_\rho` is the (fractional) plane that makes :math:`\rho` turns. The paper of YaRN
    gives the ramp in turns, its authors' code and Hugging Face's the ramp in the index. Both are 0
    and 1 at (about) the same planes and differ in between: turns fall geometrically with the index,
    so the paper's ramp keeps less of the planes in the middle.

    Parameters
    ----------
    kind : ``"default"`` (no change), ``"linear"``, ``"ntk"``, ``"dynamic"``, ``"yarn"`` or
        ``"llama3"``.
    factor : s, at least 1; every kind but default.
    original_context : L, in tokens; needed by dynamic, yarn and llama3.
    beta_fast, beta_slow : :math:`\beta` and :math:`\alpha` of yarn, in turns.
    ramp : ``"index"`` or ``"turns"``, of yarn.
    truncate : whether the ends of yarn's ramp by index are rounded outwards, as above.
    fixed_attention_factor : of yarn, instead of 0.1 ln s + 1.
    low_frequency_factor, high_frequency_factor : :math:`\alpha` and :math:`\beta` of llama3, in
        turns.

    Raises
    ------
    ValueError
        If the kind is unknown, an option is not as said, one that the kind needs is missing, or
        one is given that the kind does not use (only ``original_context`` may always be given).

    Source: linear: Chen et al. (2023), https://arxiv.org/abs/2306.15595; ntk, dynamic, yarn: Peng
    et al. (2024), https://arxiv.org/abs/2309.00071; llama3: Grattafiori et al. (2024),
    https://arxiv.org/abs/2407.21783, and Meta's code, https://github.com/meta-llama/llama-models
    """

    kind: str = "default"
    factor: Number = 1.0
    original_context: int | None = None
    beta_fast: Number = 32.0
    beta_slow: Number = 1.0
    ramp: str = "index"
    truncate: bool = True
    fixed_attention_factor: Number | None = None
    low_frequency_factor: Number = 1.0
    high_frequency_factor: Number = 4.0

    def __post_init__(self):
        if self.kind not in _USES:
            raise ValueError(f"kind is {self.kind!r}; allowed: {', '.join(map(repr, _USES))}")
        uses = _USES[self.kind]
        for field in fields(self):
            unused = field.name not in ("kind", "original_context", *uses)
            if unused and getattr(self, field.name) != field.default:
                raise ValueError(
                    f"{field.name} is {getattr(self, field.name)!r}, which kind {self.kind!r} does "
                    f"not use; allowed: {', '.join(uses) or 'nothing but kind'}"
                )
        if not is_finite(self.factor) or self.factor < 1:
            raise ValueError(f"factor is {self.factor!r}; allowed: a finite number of at least 1")
        if self.original_context is not None:
            whole("original_context", self.original_context)
        elif "original_context" in uses:
            raise ValueError(
                f"original_context is None; allowed for kind {self.kind!r}: the number of tokens "
                "that the model was trained on"
            )
        _check_pair("beta_slow", self.beta_slow, "beta_fast", self.beta_fast)
        _check_pair(
            "low_frequency_factor",
            self.low_frequency_factor,
            "high_frequency_factor",
            self.high_frequency_factor,
        )
        if self.ramp not in ("index", "turns"):
            raise ValueError(f"ramp is {self.ramp!r}; allowed: 'index' or 'turns'")
        if not isinstance(self.truncate, bool):
            raise ValueError(f"truncate is {self.truncate!r}; allowed: True or False")
        if self.fixed_attention_factor is not None:
            positive("fixed_attention_factor", self.fixed_attention_factor)
        if self.kind == "yarn" and self.original_context <= 2 * math.pi * self.beta_slow:
            raise ValueError(
                f"original_context is {self.original_context}; allowed for kind 'yarn': above "
                f"2 pi beta_slow = {2 * math.pi * self.beta_slow:.4g}, else no plane turns enough"
            )

    @property
    def attention_factor(self) -> float:
        r"""What queries and keys are multiplied by, each: ``rotate``'s argument of that name.

        .. math:: \sqrt{1/t} = 0.1 \ln s + 1

        for yarn, unless ``fixed_attention_factor`` is given; 1 for every other kind. Scores are
        multiplied by its square.
        """
        if self.kind != "yarn":
            return 1.0
        if self.fixed_attention_factor is not None:
            return float(self.fixed_attention_factor)
        return 0.1 * math.log(self.factor) + 1.0

    def frequencies(
        self, width: int, base: Number = 10000.0, length: int | None = None
    ) -> Float[Array, "half"]:
        r"""The changed frequencies :math:`\theta'_i`.

        Parameters
        ----------
        width : d, even; ntk and dynamic: at least 4.
        base : b > 1, that the model was trained with.
        length : n, tokens in the present sequence. Only dynamic looks at it, and takes None, like
            anything up to L, for L.

        Returns
        -------
        NumPy array of float64, in radians a position: ``rotate``'s ``frequencies``.

        Raises
        ------
        ValueError
            If ``width`` is not even or too small, ``base`` is not a finite number above 1, or
            ``length`` is not a whole number of at least 1.
        """
        xp, _ = library(None)
        if length is not None:
            whole("length", length)
        theta = rotary_frequencies(width, base)
        if self.kind == "linear":
            return theta / self.factor
        if self.kind in ("ntk", "dynamic"):
            stretch = self.factor
            if self.kind == "dynamic":
                n = max(length or 0, self.original_context)
                stretch = self.factor * n / self.original_context - (self.factor - 1)
            if even("width", width) == 2:
                raise ValueError(f"width is 2; allowed for kind {self.kind!r}: at least 4")
            return rotary_frequencies(width, base * stretch ** (width / (width - 2)))
        if self.kind in ("yarn", "llama3"):
            kept = self._kept(theta, width, base, xp)
            return (1 - kept) * theta / self.factor + kept * theta
        return theta

    def _kept(self, theta, width, base, xp):
        """Share of each plane that stays as it was trained."""
        if self.kind == "yarn" and self.ramp == "index":
            first = _plane(self.beta_fast, width, base, self.original_context)
            last = _plane(self.beta_slow, width, base, self.original_context)
            if self.truncate:
                first, last = math.floor(first), math.ceil(last)
            first, last = max(first, 0), min(last, width - 1)
            last = last + 0.001 if first == last else last  # as the authors' code does
            i = xp.arange(width // 2, dtype=xp.float64)
            return 1 - xp.clip((i - first) / (last - first), 0.0, 1.0)
        low, high = (
            (self.beta_slow, self.beta_fast)
            if self.kind == "yarn"
            else (self.low_frequency_factor, self.high_frequency_factor)
        )
        turns = self.original_context * theta / (2 * math.pi)
        return xp.clip((turns - low) / (high - low), 0.0, 1.0)


def _plane(turns, width, base, context):
    """Index of the plane that makes so many turns within the context, not rounded."""
    return width * math.log(context / (2 * math.pi * turns)) / (2 * math.log(base))


def _check_pair(low_name, low, high_name, high):
    positive(low_name, low)
    if positive(high_name, high) <= low:
        raise ValueError(f"{high_name} is {high}; allowed: above {low_name}, {low}")
