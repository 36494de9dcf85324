"""The ``hwpkho`` program: what happens while it still starts ends it as it does later."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress

from hwpkho.cli import endings

#: Objects between two searches for cyclic garbage, more than a start makes: with Python's 700 they
#: are a tenth of it.
_OBJECTS = 100_000


def program() -> None:
    """Start the command line; importing that takes a tenth of a second."""
    gc.set_threshold(_OBJECTS)
    try:
        with endings.raised():
            from hwpkho.cli.main import run
    except endings.EndedError as end:
        _say(end.said, end.code)
    except OSError as error:  # too few file descriptors to open a module
        _say(error.strerror or str(error), 3)
    try:
        run()
    finally:
        gc.freeze()  # or all that was imported is searched once more at the end


def _say(what: str, code: int) -> None:
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"hwpkho: {what}\n")
    sys.exit(code)
