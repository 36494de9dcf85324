"""Events of CXL memory devices in logs: the poison list, and errors of media and DRAM.

A device reports device addresses (DPA). The kernel adds the host address (HPA) where it can: 0 and
all ones mean that it could not, and kernels up to 6.9 do not print it for media errors. Only the
host address names a page. ``hpa_alias0`` is other memory, a cache in front of the device.

Source: drivers/cxl/core/trace.h (cxl_poison, cxl_general_media, cxl_dram); rasdaemon's
ras-cxl-handler.c and util/ras-mc-ctl.in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.badpages.logs.broken_numbers import BROKEN, broken, fields_together

if TYPE_CHECKING:
    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.logs.base import MessageReader
    from hwpkho.badpages.logs.when import Place

#: Up to 6.13 there is no blank in front of the ``hpa`` of media errors.
_CXL = {
    name: re.compile(
        rf"(?:\b|(?<=[0-9a-f]{{2}})){name}(?:[=:]|: )([0-9a-zA-Z]{{1,20}})(?=[\s,)]|$)"
    )
    for name in ("trace_type", "hpa", "dpa_length", "descriptor")
}
_FIELD = re.compile(r"0|[1-9][0-9]{0,19}|0x[0-9a-f]{1,16}")
#: Values of trace_type, decoded and raw, that mean Clear.
_CLEAR = ("clear", "2")
#: In a text without blanks: a line may end within it.
_UNCORRECTABLE = re.compile(r"UNCORREC?TABLE_?(?:EVENT|E?V?E?N?$)")
#: Types of errors that are about the access, not about the memory.
_NO_MEDIA = re.compile(r"type[=:] ?'?(?:Invalid Address|TE State Violation|CKID Violation)")
#: The raw type, and such types by event.
_TYPE = re.compile(r"(?<!\w)type(?:=|: )(0x[0-9a-f]{1,2}|[0-9]{1,3})(?=[\s,)]|$)")
NO_MEDIA = {"cxl_general_media": (1, 3, 6), "cxl_dram": (2, 4, 6)}
_MEMDEV = re.compile(r"\bmemdev[=:]")
#: Bytes of a line, the unit of poison.
_LINE = 64
_NO_HPA = (1 << 64) - 1
_NO_HOST = "a device address, not a host address"


def cut(text: str, last: str) -> bool:
    """Tell whether an event may go on behind ``text``: field ``last`` is absent or the end of it.

    ``last`` is the last field that is read: ``dpa_length`` by :func:`poison`, because it is behind
    ``hpa`` in each form of that event, and ``hpa`` by :func:`media_error`.
    """
    found = _CXL[last].search(text)
    return not text.rstrip().endswith(")") and (found is None or not text[found.end() :].strip())


def poison(reader: MessageReader, place: Place, text: str) -> None:
    """Read an event of a CXL device's poison list from ``text``, the fields of the event."""
    text = fields_together(text)
    found = {name: pattern.search(text) for name, pattern in _CXL.items()}
    hpa = found["hpa"]
    if hpa is None and found["dpa_length"] is None:
        reader.log.unusable(place, "cxl_poison: it is cut off before its address")
        return
    if hpa is None:
        reader.log.unusable(place, f"cxl_poison: {_NO_HOST}")
        return
    if broken(text):
        reader.log.unusable(place, f"cxl_poison: {BROKEN}")
        return
    try:
        address = int(hpa[1], 0)
        length = int(found["dpa_length"][1], 0) if found["dpa_length"] else 1
    except ValueError:
        reader.log.unusable(place, "cxl_poison: a damaged number")
        return
    clear = found["trace_type"] is not None and found["trace_type"][1].lower() in _CLEAR
    if address in (0, _NO_HPA):
        if not clear:
            reader.log.unusable(place, f"cxl_poison: {_NO_HOST}")
        return
    first = reader.log.around(address)[0]
    last = reader.log.around(address + max(length, 1) - 1)[0]
    if clear:
        for pfn in range(first, min(last, first + 1024) + 1):
            left = reader.log.cxl_lines.get(pfn, 0) & ~_lines(reader, pfn, address, length)
            if left:  # the page still has poison in another line
                reader.log.cxl_lines[pfn] = left
                continue
            reader.log.cxl_lines.pop(pfn, None)
            reader.log.withdraw(pfn, pfn, ("uncorrected",), "cxl")
        if first != last:
            reader.log.withdraw(first, last, ("uncorrected",), "cxl")
    elif length > 1 << 30:
        reader.log.unusable(place, f"cxl_poison: an error of {length} bytes: a damaged number")
    else:
        if first == last:
            known = reader.log.cxl_lines.get(first, 0)
            reader.log.cxl_lines[first] = known | _lines(reader, first, address, length)
        reader.log.pages(place, first, last, "uncorrected", reporter="cxl")


def _lines(reader: MessageReader, pfn: int, address: int, length: int) -> int:
    """Return which lines of a page overlap ``length`` bytes at ``address``, a bit for each line."""
    size = reader.log.page_size
    start = max(address - pfn * size, 0) // _LINE
    end = (min(address + max(length, 1) - pfn * size, size) - 1) // _LINE
    return (1 << end + 1) - (1 << start)


def media_error(reader: MessageReader, place: Place, text: str, event: str = "") -> None:
    """Read a media or DRAM error from ``text``; ``event`` is the trace event's name, if known.

    Invalid addresses and violations (TE state, CKID) are about the access, not about the memory.
    All others are about the data at the address: ECC errors, also by scrubbing, and data path
    errors.
    """
    text = fields_together(text)
    raw_type = _TYPE.search(text)
    if _NO_MEDIA.search(text) or (
        raw_type and int(raw_type[1], 0 if "x" in raw_type[1] else 10) in NO_MEDIA.get(event, ())
    ):
        return
    if broken(text):
        reader.log.unusable(place, f"CXL: {BROKEN}")
        return
    if "descriptor" not in text and _MEMDEV.search(text) and not text.rstrip().endswith(")"):
        # Nothing tells how bad it is, nor whether hpa is decimal.
        reader.log.unusable(place, "CXL: an error that is cut off before its descriptor")
        return
    flags = _CXL["descriptor"].search(text)
    hpa = _CXL["hpa"].search(text)
    raw = flags is not None and _FIELD.fullmatch(flags[1]) is not None  # not decoded: decimal
    bad = _UNCORRECTABLE.search(text.replace(" ", "")) is not None or (
        flags is not None and raw and bool(int(flags[1], 0) & 1)
    )
    try:
        decimal = raw or (hpa is not None and ": " in hpa[0])
        address = int(hpa[1], 10 if decimal and not hpa[1].startswith("0x") else 16) if hpa else 0
    except ValueError:
        if bad:
            reader.log.unusable(place, "CXL: a damaged number")
        return
    kind: Kind = "uncorrected" if bad else "corrected"
    if address not in (0, _NO_HPA):
        reader.log.addresses(place, address, kind)
    elif bad:
        reader.log.unusable(place, f"CXL: {_NO_HOST}")
