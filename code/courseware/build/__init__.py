"""Building the book and looking at it: `python -m courseware.build html`, `… serve`.

Names are imported when first used: who looks for a browser builds nothing.
"""

from transformer_math.doors import doors

_HOME = {
    "BookServer": "courseware.build.serve",
    "BuildError": "courseware.build.build",
    "chromium": "courseware.build.browser",
    "execute": "courseware.build.build",
    "execution_key": "courseware.build.build",
    "html": "courseware.build.build",
    "machinery_key": "courseware.build.build",
    "pages": "courseware.build.build",
    "read_notebook": "courseware.build.build",
    "results": "courseware.build.build",
}
__all__ = list(_HOME)
__getattr__, __dir__ = doors(__name__, _HOME)
