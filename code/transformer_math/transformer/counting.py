"""How many parameters a Transformer has, by formula."""

from dataclasses import dataclass, fields

from .config import TransformerConfig


@dataclass(frozen=True)
class ParameterCount:
    """Numbers of parameters, by what they are for.

    Parameters
    ----------
    tokens : token embeddings, :math:`V d`; in a tied model they are the unembedding, too.
    positions : learned positions, or the tables of T5's bias.
    segments : segment embeddings.
    attention : matrices and biases of the tokens' attention to each other.
    cross : those of a decoder's attention to its encoder.
    feed_forward : matrices and biases of the feed-forward networks.
    norms : gains and biases.
    head : an unembedding of its own; BERT's matrix and biases before and after it.
    """

    tokens: int
    positions: int
    segments: int
    attention: int
    cross: int
    feed_forward: int
    norms: int
    head: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(getattr(self, field.name) for field in fields(self))


def matrix_parameters(config: TransformerConfig) -> dict[str, int]:
    r"""Count the parameters of each matrix of one layer, with its bias.

    "query" has :math:`d \cdot h d_h`, "key" and "value" :math:`d \cdot h_{kv} d_h` each, "output"
    :math:`h d_h \cdot d` and "feed-forward" :math:`2 d F`, or gated :math:`3 d F`, and biases as in
    :func:`parameter_count`.

    Raises
    ------
    ValueError
        If ``config`` is not a TransformerConfig.
    """
    c, d = _checked(config), config.width
    q, kv = c.heads * c.head_width, c.kv_heads * c.head_width
    return {
        "query": d * q + c.bias * q,
        "key": d * kv + c.bias * kv,
        "value": d * kv + c.bias * kv,
        "output": q * d + c.bias * d,
        "feed-forward": (3 if c.gated else 2) * d * c.hidden + c.bias * (c.hidden + d),
    }


def _checked(config: TransformerConfig) -> TransformerConfig:
    if not isinstance(config, TransformerConfig):
        raise ValueError(f"config is a {type(config).__name__}; allowed: a TransformerConfig")
    return config


def parameter_count(config: TransformerConfig) -> ParameterCount:
    r"""Count the parameters without building the model.

    With F the width of the feed-forward network's hidden layer, a layer has

    .. math::
        \begin{aligned}
        \text{attention} &= 2\, d\, d_h (h + h_{kv}) & &+\; d_h (h + 2 h_{kv}) + d \\
        \text{feed-forward} &= 2\, d F \;\text{ or gated }\; 3\, d F & &+\; F + d \\
        \text{norm} &= d & &+\; d
        \end{aligned}

    where the right column is biases, which an RMS norm never has. For GPT-2 (:math:`F = 4d`,
    :math:`d = h\, d_h`, two norms a layer and one at the end) all of it adds up to

    .. math:: N = L (12 d^2 + 13 d) + V d + n_{\text{ctx}}\, d + 2 d

    Parameters
    ----------
    config : a :class:`~transformer_math.transformer.config.TransformerConfig`.

    Returns
    -------
    :class:`ParameterCount`, whose ``total`` is what counting the parameters of the model gives.
    Vaswani et al.'s base model, with 37,000 tokens, biases in every product, post-norm and one
    embedding for source, target and output, has 63,082,496.

    Raises
    ------
    ValueError
        If ``config`` is not a TransformerConfig.

    Source: sizes of the parts: Vaswani et al. (2017), https://arxiv.org/abs/1706.03762
    """
    c, d = _checked(config), config.width
    both = c.kind == "encoder-decoder"
    stacks = 2 if both else 1
    blocks, crossing = stacks * c.layers, c.layers if both else 0

    matrices = matrix_parameters(config)
    feed_forward = matrices.pop("feed-forward")
    attention = sum(matrices.values())
    norm = d * (2 if c.bias and c.norm == "layer" else 1)
    transforms = c.head == "transform"
    untied = c.head != "none" and not c.tied
    return ParameterCount(
        tokens=c.vocabulary * d,
        positions={"learned": c.context * d, "t5": stacks * c.buckets * c.heads}.get(
            c.positions, 0
        ),
        segments=c.segments * d,
        attention=blocks * attention,
        cross=crossing * attention,
        feed_forward=blocks * feed_forward,
        norms=norm
        * (2 * blocks + crossing + stacks * c.norm_first + c.embedding_norm + transforms),
        head=untied * c.vocabulary * d + transforms * (d * d + d + c.vocabulary),
    )
