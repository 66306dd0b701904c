"""A figure of a lesson in the hands of a test: what draws it, its controls and its words."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from courseware.explorers.controls import Control, read_controls


@dataclass(frozen=True)
class Drawn:
    """What one call of `explore` or `show` was given. `controls` is empty for `show`."""

    function: Callable
    controls: tuple[Control, ...]
    caption: str
    finding: str
    alt: str

    @classmethod
    def explore(cls, draw, *, caption="", alt="", finding=None, title=None, **named) -> "Drawn":
        """From the arguments of `explore`."""
        labels, start = named.pop("labels", None), named.pop("start", None)
        controls = tuple(read_controls(draw, named, labels, start))
        return cls(draw, controls, caption, finding or "", alt)

    @classmethod
    def show(cls, figure, *, caption="", alt="", finding=None) -> "Drawn":
        """From the arguments of `show`."""
        return cls(lambda: figure, (), caption, finding or "", alt)

    def draw(self, **values) -> Any:
        """The figure in one state; controls that are not named stand where they start.

        Raises:
            ValueError: a value is none that its control can take.
        """
        return self.function(**self._state(values))

    def states(self, **fixed) -> Iterator[dict[str, Any]]:
        """Every state the controls can reach, those named held fast, in the grid's order.

        Raises:
            ValueError: a value is none that its control can take.
        """
        state = self._state(fixed)
        options = [[state[c.name]] if c.name in fixed else c.values for c in self.controls]
        for values in itertools.product(*options):
            yield dict(zip((c.name for c in self.controls), values, strict=True))

    def fits(self, key: str) -> bool:
        """Whether the key names what draws it, or stands in its caption."""
        return key in self.caption or key == getattr(self.function, "__name__", "")

    def _state(self, values: dict) -> dict[str, Any]:
        state = {control.name: control.values[control.start] for control in self.controls}
        named = {control.name: control for control in self.controls}
        for name, value in values.items():
            if name not in named:
                raise ValueError(f"{name!r} is no control; controls: {', '.join(named) or 'none'}")
            control = named[name]
            text = isinstance(value, str) and value in control.texts
            place = control.texts.index(value) if text else _index(control, value)
            state[name] = control.values[place]
        return state


def _index(control: Control, value) -> int:
    try:
        return control.index(value)
    except ValueError:
        shown = ", ".join(control.texts)
        raise ValueError(f"{control.name}={value!r}: the control can be {shown}") from None
