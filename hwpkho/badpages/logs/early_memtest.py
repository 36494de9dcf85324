"""``bad mem addr 0x… - 0x… reserved``: memory that the kernel's boot-time ``memtest=`` reserves.

Source: mm/memtest.c (reserve_bad_mem), up to 4.0 arch/x86/mm/memtest.c, without ``0x``. The end is
exclusive.
"""

from __future__ import annotations

import re

from hwpkho.badpages.logs.base import Message, MessageReader

_HEX = r"(?:0x)?([0-9a-fA-F]{8,16})(?![0-9a-zA-Z])"
_RANGE = re.compile(rf" {_HEX} - {_HEX} reserved")
#: The largest plausible range, bytes: it ends at the first good word.
_MAX_SIZE = 1 << 40


class EarlyMemtest(MessageReader):
    """The reader, see the module."""

    needles = (b"mem addr ",)
    start = re.compile(r"[0-9a-f]{16} bad mem addr(?= )")

    def take(self, message: Message) -> bool:
        """See :meth:`MessageReader.take`."""
        place, _, text, whole = message
        found = _RANGE.match(text)
        if found is None:
            if whole:
                self.log.unusable(
                    place, "memtest: bad memory, but its address is damaged or cut off"
                )
            return whole
        start, end = int(found[1], 16), int(found[2], 16)
        if start < end <= start + _MAX_SIZE:
            first, last = self.log.around(start)[0], self.log.around(end - 1)[0]
            self.log.pages(place, first, last, "excluded")
        else:
            self.log.unusable(place, f"memtest: 0x{start:x} to 0x{end:x} is not a range")
        return True
