"""Short texts and formulas as HTML, while the book is built or a lesson runs."""

from courseware.typesetting.katex import FormulaError, node_modules, render
from courseware.typesetting.text import to_html, to_plain

__all__ = ["FormulaError", "node_modules", "render", "to_html", "to_plain"]
