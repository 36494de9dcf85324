"""Where ``crashkernel=`` reserves memory, as far as the command line alone decides it.

Source: kernel/crash_reserve.c (parse_crashkernel, reserve_crashkernel_generic).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi.params import memparse
from hwpkho.base.addresses import PHYS_END, align_up, human_bytes
from hwpkho.base.arch import ARCHES
from hwpkho.base.escape import printable
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwpkho.memmap.view.cmdline import Cmdline

_CRASH_SUFFIXES = (",high", ",low", ",cma")


class CrashKernel(NamedTuple):
    """An area for a crash kernel at a given address: bytes, end inclusive."""

    start: int
    end: int


def crash_kernel(
    line: Cmdline, system_ram: int, arch: str, is_ram: Callable[[int, int], bool]
) -> CrashKernel | None:
    """Return the area that ``crashkernel=`` reserves at a stated address, if any.

    ``system_ram`` is the amount of memory in bytes; ``is_ram(start, end)`` tells whether all of
    an area (end inclusive) is RAM. What it reserves elsewhere, or fails to, is noted in the
    line's problems. Raises UsageError where the kernel would not understand it.
    """
    found = _crash_size(line.crashkernel, system_ram)
    if found is None:
        return None
    value, size, base = found
    shown = f"crashkernel={printable(value)}"
    if not size:
        line.note(
            f"{shown}: reserves nothing on a machine with {human_bytes(system_ram)} of memory"
        )
        return None
    if size >= system_ram:
        line.warn(f"{shown}: more than the {human_bytes(system_ram)} of memory: not reserved")
        return None
    if not base:
        line.note(
            f"{shown}: reserves {human_bytes(size)} at an address that the "
            "kernel chooses at boot: some frames shown as RAM will be in use"
        )
        return None
    size = align_up(size, 4096)
    if base % ARCHES[arch].crash_align or base + size > PHYS_END:
        line.warn(f"{shown}: the address is not aligned as the kernel needs: not reserved")
        return None
    if not is_ram(base, base + size - 1):
        line.warn(f"{shown}: not all of that is RAM: not reserved")
        return None
    return CrashKernel(base, base + size - 1)


def _crash_size(values: list[str], system_ram: int) -> tuple[str, int, int] | None:
    """Return the value that counts, its size and its address (0: none), in bytes."""
    plain = [v for v in values if not v.endswith(_CRASH_SUFFIXES)]
    if plain:
        value = plain[-1]
        if ":" in value:
            return (value, *_crash_ranges(value, system_ram))
        size, rest = memparse(value, "crashkernel=")
        base = 0
        if rest.startswith("@"):
            base, rest = memparse(rest[1:], "crashkernel=")
        if rest:
            raise UsageError(
                f"crashkernel=: {printable(value)}: {printable(rest)} is not understood"
            )
        return value, size, base
    for value in reversed(values):
        if value.endswith(",high"):
            size, rest = memparse(value, "crashkernel=")
            if rest != ",high":
                raise UsageError(f"crashkernel=: {printable(value)} is not understood")
            return value, size, 0
    return None


def _crash_ranges(value: str, system_ram: int) -> tuple[int, int]:
    """Return the size for this much memory, and the address (0: none), of a list of ranges.

    The value is ``START-[END]:SIZE[,…][@ADDRESS]``; all numbers are bytes.
    """
    total = align_up(system_ram, 128 << 20)
    ranges, at, address = value.partition("@")
    size: int | None = None
    for part in ranges.split(","):
        start, rest = memparse(part, "crashkernel=")
        if not rest.startswith("-"):
            raise UsageError(f"crashkernel=: {printable(part)}: expected - after the first size")
        end = PHYS_END - 1
        rest = rest[1:]
        if not rest.startswith(":"):
            end, rest = memparse(rest, "crashkernel=")
            if end <= start:
                raise UsageError(
                    f"crashkernel=: {printable(part)}: the range ends before it starts"
                )
        if not rest.startswith(":"):
            raise UsageError(f"crashkernel=: {printable(part)}: expected : after the range")
        wanted, rest = memparse(rest[1:], "crashkernel=")
        if rest:
            raise UsageError(
                f"crashkernel=: {printable(part)}: {printable(rest)} is not understood"
            )
        if size is None and start <= total < end:
            size = wanted
    base = 0
    if at:
        base, rest = memparse(address, "crashkernel=")
        if rest:
            raise UsageError(f"crashkernel=: {printable(address)}: expected one address after @")
    return size or 0, base
