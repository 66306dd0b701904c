"""The build executes what is due, no more; caches what MyST-NB looks up; fails when it should."""

import gzip
import os
import subprocess
import sys
import urllib.error
import urllib.request

import nbformat
import pytest
from jupyter_cache import get_cache

from courseware import build
from courseware.build import BookServer
from courseware.lessons import execution

CONFIG = """\
title: A book of two lessons
only_build_toc_files: true
execute: {execute_notebooks: cache}
sphinx:
  local_extensions: {use_cache: extensions}
"""
EXTENSION = """\
import os
def setup(app):
    def use_cache(app, config):
        config.nb_execution_cache_path = os.environ["COURSEWARE_CACHE"]
    app.connect("config-inited", use_cache)
    return {"parallel_read_safe": True}
"""
FRONT = """\
---
file_format: mystnb
kernelspec: {name: python3, display_name: Python 3}
---
# Front page

```{code-cell} python
print("front", 6 * 7)
```
"""
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def write_lesson(path, title, *code, tags=()):
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell(f"# {title}")]
    cells += [v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in code]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    nbformat.write(v4.new_notebook(cells=cells, metadata=KERNEL), path)


LESSON = "import os\nprint(os.environ['COURSEWARE_FRONT_END'], os.path.basename(os.getcwd()))"


@pytest.fixture
def book(tmp_path):
    for folder in ("extensions", "code", "chapters"):
        (tmp_path / folder).mkdir()
    (tmp_path / "_config.yml").write_text(CONFIG)
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters:\n- file: chapters/one\n- file: chapters/two\n"
    )
    (tmp_path / "extensions" / "use_cache.py").write_text(EXTENSION)
    (tmp_path / "code" / "package.py").write_text("answer = 42\n")
    (tmp_path / "index.md").write_text(FRONT)
    write_lesson(tmp_path / "chapters/one.ipynb", "One", LESSON)
    write_lesson(tmp_path / "chapters/two.ipynb", "Two", "print(sum(range(10)))")
    return tmp_path


def test_whole_book_then_nothing_then_one_lesson(book, capfd):
    first_page = build.html(book)
    said = capfd.readouterr().out
    assert "3 notebooks executed" in said
    assert "front 42" in first_page.read_text()
    assert "page chapters" in (book / "_build/html/chapters/one.html").read_text()

    before = first_page.stat().st_mtime_ns
    build.html(book)
    assert "Nothing changed" in capfd.readouterr().out
    assert first_page.stat().st_mtime_ns == before

    write_lesson(book / "chapters/one.ipynb", "One, retold", LESSON)
    build.html(book)
    assert "0 notebooks executed" in capfd.readouterr().out, "prose alone executes nothing"
    assert "One, retold" in (book / "_build/html/chapters/one.html").read_text()

    write_lesson(book / "chapters/two.ipynb", "Two", "print(sum(range(11)))")
    build.html(book)
    assert "1 notebooks executed" in capfd.readouterr().out
    assert ">55\n" in (book / "_build/html/chapters/two.html").read_text()

    write_lesson(book / "chapters/two.ipynb", "Two, [gone](nowhere.md)", "print(sum(range(11)))")
    with pytest.raises(build.BuildError, match="nowhere.md"):
        build.html(book)
    with pytest.raises(build.BuildError, match="nowhere.md"):
        build.html(book)  # a failed build is not taken for a finished one


def test_the_cache_holds_what_mystnb_looks_up(book):
    from myst_nb.core.config import NbParserConfig
    from myst_nb.core.execute.cache import NotebookClientCache

    folder = book / "cache"
    assert build.execute(book, folder) == 3
    assert build.execute(book, folder) == 0

    class Log:
        def info(self, *_, **__):
            pass

        def warning(self, message, **_):
            raise AssertionError(message)

    def lookup(path):
        config = NbParserConfig(execution_mode="cache", execution_cache_path=str(folder))
        # With no path the client cannot execute: it finds results or raises.
        client = NotebookClientCache(build.read_notebook(path), None, config, Log())
        with client:
            return client.notebook

    for path, text in zip(build.pages(book), ("front 42", "page chapters", "45"), strict=True):
        outputs = [o for c in lookup(path).cells if c.cell_type == "code" for o in c.outputs]
        assert [o.text.strip() for o in outputs] == [text]

    two = book / "chapters/two.ipynb"
    write_lesson(two, "Two", "print(sum(range(10)))", tags=["hide-input"])
    build.execute(book, folder)
    assert lookup(two).cells[1].metadata.tags == ["hide-input"], "changed tags reach the page"


def test_a_failing_cell_is_named_and_nothing_is_cached(book):
    write_lesson(book / "chapters/two.ipynb", "Two", "x = 1", "x / 0  # here")
    with pytest.raises(build.BuildError) as failure:
        build.execute(book, book / "cache")
    message = str(failure.value)
    assert "chapters/two.ipynb: cell 3 failed with ZeroDivisionError" in message
    assert "x / 0  # here" in message and "\x1b" not in message
    cache = get_cache(str(book / "cache"))
    assert not execution.is_cached(cache, build.read_notebook(book / "chapters/two.ipynb"))
    assert execution.is_cached(cache, build.read_notebook(book / "chapters/one.ipynb"))


def test_a_dying_kernel_is_named(book):
    write_lesson(book / "chapters/one.ipynb", "One", "import os\nos._exit(1)")
    with pytest.raises(build.BuildError, match="chapters/one.ipynb: its kernel died"):
        build.execute(book, book / "cache")


def test_command_line_fails_with_a_message(book):
    write_lesson(book / "chapters/one.ipynb", "One", "raise ValueError('no such width')")
    done = subprocess.run(
        [sys.executable, "-m", "courseware.build", "html"],
        cwd=book,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "The book was not built." in done.stderr and "no such width" in done.stderr
    assert "asyncio" not in done.stderr, "the failure is the lesson's, not a trace of the build"


def test_results_depend_on_the_packages(book):
    key = build.execution_key(book)
    assert build.execution_key(book) == key
    (book / "code/package.py").write_text("answer = 43\n")
    assert build.execution_key(book) != key


def test_stylesheets_rebuild_pages_but_execute_nothing(book):
    folder = book / "code/courseware/explorers"
    folder.mkdir(parents=True)
    results, pages = build.execution_key(book), build.machinery_key(book)
    (folder / "explorer.css").write_text("body { margin: 0 }")
    assert build.execution_key(book) == results
    assert build.machinery_key(book) != pages


def test_missing_page_is_named(book):
    (book / "_toc.yml").write_text("format: jb-book\nroot: index\nchapters:\n- file: three\n")
    with pytest.raises(build.BuildError, match="three"):
        build.pages(book)


def test_environment_is_given_back(book, monkeypatch):
    monkeypatch.delenv("COURSEWARE_FRONT_END", raising=False)
    build.execute(book, book / "cache")
    assert "COURSEWARE_FRONT_END" not in os.environ


def request(address, **headers):
    return urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10)


def test_server(tmp_path):
    page = "<!doctype html>" + "<p>softmax</p>" * 200
    (tmp_path / "index.html").write_text(page)
    (tmp_path / "secret").mkdir()
    with BookServer(tmp_path) as address:
        assert address.startswith("http://127.0.0.1:")
        plain = request(address + "/")
        assert plain.read().decode() == page
        assert plain.headers["Content-Type"] == "text/html; charset=utf-8"
        small = request(address + "/index.html", **{"Accept-Encoding": "gzip"})
        body = small.read()
        assert small.headers["Content-Encoding"] == "gzip" and len(body) < len(page) / 5
        assert gzip.decompress(body).decode() == page
        for path, headers, status in (
            ("/index.html", {"If-None-Match": plain.headers["ETag"]}, 304),
            ("/secret/", {}, 404),
            ("/../../etc/passwd", {}, 404),
            ("/%2e%2e/%2e%2e/etc/passwd", {}, 404),
        ):
            with pytest.raises(urllib.error.HTTPError) as answer:
                request(address + path, **headers)
            assert answer.value.code == status
