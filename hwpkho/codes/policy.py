"""HP7xx: limits that the user sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.codes import Code

CODES: tuple[Code, ...] = ()
