"""Messages that say why an input cannot be opened, and what to do about it."""

from __future__ import annotations

import errno
import os
from itertools import islice
from pathlib import Path

from hwpkho.base.escape import printable
from hwpkho.errors import InputError

STDIN = "-"
#: So much of a name that is too long for one stands in a message, characters.
_SHOWN = 80
#: The most names of a folder that are compared with a misspelled one.
_MAX_NAMES = 1000


def named(path: str) -> str:
    """Return the name of the input ``path`` for messages, printable."""
    return "standard input" if path == STDIN else printable(path)


def failed(path: str, error: OSError | ValueError) -> InputError:
    """Return the InputError to raise where opening or reading ``path`` failed with ``error``."""
    if not isinstance(error, OSError):
        return InputError(f"{named(path)}: not a path")
    hint = ""
    if error.errno == errno.ENAMETOOLONG:
        return InputError(too_long(path))
    if error.errno == errno.ENOENT:
        hint = _beside(path)
    elif error.errno in (errno.EACCES, errno.EPERM):
        hint = "; only root may read it: sudo" if os.geteuid() else "; not even root may read it"
    return InputError(f"{named(path)}: {error.strerror or error}{hint}")


def too_long(path: str) -> str:
    """Return the message on a name that is longer than any: mostly it is a file's content."""
    return f"{printable(path[:_SHOWN])}…: {os.strerror(errno.ENAMETOOLONG)}; expected a path"


def _beside(path: str) -> str:
    """Return a hint, beginning with ``;``, at what the missing ``path`` may have meant, or ""."""
    before, at, base = path.rpartition("@")
    if at and os.path.lexists(before):
        return f"; {printable(base[:20])} is not an address such as 0x40000000 (FILE@0xBASE)"
    if path.startswith("~"):
        return "; the shell did not replace the ~ within quotes"
    place = Path(path)
    try:
        return f"; it is a symbolic link to {printable(str(place.readlink()))}"
    except (OSError, ValueError):
        pass
    try:
        there = list(islice((p.name for p in place.parent.iterdir()), _MAX_NAMES))
    except (OSError, ValueError):
        return ""
    from difflib import get_close_matches  # only where something is missing

    near = get_close_matches(place.name, there, 1, 0.8)
    return f"; there is {printable(str(place.with_name(near[0])))}" if near else ""
