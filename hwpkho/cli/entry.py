"""The ``hwpkho`` program. Handles signals and errors during its imports as during its run."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress

from hwpkho.cli import endings

#: Allocations between two runs of the cyclic garbage collector. A start makes fewer, so none runs;
#: with Python's default of 700 they take a tenth of the start.
_OBJECTS = 100_000


def program() -> None:
    """Import the command line, which takes a tenth of a second, and run it."""
    gc.set_threshold(_OBJECTS)
    try:
        with endings.raised():
            from hwpkho.cli.main import run
    except endings.EndedError as end:
        _say(end.message, end.code)
    except OSError as error:  # such as too few file descriptors to open a module
        _say(error.strerror or str(error), 3)
    try:
        run()
    finally:
        gc.freeze()  # else the collector goes through all imported modules at exit


def _say(what: str, code: int) -> None:
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"hwpkho: {what}\n")
    sys.exit(code)
