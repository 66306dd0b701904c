"""The model card: what the small GPT is, how it was trained, how good it is, and its limits."""

CARD = """\
# The small GPT

A decoder-only Transformer of {parameters:,} parameters that has read the documentation of CPython.
It is here to be taken apart: small enough to load in a moment and to run on one core, trained long
enough that its heads do what the course says heads do.

## What it is

{layers} layers, width {width}, {heads} heads of width {head_width}, SwiGLU of width {hidden}, RMS
norm before each half of a layer, rotary positions (base {rope_base:g}), tied embeddings, no biases,
context {context}. Byte-level BPE with {vocabulary} tokens, trained on the training split; `{end}`
begins every document.

## How it was trained

{steps:,} steps of {batch} windows of {context} tokens with AdamW, in cycles of {cycles}; in each
{warmup} steps of warm-up, then a cosine to a tenth. Weight decay {decay:g} on matrices; gradients
clipped to length {clip:g}; no dropout; seed {seed}. Some windows said one passage of the text again
and again, so that heads learn to look for what followed last time: {repeats}. Two processes on two
CPU cores shared each batch through DistributedDataParallel. The script is
`transformer_math.models.small_gpt.train`. Weights are stored in half precision; everything below
was measured with the stored ones.

## On what

Docstrings, reference topics and built-in documentation of CPython {python}, {characters:,}
characters in all, split by document into training, validation and test text ({licence}, © Python
Software Foundation). Paragraphs that occur twice were kept once. Hashes stand in `manifest.json`.

## How good it is

Bits per character on the test split, {test_characters:,} characters (fewer is better):

| predictor | bits per character |
| --- | --- |
{quality}

The n-gram models count the training text. "xz after training text" is what a compressed archive of
the training text grows by when the test text is added to it.

Heads that put at least {least:g} of their weight where a pattern says, layer and head counted from
0. *Previous token*: on the token before, in the test text. *Induction*: on what followed the last
occurrence of the present token, in random tokens said twice.

| pattern | heads (mean weight) |
| --- | --- |
{heads_found}

Drawn at temperature 0.6, never edited:

{samples}

## What it cannot do

It knows {context} tokens of context and one register of one language. What it writes looks like
documentation and is not: functions, arguments and facts are invented. It follows no instructions,
cannot reason or calculate, and must not be relied on for anything.
"""


def card(manifest: dict, samples: list[str], end: str, test_characters: int, least: float) -> str:
    """Return the model card for what a manifest says was measured."""
    config, data = manifest["config"], manifest["data"]
    quality = "\n".join(
        f"| {name} | {bits:.3f} |" for name, bits in manifest["bits per character"].items()
    )
    found = "\n".join(
        f"| {pattern} | {', '.join(map(_named, heads))} |"
        for pattern, heads in manifest["heads"].items()
    )
    return CARD.format(
        **{**config, **manifest["recipe"], **_told(manifest["recipe"])},
        steps=manifest["steps"],
        parameters=manifest["parameters"],
        end=end,
        python=data["python"],
        licence=data["licence"],
        characters=data["files"]["documentation.jsonl.xz"]["characters"],
        test_characters=test_characters,
        quality=quality,
        least=least,
        heads_found=found,
        samples="\n\n".join(f"```text\n{sample.strip()}\n```" for sample in samples),
    )


def _told(recipe):
    cycles = " and ".join(f"{n:,} steps at rate {rate:g}" for n, rate in recipe["cycles"])
    repeats = ", ".join(f"{n} from step {first:,} on" for first, n in recipe["repeats"])
    return {"cycles": cycles, "repeats": repeats}


def _named(entry):
    layer, head, score = entry
    return f"L{layer}H{head} ({score:.2f})"
