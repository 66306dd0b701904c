"""Imported before nbformat, this spares a process some seconds.

nbformat imports jsonschema, and that compiles, where it finds one, a grammar of web addresses, for
a check that nobody makes here. It does without what it does not find.
"""

import sys
from contextlib import suppress

GRAMMAR = "rfc3987_syntax"

if GRAMMAR not in sys.modules:
    sys.modules[GRAMMAR] = None
    with suppress(ImportError):
        import jsonschema  # noqa: F401
    del sys.modules[GRAMMAR]
