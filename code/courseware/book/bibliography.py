"""The bibliography page: entries as plain paragraphs, formulas in their titles set."""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform


class Entries(SphinxPostTransform):
    """sphinxcontrib-bibtex writes citations: drop their labels, set their formulas.

    Lessons link to papers and never cite labels; titles come from BibTeX with dollar signs and all.
    """

    default_priority = 190  # after the bibliography has been written

    def run(self, **kwargs):
        for citation in self.document.findall(nodes.citation):
            citation[:] = [
                child for child in citation.children if not isinstance(child, nodes.label)
            ]
            for text in list(citation.findall(nodes.Text)):
                pieces = re.split(r"\$([^$]+)\$", text.astext())
                if len(pieces) > 1:
                    kinds = (nodes.Text, lambda tex: nodes.math(tex, tex))
                    text.parent.replace(text, [kinds[i % 2](p) for i, p in enumerate(pieces)])


def visit_entry(translator, node):
    """Without docutils' roles, which ARIA has deprecated."""
    translator.body.append(f'<div class="citation" id="{node["ids"][0]}">\n')


def depart_entry(translator, node):
    translator.body.append("</div>\n")


def setup(app):
    """Register the transform and the entry's HTML."""
    app.add_post_transform(Entries)
    app.add_node(nodes.citation, override=True, html=(visit_entry, depart_entry))
