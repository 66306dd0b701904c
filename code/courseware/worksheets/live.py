"""A worksheet on a live kernel: one piece of HTML with the style and the script it needs.

It travels whole at every redraw, so that it works in any output area: Colab puts each cell into a
frame of its own, and JupyterLab clears what was there. The script itself runs once a page.
"""

import json
from functools import lru_cache
from pathlib import Path

from courseware.typesetting.inline import to_html
from courseware.worksheets.html import sheet_html, tree
from courseware.worksheets.worksheet import Worksheet

HERE = Path(__file__).parent
PALETTE = HERE.parent / "figures" / "palette.json"
# Where JupyterLab, VS Code and Colab say that they are dark.
DARK = ('[data-jp-theme-light="false"]', ".vscode-dark", '[theme="dark"]')
HIDDEN = (
    ".visually-hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
)


def live_html(sheet: Worksheet, key: str) -> str:
    """The sheet with all it needs; ``key`` tells it from other sheets of the notebook."""
    stages = tree(sheet, _rich)["stages"]
    restore = f'window.coursewareSheets.restore("{key}-sheet");'
    return (
        f"<style>{_style()}</style>{sheet_html(stages, key)}<script>{_script()}{restore}</script>"
    )


def _rich(text: str, inline: bool = True) -> str:
    return to_html(text)  # formulas stay in dollars: the notebook sets them


@lru_cache(maxsize=1)
def _style() -> str:
    palette = json.loads(PALETTE.read_text("utf-8"))

    def colours(theme):
        return "".join(f"--c-{name}:{value};" for name, value in palette[theme].items())

    dark = ",".join(f"{mark} .courseware-sheet" for mark in DARK)
    sheet = (HERE / "worksheet.css").read_text("utf-8")
    return f".courseware-sheet{{{colours('light')}}}{dark}{{{colours('dark')}}}{HIDDEN}{sheet}"


@lru_cache(maxsize=1)
def _script() -> str:
    return (HERE / "worksheet.js").read_text("utf-8")
