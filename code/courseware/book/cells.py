"""Code cells: quiet names for folded code, and solutions that stay closed until asked for."""

import re
from html import escape

from docutils import nodes
from sphinx.transforms import SphinxTransform

_TITLE = re.compile(r"#\s*@title\s+(.+)")


class Folded(nodes.General, nodes.Element):
    """A `<details>` whose summary is the attribute `summary`."""


def visit_folded(translator, node):
    classes = " ".join(node["classes"])
    translator.body.append(
        f'<details class="{classes}"><summary>{escape(node["summary"])}</summary>\n'
    )


def depart_folded(translator, node):
    translator.body.append("</details>\n")


def visit_hidden_code(translator, node):
    """MyST-NB's own node for folded input, without its second name for screen readers."""
    prompt = escape(node["prompt_show"])
    translator.body.append(f'<details class="folded-code"><summary>{prompt}</summary>\n')


def is_cell(node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


class Cells(SphinxTransform):
    """Names folded code after its `#@title`; puts a solution cell into the solution above it."""

    default_priority = 415

    def apply(self, **kwargs):
        for cell in list(self.document.findall(is_cell)):
            classes = cell["classes"]
            if "tag_solution" in classes:
                self._solution(cell)
            elif "tag_setup" in classes:
                cell["prompt_show"] = "Setup: what this page imports"
            elif found := _TITLE.search(cell[0].astext() if cell.children else ""):
                cell["prompt_show"] = f"Code: {found[1].strip()}"

    @staticmethod
    def _solution(cell):
        cell["hide_mode"] = None
        parent, before = cell.parent, cell.parent.index(cell) - 1
        previous = parent[before] if before >= 0 else None
        parent.remove(cell)
        if isinstance(previous, nodes.raw) and "</details>" in previous.astext():
            parent.insert(before, cell)
            return
        folded = Folded("", cell, classes=["solution"], summary="Solution in code")
        parent.insert(before + 1, folded)


def setup(app):
    """Register the transform and the two kinds of folded blocks."""
    from myst_nb.sphinx_ import HideCodeCellNode

    app.add_node(Folded, html=(visit_folded, depart_folded))
    app.add_node(HideCodeCellNode, override=True, html=(visit_hidden_code, depart_folded))
    app.add_transform(Cells)
