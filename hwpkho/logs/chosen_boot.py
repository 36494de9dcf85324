"""Which boot of a log of several the user asks for."""

from __future__ import annotations

from hwpkho.base.digits import unsigned
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.errors import UsageError


def chosen_boot(boot: str | None) -> int | None:
    """Return the number of the boot, from 0 for the oldest; -1 for ``last``, None for all.

    Raises UsageError for anything else.
    """
    if boot is None:
        return None
    if boot == "last":
        return -1
    number = unsigned(boot) if boot.isdigit() else None
    if number is None:
        raise UsageError(f"{option('boot', printable(boot))}: expected a number from 0, or last")
    return number
