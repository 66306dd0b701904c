"""Figures and worksheets that a reader moves, on a live kernel and on the published page."""

from courseware.explorers.explorer import explore, show

__all__ = ["explore", "show"]
