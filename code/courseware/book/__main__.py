"""Jupyter Book's own command line, in less time: `python -m courseware.book build .`."""

import gc

import courseware.no_grammar  # noqa: F401 (before nbformat)

# isort: split
from jupyter_book.cli.main import main

# Documents are trees that live to the end: who looks for rubbish among them finds little.
gc.set_threshold(200_000, 20, 20)
main()
