"""`figures.machine(lit=…)`: the whole Transformer as one SVG whose parts lead to their lessons."""

import re
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

from courseware.figures.map.parts import PARTS, lit_parts
from courseware.figures.map.sizes import CLASSES, Sizes, checked, sizes
from courseware.figures.map.strip import SMALL, WIDE, Machine, strip
from courseware.figures.map.tall import tall
from courseware.figures.theme import THEMES
from courseware.front_end import front_end, publish
from transformer_math.transformer import TransformerConfig

SIZES = ("small", "large")
STYLE = Path(__file__).with_name("map.css")
_LINK = re.compile(
    r'<a class="p" href="lesson:([\d.]+)"( aria-label="[^"]*"(?: tabindex="-1")?)>(.*?)</a>'
)


def machine(
    lit: str | Iterable[str] = (), kind: str = "decoder", size: str = "small",
    config: TransformerConfig | None = None, *, classes: int = CLASSES, experts: int = 1,
) -> None:  # fmt: skip
    """Display the map: the machine from text to loss, areas in proportion to parameters.

    Parameters
    ----------
    lit : parts that stand out, by name ("scores") or in groups ("attention", "training").
    kind : "decoder", "encoder-decoder", "encoder" or "vit".
    size : "small" for the opening of a page, "large" with names and numbers.
    config : what is drawn; by default the course's small GPT, the Transformer of 2017, the
        course's sentence encoder, or ViT-B/16. A Vision Transformer is an encoder whose
        ``vocabulary`` is the number of values in a patch.
    classes : of a Vision Transformer's head.
    experts : copies of the feed-forward network in each layer, with a router if more than one.

    Raises
    ------
    ValueError
        If a part is not drawn in this kind of machine (the message lists those that are), the kind
        or size is unknown, the configuration is of another kind, or a number is below 1.
    """
    drawn = machine_html(lit, kind, size, config, classes=classes, experts=experts)
    if front_end() == "live":
        drawn = _own_style() + with_links(drawn, _beside)
    publish({"text/html": drawn})  # the book itself knows where its lessons are


def machine_html(
    lit: str | Iterable[str] = (), kind: str = "decoder", size: str = "small",
    config: TransformerConfig | None = None, *, classes: int = CLASSES, experts: int = 1,
) -> str:  # fmt: skip
    """The map as HTML; its links say ``lesson:4.2`` until :func:`with_links` gives addresses."""
    if size not in SIZES:
        raise ValueError(f"size is {size!r}; allowed: {', '.join(map(repr, SIZES))}")
    config, name = checked(kind, config, classes, experts)
    drawing = Machine(kind, config, sizes(config, kind, classes, experts), experts)
    chosen = lit_parts(lit, strip(drawing, SMALL, set())[0].parts())
    drawings = {"strip": strip(drawing, SMALL, chosen)}
    if size == "large":  # two drawings, and the width of the page decides which is shown
        one = kind != "encoder-decoder"
        narrow = tall(drawing, chosen) if one else drawings["strip"]
        drawings = {"wide": strip(drawing, WIDE, chosen), "narrow": narrow}
    svg = "".join(
        sheet.svg(wide, high, f"Map of {name}", shape)
        for shape, (sheet, wide, high) in drawings.items()
    )
    caption = _caption(name, drawing.sizes, [part for part in PARTS if part in chosen])
    return f'<figure class="machine {size}">{svg}<figcaption>{caption}</figcaption></figure>'


def _caption(name: str, counted: Sizes, lit: list[str]) -> str:
    """What is lit, how many parameters it has, and how to read the areas."""
    total = f"{counted.total():,} parameters of {escape(name)}"
    rule = f"Filled areas are in proportion to the {total}; an outline alone stands for none."
    if not 0 < len(lit) <= 4:
        return rule
    names = ", ".join([PARTS[lit[0]][0], *(_small(PARTS[part][0]) for part in lit[1:])])
    count = sum(counted.total(part) for part in lit)
    if not count:
        return f"<strong>{names}.</strong> {rule}"
    return (
        f"<strong>{names}:</strong> {count:,} of the {total}. Filled areas are in proportion to "
        "parameters; an outline alone stands for none."
    )


def _small(name: str) -> str:
    """A name inside a sentence: KV keeps its capitals."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def with_links(html: str, address: Callable[[str], str | None]) -> str:
    """Make ``lesson:4.2`` the address of lesson 4.2; a lesson without one loses its link.

    The address of the page itself is ``#``.
    """

    def linked(found: re.Match) -> str:
        lesson, said, inner = found.groups()
        if (target := address(lesson)) is None:
            return f'<g class="p">{inner}</g>'
        here = ' aria-current="page"' if target == "#" else ""
        return f'<a class="p" href="{escape(target)}"{said}{here}>{inner}</a>'

    return _LINK.sub(linked, html)


def _beside(lesson: str) -> str | None:
    """The address of a lesson's notebook, seen from a notebook in a chapter's folder."""
    chapter, place = map(int, lesson.split("."))
    found = sorted(Path("..").glob(f"{chapter:02}-*/{place:02}-*.ipynb"))
    return found[0].as_posix() if found else None


def _own_style() -> str:
    """The style of a notebook, which knows no palette: the light one, on its own ground."""
    colours = "".join(f"--c-{name}:{value};" for name, value in THEMES["light"].items())
    ground = "background:var(--c-surface);max-width:46rem;padding:8px"
    style = STYLE.read_text("utf-8").split("/* Where it opens a page")[0]
    return f"<style>.machine{{{colours}{ground}}}{style}</style>"
