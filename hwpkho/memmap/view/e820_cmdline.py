"""What the command line of a kernel with an e820 table (x86) does to that table.

Source: arch/x86/kernel/e820.c (parse_memopt, parse_memmap_one, e820__finish_early_params).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.abi.params import NUMBER, memparse
from hwpkho.base.addresses import PHYS_END
from hwpkho.base.escape import printable
from hwpkho.errors import UsageError
from hwpkho.memmap import e820
from hwpkho.memmap.view.cmdline import Cmdline, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwpkho.memmap.view import Parameter

_MEMMAP_TYPES = {"@": e820.RAM, "#": e820.ACPI, "$": e820.RESERVED, "!": e820.PRAM}


def _mem(line: Cmdline, value: str) -> None:
    if value == "nopentium":
        line.note("mem=nopentium: ignored, only 32-bit kernels know it")
        return
    size, rest = memparse(value, "mem=")
    if rest or not size:
        raise UsageError(f"mem=: {printable(value)} is not a size above 0")
    line.steps.append(Step("remove", size, PHYS_END - 1 - size, old=e820.RAM))


def _memmap(line: Cmdline, value: str) -> None:
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


def _efi_fake_mem(line: Cmdline, value: str) -> None:
    line.note(f"efi_fake_mem={printable(value)}: ignored, kernels with KHO no longer have it")


def _add_efi_memmap(line: Cmdline, _: str) -> None:
    line.note("add_efi_memmap: after kexec the EFI map holds runtime regions only: no effect")


#: See :meth:`hwpkho.memmap.view.Kernel.parameters`.
PARAMETERS: dict[str, Parameter] = {
    "mem": _mem,
    "memmap": _memmap,
    "efi_fake_mem": _efi_fake_mem,
    "add_efi_memmap": _add_efi_memmap,
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
