"""Lines of logs that name a DIMM for an address, or a node for a range.

Source: drivers/edac/edac_mc.c (edac_ce_error, edac_ue_error); include/ras/ras_event.h (mc_event)
and rasdaemon's ras-mc-handler.c and ras-mc-ctl.in; drivers/firmware/efi/cper.c (cper_print_mem, the
location of the DIMM); drivers/acpi/numa/srat.c, arch/x86/mm/srat.c.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.dimms.model import Node, Pair
from hwpkho.logs.scanner import LineReader

if TYPE_CHECKING:
    from hwpkho.dimms.model import Dimms

#: Pairs and ranges that are kept; a log of a million lines has some thousand pages.
MAX = 1 << 18
_EDAC = re.compile(
    r"EDAC (?:[\w-]{1,16} )?MC[0-9]{1,4}: (?:[0-9]{1,10} )?(?:CE|UE) .{0,200}?\bon "
    r"(?P<label>[^()]{1,255}?) ?\([^()]{0,300}?\bpage:0x(?P<page>[0-9a-fA-F]{1,16}) "
    r"offset:0x(?P<offset>[0-9a-fA-F]{1,16}) grain:(?P<grain>-?[0-9]{1,20})"
)
_EDAC_HANDLE = re.compile(r"\bhandle:0x([0-9a-fA-F]{1,4})\b")
#: The label may begin with "ghes_mc on ", which belongs to the message; label_of() drops it.
_MC_EVENT = re.compile(
    r"\b(?:Corrected|Uncorrected|Fatal|Deferred) error(?:s|\(s\))?: ?.{0,200}?\bon "
    r"(?P<label>[^()]{1,255}?) ?\(mc: ?[0-9]{1,4} location: ?[-0-9:]{1,40} "
    r"address: ?0x(?P<address>[0-9a-fA-F]{1,16}) "
)
_MC_ROW = re.compile(
    r"\b(?:Corrected|Uncorrected|Fatal|Deferred) error\(s\): .{0,200}?\bat "
    r"(?P<label>\S.{0,254}?) location: [-0-9:]{1,40}, addr (?P<address>[0-9]{1,20}), "
    r"grain (?P<bits>[0-9]{1,4}),"
)
#: The most bits of a grain that lies in one page of 4 KiB.
GRAIN_BITS = 12
_CPER = re.compile(
    r"(?P<section>(?:\{[0-9]{1,10}\})?\[Hardware Error\]): {0,8}(?P<text>\S.{0,300})"
)
_CPER_ADDRESS = re.compile(r"physical_address: 0x([0-9a-fA-F]{1,16})$")
_CPER_BEGINS = re.compile(r"Error [0-9]{1,9}, type:|section_type:")
_CPER_LOCATION = re.compile(r"DIMM location: (?!not present)(\S.{0,254}?)\s*$")
_CPER_HANDLE = re.compile(
    r"(?:DIMM location: not present\. )?(?:DIMM )?DMI handle: 0x([0-9a-fA-F]{1,4})"
)
_SRAT = re.compile(
    r"SRAT: Node (?P<node>[0-9]{1,5}) PXM [0-9]{1,10} (?:\[mem )?(?P<start>0x[0-9a-fA-F]{1,16}|"
    r"[0-9a-fA-F]{1,16})-(?P<end>0x[0-9a-fA-F]{1,16}|[0-9a-fA-F]{1,16})(?P<closed>\])?"
)
#: edac_mc.c: labels where the driver does not know the DIMM, or names several.
_NO_LABEL = re.compile(r"(?:any|unknown) (?:memory|label)\b.*|.* or .*|\W*|.*\bunknown memory\b.*")
#: Sections that are open at once.
_OPEN = 64


def label_of(text: str) -> str | None:
    """Return the label of one DIMM, printable, None where ``text`` names none or several."""
    plain = text.strip().removeprefix("ghes_mc on ")
    return None if _NO_LABEL.fullmatch(plain) else printable(plain)


class _Reader(LineReader):
    """Reads one kind of line.

    Attributes:
        word: What every line that it reads contains; a file without any of the words is skipped.
    """

    word: bytes

    def __init__(self, found: Dimms) -> None:
        self._found, self._taken = found, 0

    def taken(self) -> int:
        """See :meth:`LineReader.taken`."""
        return self._taken

    def _pair(self, pair: Pair) -> None:
        self._taken += 1
        if len(self._found.pairs) < MAX and (pair.label or pair.handle is not None):
            self._found.pairs.append(pair)


class Edac(_Reader):
    """``EDAC MC0: 1 CE ... on DIMM_A1 (... page:0x10 offset:0x0 grain:8 ...)``."""

    word = b"EDAC "
    needles = (b"MC[0-9]{1,4}: ",)

    def feed(self, _number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        found = _EDAC.search(line)
        if found is None:
            return False
        page, offset = int(found["page"], 16), int(found["offset"], 16)
        label = label_of(found["label"])
        # With a grain above 4 KiB the page is uncertain; page 0, offset 0 means unknown.
        if label and (page or offset) and int(found["grain"]) <= 4096 and page < 1 << 52:
            handle = _EDAC_HANDLE.search(line)
            number = int(handle[1], 16) if handle else None
            self._pair(Pair(page, label, number, "decoded", paged=True))
        return False


class McEvent(_Reader):
    """``mc_event: 1 Corrected error: ... on DIMM_A1 (mc:0 location:0:0:0 address:0x1000 ...``."""

    word = b"(mc:"
    needles = (b"error(?:s|\\(s\\))?: [^\n]{0,200}\\(mc:",)

    def feed(self, _number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        found = _MC_EVENT.search(line)
        label = label_of(found["label"]) if found else None
        if found and label and int(found["address"], 16):
            self._pair(Pair(int(found["address"], 16), label, None, "decoded"))
        return False


class McRow(_Reader):
    """``1 2025-03-28 13:24:11 +0100 1 Corrected error(s): ... at DIMM_A1 location: 0:0:0:-1, addr
    4096, grain 3, ...``: a row of ``ras-mc-ctl --errors``.
    """

    word = b"error(s): "
    needles = (b"error\\(s\\): [^\n]{0,600} location: ",)

    def feed(self, _number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        found = _MC_ROW.search(line)
        label = label_of(found["label"]) if found else None
        if found and label and int(found["bits"]) <= GRAIN_BITS and int(found["address"]):
            self._pair(Pair(int(found["address"]) % (1 << 64), label, None, "decoded"))
        return False


class Cper(_Reader):
    """The sections of a hardware error that firmware reports: an address, and the DIMM's name."""

    word = b"[Hardware Error]"
    needles = (b"\\[Hardware Error\\]",)

    def __init__(self, found: Dimms) -> None:
        super().__init__(found)
        self._addresses: dict[str, int] = {}

    def feed(self, _number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        part = _CPER.search(line)
        if part is None:
            return False
        self._taken += 1
        section, text = part["section"], part["text"].rstrip()
        if _CPER_BEGINS.match(text):
            self._addresses.pop(section, None)
        elif address := _CPER_ADDRESS.match(text):
            if len(self._addresses) >= _OPEN:
                self._addresses.clear()
            self._addresses[section] = int(address[1], 16)
        elif section in self._addresses:
            self._name(self._addresses[section], text)
        return False

    def _name(self, address: int, text: str) -> None:
        location, handle = _CPER_LOCATION.match(text), _CPER_HANDLE.match(text)
        if location and address:
            self._pair(Pair(address, label_of(location[1]) or "", None, "firmware"))
        elif handle and address:
            self._pair(Pair(address, "", int(handle[1], 16), "firmware"))


class Srat(_Reader):
    """``ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x0009ffff]``; before 3.6 ``0-a0000``."""

    word = b"SRAT: Node "
    needles = (b"SRAT: Node ",)

    def feed(self, _number: int, line: str) -> bool:
        """See :meth:`LineReader.feed`."""
        found = _SRAT.search(line)
        if found is None:
            return False
        self._taken += 1
        start, end = int(found["start"], 16), int(found["end"], 16) - (not found["closed"])
        if start <= end and len(self._found.nodes) < MAX:
            self._found.nodes.append(Node(start, end, int(found["node"])))
        return False


READERS = (Edac, McEvent, McRow, Cper, Srat)
