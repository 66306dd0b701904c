"""The small GPT with fewer key and value heads, before and after learning again.

:func:`uptraining` gives the losses of all runs: 4, 2 and 1 heads, made as means, as first heads or
at random; five seeds; and some runs five times as long. :mod:`.experiment` ran them, and its
:func:`~.experiment.uptrain` does one again.
"""

from .experiment import FIVE_TIMES, SHORT, Recipe, uptrain
from .results import Uptraining, uptraining

__all__ = ["SHORT", "FIVE_TIMES", "Recipe", "Uptraining", "uptrain", "uptraining"]
