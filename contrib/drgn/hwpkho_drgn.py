#!/usr/bin/env drgn
# SPDX-License-Identifier: GPL-2.0-or-later
"""Print the handovers of a running kernel, or of one in a dump, as ``hwpkho decode`` does.

    drgn contrib/drgn/hwpkho_drgn.py                     # the running kernel; as root
    drgn -c vmcore -s vmlinux contrib/drgn/hwpkho_drgn.py --json

hwpkho must be installed in the environment of drgn: ``pip install drgn hwpkho``. The kernel's own
variables say where the handovers are (kho_out, kho_in and kho_scratch of
kernel/liveupdate/kexec_handover.c), so that no memory is searched; they need the kernel's debugging
information. Without it the dump, or /proc/kcore, is searched as ``hwpkho decode`` does.

Exit codes: 0 fine; 1 decoded, with errors; 2 wrong usage; 3 not readable.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from drgn import Architecture, FaultError, ObjectAbsentError, Program, get_default_prog
from drgn.helpers.linux.mm import page_to_phys, virt_to_phys

import hwpkho

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drgn import Object

    Role = Literal["in", "out"]

_ARCHES = {Architecture.X86_64: "x86_64", Architecture.AARCH64: "arm64"}
_SCRATCH_ENTRY = 16
#: A dump may be damaged: no list of resources is longer.
_MAX_RESOURCES = 1 << 16


class Memory:
    """Physical memory as hwpkho asks for it; see ``hwpkho.PhysicalMemory``."""

    def __init__(self, prog: Program) -> None:
        self._prog = prog

    def read(self, phys: int, size: int) -> bytes | None:
        """Return bytes, None where drgn has none."""
        try:
            data: bytes = self._prog.read(phys, size, physical=True)
        except FaultError:
            return None
        return data


def _variable(prog: Program, name: str) -> Object | None:
    try:
        return prog.variable(name)
    except LookupError:
        return None


def _member(value: Object, name: str) -> Object | None:
    try:
        return value.member_(name)
    except (LookupError, TypeError):
        return None


def roots(prog: Program) -> dict[Role, int]:
    """Return where the root FDTs are: ``in`` what this kernel was handed, ``out`` its own."""
    found: dict[Role, int] = {}
    incoming = _variable(prog, "kho_in")
    if incoming is not None and (phys := _member(incoming, "fdt_phys")):
        found["in"] = phys.value_()
    outgoing = _variable(prog, "kho_out")
    if outgoing is None:
        return found
    # Linux 6.16 to 6.18 have it in kho_out.ser, where it is a struct page.
    fdt = _member(outgoing, "fdt")
    within = _member(outgoing, "ser") if fdt is None else None
    fdt = _member(within, "fdt") if within is not None else fdt
    if fdt:
        is_page = fdt.type_.type.type_name() == "struct page"
        found["out"] = (page_to_phys(fdt) if is_page else virt_to_phys(fdt)).value_()
    return found


def _scratch(prog: Program) -> tuple[int, int] | None:
    """Return address and bytes of the scratch array, None where it is not there."""
    areas, count = _variable(prog, "kho_scratch"), _variable(prog, "kho_scratch_cnt")
    if not areas or not count:
        return None
    return virt_to_phys(areas).value_(), count.value_() * _SCRATCH_ENTRY


def _vmcoreinfo(prog: Program) -> bytes:
    text, size = _variable(prog, "vmcoreinfo_data"), _variable(prog, "vmcoreinfo_size")
    return prog.read(text.value_(), size.value_()) if text and size else b""


def _ram(prog: Program) -> list[tuple[int, int]]:
    """Return address and bytes of each range of RAM that the kernel knows."""
    found, resource = [], prog.variable("iomem_resource").child
    for _ in range(_MAX_RESOURCES):
        if not resource:
            break
        if resource.name and resource.name.string_() == b"System RAM":
            start, end = resource.start.value_(), resource.end.value_()
            found.append((start, end + 1 - start))
        resource = resource.sibling
    return found


@contextmanager
def open_handovers(prog: Program) -> Iterator[hwpkho.Case]:
    """Open the handovers of the kernel that ``prog`` debugs.

    Raises hwpkho.InputError where it has none, or they cannot be read.
    """
    where = roots(prog)
    if not where:
        if _variable(prog, "kho_out") is not None:
            raise hwpkho.InputError(
                "the kernel hands nothing over and was handed nothing (kho=on?)"
            )
        with hwpkho.open_case(prog.core_dump_path or "/proc/kcore") as case:
            yield case
        return
    options: dict[str, Any] = {"kho_scratch": _scratch(prog)}
    if prog.platform is not None:
        options["arch"] = _ARCHES.get(prog.platform.arch)
    name = prog.core_dump_path or "the running kernel"
    with hwpkho.open_memory(
        Memory(prog), _ram(prog), name=name, roots=where, vmcoreinfo=_vmcoreinfo(prog), **options
    ) as case:
        yield case


def main(prog: Program) -> int:
    """Print the handovers as the options say; return the exit code."""
    parser = argparse.ArgumentParser(prog="hwpkho_drgn.py", description=__doc__.split("\n")[0])
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print the document of decode --json")
    how.add_argument(
        "--annotate", action="store_true", help="print every structure, field by field"
    )
    how.add_argument("--pfns", action="store_true", help="print the bad pages, one 0x… a line")
    asked = parser.parse_args()
    try:
        with open_handovers(prog) as case:
            decoded = case.decode()
            if asked.json:
                json.dump(decoded.to_dict(), sys.stdout)
                print()
            elif asked.annotate:
                sys.stdout.writelines(f"{line}\n" for line in case.annotate())
            elif asked.pfns:
                sys.stdout.writelines(f"0x{pfn:x}\n" for pfn in decoded.pfns)
            else:
                print(decoded.to_text(), end="")
    except (hwpkho.HwpkhoError, FaultError, ObjectAbsentError) as error:
        print(f"hwpkho: error: {error}", file=sys.stderr)
        return 3
    return int(any(p.severity == "error" for p in decoded.problems))


if __name__ == "__main__":
    sys.exit(main(get_default_prog()))
