"""One call, two front ends: a figure with or without controls, on a live kernel or on a page."""

from collections.abc import Callable, Mapping

import plotly.graph_objects as go

from courseware import figures  # noqa: F401  registers the template and the page's renderer
from courseware.explorers.controls import read_controls
from courseware.explorers.showable import figure_of
from courseware.front_end import front_end
from courseware.worksheets import Worksheet


def explore(
    draw: Callable[..., go.Figure | Worksheet],
    *,
    caption: str,
    alt: str,
    finding: str | None = None,
    title: str | None = None,
    labels: Mapping[str, str] | None = None,
    start: Mapping | None = None,
    **controls,
) -> None:
    """Show ``draw(**parameters)`` with a control for each parameter.

    What ``draw`` returns is a figure, or a :class:`courseware.worksheets.Worksheet` whose numbers
    say where they come from.

    ``controls`` are the abbreviations of ``ipywidgets.interact``: ``(min, max)``,
    ``(min, max, step)``, a list of options, a list of ``(label, value)``, a dict
    ``{label: value}``, or a Boolean. ``labels`` gives controls their visible names and ``start``
    their first values. ``caption`` (Markdown) says what is drawn and what to watch, ``finding``
    (Markdown) what follows from it: on the page it stays folded until a control has moved or the
    reader asks for it. ``alt`` (plain text) says what is seen.

    On a live kernel every move calls ``draw``. On the published page ``draw`` is evaluated over the
    whole grid when the page is built. Raises ``ValueError`` for what the page could not show:
    unknown controls, controls that move nothing, too many states or bytes; and for a caption, an
    ``alt`` or a finding that says nothing.
    """
    _check_text(caption=caption, alt=alt)
    _check_finding(finding, caption)
    if not controls:
        raise ValueError("explore() came without a control; for a plain figure use show()")
    chosen = read_controls(draw, controls, labels, start)
    _publish(draw, chosen, caption=caption, alt=alt, finding=finding, title=title)


def show(
    figure: go.Figure | Worksheet, *, caption: str, alt: str, finding: str | None = None
) -> None:
    """Show a figure or a worksheet without controls; the words are those of :func:`explore`.

    With nothing to move, the finding opens by its button alone.
    """
    _check_text(caption=caption, alt=alt)
    _check_finding(finding, caption)
    figure_of(figure, "show()")
    _publish(lambda: figure, [], caption=caption, alt=alt, finding=finding, title=None)


def _publish(*what, **words) -> None:
    wanted = front_end()
    if wanted == "both":
        from courseware.explorers.rehearsal import rehearse

        rehearse(*what, **words)
    if wanted == "live":
        from courseware.explorers.live import publish_live as publish
    else:
        from courseware.explorers.page import publish_page as publish
    publish(*what, **words)


def _check_text(**texts) -> None:
    for name, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{name} is {text!r}; needs a sentence (see explore's docstring)")


def _check_finding(finding: str | None, caption: str) -> None:
    if finding is None:
        return
    if not isinstance(finding, str) or not finding.strip():
        raise ValueError(
            f"finding is {finding!r}; needs a sentence with the conclusion, or leave it out"
        )
    if finding.split() == caption.split():
        raise ValueError(
            f"finding says the same as the caption ({finding!r}); the caption says what is drawn "
            "and what to watch, the finding what follows: write each, or leave the finding out"
        )
