"""On the published page a figure needs a caption and a text alternative: a bare one is an error."""

import courseware.no_grammar  # noqa: F401 (plotly's renderers import nbformat)

# isort: split
import plotly.io as pio
from plotly.io.base_renderers import ExternalRenderer

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
