"""The /proc/iomem in the note of a core that ``hwpkho capture`` wrote.

Source: :mod:`hwpkho.images.capture_note`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.elf import MAGIC
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.memmap.formats.base import FileForm
from hwpkho.memmap.formats.iomem import Iomem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hwpkho.memmap.table import Table

_ELSEWHERE = "the machine's map is elsewhere: dmesg, /proc/iomem"


class Capture(FileForm):
    """An ELF core with a HWPKHO-CAPTURE note."""

    name = "capture"
    about = "a core that hwpkho capture took of a running kernel"
    enough = 32 << 20  # headers and notes stand first

    def sniff(self, _path: Path, head: bytes) -> bool:
        """See :meth:`FileForm.sniff`; True for any ELF file: :meth:`read` refuses one without."""
        return head.startswith(MAGIC)

    def read(self, path: Path, data: memoryview) -> Sequence[Table]:
        """See :meth:`FileForm.read`."""
        from hwpkho.images import elf  # every input is tried with every form, and few are cores
        from hwpkho.images.capture_note import CaptureNote
        from hwpkho.images.files import HeldBytes

        shown = printable(str(path))
        try:
            core = elf.open_elf(HeldBytes(str(path), data))
        except InputError as error:
            raise InputError(f"{error}; no core with a memory map: {_ELSEWHERE}") from error
        if not core.capture_note:
            raise InputError(f"{shown}: is a memory image without a map; {_ELSEWHERE}")
        try:
            text = CaptureNote.parse(core.capture_note).iomem
        except InputError as error:
            raise InputError(f"{shown}: HWPKHO-CAPTURE note: {error}") from error
        if text is None:
            raise InputError(f"{shown}: was cropped from a memory image; {_ELSEWHERE}")
        lines = Iomem()
        for number, line in enumerate(text.splitlines(), start=1):
            lines.feed(number, line)
        found = lines.finish()
        for table in found:
            if table.zeroed:
                raise InputError(f"{shown}: {table.zeroed.message}")
            table.arch, table.line = core.arch or table.arch, None
        return found
