"""Long proofs fold behind their idea: the first paragraph stays, a button shows the rest."""

import re
from collections.abc import Sequence

from docutils import nodes

from courseware import folds

LONG = 120  # words; a formula is one
_FORMULAS = (nodes.math, nodes.math_block)
# How a sentence ends, in prose and at the end of a displayed formula.
_ENDED = re.compile(r"[.!?∎]['\")\]”’]*\s*(\\end\{\w+\*?\}|\\tag\*?\{[^}]*\}|\\[,;!]|\s)*$")


class Rest(nodes.General, nodes.Element):
    """What a long proof folds away; its attribute ``of`` names what it proves, where known."""


def visit_rest(translator, node):
    label = folds.turning("Show", "Hide") + " the proof"
    if node["of"]:  # so that a list of the page's buttons tells them apart
        label += f'<span class="visually-hidden"> of {translator.encode(node["of"])}</span>'
    translator.body.append(folds.begin(node["ids"][0], label, "proof-rest"))


def depart_rest(translator, node):
    translator.body.append(f"{folds.END}\n")


def words(node: nodes.Node) -> int:
    """How many words stand in ``node``; every formula counts as one."""
    if isinstance(node, _FORMULAS):
        return 1
    if isinstance(node, nodes.Text):
        return len([word for word in node.astext().split() if re.search(r"\w", word)])
    return sum(map(words, node.children))


def idea(blocks: Sequence[nodes.Node]) -> int:
    """How many blocks the first paragraph takes: a formula set apart may carry its sentence on."""
    for count, block in enumerate(blocks, 1):
        if not isinstance(block, (nodes.paragraph, *_FORMULAS)):
            return count - 1 or 1  # a list belongs to the steps
        if _ENDED.search(block.astext()):
            return count
    return len(blocks)


def folded(blocks: Sequence[nodes.Node], key: str, of: str = "") -> list[nodes.Node]:
    """The blocks of a proof, those after its idea in a fold if the proof is long."""
    shown = idea(blocks)
    if sum(map(words, blocks)) <= LONG or shown == len(blocks):
        return list(blocks)
    return [*blocks[:shown], Rest("", *blocks[shown:], ids=[key], of=of)]


def setup(app):
    """Register the fold."""
    app.add_node(Rest, html=(visit_rest, depart_rest))
