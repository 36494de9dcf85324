"""The command line of the next kernel, as far as it concerns memory.

Here are the parameters that all kernels have; a view has those of its own kernel
(:attr:`hwpkho.memmap.view.Kernel.PARAMETERS`). They act in the order in which they are written, as
early_param() handlers do. Source: kernel/crash_reserve.c, drivers/firmware/efi/efi.c
(parse_efi_cmdline), kernel/liveupdate/kexec_handover.c, lib/cmdline.c (memparse, next_arg),
lib/kstrtox.c.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.abi.params import memparse, parameters
from hwpkho.base import arch as arches
from hwpkho.base.addresses import human_bytes
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.codes import problem
from hwpkho.codes.memmap_view import CMDLINE_NOTE, CMDLINE_WARNING, KHO_OFF
from hwpkho.errors import UsageError
from hwpkho.memmap.view import VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.codes import Problem
    from hwpkho.memmap.view import Parameter

_TRUE, _FALSE = frozenset("yYtT1"), frozenset("nNfF0")


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
        steps: What it does to the e820 table of x86, in order.
        limit: ``mem=`` of a kernel without an e820 table, bytes; None where it is absent.
        efi_debug: ``efi=debug``: x86 keeps boot services memory reserved.
        soft_reserve: False with ``efi=nosoftreserve``.
        efi_runtime: False with ``efi=noruntime``: x86 hands no EFI table over to the next kernel.
        crashkernel: The values of all ``crashkernel=``, in order.
        kho: Whether ``kho=`` turns KHO on, None where it is absent.
        problems: Effects that the map does not show, and doubtful parameters.
    """

    steps: list[Step] = field(default_factory=list)
    limit: int | None = None
    efi_debug: bool = False
    soft_reserve: bool = True
    efi_runtime: bool = True
    crashkernel: list[str] = field(default_factory=list)
    kho: bool | None = None
    problems: list[Problem] = field(default_factory=list)
    _off: Problem | None = None

    def changes_map(self) -> bool:
        """Tell whether it adds, removes or retypes memory."""
        return bool(self.steps) or self.limit is not None

    def note_unapplied(self) -> None:
        """Note that its memory parameters have no effect, as there is no memory map."""
        if self.changes_map() or self.crashkernel or self.efi_debug or not self.soft_reserve:
            self.note("its memory parameters are not applied: there is no memory map")

    def note(self, message: str) -> None:
        """Add a note."""
        self.problems.append(problem(CMDLINE_NOTE, message))

    def switch_kho(self, on: bool, message: str) -> None:
        """Record the last kho=; it overrides those before it."""
        self.kho = on
        if self._off is not None:
            self.problems.remove(self._off)
        self._off = None if on else problem(KHO_OFF, message)
        if self._off is not None:
            self.problems.append(self._off)

    def warn(self, message: str) -> None:
        """Add a warning: the parameter hardly does what was meant."""
        self.problems.append(problem(CMDLINE_WARNING, message))


@contextmanager
def reading() -> Iterator[None]:
    """Within the block, put the option that gives the command line in front of a UsageError."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{option('next_cmdline')}: {error}") from error


def parse(text: str, arch: str | None) -> Cmdline:
    """Return what a command line does with the memory of a kernel of ``arch`` (None: not known).

    Raises UsageError, naming the parameter, for what the kernel would refuse.
    """
    with reading():
        return _parsed(text, arch)


def _parsed(text: str, arch: str | None) -> Cmdline:
    line = Cmdline()
    row = arches.known(arch)
    own = {} if arch is None else VIEWS[row.memory if row else "memblock"].PARAMETERS
    for name, value in parameters(text):
        handler = own.get(name) or _COMMON.get(name)
        if handler is not None:
            handler(line, value or "")
        elif name in ("memmap", "mem"):
            line.note(
                f"{name}=: hwpkho knows no such parameter of {printable(arch)} kernels"
                if arch
                else f"{name}=: not applied, the architecture is not known"
            )
    return line


def _efi(line: Cmdline, value: str) -> None:
    for word in value.split(","):
        line.efi_debug |= word == "debug"
        line.soft_reserve &= word != "nosoftreserve"
        line.efi_runtime &= word != "noruntime"


def _crashkernel(line: Cmdline, value: str) -> None:
    line.crashkernel.append(value)


def _kho(line: Cmdline, value: str) -> None:
    first = value[:1]
    on = first in _TRUE or value[:2].lower() == "on"
    if not on and first not in _FALSE and value[:2].lower() != "of":
        raise UsageError(f"kho=: {printable(value) or 'an empty value'} is neither on nor off")
    line.switch_kho(on, f"kho={printable(value)}: the next kernel ignores the handover")


def _kho_scratch(line: Cmdline, value: str) -> None:
    line.note(
        f"kho_scratch={printable(value)}: sets the size of the next kernel's own scratch, which it "
        "allocates at boot unless it takes over that of the handover"
    )


def _reserve_mem(line: Cmdline, value: str) -> None:
    parts = value.split(":")
    if len(parts) != 3 or not parts[2]:
        raise UsageError(f"reserve_mem=: {printable(value)}: expected SIZE:ALIGN:NAME")
    size, _ = memparse(parts[0], "reserve_mem=")
    line.note(
        f"reserve_mem={printable(value)}: reserves {human_bytes(size)} at an address that the "
        "kernel chooses at boot"
    )


_COMMON: dict[str, Parameter] = {
    "efi": _efi,
    "crashkernel": _crashkernel,
    "kho": _kho,
    "kho_scratch": _kho_scratch,
    "reserve_mem": _reserve_mem,
}
