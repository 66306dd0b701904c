"""The shipped text: whole, split without overlap, and collected by the code beside it."""

import json
import lzma

import pytest

from transformer_math.data import corpus
from transformer_math.data.corpus import collect


@pytest.mark.parametrize("kind", corpus.KINDS)
def test_splits_share_nothing_and_make_the_whole(kind):
    documents = corpus.documents(kind)
    facts = corpus.manifest()["files"][f"{kind}.jsonl.xz"]
    assert len({d.name for d in documents}) == len(documents) == facts["documents"]
    assert sum(len(d.text) for d in documents) == facts["characters"]
    sizes = {split: len(corpus.text(split, kind)) for split in corpus.SPLITS}
    assert sizes["train"] > 8 * (sizes["validation"] + sizes["test"])
    assert min(sizes.values()) > 50_000


def test_no_long_paragraph_of_the_test_split_was_trained_on():
    def paragraphs(split):
        texts = (d.text for d in corpus.documents() if d.split == split)
        squeezed = (" ".join(p.split()) for text in texts for p in text.split("\n\n"))
        return {p for p in squeezed if len(p) >= 40}

    assert len(paragraphs("test")) > 500
    assert not paragraphs("test") & paragraphs("train")


def test_text_reads_like_documentation():
    text = corpus.text()
    assert "Return the number of items in a container." in text
    assert sum(c.isalpha() or c in " \n" for c in text) > 0.8 * len(text)


def test_collecting():
    source = '''"""What it is for, in more than ten words so that it is kept as a document."""

class Box:
    """Holds things."""

    def put(self, thing, at=0):
        """Put it in."""

# A remark on the one thing that matters here, and it goes on for
# two lines so that it counts as a block of comments.
x = 1  # not this
'''
    assert collect.docstrings(source).split("\n\n")[1:] == [
        "class Box\n    Holds things.",
        "Box.put(self, thing, at=0)\n    Put it in.",
    ]
    assert collect.comments(source).endswith("counts as a block of comments.")
    assert collect.docstrings("def broken(") == ""
    assert "sqrt" in collect.built_in("math")
    twice = "the same long paragraph, written out to more than forty characters, twelve words"
    kept = collect.distinct(iter([("a", twice), ("b", twice), ("c", f"{twice} and one")]))
    assert [entry["name"] for entry in kept] == ["a", "c"]


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    path = corpus.HERE / "comments.jsonl.xz"
    content = lzma.decompress(path.read_bytes()).replace(b"the", b"teh", 1)
    (tmp_path / path.name).write_bytes(lzma.compress(content, preset=0))
    (tmp_path / "manifest.json").write_text(json.dumps(corpus.manifest()))
    monkeypatch.setattr(corpus, "HERE", tmp_path)
    with pytest.raises(ValueError, match="not the file of the manifest"):
        corpus.documents.__wrapped__("comments")


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: corpus.documents("poems"), "allowed: 'documentation', 'comments'"),
        (lambda: corpus.text("dev"), "split is 'dev'; allowed: 'train', 'validation', 'test'"),
        (lambda: corpus.text("train", "poems"), "kind is 'poems'"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    assert words in str(caught.value)
