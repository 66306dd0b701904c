"""The shipped losses of all runs."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ...arrays import Float
from ..files import read_json, read_manifest

HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Uptraining:
    """What became of the small GPT with fewer key and value heads.

    Parameters
    ----------
    runs : each with ``kv_heads``, ``how``, ``rate``, ``seed``, ``steps``, its losses on ``test``
        text along the way and on ``validation`` text at the end, in nats per token.
    manifest : recipes, hashes, versions.

    A side is a pair (kv_heads, how). Its learning rate is the one of those tried that did best on
    validation text with seed 0. Losses are those on test text with that rate, so that the choice
    does not flatter them. Long runs tried one rate or two, and most have one seed.
    """

    runs: tuple[dict, ...]
    manifest: dict

    @property
    def sides(self) -> tuple[tuple[int, str], ...]:
        """Return all sides; (4, "mean") is the unchanged model, trained on."""
        return tuple(dict.fromkeys((r["kv_heads"], r["how"]) for r in self.runs))

    def looks(self, recipe: str = "short") -> tuple[int, ...]:
        """Return the steps after which losses were measured, "short" or "five times".

        Raises
        ------
        ValueError
            If ``recipe`` is neither.
        """
        return tuple(self._recipe(recipe)["looks"])

    def tried(self, kv_heads: int, how: str = "mean", recipe: str = "short") -> dict[float, float]:
        """Return the loss on validation text of each learning rate that was tried, with seed 0.

        Raises
        ------
        ValueError
            If there is no such side, or it was not run by that recipe.
        """
        runs = [r for r in self._runs(kv_heads, how, recipe) if r["seed"] == 0]
        return {r["rate"]: r["validation"] for r in sorted(runs, key=lambda r: r["rate"])}

    def rate(self, kv_heads: int, how: str = "mean", recipe: str = "short") -> float:
        """Return the learning rate of a side: the best of those tried.

        Raises
        ------
        ValueError
            If there is no such side, or it was not run by that recipe.
        """
        tried = self.tried(kv_heads, how, recipe)
        return min(tried, key=tried.__getitem__)

    def losses(
        self, kv_heads: int, how: str = "mean", recipe: str = "short"
    ) -> Float[np.ndarray, "seeds looks"]:
        """Return a side's losses on test text, a row a seed, a column for each of the looks.

        Raises
        ------
        ValueError
            If there is no such side, or it was not run by that recipe.
        """
        rate = self.rate(kv_heads, how, recipe)
        runs = [r for r in self._runs(kv_heads, how, recipe) if r["rate"] == rate]
        return np.array([r["test"] for r in sorted(runs, key=lambda r: r["seed"])])

    def _recipe(self, recipe):
        known = self.manifest["recipes"]
        if recipe not in known:
            raise ValueError(f"recipe is {recipe!r}; allowed: {', '.join(map(repr, known))}")
        return known[recipe]

    def _runs(self, kv_heads, how, recipe):
        side, steps = (kv_heads, how), self._recipe(recipe)["steps"]
        if side not in self.sides:
            raise ValueError(
                f"kv_heads and how are {side}; allowed: {', '.join(map(str, self.sides))}"
            )
        runs = [r for r in self.runs if (r["kv_heads"], r["how"], r["steps"]) == (*side, steps)]
        if not runs:
            raise ValueError(f"recipe is {recipe!r}, by which {side} was not run; allowed: 'short'")
        return runs


@cache
def uptraining() -> Uptraining:
    """Load the shipped losses, once per process.

    Raises
    ------
    ValueError
        If a file is missing or is not the one in the manifest.
    """
    return load(HERE)


def load(directory: Path) -> Uptraining:
    """Load what :mod:`.experiment` wrote.

    Raises
    ------
    ValueError
        If a file is missing or is not the one in the manifest.
    """
    return Uptraining(tuple(read_json(directory, "runs.json")), read_manifest(directory))
