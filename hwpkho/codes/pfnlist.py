"""HP6xx: the list against itself and against the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.codes import Code

CODES: tuple[Code, ...] = ()
