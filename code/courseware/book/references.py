"""Numbers that lead somewhere: "(4.2.1)", "Theorem 4.2.1", "Exercise 4.2.1" in plain prose.

A registry (a Sphinx domain, so that it survives incremental and parallel builds) knows on which
page each numbered thing stands. A number that nothing carries is a warning; warnings are errors.
"""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.domains import Domain
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

logger = logging.getLogger(__name__)

NUMBER = r"\d+\.\d+\.\d+"
STATEMENTS = ("Theorem", "Lemma", "Proposition", "Corollary", "Definition", "Example", "Remark")
_KINDS = "|".join((*STATEMENTS, "Exercise", "Equation"))
_PLURAL = {"Corollaries": "corollary", "Lemmata": "lemma"}
_MENTION = re.compile(
    rf"\((?P<equation>{NUMBER})\)"
    rf"|\b(?P<kind>(?:{_KINDS})s?|{'|'.join(_PLURAL)})\s+(?P<first>{NUMBER})"
    rf"(?P<more>(?:(?:,|\s+and|,\s+and|\s+or|\s+to|–)\s*{NUMBER})*)",
    re.IGNORECASE,
)
_OPAQUE = (
    nodes.FixedTextElement,
    nodes.literal,
    nodes.math,
    nodes.math_block,
    nodes.raw,
    nodes.reference,
    nodes.title,
    addnodes.pending_xref,
)


def anchor(kind: str, number: str) -> str:
    """The identifier of a numbered thing: `theorem-4-2-1`."""
    return f"{kind}-{number.replace('.', '-')}"


class Course(Domain):
    """Which page holds which numbered equation, statement or exercise."""

    name = "course"
    label = "course"
    initial_data = {"places": {}}  # (kind, number) -> docname
    data_version = 1

    @property
    def places(self) -> dict:
        return self.data["places"]

    def register(self, kind: str, number: str, node: nodes.Node) -> str:
        """Enter a numbered thing of the page being read; returns its anchor."""
        if (kind, number) in self.places:
            logger.warning(
                "%s %s stands twice: here and in %s",
                kind,
                number,
                self.places[kind, number],
                location=node,
                type="courseware",
            )
        self.places[kind, number] = self.env.docname
        return anchor(kind, number)

    def clear_doc(self, docname):
        for key in [key for key, place in self.places.items() if place == docname]:
            del self.places[key]

    def merge_domaindata(self, docnames, otherdata):
        self.places.update({k: v for k, v in otherdata["places"].items() if v in docnames})

    def get_objects(self):
        for (kind, number), docname in self.places.items():
            if kind != "equation":
                name = f"{kind.capitalize()} {number}"
                yield name, name, kind, docname, anchor(kind, number), 1

    def resolve_xref(self, env, fromdocname, builder, typ, target, node, contnode):
        docname = self.places.get((typ, target))
        if docname is None:
            return None
        return make_refnode(builder, fromdocname, docname, anchor(typ, target), contnode)

    def resolve_any_xref(self, env, fromdocname, builder, target, node, contnode):
        return []  # only mentions lead here, never a Markdown link


Course.object_types = {}


class Mentions(SphinxTransform):
    """Turns plain mentions in running text into references."""

    default_priority = 430  # after boxes and equations have taken their own numbers away

    def apply(self, **kwargs):
        for text in list(self.document.findall(nodes.Text)):
            if not self._inside_opaque(text) and (parts := list(self._parts(text))):
                text.parent.replace(text, parts)

    def _inside_opaque(self, node) -> bool:
        while node := node.parent:
            if isinstance(node, _OPAQUE) or "box-title" in node.get("classes", ()):
                return True
        return False

    def _parts(self, text):
        source, end = text.astext(), 0
        for mention in _MENTION.finditer(source):
            yield nodes.Text(source[end : mention.start()])
            end = mention.end()
            if mention["equation"]:
                yield self._reference("equation", mention["equation"], mention[0], text)
                continue
            kind = _PLURAL.get(mention["kind"].capitalize()) or mention["kind"].lower().rstrip("s")
            words = f"{mention['kind']} {mention['first']}"
            yield self._reference(kind, mention["first"], words, text)
            for piece in re.split(rf"({NUMBER})", mention["more"]):
                if re.fullmatch(NUMBER, piece):
                    yield self._reference(kind, piece, piece, text)
                elif piece:
                    yield nodes.Text(piece)
        if end:
            yield nodes.Text(source[end:])

    def _reference(self, kind, number, words, text):
        reference = addnodes.pending_xref(
            "",
            nodes.inline(words, words),
            refdomain="course",
            reftype=kind,
            reftarget=number,
            refdoc=self.env.docname,
            refwarn=True,
        )
        place = text.parent
        while place.line is None and place.parent:  # a table's cells know no line
            place = place.parent
        reference.source, reference.line = place.source, place.line
        return reference


def _unknown(app, domain, node):
    """The wording of the warning for a number that nothing carries."""
    if domain and domain.name == "course":
        kind, number = node["reftype"], node["reftarget"]
        known = sorted(n for k, n in domain.places if k == kind)
        logger.warning(
            "no %s %s in this course; there are %s",
            kind,
            number,
            ", ".join(known) or "none",
            location=node,
            type="courseware",
        )
        return True
    return None


def _moved(app, env):
    """Pages whose references must be written again, because what they name has moved."""
    places = dict(env.get_domain("course").places)
    before, env.course_places = getattr(env, "course_places", places), places
    if before == places:
        return []
    return [docname for docname in env.found_docs if docname in env.all_docs]


def setup(app):
    """Register the registry, the reader of mentions and the warning."""
    app.add_domain(Course)
    app.add_transform(Mentions)
    app.connect("warn-missing-reference", _unknown)
    app.connect("env-updated", _moved)
