"""Only the statements of a lesson that some names depend on: a slice of its code, in order."""

from collections.abc import Iterable

from courseware.lessons.statements import Statement


class Slicer:
    """Slices of one lesson's statements.

    A statement belongs to the slice when it binds or changes something that is needed after it.
    What it uses is then needed before it, and so on to the beginning:

        needed ← (needed − kills) ∪ uses    wherever (binds ∪ changes) ∩ needed ≠ ∅.

    A function needs the names in its body when it is called, not where it is defined; so whoever
    uses a function's name uses these too, and theirs in turn.
    """

    def __init__(self, found: list[Statement]):
        self.statements = found
        self._behind = _closure(found)

    def needs(self, names: Iterable[str]) -> set[str]:
        """These names and all that calling them may ask for."""
        return set().union(*(({name} | self._behind.get(name, set())) for name in names))

    def slice(self, names: Iterable[str], end: int) -> list[Statement]:
        """The statements before number ``end`` that give ``names`` their state there."""
        needed = self.needs(names)
        chosen = []
        for statement in reversed(self.statements[:end]):
            if statement.is_shown:
                continue
            touched = (statement.binds | statement.changes) & needed
            if touched or statement.is_setting:
                chosen.append(statement)
                needed = (needed - statement.kills) | self.needs(statement.uses)
        return chosen[::-1]


def _closure(found: list[Statement]) -> dict[str, set[str]]:
    """For each name, what calling its object may ask for: followed until nothing is added."""
    behind: dict[str, set[str]] = {}
    carried: dict[str, set[str]] = {}
    for statement in found:
        for name in statement.binds:
            behind.setdefault(name, set()).update(statement.later)
            carried.setdefault(name, set()).update(statement.carries)
    growing = True
    while growing:
        growing = False
        for name, names in behind.items():
            more = {b for n in names | carried[name] for b in behind.get(n, ())} - names
            if more:
                names |= more
                growing = True
    return behind
