"""A little Markdown as HTML with its formulas left in dollars, for whatever sets them later."""

import html
import re

MARK = re.compile(r"(\$[^$]+\$|`[^`]+`|\*\*[^*]+\*\*|\*(?=\S)[^*]+\*)")
TAGS = {"`": "code", "*": "em", "**": "strong"}


def to_html(text: str) -> str:
    """HTML of a short text; formulas stay in dollars, for MathJax in the notebook to set."""
    parts = []
    for part in MARK.split(text):
        mark = "**" if part.startswith("**") else part[:1]
        if len(part) > 2 and mark in TAGS and part.endswith(mark):
            inside = html.escape(part[len(mark) : -len(mark)], quote=False)
            parts.append(f"<{TAGS[mark]}>{inside}</{TAGS[mark]}>")
        else:
            parts.append(html.escape(part, quote=False))
    return "".join(parts)
