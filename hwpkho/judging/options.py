"""What the user chose for a judgement, beside the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.abi.kho import DEFAULT
from hwpkho.badpages.registry import Asked
from hwpkho.inputs.case import CaseOptions
from hwpkho.judging.efi_table import generations

if TYPE_CHECKING:
    from hwpkho.abi.role import Role
    from hwpkho.inputs.lists import CaseNamed

#: What comes of a dump of a kernel without KHO: a note, a warning or an error.
NoKho = Literal["ignore", "warn", "error"]


class Limits(NamedTuple):
    """The most that a list, or scratch, may have; None: no limit.

    Attributes:
        pages: Distinct PFNs.
        fraction: Part of RAM, 0 to 1; needs a memory map.
        per_gib: Distinct PFNs in one naturally aligned GiB.
        scratch: Part of RAM, 0 to 1, that scratch may take; needs a memory map.
    """

    pages: int | None = None
    fraction: float | None = None
    per_gib: int | None = None
    scratch: float | None = None


class ValidateOptions(NamedTuple):
    """The options of a validation.

    Attributes:
        case: How the inputs are read.
        lists: How lists are read: their form, the base of numbers without ``0x``, and so on.
        role: Which handover counts, or the role of a single one whose role is unknown.
        memmaps: Files with the machine's memory map, in any form.
        map_name: Judge by this map alone.
        boot: Which boot of a log; a number or ``last``.
        iomem_of: Whose /proc/iomem was given.
        next_cmdline: The next kernel's command line.
        consumer: KHO version that the next kernel speaks, as :func:`hwpkho.abi.kho.named` takes it.
        consumer_efi: How the next kernel reads the EFI table of poisoned memory: a name in
            :data:`hwpkho.judging.efi_table.generations.GENERATIONS`, or ``none``.
        limits: The user's limits.
        against: Lists of bad pages that an EFI table of poisoned memory is compared with.
        no_kho: What a dump of a kernel without KHO counts as.
        given: Names of the options that the user gave: one that nothing reads is refused.
    """

    case: CaseOptions = CaseOptions()
    lists: Asked = Asked()
    role: Role | None = None
    memmaps: tuple[str, ...] = ()
    map_name: str | None = None
    boot: str | None = None
    iomem_of: Literal["running", "next"] = "running"
    next_cmdline: str | None = None
    consumer: int | str = DEFAULT.number
    consumer_efi: str = generations.DEFAULT
    limits: Limits = Limits()
    given: frozenset[str] = frozenset()
    against: tuple[CaseNamed, ...] = ()
    no_kho: NoKho = "warn"
