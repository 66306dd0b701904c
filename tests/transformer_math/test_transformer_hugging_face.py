"""The same weights give the same logits as in Hugging Face's models, there and back."""

from dataclasses import replace

import pytest
import torch
import transformers
from hugging_face_models import BERT, CASES, close, ids, theirs

from transformer_math.positions.scaling import RopeScaling
from transformer_math.transformer import (
    Transformer,
    config_from_hugging_face,
    from_hugging_face_state_dict,
    load_hugging_face,
    to_hugging_face_config,
    to_hugging_face_state_dict,
)


def converted(name, **options):
    model = theirs(name)
    return from_hugging_face_state_dict(model.config, model.state_dict(), **options)


def run_theirs(name, tokens, mask=None, **others):
    model = theirs(name)
    if name.startswith("t5"):
        others = dict(decoder_input_ids=ids(len(tokens), 6, seed=2)) | others
    with torch.no_grad():
        out = model(
            tokens, attention_mask=mask, output_hidden_states=True, output_attentions=True, **others
        )
    return out


def run_ours(model, tokens, mask=None, **others):
    """The trace; ``mask`` is (batch, n), 1 for a real token, as over there."""
    mask = None if mask is None else mask.bool()[:, None, None]
    with torch.no_grad():
        if model.config.kind != "encoder-decoder":
            return model(tokens, mask, trace=True, **others)
        memory = model.encode(tokens, mask)
        answer = ids(len(tokens), 6, seed=2)
        return model(answer, memory=memory, memory_mask=mask, trace=True, **others)


@pytest.mark.parametrize("name", CASES)
def test_logits_hidden_states_and_weights_are_the_same(name):
    tolerance = CASES[name][3]
    tokens = ids(3, 13)
    expected, output = run_theirs(name, tokens), run_ours(converted(name), tokens)
    if name == "bert-without-head":
        assert output.logits is None
    else:
        close(output.logits, expected.logits, tolerance)
    decoder = "decoder_" if name.startswith("t5") else ""
    close(output.hidden, torch.stack(expected[f"{decoder}hidden_states"]), tolerance)
    attention = torch.stack(expected[f"{decoder}attentions"])
    close(output.attention, attention, tolerance)
    # Near-uniform attention would prove little.
    assert output.attention[..., -1, :].amax(-1).mean() > 2 / 13
    if decoder:
        close(output.cross, torch.stack(expected.cross_attentions), tolerance)


@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral", "bert", "bert-without-head", "t5"])
def test_padded_batches(name):
    tokens = ids(3, 11)
    # Over there a query that may attend to nothing becomes NaN, and spreads: with a window of 5
    # every query, of padding too, must see one real key.
    shortest = 7 if name == "mistral" else 4
    mask = (torch.arange(11) < torch.tensor([11, shortest, 8])[:, None]).long()
    expected, output = run_theirs(name, tokens, mask), run_ours(converted(name), tokens, mask)
    if name.startswith("t5"):
        close(output.logits, expected.logits, CASES[name][3])
    else:  # of padding itself nothing is asked
        real = mask.bool()
        theirs_last = expected.hidden_states[-1]
        close(output.hidden[-1][real], theirs_last[real], CASES[name][3])
        if output.logits is not None:
            close(output.logits[real], expected.logits[real], CASES[name][3])


def test_t5_decoder_padding():
    tokens, mask = ids(2, 9), torch.ones(2, 9).long()
    answers = torch.ones(2, 6).long()
    answers[1, 4:] = 0
    expected = run_theirs("t5", tokens, mask, decoder_attention_mask=answers)
    model = converted("t5")
    output = model(
        ids(2, 6, seed=2), answers.bool()[:, None, None], memory=model.encode(tokens), trace=True
    )
    close(output.logits[answers.bool()], expected.logits[answers.bool()], 1e-5)


def test_bert_segments():
    tokens, segments = ids(2, 9), (torch.arange(9) > 4).long().expand(2, 9)
    expected = run_theirs("bert", tokens, token_type_ids=segments)
    output = run_ours(converted("bert"), tokens, segments=segments)
    close(output.logits, expected.logits, 1e-12)
    assert (output.logits - run_ours(converted("bert"), tokens).logits).abs().max() > 1e-3


def test_t5_encoder_states():
    tokens = ids(2, 20)
    model = converted("t5")
    with torch.no_grad():
        expected = theirs("t5").encoder(tokens, output_hidden_states=True)
        output = model.encode(tokens, trace=True)
    assert output.logits is None and output.cross is None
    close(output.hidden, torch.stack(expected.hidden_states), 1e-5)


def test_dynamic_rope_changes_only_texts_longer_than_trained():
    short, long = ids(1, 8), ids(1, 20)
    dynamic = converted("llama-dynamic")
    plain = Transformer(replace(dynamic.config, rope=RopeScaling())).double()
    plain.load_state_dict(dynamic.state_dict())
    assert dynamic.config.context == 32
    close(dynamic(short), plain(short), 1e-12)
    assert (dynamic(long) - plain(long)).abs().max() > 1e-3


@pytest.mark.parametrize("name", [n for n in CASES if n[0] in "glm"])
def test_the_way_back_gives_every_tensor(name):
    model, original = converted(name), theirs(name)
    family = original.config.model_type
    values = to_hugging_face_config(model.config, family)
    assert config_from_hugging_face(values, model.config.context) == model.config
    config = getattr(transformers, CASES[name][0])(**values)
    with torch.no_grad():
        again = getattr(transformers, CASES[name][1])._from_config(
            config, attn_implementation="eager"
        )
        again.double().eval().load_state_dict(to_hugging_face_state_dict(model, family))
        tokens = ids(2, 13)
        assert torch.equal(again(tokens).logits, original(tokens).logits)


def test_copies_are_copies():
    state = {key: value.clone() for key, value in theirs("gpt2").state_dict().items()}
    model = from_hugging_face_state_dict(theirs("gpt2").config, state)
    back = to_hugging_face_state_dict(model, "gpt2")
    before = model(ids(5)).detach()
    for tensor in (*state.values(), *back.values()):
        tensor.zero_()
    assert torch.equal(model(ids(5)), before)
    assert all(p.requires_grad and p.is_contiguous() for p in model.parameters())
    assert not model.training


def test_loading_leaves_the_caller_s_random_numbers_alone():
    theirs("gpt2")
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    converted("gpt2")
    assert torch.equal(torch.rand(3), expected)


def test_names_without_the_head_s_prefix():
    state = theirs("gpt2").state_dict()
    bare = {name.removeprefix("transformer."): tensor for name, tensor in state.items()}
    del bare["lm_head.weight"]
    bare["h.0.attn.bias"] = torch.ones(1, 1, 20, 20).tril()  # as in the published file
    model = from_hugging_face_state_dict(theirs("gpt2").config, bare)
    assert torch.equal(model(ids(7)), converted("gpt2")(ids(7)))


def test_names_of_the_oldest_bert_files():
    state = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in theirs("bert").state_dict().items()
    }
    state["cls.seq_relationship.weight"] = torch.ones(2, 24)
    state["bert.pooler.dense.bias"] = torch.ones(24)
    model = from_hugging_face_state_dict(theirs("bert").config, state)
    assert torch.equal(model(ids(7)), converted("bert")(ids(7)))


def test_dtype():
    model = converted("gpt2", dtype=torch.float32)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    close(model(ids(7)).double(), converted("gpt2")(ids(7)), 1e-4)
    mixed = dict(theirs("gpt2").state_dict())
    mixed["transformer.wpe.weight"] = mixed["transformer.wpe.weight"].float()
    with pytest.raises(ValueError, match=r"several dtypes \(torch.float32, torch.float64\)"):
        from_hugging_face_state_dict(theirs("gpt2").config, mixed)


FILES = ["gpt2", "llama-yarn", "llama-tied", "llama-dynamic", "mistral", "bert"]
FILES += ["bert-without-head", "t5", "t5-1.1"]


@pytest.mark.parametrize("shards", ["one", "several"])
@pytest.mark.parametrize("name", FILES)
def test_files_as_published(name, shards, tmp_path):
    size = "20KB" if shards == "several" else "1GB"
    theirs(name).save_pretrained(tmp_path, max_shard_size=size)
    assert (tmp_path / "model.safetensors.index.json").exists() == (shards == "several")
    model, expected = load_hugging_face(tmp_path), converted(name)
    assert model.config == expected.config
    for key, parameter in model.named_parameters():
        assert torch.equal(parameter, expected.get_parameter(key)), key


OLD_LLAMA3 = dict(
    model_type="llama",
    vocab_size=128256,
    hidden_size=4096,
    intermediate_size=14336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    max_position_embeddings=131072,
    rms_norm_eps=1e-5,
    rope_theta=500000.0,
    rope_scaling=dict(
        factor=8.0,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=8192,
        rope_type="llama3",
    ),
)


def test_a_config_in_the_old_form():
    config = config_from_hugging_face(OLD_LLAMA3)
    assert config.rope == RopeScaling("llama3", 8.0, 8192)
    assert (config.rope_base, config.eps, config.kv_heads) == (500000.0, 1e-5, 8)
    assert not config.tied and config.activation == "swiglu" and config.context == 131072
    old = OLD_LLAMA3 | dict(rope_scaling=dict(type="linear", factor=2.0))
    assert config_from_hugging_face(old).rope == RopeScaling("linear", 2.0)
    assert config_from_hugging_face(OLD_LLAMA3 | dict(rope_scaling=None)).rope == RopeScaling()
    assert config_from_hugging_face(OLD_LLAMA3, context=100).context == 100


def test_whether_bert_has_a_head_is_read_from_the_architecture():
    values = BERT | dict(model_type="bert")
    assert config_from_hugging_face(values).head == "none"
    values["architectures"] = ["BertForMaskedLM"]
    assert config_from_hugging_face(values).head == "transform"
