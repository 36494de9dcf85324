"""``EDAC MC0: 1 UE … page:0x10 offset:0x0 grain:32``: errors that the memory controller reports.

Source: drivers/edac/edac_mc.c (edac_ce_error, edac_ue_error; up to 3.4 ``EDAC MC0: UE page 0x10,
offset 0x0, grain 32, …``, and ``UE - no information available``). Page 0 at offset 0 means that the
driver knows no address.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.collector import MAX_EXTENT
from hwpkho.badpages.logs.base import Message, MessageReader

if TYPE_CHECKING:
    from hwpkho.badpages.kinds import Kind

_PAGE = re.compile(
    r"page[: ]0x([0-9a-fA-F]{1,16}),?\s+offset[: ]0x([0-9a-fA-F]{1,16}),?\s+"
    r"grain[: ](-?[0-9]{1,20})(?![0-9])"
)
_WITHOUT_GRAIN = re.compile(r"page[: ]0x([0-9a-fA-F]{1,16}),?\s+offset[: ]0x([0-9a-fA-F]{1,16})\b")
_NONE = re.compile(r"\s*-? ?no information available")
_DECODED = re.compile(r"\bSystemAddress:0x([0-9a-fA-F]{1,16})\b")


class Edac(MessageReader):
    """The reader, see the module."""

    needles = (
        b"MC[0-9]{1,4}: ",
        b"UE (?<=syncing: UE )",
        rb"UE [^\nU]{1,80} on \S{1,60} \([a-z]{1,20}:",
    )
    start = re.compile(
        r"EDAC (?:[\w-]{1,16} )?MC[0-9]{1,4}: (?:[0-9]{1,10} )?(?:CE|UE)\b|not syncing: UE(?= )"
        # A mail program broke the line.
        r"|^[\s>|]*(?:MC[0-9]{1,4}: [0-9]{1,10} UE\b"
        r"|(?:[0-9]{1,10} )?UE(?= [^U]{1,80} on \S{1,60} \([a-z]{1,20}:))"
    )

    def take(self, message: Message) -> bool:
        """See :meth:`MessageReader.take`."""
        place, begun, text, whole = message
        kind: Kind = "corrected" if begun[0].endswith("CE") else "uncorrected"
        found = _PAGE.search(text)
        if found is None and not whole and not _NONE.match(text):
            return False
        if found and found.end() == len(text.rstrip()) and not whole:
            return False  # its last number may continue in the next line
        found = found or _WITHOUT_GRAIN.search(text)
        if found is None:
            if kind == "uncorrected":
                self.log.unusable(place, "EDAC: an uncorrected error without a page")
            return True
        page, offset = int(found[1], 16), int(found[2], 16)
        if not page and not offset:
            decoded = _DECODED.search(text)
            if decoded and int(decoded[1], 16):
                self.log.severity(self.log.around(int(decoded[1], 16))[0], kind)
                self.log.addresses(place, int(decoded[1], 16), kind)
            elif kind == "uncorrected":
                self.log.unusable(
                    place, "EDAC: an uncorrected error with page 0, offset 0: no address is known"
                )
            return True
        self.log.severity(page, kind)
        grain = int(found[3]) if found.re is _PAGE else 1
        if self.log.page_size < grain <= MAX_EXTENT:
            address = page * self.log.page_size + offset % self.log.page_size
            first, last = self.log.around(address, grain)
        else:
            first = last = page
        self.log.pages(place, first, last, kind)
        return True
