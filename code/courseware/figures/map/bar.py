"""All parameters side by side: a column for what stands once, rows for what every layer repeats."""

from courseware.figures.map.rows import Look
from courseware.figures.map.sheet import Sheet, number

ATTENTION = ("query", "key", "value", "output")


def bar(sheet: Sheet, look: Look, end: str, wide: float, y: float) -> float:
    """Draw it across ``wide``; return where it ends below."""
    once, total = sheet.sizes.once, sheet.sizes.total()
    high = sheet.scale * total / wide
    first = {part: once[part] for part in ("embedding", "positions")}
    x = 0.0
    for column in (first, *sheet.sizes.layers.values(), {end: once[end]}):
        if not (count := sum(column.values())):
            continue
        across, at = wide * count / total, y
        for part, n in column.items():
            if n:
                sheet.bar_brick(part, x, at, across, high * n / count)
            at += high * n / count
        if column in sheet.sizes.layers.values():
            _cuts(sheet, x, y, across, high)
        _words(sheet, look, column, x, y, across, high)
        x += across
    return y + high + 1


def _cuts(sheet: Sheet, x: float, y: float, across: float, high: float):
    """Thin lines between layers."""
    depth = sheet.sizes.depth
    places = (x + i * across / depth for i in range(depth))
    cuts = "".join(f"M{number(at)} {number(y)}v{number(high)}" for at in places)
    sheet.under.append(f'<path class="x" d="{cuts}"/>')


def _words(sheet: Sheet, look: Look, column: dict, x: float, y: float, across: float, high: float):
    """The name and share of each group of rows, where there is room."""
    total, groups = sheet.sizes.total(), {}
    for part in column:
        group = "attention" if part in ATTENTION else part
        groups.setdefault(group, []).append(part)
    for group, parts in groups.items():
        count = sum(column[part] for part in parts)
        tall = high * count / sum(column.values())
        share = f"{count / total:.0%}".replace("%", " %")
        said = [f"{group} · {count:,} · {share}", f"{group} {share}", share][not look.labels :]
        room = [text for text in said if 0.58 * look.note * len(text) < across - 4]
        if room and tall >= look.note:
            kind = "c lit" if set(parts) <= sheet.lit else "c"
            middle = (x + across / 2, y + tall / 2)
            sheet.words(room[0], *middle, kind=kind, behind=True)
        y += tall
