"""What the drawing is made of: filled bricks, outlined signs, wires and words, gathered by part."""

import re
from collections.abc import Iterable, Sequence
from html import escape

from courseware.figures.map.icons import icon
from courseware.figures.map.parts import PARTS, POSITIONS, TOGETHER
from courseware.figures.map.sizes import Sizes

TARGET = 24  # the least side of what a finger should hit


def number(value: float) -> str:
    """A coordinate, as short as can be."""
    return f"{value:.1f}".removesuffix(".0")


def side(value: float) -> str:
    """A side of a brick, which areas are judged by, however small."""
    return f"{value:.4g}"


class Sheet:
    """A drawing in progress. ``lit`` parts stand out; ``scale`` is the area of one parameter."""

    def __init__(self, sizes: Sizes, scale: float, lit: Iterable[str], positions: str, text: float):
        self.sizes, self.scale, self.lit = sizes, scale, set(lit)
        self.positions, self.text = positions, text
        self.frames: list[str] = []
        self.wires: dict[str, str] = {}  # by kind, behind everything but the frames
        self.under: list[str] = []
        self.clusters: dict[tuple[str, int], dict] = {}
        self.over: list[str] = []

    # --- Filled: as large as their parameters are many ---

    def brick(self, part: str, x: float, y: float, wide: float, high: float, place: int = 0):
        """A filled rectangle of a part."""
        self._add(
            part, place, f'<rect class="f"{_rectangle(x, y, wide, high)}/>', (x, y, wide, high)
        )

    def bar_brick(self, part: str, x: float, y: float, wide: float, high: float):
        """A filled rectangle in the bar of all parameters, which is no link."""
        drawn = f'<rect class="f"{_rectangle(x, y, wide, high)}/>'
        self.under.append(f'<g data-part="{part}" data-in="bar"{self._lit(part)}>{drawn}</g>')

    # --- Outlined: without parameters, or with so few that they fill a corner of it ---

    def sign(
        self, part: str, x: float, y: float, wide: float, high: float, *, count: int = 0,
        name: str | None = None, place: int = 0, sheets: int = 1,
    ):  # fmt: skip
        """An outlined sign with its true area filled from the bottom; ``sheets`` behind it."""
        if sheets > 1:
            behind = range(2 * sheets - 2, 0, -2)
            square = f"h{number(wide)}v{number(high)}h-{number(wide)}z"
            backs = "".join(f"M{number(x + i)} {number(y - i)}{square}" for i in behind)
            drawn = f'<path class="o z" d="{backs}"/>'
            self.under.append(f'<g data-part="heads"{self._lit("heads")}>{drawn}</g>')
        filled = self.scale * count / wide
        level = (
            f'<rect class="f"{_rectangle(x, y + high - filled, wide, filled)}/>' if count else ""
        )
        drawn = icon(name or part, x + wide / 2, y + high / 2, min(wide, high) * 0.86)
        outline = f'<rect class="o"{_rectangle(x, y, wide, high)} rx="3"/>'
        self._add(part, place, outline + level + drawn, (x, y, wide, high))

    def ghost(self, part: str, x: float, y: float, wide: float, high: float):
        """The dashed outline of a matrix that is used a second time."""
        self._add(part, 0, f'<rect class="g"{_rectangle(x, y, wide, high)}/>', (x, y, wide, high))

    # --- Lines and words ---

    def wire(self, path: str, kind: str = "w"):
        """A thin line behind everything."""
        self.wires[kind] = self.wires.get(kind, "") + path

    def arrow(self, x: float, y: float, across: int, down: int):
        """A small head whose tip is at (x, y), pointing ``across`` or ``down`` (1 or -1)."""
        left, top = x - 6 * across - 3.5 * down, y - 6 * down - 3.5 * across
        side = f"{7 * down} {7 * across}"
        self.wire(f"M{number(left)} {number(top)}l{side}L{number(x)} {number(y)}z", "q")

    def plus(self, x: float, y: float):
        """Where an update is added to the stream."""
        at = f'cx="{number(x)}" cy="{number(y)}" r="5"'
        cross = f"M{number(x - 3)} {number(y)}h6M{number(x)} {number(y - 3)}v6"
        self.over.append(f'<g class="n"><circle {at}/><path d="{cross}"/></g>')

    def frame(self, part: str, path: str):
        """A frame that lights with a part, behind everything."""
        drawn = f'<g data-part="{part}"{self._lit(part)}><path class="b" d="{path}"/></g>'
        self.frames.append(drawn)

    def line(self, part: str, path: str, kind: str, box: Sequence[float], place: int = 0):
        """A line that is a part."""
        self._add(part, place, f'<path class="{kind}" d="{path}"/>', box)

    def words(
        self, text: str, x: float, y: float, *, part: str | None = None, kind: str = "",
        place: int = 0, behind: bool = False,
    ):  # fmt: skip
        """Text that can be selected, its middle at ``x``; with ``part`` it belongs to its link.

        Of ``kind``: "a" begins and "e" ends at ``x``; "c" has its middle at height ``y``; "l" is
        large; "b" is bold and "m" muted; "k" covers the lines behind it; "i" stands on a brick.
        """
        named = f' class="{kind}"' if kind else ""
        drawn = f'<text{named} x="{number(x)}" y="{number(y)}">{escape(text)}</text>'
        if part is None:
            (self.under if behind else self.over).append(drawn)
        else:
            self._add(part, place, drawn)

    def _add(self, part: str, place: int, drawn: str, box: Sequence[float] | None = None):
        key = next((name for name, inside in TOGETHER.items() if part in inside[1]), part)
        cluster = self.clusters.setdefault((key, place), {"parts": {}, "boxes": []})
        cluster["parts"].setdefault(part, []).append(drawn)
        if box:
            cluster["boxes"].append(tuple(box))

    def _lit(self, *parts: str) -> str:
        return ' class="lit"' if self.lit & set(parts) else ""

    # --- The whole ---

    def parts(self) -> list[str]:
        """Every part that is drawn, in the order of the table."""
        drawn = {part for cluster in self.clusters.values() for part in cluster["parts"]}
        return [part for part in PARTS if part in drawn or part == "heads"]

    def svg(self, wide: float, high: float, label: str, kind: str) -> str:
        """The SVG, with links whose addresses say ``lesson:4.2`` until they are known."""
        drawn = [
            f'<svg class="{kind}" viewBox="0 0 {number(wide)} {number(high)}" '
            f'font-size="{number(self.text - 1.5)}" role="group" aria-label="{escape(label)}">',
            *self.frames,
            *(f'<path class="{kind}" d="{path}"/>' for kind, path in self.wires.items()),
            *self.under,
            *(self._link(*key, cluster) for key, cluster in self.clusters.items()),
            *self.over,
            "</svg>",
        ]
        return "".join(drawn)

    def _link(self, key: str, place: int, cluster: dict) -> str:
        parts = cluster["parts"]
        name, lesson = TOGETHER.get(key, (None,))[0] or PARTS[key][0], PARTS[next(iter(parts))][1]
        if key == "positions":
            lesson = POSITIONS.get(self.positions, lesson)
        count = sum(self.sizes.total(part) for part in parts)
        said = f"{count:,} parameters" if count else "no parameters"
        inner = " ".join(
            f'<g data-part="{part}"{self._lit(part)}>{" ".join(drawn)}</g>'
            for part, drawn in parts.items()
        )
        title = "" if place else f"<title>{escape(name)}: {said}</title>"
        again = ' tabindex="-1"' if place else ""
        # Who speaks to the page says what is seen: it begins the name, unless it is part of it.
        seen = " ".join(re.findall(r"<text\b[^>]*>(.*?)</text>", inner))
        shown = escape(name) if seen.lower() in escape(name).lower() else f"{seen}, {escape(name)}"
        said = f'aria-label="{shown}: lesson {lesson}"{again}'
        return (
            f'<a class="p" href="lesson:{lesson}" {said}>{title}{_hit(cluster["boxes"])}{inner}</a>'
        )


def _rectangle(x: float, y: float, wide: float, high: float) -> str:
    return f' x="{number(x)}" y="{number(y)}" width="{side(wide)}" height="{side(high)}"'


def _hit(boxes: Sequence[Sequence[float]]) -> str:
    """An invisible ground, large enough for a finger, where the boxes are too small."""
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    wide, high = max(right - left, TARGET), max(bottom - top, TARGET)
    if (wide, high) == (right - left, bottom - top) and len(boxes) == 1:
        return ""
    x, y = (left + right - wide) / 2, (top + bottom - high) / 2
    return f'<rect class="h"{_rectangle(x, y, wide, high)}/>'
