"""The formats of memory images: a module each, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.images.base import ImageFormat, Source
    from hwpkho.images.files import FileBytes

#: Bytes of a file that show its format.
HEAD = 16

#: In the order in which they are tried.
FORMATS: Registry[ImageFormat] = Registry(
    "image format",
    {
        "elf": "hwpkho.images.elf:FORMAT",
        "kdump": "hwpkho.images.kdump:FORMAT",
        "lime": "hwpkho.images.lime:FORMAT",
        "avml": "hwpkho.images.avml:FORMAT",
    },
)


def format_of(head: bytes) -> ImageFormat | None:
    """Return the format of a file that begins with ``head``, None where none knows it."""
    return next((form for form in FORMATS if head.startswith(form.magics)), None)


def open_image(file: FileBytes) -> Source | None:
    """Return the memory image in ``file``, None where no format knows it.

    Raises InputError where the format is known and the image damaged.
    """
    form = format_of(bytes(file.read(0, HEAD)))
    return form.open(file) if form else None
