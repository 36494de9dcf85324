"""Words of memory: 8 bytes at a multiple of 8, so that none crosses a page boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes of a word.
WORD = 8


def words_in(data: bytes, word: bytes) -> Iterator[int]:
    """Yield the offsets in ``data``, multiples of 8, at which ``word`` begins."""
    at = data.find(word)
    while at >= 0:
        if at % WORD == 0:
            yield at
        at = data.find(word, at + 1)
