"""The Transformer: every documented error."""

from dataclasses import replace

import pytest
import torch
from transformer_models import SIZES, build, ids

from transformer_math.transformer import Transformer, TransformerConfig

# Errors

NOT_A_COUNT = [0, -1, 2.5, "3", True]


@pytest.mark.parametrize("value", NOT_A_COUNT, ids=repr)
@pytest.mark.parametrize(
    "name",
    [*SIZES, "kv_heads", "head_width", "buckets", "max_distance", "window"],
)
def test_sizes_are_counts(name, value, unchecked):
    with pytest.raises(ValueError, match=f"{name} is {value!r}; allowed: a whole number"):
        TransformerConfig(**SIZES | {name: value})


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"heads": 5}, "heads is 5; allowed: a divisor of width, 24, or say head_width"),
        ({"kv_heads": 3}, "kv_heads is 3; allowed: a divisor of 4"),
        ({"segments": -1}, "segments is -1; allowed: a whole number of at least 0"),
        ({"kind": "both"}, "kind is 'both'; allowed: 'decoder', 'encoder', 'encoder-decoder'"),
        ({"norm": "batch"}, "norm is 'batch'; allowed: 'layer', 'rms'"),
        ({"activation": "tanh"}, "activation is 'tanh'; allowed: 'relu'"),
        ({"positions": "rope"}, "positions is 'rope'; allowed: 'learned'"),
        ({"head": "linear"}, "head is 'linear'; allowed: 'plain', 'transform', 'none'"),
        ({"norm_first": "yes"}, "norm_first is 'yes'; allowed: True, False"),
        ({"bias": None}, "bias is None; allowed: True, False"),
        ({"tied": 2}, "tied is 2; allowed: True, False"),
        ({"embedding_norm": "no"}, "embedding_norm is 'no'; allowed: True, False"),
        ({"eps": 0.0}, "eps is 0.0; allowed: a finite number above 0"),
        ({"eps": float("nan")}, "eps is nan"),
        ({"rope_base": -1.0}, "rope_base is -1.0"),
        ({"attention_scale": 0}, "attention_scale is 0"),
        ({"embedding_scale": float("inf")}, "embedding_scale is inf"),
        ({"logit_scale": "1"}, "logit_scale is '1'"),
        ({"dropout": 1.0}, "dropout is 1.0; allowed: from 0 to below 1"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"dropout": None}, "dropout is None"),
        ({"window": 3, "kind": "encoder"}, "window is 3; allowed: None, in an encoder"),
        ({"rope": "yarn"}, "rope is a str; allowed: a RopeScaling"),
        ({"positions": "rotary", "head_width": 3}, "head_width is 3; allowed: an even one"),
        ({"positions": "rotary", "rope_base": 1.0}, "base is 1.0; allowed: a finite number above"),
        ({"positions": "sinusoidal", "width": 9, "heads": 3}, "width is 9; allowed: an even one"),
        ({"positions": "t5", "kind": "encoder", "buckets": 7}, "buckets is 7; allowed: an even"),
        ({"positions": "t5", "max_distance": 16}, "max_distance is 16; allowed: above 16"),
    ],
    ids=str,
)
def test_bad_configurations(changes, words, unchecked):
    with pytest.raises(ValueError) as error:
        TransformerConfig(**SIZES | changes)
    assert words in str(error.value)


BOTH = {"kind": "encoder-decoder"}
MEMORY = torch.zeros(2, 5, 24).double()
BOOL = torch.ones(1, dtype=torch.bool)


@pytest.mark.parametrize(
    "changes, arguments, options, words",
    [
        ({}, [[1, 2]], {}, "ids are of type list; allowed: a torch tensor of whole numbers"),
        ({}, [torch.zeros(3)], {}, "ids are of type torch.float32"),
        ({}, [torch.zeros(3, dtype=torch.bool)], {}, "ids are of type torch.bool"),
        ({}, [torch.tensor(3)], {}, "ids have shape (); allowed: (n,) or (batch, n)"),
        ({}, [ids(1, 2, 3)], {}, "ids have shape (1, 2, 3)"),
        ({}, [ids(2, 0)], {}, "ids have shape (2, 0); allowed: (n,) or (batch, n), at least one"),
        ({}, [torch.tensor([0, 17])], {}, "ids go from 0 to 17; allowed: 0 to 16"),
        ({}, [torch.tensor([-1, 3])], {}, "ids go from -1 to 3"),
        ({}, [ids(17)], {}, "ids are 17 tokens; allowed: at most 16, the context"),
        ({}, [ids(4), torch.ones(4)], {}, "mask is of type torch.float32; allowed: a Boolean"),
        ({}, [ids(4), [True]], {}, "mask is of type list"),
        ({}, [ids(4), BOOL.expand(3)], {}, "mask has shape (3,); allowed: one that broadcasts to"),
        ({}, [ids(4), BOOL.expand(2, 1, 1, 4)], {}, "broadcasts to (1, 4, 4, 4)"),
        ({}, [ids(4), BOOL.expand(1, 1, 1, 1, 4)], {}, "mask has shape (1, 1, 1, 1, 4)"),
        ({}, [ids(4)], {"segments": ids(4)}, "segments are given; allowed: None"),
        ({"segments": 2}, [ids(4)], {"segments": [0]}, "segments are of type list"),
        ({"segments": 2}, [ids(4)], {"segments": ids(3)}, "segments have shape (3,); allowed"),
        ({"segments": 2}, [ids(4)], {"segments": ids(4)}, "segments go from"),
        ({}, [ids(4)], {"ablate": {(2, 0)}}, "ablate has (2, 0); allowed: pairs (layer, head)"),
        ({}, [ids(4)], {"ablate": {(0, 4)}}, "from (0, 0) to (1, 3)"),
        ({}, [ids(4)], {"ablate": {(0, -1)}}, "ablate has (0, -1)"),
        ({}, [ids(4)], {"ablate": {3}}, "ablate has 3"),
        ({}, [ids(4)], {"ablate": {(0, 1, 2)}}, "ablate has (0, 1, 2)"),
        ({}, [ids(2, 4)], {"memory": MEMORY}, "memory is given; allowed: None"),
        ({}, [ids(4)], {"memory_mask": BOOL}, "memory_mask is given; allowed: None"),
        ({"kind": "encoder"}, [ids(4)], {"cache": object()}, "cache is given; allowed: None"),
        (BOTH, [ids(4)], {}, "memory is missing; allowed: what model.encode returned"),
        (BOTH, [ids(4)], {"memory": [1.0]}, "memory is list; allowed: what model.encode"),
        (BOTH, [ids(4)], {"memory": MEMORY[..., 1:]}, "memory is (2, 5, 23)"),
        (BOTH, [ids(4)], {"memory": MEMORY[0, 0]}, "memory is (24,)"),
        (BOTH, [ids(3, 4)], {"memory": MEMORY}, "memory has a batch of 2; allowed: that of ids, 3"),
        (BOTH, [ids(2, 4)], {"memory": MEMORY, "memory_mask": BOOL.expand(4)}, "memory_mask has"),
        (BOTH, [ids(2, 4)], {"memory": MEMORY, "memory_mask": MEMORY}, "memory_mask is of type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_arguments(changes, arguments, options, words, unchecked):
    with pytest.raises(ValueError) as error:
        build(**changes)(*arguments, **options)
    assert words in str(error.value)


def test_a_decoder_does_not_encode():
    with pytest.raises(ValueError, match="encode needs an encoder; this model is of kind 'dec"):
        build().encode(ids(3))


def test_replacing_a_choice():
    config = TransformerConfig(**SIZES)
    assert replace(config, positions="sinusoidal").embedding_scale is None
    assert Transformer(replace(config, positions="sinusoidal")).embedding.scale == 24**0.5
    plain = replace(config, positions="sinusoidal", embedding_scale=1.0)
    assert Transformer(plain).embedding.scale == 1.0
