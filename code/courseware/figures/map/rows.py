"""The rows of a layer, left to right: attention, cross-attention, the feed-forward network."""

from collections.abc import Iterator
from dataclasses import dataclass

from courseware.figures.map.sheet import Sheet
from transformer_math.transformer import TransformerConfig

GAP = 3  # between bricks of one stack
MOST_EXPERTS = 16  # drawn apart; more of them are one brick
MOST_SHEETS = 4
LETTERS = {"query": "Q", "key": "K", "value": "V"}


@dataclass(frozen=True)
class Look:
    """Measures of one way to draw."""

    wide: float  # the whole
    text: float
    sign: float  # side of a sign
    norm: float  # width of a norm, which is as high as a sign
    row: float  # height of a query, key or value brick
    inner: float  # height of the feed-forward bricks
    gap: float
    least: float  # width of a column at least
    bar: float  # height of the bar of all parameters
    labels: bool  # whether parts carry their names and numbers

    @property
    def note(self) -> float:
        """Size of the smaller words."""
        return self.text - 1.5

    @property
    def line(self) -> float:
        """Height of a line of words."""
        return 1.2 * self.text

    @property
    def label(self) -> float:
        """Height of a sign's label."""
        return self.line * self.labels

    @property
    def column(self) -> float:
        """Width of a column with a sign."""
        return max(self.sign, self.least * self.labels)

    @property
    def high(self) -> float:
        """Height of a row."""
        stack = 3 * self.row + 2 * GAP + 2 * self.label
        return max(stack, 2 * (self.sign + self.label) + self.gap, self.inner + 4 * self.label)


@dataclass
class Pen:
    """What draws a layer of one stack: its parameters by part in ``one``, its height ``mid``."""

    sheet: Sheet
    look: Look
    config: TransformerConfig
    one: dict[str, int]
    mid: float
    place: int  # of the layer among all places where a part may stand
    biases: float = 0  # parameters of this stack's position biases

    def norm(self, x: float, y: float, place: int, above: bool = False) -> float:
        """A norm whose middle is at height ``y``; return its right end."""
        look = self.look
        count = self.one["norm"] // (3 if "cross" in self.one else 2)
        top = y - look.sign / 2
        self.sheet.sign("norm", x, top, look.norm, look.sign, count=count, place=place)
        below = top - 1.1 * look.line if above else top + look.sign
        self.label("norm", x + look.norm / 2, below, "norm", place=place)
        return x + look.norm

    def label(self, part: str, x: float, below: float, *lines: str, place: int | None = None):
        """Names and numbers under a part, where the look has room for them."""
        place = self.place if place is None else place
        for i, line in enumerate(lines if self.look.labels else ()):
            y = below + (i + 0.78) * self.look.line
            self.sheet.words(line, x, y, part=part, place=place)

    def signs(self, x: float, *parts: tuple[str, str, dict]) -> float:
        """One or two signs under each other; return the right end of the column."""
        look = self.look
        each = look.sign + look.label
        y = self.mid - (each * len(parts) + look.gap * (len(parts) - 1)) / 2
        middle = x + look.column / 2
        for part, label, options in parts:
            options = {"place": self.place, **options}
            self.sheet.sign(part, middle - look.sign / 2, y, look.sign, look.sign, **options)
            self.label(part, middle, y + look.sign, label, place=options["place"])
            y += each + look.gap
        return x + look.column

    def room(self, count: float) -> float:
        """Width of a column that carries this number."""
        look = self.look
        return max(0.9 * look.least, 0.6 * look.note * len(f"{count:,.0f}")) * look.labels

    def bricks(self, part_letters: list[tuple[str, str, float]], x: float) -> float:
        """Bricks under each other, each with its letter in it or, if too narrow, on its left."""
        look, sheet = self.look, self.sheet
        count = sum(count for _, _, count in part_letters)
        widths = [sheet.scale * count / look.row for _, _, count in part_letters]
        inside = max(widths) >= 0.72 * look.note
        before = 0 if inside else 0.85 * look.note
        wide = max(*widths, self.room(count) - before, 4)
        y = self.mid - (len(widths) * (look.row + GAP) - GAP) / 2
        for (part, letter, _), brick in zip(part_letters, widths, strict=True):
            left = x + before + (wide - brick) / 2
            at = (left + brick / 2 if inside else left - before / 2 - 1, y + look.row / 2)
            kind = "c i" if inside else "c k"
            sheet.brick(part, left, y, brick, look.row, self.place)
            sheet.words(letter, *at, part=part, kind=kind, place=self.place)
            y += look.row + GAP
        return x + before + wide

    # --- The rows ---

    def attention(self, x: float, cached: bool, causal: bool) -> float:
        """Self-attention; return its right end."""
        look, c, one = self.look, self.config, self.one
        if c.norm_first:
            x = self.norm(x, self.mid, self.place) + look.gap
        start = x
        x = self.bricks([(part, letter, one[part]) for part, letter in LETTERS.items()], x)
        below = self.mid + 1.5 * look.row + GAP
        self.label("value", (start + x) / 2, below, f"{sum(one[part] for part in LETTERS):,}")
        extra = []
        if c.positions in ("rotary", "alibi", "t5"):
            bias = {"name": c.positions, "count": self.biases}
            extra.append(("positions", "positions", bias))
        if cached:
            extra.append(("cache", "KV cache", {}))
        if extra:
            x = self.signs(x + look.gap, *extra)
        sheets = min(c.heads, MOST_SHEETS)
        behind = {"sheets": sheets}
        weights = behind | ({} if causal else {"name": "weights, all"})
        x = self.signs(x + look.gap, ("scores", "scores", behind), ("weights", "weights", weights))
        self._heads(x - look.column / 2, c.heads, sheets)
        return self._output("output", one["output"], x + 2 * sheets, "output")

    def _heads(self, x: float, heads: int, sheets: int):
        """How many heads there are, over the sheets that stand for them."""
        look, sheet = self.look, self.sheet
        if look.labels:
            top = self.mid - look.gap / 2 - look.sign - look.label - 2 * sheets
            name = "head" if heads == 1 else "heads"
            sheet.words(f"{heads} {name}", x + sheets, top - 3, part="heads", place=self.place)
            box = (x + sheets - 30, top - look.line, 60, look.line)
            sheet.clusters["heads", self.place]["boxes"].append(box)

    def cross(self, x: float) -> tuple[float, float]:
        """Cross-attention; return its right end and where the encoder's keys and values come in."""
        look, one = self.look, self.one
        if self.config.norm_first:
            x = self.norm(x, self.mid, self.place + 1) + look.gap
        start = x
        x = self.bricks([("cross", letter, one[part]) for part, letter in LETTERS.items()], x)
        into = (start + x) / 2
        x = self.signs(x + look.gap, ("cross", "cross", {"name": "scores"}))
        return self._output("cross", one["output"], x + look.gap, "output"), into

    def _output(self, part: str, count: int, x: float, name: str) -> float:
        start, x = x, self.bricks([(part, "O", count)], x)
        self.label(part, (start + x) / 2, self.mid + self.look.row / 2, name, f"{count:,}")
        return x

    def feed_forward(self, x: float, experts: int) -> float:
        """The feed-forward network, or its experts; return its right end."""
        look, one = self.look, self.one
        if self.config.norm_first:
            x = self.norm(x, self.mid, self.place + 2) + look.gap
        part = "experts" if experts > 1 else "feed-forward"
        if experts > 1:
            x = self.signs(x, ("router", "router", {"count": one["router"]})) + look.gap
        gate = self.config.gated
        first = one[part] * (2 / 3 if gate else 1 / 2)
        x = self._slices(part, x, first, experts, "gate, up" if gate else "up")
        x = self.signs(x + look.gap, ("activation", "activation", {})) + look.gap
        return self._slices(part, x, one[part] - first, experts, "down")

    def _slices(self, part: str, x: float, count: float, experts: int, name: str) -> float:
        """A brick of the feed-forward network, cut into its experts with air between."""
        high = self.look.inner
        brick = self.sheet.scale * count / high
        wide = max(brick, self.room(count))
        left = x + (wide - brick) / 2
        for y, slice_high in _cut(self.mid, high, experts):
            self.sheet.brick(part, left, y, brick, slice_high, self.place)
        self.label(part, x + wide / 2, self.mid + high / 2 + 3, name, f"{round(count):,}")
        return x + wide


def _cut(mid: float, high: float, pieces: int) -> Iterator[tuple[float, float]]:
    """Tops and heights of equal pieces of one brick, with air between, around a middle."""
    pieces = pieces if pieces <= MOST_EXPERTS else 1
    air = 1.5 * (pieces > 1)
    top = mid - (high + air * (pieces - 1)) / 2
    for i in range(pieces):
        yield top + i * (high / pieces + air), high / pieces
