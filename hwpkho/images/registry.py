"""The memory-image formats: how each is recognised and opened.

A new format is a module of this package and a line in ``FORMATS``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwpkho.images.base import Source
    from hwpkho.images.files import FileBytes

#: (first bytes, module, function that opens it). Modules are imported when they are needed.
FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x7fELF", "elf", "open_elf"),
    (b"KDUMP   ", "kdump.dump", "open_dump"),
    (b"DISKDUMP", "kdump.dump", "open_dump"),
    (b"makedumpfile\0", "kdump.dump", "open_dump"),
)


def open_image(file: FileBytes) -> Source | None:
    """Return the memory image in ``file``, None where no format knows it.

    Raises InputError where the format is known and the image damaged.
    """
    head = bytes(file.read(0, 16))
    for magic, module, function in FORMATS:
        if head.startswith(magic):
            source: Source = getattr(import_module(f"hwpkho.images.{module}"), function)(file)
            return source
    return None
