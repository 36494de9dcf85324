"""Patterns by which the form of a text is recognised, made for fast searches of long logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import re

#: How every SQLite database begins (sqlite.org/fileformat.html).
SQLITE = b"SQLite format 3\0"
#: What page-types and ``cxl list`` print above their rows, wherever it stands: in a log, or escaped
#: in a string of JSON. Also needles of a log's reader.
PAGE_TYPES = (rb"ffset(?:\t|\\t)(?:len(?:\t|\\t))?flags", rb"flags(?:\t|\\t)page-count")
MEDIA_ERRORS = rb"media_errors\\?\"\s*:\s*\["


class Sign(NamedTuple):
    """A pattern that is only tried in blocks that contain one of its words.

    Words are found a hundred times as fast as a pattern that does not begin with a literal.

    Attributes:
        words: Every match of the pattern contains one of them.
        pattern: See :meth:`hwpkho.badpages.registry.ListReader.sniff`.
    """

    words: tuple[bytes, ...]
    pattern: re.Pattern[bytes]

    def search(self, block: bytes, /) -> object:
        """Return something true if the pattern matches anywhere in ``block``."""
        return any(word in block for word in self.words) and self.pattern.search(block)
