"""A lesson notebook taken apart: sections, block quotes, links, calls. It is never run."""

import ast
import re
from functools import cached_property
from pathlib import Path

from nbformat import NotebookNode

from courseware.lessons.notebooks import read, root_of

STATEMENTS = ("Definition", "Theorem", "Lemma", "Proposition", "Corollary")


class Lesson:
    """One notebook, with what the rules of its anatomy ask for.

    Args:
        path: the notebook.
        notebook: its content, if it is not to be read from the path (links still start there).
    """

    def __init__(self, path: Path | str, notebook: NotebookNode | None = None):
        self.path = Path(path).resolve()
        self.notebook = read(self.path) if notebook is None else notebook
        self.cells = self.notebook.cells

    @cached_property
    def root(self) -> Path:
        """The folder of the whole course."""
        return root_of(self.path)

    @cached_property
    def number(self) -> str:
        """Chapter and lesson as the title says, such as "4.2"; empty if it says nothing."""
        match = re.match(r"# (\d+\.\d+) ", self.opening)
        return match[1] if match else ""

    @property
    def opening(self) -> str:
        """The text of the first cell, which holds title, question, objectives and needs."""
        cell = self.cells[0] if self.cells else None
        return cell.source if cell and cell.cell_type == "markdown" else ""

    @property
    def codes(self) -> list[NotebookNode]:
        """The code cells."""
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @cached_property
    def text(self) -> str:
        """All Markdown, cells separated by empty lines."""
        return "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")

    @cached_property
    def prose(self) -> str:
        """The Markdown without code spans and code blocks."""
        return re.sub(r"```.*?```|`[^`\n]*`", "", self.text, flags=re.S)

    @cached_property
    def headings(self) -> list[tuple[int, str]]:
        """Level and words of every heading."""
        text = re.sub(r"^```.*?^```", "", self.text, flags=re.S | re.M)
        return [(len(h[1]), h[2].strip()) for h in re.finditer(r"^(#{1,6}) (.+)$", text, re.M)]

    @cached_property
    def quotes(self) -> list[str]:
        """The block quotes in order, without their `>`."""
        found = re.findall(r"(?:^>.*\n?)+", self.text, re.M)
        return [re.sub(r"^> ?", "", quote, flags=re.M).strip() for quote in found]

    @cached_property
    def statements(self) -> list[tuple[str, str]]:
        """Kind and number of every numbered statement, such as ("Theorem", "4.2.1")."""
        opening = rf"^> \*\*({'|'.join(STATEMENTS)}) (\d[\d.]*\d)"
        return re.findall(opening, self.text, re.M)

    @cached_property
    def tags(self) -> list[str]:
        """The numbers of the equations."""
        return re.findall(r"\\tag\{([^}]*)\}", self.text)

    @cached_property
    def links(self) -> list[tuple[str, str]]:
        """Words and target of every link."""
        return re.findall(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", self.prose)

    @cached_property
    def strings(self) -> list[str]:
        """Every text in the code: captions, findings, the words of a quiz, and all others."""
        return [
            text
            for cell in self.codes
            for text in (getattr(n, "value", None) for n in ast.walk(tree(cell.source)))
            if isinstance(text, str)
        ]

    def section(self, title: str) -> list[str | NotebookNode]:
        """Texts and code cells below the second-level heading that begins so, up to the next."""
        inside, found = False, []
        for cell in self.cells:
            if cell.cell_type == "code":
                found += [cell] * inside
                continue
            for part in re.split(r"^(?=## )", cell.source, flags=re.M):
                head = re.match(r"## (.+)", part)
                if head:
                    inside = re.match(rf"{re.escape(title)}\b", head[1]) is not None
                    part = part[head.end() :]
                found += [part.strip()] * (inside and bool(part.strip()))
        return found

    def calls(self, *names: str) -> list[tuple[int, ast.Call]]:
        """Calls of these functions: the place of the cell, and the call."""
        return [
            (place, node)
            for place, cell in enumerate(self.cells)
            if cell.cell_type == "code"
            for node in ast.walk(tree(cell.source))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in names
        ]


def words(text: str) -> list[str]:
    """The words of a Markdown text; a formula counts as one, an address as none."""
    text = re.sub(r"\$\$.*?\$\$|\$[^$]+\$", " formula ", text, flags=re.S)
    text = re.sub(r"\]\([^)\s]*\)|</?\w[^>]*>", " ", text)
    return [word for word in text.split() if re.search(r"\w", word)]


def tree(source: str) -> ast.Module:
    """The syntax tree of a code cell; its magic commands count as nothing."""
    lines = [
        re.match(r"\s*", line)[0] + "pass" if line.lstrip()[:1] in ("%", "!") else line
        for line in source.splitlines()
    ]
    return ast.parse("\n".join(lines))


def cell_tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def is_folded(cell: NotebookNode) -> bool:
    """Whether Jupyter shows the cell's code closed."""
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def slug(heading: str) -> str:
    """A heading's anchor, as far as Jupyter, GitHub and the book agree on it."""
    return re.sub(r"[^\w-]", "", re.sub(r"\s+", "-", heading.strip().lower()))


def printed(cell: NotebookNode) -> str:
    """What the cell printed."""
    return "".join(output.get("text", "") for output in cell.get("outputs", []))
