"""PCI devices that LUO preserves for the files that use them: the structure of an FLB ``pci-v1``.

Source: patches on the mailing list (include/linux/kho/abi/pci.h), not merged.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.spans import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "pci-v1"
#: Bytes of the head, and of each device behind it.
HEAD, DEVICE = 8, 8
#: A PCI domain has 65,536 functions; a machine uses few of them.
MAX_DEVICES = 1 << 16

_HEAD = struct.Struct("<2I")
_DEVICE = struct.Struct("<I2H")


class PciDevice(NamedTuple):
    """A device: its PCI domain, and bus, device and function packed into 16 bits."""

    domain: int
    bdf: int

    def __str__(self) -> str:
        """Return its address as ``lspci -D`` prints it: ``0000:00:1f.2``."""
        bus, device, function = self.bdf >> 8, self.bdf >> 3 & 31, self.bdf & 7
        return f"{self.domain:04x}:{bus:02x}:{device:02x}.{function:x}"


def used_size(head: bytes | memoryview, room: int) -> int | None:
    """Return the size in bytes of the head and its devices, None where that is implausible.

    ``head`` are the structure's first 8 bytes, ``room`` is the most bytes it can have.
    """
    most, count = _HEAD.unpack(head)
    size: int = HEAD + count * DEVICE
    return size if count <= min(most, MAX_DEVICES) and size <= room else None


def devices(raw: bytes | memoryview) -> list[PciDevice]:
    """Read the devices; ``raw`` are as many bytes as :func:`used_size` returns."""
    return [PciDevice(domain, bdf) for domain, bdf, _ in _DEVICE.iter_unpack(raw[HEAD:])]


def build(listed: Sequence[PciDevice], most: int) -> bytes:
    """Return the structure with room for ``most`` devices."""
    rows = b"".join(_DEVICE.pack(*device, 0) for device in listed)
    return _HEAD.pack(most, len(listed)) + rows.ljust(most * DEVICE, b"\0")


def spans(raw: bytes) -> list[Span]:
    """Return the parts of the structure; of its devices those that ``raw`` has whole."""
    most, count = _HEAD.unpack_from(raw)
    listed = devices(raw[: HEAD + min(count, (len(raw) - HEAD) // DEVICE) * DEVICE])
    return [
        Span(0, 4, f"max_devices {most}"),
        Span(4, 4, f"nr_devices {count}"),
        *(Span(HEAD + n * DEVICE, DEVICE, f"device {n}: {d}") for n, d in enumerate(listed)),
    ]
