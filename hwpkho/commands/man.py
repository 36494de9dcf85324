"""man: the manual pages, which are in the package."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_FILE = re.compile(r"hwpkho(?:-(?P<command>[a-z-]+))?\.1")


def names() -> list[str]:
    """Return the commands that have a manual page, in ascending order.

    A page is a file ``man/hwpkho-COMMAND.1``; nothing else registers it.
    """
    found = (files("hwpkho") / "man").iterdir()
    return sorted(m["command"] for f in found if (m := _FILE.fullmatch(f.name)) and m["command"])


def page(command: str | None) -> Traversable:
    """Return the page of ``decode`` or ``hwpkho-decode``, that of the program for None.

    It may be in an archive. Raises UsageError for a name that there is no page of.
    """
    name = "hwpkho" if command is None else command.removesuffix(".1")
    name = name if name.startswith("hwpkho") else f"hwpkho-{name}"
    if name != "hwpkho" and name.removeprefix("hwpkho-") not in names():
        raise UsageError(
            f"no manual page '{printable(command or '')}'; there are: {', '.join(names())}"
        )
    return files("hwpkho") / "man" / f"{name}.1"
