"""The package's reference: no module forgotten, pages up to date, docstrings well formed."""

import ast
import re

import pytest
import yaml

from courseware.book import reference
from courseware.book.docstrings import sections
from courseware.typesetting import katex

ROOT = reference.ROOT
LISTED = [name for group in reference.GROUPS.values() for name in group]


def modules():
    """Every public module, subpackages by their name, from the files themselves."""
    for path in sorted(reference.package().rglob("*.py")):
        parts = path.relative_to(reference.package()).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name and not any(part.startswith("_") for part in name.split(".")):
            yield name


def test_every_module_has_its_place():
    described = set(LISTED) | {m for name in LISTED for m in reference.submodules(name)}
    assert described | set(reference.INSIDE) == set(modules())
    assert len(LISTED) == len(set(LISTED))


def test_pages_are_the_generated_ones():
    found = {path.name: path.read_text("utf-8") for path in reference.FOLDER.glob("*.md")}
    assert found == reference.pages(), "python -m courseware.book.reference writes them"


def test_the_contents_list_every_page():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    part = next(part for part in contents["parts"] if part["caption"] == "The package")
    listed = [entry["file"] for entry in part["chapters"][0]["sections"]]
    assert listed == [f"reference/{name}" for name in LISTED]


def test_sections_become_definition_lists():
    lines = [
        "What it does.",
        "",
        "Parameters",
        "----------",
        "x, y : two vectors, and",
        "    more of it.",
        "",
        "Raises",
        "------",
        "ValueError",
        "    If it is wrong.",
        "",
        "Source: somebody (2017)",
    ]
    assert sections(lines) == [
        "What it does.",
        "",
        ".. rubric:: Parameters",
        "",
        "``x``, ``y``",
        "    two vectors, and",
        "    more of it.",
        "",
        ".. rubric:: Raises",
        "",
        "``ValueError``",
        "    If it is wrong.",
        "",
        "**Source.** somebody (2017)",
    ]


def public_functions(name):
    path = reference.package().joinpath(*name.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.parse(source.read_text("utf-8")).body:
        public = isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
        if public:
            yield node


@pytest.mark.parametrize("name", sorted(modules()))
def test_every_public_name_says_what_it_is(name):
    silent = [node.name for node in public_functions(name) if not ast.get_docstring(node)]
    assert not silent, f"{name}: no docstring on {silent}"


@pytest.mark.parametrize("name", LISTED)
def test_formulas_of_docstrings_can_be_set(name):
    for module in [name, *reference.submodules(name)]:
        for node in public_functions(module):
            text = ast.get_docstring(node) or ""
            for formula in re.findall(r":math:`([^`]+)`", text):
                katex.render(formula)
