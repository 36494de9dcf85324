"""kdump-compressed memory images, plain or in makedumpfile's flattened form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.images.base import ImageFormat

if TYPE_CHECKING:
    from hwpkho.images.base import Source
    from hwpkho.images.files import FileBytes


def _open(file: FileBytes) -> Source:
    from hwpkho.images.kdump.dump import open_dump  # imported only for such files

    return open_dump(file)


FORMAT = ImageFormat(
    "kdump",
    "kdump file, plain or flattened",
    (b"KDUMP   ", b"DISKDUMP", b"makedumpfile\0"),
    _open,
)
