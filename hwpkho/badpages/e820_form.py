"""Forms of list that are the machine's e820 table with the bad pages unusable, as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hwpkho.badpages.model import BadPages, Loss
    from hwpkho.badpages.registry import Carried, Writing
    from hwpkho.memmap.e820 import Slot


class Written(NamedTuple):
    """A form that is the table as bytes; see :class:`hwpkho.badpages.registry.ListWriter`.

    Attributes:
        name: See there.
        about: See there.
        build: Returns the table as bytes.
    """

    name: str
    about: str
    build: Callable[[Sequence[Slot]], bytes]
    extra: None = None
    carries: frozenset[Carried] = frozenset()
    takes: frozenset[str] = frozenset(("max_loss", "budget", "table", "arch"))
    binary: bool = True
    bare: bool = False

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """Write the table; the budget is in entries, by default what the zero page holds."""
        from hwpkho.badpages.e820_table import marked

        slots, lost = marked(pages, how, self.name)
        out.write(self.build(slots))
        return lost
