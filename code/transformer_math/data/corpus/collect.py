"""Make the corpus again: ``python -m transformer_math.data.corpus.collect``, from its own Python.

Two registers of one language. *Documentation*: the reference topics of ``help()``, the docstrings
of the standard library's sources with the signatures they belong to, and those of the modules
written in C. *Comments*: what its programmers wrote to each other, blocks of two lines or more. A
paragraph that occurs twice is kept once, so that what is held out is not seen in training.
"""

import ast
import hashlib
import importlib
import inspect
import json
import lzma
import pydoc_data.topics
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
C_MODULES = sorted(
    {name for name in sys.builtin_module_names if not name.startswith("_")}
    | {"array", "binascii", "builtins", "cmath", "datetime", "decimal", "fcntl", "itertools"}
    | {"math", "mmap", "pyexpat", "resource", "select", "socket", "struct", "termios", "zlib"}
)
COMMENT_BLOCK = re.compile(r"(?:^[ \t]*#(?: .*)?\n){2,}", re.MULTILINE)
LEAST_WORDS = 12


def sources() -> Iterator[tuple[str, str]]:
    """Yield the dotted name and the text of every readable module of the standard library."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if "site-packages" in parts or "__pycache__" in parts or "pydoc_data" in parts:
            continue
        try:
            yield ".".join(parts).removesuffix(".__init__"), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a few test files are in other encodings on purpose


def docstrings(source: str) -> str:
    """Return the docstrings of a module, each under the signature it belongs to."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ""  # lib2to3 and test carry sources that are wrong on purpose
    parts = [ast.get_docstring(tree) or ""]

    def visit(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                name = prefix + child.name
                text = ast.get_docstring(child)
                if text:
                    kind = "class " if isinstance(child, ast.ClassDef) else ""
                    arguments = "" if kind else f"({ast.unparse(child.args)})"
                    parts.append(_entry(f"{kind}{name}{arguments}", text))
                visit(child, f"{name}.")

    visit(tree, "")
    return "\n\n".join(part for part in parts if part)


def built_in(module_name: str) -> str:
    """Return the docstrings of a module written in C."""
    module = importlib.import_module(module_name)
    parts = [module.__doc__ or ""]
    for name, value in sorted(vars(module).items()):
        if name.startswith("_") or not callable(value):
            continue
        parts.append(_described(name, value))
        if inspect.isclass(value):
            parts += [
                _described(f"{name}.{method}", function)
                for method, function in sorted(vars(value).items())
                if not method.startswith("_") and callable(function)
            ]
    return "\n\n".join(part for part in parts if part)


def comments(source: str) -> str:
    """Return the blocks of comment lines of a module that read like sentences."""
    blocks = []
    for match in COMMENT_BLOCK.finditer(source):
        lines = [re.sub(r"^[ \t]*# ?", "", line).rstrip() for line in match.group().splitlines()]
        text = "\n".join(lines).strip()
        if len(re.findall(r"[a-z]{2,}", text)) >= LEAST_WORDS:
            blocks.append(text)
    return "\n\n".join(blocks)


def documentation_documents() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each document of the first register."""
    for topic, text in sorted(pydoc_data.topics.topics.items()):
        yield f"topic {topic}", text
    for name in C_MODULES:
        yield f"built-in {name}", built_in(name)
    for name, source in sources():
        yield name, docstrings(source)


def comment_documents() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each document of the second register."""
    for name, source in sources():
        yield name, comments(source)


def distinct(documents: Iterator[tuple[str, str]]) -> list[dict[str, str]]:
    """Drop paragraphs that occurred before, characters that are not text, and empty documents."""
    seen = set()
    kept = []
    for name, text in documents:
        fresh = []
        for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n").expandtabs()):
            key = " ".join(paragraph.split())
            if len(key) < 40 or key not in seen:
                seen.add(key)
                fresh.append(paragraph.rstrip())
        text = "\n\n".join(fresh).strip("\n")
        text = "".join(c for c in text if c == "\n" or c.isprintable())
        if len(text.split()) >= LEAST_WORDS:
            kept.append({"name": name, "text": text})
    return kept


def write(directory: Path = HERE) -> None:
    """Write both registers and the manifest with their hashes."""
    manifest = {"python": sys.version.split()[0], "licence": "PSF-2.0 (LICENSE-PSF)", "files": {}}
    for kind, documents in (
        ("documentation", documentation_documents()),
        ("comments", comment_documents()),
    ):
        kept = distinct(documents)
        content = "\n".join(json.dumps(document, ensure_ascii=False) for document in kept).encode()
        path = directory / f"{kind}.jsonl.xz"
        path.write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
        manifest["files"][path.name] = {
            "documents": len(kept),
            "characters": sum(len(document["text"]) for document in kept),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def _described(name, value):
    text = inspect.getdoc(value) or ""
    return _entry(name + (getattr(value, "__text_signature__", None) or ""), text) if text else ""


def _entry(heading, text):
    indented = "\n".join(f"    {line}".rstrip() for line in text.splitlines())
    return f"{heading}\n{indented}"


if __name__ == "__main__":
    write()
