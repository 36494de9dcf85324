"""The registry of formats of memory images: one module and one line here for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.images.base import ImageFormat, Source
    from hwpkho.images.files import FileBytes

#: Bytes at the start of a file that show its format.
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
    """Return the format of a file that begins with ``head``, None where it is unknown."""
    return next((form for form in FORMATS if head.startswith(form.magics)), None)


def open_image(file: FileBytes) -> Source | None:
    """Open the memory image in ``file``; None where its format is unknown.

    Raises InputError where the image is damaged.
    """
    form = format_of(bytes(file.read(0, HEAD)))
    return form.open(file) if form else None
