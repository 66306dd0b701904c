"""An exercise by hand gets a field on the page in place of the cell that would check it."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from courseware import exercises
from courseware.book.cells import is_cell
from courseware.exercises.by_hand import HandExercise
from courseware.exercises.page import to_page

logger = logging.getLogger(__name__)
_CHECK = re.compile(r"""\bcheck\(\s*["']([^"']*)["']""")


class Answers(SphinxTransform):
    """Puts the field in place of a stub (tag `exercise`) that checks a value found by hand."""

    default_priority = 414  # before solutions are put into what stands above them

    def apply(self, **kwargs):
        for cell in list(self.document.findall(is_cell)):
            called = _CHECK.search(cell[0].astext()) if cell.children else None
            if "tag_exercise" not in cell["classes"] or not called:
                continue
            try:
                entry = exercises.find(called[1])
            except ValueError as error:
                logger.warning("%s", error, location=cell, type="courseware")
                continue
            self._depend(entry.name)
            if isinstance(entry, HandExercise):
                # Not replace_self: the field would inherit the class that hides cells of code.
                cell.parent.replace(cell, nodes.raw("", to_page(entry), format="html"))

    def _depend(self, name: str):
        """A change of the answers makes the page again."""
        folder = Path(exercises.__file__).parent
        lesson = f"lesson_{'_'.join(name.split('.')[:2])}.py"
        for file in (lesson, "page.py", "by_hand.py"):
            self.env.note_dependency(str(folder / file))


def setup(app):
    """Register the transform."""
    app.add_transform(Answers)
