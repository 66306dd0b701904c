"""`python -m courseware.figures` writes the theme into the script that draws on the page."""

from courseware.figures.theme import stamp

stamp()
