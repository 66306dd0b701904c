"""Lessons as a stranger meets them on Colab: an empty folder, no clone, Colab's own packages.

The literal setup cell installs the course from a git repository made of this working tree, which
stands in for the address in `_config.yml`; then the whole notebook runs. What Colab carries (torch,
numpy, plotly, ipywidgets, a kernel) is laid into a fresh environment first: linked from this one,
or, for the oldest versions admitted, installed with exactly those versions.

Tried as oldest: ipywidgets 7.7.1, plotly 5.24.1, numpy 1.26.4, ipykernel 6.17.1, jaxtyping 0.2.25,
array-api-compat 1.9, safetensors 0.4.0 and tqdm 4.60.0. torch stays at the pinned version: an older
one would bring gigabytes of CUDA libraries into every test run.
"""

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9]*"))
FIRST_CHAPTER = sorted(CHAPTERS[0].glob("*.ipynb"))
OLDEST = {
    "ipywidgets": "7.7.1",
    "plotly": "5.24.1",
    "numpy": "1.26.4",
    "ipykernel": "6.17.1",
    "jaxtyping": "0.2.25",
    "array-api-compat": "1.9",
    "safetensors": "0.4.0",
    "tqdm": "4.60.0",
}
PROBE = """
import importlib.metadata as _metadata, json as _json, courseware as _c, transformer_math as _t
print("PROBE" + _json.dumps({
    "files": [_c.__file__, _t.__file__],
    "versions": {d.metadata["Name"].lower(): d.version for d in _metadata.distributions()},
}))
"""


def closure(names: list[str], without: set[str] = frozenset()) -> set[str]:
    """These distributions and all they need, as far as they are installed here."""
    found, due = set(), list(names)
    while due:
        name = re.sub(r"[-_.]+", "-", due.pop()).lower()
        if name in found or name in without:
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(name)
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                due.append(need.name)
    return found


def link(name: str, target: Path) -> None:
    """Lay an installed distribution into another environment, with the bytecode it has by now."""
    for file in importlib.metadata.distribution(name).files:
        if ".." in file.parts:
            continue  # a console script
        source, place = Path(file.locate()), target / file
        _lay(source, place)
        if file.suffix == ".py":
            _lay(*(Path(importlib.util.cache_from_source(path)) for path in (source, place)))


def _lay(source: Path, place: Path) -> None:
    """A hard link where that works: it keeps the time by which bytecode knows its source."""
    if not source.is_file() or place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, place)
    except OSError:
        shutil.copy2(source, place)


class Environment:
    """A fresh virtual environment with a kernel, in a place where git sees our stand-in."""

    def __init__(self, folder: Path, origin: Path):
        venv.create(folder, with_pip=False)
        self.python = folder / "bin" / "python"
        self.packages = next((folder / "lib").glob("python3*")) / "site-packages"
        kernel = folder / "share" / "jupyter" / "kernels" / "colab" / "kernel.json"
        kernel.parent.mkdir(parents=True)
        command = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        kernel.write_text(
            json.dumps({"argv": command, "display_name": "Colab", "language": "python"})
        )
        self.jupyter_path = str(folder / "share" / "jupyter")
        course = ("COURSEWARE_", "PYTHON", "VIRTUAL_ENV", "GIT_", "PYTEST", "JUPYTER", "MPL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(course)}
        self.variables = kept | {
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{origin.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": ADDRESS,
            "PLOTLY_RENDERER": "colab",
            "OMP_NUM_THREADS": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "PIP_NO_COMPILE": "1",
        }

    def install(self, *what: str) -> None:
        command = [self.python, "-m", "pip", "install", "--quiet", *what]
        done = subprocess.run(command, env=self.variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def run(self, lesson: Path, folder: Path, monkeypatch) -> dict:
        """Run a lesson in `folder`, which is empty; return what the probe saw."""
        monkeypatch.setenv("JUPYTER_PATH", self.jupyter_path)
        notebook = nbformat.read(lesson, as_version=4)
        probe = nbformat.v4.new_code_cell(PROBE)
        notebook.cells.append(probe)
        assert list(folder.iterdir()) == []
        client = NotebookClient(
            notebook,
            kernel_name="colab",
            timeout=300,
            resources={"metadata": {"path": str(folder)}},
        )
        # An Output widget swallows errors. Without a front end for widgets, what is displayed in
        # one comes out below the cell, errors too.
        client.comm_open_handlers = {}
        client.execute(env=self.variables)
        check_outputs(notebook)
        seen = "".join(output.text for output in probe.outputs if output.output_type == "stream")
        return json.loads(seen.split("PROBE", 1)[1])


def check_outputs(notebook) -> None:
    """No error hidden in a widget; every explorer drew a figure below its cell."""
    for number, cell in enumerate(notebook.cells):
        outputs = cell.get("outputs", [])
        errors = [output for output in outputs if output.output_type == "error"]
        assert not errors, f"cell {number}: {errors[0].ename}: {errors[0].evalue}"
        if re.search(r"^(explore|show)\(", cell.source, re.M) and cell.cell_type == "code":
            html = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
            assert "Plotly.newPlot" in html, f"cell {number} shows no figure"


# For the session: between two tests of a group pytest may run one of another module.
@pytest.fixture(scope="session")
def origin(tmp_path_factory) -> Path:
    """A git repository holding what a commit of this working tree would hold."""
    folder = tmp_path_factory.mktemp("origin") / "course"
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "tree"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def current(tmp_path_factory, origin) -> Environment:
    """What Colab has, in the versions pinned here."""
    environment = Environment(tmp_path_factory.mktemp("current") / "venv", origin)
    has = ["pip", "torch", "numpy", "plotly", "ipywidgets", "ipykernel", "nbformat"]
    has += ["safetensors", "tqdm"]
    for name in closure(has):
        link(name, environment.packages)
    return environment


@pytest.fixture(scope="session")
def oldest(tmp_path_factory, origin) -> Environment:
    """The same with the oldest versions that the package admits."""
    environment = Environment(tmp_path_factory.mktemp("oldest") / "venv", origin)
    # jupyterlab: ipywidgets 7 wants the classic notebook, and that wants this.
    for name in closure(["pip", "torch", "ipykernel", "jupyterlab"], without={*OLDEST}):
        link(name, environment.packages)
    environment.install(*(f"{name}=={version}" for name, version in OLDEST.items()))
    return environment


def check_probe(seen: dict, environment: Environment, unchanged: dict) -> None:
    for file in seen["files"]:
        assert Path(file).is_relative_to(environment.packages), f"{file}: not what was installed"
    versions = {re.sub(r"[-_.]+", "-", name): v for name, v in seen["versions"].items()}
    for name, version in unchanged.items():
        assert versions[name] == version, f"the setup cell changed {name}"
    assert "transformer-math" in versions


@pytest.mark.xdist_group("current")  # the two environments are made side by side
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.name)
def test_a_lesson_of_each_chapter_with_current_versions(chapter, current, tmp_path, monkeypatch):
    lesson = sorted(chapter.glob("*.ipynb"))[0]
    names = ("torch", "numpy", "plotly", "ipywidgets")
    unchanged = {name: importlib.metadata.version(name) for name in names}
    check_probe(current.run(lesson, tmp_path, monkeypatch), current, unchanged)


@pytest.mark.xdist_group("oldest")
@pytest.mark.parametrize("lesson", FIRST_CHAPTER, ids=lambda path: path.stem)
def test_a_whole_chapter_with_the_oldest_versions(lesson, oldest, tmp_path, monkeypatch):
    seen = oldest.run(lesson, tmp_path, monkeypatch)
    unchanged = OLDEST | {"torch": importlib.metadata.version("torch")}
    check_probe(seen, oldest, unchanged)


def test_the_oldest_versions_are_the_admitted_ones():
    """The bounds tried here are the ones the package's own project file gives."""
    text = (ROOT / "code" / "pyproject.toml").read_text()
    bounds = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', text))
    for name, version in OLDEST.items():
        if name in bounds:
            assert version.startswith(bounds[name]), f"{name}: {bounds[name]} is not what is tried"


def test_the_setup_cell_leaves_a_finished_environment_alone(monkeypatch):
    """Where the course is installed, the cell installs nothing and needs no network."""
    notebook = nbformat.read(FIRST_CHAPTER[0], as_version=4)
    setup = next(cell for cell in notebook.cells if cell.cell_type == "code").source
    assert "%pip install" in setup
    script = "from IPython.core.interactiveshell import InteractiveShell as S\n"
    script += "shell = S.instance()\n"
    script += "shell.run_line_magic = lambda *a, **k: print('RAN', a)\n"
    script += f"result = shell.run_cell({setup!r}); result.raise_error()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "RAN" not in done.stdout
