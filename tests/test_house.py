"""The floor plan of the two packages: imports run one way, in no circle, through open doors."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "code"
PACKAGES = ("transformer_math", "courseware")


def modules(code: Path, package: str) -> dict[str, Path]:
    """Every module of a package by its dotted name; a package's `__init__` under the folder's."""
    found = {}
    for path in sorted((code / package).rglob("*.py")):
        parts = path.relative_to(code).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports(name: str, path: Path, known: set[str]) -> set[str]:
    """The known modules that a module imports, at its top, inside functions, for type checkers
    only, or by their names in a string (as tables of names handed on later do).
    """
    inside = name if path.stem == "__init__" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = inside.split(".")[: len(inside.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            inner = {f"{base}.{alias.name}" for alias in node.names}
            found |= {target if target in known else base for target in inner}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {node.value} if "." in node.value else set()
    return (found & known) - {name}


def graph(code: Path, packages=PACKAGES) -> dict[str, set[str]]:
    paths = {name: path for package in packages for name, path in modules(code, package).items()}
    return {name: imports(name, path, set(paths)) for name, path in paths.items()}


def rooms(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same between rooms: what lies directly below a package, with all that is in it."""

    def room(name):
        return ".".join(name.split(".")[:2])

    found: dict[str, set[str]] = {}
    for name, targets in edges.items():
        found.setdefault(room(name), set()).update({room(t) for t in targets} - {room(name)})
    return found


def circle(edges: dict[str, set[str]]) -> list[str]:
    """A circle of names, if there is one."""
    state: dict[str, str] = {}

    def visit(name, path):
        state[name] = "open"
        for target in sorted(edges.get(name, ())):
            if state.get(target) == "open":
                return [*path[path.index(target) :], target]
            if target not in state and (found := visit(target, [*path, target])):
                return found
        state[name] = "done"
        return []

    for name in sorted(edges):
        if name not in state and (found := visit(name, [name])):
            return found
    return []


def test_no_module_imports_itself_by_a_detour():
    assert circle(graph(CODE)) == []


def test_no_room_imports_itself_by_a_detour():
    # The roots hand on names of every room and are imported by none.
    edges = {name: targets for name, targets in rooms(graph(CODE)).items() if "." in name}
    assert circle(edges) == []


def test_imports_run_one_way():
    for name, targets in graph(CODE).items():
        if name.startswith("transformer_math"):
            assert not [t for t in targets if t.startswith("courseware")], name
    for path in CODE.rglob("*.py"):
        assert not re.search(r"^\s*(from|import) (chapters|tests)\b", path.read_text("utf-8"), re.M)


@pytest.mark.parametrize(
    "files",
    [
        {"a.py": "from .b import x", "b.py": "def f():\n    from p.a import y"},
        {"a.py": "import p.b", "b.py": "if TYPE_CHECKING:\n    from . import a"},
        {"__init__.py": "from .a import x", "a.py": "from p import y"},
        {"r/__init__.py": "", "r/a.py": "from p import b", "b.py": "HOME = {'x': 'p.r.a'}"},
    ],
)
def test_a_circle_is_found(tmp_path, files):
    for name, source in {"__init__.py": "", **files}.items():
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_text(source)
    assert len(circle(graph(tmp_path, ["p"]))) == 3


def test_a_circle_of_rooms_is_found(tmp_path):
    """Four modules without a circle, and two rooms that need each other."""
    files = {"r/a": "from p.s.c import x", "r/b": "", "s/c": "", "s/d": "from p.r.b import x"}
    for name, source in files.items():
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / f"{name}.py").write_text(source)
    edges = graph(tmp_path, ["p"])
    assert circle(edges) == []
    assert circle(rooms(edges)) == ["p.r", "p.s", "p.r"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_hands_on_its_names(package):
    names = sorted({p.parent.name for p in (CODE / package).glob("*/*.py")})
    assert len(names) >= 8
    rooms = [f"{package}.{name}" for name in names if name != "book"]  # an extension of Sphinx
    source = (
        "import importlib, sys\n"
        f"for room in {rooms!r}:\n"
        "    module = importlib.import_module(room)\n"
        "    assert module.__all__, room\n"
        "    for name in module.__all__:\n"
        "        assert getattr(module, name) is not None, (room, name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_the_root_names_every_room():
    import transformer_math

    listed = set(re.findall(r"^(\w+)  +\S", transformer_math.__doc__, re.M))
    folders = {p.parent.name for p in (CODE / "transformer_math").glob("*/__init__.py")}
    assert listed == folders
