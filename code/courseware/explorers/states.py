"""What changes between the states of an explorer, and what stays.

A figure is a tree of dicts and lists. The states' trees are walked side by side: a leaf that is the
same everywhere stays in the base figure, a leaf that differs becomes a :class:`Column`.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Leaves that plotly.js reads as data arrays, so that typed arrays may stand there.
ARRAYS = {
    "x", "y", "z", "u", "v", "w", "i", "j", "k", "a", "b", "c", "r", "theta", "base", "width",
    "size", "color", "opacity", "values", "array", "arrayminus", "intensity", "customdata",
    "surfacecolor", "value", "cmap",
}  # fmt: skip
DIGITS = 7


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()


@dataclass
class Column:
    """The leaf at ``path``: its distinct ``values``, and ``which`` each state has (-1: none)."""

    path: tuple
    values: list
    which: list[int]

    @property
    def numeric(self) -> bool:
        return isinstance(self.values[0], np.ndarray)


def plain(node, path: tuple = ()):
    """A figure's JSON tree with numeric data as float arrays and every number rounded for JSON."""
    if isinstance(node, dict) and "bdata" in node:
        flat = np.frombuffer(base64.b64decode(node["bdata"]), dtype=np.dtype(node["dtype"]))
        shape = str(node.get("shape", flat.size)).split(",")
        node = flat.reshape([int(n) for n in shape])
    if isinstance(node, dict):
        return {key: plain(value, (*path, key)) for key, value in node.items()}
    if isinstance(node, (list, tuple, np.ndarray)):
        if path and path[0] == "data" and path[-1] in ARRAYS:
            array = _numeric(node)
            if array is not None:
                return array
        items = node.tolist() if isinstance(node, np.ndarray) else node
        return [plain(item, (*path, i)) for i, item in enumerate(items)]
    if isinstance(node, np.generic):
        node = node.item()
    if isinstance(node, float):
        return float(f"{node:.{DIGITS}g}") if np.isfinite(node) else None
    return node if isinstance(node, (str, int, bool, type(None))) else str(node)


def _numeric(items) -> np.ndarray | None:
    try:
        array = np.asarray(items)
    except ValueError:  # ragged
        return None
    if array.dtype == object:
        flat = [v for v in array.ravel()]
        if not all(v is None or (isinstance(v, (int, float)) and v is not True) for v in flat):
            return None
        if any(isinstance(v, bool) for v in flat):
            return None
    elif array.dtype.kind not in "iuf":
        return None
    if not array.size or array.ndim > 2:
        return None
    array = array.astype(np.float64)
    return np.where(np.isfinite(array), array, np.nan)


def compare(states: Sequence[dict]) -> tuple[dict, list[Column]]:
    """The base figure (all that never changes, without arrays) and the columns of what does."""
    columns: list[Column] = []
    return _walk(list(states), (), columns), columns


def _walk(nodes: list, path: tuple, columns: list[Column]):
    there = [node for node in nodes if node is not ABSENT]
    if all(isinstance(node, dict) for node in there) and there:
        keys = dict.fromkeys(key for node in there for key in node)
        dicts = [{} if node is ABSENT else node for node in nodes]
        base = {}
        for key in keys:
            leaf = _walk([node.get(key, ABSENT) for node in dicts], (*path, key), columns)
            if leaf is not ABSENT:
                base[key] = leaf
        return base
    if len(there) == len(nodes) and all(_containers(node) for node in nodes):
        if len({len(node) for node in nodes}) == 1:
            items = zip(*nodes, strict=True)
            return [_walk(list(item), (*path, i), columns) for i, item in enumerate(items)]
    return _leaf(nodes, path, columns)


def _containers(node) -> bool:
    return isinstance(node, list) and len(node) > 0 and all(isinstance(v, dict) for v in node)


def _leaf(nodes: list, path: tuple, columns: list[Column]):
    if any(isinstance(node, np.ndarray) for node in nodes):
        if not all(isinstance(node, np.ndarray) or node is ABSENT for node in nodes):
            nodes = [as_json(node) for node in nodes]
    values, which, seen = [], [], {}
    for node in nodes:
        if node is ABSENT:
            which.append(-1)
            continue
        key = _key(node)
        if key not in seen:
            seen[key] = len(values)
            values.append(node)
        which.append(seen[key])
    if len(values) == 1 and -1 not in which and not isinstance(values[0], np.ndarray):
        return values[0]
    columns.append(Column(path, values, which))
    return ABSENT


def _key(node):
    if isinstance(node, np.ndarray):
        return node.shape, node.tobytes()
    return json.dumps(node, sort_keys=True)


def as_json(node):
    """``node`` with arrays as lists and gaps as null."""
    if isinstance(node, np.ndarray):
        return [as_json(v) for v in node.tolist()]
    if isinstance(node, dict):
        return {key: as_json(value) for key, value in node.items()}
    if isinstance(node, list):
        return [as_json(value) for value in node]
    return None if isinstance(node, float) and not np.isfinite(node) else node
