"""Cards: on the front page and on a chapter's page, a list whose items open with a bold link."""

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from courseware.book.boxes import opening


def _is_card(item) -> bool:
    strong = opening(item[0], nodes.strong) if item.children else None
    links = (nodes.reference, addnodes.pending_xref)
    return strong is not None and any(isinstance(child, links) for child in strong.children)


def _parts(paragraph):
    """The bold link, the text, and the small print in emphasis at the end, each a paragraph."""
    children = list(paragraph.children)
    while not children[0].astext().strip():
        children.pop(0)
    while not children[-1].astext().strip():
        children.pop()
    yield nodes.paragraph("", "", children.pop(0), classes=["card-title"])
    last = []
    if children and isinstance(children[-1], nodes.emphasis):
        last = [nodes.paragraph("", "", *children.pop().children, classes=["card-small"])]
    if children:
        yield nodes.paragraph("", "", *children)
    yield from last


class Cards(SphinxTransform):
    """Gives such lists a class and their items three parts; the style sheet does the rest."""

    default_priority = 426

    def apply(self, **kwargs):
        if self.env.docname.rsplit("/", 1)[-1] != "index":
            return
        for listed in list(self.document.findall(nodes.bullet_list)):
            if all(_is_card(item) for item in listed.children):
                listed["classes"].append("cards")
                for item in listed.children:
                    item[0:1] = list(_parts(item[0]))


def setup(app):
    """Register the transform."""
    app.add_transform(Cards)
