"""Reads the command line of the next kernel, as far as it concerns memory.

Here are the parameters that all kernels have; a view has those of its own kernel
(:meth:`hwpkho.memmap.view.Kernel.parameters`). They act in the order in which they are written, as
early_param() handlers do. Source: kernel/crash_reserve.c, drivers/firmware/efi/efi.c
(parse_efi_cmdline), kernel/liveupdate/kexec_handover.c, lib/cmdline.c (memparse, next_arg),
lib/kstrtox.c.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hwpkho.abi.params import left_to_init, memparse, parameters
from hwpkho.base import arch as arches
from hwpkho.base.addresses import human_bytes
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.errors import UsageError
from hwpkho.memmap.view import VIEWS
from hwpkho.memmap.view.cmdline import Cmdline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.memmap.view import Parameter

_TRUE, _FALSE = frozenset("yYtT1"), frozenset("nNfF0")


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
    own = {} if arch is None else VIEWS[row.memory if row else "memblock"].parameters()
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
    for name in dict.fromkeys(name for name, _ in left_to_init(text)):
        if name in own or name in _COMMON or name in ("memmap", "mem"):
            line.warn(f"{name}= stands behind --: the kernel leaves it to init")
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
