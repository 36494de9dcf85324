"""Says why an input cannot be opened, and what helps."""

from __future__ import annotations

import errno
import os
from itertools import islice
from pathlib import Path

from hwpkho.base.escape import printable
from hwpkho.errors import InputError

STDIN = "-"
#: So many names are compared with one that is not there.
_MAX_NAMES = 1000


def named(path: str) -> str:
    """Return what messages call the input ``path``."""
    return "standard input" if path == STDIN else printable(path)


def failed(path: str, error: OSError | ValueError) -> InputError:
    """Return what is raised where ``path`` cannot be opened."""
    if not isinstance(error, OSError):
        return InputError(f"{named(path)}: not a path")
    hint = ""
    if error.errno == errno.ENOENT:
        hint = _beside(path)
    elif error.errno in (errno.EACCES, errno.EPERM):
        hint = "; only root may read it: sudo" if os.geteuid() else "; not even root may read it"
    return InputError(f"{named(path)}: {error.strerror or error}{hint}")


def _beside(path: str) -> str:
    """Return a hint at what ``path``, which is not there, may have meant."""
    before, at, base = path.rpartition("@")
    if at and os.path.lexists(before):
        return f"; {printable(base[:20])} is not an address such as 0x40000000 (FILE@0xBASE)"
    if path.startswith("~"):
        return "; the shell did not replace the ~ within quotes"
    place = Path(path)
    try:
        there = list(islice((p.name for p in place.parent.iterdir()), _MAX_NAMES))
    except (OSError, ValueError):
        return ""
    from difflib import get_close_matches  # only where something is missing

    near = get_close_matches(place.name, there, 1, 0.8)
    return f"; there is {printable(str(place.with_name(near[0])))}" if near else ""
