"""Plotly, with less work for the same figures: a page draws thousands of states when it is built.

Two habits take nearly half of the time. Plotly parses the path of a property ("xaxis_title") anew
each time it is set, and asks of every list and array whether it is some library's data frame.
"""

import functools
import types

import _plotly_utils.basevalidators as validators
import numpy as np
import plotly.basedatatypes as datatypes


def hurry() -> None:
    """Let plotly remember paths, and take lists and NumPy arrays for what they are."""
    if isinstance(validators.nw, types.SimpleNamespace):
        return
    datatypes._str_to_dict_path_full = functools.cache(datatypes._str_to_dict_path_full)
    narwhals = vars(validators.nw)

    def from_native(data, **options):
        known = isinstance(data, (list, tuple, np.ndarray))
        return data if known else narwhals["from_native"](data, **options)

    validators.nw = types.SimpleNamespace(**narwhals | {"from_native": from_native})
