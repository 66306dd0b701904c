"""The normal form keeps what a reader needs, drops the rest, and is its own normal form."""

import copy
import json
import subprocess
import sys

import nbformat
import pytest

from courseware.lessons import notebooks
from courseware.lessons.notebooks import (
    deviations,
    main,
    normal_form,
    read,
    setup_source,
    stamp,
    to_text,
)

CONFIG = "repository:\n  url: https://example.org/course\n"


@pytest.fixture
def course(tmp_path):
    """A folder that looks like the course, with one untidy notebook in it."""
    (tmp_path / "_config.yml").write_text(CONFIG)
    (tmp_path / "chapters").mkdir()
    return tmp_path


def untidy():
    """A notebook as an editor leaves it."""
    figure = {"text/html": "<b>", "image/png": "AAAA"}
    cells = [
        {"cell_type": "markdown", "metadata": {"id": "x"}, "source": "# Title\n\nline  \nbreak\n"},
        {
            "cell_type": "code",
            "execution_count": 7,
            "metadata": {
                "collapsed": True,
                "tags": ["keep"],
                "jupyter": {"outputs_hidden": True, "source_hidden": True},
            },
            "source": ["%time  1\n", "x  = {'a':1}\n", "x"],
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["a\n"]},
                {"output_type": "stream", "name": "stderr", "text": "warning\n"},
                {"output_type": "stream", "name": "stdout", "text": "b\n"},
                {"output_type": "display_data", "metadata": {}, "data": figure},
                {
                    "output_type": "execute_result",
                    "execution_count": 7,
                    "metadata": {"m": 1},
                    "data": {"text/plain": ["{'a':\n", " 1}"], "text/html": "<b>"},
                },
            ],
        },
        {"cell_type": "code", "execution_count": 9, "metadata": {}, "source": "x", "outputs": []},
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "source": "x",
            "outputs": [],
        },
        {"cell_type": "code", "execution_count": 3, "metadata": {}, "source": "\n", "outputs": []},
    ]
    cells[2]["id"] = cells[3]["id"] = "mine"
    return {"cells": cells, "metadata": {"colab": {}}, "nbformat": 4, "nbformat_minor": 0}


@pytest.fixture
def path(course):
    file = course / "chapters" / "lesson.ipynb"
    file.write_text(json.dumps(untidy()))
    return file


def test_normal_form(path):
    tidy = normal_form(read(path), path)
    nbformat.validate(tidy)
    title, code, second, third = tidy.cells
    assert title.source == "# Title\n\nline  \nbreak" and title.metadata == {}
    assert code.source == '%time  1\nx = {"a": 1}\nx'
    assert code.metadata == {"tags": ["keep"], "jupyter": {"source_hidden": True}}
    assert [cell.execution_count for cell in (code, second, third)] == [1, 2, None]
    stream, result = code.outputs
    assert (stream.name, stream.text) == ("stdout", "a\nb\n")
    assert (result.data, result.execution_count) == ({"text/plain": "{'a':\n 1}"}, 1)
    assert (second.id, len({cell.id for cell in tidy.cells})) == ("mine", 4)
    assert tidy.metadata == notebooks.METADATA


def test_normal_form_is_stable_and_leaves_its_argument_alone(path):
    given = read(path)
    before = copy.deepcopy(given)
    once = normal_form(given, path)
    assert given == before
    assert to_text(normal_form(once, path)) == to_text(once)
    assert to_text(once) == to_text(normal_form(read(path), path)), "ids are drawn, not computed"
    assert '\n "cells"' in to_text(once) and to_text(once).endswith("}\n")


def test_an_id_survives_a_new_text(path):
    tidy = normal_form(read(path), path)
    identity = tidy.cells[0].id
    tidy.cells[0].source = "# Another title"
    assert normal_form(tidy, path).cells[0].id == identity


def test_check_names_the_deviations_and_format_mends_them(path, capsys):
    assert main(["check", str(path)]) == 1
    report = capsys.readouterr().out
    for words in ("notebook metadata", "empty cells"):
        assert words in report
    assert main(["format", str(path)]) == 0
    assert "written" in capsys.readouterr().out
    assert main(["check", str(path)]) == 0 and deviations(path) == []
    assert main(["format", str(path)]) == 0
    assert "unchanged" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda nb: nb.cells[1].update(source="x  = 1"), "cell 1 ('x  = 1'): source"),
        (lambda nb: nb.cells[1].update(execution_count=4), "execution_count"),
        (lambda nb: nb.cells[1].metadata.update(scrolled=True), "metadata"),
        (lambda nb: nb.cells[0].update(id="a b"), "cell 0 ('# Title'): id"),
        (lambda nb: nb.cells[1].outputs[0].update(name="stderr"), "outputs"),
        (lambda nb: nb.metadata.update(colab={}), "notebook metadata"),
    ],
)
def test_each_deviation_is_named(path, change, words):
    tidy = normal_form(read(path), path)
    assert deviations(path, to_text(tidy)) == []
    change(tidy)
    assert words in " ".join(deviations(path, to_text(tidy)))
    assert deviations(path, to_text(normal_form(tidy, path)).replace("\n ", "\n  ")) == [
        "the file's layout (indent, order of keys, last line)"
    ]


def test_setup_cell_has_the_repository_and_installs_only_what_is_missing(course, monkeypatch):
    source = setup_source(course)
    assert '"transformer-math @ git+https://example.org/course#subdirectory=code"' in source
    ran = []
    plain = source.replace("%pip", "ran.append('pip') #")
    exec(plain, {"ran": ran})
    assert ran == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exec(plain, {"ran": ran})
    assert ran == ["pip", "pip"]
    (course / "_config.yml").write_text("title: x\n")
    with pytest.raises(ValueError, match="repository's address"):
        setup_source(course)


def test_stamp_writes_the_setup_cell_once(path, course):
    assert main(["stamp", str(path)]) == 0
    first = read(path).cells[1]
    assert first.source == setup_source(course) and first.metadata.tags == ["setup", "hide-input"]
    before = path.read_text()
    assert main(["stamp", str(path)]) == 0 and path.read_text() == before
    (course / "_config.yml").write_text(CONFIG.replace("example", "example2"))
    stamped = stamp(read(path), course)
    assert "example2" in stamped.cells[1].source and len(stamped.cells) == len(read(path).cells)


def test_every_lesson_is_found_from_below(path, course, monkeypatch, capsys):
    checkpoints = course / "chapters" / ".ipynb_checkpoints"
    checkpoints.mkdir()
    (checkpoints / "lesson-checkpoint.ipynb").write_text(path.read_text())
    monkeypatch.chdir(path.parent)
    assert main(["format"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    monkeypatch.chdir("/")
    with pytest.raises(FileNotFoundError, match="inside the course"):
        main(["check"])


def test_code_that_is_no_python_is_refused(path):
    broken = read(path)
    broken.cells[1].source = "x = ("
    with pytest.raises(ValueError, match="cannot format"):
        normal_form(broken, path)


def test_execute_stores_what_is_printed_with_the_live_front_end(path, monkeypatch):
    monkeypatch.setenv("COURSEWARE_FRONT_END", "page")
    cells = [
        nbformat.v4.new_code_cell("import os\nprint(os.environ['COURSEWARE_FRONT_END'])"),
        nbformat.v4.new_code_cell("from pathlib import Path\nPath.cwd().name"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    command = [sys.executable, "-m", "courseware.lessons.notebooks", "execute", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    first, second = read(path).cells
    assert first.outputs[0].text == "live\n" and first.execution_count == 1
    assert second.outputs[0].data == {"text/plain": "'chapters'"}
    assert deviations(path) == []
