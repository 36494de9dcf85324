"""What shows that a text has a form, so written that long logs are searched fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import re


class Sign(NamedTuple):
    """A pattern that is only tried where one of its words stands.

    Words are found a hundred times as fast as a pattern that begins with none.

    Attributes:
        words: One of them is part of whatever the pattern matches.
        pattern: See :meth:`hwpkho.badpages.registry.ListReader.sniff`.
    """

    words: tuple[bytes, ...]
    pattern: re.Pattern[bytes]

    def search(self, block: bytes, /) -> object:
        """Return what is true where the pattern matches anywhere in ``block``."""
        return any(word in block for word in self.words) and self.pattern.search(block)
