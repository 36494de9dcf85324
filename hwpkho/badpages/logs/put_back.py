"""``Unpoison:`` of pages that a log does not name as poisoned: what it cancels is in another log.

That may be the older file of a rotated log, or another part of a pstore dump.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_KEPT = 1 << 16


class PutBack:
    """Pages that were put back into use, as far as their log has not taken them out of it."""

    def __init__(self) -> None:
        self._line_of: dict[int, int] = {}

    def add(self, pfn: int, line: int) -> None:
        """Note a page that is not named so far; of a pstore dump a later part may name it."""
        if len(self._line_of) < _MAX_KEPT:
            self._line_of.setdefault(pfn, line)

    def named(self, pfn: int) -> None:
        """Note that the log names a page."""
        self._line_of.pop(pfn, None)

    def clear(self) -> None:
        """Forget the pages of a boot that does not count after all."""
        self._line_of.clear()

    def notes(self) -> Iterator[str]:
        """Yield a note on the pages, if there are any."""
        for pfn, line in self._line_of.items():
            more = len(self._line_of) - 1
            pages = f"page 0x{pfn:x}{f' and {more} more' if more else ''}"
            yield (
                f"line {line}: an Unpoison puts {pages} back into use, which this log does not "
                "name as poisoned or soft-offlined; other inputs that do keep it listed: join logs "
                "to one, oldest first"
            )
            return
