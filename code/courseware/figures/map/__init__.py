"""The map: the whole machine as one drawing, made from a configuration."""

from courseware.figures.map.drawing import machine, machine_html, with_links
from courseware.figures.map.parts import LIT, PARTS

__all__ = ["LIT", "PARTS", "machine", "machine_html", "with_links"]
