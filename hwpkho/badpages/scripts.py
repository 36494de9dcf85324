"""Forms that are scripts, which write each page of a list into a file of the running kernel."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from hwpkho.badpages.form import Form
from hwpkho.badpages.model import Loss
from hwpkho.badpages.writing import NOTHING, bounded, physical
from hwpkho.base.addresses import page_shift
from hwpkho.base.listing import parts

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Writing


class ScriptForm(Form):
    """A form that is a shell script with a line for each page.

    Attributes:
        name: See :class:`hwpkho.badpages.registry.ListFormat`.
        about: See there.
        file: The kernel's file to write to, in /sys or debugfs.
        addresses: Whether the kernel expects physical addresses in bytes there; else PFNs.
    """

    def __init__(self, name: str, about: str, file: str, *, addresses: bool) -> None:
        self.name = name
        self.about = about
        self.file = file
        self.addresses = addresses
        self.bare = not addresses  # PFNs do not show their page size

    def write(self, pages: BadPages, out: BinaryIO, _how: Writing, /) -> Loss | None:
        """Write the script, for a kernel whose page size is the list's.

        Raises InputError for more than ``MAX_PFNS`` pages.
        """
        bad, left = physical(pages)
        bounded(pages, bad.pages(), self.name)
        shift = page_shift(pages.taken_page_size) if self.addresses else 0
        out.write(b"#!/bin/sh\n")
        for part in parts(chain.from_iterable(range(a, b + 1) for a, b in bad)):
            lines = (f"echo 0x{pfn << shift:x} > {self.file}\n" for pfn in part)
            out.write("".join(lines).encode())
        if not bad:
            out.write(b"# " + NOTHING)
        return Loss(0, left)
