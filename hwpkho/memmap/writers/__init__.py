"""Maps written in other forms than the one they were read in: the choices of ``memmap --to``.

A writer is one module here and one line in :data:`WRITERS`. It turns any map into its form as the
kernel does; the lines or bytes themselves are written beside the reader of that form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hwpkho.base.options import option
from hwpkho.base.registry import Registry
from hwpkho.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.memmap.formats.base import LineForm
    from hwpkho.memmap.model import Entry, Map


class MapWriter(Protocol):
    """A form in which a map is written.

    Attributes:
        name: As ``memmap --to`` names it.
        about: One line for the table in docs/.
        binary: Whether it is not text.
        reserves: Whether it shows what a kernel makes of memory: reservations and limits count.
    """

    name: str
    about: str
    binary: bool
    reserves: bool

    def write(self, map_: Map, arch: str, /) -> bytes:
        """Return ``map_``, of a machine of ``arch``, in this form.

        Raises UsageError where the map cannot be written in this form without loss.
        """


def checked(name: str, text: str, form: LineForm, entries: Iterable[Entry]) -> bytes:
    """Return ``text``, which the writer ``name`` made, as bytes.

    Raises UsageError where ``form``, the one that reads such a text, would not read exactly
    ``entries`` out of it: such a text would describe another map.
    """
    try:
        for number, line in enumerate(text.splitlines(), start=1):
            form.feed(number, line)
        found = form.finish()
    except InputError as error:
        raise UsageError(f"{option('to', name)}: no reader would take it: {error}") from error
    if len(found) != 1 or found[0].lost_lines or found[0].entries != list(entries):
        raise UsageError(f"{option('to', name)}: a reader would take it for another map")
    return text.encode()


WRITERS: Registry[MapWriter] = Registry(
    "form of memory map",
    {
        "e820": "hwpkho.memmap.writers.e820:WRITER",
        "iomem": "hwpkho.memmap.writers.iomem:WRITER",
    },
)
