"""A book of one lesson, built with the course's own configuration in a folder of the test's."""

import io
import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_notebook

ROOT = Path(__file__).parents[2]
PAGE = "chapters/07-test/01-lesson.html"
CONTENTS = """format: jb-book
root: index
parts:
  - caption: Chapters
    chapters:
      - file: chapters/07-test/index
        sections:
          - file: chapters/07-test/01-lesson
"""
CHAPTER = """# 7 Test

- **[7.1 A lesson](01-lesson.ipynb)** With $x$ in
  two lines. *5 minutes, exercises 8*
"""


def notebook(cells):
    """A lesson of these cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def build(folder: Path, lesson, front: str = "# A book\n") -> str:
    """Build the small book into ``folder / "out" / "html"``; returns the warnings."""
    from jupyter_book.config import get_final_config
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace

    chapter = folder / "chapters" / "07-test"
    chapter.mkdir(parents=True)
    (folder / "_toc.yml").write_text(CONTENTS)
    (folder / "index.md").write_text(front)
    (chapter / "index.md").write_text(CHAPTER)
    nbformat.write(lesson, chapter / "01-lesson.ipynb")
    overrides, _ = get_final_config(
        user_yaml=ROOT / "_config.yml", cli_config={"latex_individualpages": False}
    )
    overrides |= {
        "external_toc_path": str(folder / "_toc.yml"),
        "nb_execution_mode": "off",
        "bibtex_bibfiles": [],
        "nitpicky": True,
    }
    warnings, out = io.StringIO(), folder / "out"
    with docutils_namespace():  # so that one process can build twice
        Sphinx(folder, None, out / "html", out / "trees", "html", overrides, None, warnings).build()
    return re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue())
