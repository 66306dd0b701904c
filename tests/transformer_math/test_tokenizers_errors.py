"""Every documented error of the tokenizers, one by one."""

import json
import math

import pytest

from transformer_math.tokenizers import (
    BPE,
    Unigram,
    WordPiece,
    pair_counts,
    pair_scores,
    seed_pieces,
    split_gpt2,
    split_whitespace,
)
from transformer_math.tokenizers.words import from_byte_characters, to_byte_characters

pytestmark = pytest.mark.usefixtures("unchecked")

CHARACTERS = BPE.train(["ab ab"], 3, "character")
BYTES = BPE.train(["ab ab"], 257)
PIECES = WordPiece(["[UNK]", "a", "##b"])
SCORES = {"a": -1.0, "b": -1.0, "ab": -2.0}
UNIGRAM = Unigram(SCORES, word_start="")
EVERY = {"characters": CHARACTERS, "bytes": BYTES, "wordpiece": PIECES, "unigram": UNIGRAM}
KINDS = {"bpe": BPE, "wordpiece": WordPiece, "unigram": Unigram}
NOT_A_COUNT = [0, -1, 1.5, "2", True, None]


def case(name, call, *words):
    return pytest.param(call, words, id=name)


def each(name, values, call, *words):
    return [case(f"{name} {value!r}", lambda v=value: call(v), *words) for value in values]


def bpe(**options):
    arguments = {"vocabulary": ["a", "b", "ab"], "merges": [("a", "b")], "level": "character"}
    return BPE(**{**arguments, **options})


SHARED = [
    *[
        case(
            f"{kind} {method} {text!r}",
            lambda t=t, m=method, x=text: getattr(t, m)(x),
            "text is of",
        )
        for kind, t in EVERY.items()
        for method in ("tokens", "encode", "trace")
        for text in (None, 3, b"bytes", ["a"])
    ],
    *[
        case(f"{kind} decode {ids!r}", lambda t=t, x=ids: t.decode(x), "ids has", "allowed: 0 to")
        for kind, t in EVERY.items()
        for ids in ([len(t)], [0, -1], ["0"], [0.5], [None])
    ],
    *[
        case(f"{kind} texts {x!r}", lambda k=k, x=x: k.train(x, 300), "texts", "allowed")
        for kind, k in KINDS.items()
        for x in ("one text", 3, None, [3], [b"ab"])
    ],
    *[
        case(f"{kind} size {n!r}", lambda k=k, n=n: k.train(["abc"], n), "vocabulary_size is")
        for kind, k in KINDS.items()
        for n in (2, -1, 2.5, "9", None)
    ],
    *[
        case(
            f"{kind} special {x!r}",
            lambda k=k, x=x: k.train(["abc"], 300, special_tokens=x),
            "special_tokens",
            "allowed",
        )
        for kind, k in KINDS.items()
        for x in ("<s>", ["<s>", "<s>"], [3], [""], 3)
    ],
]
TRAINING = [
    *each("bpe min_count", NOT_A_COUNT, lambda n: BPE.train(["a"], 300, min_count=n), "min_count"),
    *each("wp min_count", NOT_A_COUNT, lambda n: WordPiece.train(["a"], 9, min_count=n), "min_co"),
    *each("bpe level", ["word", None], lambda x: BPE.train(["a"], 300, x), "level is", "'byte'"),
    case("bytes unknown", lambda: BPE.train(["a"], 300, unknown="?"), "unknown is '?'", "byte"),
    case("bytes end", lambda: BPE.train(["a"], 300, end_of_word="_"), "end_of_word is '_'"),
    case("end type", lambda: BPE.train(["a"], 3, "character", end_of_word=3), "end_of_word is 3"),
    case("no [UNK]", lambda: WordPiece.train(["a"], 9, ["<s>"]), "special_tokens lacks '[UNK]'"),
    case("surrogate", lambda: BPE.train(["a\ud800"], 300), "text has the lone surrogate"),
    case("no words", lambda: Unigram.train([" "], 9), "texts has no words"),
    case("no texts", lambda: Unigram.train([], 9), "texts has no words"),
    case("seed_size", lambda: Unigram.train(["ab"], 9, seed_size=3), "seed_size is 3", "at least"),
    *each("longest", NOT_A_COUNT, lambda n: Unigram.train(["a"], 9, longest=n), "longest is"),
    *each("steps", NOT_A_COUNT, lambda n: Unigram.train(["a"], 9, steps=n), "steps is"),
    *each("keep", [0, 1, 2.0, math.nan, "1"], lambda x: Unigram.train(["a"], 9, keep=x), "keep is"),
    *each("start", [None, 3], lambda x: Unigram.train(["a"], 9, word_start=x), "word_start is"),
    *each("bpe merges", NOT_A_COUNT, lambda n: BPE.merge_steps(["a"], n), "merges is"),
    *each("bpe shown", NOT_A_COUNT, lambda n: BPE.merge_steps(["a"], 1, shown=n), "shown is"),
    *each("wp merges", NOT_A_COUNT, lambda n: WordPiece.merge_steps(["a"], n), "merges is"),
    *each("wp shown", NOT_A_COUNT, lambda n: WordPiece.merge_steps(["a"], 1, shown=n), "shown is"),
    case("bpe steps texts", lambda: BPE.merge_steps("a", 1), "texts is of type str"),
    case("wp steps texts", lambda: WordPiece.merge_steps("a", 1), "texts is of type str"),
    case("bpe steps level", lambda: BPE.merge_steps(["a"], 1, "words"), "level is 'words'"),
    case("seeds texts", lambda: seed_pieces("a"), "texts is of type str"),
    *each("seeds size", NOT_A_COUNT[:-1], lambda n: seed_pieces(["a"], n), "size is"),
    *each("seeds longest", NOT_A_COUNT, lambda n: seed_pieces(["a"], longest=n), "longest is"),
]
MAKING = [
    case("one text", lambda: bpe(vocabulary="ab"), "vocabulary is 'ab'", "a list of pieces"),
    case("twice", lambda: bpe(vocabulary=["a", "a"]), "vocabulary has 'a' twice"),
    case("empty piece", lambda: bpe(vocabulary=["a", ""]), "vocabulary has ''"),
    case("number", lambda: bpe(vocabulary=["a", 3]), "vocabulary has 3"),
    case("merge unknown", lambda: bpe(merges=[("a", "c")]), "merges has ('a', 'c')"),
    case("merge makes", lambda: bpe(merges=[("b", "a")]), "merges has ('b', 'a')", "a third"),
    case("merge of three", lambda: bpe(merges=[("a", "b", "a")]), "merges is"),
    case("merge twice", lambda: bpe(merges=[("a", "b")] * 2), "merges has a pair twice"),
    case("merges text", lambda: bpe(merges="ab"), "merges"),
    case("merges number", lambda: bpe(merges=3), "merges is 3"),
    case("counts", lambda: bpe(counts=[1, 2]), "counts has 2 entries", "1"),
    case("special lacks", lambda: bpe(special_tokens=["<s>"]), "special_tokens has '<s>'"),
    case("unknown lacks", lambda: bpe(unknown="?"), "unknown is '?'"),
    case("level", lambda: bpe(level="x"), "level is 'x'"),
    case("bytes lacking", lambda: bpe(level="byte"), "vocabulary lacks", "256"),
    case("no pieces", lambda: Unigram({}), "log_probabilities is {}"),
    case("a list", lambda: Unigram(["a"]), "log_probabilities is ['a']"),
    *each("log p", [0.1, math.nan, -math.inf, "x", None], lambda x: Unigram({"a": x}), "for 'a'"),
    case("special piece", lambda: Unigram(SCORES, ["a"]), "'a' twice"),
    case("word_start", lambda: Unigram(SCORES, word_start=3), "word_start is 3"),
    case("empty name", lambda: Unigram({"": -1.0}), "vocabulary has ''"),
    case("wp special", lambda: WordPiece(["[UNK]"], ["<s>"]), "special_tokens has '<s>'"),
]
USING = [
    case("unknown character", lambda: CHARACTERS.encode("abc"), "text has 'c'", "unknown token"),
    case("unknown in trace", lambda: CHARACTERS.trace("abc"), "text has 'c'"),
    case("unigram unknown", lambda: UNIGRAM.encode("abc"), "text has 'c'", "unknown token"),
    case("unigram trace", lambda: UNIGRAM.trace("abc"), "text has 'c'"),
    case("lone surrogate", lambda: BYTES.encode("ab\udc80"), "lone surrogate"),
    case("way of unknown", lambda: UNIGRAM.segmentations("abc"), "word is 'abc'"),
    case("long word", lambda: UNIGRAM.segmentations("a" * 17), "word has 17", "at most 16"),
    case("word type", lambda: UNIGRAM.segmentations(None), "word is of type NoneType"),
    case("likelihood type", lambda: UNIGRAM.log_likelihood(3), "text is of type int"),
    case("likelihood unknown", lambda: UNIGRAM.log_likelihood("abc"), "the word 'abc'"),
    case("counts texts", lambda: UNIGRAM.expected_counts("ab"), "texts is of type str"),
    case("counts unknown", lambda: UNIGRAM.expected_counts(["c"]), "the word 'c'"),
    case("em texts", lambda: UNIGRAM.em_step("ab"), "texts is of type str"),
    case("em no words", lambda: UNIGRAM.em_step([" "]), "texts has no words"),
    *each("gpt2", [None, b"a"], split_gpt2, "text is of type"),
    *each("white", [None, b"a"], split_whitespace, "text is of type"),
    *each("bytes", [None, b"a"], to_byte_characters, "text is of type"),
    *each("characters", [None, b"a"], from_byte_characters, "characters is of type"),
    case("not a byte", lambda: from_byte_characters("a好"), "characters has '好'", "256"),
    *each("counts", [None, ["ab"], {"ab": 0}, {("a",): "2"}], pair_counts, "words"),
    *each("scores", [None, ["ab"], {"ab": 0}, {("a",): "2"}], pair_scores, "words"),
]


@pytest.mark.parametrize(("call", "words"), SHARED + TRAINING + MAKING + USING)
def test_error_names_the_argument_and_what_is_allowed(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    for word in (*words, "allowed"):
        assert word in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["missing", "no JSON", "list", "other JSON", "binary", "version"])
def test_a_wrong_file_is_named(tmp_path, kind, name):
    path = tmp_path / "file.json"
    good = tmp_path / "good.json"
    EVERY["characters"].save(good)
    content = json.loads(good.read_text(encoding="utf-8"))
    if name == "version":
        content |= {"kind": KINDS[kind].kind, "version": 2}
    texts = {"no JSON": "{", "list": "[]", "other JSON": "{}", "version": json.dumps(content)}
    if name == "binary":
        path.write_bytes(b"\xff\xfe\0\x80")
    elif name != "missing":
        path.write_text(texts[name], encoding="utf-8")
    with pytest.raises(ValueError, match="path is .*file.json.*allowed: a file that .*save wrote"):
        KINDS[kind].load(path)


def test_a_file_of_another_kind_is_named(tmp_path):
    UNIGRAM.save(tmp_path / "u.json")
    with pytest.raises(ValueError, match="kind 'Unigram' where 'BPE' is expected"):
        BPE.load(tmp_path / "u.json")


@pytest.mark.parametrize("kind", EVERY)
def test_a_damaged_file_is_named(tmp_path, kind):
    path = tmp_path / "file.json"
    EVERY[kind].save(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    settings = set(content) - {"format", "kind", "version"}
    required = settings & {"vocabulary", "merges", "log_probabilities"}
    damaged = [content | {name: 3} for name in sorted(settings)] + [content | {"more": 1}]
    damaged += [{k: v for k, v in content.items() if k != name} for name in sorted(required)]
    assert required and len(damaged) > 3
    for wrong in damaged:
        path.write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(ValueError, match="allowed"):
            type(EVERY[kind]).load(path)


@pytest.mark.parametrize("kind", EVERY)
def test_every_tokenizer_says_what_it_is(kind):
    assert repr(EVERY[kind]) == f"{type(EVERY[kind]).__name__}({len(EVERY[kind])} pieces)"
