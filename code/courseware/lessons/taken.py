"""The functions, values and figures of a lesson, for tests that ask whether its sentences are true.

    lesson = Taken(path)
    draw, scores = lesson.get("draw", "scores")         # runs what these two depend on, no more
    figure = lesson.figure("the caption's words")       # or the name of what draws it
    for state in figure.states():
        figure.draw(**state)

Nothing that trains is run unless the caller says `training=True`.
"""

import ast
import contextlib
import io
import linecache
import sys
from pathlib import Path
from time import process_time
from typing import Any

from courseware.lessons.drawn import Drawn
from courseware.lessons.reading import Lesson, printed
from courseware.lessons.slicing import Slicer
from courseware.lessons.statements import SHOWN, Statement, last_name, statements

FEW_STEPS = 20  # an optimiser that makes more of them is training


class NeedsTraining(Exception):
    """A quick test asked for what only training gives."""


class Taken:
    """A lesson whose code is run in parts.

    What needs no training is run anew for each call, so that no test sees what another has left
    behind; what was trained is kept.

    Args:
        lesson: the lesson, or the path of its notebook.
        training: whether training may be run when a call does not say so.
    """

    def __init__(self, lesson: Lesson | Path | str, training: bool = False):
        self.lesson = lesson if isinstance(lesson, Lesson) else Lesson(lesson)
        self.training = training
        self.seconds_of_imports = 0.0
        self._slicer = Slicer(statements(self.lesson))
        self._kept: dict[tuple, dict] = {}

    def get(self, *names: str, at: int | str | None = None, training: bool | None = None) -> Any:
        """What these names stand for at the end of the notebook: one object, or a tuple.

        Args:
            names: names that the lesson's code binds.
            at: the cell at whose end they are taken: its place, its id, or words in its code.
            training: whether cells that train may be run for it.

        Raises:
            ValueError: a name is bound nowhere before that place, or `at` names no single cell.
            NeedsTraining: they depend on training.
        """
        if not names:
            raise ValueError("get() came without a name; say what to take from the lesson")
        end = len(self._slicer.statements) if at is None else self._end(self._place(at))
        known = {name for s in self._slicer.statements[:end] for name in s.binds}
        for name in names:
            if name not in known:
                raise ValueError(
                    f"{name!r} is bound nowhere before the end of {self._where(at)}; bound there: "
                    f"{', '.join(sorted(n for n in known if n.isidentifier()))}"
                )
        space = self._run(names, end, training, ", ".join(names))
        found = tuple(space[name] for name in names)
        return found[0] if len(names) == 1 else found

    def figure(self, key: int | str, training: bool | None = None) -> Drawn:
        """One call of `explore` or `show`, with what it shows.

        Args:
            key: the place of its cell, the name of what draws it, or words in its caption.
            training: whether cells that train may be run for it.

        Raises:
            ValueError: no call or several fit.
            NeedsTraining: the figure depends on training.
        """
        number, call = self._call(key)
        statement = self._slicer.statements[number]
        shown: list[Drawn] = []
        space = self._run(statement.uses, number, training, f"the figure in cell {statement.place}")
        space |= {"explore": _recorder(Drawn.explore, shown), "show": _recorder(Drawn.show, shown)}
        with self._watched(training, "the figure"):
            self._execute(statement, space)
        fitting = [figure for figure in shown if len(shown) == 1 or figure.fits(str(key))]
        if len(fitting) != 1:
            raise ValueError(f"cell {statement.place} shows {len(shown)} figures; none is {key!r}")
        return fitting[0]

    def printed(self, key: int | str) -> str:
        """What a cell printed when the notebook was stored.

        Args:
            key: the cell's place, its id, or words in its code or in what it printed.
        """
        return printed(self.lesson.cells[self._place(key)])

    def figures(self) -> list[tuple[int, str, str]]:
        """Place, drawing name and caption of all figures, as far as the code tells them."""
        return [_described(self._slicer.statements[n].place, call) for n, call in self._calls()]

    def _calls(self) -> list[tuple[int, ast.Call]]:
        return [
            (number, node)
            for number, statement in enumerate(self._slicer.statements)
            for node in ast.walk(statement.node)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("explore", "show")
        ]

    def _call(self, key: int | str) -> tuple[int, ast.Call]:
        calls = list(zip(self._calls(), self.figures(), strict=True))
        for fits in (
            lambda place, name, caption: key == place,
            lambda place, name, caption: key == name,
            lambda place, name, caption: str(key) in caption,
        ):
            found = [call for call, described in calls if fits(*described)]
            if len(found) == 1:
                return found[0]
            if found:
                break
        listed = "; ".join(f"cell {p}: {name}, {text[:50]!r}" for p, name, text in self.figures())
        raise ValueError(f"{len(found)} figures fit {key!r}; there are {listed or 'none'}")

    def _place(self, key: int | str) -> int:
        cells = dict(enumerate(self.lesson.cells))
        codes = {place: cell for place, cell in cells.items() if cell.cell_type == "code"}
        for fits in (
            lambda place, cell: key == place or key == cell.get("id"),
            lambda place, cell: str(key) in cell.source,
            lambda place, cell: str(key) in printed(cell),
        ):
            found = [place for place, cell in codes.items() if fits(place, cell)]
            if len(found) == 1:
                return found[0]
            if found:
                raise ValueError(f"cells {', '.join(map(str, found))} all fit {key!r}")
        raise ValueError(f"no code cell is {key!r}; code cells: {', '.join(map(str, codes))}")

    def _end(self, place: int) -> int:
        return sum(statement.place <= place for statement in self._slicer.statements)

    def _where(self, at) -> str:
        return f"lesson {self.lesson.number}" if at is None else f"cell {self._place(at)}"

    def _run(self, names, end: int, training: bool | None, what: str) -> dict[str, Any]:
        chosen = self._slicer.slice(names, end)
        trains = sorted({s.place for s in chosen if "training" in s.tags})
        allowed = self.training if training is None else training
        key = tuple(map(id, chosen))
        if (trains or key in self._kept) and not allowed:
            cells = ", ".join(map(str, trains or sorted({s.place for s in chosen})))
            raise NeedsTraining(_told(what, f"training in cells {cells}"))
        if key in self._kept:
            for setting in (s for s in chosen if s.is_setting):
                self._execute(setting, self._kept[key])
            return dict(self._kept[key])
        # A notebook's own module is called so, and knows `display` without an import.
        space: dict[str, Any] = {"__name__": "__main__", "display": _silent}
        with self._watched(training, what) as steps:
            for statement in chosen:
                self._execute(statement, space)
        if trains or steps.count > FEW_STEPS:
            self._kept[key] = dict(space)
        return space

    @contextlib.contextmanager
    def _watched(self, training: bool | None, what: str):
        self._steps = steps = _Steps(what, self.training if training is None else training)
        unread = io.StringIO()
        try:
            with contextlib.redirect_stdout(unread), contextlib.redirect_stderr(unread):
                yield steps
        finally:
            steps.remove()

    def _execute(self, statement: Statement, space: dict[str, Any]) -> None:
        source = self.lesson.cells[statement.place].source
        name = f"<{self.lesson.path.name}, cell {statement.place}>"
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
        code = compile(ast.Module([statement.node], []), name, "exec")
        begun = process_time()
        exec(code, space)
        if statement.is_import:
            self.seconds_of_imports += process_time() - begun
            self._steps.watch()
            for name in statement.binds & set(SHOWN):
                if getattr(space[name], "__module__", "").startswith("courseware"):
                    space[name] = _silent


class _Steps:
    """Counts the steps of torch's optimisers, and stops those that nobody has allowed."""

    def __init__(self, what: str, allowed: bool):
        self.what, self.allowed, self.count, self._handle = what, allowed, 0, None
        self.watch()

    def watch(self) -> None:
        """Begin, as soon as torch has been imported."""
        if self._handle is None and "torch" in sys.modules:
            from torch.optim.optimizer import register_optimizer_step_pre_hook

            self._handle = register_optimizer_step_pre_hook(self._step)

    def remove(self) -> None:
        if self._handle is not None:
            self._handle.remove()

    def _step(self, *_) -> None:
        self.count += 1
        if self.count > FEW_STEPS and not self.allowed:
            raise NeedsTraining(_told(self.what, f"more than {FEW_STEPS} steps of an optimiser"))


def _told(what: str, source: str) -> str:
    return (
        f"{what} depends on {source}. Mark the test with @pytest.mark.slow, so that `make claims` "
        "runs it, or say training=True, or take it before the training with at=…"
    )


def _described(place: int, call: ast.Call) -> tuple[int, str, str]:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    name = last_name(call.args[0]) if call.args else ""
    texts = [n for n in ast.walk(given.get("caption", call)) if isinstance(n, ast.Constant)]
    return place, name, "".join(str(n.value) for n in texts) if "caption" in given else ""


def _recorder(make, shown: list):
    def record(*given, **named):
        shown.append(make(*given, **named))

    return record


def _silent(*_, **__) -> None:
    """Shows nothing."""
