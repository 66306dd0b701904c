"""Every documented error, one by one: a ValueError that names the argument and what is allowed.

Shape checking is off here, as it is for users, so that the package's own message comes first.
"""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from transformer_math import attention, models, networks, probability

pytestmark = pytest.mark.usefixtures("unchecked")

X = np.ones((2, 6))
W = np.ones((6, 6))
INTEGERS = np.ones((2, 6), dtype=int)
HEADS = np.ones((4, 2, 6))  # heads, positions, width
B2, B3 = np.ones((2, 4, 2, 6)), np.ones((3, 4, 2, 6))  # the same in batches of 2 and 3
SCALAR = np.float64(1.0)
MASK = np.ones((2, 2), dtype=bool)
NOT_POSITIVE = [0, -1.0, math.nan, math.inf, "1", None, True]
NOT_A_COUNT = [0, -1, 1.5, "2", True]


def case(name, call, *words):
    return pytest.param(call, words, id=name)


def each(name, values, call, *words):
    return [case(f"{name} {value!r}", lambda v=value: call(v), *words) for value in values]


SOFTMAX = [
    case(
        "softmax list",
        lambda: probability.softmax([1.0]),
        "x is a list",
        "NumPy array or a torch tensor",
    ),
    case(
        "softmax integers",
        lambda: probability.softmax(INTEGERS),
        "x has dtype int64",
        "floating-point",
    ),
    case("softmax Boolean", lambda: probability.softmax(MASK), "x has dtype bool"),
    case("softmax complex", lambda: probability.softmax(X * 1j), "x has dtype complex128"),
    case("softmax axis", lambda: probability.softmax(X, axis=2), "axis is 2", "(2, 6)"),
    case("softmax scalar", lambda: probability.softmax(SCALAR), "axis is -1", "()"),
    case(
        "softmax empty", lambda: probability.softmax(np.ones((2, 0))), "axis", "at least one entry"
    ),
    *each(
        "softmax T", NOT_POSITIVE, lambda t: probability.softmax(X, temperature=t), "temperature is"
    ),
    case("logsumexp list", lambda: probability.logsumexp([1.0]), "x is a list"),
    case("logsumexp axis", lambda: probability.logsumexp(X, axis=-3), "axis is -3"),
    case("logsumexp empty", lambda: probability.logsumexp(np.ones((0, 2)), axis=0), "axis is 0"),
    case("jacobian list", lambda: probability.softmax_jacobian([1.0]), "p is a list"),
    case("jacobian scalar", lambda: probability.softmax_jacobian(SCALAR), "axis is -1"),
    case(
        "backward shape", lambda: probability.softmax_backward(X, X[:1]), "grad", "(1, 6)", "(2, 6)"
    ),
    case(
        "backward dtype", lambda: probability.softmax_backward(X, X.astype("f")), "grad", "float32"
    ),
    case(
        "backward kind",
        lambda: probability.softmax_backward(X, torch.ones(2, 6)),
        "libraries",
        "grad",
    ),
    case("entropy list", lambda: probability.entropy([0.5, 0.5]), "p is a list"),
    case("entropy axis", lambda: probability.entropy(X, axis=5), "axis is 5"),
    case("entropy negative", lambda: probability.entropy(-X), "p has a negative entry"),
    case("entropy NaN", lambda: probability.entropy(X * math.nan), "p has", "NaN"),
    *each(
        "entropy b", [*NOT_POSITIVE, 1, 0.5], lambda b: probability.entropy(X, base=b), "base is"
    ),
]

MASKS = [
    *each("causal queries", [*NOT_A_COUNT, None], lambda n: attention.causal_mask(n), "queries is"),
    *each(
        "causal keys", NOT_A_COUNT, lambda n: attention.causal_mask(2, n), "keys is", "at least 1"
    ),
    case("causal like", lambda: attention.causal_mask(2, like="numpy"), "like is a str"),
    *each("window", [*NOT_A_COUNT, None], lambda w: attention.window_mask(2, w), "window is"),
    case("window queries", lambda: attention.window_mask(0, 1), "queries is 0"),
    case("window keys", lambda: attention.window_mask(1, 1, 0), "keys is 0"),
    case("window like", lambda: attention.window_mask(1, 1, like=[1]), "like is a list"),
    *each(
        "prefix", [-1, 1.0, None], lambda p: attention.prefix_mask(2, p), "prefix is", "at least 0"
    ),
    case("prefix long", lambda: attention.prefix_mask(2, 3), "prefix is 3", "number of keys, 2"),
    case("prefix queries", lambda: attention.prefix_mask(0, 0), "queries is 0"),
    case("prefix keys", lambda: attention.prefix_mask(1, 0, 0), "keys is 0"),
    case("prefix like", lambda: attention.prefix_mask(1, 1, like=1), "like is a int"),
    *each(
        "padding keys", [*NOT_A_COUNT, None], lambda n: attention.padding_mask([1], n), "keys is"
    ),
    case(
        "padding long", lambda: attention.padding_mask([1, 5], 4), "lengths are [1, 5]", "keys, 4"
    ),
    case("padding negative", lambda: attention.padding_mask([-1], 4), "lengths", "from 0"),
    case("padding fraction", lambda: attention.padding_mask([1.5], 4), "lengths", "whole numbers"),
    case("padding Boolean", lambda: attention.padding_mask(MASK, 4), "lengths have dtype bool"),
    case("padding words", lambda: attention.padding_mask(["a"], 4), "lengths", "whole numbers"),
    case("padding ragged", lambda: attention.padding_mask([[1], [1, 2]], 4), "lengths"),
    case("padding none", lambda: attention.padding_mask(None, 4), "lengths", "whole numbers"),
    case("padding like", lambda: attention.padding_mask([1], 4, like=[1]), "like is a list"),
]


def attending(attend):
    """Errors that attention in one piece and attention block by block have in common."""
    q3, k3 = HEADS, HEADS[:3]
    name = attend.__name__
    return [
        case(f"{name} list", lambda: attend([[1.0]], X, X), "q is a list"),
        case(f"{name} none", lambda: attend(None, X, X), "q is a NoneType"),
        case(f"{name} integers", lambda: attend(X, INTEGERS, X), "k has dtype int64"),
        case(f"{name} dtypes", lambda: attend(X, X, X.astype("f")), "v has dtype float32", "q has"),
        case(f"{name} libraries", lambda: attend(X, torch.ones(2, 6), X), "libraries"),
        case(f"{name} q vector", lambda: attend(X[0], X, X), "q has shape (6,)", "positions"),
        case(f"{name} k vector", lambda: attend(X, X[0], X[0, 0]), "k has shape (6,)"),
        case(f"{name} widths", lambda: attend(X, X[:, :5], X), "k has width 5", "width of q, 6"),
        case(f"{name} keys", lambda: attend(X, X, X[:1]), "v has shape (1, 6)", "(2,)"),
        case(f"{name} v heads", lambda: attend(q3, q3, k3), "v has shape (3, 2, 6)"),
        case(f"{name} heads", lambda: attend(q3, k3, k3), "k has 3 heads", "divisor", "4"),
        case(f"{name} more heads", lambda: attend(q3[:2], q3, q3), "k has 4 heads", "2 heads"),
        case(
            f"{name} no keys", lambda: attend(X, X[:0], X[:0]), "k has shape (0, 6)", "at least one"
        ),
        case(f"{name} float mask", lambda: attend(X, X, X, X @ X.T), "mask has dtype float64"),
        case(f"{name} list mask", lambda: attend(X, X, X, [[True]]), "mask has type list"),
        case(f"{name} other mask", lambda: attend(X, X, X, torch.ones(2, 2) > 0), "libraries"),
        case(f"{name} mask size", lambda: attend(X, X, X, MASK[:, [0, 0, 0]]), "mask", "(2, 3)"),
        case(f"{name} mask batch", lambda: attend(X, X, X, MASK[None]), "mask", "(1, 2, 2)"),
        *each(
            f"{name} scale",
            [math.nan, math.inf, "1", True, torch.ones(())],
            lambda s: attend(X, X, X, scale=s),
            "scale is",
        ),
    ]


ATTENTION = [
    *attending(attention.attention),
    *attending(attention.online_attention),
    *each(
        "cap", NOT_POSITIVE[:-2], lambda c: attention.attention(X, X, X, softcap=c), "softcap is"
    ),
    *each("block", NOT_A_COUNT, lambda b: attention.online_attention(X, X, X, block=b), "block is"),
    case("scores list", lambda: attention.attention_scores([[1.0]], X), "q is a list"),
    case("scores vector", lambda: attention.attention_scores(X[0], X), "q has shape (6,)"),
    case("scores width", lambda: attention.attention_scores(X, X[:, 1:]), "k has width 5"),
    case("scores heads", lambda: attention.attention_scores(HEADS, HEADS[:3]), "k has 3 heads"),
    case("scores scale", lambda: attention.attention_scores(X, X, math.inf), "scale is inf"),
    case("steps list", lambda: attention.online_softmax_steps([1.0]), "scores is a list"),
    case("steps scalar", lambda: attention.online_softmax_steps(SCALAR), "scores have shape ()"),
    case(
        "steps empty", lambda: attention.online_softmax_steps(X[:, :0]), "scores have shape (2, 0)"
    ),
    case(
        "variance moment",
        lambda: attention.score_variance(W, X, W[0], W[0]),
        "k_second_moment",
        "2",
    ),
    case("variance mean", lambda: attention.score_variance(W, W, W[0], W[0, :5]), "k_mean", "(5,)"),
    case(
        "variance dtype",
        lambda: attention.score_variance(W, W, W[0], INTEGERS[0]),
        "k_mean",
        "int64",
    ),
]


def mha(x=X, w_q=W, w_k=W, w_v=W, w_o=W, heads=2, *args, **options):
    return attention.multi_head_attention(x, w_q, w_k, w_v, w_o, heads, *args, **options)


MULTIHEAD = [
    case("split vector", lambda: attention.split_heads(X[0], 2), "x has shape (6,)"),
    case("split list", lambda: attention.split_heads([[1.0]], 1), "x is a list"),
    case(
        "split width", lambda: attention.split_heads(X, 4), "heads is 4", "divisor of the width, 6"
    ),
    *each("split heads", NOT_A_COUNT, lambda h: attention.split_heads(X, h), "heads is"),
    case("merge matrix", lambda: attention.merge_heads(X), "x has shape (2, 6)", "heads"),
    case("merge list", lambda: attention.merge_heads([[[1.0]]]), "x is a list"),
    case("mha x", lambda: mha(x=X[0]), "x has shape (6,)"),
    case("mha list", lambda: mha(x=[[1.0]]), "x is a list"),
    case("mha weight", lambda: mha(w_v=None), "w_v is a NoneType"),
    case("mha dtype", lambda: mha(w_k=W.astype("f")), "w_k has dtype float32"),
    case("mha libraries", lambda: mha(w_k=torch.ones(6, 6)), "libraries"),
    *each("mha heads", NOT_A_COUNT, lambda h: mha(heads=h), "heads is"),
    *each("mha kv_heads", NOT_A_COUNT, lambda h: mha(kv_heads=h), "kv_heads is"),
    case("mha heads divide", lambda: mha(heads=4), "w_q has 6 columns", "4 heads"),
    case("mha kv divide", lambda: mha(heads=6, kv_heads=4), "kv_heads is 4", "divisor of heads, 6"),
    case("mha kv columns", lambda: mha(w_k=W[:, :5], kv_heads=2), "w_k has 5 columns", "2 heads"),
    case("mha v columns", lambda: mha(w_v=W[:, :5]), "w_v has 5 columns"),
    case("mha widths", lambda: mha(w_k=W[:, :4]), "k has width 2", "width of q, 3"),
    case("mha rows q", lambda: mha(w_q=W[:5]), "w_q has shape (5, 6)", "6 rows"),
    case("mha rows k", lambda: mha(context=X[:, :5]), "w_k has shape (6, 6)", "5 rows"),
    case("mha rows o", lambda: mha(w_o=W[:5]), "w_o has shape (5, 6)", "6 rows"),
    case("mha dimensions", lambda: mha(w_o=W[0]), "w_o has shape (6,)"),
    case("mha context", lambda: mha(context=X[0]), "context has shape (6,)"),
    *[
        case(f"mha {b}", lambda b=b: mha(**{b: W[0, :5]}), f"{b} has shape (5,)", "(6,)")
        for b in ("b_q", "b_k", "b_v", "b_o")
    ],
    case("mha mask", lambda: mha(mask=X[:, :2]), "mask has dtype float64"),
    case("mha scale", lambda: mha(scale=math.nan), "scale is nan"),
    case("qk list", lambda: attention.qk_circuit([[1.0]], W, 1), "w_q is a list"),
    case("qk vector", lambda: attention.qk_circuit(W[0], W, 1), "w_q has shape (6,)"),
    case("qk heads", lambda: attention.qk_circuit(W, W, 4), "w_q has 6 columns"),
    case("qk kv_heads", lambda: attention.qk_circuit(W, W, 3, 2), "kv_heads is 2"),
    case(
        "qk widths", lambda: attention.qk_circuit(W, W[:, :3], 3), "w_k has heads of width 1", "2"
    ),
    case("ov list", lambda: attention.ov_circuit(W, [[1.0]], 1), "w_o is a list"),
    case("ov vector", lambda: attention.ov_circuit(W, W[0], 1), "w_o has shape (6,)"),
    case("ov heads", lambda: attention.ov_circuit(W, W, 4), "w_v has 6 columns"),
    case("ov rows", lambda: attention.ov_circuit(W, W[:4], 3), "w_o has 4 rows", "6"),
    case("ov kv_heads", lambda: attention.ov_circuit(W, W, 3, 2), "kv_heads is 2"),
]

MODULES = [
    *each("module width", NOT_A_COUNT, lambda n: attention.MultiHeadAttention(n, 1), "width is"),
    *each("module heads", NOT_A_COUNT, lambda n: attention.MultiHeadAttention(4, n), "heads is"),
    *each("module kv", NOT_A_COUNT, lambda n: attention.MultiHeadAttention(4, 2, n), "kv_heads is"),
    *each(
        "module c",
        NOT_A_COUNT,
        lambda n: attention.MultiHeadAttention(4, 2, 2, n),
        "context_width is",
    ),
    case("module divide", lambda: attention.MultiHeadAttention(4, 3), "heads is 3", "width, 4"),
    case(
        "module kv divide",
        lambda: attention.MultiHeadAttention(8, 4, 3),
        "kv_heads is 3",
        "heads, 4",
    ),
    *[
        case(
            f"model {i}",
            lambda i=i: models.AttentionOnly(*[4] * i, 0, *[4] * (4 - i)),
            f"{name} is 0",
        )
        for i, name in enumerate(("vocabulary", "width", "heads", "layers", "context"))
    ],
    case("model divide", lambda: models.AttentionOnly(5, 4, 3, 1, 4), "heads is 3"),
    case("tokens long", lambda: MODEL(torch.ones(2, 5, dtype=int)), "tokens", "(2, 5)", "1 to 4"),
    case("tokens empty", lambda: MODEL(torch.ones(2, 0, dtype=int)), "tokens", "(2, 0)"),
    case("tokens scalar", lambda: MODEL(torch.tensor(1)), "tokens have shape ()"),
    case("tokens floats", lambda: MODEL(torch.ones(2, 3)), "tokens have dtype torch.float32"),
    case("tokens Boolean", lambda: MODEL(torch.ones(3) > 0), "tokens have dtype torch.bool"),
    case("tokens large", lambda: MODEL(torch.tensor([1, 5])), "from 1 to 5", "from 0 to 4"),
    case("tokens negative", lambda: MODEL(torch.tensor([-1, 0])), "from -1 to 0"),
]
MODEL = models.AttentionOnly(vocabulary=5, width=4, heads=2, layers=1, context=4)

NORM = [
    case("norm list", lambda: networks.layer_norm([1.0]), "x is a list"),
    case("norm integers", lambda: networks.layer_norm(INTEGERS), "x has dtype int64"),
    case("norm scalar", lambda: networks.layer_norm(SCALAR), "x has shape ()"),
    case("norm empty", lambda: networks.layer_norm(X[:, :0]), "x has shape (2, 0)"),
    case("norm gain", lambda: networks.layer_norm(X, gain=X), "gain has shape (2, 6)", "(6,)"),
    case("norm bias", lambda: networks.layer_norm(X, bias=X[0, :5]), "bias has shape (5,)", "(6,)"),
    case("norm dtype", lambda: networks.layer_norm(X, X[0].astype("f")), "gain has dtype float32"),
    *each("norm eps", NOT_POSITIVE, lambda e: networks.layer_norm(X, eps=e), "eps is"),
]

DYNAMICS = [
    case("rank list", lambda: attention.residual_to_rank_one([[1.0]]), "x is a list"),
    case("rank vector", lambda: attention.residual_to_rank_one(X[0]), "x has shape (6,)"),
    case("rank empty", lambda: attention.residual_to_rank_one(X[:0]), "x has shape (0, 6)"),
    case("repeat list", lambda: attention.repeated_attention([[1.0]], 1), "x is a list"),
    case("repeat vector", lambda: attention.repeated_attention(X[0], 1), "x has shape (6,)"),
    case("repeat empty", lambda: attention.repeated_attention(X[:0], 1), "x has shape (0, 6)"),
    *each("layers", [-1, 1.5, None], lambda n: attention.repeated_attention(X, n), "layers is"),
    *each("T", NOT_POSITIVE, lambda t: attention.repeated_attention(X, 1, t), "temperature is"),
]


@pytest.mark.parametrize(
    ("call", "words"), SOFTMAX + MASKS + ATTENTION + MULTIHEAD + MODULES + NORM + DYNAMICS
)
def test_error_names_the_argument_and_what_is_allowed(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_shape_checking_is_on_in_the_other_tests():
    """Else the signatures would not be tested at all."""
    import jaxtyping

    jaxtyping.config.update("jaxtyping_disable", False)
    for wrong in (
        lambda: probability.softmax_backward(X, X[:1]),
        lambda: networks.layer_norm(X, gain=X),
    ):
        with pytest.raises(jaxtyping.TypeCheckError):
            wrong()


def test_importing_the_package_does_not_import_torch():
    code = (
        "import sys, numpy; from transformer_math import attention, data, decoding, evaluation,"
        "calculus, learning, models, networks, positions, probability, tokenizers;"
        "probability.softmax(numpy.ones(2)); attention.attention(*[numpy.ones((2, 2))] * 3);"
        "assert not {'torch', 'jaxtyping', 'courseware'} & set(sys.modules), 'imported too much';"
        "assert set(attention.__all__) <= set(dir(attention))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_name():
    with pytest.raises(AttributeError, match="attend"):
        attention.attend  # noqa: B018
