"""The machine from left to right: the stream, what works on it above, a bar of all parameters."""

from dataclasses import dataclass

from courseware.figures.map.bar import bar
from courseware.figures.map.rows import GAP, Look, Pen
from courseware.figures.map.sheet import Sheet, number
from courseware.figures.map.sizes import Sizes
from transformer_math.transformer import TransformerConfig

SMALL = Look(
    wide=366, text=16, sign=26, norm=15, row=14, inner=44, gap=5, least=16, bar=40, labels=False
)
WIDE = Look(
    wide=1120, text=16, sign=40, norm=40, row=36, inner=112, gap=9, least=78, bar=76, labels=True
)
PAD = 8
LOOP = 9  # room above for the way of a sampled token back to the input
SAMPLED = ("decoder", "encoder-decoder")


@dataclass(frozen=True)
class Machine:
    """What is drawn."""

    kind: str
    config: TransformerConfig
    sizes: Sizes
    experts: int

    @property
    def end(self) -> str:
        """The part that makes logits."""
        return "class head" if self.kind == "vit" else "unembedding"

    @property
    def signs(self) -> list[str]:
        """What follows the logits, from the top down."""
        signs = ["sampling"] if self.kind in SAMPLED else []
        signs += [] if self.kind == "encoder" else ["probabilities"]
        return [*signs, "loss"]


def strip(machine: Machine, look: Look, lit: set[str]) -> tuple[Sheet, float, float]:
    """The drawing, its width and its height; the scale shrinks until everything has its place."""
    full = look.wide * look.bar / machine.sizes.total()
    scale = full
    while True:
        sheet = Sheet(machine.sizes, scale, lit, machine.config.positions, look.text)
        wide, high = _Strip(machine, look, sheet).draw()
        if wide <= 1.25 * look.wide or scale < full / 3:
            return sheet, wide, high
        scale *= 0.9


class _Strip:
    def __init__(self, machine: Machine, look: Look, sheet: Sheet):
        self.m, self.look, self.sheet = machine, look, sheet
        self.top = look.line + 4 + LOOP * (machine.kind in SAMPLED)
        self.rise = 3.2 * look.gap  # of a row above the stream
        frame = look.high + self.rise + 2 * PAD
        step = frame + look.line + 14
        self.tops = [self.top + i * step for i in range(len(machine.sizes.layers))]
        self.streams = [top + frame - PAD for top in self.tops]
        self.bottom = self.streams[-1] + PAD

    def draw(self) -> tuple[float, float]:
        left = right = self._input(2)
        ends = []
        for place, stack in enumerate(self.m.sizes.layers):
            ends.append(self._layer(left, place, stack, ends))
            right = max(right, ends[-1])
        right = self._output(right + self.look.gap)
        wide = max(right + 2 + self.look.gap * self.look.labels, self.look.wide)
        y = self._training(self.bottom + 1.2 * self.look.line)
        return wide, bar(self.sheet, self.look, self.m.end, wide, y + 0.75 * self.look.line)

    # --- Before the layers ---

    def _input(self, x: float) -> float:
        look, sheet, m = self.look, self.sheet, self.m
        first = "patches" if m.kind == "vit" else "tokenizer"
        high = self.bottom - self.top - look.sign - look.label - look.gap
        brick = sheet.scale * m.sizes.once["embedding"] / high
        wide = max(brick, look.column)
        self.into, self.matrix, y = x + wide / 2, (brick, high), self.bottom - high
        sheet.sign(first, self.into - look.sign / 2, self.top, look.sign, look.sign)
        self._name(first, self.into, self.top + look.sign)
        sheet.wire(f"M{number(self.into)} {number(self.top + look.sign)}V{number(y)}")
        sheet.brick("embedding", self.into - brick / 2, y, brick, high)
        names = ["embedding", f"{m.sizes.once['embedding']:,}"]
        self._matrix_name("embedding", self.into, y + high / 2, brick, names, "E")
        self.start = x + (wide + brick) / 2
        x += wide + look.gap
        if m.config.positions in ("learned", "sinusoidal"):
            x = self._added_positions(x)
        return x + look.gap

    def _added_positions(self, x: float) -> float:
        look, sheet, m = self.look, self.sheet, self.m
        y = self.streams[-1] - look.sign - look.label - 2.4 * look.gap
        middle = x + look.column / 2
        count, name = m.sizes.once["positions"], m.config.positions
        for stream in self.streams:
            sheet.wire(f"M{number(middle)} {number(y)}V{number(stream)}")
            sheet.plus(middle, stream)
        sheet.sign(
            "positions", middle - look.sign / 2, y, look.sign, look.sign, count=count, name=name
        )
        self._name("positions", middle, y + look.sign)
        return x + look.column

    def _name(self, part: str, x: float, below: float):
        if self.look.labels:
            y = below + 0.78 * self.look.line
            self.sheet.words(part, x, y, part=part, kind="k")

    def _matrix_name(self, part: str, x: float, y: float, brick: float, names: list, letter: str):
        """The name in the middle of a matrix, or beside it where it is too narrow."""
        look, lines = self.look, names if self.look.labels else [letter]
        inside = self._holds(brick, lines)
        at = x if inside else x + brick / 2 + 4
        for i, line in enumerate(lines):
            middle = y + (i - (len(lines) - 1) / 2) * look.line
            self.sheet.words(line, at, middle, part=part, kind="c i" if inside else "a c k")

    def _holds(self, brick: float, lines: list[str]) -> bool:
        """Whether these words stand inside a brick this wide."""
        return brick >= 0.58 * self.look.note * max(map(len, lines))

    # --- The layers ---

    def _layer(self, x: float, place: int, stack: str, ends: list[float]) -> float:
        look, sheet, m = self.look, self.sheet, self.m
        top, stream = self.tops[place], self.streams[place]
        mid = top + PAD + look.high / 2
        biases = m.sizes.once["positions"] / len(self.tops)
        pen = Pen(sheet, look, m.config, m.sizes.one[stack], mid, 10 * place, biases)
        causal, cached = stack == "decoder", m.kind == "decoder"
        rows = {"attention": lambda at: pen.attention(at, cached, causal)}
        if "cross" in pen.one:
            rows["cross"] = lambda at: self._cross(pen, at, ends[-1])
        rows["feed-forward"] = lambda at: pen.feed_forward(at, m.experts)
        left, end = x, x + PAD
        deep = f"{m.config.layers} ×"
        for i, (title, draw) in enumerate(rows.items()):
            begin = end
            sheet.wire(f"M{number(begin)} {number(stream)}V{number(mid)}")
            end = draw(begin + look.gap) + look.gap + 2
            sheet.wire(f"M{number(begin)} {number(mid)}H{number(end)}V{number(stream)}")
            sheet.plus(end, stream)
            end += 5 + look.gap
            if not m.config.norm_first:
                end = pen.norm(end, stream, pen.place + i + 3, above=True) + look.gap
            several = len(self.tops) > 1
            shift = 0 if i else 0.62 * look.text * len(deep)
            if not i and several:
                title = stack
            sheet.words(title, begin + shift - 2, top - 5, kind="a m")
        box = (left, top - look.line - 2, 0.62 * look.text * len(deep), look.line)
        sheet.words(deep, left, top - 5, part="layers", kind="a b k l", place=place)
        sheet.clusters["layers", place]["boxes"].append(box)
        frame = (
            f"M{number(left)} {number(top)}H{number(end)}V{number(stream + PAD)}H{number(left)}z"
        )
        sheet.frame("layers", frame)
        begin, right = self.start, end + look.gap
        path = f"M{number(begin)} {number(stream)}H{number(right)}"
        sheet.line("residual", path, "s", (begin, stream - 4, right - begin, 8), place)
        return end

    def _cross(self, pen: Pen, x: float, encoder_end: float) -> float:
        """Cross-attention, whose keys and values come from the encoder's stream."""
        look, stream = self.look, self.streams[0]
        end, into = pen.cross(x)
        low = stream + PAD + 4
        top = pen.mid - 1.5 * look.row - GAP
        path = f"M{number(encoder_end + look.gap)} {number(stream)}V{number(low)}H{number(into)}"
        self.sheet.wire(f"{path}V{number(top - 2)}")
        self.sheet.arrow(into, top, 0, 1)
        return end

    # --- After the layers ---

    def _output(self, x: float) -> float:
        look, sheet, m = self.look, self.sheet, self.m
        if m.config.norm_first:
            one = list(m.sizes.one.values())[-1]
            pen = Pen(sheet, look, m.config, one, 0, 0)
            sheet.wire(f"M{number(x)} {number(self.streams[-1])}h{number(look.norm + look.gap)}")
            x = pen.norm(x, self.streams[-1], 99, above=True) + look.gap
        self.logits = x
        x = self._logits(x)
        each = look.sign + look.label + look.gap
        top = self.bottom - each * len(m.signs) + look.gap
        self.loss = x + look.column / 2
        for i, name in enumerate(m.signs):
            y = top + i * each
            if name == ("loss" if m.kind == "encoder" else "probabilities"):
                middle = number(y + look.sign / 2)
                sheet.wire(f"M{number(self.logits)} {middle}H{number(self.loss)}")
            sheet.sign(name, self.loss - look.sign / 2, y, look.sign, look.sign)
            self._name(name, self.loss, y + look.sign)
        sheet.wire(f"M{number(self.loss)} {number(top)}V{number(self.bottom)}")
        if m.kind in SAMPLED:
            back = (
                f"M{number(self.loss)} {number(top)}V3H{number(self.into)}V{number(self.top - 1)}"
            )
            sheet.wire(back)
            sheet.arrow(self.into, self.top, 0, 1)
        return x + look.column

    def _logits(self, x: float) -> float:
        look, sheet, m = self.look, self.sheet, self.m
        brick, high = self.matrix
        own = sheet.scale * m.sizes.once[m.end] / high
        tied = m.end == "unembedding" and m.config.head != "none" and m.config.tied
        if not (own or tied):
            return x
        wide = max(brick if tied else own, look.column)
        self.logits = x + wide / 2 + (brick if tied else own) / 2
        middle, y = x + wide / 2, self.bottom - high
        if tied:
            sheet.ghost(m.end, middle - brick / 2, y, brick, high)
        if own:
            sheet.brick(m.end, middle - own / 2, y, own, high)
        names = ["embedding,", "transposed"] if tied else [f"{m.sizes.once[m.end]:,}"]
        if look.labels:
            sheet.words(m.end, middle, y - 7, part=m.end)
        letter = "Eᵀ" if tied else "U"
        drawn = brick if tied else own
        self._matrix_name(m.end, middle, y + high / 2, drawn, names, letter)
        beside = not (look.labels or self._holds(drawn, [letter]))
        return x + wide + look.gap * (1 + look.labels) + 0.6 * look.text * beside

    def _training(self, y: float) -> float:
        """The way back: the loss's gradient, and the update of all parameters."""
        look, sheet = self.look, self.sheet
        down, up = number(self.bottom + look.label), number(self.bottom + 3)
        path = f"M{number(self.loss)} {down}V{number(y)}H{number(self.into)}V{up}"
        middle, half = (self.loss + self.into) / 2, 2.4 * look.text
        sheet.arrow(self.into, self.bottom + 1, 0, -1)
        sheet.line("gradient", path, "d", (middle - half, y - 12, 2 * half, 24))
        sheet.words("gradient", middle, y, part="gradient", kind="c k l")
        at = self.into + 1.1 * look.text
        sheet.words("update", at, y, part="update", kind="a c k l")
        sheet.clusters["update", 0]["boxes"].append((at, y - 12, 3.4 * look.text, 24))
        return y
