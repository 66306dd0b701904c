r"""Accelerators: how fast they compute, how fast they read, how much they hold.

``gpus.json`` holds the table, with the vendor's address for each; ``unverified`` lists figures that
were not checked there when the table was made. Vendors' headline figures often count structured
sparsity, which doubles them: these do not.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..arrays import Number, positive
from .models import one_of


@dataclass(frozen=True)
class GPU:
    """An accelerator's limits.

    Parameters
    ----------
    peak : dense 16-bit matrix arithmetic, in FLOP/s (bfloat16; float16 where there is none).
    bandwidth : of the main memory, in bytes/s.
    memory : capacity of the main memory in bytes: the vendor's gigabytes times 10^9.
    name, source : what it is called, and the address where the figures are published.
    unverified : names of figures not checked there.

    Raises
    ------
    ValueError
        If a figure is not a finite number above 0.
    """

    peak: Number
    bandwidth: Number
    memory: Number
    name: str = ""
    source: str = ""
    unverified: tuple[str, ...] = ()

    def __post_init__(self):
        for name in ("peak", "bandwidth", "memory"):
            positive(name, getattr(self, name))


def check_gpu(gpu: GPU) -> None:
    """Raise a ValueError unless ``gpu`` is a :class:`GPU`."""
    if not isinstance(gpu, GPU):
        raise ValueError(f"gpu is {gpu!r}; allowed: a GPU, such as cost.gpu('h100')")


@cache
def _table() -> dict:
    return json.loads(Path(__file__).with_name("gpus.json").read_text(encoding="utf-8"))


def gpus() -> list[str]:
    """Return the names that :func:`gpu` knows, oldest first."""
    return list(_table())


def gpu(name: str) -> GPU:
    """Look up an accelerator.

    Parameters
    ----------
    name : such as ``"h100"``; :func:`gpus` lists all.

    Returns
    -------
    A :class:`GPU` with its ``source``.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    """
    one_of("name", name, _table())
    entry = dict(_table()[name])
    entry["unverified"] = tuple(entry.get("unverified", ()))
    return GPU(name=name, **entry)
