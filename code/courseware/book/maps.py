"""The map opens a page: lifted beside the outcomes of a lesson, added below a chapter's title.

Its parts lead to lessons; here it is known which of them the book has, and where.
"""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform

from courseware.book.boxes import Box

_CHAPTER = re.compile(r"chapters/(\d+)-[^/]+/index")
_LESSON = re.compile(r"chapters/(\d+)-[^/]+/(\d+)-[^/]+")
_MARK = '<figure class="machine'


def _is_map(node) -> bool:
    return isinstance(node, nodes.container) and "tag_map" in node.get("classes", ())


class Maps(SphinxTransform):
    """Puts the map where a page opens."""

    default_priority = 428  # after the opening has its outcomes and the cells their names

    def apply(self, **kwargs):
        section = next(iter(self.document.findall(nodes.section)), None)
        if section is None:
            return
        for cell in list(self.document.findall(_is_map)):
            self._lift(cell, section)
        if chapter := _CHAPTER.fullmatch(self.env.docname):
            section.insert(1, _chapter_map(str(int(chapter[1]))))

    @staticmethod
    def _lift(cell, section):
        """The output alone: the call is furniture, and stays in the notebook."""
        outputs = [
            child for child in cell.children if child.get("nb_element") == "cell_code_output"
        ]
        if outputs:
            cell.parent.remove(cell)
            section.insert(_place(section), Box("", *outputs, classes=["map"]))


def _place(section) -> int:
    """Before the outcomes, else after the question, else after the title."""
    for name, after in (("outcomes", 0), ("question", 1)):
        for i, child in enumerate(section.children):
            if isinstance(child, Box) and name in child["classes"]:
                return i + after
    return 1


def _chapter_map(chapter: str) -> Box:
    from courseware.figures.map import LIT, machine_html

    drawn = machine_html(LIT.get(chapter, ()))
    return Box("", nodes.raw("", drawn, format="html"), classes=["map"])


def resolve(app, doctree, docname):
    """Give the parts of every map on a page their addresses."""
    lessons = {}
    for found in filter(None, map(_LESSON.fullmatch, app.env.found_docs)):
        lessons[f"{int(found[1])}.{int(found[2])}"] = found[0]

    def address(lesson):
        target = lessons.get(lesson)
        return target and (app.builder.get_relative_uri(docname, target) or "#")

    for raw in doctree.findall(nodes.raw):
        if _MARK in raw.astext():
            from courseware.figures.map import with_links

            drawn = with_links(raw.astext(), address)
            raw.rawsource = drawn
            raw[:] = [nodes.Text(drawn)]


def setup(app):
    """Register the transform and what finds the addresses."""
    app.add_transform(Maps)
    app.connect("doctree-resolved", resolve)
