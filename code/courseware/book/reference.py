"""The pages of the package's reference: ``python -m courseware.book.reference`` writes them.

A page per room of the package, with its modules in it. What they say stands in the
docstrings; a test holds this list against the package, so that no module is forgotten.
"""

import ast
import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "reference"
GROUPS = {
    "From scores to losses": ["probability", "networks", "learning", "evaluation"],
    "Derivatives": ["calculus"],
    "Attention and positions": ["attention", "positions"],
    "Text and images": ["tokenizers", "data"],
    "Models": ["transformer", "decoding", "models"],
    "What it costs": ["cost"],
    "Underneath": ["arrays", "doors"],
}
# No names that a reader would use.
INSIDE = ("models.files", "models.small_gpt.card", "transformer.checks")


def package() -> Path:
    """Return the directory of the package that is described."""
    return Path(importlib.util.find_spec("transformer_math").origin).parent


def submodules(name: str) -> list[str]:
    """Return the public modules below a subpackage, in order of their names; none of a module."""
    folder = package().joinpath(*name.split("."))
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir()):
        below = path.suffix == ".py" or (path / "__init__.py").exists()
        if below and not path.name.startswith("_"):
            found += [f"{name}.{path.stem}", *submodules(f"{name}.{path.stem}")]
    return [module for module in found if module not in INSIDE]


def summary(name: str) -> str:
    """Return the first sentence of a module's docstring."""
    path = package().joinpath(*name.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(source.read_text("utf-8"))) or ""
    return " ".join(docstring.split("\n\n")[0].split())


def page(name: str) -> str:
    """Return the page of a module or a subpackage."""
    parts = [f"# {name}", _directive(name)]
    for module in submodules(name):
        parts += [f"## {module}", _directive(module)]
    return "\n\n".join(parts) + "\n"


def index() -> str:
    """Return the front page of the reference."""
    parts = [
        "# The package",
        "`transformer_math` holds every algorithm of the course once: arrays in, arrays out,\n"
        "NumPy and torch alike. Each function stands beside its formula, with the shapes of its\n"
        "arrays, the errors it raises and its source. `pip install -e ./code` installs it.",
    ]
    for group, names in GROUPS.items():
        rows = [f"- [{name}]({name}.md): {_first_small(summary(name))}" for name in names]
        parts += [f"## {group}", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """Return the text of every page by its file name."""
    names = [name for group in GROUPS.values() for name in group]
    return {"index.md": index(), **{f"{name}.md": page(name) for name in names}}


def write() -> None:
    """Write all pages, and remove those of modules that are gone."""
    wanted = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, "utf-8")


def _directive(name):
    # A subpackage gathers the names of its modules, which have their own sections.
    members = "" if submodules(name) else "\n   :members:"
    return f"```{{eval-rst}}\n.. automodule:: transformer_math.{name}{members}\n```"


def _first_small(sentence):
    """A sentence after a colon: no capital, unless it begins with a name or a sign."""
    head, tail = sentence[:1], sentence[1:]
    return sentence if tail[:1].isupper() else head.lower() + tail


if __name__ == "__main__":
    write()
