"""How a lesson opens: its number, what the reader will be able to do, what it needs."""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

from courseware.book.boxes import Box, opening

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s+")
_BETWEEN = re.compile(r"\s+·(?:\s+|$)")


def _joined(children) -> list[nodes.Node]:
    """The same nodes, neighbouring texts as one: a line's end is a text of its own."""
    joined = []
    for child in children:
        if joined and isinstance(child, nodes.Text) and isinstance(joined[-1], nodes.Text):
            joined[-1] = nodes.Text(joined[-1].astext() + child.astext())
        else:
            joined.append(child)
    return joined


class Opening(SphinxTransform):
    """Sets the number of a title apart; makes a list of the outcomes."""

    default_priority = 425

    def apply(self, **kwargs):
        for title in self.document.findall(nodes.title):
            self._number(title)
            break  # the first title is the page's
        for paragraph in list(self.document.findall(nodes.paragraph)):
            words = strong.astext() if (strong := opening(paragraph, nodes.strong)) else ""
            if words.startswith("You will be able to"):
                paragraph.replace_self(self._outcomes(paragraph, strong))
            elif words.startswith("Needs") or re.match(r"\d+ minutes", words):
                paragraph["classes"].append("needs")

    @staticmethod
    def _number(title):
        first = title.children[0] if title.children else None
        if isinstance(first, nodes.Text) and (found := _NUMBER.match(first)):
            number = nodes.inline("", found[1], classes=["number"])
            title[0:1] = [number, nodes.Text(" "), nodes.Text(first[found.end() :])]

    @staticmethod
    def _outcomes(paragraph, strong) -> Box:
        items = [[]]
        for child in _joined(paragraph.children[paragraph.index(strong) + 1 :]):
            if not isinstance(child, nodes.Text):
                items[-1].append(child)
                continue
            first, *others = _BETWEEN.split(child.astext())
            items[-1].append(nodes.Text(first))
            items += [[nodes.Text(other)] for other in others]
        items[0][:1] = [nodes.Text(items[0][0].astext().lstrip())] if items[0] else []
        listed = nodes.bullet_list("")
        for item in items:
            listed += nodes.list_item("", nodes.paragraph("", "", *item))
        box = Box("", classes=["outcomes"])
        box += [nodes.paragraph("", "", strong), listed]
        return box


class LongNames(SphinxPostTransform):
    """On a phone `latent_attention_module` may end a line of its page's title at an underscore."""

    default_priority = 900

    def run(self, **kwargs):
        for title in self.document.findall(nodes.title):
            for text in [node for node in title.findall(nodes.Text) if "_" in node]:
                first, *others = text.split("_")
                rest = ((nodes.raw("", "_<wbr>", format="html"), nodes.Text(o)) for o in others)
                text.parent.replace(text, [nodes.Text(first), *(n for pair in rest for n in pair)])
            break  # the first title is the page's


def setup(app):
    """Register the transforms."""
    app.add_transform(Opening)
    app.add_post_transform(LongNames)
