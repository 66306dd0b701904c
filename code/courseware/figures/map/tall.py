"""The machine from top to bottom, with names and numbers, for a narrow page."""

from courseware.figures.map.bar import bar
from courseware.figures.map.rows import Look, Pen
from courseware.figures.map.sheet import Sheet, number
from courseware.figures.map.strip import SAMPLED, Machine

TALL = Look(
    wide=350, text=15.5, sign=32, norm=28, row=23, inner=66, gap=5, least=60, bar=56, labels=True
)
STREAM = 26  # where the residual stream runs down
PAD = 10
LIES = 5  # an embedding lies here: so much wider than high


def tall(machine: Machine, lit: set[str]) -> tuple[Sheet, float, float]:
    """The drawing, its width and its height; the scale shrinks until everything has its place."""
    full = TALL.wide * TALL.bar / machine.sizes.total()
    scale = full
    while True:
        sheet = Sheet(machine.sizes, scale, lit, machine.config.positions, TALL.text)
        wide, high = _Tall(machine, sheet).draw()
        if wide <= 1.1 * TALL.wide or scale < full / 3:
            return sheet, wide, high
        scale *= 0.9


class _Tall:
    def __init__(self, machine: Machine, sheet: Sheet):
        self.m, self.sheet, self.look = machine, sheet, TALL
        self.wide = TALL.wide

    def draw(self) -> tuple[float, float]:
        y = self._input(6)
        y = self._layers(y + self.look.gap)
        y = self._output(y)
        return self.wide, bar(self.sheet, self.look, self.m.end, self.wide, y + PAD)

    def _named(self, part: str, x: float, middle: float, *lines: str):
        """Names beside something, around its middle."""
        look = self.look
        for i, line in enumerate(lines):
            y = middle + (i - (len(lines) - 1) / 2) * look.line
            self.sheet.words(line, x, y, part=part, kind="a c k")

    def _matrix(self, part: str, across: float, middle: float, *lines: str) -> float:
        """Names in a matrix that lies, or beside it; return where both have ended."""
        look = self.look
        long = 0.58 * look.note * max(map(len, lines))
        if across > long + 12 and self.high > len(lines) * look.line:
            for i, line in enumerate(lines):
                y = middle + (i - (len(lines) - 1) / 2) * look.line
                self.sheet.words(line, self.left + across / 2, y, part=part, kind="c i")
            return self.left + across + 8
        beside = max(self.left + across, STREAM + look.sign / 2) + 8
        self._named(part, beside, middle, *lines)
        return beside + long + 8

    def _sign(self, part: str, y: float, **options) -> float:
        """A sign on the stream, its name beside it; return where it ends."""
        side = self.look.sign
        self.sheet.sign(part, STREAM - side / 2, y, side, side, **options)
        self._named(part, STREAM + side / 2 + 8, y + side / 2, part)
        return y + side

    # --- From the text to the stream ---

    def _input(self, y: float) -> float:
        look, sheet, m = self.look, self.sheet, self.m
        self.first = y + look.sign / 2
        y = self._sign("patches" if m.kind == "vit" else "tokenizer", y) + PAD
        sheet.wire(f"M{STREAM} {number(y - PAD)}V{number(y)}")
        count = m.sizes.once["embedding"]
        self.high = max(24, (sheet.scale * count / LIES) ** 0.5)
        self.across = sheet.scale * count / self.high
        left = max(STREAM - self.across / 2, 8)
        sheet.brick("embedding", left, y, self.across, self.high)
        self.left, self.into = left, y + self.high / 2
        self.end = self._matrix("embedding", self.across, self.into, "embedding", f"{count:,}")
        self.start = y = y + self.high
        if m.config.positions in ("learned", "sinusoidal"):
            y += look.gap
            x = STREAM + look.sign
            middle = y + look.sign / 2
            count, name = m.sizes.once["positions"], m.config.positions
            sheet.wire(f"M{STREAM} {number(middle)}H{x}")
            sheet.sign("positions", x, y, look.sign, look.sign, count=count, name=name)
            lines = ["positions", f"{count:,}"] if count else ["positions"]
            self._named("positions", x + look.sign + 8, middle, *lines)
            sheet.plus(STREAM, middle)
            y += look.sign
        return y

    # --- The layers ---

    def _layers(self, y: float) -> float:
        look, sheet, m = self.look, self.sheet, self.m
        (stack, one), top = next(iter(m.sizes.one.items())), y + look.line
        pen = Pen(sheet, look, m.config, one, 0, 0, m.sizes.once["positions"])
        rows = {
            "attention": lambda x: pen.attention(x, m.kind == "decoder", stack == "decoder"),
            "feed-forward": lambda x: pen.feed_forward(x, m.experts),
        }
        deep, y, right = f"{m.config.layers} ×", top + PAD, 0.0
        heights = (look.high, look.inner + 2 * look.label + PAD)
        for place, ((title, draw), high) in enumerate(zip(rows.items(), heights, strict=True)):
            if place:
                y += look.line
                sheet.words(title, STREAM + 14, y - 5, kind="a m")
            pen.mid = y + high / 2 - look.label * place
            end = draw(STREAM + 12) + look.gap
            right, y = max(right, end), y + high + PAD
            sheet.wire(f"M{STREAM} {number(pen.mid)}H{number(end)}V{number(y)}H{STREAM}")
            sheet.plus(STREAM, y)
            y += PAD
            if not m.config.norm_first:
                y += look.sign / 2
                pen.norm(STREAM - look.norm / 2, y, 5 + place)
                y += look.sign / 2 + look.label
        left, right = 6, right + PAD
        self.wide = max(self.wide, right + 24)
        sheet.words(deep, left, top - 5, part="layers", kind="a b k l")
        box = (left, top - look.line, 0.62 * look.text * len(deep), look.line)
        sheet.clusters["layers", 0]["boxes"].append(box)
        sheet.words("attention", left + box[2] + 4, top - 5, kind="a m")
        frame = f"M{left} {number(top)}H{number(right)}V{number(y)}H{left}z"
        sheet.frame("layers", frame)
        path, begin, y = f"M{STREAM} {number(self.start)}V{number(y + PAD)}", self.start, y + PAD
        sheet.line("residual", path, "s", (STREAM - 4, begin, 8, y - begin))
        return y

    # --- From the stream to the loss ---

    def _output(self, y: float) -> float:
        look, sheet, m = self.look, self.sheet, self.m
        if m.config.norm_first:
            norm = next(iter(m.sizes.one.values()))["norm"] // 2
            options = {"count": norm, "place": 9}
            sheet.sign("norm", STREAM - look.norm / 2, y, look.norm, look.sign, **options)
            beside = (STREAM + look.norm / 2 + 8, y + look.sign / 2)
            sheet.words("norm", *beside, part="norm", kind="a c k", place=9)
            y += look.sign + PAD
            sheet.wire(f"M{STREAM} {number(y - PAD)}V{number(y)}")
        y = self._logits(y)
        middle, x = y + look.sign / 2, STREAM - look.sign / 2
        sheet.wire(f"M{STREAM} {number(y - PAD)}V{number(middle)}H{number(self.wide - 90)}")
        order = [name for name in ("probabilities", "sampling", "loss") if name in m.signs]
        step = (self.wide - 52 - x - look.sign) / max(1, len(order) - 1)
        for i, part in enumerate(order):
            at = x + i * step
            if part == "sampling":
                self._again(at + look.sign / 2, y + look.sign)
            sheet.sign(part, at, y, look.sign, look.sign)
            inside = max(at + look.sign / 2, 0.3 * look.text * len(part) + 2)
            sheet.words(part, inside, y + look.sign + 0.85 * look.line, part=part, kind="k")
        self._training(x + (len(order) - 1) * step + look.sign, middle)
        return y + look.sign + look.line + 4 * (m.kind in SAMPLED)

    def _again(self, x: float, y: float):
        """The sampled token goes back to the input."""
        low = y + self.look.line + 4
        end = STREAM - self.look.sign / 2 - 1
        self.sheet.wire(f"M{number(x)} {number(y)}V{number(low)}H1V{number(self.first)}H{end}")
        self.sheet.arrow(end, self.first, 1, 0)

    def _training(self, x: float, y: float):
        """The way back: the loss's gradient, and the update of all parameters."""
        look, sheet, right = self.look, self.sheet, self.wide - 6
        path = f"M{number(x)} {number(y)}H{number(right)}V{number(self.into)}H{number(self.end)}"
        middle, half = y - 2.2 * look.sign, 0.9 * look.text
        long = 4.6 * look.text
        sheet.line("gradient", path, "d", (right - long, middle - half, long, 2 * half))
        sheet.words("gradient", right + 4, middle, part="gradient", kind="c e k l")
        sheet.arrow(self.end, self.into, -1, 0)
        long = 3.6 * look.text
        at = max(right - 8, self.end + long + 8)
        sheet.words("update", at, self.into, part="update", kind="c e k l")
        box = (at - long, self.into - half, long, 2 * half)
        sheet.clusters["update", 0]["boxes"].append(box)

    def _logits(self, y: float) -> float:
        sheet, m = self.sheet, self.m
        count = m.sizes.once[m.end]
        tied = m.end == "unembedding" and m.config.head != "none" and m.config.tied
        if not (count or tied):
            return y
        if tied:
            sheet.ghost(m.end, self.left, y, self.across, self.high)
        own = sheet.scale * count / self.high
        if own:
            sheet.brick(m.end, self.left, y, own, self.high)
        lines = [m.end, "= embedding, transposed"] if tied else [m.end, f"{count:,}"]
        self._matrix(m.end, max(own, self.across * tied), y + self.high / 2, *lines)
        return y + self.high + PAD
