r"""Build the book: `python -m courseware.build html`, and look at it: `… serve`.

Notebooks are executed in parallel, in kernels of their own, with the page front end. Results lie
in a jupyter-cache whose folder is named by a hash of everything execution depends on besides the
notebook: the packages and the pinned requirements. MyST-NB then finds each notebook in that cache
(by a hash of its code cells, their tags and the kernelspec) and executes nothing itself. Sphinx
reads only lessons that changed, and everything anew when the machinery changed; with nothing
changed, nothing runs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

import courseware.no_grammar  # noqa: F401 (before nbformat, which the functions import)

IGNORED = {"__pycache__", "_build", "node_modules", "tests", "benchmarks"}
# What turns results into pages but is out of a running lesson's reach: a change of these needs
# new pages, not new results.
PAGES_ONLY = ("courseware/book/", "courseware/build/", "courseware/lessons/notebooks.py")
STYLE = (".css", ".js", ".svg")
PINS = ("requirements.txt", "constraints.txt", "package-lock.json")
CACHES_KEPT = 4
DONE = "done.json"  # in a cache's folder: the code of each page when all results were there


class BuildError(Exception):
    """The book cannot be built; the message says why."""


def sources(folder: Path) -> list[Path]:
    """The files below `folder` that somebody wrote, in a fixed order."""
    if folder.is_file():
        return [folder]
    found = []
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith(".") or path.name in IGNORED
        if not hidden and not path.name.endswith((".egg-info", ".pyc")):
            found += sources(path)
    return found


def fingerprint(root: Path, paths: Iterable[Path]) -> str:
    """A hash of names and contents."""
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def existing(root: Path, names: Iterable[str]) -> list[Path]:
    return [root / name for name in names if (root / name).exists()]


def execution_key(root: Path) -> str:
    """Hash of all that a notebook's results depend on besides the notebook."""
    code = root / "code"
    reach = [
        path
        for path in sources(code)
        if not path.relative_to(code).as_posix().startswith(PAGES_ONLY) and path.suffix not in STYLE
    ]
    return (
        fingerprint(root, [*reach, *existing(root, PINS)])
        + f"-py{sys.version_info[0]}{sys.version_info[1]}"
    )


def machinery_key(root: Path) -> str:
    """Hash of what shapes every page: the packages, the configuration, the contents."""
    names = ("_config.yml", "_toc.yml", "references.bib", *PINS)
    return fingerprint(root, [*sources(root / "code"), *existing(root, names)])


def pages(root: Path) -> list[Path]:
    """The files behind the table of contents, in its order."""
    from sphinx_external_toc.parsing import parse_toc_yaml

    found = []
    for name in parse_toc_yaml(root / "_toc.yml"):
        candidates = [root / f"{name}{suffix}" for suffix in ("", ".ipynb", ".md", ".rst")]
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            raise BuildError(f"_toc.yml names {name}, and there is no such .ipynb or .md file")
        found.append(path)
    return found


def read_notebook(path: Path):
    """The notebook behind a page the way MyST-NB reads it; None for a page without code."""
    from myst_nb.core.config import NbParserConfig
    from myst_nb.core.read import create_nb_reader
    from myst_parser.config.main import MdParserConfig

    text = path.read_text(encoding="utf-8")
    reader = create_nb_reader(str(path), MdParserConfig(), NbParserConfig(), text)
    return reader.read(text) if reader else None


def results(root: Path) -> Path:
    """The folder of the cache that holds results of these packages; made when it is missing."""
    folder = root / "_build" / ".cache" / execution_key(root)
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()
    return folder


def code_of(path: Path) -> str:
    """A hash that changes whenever a page's results may: of its code cells, or of all its text.

    It tells quickly that nothing is due. What is due, MyST-NB's own key decides.
    """
    content = path.read_bytes()
    if path.suffix == ".ipynb":
        raw = json.loads(content)
        cells = [cell for cell in raw["cells"] if cell["cell_type"] == "code"]
        asked = [[cell["source"], cell["metadata"]] for cell in cells]
        content = json.dumps([raw["metadata"], asked]).encode()
    return hashlib.sha256(content).hexdigest()


def execute(root: Path, cache_folder: Path, jobs: int = 2) -> int:
    """Execute what `cache_folder` does not hold yet; return how many notebooks that were."""
    done_file = cache_folder / DONE
    done = json.loads(done_file.read_text()) if done_file.exists() else {}
    codes = {path.relative_to(root).as_posix(): code_of(path) for path in pages(root)}
    changed = [root / name for name, code in codes.items() if done.get(name) != code]
    count = _execute(root, cache_folder, changed, jobs) if changed else 0
    done_file.write_text(json.dumps(codes))
    return count


def _execute(root: Path, cache_folder: Path, paths: list[Path], jobs: int) -> int:
    from jupyter_cache import get_cache

    from courseware.lessons import execution

    cache = get_cache(str(cache_folder))
    due = []
    for path in paths:
        notebook = read_notebook(path)
        if notebook is not None and not execution.is_cached(cache, notebook):
            due.append((path, notebook))
    if due:
        failures = execution.run_all(root, cache_folder, due, jobs)
        if failures:
            raise BuildError("\n\n".join(failures))
    return len(due)


def run_sphinx(root: Path, cache_folder: Path, fresh: bool) -> None:
    """Jupyter Book with warnings as errors, its progress shown as one bar."""
    if fresh:
        for folder in ("html", ".doctrees"):
            shutil.rmtree(root / "_build" / folder, ignore_errors=True)
    command = [sys.executable, "-m", "courseware.book", "build", "."]
    command += ["-W", "-n", "--keep-going"] + (["--all"] if fresh else [])
    environment = os.environ | {
        "COURSEWARE_CACHE": str(cache_folder),
        "COURSEWARE_FRONT_END": "page",
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    step = re.compile(r"(reading sources|writing output)\.\.\. \[\s*(\d+)%\] (\S*)")
    said = []
    with tqdm(total=200, desc="Pages", bar_format="{desc} |{bar}| {postfix}", disable=None) as bar:
        for line in process.stdout:
            line = re.sub(r"\x1b\[[0-9;]*m", "", line)
            if found := step.search(line):
                bar.n = int(found[2]) + (100 if found[1] == "writing output" else 0)
                bar.set_postfix_str(found[3].rsplit("/", 1)[-1])
            else:
                said.append(line)
    if process.wait() or not (root / "_build" / "html" / "index.html").exists():
        troubles = [line for line in said if re.search(r"WARNING|ERROR|CRITICAL", line)]
        raise BuildError("Sphinx found fault:\n" + "".join(troubles or said[-40:]))
    itself = [line for line in said if "Executing notebook" in line]
    if itself:
        (cache_folder / DONE).unlink(missing_ok=True)
        raise BuildError(
            "MyST-NB found no results in the cache and executed a notebook itself. Did it change "
            f"during the build? Is courseware.book in _config.yml?\n{''.join(itself)}"
        )


def html(root: Path, jobs: int = 2) -> Path:
    """Execute what is due, build what is due, return the first page's path."""
    started = time.perf_counter()
    first_page = root / "_build" / "html" / "index.html"
    caches = root / "_build" / ".cache"
    stamp_file = caches / "built.json"
    stamp = {"machinery": machinery_key(root), "inputs": fingerprint(root, sources(root))}
    last = json.loads(stamp_file.read_text()) if stamp_file.exists() else {}
    if last == stamp and first_page.exists():
        print(f"Nothing changed since the last build: {first_page}")
        return first_page

    stamp_file.unlink(missing_ok=True)
    cache_folder = results(root)
    executed = execute(root, cache_folder, jobs)
    fresh = last.get("machinery") != stamp["machinery"] or not first_page.exists()
    run_sphinx(root, cache_folder, fresh)
    stamp_file.write_text(json.dumps(stamp))
    drop_old_caches(caches)
    seconds = time.perf_counter() - started
    print(f"Built in {seconds:.0f} s ({executed} notebooks executed): {first_page}")
    return first_page


def drop_old_caches(caches: Path) -> None:
    folders = sorted((p for p in caches.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
    for folder in folders[:-CACHES_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m courseware.build", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the book's folder")
    commands = parser.add_subparsers(dest="command", required=True)
    html_parser = commands.add_parser("html", help="execute the lessons and build the pages")
    html_parser.add_argument("--jobs", type=int, default=2, help="kernels at a time (default 2)")
    serve_parser = commands.add_parser("serve", help="show the built book on 127.0.0.1")
    serve_parser.add_argument("--port", type=int, default=0, help="default: a free one")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    if not (root / "_toc.yml").exists():
        parser.error(f"{root} holds no _toc.yml: run this in the root of the repository")
    if options.command == "serve":
        from courseware.build.serve import serve_forever

        return serve_forever(root / "_build" / "html", options.port)
    try:
        html(root, options.jobs)
    except BuildError as error:
        print(f"\nThe book was not built.\n\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Lessons executed so far are kept.", file=sys.stderr)
        return 130
    return 0
