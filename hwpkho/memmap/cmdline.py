"""What the command line of the next kernel does to its memory map.

Source: arch/x86/kernel/e820.c (parse_memopt, parse_memmap_one, e820__finish_early_params),
arch/arm64/mm/init.c and mm/memblock.c (memblock_mem_limit_remove_map), kernel/crash_reserve.c,
drivers/firmware/efi/efi.c (parse_efi_cmdline), kernel/liveupdate/kexec_handover.c,
lib/cmdline.c (memparse, next_arg), lib/kstrtox.c. Parameters act in the order in which they
stand, as early_param() handlers do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.abi.params import NUMBER, memparse, parameters
from hwpkho.base import arch as arches
from hwpkho.base.addresses import PHYS_END, human_bytes
from hwpkho.base.escape import printable
from hwpkho.codes import problem
from hwpkho.codes.memmap_view import CMDLINE_NOTE, CMDLINE_WARNING, KHO_OFF
from hwpkho.errors import UsageError
from hwpkho.memmap import e820

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hwpkho.codes import Problem

_TRUE, _FALSE = frozenset("yYtT1"), frozenset("nNfF0")

_MEMMAP_TYPES = {"@": e820.RAM, "#": e820.ACPI, "$": e820.RESERVED, "!": e820.PRAM}


class Step(NamedTuple):
    """One change of the e820 table: of ``size`` bytes from ``start``; ``old`` 0 is any type."""

    action: Literal["clear", "add", "update", "remove"]
    start: int = 0
    size: int = 0
    old: int = 0
    new: int = 0


@dataclass(slots=True)
class Cmdline:
    """A command line, as far as memory is concerned.

    Attributes:
        steps: What it does to the e820 table, in order.
        limit: ``mem=`` of a kernel without one, bytes; None where it is absent.
        efi_debug: ``efi=debug``: x86 keeps boot services memory reserved.
        soft_reserve: False with ``efi=nosoftreserve``.
        crashkernel: The values of all ``crashkernel=``, in order.
        kho: What ``kho=`` says, None where it is absent.
        problems: Effects that the map does not show, and doubtful parameters.
    """

    steps: list[Step] = field(default_factory=list)
    limit: int | None = None
    efi_debug: bool = False
    soft_reserve: bool = True
    crashkernel: list[str] = field(default_factory=list)
    kho: bool | None = None
    problems: list[Problem] = field(default_factory=list)
    _off: Problem | None = None

    def changes_map(self) -> bool:
        """Tell whether it adds, removes or retypes memory."""
        return bool(self.steps) or self.limit is not None

    def note_unapplied(self) -> None:
        """Note that the command line has no effect on the map: it has no e820 table."""
        if self.changes_map() or self.crashkernel or self.efi_debug or not self.soft_reserve:
            self.note("what it makes of memory is not applied: there is no memory map")

    def note(self, message: str) -> None:
        """Add a note."""
        self.problems.append(problem(CMDLINE_NOTE, message))

    def switch_kho(self, on: bool, message: str) -> None:
        """Note what the last kho= says; the ones before it count for nothing."""
        self.kho = on
        if self._off is not None:
            self.problems.remove(self._off)
        self._off = None if on else problem(KHO_OFF, message)
        if self._off is not None:
            self.problems.append(self._off)

    def warn(self, message: str) -> None:
        """Add a warning: the parameter does what its author hardly wants."""
        self.problems.append(problem(CMDLINE_WARNING, message))


def parse(text: str, arch: str | None) -> Cmdline:
    """Read a command line for a kernel of ``arch`` (None: not known).

    Raises UsageError, naming the parameter, for what the kernel would refuse.
    """
    line = Cmdline()
    row = arches.known(arch)
    memory = row.memory if row else "memblock"
    handlers = _COMMON if arch is None else _HANDLERS.get(memory, _COMMON)
    for name, value in parameters(text):
        handler = handlers.get(name)
        if handler is not None:
            handler(line, value or "")
        elif name in ("memmap", "mem"):
            line.note(
                f"{name}=: a kernel for {printable(arch)} is not known to act upon it"
                if arch
                else f"{name}=: not applied, the architecture is not known"
            )
    return line


def _e820_mem(line: Cmdline, value: str) -> None:
    if value == "nopentium":
        line.note("mem=nopentium: ignored, only 32-bit kernels know it")
        return
    size, rest = memparse(value, "mem=")
    if rest or not size:
        raise UsageError(f"mem=: {printable(value)} is no size above 0")
    line.steps.append(Step("remove", size, PHYS_END - 1 - size, old=e820.RAM))


def _memblock_mem(line: Cmdline, value: str) -> None:
    size, rest = memparse(value, "mem=")
    if rest or not size:
        raise UsageError(f"mem=: {printable(value)} is no size above 0")
    line.limit = size


def _e820_memmap(line: Cmdline, value: str) -> None:
    for part in value.split(","):
        if part.startswith("exactmap"):
            if part != "exactmap":
                raise UsageError(f"memmap=: {printable(part)}: expected exactmap")
            line.steps.append(Step("clear"))
            continue
        size, rest = memparse(part, "memmap=")
        mark = rest[:1]
        if not mark:
            line.steps.append(Step("remove", size, PHYS_END - 1 - size, old=e820.RAM))
            continue
        if mark not in _MEMMAP_TYPES and mark != "%":
            raise UsageError(
                f"memmap=: {printable(part)}: expected one of @ # $ ! % after the size"
            )
        start, rest = memparse(rest[1:], "memmap=")
        if start + size > PHYS_END:
            raise UsageError(f"memmap=: {printable(part)} reaches past 2^64")
        if mark == "%":
            old, rest = _type(rest, "-", part)
            new, rest = _type(rest, "+", part)
            line.steps.append(_retype(start, size, old, new, part))
        else:
            line.steps.append(Step("add", start, size, new=_MEMMAP_TYPES[mark]))
        if rest:
            raise UsageError(f"memmap=: {printable(part)}: {printable(rest)} is not understood")


def _type(rest: str, sign: str, part: str) -> tuple[int, str]:
    """Read ``-old`` or ``+new``; the kernel reads a number without a size suffix."""
    if not rest.startswith(sign):
        return 0, rest
    match = NUMBER.match(rest, 1)
    if match is None or len(match[0]) > 12:
        raise UsageError(f"memmap=: {printable(part)}: a type number is expected after {sign}")
    value, _ = memparse(match[0], "memmap=")
    if value >> 32:
        raise UsageError(f"memmap=: {printable(part)}: type {value} does not fit into 32 bits")
    return value, rest[match.end() :]


def _retype(start: int, size: int, old: int, new: int, part: str) -> Step:
    if old and old == new:
        raise UsageError(
            f"memmap=: {printable(part)}: both types are {old}: the kernel stops there"
        )
    if old and new:
        return Step("update", start, size, old, new)
    if new:
        return Step("add", start, size, new=new)
    return Step("remove", start, size, old=old)


def _efi(line: Cmdline, value: str) -> None:
    for word in value.split(","):
        line.efi_debug |= word == "debug"
        line.soft_reserve &= word != "nosoftreserve"


def _crashkernel(line: Cmdline, value: str) -> None:
    line.crashkernel.append(value)


def _kho(line: Cmdline, value: str) -> None:
    first = value[:1]
    on = first in _TRUE or value[:2].lower() == "on"
    if not on and first not in _FALSE and value[:2].lower() != "of":
        raise UsageError(f"kho=: {printable(value) or 'nothing'} is neither on nor off")
    line.switch_kho(on, f"kho={printable(value)}: the next kernel ignores the handover")


def _kho_scratch(line: Cmdline, value: str) -> None:
    line.note(
        f"kho_scratch={printable(value)}: how large the next kernel's own scratch is; it is placed "
        "at boot unless it takes over the one that was handed over"
    )


def _reserve_mem(line: Cmdline, value: str) -> None:
    parts = value.split(":")
    if len(parts) != 3 or not parts[2]:
        raise UsageError(f"reserve_mem=: {printable(value)}: expected SIZE:ALIGN:NAME")
    size, _ = memparse(parts[0], "reserve_mem=")
    line.note(
        f"reserve_mem={printable(value)}: reserves {human_bytes(size)} at an address that is not "
        "known beforehand"
    )


def _efi_fake_mem(line: Cmdline, value: str) -> None:
    line.note(f"efi_fake_mem={printable(value)}: ignored, kernels with KHO no longer have it")


def _add_efi_memmap(line: Cmdline, _: str) -> None:
    line.note("add_efi_memmap: after kexec the EFI map holds runtime regions only: no effect")


_COMMON: dict[str, Callable[[Cmdline, str], None]] = {
    "efi": _efi,
    "crashkernel": _crashkernel,
    "kho": _kho,
    "kho_scratch": _kho_scratch,
    "reserve_mem": _reserve_mem,
}
#: What the kernel builds its memory from → the parameters that it has then.
_HANDLERS = {
    "e820": {
        **_COMMON,
        "mem": _e820_mem,
        "memmap": _e820_memmap,
        "efi_fake_mem": _efi_fake_mem,
        "add_efi_memmap": _add_efi_memmap,
    },
    "memblock": {**_COMMON, "mem": _memblock_mem},
}


def apply(slots: Iterable[e820.Slot], line: Cmdline) -> list[e820.Slot]:
    """Return the e820 table of ``slots`` after the command line, sorted and without overlaps.

    ``slots`` is the firmware's table as the kernel has it before (sanitised). Raises UsageError
    where the kernel would stop with "Invalid user supplied memory map".
    """
    table = e820.E820Table(e820.Slot(s.start, s.size, s.type) for s in slots)
    for step in line.steps:
        if step.action == "clear":
            table.clear()
        elif step.action == "add":
            table.add(step.start, step.size, step.new)
        elif step.action == "update":
            table.update(step.start, step.size, step.old, step.new)
        else:
            table.remove(step.start, step.size, step.old)
    if line.steps and len(table.slots) < 2:
        raise UsageError(
            "memmap=: fewer than two entries are left: the kernel stops with "
            '"Invalid user supplied memory map"'
        )
    return table.sanitized()


def limit_end(backed: Iterable[tuple[int, int]], limit: int) -> int | None:
    """Return the address at which ``mem=`` cuts off memblock, None where there is less RAM.

    ``backed`` are memblock's ranges ``(start, size)``, ascending and disjoint, those without a
    mapping included: they count, but stay.
    """
    left = limit
    for start, size in backed:
        if left <= size:
            return start + left
        left -= size
    return None
