"""Shows a manual page on a terminal by man(1) or mandoc(1)."""

from __future__ import annotations

import shutil
import subprocess
from importlib.resources import as_file
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

#: Programs that show a file, in the order tried. The man(1) of man-db and mandoc has -l; busybox's
#: has not, nor has the stub that minimised distribution images have instead.
_PROGRAMS = (("man", "-l"), ("mandoc", "-a"))


def shown(page: Traversable) -> bool:
    """Show ``page`` by the first program that can; return whether one did."""
    try:
        with as_file(page) as path:
            for name, *options in _PROGRAMS:
                program = shutil.which(name)
                if program and _ran([program, *options, str(path)]):
                    return True
    except OSError:  # the page is in a zip archive, and no temporary file could be written
        pass
    return False


def _ran(command: list[str]) -> bool:
    try:
        # If it fails, the caller shows the page as text; the program's own complaint would only
        # confuse.
        return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False
