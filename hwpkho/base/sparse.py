"""Writing memory images: pages of zeros become holes where the file can have them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO


@cache
def _zeros(size: int) -> bytes:
    return bytes(size)


def write(out: BinaryIO, parts: Iterable[bytes | memoryview]) -> None:
    """Write ``parts`` one after the other, leaving out those that are all zero.

    What is left out reads as zeros. A pipe gets every byte.
    """
    if not out.seekable():
        out.writelines(parts)
        return
    end = start = out.tell()
    for part in parts:
        end += len(part)
        if part[0] or part != _zeros(len(part)):
            out.seek(end - len(part))
            out.write(part)
    if end > start:
        out.seek(end)
        out.truncate()
