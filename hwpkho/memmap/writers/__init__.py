"""Maps written in other forms than the one they were read in: the choices of ``memmap --to``.

A writer is one module here and one line in :data:`WRITERS`. It turns any map into its form as the
kernel does; the lines or bytes themselves are written beside the reader of that form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.memmap.model import Map


class MapWriter(Protocol):
    """A form in which a map is written.

    Attributes:
        name: As ``memmap --to`` names it.
        about: One line for the table in docs/.
        binary: Whether it is not text.
    """

    name: str
    about: str
    binary: bool

    def write(self, map_: Map, arch: str, /) -> bytes:
        """Return ``map_``, of a machine of ``arch``, in this form.

        Raises UsageError where the map cannot be written in this form without loss.
        """


WRITERS: Registry[MapWriter] = Registry(
    "form of memory map",
    {
        "e820": "hwpkho.memmap.writers.e820:WRITER",
        "iomem": "hwpkho.memmap.writers.iomem:WRITER",
    },
)
