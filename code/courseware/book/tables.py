"""Tables of sentences: on a phone each row stands alone, its cells under one another."""

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

SENTENCE = 80  # characters: a cell with more would be a column of single words on a phone


class Prose(SphinxPostTransform):
    """From three columns on such a table is of class `prose`; its cells are told their columns."""

    default_priority = 900

    def run(self, **kwargs):
        for table in self.document.findall(nodes.table):
            longest = max(len(entry.astext()) for entry in table.findall(nodes.entry))
            for head in table.findall(nodes.thead):
                _first, *columns = head.findall(nodes.entry)
                if len(columns) > 1 and longest > SENTENCE:
                    table["classes"].append("prose")
                    self._tell(columns, next(table.findall(nodes.tbody)))

    @staticmethod
    def _tell(columns, body):
        for row in body:
            for column, entry in zip(columns, row[1:], strict=True):
                if column.astext() and entry.astext():
                    name = nodes.inline("", "", classes=["column"])
                    name += [*(part.deepcopy() for part in column[0]), nodes.Text(": ")]
                    entry[0].insert(0, name)


def setup(app):
    """Register the transform."""
    app.add_post_transform(Prose)
