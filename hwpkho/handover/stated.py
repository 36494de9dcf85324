"""What the user or a note of the image states about a case; and the error of finding nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.abi import kho as roots
    from hwpkho.abi.role import Role
    from hwpkho.handover.boot_loader import BootHandover
    from hwpkho.handover.find_root import Rejected


class CaseOptions(NamedTuple):
    """What the user states about a case; what is None hwpkho finds out itself.

    Attributes:
        page_size: Bytes.
        root_fdt: Physical address of the root FDT.
        kho_scratch: ``(address, size)`` of the scratch array in bytes; ``"none"``: the boot loader
            passes none on.
        arch: A name of ``ARCHES``.
        root_size: Size of the root FDT as the boot loader passes it on, bytes.
        efi_table: Physical address of the EFI table of poisoned memory.
        layout: The layout of that table, a name in :data:`hwpkho.abi.efi_poisoned.LAYOUTS`.
        reads_as: The KHO version of the kernel that is to read the handover. A root FDT that names
            this version among several is read as that kernel does; None: as it was written.
    """

    page_size: int | None = None
    root_fdt: int | None = None
    kho_scratch: tuple[int, int] | str | None = None
    arch: str | None = None
    root_size: int | None = None
    efi_table: int | None = None
    layout: str | None = None
    reads_as: roots.Version | None = None


class NoHandoverError(InputError):
    """Memory was searched and has no handover.

    Attributes:
        kernel: Release of the Linux kernel whose memory it is, printable. None where unknown, or
            where a handover may be damaged or missing from the image.
    """

    kernel: str | None = None


class Noted(NamedTuple):
    """What only a search of the whole image shows.

    A capture has only the pages of handovers, so it records this in a note. A debugger finds the
    roles by the kernel's symbols.

    Attributes:
        boot: What boot loaders passed on, as far as memory shows it.
        passed: Pages that look like a root FDT but were ignored.
        roles: Physical address of a root FDT → its role, where known.
    """

    boot: tuple[BootHandover, ...] = ()
    passed: tuple[Rejected, ...] = ()
    roles: Mapping[int, Role] = {}
