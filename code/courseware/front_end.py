"""Which front end draws: ipywidgets on a live kernel, or static HTML for the published page.

The tests ask for both: the page, after the live front end has been rehearsed with nobody watching.
"""

import os

VARIABLE = "COURSEWARE_FRONT_END"
FRONT_ENDS = ("live", "page", "both")


def front_end() -> str:
    """``live`` (default), ``page`` or ``both``: the environment is asked at every call."""
    name = os.environ.get(VARIABLE, "live")
    if name not in FRONT_ENDS:
        raise ValueError(f"{VARIABLE} is {name!r}; allowed: {', '.join(FRONT_ENDS)}")
    return name


def publish(bundle: dict) -> None:
    """Display a MIME bundle as it is: without ``text/plain``, so that notebooks store nothing."""
    from IPython.display import display

    display(bundle, raw=True)
