"""Plotly, with less work for the same figures: a page draws thousands of states when it is built.

Three habits take more than half of the time. Plotly parses the path of a property ("xaxis_title")
anew each time it is set, asks of every list and array whether it is some library's data frame, and
copies what it was given as if it could hold itself.
"""

import copy
import functools
import types

import _plotly_utils.basevalidators as validators
import numpy as np
import plotly.basedatatypes as datatypes


def hurry() -> None:
    """Let plotly remember paths, and take lists, dicts and NumPy arrays for what they are."""
    if isinstance(validators.nw, types.SimpleNamespace):
        return
    datatypes._str_to_dict_path_full = functools.cache(datatypes._str_to_dict_path_full)
    narwhals = vars(validators.nw)

    def from_native(data, **options):
        known = isinstance(data, (list, tuple, np.ndarray))
        return data if known else narwhals["from_native"](data, **options)

    validators.nw = types.SimpleNamespace(**narwhals | {"from_native": from_native})
    datatypes.deepcopy = _copied


def _copied(node):
    kind = type(node)
    if kind is dict:
        return {key: _copied(value) for key, value in node.items()}
    if kind is list or kind is tuple:
        return kind(map(_copied, node))
    if kind in (str, int, float, bool, types.NoneType):
        return node
    if kind is np.ndarray and node.dtype != object:
        return node.copy()
    return copy.deepcopy(node)
