"""Reading longer than trained: every way of reading against a slow one, and the shipped losses."""

import shutil

import numpy as np
import pytest
import torch

from transformer_math.decoding import WindowCache
from transformer_math.models.files import digest
from transformer_math.models.long_context import (
    long_context,
    long_windows,
    reread_losses,
    streamed_losses,
    stretched,
    token_losses,
)
from transformer_math.models.long_context.measure import BUCKET, METHODS, measured
from transformer_math.models.long_context.results import HERE, by_bucket, load
from transformer_math.models.small_gpt import small_gpt
from transformer_math.models.small_gpt.model import HERE as SMALL_GPT
from transformer_math.positions import RopeScaling
from transformer_math.transformer import Transformer, TransformerConfig

LIMIT = dict(rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    config = TransformerConfig(
        vocabulary=13, width=8, heads=2, layers=2, hidden=16, context=8, positions="rotary"
    )
    model = Transformer(config).eval().requires_grad_(False)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.6)
    return model


@pytest.fixture(scope="module")
def windows():
    return torch.randint(13, (5, 25), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def shipped():
    return long_context()


def test_losses_are_cross_entropies(tiny, windows):
    short = windows[:, :9]
    expected = torch.nn.functional.cross_entropy(
        tiny(short[:, :-1]).transpose(1, 2), short[:, 1:], reduction="none"
    )
    torch.testing.assert_close(token_losses(tiny, short), expected, **LIMIT)


def test_a_longer_model_says_the_same_within_the_context(tiny, windows):
    longer = stretched(tiny, 24)
    torch.testing.assert_close(
        token_losses(longer, windows)[:, :8], token_losses(tiny, windows[:, :9]), **LIMIT
    )
    assert tiny.config.context == 8 and longer.config.context == 24


def test_a_window_is_a_cache_of_bounded_size(tiny, windows):
    seen = token_losses(stretched(tiny, 24, window=6), windows)
    kept = streamed_losses(tiny, windows, WindowCache(tiny.config, 6, batch=5))
    torch.testing.assert_close(seen, kept, **LIMIT)


def test_rereading_token_by_token(tiny, windows):
    """With stride 1 each token is predicted from the last 8, read anew."""
    found = reread_losses(tiny, windows, stride=1)
    for t in (1, 5, 8, 9, 24):
        logits = tiny(windows[:, max(0, t - 8) : t])[:, -1]
        expected = -logits.log_softmax(-1).gather(-1, windows[:, t : t + 1])[:, 0]
        torch.testing.assert_close(found[:, t - 1], expected, **LIMIT)


@pytest.mark.parametrize("stride", [3, 4, 8])
def test_rereading_by_strides(tiny, windows, stride):
    found = reread_losses(tiny, windows, stride)
    assert found.shape == (5, 24)
    end = 2 * stride if 2 * stride > 8 else 3 * stride
    expected = token_losses(tiny, windows[:, end - 8 : end + 1])[:, -stride:]
    torch.testing.assert_close(found[:, end - stride : end], expected, **LIMIT)


def test_windows_follow_each_other():
    tokenizer = small_gpt().tokenizer
    found = long_windows(tokenizer, length=1024, most=2, splits=("test",))
    assert all(w.shape[1] == 1025 and len(w) in (1, 2) for w in found.values())
    for w in found.values():
        assert int(w[0, 0]) == 0 and (len(w) == 1 or w[0, -1] == w[1, 0])
    with pytest.raises(ValueError, match="length is 1000000; allowed"):
        long_windows(tokenizer, length=1_000_000, splits=("test",))


def test_by_bucket_by_hand():
    rows = np.array([[1.0, 3, 5, 7], [3.0, 5, 7, 9], [0, 0, 0, 2]])
    assert by_bucket(rows, [2, 1], 2).tolist() == [[3, 7], [0, 1]]
    with pytest.raises(ValueError, match="counts add up to 2"):
        by_bucket(rows, [1, 1], 2)
    with pytest.raises(ValueError, match="bucket is 3"):
        by_bucket(rows, [2, 1], 3)


def test_the_shipped_losses_are_about_the_shipped_model(shipped):
    weights = (SMALL_GPT / "weights.safetensors").read_bytes()
    assert shipped.manifest["small_gpt"] == digest(weights)
    assert shipped.manifest["methods"] == METHODS and shipped.methods == tuple(METHODS)
    assert sum(path.stat().st_size for path in HERE.glob("*.json")) <= 60_000
    found = long_windows(small_gpt().tokenizer)
    assert shipped.documents == tuple(found)
    assert shipped.windows.tolist() == [len(w) for w in found.values()]


@pytest.mark.parametrize(
    "method, length",
    [("none", 512), ("window", 512), ("ntk", 512), ("yarn", 512), ("dynamic", 512)],
)
def test_one_document_again(shipped, method, length):
    number = int(np.argmin(shipped.windows))
    w = long_windows(small_gpt().tokenizer)[shipped.documents[number]]
    found = by_bucket(measured(small_gpt().model, w, method, length).numpy(), [len(w)], BUCKET)[0]
    table = shipped.losses.get((method, length))
    table = shipped.losses[method, 1024] if table is None else table
    np.testing.assert_allclose(found, table[number][: length // BUCKET], atol=2e-3)


def test_means_and_intervals(shipped):
    assert shipped.positions(512).tolist() == [32.5 + 64 * i for i in range(8)]
    for method in shipped.methods:
        for length in (512, 1024):
            mean, (low, high) = shipped.mean(method, length), shipped.interval(method, length)
            assert mean.shape == (length // BUCKET,)
            assert (low < mean).all() and (mean < high).all()
    # Within the trained context nothing has been done yet by a window, or by forgetting.
    for method in ("window", "reread", "window + sinks"):
        low, high = shipped.interval(method, against="none")
        np.testing.assert_allclose([low[:4], high[:4]], 0, atol=2e-3)


def test_the_interval_is_a_bootstrap_over_documents(shipped):
    """Against the formula for the deviation of a ratio of sums, in one bucket."""
    x, w = shipped.losses["none", 1024][:, 5], shipped.windows
    mean = (w * x).sum() / w.sum()
    deviation = np.sqrt(((w * (x - mean)) ** 2).sum()) / w.sum()
    low, high = shipped.interval("none", draws=4000)[:, 5]
    assert (high - low) / (2 * 1.96 * deviation) == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda s: s.mean("alibi"), "method is 'alibi' at length 1024; allowed: 'none'"),
        (lambda s: s.mean("none", 300), "at length 300; allowed"),
        (lambda s: s.interval("none", level=1), "level is 1"),
        (lambda s: s.interval("none", draws=0), "draws is 0"),
        (lambda s: s.interval("none", against="x"), "method is 'x'"),
    ],
)
def test_errors_of_results(shipped, call, words, unchecked):
    with pytest.raises(ValueError, match=words):
        call(shipped)


def test_errors_of_reading(tiny, windows, unchecked):
    with pytest.raises(ValueError, match="stride is 9; allowed: at most the model's context, 8"):
        reread_losses(tiny, windows, 9)
    config = TransformerConfig(13, 8, 2, 1, 16, 8, positions="learned")
    with pytest.raises(ValueError, match="positions 'learned'; allowed: 'rotary'"):
        stretched(Transformer(config), 16, RopeScaling("linear", factor=2.0))


def test_changed_files_are_refused(tmp_path):
    for path in HERE.glob("*.json"):
        shutil.copy(path, tmp_path)
    (tmp_path / "losses.json").write_text("{}")
    with pytest.raises(ValueError, match="losses.json is not the file of the manifest"):
        load(tmp_path)
    (tmp_path / "losses.json").unlink()
    with pytest.raises(ValueError, match="there is no .*losses.json"):
        load(tmp_path)
