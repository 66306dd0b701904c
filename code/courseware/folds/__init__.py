"""Folds: what a page keeps back until the reader asks for it.

A fold is a button and the part that it opens. ``hidden="until-found"`` leaves that part within
reach of the browser's own search and of links into it, which open it; ``fold.css`` shows it where
no script runs and on paper. ``fold.js`` does the rest.
"""

from html import escape

__all__ = ["END", "begin", "turning"]

END = "</div>"


def begin(key: str, label: str, kind: str) -> str:
    """HTML up to the folded part, which :data:`END` closes.

    Args:
        key: the identifier of the folded part, unique on its page.
        label: HTML of the button's words; :func:`turning` gives words that follow the state.
        kind: a class for the folded part.
    """
    key, kind = escape(key, quote=True), escape(kind, quote=True)
    state = f'aria-expanded="false" aria-controls="{key}"'
    return (
        f'<button type="button" class="fold-button" {state}><span>{label}</span></button>\n'
        f'<div class="fold {kind}" id="{key}" hidden="until-found">\n'
    )


def turning(shut: str, opened: str) -> str:
    """HTML of words that read ``shut`` or ``opened``, as the fold is."""
    return (
        f'<span class="when-shut">{escape(shut)}</span>'
        f'<span class="when-open">{escape(opened)}</span>'
    )
