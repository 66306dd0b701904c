"""Formulas: KaTeX while the book is built, and an anchor for every numbered equation."""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from courseware.book.references import NUMBER
from courseware.typesetting import katex

logger = logging.getLogger(__name__)
_TAG = re.compile(r"\\tag\*?\{\s*(%s)\s*\}" % NUMBER)


class Equations(SphinxTransform):
    r"""Displayed formulas stand between paragraphs; `\tag{4.2.1}` anchors `equation-4-2-1`."""

    default_priority = 405  # before boxes look at their paragraphs

    def apply(self, **kwargs):
        registry = self.env.get_domain("course")
        for block in list(self.document.findall(nodes.math_block)):
            for number in _TAG.findall(block.astext()):
                block["ids"].append(registry.register("equation", number, block))
            if isinstance(block.parent, nodes.paragraph):
                self._stand_alone(block)

    @staticmethod
    def _stand_alone(block):
        """Markdown allows $$ … $$ inside a paragraph; HTML allows no block there."""
        paragraph, at = block.parent, block.parent.index(block)
        after = nodes.paragraph("", "", *paragraph.children[at + 1 :])
        after.source, after.line = paragraph.source, paragraph.line
        del paragraph[at:]
        followers = [block, after] if after.astext().strip() else [block]
        place = paragraph.parent.index(paragraph) + 1
        paragraph.parent.insert(place, followers)
        if not paragraph.astext().strip():
            paragraph.parent.remove(paragraph)


def _html(translator, node, display: bool) -> str:
    try:
        return katex.render(node.astext(), display)
    except katex.FormulaError as error:
        logger.warning("formula: %s", error, location=node, type="courseware")
        return f'<code class="broken-formula">{translator.encode(node.astext())}</code>'


def visit_inline(translator, node):
    """A formula in a line of text."""
    translator.body.append(_html(translator, node, display=False))
    raise nodes.SkipNode


def visit_display(translator, node):
    """A displayed formula, in a box of its own that scrolls sideways where it is too wide."""
    spans = "".join(f'<span id="{anchor}"></span>' for anchor in node["ids"][1:])
    first = f' id="{node["ids"][0]}"' if node["ids"] else ""
    translator.body.append(
        f'<div class="equation"{first}>{spans}{_html(translator, node, display=True)}</div>\n'
    )
    raise nodes.SkipNode


def setup(app):
    """Make KaTeX the math renderer of the HTML builders."""
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_display, None))
    app.add_transform(Equations)
