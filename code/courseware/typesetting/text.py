"""Captions and quiz texts as HTML: a little Markdown, with formulas between dollar signs."""

from functools import lru_cache

from courseware.typesetting import katex


@lru_cache(maxsize=1)
def _markdown():
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    def formula(tex: str, settings: dict) -> str:
        return katex.render(tex, settings["display_mode"])

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    return markdown.use(
        dollarmath_plugin,
        renderer=formula,
        allow_labels=False,
        allow_space=False,
        double_inline=True,
    )


def to_html(text: str, inline: bool = False) -> str:
    """HTML of a short Markdown text. HTML in the text is shown, not obeyed.

    Args:
        text: Markdown: emphasis, code, links, lists, and formulas as `$…$` or `$$…$$`.
        inline: leave out the paragraph around the text, for a label, a legend or a caption.

    Raises:
        courseware.typesetting.katex.FormulaError: a formula that KaTeX cannot set.
    """
    return _markdown().renderInline(text) if inline else _markdown().render(text).strip()


def to_plain(text: str) -> str:
    """The same text without marks, for a name such as `aria-label`; escaping it is yours."""
    words = []
    for token in _markdown().parseInline(text)[0].children or []:
        words.append(" " if token.type in ("softbreak", "hardbreak") else token.content)
    return "".join(words).strip()
