"""The HTML of the built book: links land, formulas are set, statements are boxed. No browser."""

import re
from urllib.parse import unquote, urlsplit

OPAQUE = {"pre", "code", "script", "style", "svg", "option", "figcaption", "a"}


def texts(tree, opaque):
    """The texts of the article in none of these elements, no formula and no signature."""
    for text in tree.select_one("article").find_all(string=True):
        around = list(text.parents)
        if not any(e.name in opaque or {"katex", "sig"} & {*e.get("class", ())} for e in around):
            yield text, around


def test_formulas_are_set_and_no_markdown_is_left(soup, page_name):
    tree = soup(page_name)
    assert not tree.select(".katex-error, .broken-formula")
    words = "".join(text for text, _ in texts(tree, OPAQUE - {"figcaption", "a"}))
    for raw in ("$", "\\(", "\\[", "\\tag", "\\frac", "**", "](", "```", ":::", "{ref}", "{cite}"):
        assert raw not in words, words[max(0, words.index(raw) - 80) : words.index(raw) + 80]
    if page_name.startswith("chapters/"):
        assert tree.select(".katex .katex-html")


def test_links_land(book, soup, anchors, page_name):
    lost = []
    for link in soup(page_name).select("a[href], link[href], script[src]"):
        address = link.get("href") or link.get("src")
        parts = urlsplit(address)
        if parts.scheme in ("http", "https", "mailto"):
            assert link.name == "a", f"{link.name} asks {address}"
            continue
        target = (book / page_name).parent / unquote(parts.path) if parts.path else book / page_name
        if not target.resolve().is_file():
            lost.append(address)
        elif parts.fragment and target.suffix == ".html":
            name = target.resolve().relative_to(book.resolve()).as_posix()
            if unquote(parts.fragment) not in anchors(name):
                lost.append(address)
    assert lost == []


def test_identifiers_are_unique(soup, page_name):
    names = [
        element["id"]
        for element in soup(page_name).select("[id]")
        if not element.find_parent("svg")
    ]
    assert sorted(names) == sorted(set(names))


def test_numbers_in_prose_are_links(soup, lesson):
    loose = [
        text.strip()
        for text, around in texts(soup(lesson), OPAQUE | {"form", "h1", "h2", "h3"})
        if re.search(r"\(\d+\.\d+\.\d+\)", text)
        and not any("box-title" in element.get("class", ()) for element in around)
    ]
    assert loose == []


def test_statements_are_boxes_with_anchors(soup, lessons):
    kinds = set()
    for name in lessons:
        for box in soup(name).select(".box.theorem, .box.definition, .box.proposition, .box.lemma"):
            kind = box["class"][1]
            kinds.add(kind)
            assert re.fullmatch(rf"{kind}-\d+-\d+-\d+", box["id"])
            assert box.select_one(".box-title .box-label")
        assert soup(name).select(".box.question") and soup(name).select("section.exercise[id]")
        assert soup(name).select(".box.proof"), f"{name}: no proof"
    assert {"theorem", "definition"} <= kinds


def test_solutions_are_folded(soup, lesson):
    for exercise in soup(lesson).select("section.exercise"):
        assert exercise.select("details"), exercise["id"]
        for cell in exercise.select(".tag_solution"):
            assert cell.find_parent("details") is not None
            assert not cell.find_parent("details").has_attr("open")
