"""Boxes from plain Markdown: a block quote that opens in bold becomes a theorem, a question, ….

Colab, GitHub and Jupyter show the same source as a block quote, which reads well enough there.
"""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform

from courseware.book.proofs import folded
from courseware.book.references import NUMBER, STATEMENTS

# What stands in bold at the beginning -> the class of the box.
_LABELS = {
    "question": "question",
    "common mistake": "mistake",
    "predict": "predict",
    "try it": "try",
    "corrected": "corrected",
}
_STATEMENT = re.compile(
    rf"(?P<kind>{'|'.join(STATEMENTS)})\s+(?P<number>{NUMBER})\s*\.?\s*(?:\((?P<name>.*)\))?\s*\.?",
    re.DOTALL,
)
_EXERCISE = re.compile(rf"Exercise\s+({NUMBER})\b")


class Box(nodes.General, nodes.Element):
    """A block that the page sets apart; its kind is its second class."""


def visit_box(translator, node):
    translator.body.append(translator.starttag(node, "div"))


def depart_box(translator, node):
    translator.body.append("</div>\n")


def opening(block, kind):
    """What a paragraph begins with, if it is of this kind (strong, emphasis)."""
    if not isinstance(block, nodes.paragraph):
        return None
    first = next((child for child in block.children if child.astext().strip()), None)
    return first if isinstance(first, kind) else None


def _is_proof(block) -> bool:
    first = opening(block, nodes.emphasis)
    return first is not None and first.astext().startswith("Proof")


def _title(label: str, rest: list[nodes.Node]) -> nodes.paragraph:
    """The first line of a box: its kind and number, then its name."""
    title = nodes.paragraph("", "", classes=["box-title"])
    title += nodes.inline("", label, classes=["box-label"])
    if rest:
        title += nodes.Text(" ")
        title += nodes.inline("", "", *rest, classes=["box-name"])
    return title


def _name(strong, statement) -> list[nodes.Node]:
    """The nodes of the name in parentheses: a name may hold a formula."""
    if not statement["name"]:
        return []
    children = [child.deepcopy() for child in strong.children if child.astext()]
    children[0] = nodes.Text(re.sub(r"^[^(]*\(", "", children[0].astext(), count=1))
    children[-1] = nodes.Text(re.sub(r"\)\s*\.?\s*$", "", children[-1].astext()))
    first = children[0].astext()
    children[0] = nodes.Text(first[:1].upper() + first[1:])
    return children


class Boxes(SphinxTransform):
    """Block quotes -> boxes; exercise headings -> boxed sections; solution cells -> details."""

    default_priority = 410

    def apply(self, **kwargs):
        self.registry = self.env.get_domain("course")
        self.proofs = 0
        for quote in list(self.document.findall(nodes.block_quote)):
            if not quote.children:
                continue
            if strong := opening(quote[0], nodes.strong):
                self._labelled(quote, strong)
            elif _is_proof(quote[0]):
                quote.replace_self(self._proof(quote.children, of=""))
        for section in self.document.findall(nodes.section):
            self._exercise(section)

    def _labelled(self, quote, strong):
        words = strong.astext()
        box = Box("", classes=["box"])
        box.source, box.line = quote.source, quote.line
        proves = ""
        if statement := _STATEMENT.fullmatch(words):
            kind, number = statement["kind"].lower(), statement["number"]
            box["classes"].append(kind)
            box["ids"].append(self.registry.register(kind, number, quote))
            proves = f"{statement['kind']} {number}"
            box += _title(proves, _name(strong, statement))
        else:
            box["classes"].append(_LABELS.get(words.rstrip(".: ").lower(), "note"))
            box += _title(words.rstrip(".: "), [])
        self._dropopening(quote[0], strong)
        body = [child for child in quote.children if child.children or child.astext()]
        proof = next((i for i, child in enumerate(body) if _is_proof(child)), len(body))
        box += body[:proof]
        proved = [self._proof(body[proof:], of=proves)] if proof < len(body) else []
        quote.replace_self([box, *proved])

    @staticmethod
    def _dropopening(paragraph, strong):
        del paragraph[: paragraph.index(strong) + 1]
        if paragraph.children and isinstance(paragraph[0], nodes.Text):
            paragraph[0] = nodes.Text(paragraph[0].astext().lstrip())

    def _proof(self, blocks, of: str) -> Box:
        self.proofs += 1
        box = Box("", classes=["box", "proof"])
        box += folded(blocks, f"proof-{self.proofs}", of)
        return box

    def _exercise(self, section):
        if not (found := _EXERCISE.match(section[0].astext())):
            return
        section["classes"].append("exercise")
        section["ids"].insert(0, self.registry.register("exercise", found[1], section))


def setup(app):
    """Register the box node and its transform."""
    app.add_node(Box, html=(visit_box, depart_box))
    app.add_transform(Boxes)
