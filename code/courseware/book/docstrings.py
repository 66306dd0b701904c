"""The package's docstrings as pages: sections become definition lists, types stay in the code.

A docstring here is reStructuredText with the sections that NumPy's convention knows. Unlike there,
what follows a parameter's colon says what it is, and not its type: the signature has that.
"""

import re
import sys
from os.path import commonprefix

from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

SECTIONS = ("Parameters", "Returns", "Yields", "Raises", "Attributes", "Examples")
_ENTRY = re.compile(r"(?P<names>[\w*`\"]+(?:, [\w*`\"]+)*) : (?P<text>.+)")


def sections(lines: list[str]) -> list[str]:
    """Return the lines of a docstring with its sections in reStructuredText."""
    out, inside = [], ""
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if line in SECTIONS and re.fullmatch("-{4,}", below):
            inside = line
            out += [f".. rubric:: {line}", ""]
        elif re.fullmatch("-{4,}", line) and number and lines[number - 1] in SECTIONS:
            continue
        elif line.startswith("Source"):
            inside = ""
            label, text = line.split(":", 1) if ":" in line else (line, "")
            out.append(f"**{label}.**{text}")
        elif inside and (entry := _ENTRY.fullmatch(line)):
            names = ", ".join(f"``{name.strip('`')}``" for name in entry["names"].split(", "))
            out += [names, f"    {entry['text']}"]
        elif inside == "Raises" and line and not line.startswith(" "):
            out.append(f"``{line}``")
        else:
            out.append(line)
    return out


def process(app, what, name, obj, options, lines):
    """Bring a docstring into the form that autodoc reads."""
    lines[:] = sections(lines)


def skip(app, what, name, obj, skipped, options):
    """Leave out what a named tuple says of its fields, and helpers that only look at arguments."""
    doc = getattr(obj, "__doc__", None) or ""
    boilerplate = doc.startswith("Alias for field number")
    helper = name.startswith("check_") and "Parameters\n" not in doc
    return True if boilerplate or helper else None


def resolve(app, env, node, contnode):
    """Find what a docstring names shortly: a neighbour, or a subpackage's name for its module's."""
    if node.get("refdomain") != "py":
        return None
    domain, target = env.get_domain("py"), node["reftarget"]
    package, _, name = target.rpartition(".")
    if package and not package.startswith("transformer_math"):
        return contnode  # Python's own, or another library's
    near = package or f"{node.get('py:module')}."
    found = [known for known in domain.objects if known.endswith(f".{name}")]
    found = [known for known in found if known.startswith(package)]
    # Of several the nearest: the one that shares most of its name with where it is mentioned.
    found.sort(key=lambda known: (-len(commonprefix([known, near])), len(known)))
    if found:
        obj = domain.objects[found[0]]
        return make_refnode(
            app.builder, node["refdoc"], obj.docname, obj.node_id, contnode, found[0]
        )
    return contnode if target in sys.stdlib_module_names else None


def setup(app: Sphinx):
    """Connect to autodoc, which writes the reference."""
    app.setup_extension("sphinx.ext.autodoc")
    app.config.autodoc_typehints = "none"
    app.config.add_module_names = False
    app.config.html_domain_indices = False
    app.config.autodoc_member_order = "bysource"
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-skip-member", skip)
    app.connect("missing-reference", resolve)
