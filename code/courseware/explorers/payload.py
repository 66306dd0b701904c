"""An explorer's states as one small, deterministic block of bytes, and back.

Layout before gzip: length of the header (uint32), header (JSON), arrays. Numbers of one leaf are
stored for all its states together, as ``value = (code + first) / per`` when they are whole or
short decimals, as ``value = low + code * step`` with 16-bit codes otherwise, as floats where a
logarithmic axis or a wide range needs relative precision. The largest code stands for a gap (NaN).
``explorer.js`` holds the other decoder.
"""

import gzip
import json
import zlib
from collections.abc import Sequence

import numpy as np

from courseware.explorers.states import Column, as_json, compare

LEVELS = {"u1": 255, "u2": 65535}
# Below this many levels across what one state shows, 16 bits for all states are too coarse.
FINEST = 2000


def encode(states: Sequence[dict]) -> bytes:
    """Plain figure trees (:func:`courseware.states.plain`), one a state, as gzip bytes."""
    base, columns = compare(states)
    logs = _log_axes(states[0])
    header = {"states": len(states), "base": base, "columns": []}
    blob = b""
    for column in columns:
        entry = {"at": list(column.path), "which": _which(column)}
        if column.numeric:
            packed, body = _pack(column.values, keep_ratio=_is_log(column.path, states[0], logs))
            entry["array"] = {**packed, "from": len(blob)}
            blob += body
        else:
            entry["json"] = [as_json(value) for value in column.values]
        header["columns"].append(entry)
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    body = len(head).to_bytes(4, "little") + head + blob
    return gzip.compress(body, 9, mtime=0)


def _which(column: Column):
    if all(i == 0 for i in column.which):
        return None
    return "each" if column.which == list(range(len(column.which))) else column.which


def _log_axes(state: dict) -> set[str]:
    layout = state.get("layout", {})
    return {
        key.replace("axis", "")
        for key, value in layout.items()
        if isinstance(value, dict) and value.get("type") == "log"
    }


def _is_log(path: tuple, state: dict, logs: set[str]) -> bool:
    if len(path) < 3 or path[0] != "data" or path[-1] not in ("x", "y"):
        return False
    return state["data"][path[1]].get(f"{path[-1]}axis", path[-1]) in logs


def _pack(arrays: list[np.ndarray], keep_ratio: bool) -> tuple[dict, bytes]:
    flat = np.concatenate([array.ravel() for array in arrays])
    shapes = [list(array.shape) for array in arrays]
    same = all(shape == shapes[0] for shape in shapes)
    fields, codes = _codes(arrays, flat, keep_ratio)
    kind = f"{codes.dtype.kind}{codes.dtype.itemsize}"
    lag, body = 0, _shuffle(codes)
    if codes.dtype.kind == "u":
        # Neighbours in the array, rows or states are alike: store differences if that is shorter.
        row = shapes[0][-1] if same else 0
        size = arrays[0].size if same and len(arrays) > 1 else 0
        tried = {0: codes} | {lag: _differences(codes, lag) for lag in {1, row, size} - {0}}
        lag = min(tried, key=lambda lag: (len(zlib.compress(_shuffle(tried[lag]), 9)), lag))
        body = _shuffle(tried[lag])
    count = {"count": int(flat.size), "shape": shapes[0] if same else shapes}
    return {"kind": kind, **fields, **({"lag": lag} if lag else {}), **count}, body


def _codes(arrays: list, flat: np.ndarray, keep_ratio: bool) -> tuple[dict, np.ndarray]:
    known = flat[np.isfinite(flat)]
    if not known.size:
        return {"low": 0.0, "step": 1.0}, np.full(flat.size, LEVELS["u1"], np.uint8)
    low, high = float(known.min()), float(known.max())
    for places in range(5):
        scaled = known * 10**places
        whole = np.round(scaled)
        if np.abs(scaled).max() < 2**40 and np.allclose(scaled, whole, rtol=1e-14, atol=1e-9):
            if whole.max() - whole.min() < LEVELS["u2"]:
                first = int(whole.min())
                return {"first": first, "per": 10**places}, _round(flat * 10**places - first)
    step = (high - low) / (LEVELS["u2"] - 1) or 1.0
    if keep_ratio or _coarse(arrays, step):
        return {}, flat.astype(np.float32 if np.abs(known).max() < 1e38 else np.float64)
    return {"low": low, "step": step}, _round((flat - low) / step, np.uint16)


def _coarse(arrays: list[np.ndarray], step: float) -> bool:
    def span(array):
        known = array[np.isfinite(array)]
        return float(np.ptp(known)) if known.size else 0.0

    return any(0 < span(array) < FINEST * step for array in arrays)


def _round(codes: np.ndarray, dtype=None) -> np.ndarray:
    known = np.isfinite(codes)
    if dtype is None:
        dtype = np.uint8 if np.round(codes[known]).max(initial=0) < LEVELS["u1"] else np.uint16
    gap = np.iinfo(dtype).max
    return np.where(known, np.round(np.where(known, codes, 0)), gap).astype(dtype)


def _differences(codes: np.ndarray, lag: int) -> np.ndarray:
    out = codes.copy()
    out[lag:] -= codes[:-lag]  # wraps around, and so does the sum that undoes it
    return out


def _shuffle(codes: np.ndarray) -> bytes:
    """All lowest bytes, then all next ones: alike bytes stand together and compress better."""
    little = codes.astype(codes.dtype.newbyteorder("<"))
    return little.view(np.uint8).reshape(-1, codes.itemsize).T.tobytes()


def decode(data: bytes) -> list[dict]:
    """The states again: what ``explorer.js`` draws from ``data``."""
    body = gzip.decompress(data)
    size = int.from_bytes(body[:4], "little")
    header, blob = json.loads(body[4 : 4 + size]), body[4 + size :]
    columns = [(c["at"], c["which"], _values(c, blob)) for c in header["columns"]]
    states = []
    for state in range(header["states"]):
        figure = json.loads(json.dumps(header["base"]))
        for path, which, values in columns:
            i = 0 if which is None else state if which == "each" else which[state]
            node = figure
            for key in path[:-1]:
                node = node[key]
            if i >= 0:
                node[path[-1]] = values[i]
        states.append(figure)
    return states


def _values(column: dict, blob: bytes) -> list:
    if "json" in column:
        return column["json"]
    spec = column["array"]
    dtype = np.dtype(spec["kind"])
    raw = np.frombuffer(blob, np.uint8, spec["count"] * dtype.itemsize, spec["from"])
    codes = raw.reshape(dtype.itemsize, -1).T.copy().view(dtype.newbyteorder("<")).ravel()
    lag = spec.get("lag", 0)
    if lag:
        codes = codes.astype(np.int64)
        for i in range(lag, codes.size):
            codes[i] = (codes[i] + codes[i - lag]) % 256**dtype.itemsize
    flat = codes.astype(np.float64)
    if dtype.kind == "u":
        gap = codes == 256**dtype.itemsize - 1
        if "per" in spec:
            flat = (flat + spec["first"]) / spec["per"]
        else:
            flat = spec["low"] + flat * spec["step"]
        flat[gap] = np.nan
    shapes = spec["shape"] if isinstance(spec["shape"][0], list) else None
    arrays, at = [], 0
    while at < flat.size:
        shape = shapes[len(arrays)] if shapes else spec["shape"]
        size = int(np.prod(shape))
        arrays.append(flat[at : at + size].reshape(shape))
        at += size
    return arrays
