"""Shows a manual page on a terminal: by man(1) or mandoc(1), or else as text through a pager."""

from __future__ import annotations

import shutil
import subprocess
from importlib.resources import as_file
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

#: Programs that show a file, the first that is there and can. man-db and mandoc know ``man -l``;
#: busybox and an image that was made small without its manual pages do not.
_PROGRAMS = (("man", "-l"), ("mandoc", "-a"))


def shown(page: Traversable) -> bool:
    """Show ``page`` by a program that the machine has; return whether one did."""
    try:
        with as_file(page) as path:
            for name, *options in _PROGRAMS:
                program = shutil.which(name)
                if program and _ran([program, *options, str(path)]):
                    return True
    except OSError:  # a page in an archive, and no place for a temporary file
        pass
    return False


def _ran(command: list[str]) -> bool:
    try:
        # What it complains of is about itself; the text that is shown instead has no use for it.
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False
