"""On the published page a figure needs a caption and a text alternative: a bare one is an error."""

import sys

# plotly's renderers import nbformat, and that a grammar of web addresses whose compilation takes
# three seconds of every kernel, for a check that nobody makes here: it does without.
GRAMMAR = "rfc3987_syntax"
_absent = GRAMMAR not in sys.modules
if _absent:
    sys.modules[GRAMMAR] = None

import plotly.io as pio  # noqa: E402
from plotly.io.base_renderers import ExternalRenderer  # noqa: E402

pio.renderers  # noqa: B018 (imported when asked for)
if _absent:
    del sys.modules[GRAMMAR]

NAME = "courseware"


class BareFigure(BaseException):
    """A plotly figure displayed without ``show()``.

    No ``Exception``: IPython prints those that a display raises and goes on, and the page would be
    built with a hole.
    """


class _Refuse(ExternalRenderer):
    def render(self, fig_dict) -> None:
        raise BareFigure(
            "a plotly figure was displayed without a caption; "
            "use courseware.show(figure, caption=…, alt=…), or end the line with a semicolon"
        )


def refuse_bare_figures() -> None:
    """Make plotly's own display of a figure fail the cell."""
    pio.renderers[NAME] = _Refuse()
    pio.renderers.default = NAME
