"""A plain list of PFNs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages import text
from hwpkho.base.listing import parts
from hwpkho.encode.targets.base import FileTarget, ToWrite

if TYPE_CHECKING:
    from typing import BinaryIO


class ListTarget(FileTarget):
    """See the module."""

    name = "list"
    title = "text list"
    placed = False

    def write(self, what: ToWrite, out: BinaryIO) -> None:
        """Write the list."""
        out.writelines(text.build_text(part).encode("ascii") for part in parts(what.pfns))
        if not what.pfns:
            out.write(b"# no PFNs\n")  # a file of zero bytes would be nothing at all


TARGET = ListTarget()
