"""What ``dmidecode`` prints: memory devices (type 17) and their addresses (type 20).

Source: the SMBIOS specification (DSP0134), 7.18 and 7.21; dmidecode.c (dmi_memory_device_size,
dmi_mapped_address_interleave_position: no line where the device is not interleaved).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.dimms.model import Device, Mapped

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Structures that are read, at most; a machine has some hundred.
_MAX = 1 << 14
_HANDLE = re.compile(
    r"^Handle 0x([0-9A-Fa-f]{1,4}), DMI type (17|20), [0-9]{1,3} bytes", re.MULTILINE
)
_NEXT = re.compile(r"^Handle 0x|^\s*$", re.MULTILINE)
_FIELD = re.compile(r"^[ \t]+([A-Z][A-Za-z ]{1,40}):[ \t]*(\S[^\n]{0,255})?$", re.MULTILINE)
_SIZE = re.compile(r"([0-9]{1,9}) (kB|MB|GB|TB)")
_SHIFT = {"kB": 10, "MB": 20, "GB": 30, "TB": 40}
_NUMBER = re.compile(r"0x([0-9A-Fa-f]{1,17})k?")
#: What boards write where they know no serial number.
_NO_SERIAL = re.compile(
    r"0*|[Ff]+|(?:not|no|none|unknown|empty|to be filled|sernum|default|n/?a\b|<|\[|[?*.x-]+$).*",
    re.IGNORECASE,
)


def read(text: str) -> tuple[list[Device], list[Mapped]]:
    """Return the DIMMs of a listing of dmidecode, and their addresses.

    A serial number that several of them have is no one's.
    """
    devices: list[Device] = []
    mapped: list[Mapped] = []
    for handle, kind, fields in _structures(text):
        if kind == "17":
            devices.append(_device(handle, fields))
        elif (found := _mapped(fields)) is not None:
            mapped.append(found)
    serials = Counter(d.serial for d in devices)
    devices = [d._replace(serial=None) if serials[d.serial] > 1 else d for d in devices]
    return devices, mapped


def is_listing(head: str) -> bool:
    """Tell whether a text is a listing of dmidecode: it has the head of a structure."""
    return bool(re.search(r"^Handle 0x[0-9A-Fa-f]{1,4}, DMI type [0-9]{1,3}, ", head, re.MULTILINE))


def _structures(text: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    for number, match in enumerate(_HANDLE.finditer(text)):
        if number >= _MAX:
            return
        end = _NEXT.search(text, match.end())
        body = text[match.end() : min(end.start() if end else len(text), match.end() + (1 << 13))]
        fields = {name: printable((value or "").strip()) for name, value in _FIELD.findall(body)}
        yield int(match[1], 16), match[2], fields


def _device(handle: int, fields: dict[str, str]) -> Device:
    size = _SIZE.fullmatch(fields.get("Size", ""))
    serial = fields.get("Serial Number", "")
    return Device(
        handle,
        fields.get("Locator", ""),
        fields.get("Bank Locator", ""),
        None if _NO_SERIAL.fullmatch(serial) else serial,
        int(size[1]) << _SHIFT[size[2]] if size else None,
    )


def _mapped(fields: dict[str, str]) -> Mapped | None:
    start = _NUMBER.fullmatch(fields.get("Starting Address", ""))
    end = _NUMBER.fullmatch(fields.get("Ending Address", ""))
    device = _NUMBER.fullmatch(fields.get("Physical Device Handle", ""))
    if not (start and end and device):
        return None
    shifts = [10 if m[0].endswith("k") else 0 for m in (start, end)]
    first = int(start[1], 16) << shifts[0]
    last = ((int(end[1], 16) + 1) << shifts[1]) - 1
    if not first <= last < 1 << 64:
        return None
    shared = "Interleave Position" in fields or "Interleaved Data Depth" in fields
    return Mapped(first, last, int(device[1], 16), shared)
