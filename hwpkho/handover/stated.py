"""What is stated of a case: by its user, and by a note of its image; and that nothing was found."""

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
    """What the user states about a case, so that hwpkho need not find it.

    Attributes:
        page_size: Bytes; None: inferred and proven.
        root_fdt: Physical address of the root FDT; None: found.
        kho_scratch: ``(address, length)`` of the scratch array in bytes, ``"none"``: nothing is
            handed over; None: found.
        arch: A name of ``ARCHES``; None: from the image.
        root_size: Bytes that the boot loader passes on for the root FDT; None: found.
        efi_table: Physical address of the EFI table of poisoned memory; None: found.
        layout: The layout of that table, a name in :data:`hwpkho.abi.efi_poisoned.LAYOUTS`; None:
            inferred from its bytes.
        reads_as: The KHO version of the kernel that is to read the handover: a root FDT that names
            several, it among them, is read as that kernel reads it. None: as it is written.
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
    """Memory was searched, and nothing in it is a handover.

    Attributes:
        kernel: Release of the Linux kernel whose memory it is, printable. None where nothing says
            so, or what it may have handed over is damaged or lost.
    """

    kernel: str | None = None


class Noted(NamedTuple):
    """What only a search of the whole image shows.

    A capture holds only the pages of handovers, and carries this as a note. A debugger knows the
    rest by the kernel's symbols.

    Attributes:
        boot: What boot loaders passed on, as far as memory shows it.
        passed: Pages that look like a root FDT and are ignored.
        roles: Physical addresses of root FDTs of which the role is known.
    """

    boot: tuple[BootHandover, ...] = ()
    passed: tuple[Rejected, ...] = ()
    roles: Mapping[int, Role] = {}
