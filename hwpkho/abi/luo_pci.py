"""PCI devices that LUO keeps for the files that use them: what an FLB ``pci-v1`` points to.

Source: patches on the list (include/linux/kho/abi/pci.h), not merged.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.spans import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "pci-v1"
#: Bytes before the devices, and of each.
HEAD, DEVICE = 8, 8
#: A PCI domain has 65,536 functions, and a machine few of those.
MAX_DEVICES = 1 << 16

_HEAD = struct.Struct("<2I")
_DEVICE = struct.Struct("<I2H")


class PciDevice(NamedTuple):
    """A device: its domain, and its bus, device and function as PCI packs them."""

    domain: int
    bdf: int

    def __str__(self) -> str:
        """Return it as lspci -D does: ``0000:00:1f.2``."""
        bus, device, function = self.bdf >> 8, self.bdf >> 3 & 31, self.bdf & 7
        return f"{self.domain:04x}:{bus:02x}:{device:02x}.{function:x}"


def used(head: bytes | memoryview, room: int) -> int | None:
    """Return how many bytes the devices take with their head, None where it is no such structure.

    ``head`` is its first 8 bytes, ``room`` the bytes that there are.
    """
    most, count = _HEAD.unpack(head)
    size: int = HEAD + count * DEVICE
    return size if count <= min(most, MAX_DEVICES) and size <= room else None


def devices(raw: bytes | memoryview) -> list[PciDevice]:
    """Read the devices from all the bytes that :func:`used` says."""
    return [PciDevice(domain, bdf) for domain, bdf, _ in _DEVICE.iter_unpack(raw[HEAD:])]


def build(listed: Sequence[PciDevice], most: int) -> bytes:
    """Return the structure with room for ``most`` devices."""
    rows = b"".join(_DEVICE.pack(*device, 0) for device in listed)
    return _HEAD.pack(most, len(listed)) + rows.ljust(most * DEVICE, b"\0")


def spans(raw: bytes) -> list[Span]:
    """Return what its bytes mean, as many devices as there are."""
    most, count = _HEAD.unpack_from(raw)
    listed = devices(raw[: HEAD + min(count, (len(raw) - HEAD) // DEVICE) * DEVICE])
    return [
        Span(0, 4, f"max_devices {most}"),
        Span(4, 4, f"nr_devices {count}"),
        *(Span(HEAD + n * DEVICE, DEVICE, f"device {n}: {d}") for n, d in enumerate(listed)),
    ]
