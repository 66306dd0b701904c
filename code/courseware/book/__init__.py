"""The Sphinx extension that makes a book of the course.

Lessons are plain Markdown and LaTeX; this package sets their formulas, boxes their statements,
links their numbers, and gives every page what it needs without asking another origin.
"""

import os

from courseware.book import (
    answers,
    assets,
    bibliography,
    boxes,
    cards,
    cells,
    docstrings,
    formulas,
    maps,
    opening,
    pages,
    proofs,
    references,
    tables,
)


def configure(app, config):
    """Settings that belong to the machine and not to the book."""
    if cache := os.environ.get("COURSEWARE_CACHE"):
        config.nb_execution_cache_path = cache
    os.environ["COURSEWARE_FRONT_END"] = "page"  # for lessons that this build executes itself


def setup(app):
    """Entry point for Sphinx."""
    app.connect("config-inited", configure)
    app.add_config_value("comments_config", {}, "")  # Jupyter Book sets it, comments or not
    parts = (
        references,
        boxes,
        proofs,
        cells,
        answers,
        opening,
        maps,
        cards,
        docstrings,
        formulas,
        tables,
        bibliography,
        assets,
        pages,
    )
    for part in parts:
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
