r"""Calculations that say where every number comes from.

A worksheet is a list of stages, a stage holds matrices, and every entry of a matrix knows its
arithmetic and the cells it was made of:

    z = given("z", "Z", [[0.5, -1.0]], ["cat"], ["1", "2"])
    w = given("w", "W_Q", [[0.3], [1.2]], ["1", "2"], ["1"])
    q = product("q", "Q", z, w)
    q.entries[0][0].sum      # "0.5·0.3 + (−1)·1.2 = −1.050"
    q.entries[0][0].sources  # ("z/0/*", "w/*/0")

:func:`courseware.explore` shows one where ``draw`` returns it instead of a figure. The address of a
cell is ``matrix/row/column``, counted from 0; ``*`` stands for all rows or all columns.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real

NAME = re.compile(r"[a-z][a-z0-9_]*")
ADDRESS = re.compile(r"[a-z][a-z0-9_]*/(\d+|\*)/(\d+|\*)")
LARGE = 100  # from here on one decimal is enough


def number(value: float, places: int = 2) -> str:
    """``value`` with a true minus sign, and with fewer decimals where it is large."""
    if value == -math.inf:
        return "−∞"
    text = f"{value:.{min(places, 1) if abs(value) >= LARGE else places}f}"
    return text.lstrip("-") if not text.strip("-0.") else text.replace("-", "−")


def factor(value: float, places: int) -> str:
    """The same as a part of a longer expression: in brackets if it is negative."""
    text = number(value, places)
    return f"({text})" if text.startswith("−") else text


@dataclass(frozen=True)
class Entry:
    """One number (or word): ``how`` it came about, its ``sum`` written out, its source cells.

    ``shade``, from 0 to 1, is how dark its ground is: for shares, which the eye should compare.
    """

    value: float | str
    how: str
    sum: str = ""
    sources: tuple[str, ...] = ()
    shade: float = 0.0

    def __post_init__(self):
        if not isinstance(self.value, (str, Real)) or self.value != self.value:
            raise ValueError(f"value is {self.value!r}; allowed: a number or a text")
        if not self.how.strip():
            raise ValueError(f"how is {self.how!r}; say where {self.value} comes from")
        if not 0 <= self.shade <= 1:
            raise ValueError(f"shade is {self.shade!r}; allowed: from 0 to 1")
        for source in self.sources:
            if not ADDRESS.fullmatch(source):
                raise ValueError(
                    f"source is {source!r}; allowed: matrix/row/column, counted from 0, or *"
                )


@dataclass(frozen=True)
class Line:
    """A row or a column of a matrix, or one of its cells."""

    values: tuple[float, ...]
    places: int
    words: str
    address: str


@dataclass(frozen=True, eq=False)  # a matrix is itself: what is rendered once is remembered
class Matrix:
    """Entries with names for rows and columns.

    Parameters
    ----------
    name : for addresses: small letters, digits and underscores, beginning with a letter.
    symbol : what stands beside it and in the explanations, such as ``W_Q``.
    rows, columns : their names; where all are empty they are counted from 1 and not shown.
    entries : a sequence of rows.
    places : decimals shown; explanations show ``exact``, by default one more.
    marked : the row that the eye should follow, counted from 0, or None.
    bare : leave out the names of the rows where the matrix stands right of one that has them.
    """

    name: str
    symbol: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    entries: tuple[tuple[Entry, ...], ...]
    places: int = 2
    exact: int | None = None
    marked: int | None = None
    bare: bool = False

    def __post_init__(self):
        for key in ("rows", "columns"):
            object.__setattr__(self, key, tuple(map(str, getattr(self, key))))
        object.__setattr__(self, "entries", tuple(tuple(row) for row in self.entries))
        if self.exact is None:
            object.__setattr__(self, "exact", self.places + 1)
        if not NAME.fullmatch(self.name):
            raise ValueError(f"name is {self.name!r}; allowed: small letters, digits, underscores")
        shape = [len(row) for row in self.entries]
        if shape != [len(self.columns)] * len(self.rows) or not all(shape) or not shape:
            raise ValueError(
                f"matrix {self.name!r} has rows of {shape} entries for {len(self.rows)} names of "
                f"rows and {len(self.columns)} of columns"
            )
        if self.marked is not None and not 0 <= self.marked < len(self.rows):
            raise ValueError(f"marked is {self.marked}; allowed: 0 to {len(self.rows) - 1}, None")

    def row(self, i: int) -> Line:
        """Row i, counted from 0."""
        values = tuple(entry.value for entry in self.entries[i])
        words = f"row {self.rows[i] or i + 1} of {self.symbol}"
        words = words if len(self.rows) > 1 else self.symbol
        return Line(values, self.exact, words, f"{self.name}/{i}/*")

    def column(self, j: int) -> Line:
        """Column j, counted from 0."""
        values = tuple(row[j].value for row in self.entries)
        words = f"column {self.columns[j] or j + 1} of {self.symbol}"
        return Line(values, self.exact, words, f"{self.name}/*/{j}")

    def cell(self, i: int, j: int) -> Line:
        """The cell in row i and column j, counted from 0."""
        words = f"entry {self.columns[j] or j + 1} of {self.row(i).words}"
        return Line((self.entries[i][j].value,), self.exact, words, f"{self.name}/{i}/{j}")


@dataclass(frozen=True)
class Stage:
    """A step of a calculation: title, a sentence of plain words, a formula in TeX, matrices."""

    title: str
    words: str
    formula: str
    matrices: tuple[Matrix, ...]

    def __post_init__(self):
        object.__setattr__(self, "matrices", tuple(self.matrices))
        for key in ("title", "words", "formula"):
            if not str(getattr(self, key)).strip():
                raise ValueError(f"a stage has no {key}")
        if not self.matrices:
            raise ValueError(f"stage {self.title!r} has no matrix")


@dataclass(frozen=True)
class Worksheet:
    """The stages in their order, and a table of contents of all cells."""

    stages: tuple[Stage, ...]
    matrices: dict[str, Matrix] = field(init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "stages", tuple(self.stages))
        if not self.stages:
            raise ValueError("a worksheet has no stage")
        found: dict[str, Matrix] = {}
        for matrix in (matrix for stage in self.stages for matrix in stage.matrices):
            if matrix.name in found:
                raise ValueError(f"two matrices are called {matrix.name!r}")
            found[matrix.name] = matrix
        object.__setattr__(self, "matrices", found)
        for matrix in found.values():
            for source in (s for row in matrix.entries for entry in row for s in entry.sources):
                self._check(source, matrix)

    def _check(self, source: str, matrix: Matrix) -> None:
        name, row, column = source.split("/")
        there = self.matrices.get(name)
        if (
            there is None
            or (row != "*" and int(row) >= len(there.rows))
            or (column != "*" and int(column) >= len(there.columns))
        ):
            raise ValueError(f"matrix {matrix.name!r} names the source {source!r}: no such cell")


# --- Operations ------------------------------------------------------------------------------


def given(
    name: str,
    symbol: str,
    values: Sequence[Sequence[float | str]],
    rows: Sequence[str],
    columns: Sequence[str],
    how: str = "given",
    places: int = 1,
    **options,
) -> Matrix:
    """A matrix of numbers (or words) that come from nowhere on this sheet."""
    entries = [[Entry(value, how) for value in row] for row in values]
    return Matrix(name, symbol, rows, columns, entries, places, places, **options)


def dot(a: Line, b: Line) -> Entry:
    """Row · column: the products of their numbers, added."""
    if len(a.values) != len(b.values):
        raise ValueError(
            f"{a.words} has {len(a.values)} numbers, {b.words} has {len(b.values)}: no dot product"
        )
    value = math.fsum(x * y for x, y in zip(a.values, b.values, strict=True))
    terms = (
        f"{factor(x, a.places)}·{factor(y, b.places)}"
        for x, y in zip(a.values, b.values, strict=True)
    )
    written = f"{' + '.join(terms)} = {number(value, 3)}"
    return Entry(value, f"{a.words} · {b.words}", written, (a.address, b.address))


def total(*parts: Line) -> Entry:
    """All numbers of some lines, added."""
    values = [(value, part.places) for part in parts for value in part.values]
    value = math.fsum(value for value, _ in values)
    written = f"{' + '.join(factor(*pair) for pair in values)} = {number(value, 3)}"
    words = " + ".join(part.words for part in parts)
    return Entry(value, words, written, tuple(part.address for part in parts))


def product(name: str, symbol: str, a: Matrix, b: Matrix, row: int | None = None, **options):
    """The matrix product, or with ``row`` that one row of it."""
    chosen = range(len(a.rows)) if row is None else [row]
    entries = [[dot(a.row(i), b.column(j)) for j in range(len(b.columns))] for i in chosen]
    return Matrix(name, symbol, [a.rows[i] for i in chosen], b.columns, entries, **options)


def normalise(
    moments: str, name: str, symbol: str, x: Matrix, eps: float, row: int | None = None, **options
) -> tuple[Matrix, Matrix]:
    """Layer norm of each row, or of one: a matrix of means and deviations, and the result."""
    chosen = range(len(x.rows)) if row is None else [row]
    pairs = [_moments(x.row(i), eps, f"{moments}/{k}/0") for k, i in enumerate(chosen)]
    entries = [
        [_standard(x.cell(i, j), pair, f"{moments}/{k}") for j in range(len(x.columns))]
        for k, (i, pair) in enumerate(zip(chosen, pairs, strict=True))
    ]
    names = [x.rows[i] for i in chosen]
    first = Matrix(moments, "", names, ["mean", "dev."], pairs, **options)
    beside = {**options, "bare": len(names) > 1}
    return first, Matrix(name, symbol, names, x.columns, entries, **beside)


def _moments(x: Line, eps: float, mean_at: str) -> tuple[Entry, Entry]:
    n = len(x.values)
    mean = math.fsum(x.values) / n
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in x.values) / n + eps)
    numbers = [factor(value, x.places) for value in x.values]
    squares = " + ".join(f"({value} − {factor(mean, 3)})²" for value in numbers)
    return (
        Entry(
            mean,
            f"the mean of {x.words}",
            f"({' + '.join(numbers)})/{n} = {number(mean, 3)}",
            (x.address,),
        ),
        Entry(
            deviation,
            f"the standard deviation of {x.words}",
            f"√(({squares})/{n} + {number(eps, 5)}) = {number(deviation, 3)}",
            (x.address, mean_at),
        ),
    )


def _standard(x: Line, pair: tuple[Entry, Entry], moments: str) -> Entry:
    mean, deviation = (entry.value for entry in pair)
    z = (x.values[0] - mean) / deviation
    written = (
        f"({factor(x.values[0], x.places)} − {factor(mean, 3)})/{number(deviation, 3)}"
        f" = {number(z, 3)}"
    )
    how = f"{x.words}, minus the mean, over the deviation"
    return Entry(z, how, written, (x.address, f"{moments}/0", f"{moments}/1"))
