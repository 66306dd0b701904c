"""What can be shown: a plotly figure or a worksheet."""

import plotly.graph_objects as go

from courseware.worksheets import Worksheet


def figure_of(figure, caller: str) -> go.Figure | Worksheet:
    """``figure`` itself, if it is something that can be shown."""
    if not isinstance(figure, (go.Figure, Worksheet)):
        raise ValueError(
            f"{caller} got {type(figure).__name__}; allowed: a plotly Figure or a Worksheet"
        )
    return figure
