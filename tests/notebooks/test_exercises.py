"""Of every exercise in every lesson, the stub fails and the solution passes, when run here."""

import ast
from functools import lru_cache
from pathlib import Path

import pytest

from courseware.anatomy import exercise_names
from courseware.exercises import last, lessons, names
from courseware.lesson import Lesson, cell_tags, printed, tree
from courseware.notebooks import lessons as notebooks
from courseware.notebooks import root_of

ROOT = root_of(Path(__file__))
lesson_at = lru_cache(Lesson)
PATHS = notebooks(ROOT)
EXERCISES = [(path, name) for path in PATHS for name in exercise_names(lesson_at(path))]


def defines(statement):
    """The names a top-level statement gives a value to."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    nodes = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return {node.id for node in nodes if isinstance(node.ctx, ast.Store)}


def uses(statement):
    """The names a statement reads."""
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def run(lesson, target):
    """Run one cell after those statements of the lesson above it that it rests on.

    The rest of the lesson, which may train a model, is left out; nbval runs all of it.
    """
    before = lesson.cells[: lesson.cells.index(target)]
    statements = [
        statement
        for cell in before
        if cell.cell_type == "code" and "exercise" not in cell_tags(cell)
        for statement in tree(cell.source).body
    ]
    body = tree(target.source).body
    wanted = set().union(*map(uses, body))
    needed = []
    for statement in reversed(statements):
        if defines(statement) & wanted:
            needed.insert(0, statement)
            wanted |= uses(statement)
    exec(compile(ast.Module(needed + body, []), "lesson", "exec"), {"__name__": "lesson"})
    return last()


def cells_of(lesson, name, tag):
    found = [cell for cell in lesson.codes if tag in cell_tags(cell) and f'"{name}"' in cell.source]
    assert len(found) == 1, f"exercise {name} has {len(found)} cells tagged {tag}"
    return found[0]


@pytest.mark.parametrize("tag, status", [("exercise", "unsolved"), ("solution", "right")])
@pytest.mark.parametrize("path, name", EXERCISES, ids=[name for _, name in EXERCISES])
def test_stub_fails_and_solution_passes(path, name, tag, status, monkeypatch, capsys):
    monkeypatch.chdir(path.parent)
    lesson = lesson_at(path)
    cell = cells_of(lesson, name, tag)
    result = run(lesson, cell)
    assert (result.name, result.status) == (name, status), result.message
    said = capsys.readouterr().out
    assert printed(cell) == said, "the lesson stores another answer than the one given now"


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_lesson_and_register_name_the_same_exercises(path):
    lesson = lesson_at(path)
    assert exercise_names(lesson) == names(lesson.number)


def test_every_register_has_its_lesson():
    assert set(lessons()) <= {lesson_at(path).number for path in PATHS}
