"""The ``hwpkho`` program: what happens while it still starts ends it as it does later."""

from __future__ import annotations

import sys
from contextlib import suppress

from hwpkho.cli import endings


def program() -> None:
    """Start the command line; importing that takes a tenth of a second."""
    try:
        with endings.raised():
            from hwpkho.cli.main import run
    except endings.EndedError as end:
        _say(end.said, end.code)
    except OSError as error:  # too few file descriptors to open a module
        _say(error.strerror or str(error), 3)
    run()


def _say(what: str, code: int) -> None:
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"hwpkho: {what}\n")
    sys.exit(code)
