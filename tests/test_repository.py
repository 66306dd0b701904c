"""The repository keeps the rules of the house."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
LESSONS = sorted((ROOT / "chapters").rglob("*.ipynb"))
ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]


DATA = (".xz", ".safetensors", ".npz")  # the shipped texts, weights and images


def python(source: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, **options
    )


def tracked(*patterns: str) -> list[Path]:
    """Files git knows or would take; every file in an unpacked archive without git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


def test_code_is_still_the_standard_library():
    done = python("import code, pdb; code.InteractiveConsole; print(code.__file__)")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).name == "code.py"
    assert not (ROOT / "code" / "__init__.py").exists()


def test_the_mathematics_knows_no_notebook_and_no_plot():
    """Nor does it import torch before a name that needs it is asked for."""
    folders = {p.parent.name for p in (ROOT / "code" / "transformer_math").glob("*/__init__.py")}
    names = ", ".join(f"transformer_math.{name}" for name in sorted(folders))
    done = python(
        f"import sys, transformer_math, {names};"
        "print(sorted({'torch', 'plotly', 'ipywidgets', 'IPython', 'courseware'} & {*sys.modules}))"
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_no_module_of_the_mathematics_imports_the_courseware():
    for path in (ROOT / "code" / "transformer_math").rglob("*.py"):
        found = re.search(
            r"^\s*(from|import) (courseware|plotly|ipywidgets)\b", path.read_text(), re.M
        )
        assert not found, f"{path.relative_to(ROOT)}: {found[0].strip()}"


def test_importing_the_mathematics_is_quick():
    numpy_only = "import transformer_math.attention, transformer_math.networks"

    def seconds() -> float:
        start = time.perf_counter()
        assert python(numpy_only).returncode == 0
        with_package = time.perf_counter() - start
        start = time.perf_counter()
        python("pass")
        return with_package - (time.perf_counter() - start)

    assert min(seconds() for _ in range(5)) < 0.3


def test_requirements_are_pinned():
    for name in ("requirements.txt", "constraints.txt"):
        lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
        lines = [line for line in lines if line and line not in ("-e ./code", "-c constraints.txt")]
        loose = [
            line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)
        ]
        assert lines and not loose, f"{name}: {loose}"


def test_requirements_and_constraints_agree():
    def pins(name):
        lines = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.M)
        return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in lines}

    wanted, allowed = pins("requirements.txt"), pins("constraints.txt")
    assert wanted.items() <= allowed.items(), wanted.items() - allowed.items()
    assert wanted["torch"] == "2.13.0"
    assert wanted["jupyter-book"].startswith("1."), "_config.yml and _toc.yml are of version 1"


def test_the_package_forces_no_version_on_colab():
    text = (ROOT / "code" / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.M | re.S)[1]
    dependencies = re.findall(r'"([^"]+)"', block)
    names = {re.match(r"[\w-]+", entry)[0] for entry in dependencies}
    assert {"numpy", "torch", "plotly", "ipywidgets"} <= names
    for entry in dependencies:
        assert re.fullmatch(r"[\w-]+>=[\d.]+", entry), f"{entry}: a lower bound only"


def test_lock_files_name_no_host():
    lock = json.loads((ROOT / "package-lock.json").read_text())
    for name, package in lock["packages"].items():
        assert "resolved" not in package, name
        assert name == "" or package["integrity"].startswith("sha512-"), name
    for name in ("requirements.txt", "constraints.txt", ".npmrc", "package.json"):
        assert "://" not in (ROOT / name).read_text(), name


def test_browser_parts_match_what_python_expects():
    """plotly.py writes figures for one plotly.js; the book ships that one."""
    from plotly.offline import get_plotlyjs_version

    package = json.loads((ROOT / "package.json").read_text())
    versions = package["dependencies"] | package["devDependencies"]
    assert all(re.fullmatch(r"[\d.]+", version) for version in versions.values()), versions
    bundles = {v for name, v in versions.items() if name.startswith("plotly.js")}
    assert bundles == {get_plotlyjs_version()}


def test_the_address_stands_once():
    """`_config.yml` says where the repository is; the others follow."""
    assert ADDRESS.startswith("https://") and LESSONS
    for path in LESSONS:
        notebook = nbformat.read(path, as_version=4)
        setup = next(cell for cell in notebook.cells if cell.cell_type == "code").source
        assert f"git+{ADDRESS}#subdirectory=code" in setup, path.name
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["repository-code"] == ADDRESS
    name = ADDRESS.removeprefix("https://github.com/")
    readme = (ROOT / "README.md").read_text()
    for found in re.findall(
        r"https://(?:colab\.research\.google\.com/github|github\.com)/([^\s)]+)", readme
    ):
        assert found.startswith(name), found


def test_style():
    for arguments in (["check", "."], ["format", "--check", "."]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_one_idea_a_file():
    for path in tracked("code/*.py", "tests/*.py", "benchmarks/*.py", "code/*.js", "code/*.mjs"):
        if path.parent.name == "claims" and path.name[5:6].isdigit():
            continue  # a lesson's claims, a sentence each: as many as the lesson makes
        lines = len(path.read_text().splitlines())
        assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines: two ideas?"


def test_nothing_big_or_built_is_tracked():
    for path in tracked():
        relative = path.relative_to(ROOT).as_posix()
        data = relative.startswith("code/transformer_math/") and path.suffix in DATA
        most = 4_000_000 if data else 400_000
        assert path.stat().st_size < most, f"{relative} has {path.stat().st_size} bytes"
        assert not relative.startswith(("_build/", "node_modules/", ".venv/")), relative


def test_readme_commands_exist():
    """Every `make …` that the documents promise is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for name in ("README.md", "CONTRIBUTING.md", ".ci/run"):
        text = (ROOT / name).read_text()
        for target in re.findall(r"(?:^|`)make (?:--keep-going )?([a-z-]+)", text, re.M):
            assert target in targets, f"{name}: make {target}"


def test_documents_link_to_files_that_exist():
    for name in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / name).read_text()
        for link in re.findall(r"\]\(([^)#\s]+)\)", text) + re.findall(r'src="([^"]+)"', text):
            if not link.startswith(("http", "mailto:")):
                assert (ROOT / link).exists(), f"{name}: {link}"
