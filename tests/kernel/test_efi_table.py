"""Tables of poisoned memory that hwpkho writes, on machines with UEFI firmware.

An application of ours puts the table into memory before a kernel starts, in EFI memory of the type
that the EFI stub takes, and names it in the configuration table: then the firmware and a kernel
have it as if the stub had made it.
"""

from __future__ import annotations

import os
import re
import struct
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.images.elf import open_elf
from hwpkho.images.files import HeldBytes
from hwpkho.judging.efi_table.generations import GENERATIONS
from tests.kernel import rig
from tests.support import efi, efi_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Cli = Callable[..., Any]

#: PFNs in three units, of which two touch.
BAD = "0x18001\n0x18003-0x18010\n0x18201\n0x20007\n"
#: Where a table lies that is no file of the firmware's pool, in RAM that its guests leave free.
AT = 0x3000_0018
MEMORY = 1024
#: Shows what a kernel makes of its memory, and waits for the dump.
SHOW = "cat /proc/iomem; echo hwpkho: shown; sleep 600\n"
#: The generation whose reader LINUX_SRC= has.
GENERATION = os.environ.get("EFI_GENERATION", "d2")
#: In these separate places kernels boot or not; beyond 128 none does.
_NEAR = "120 separate places"
#: Of an early fault a kernel says its registers, and no word more.
_DUMP = re.compile(r"RIP: 0010:")
#: Seconds without a word after that, and without that.
_DUMPED, _SILENT = 10, 60
_OPTION = "EFI_POISONED_MEMORY is on"


def placed(pieces: Iterable[tuple[int, bytes]], table: int = 0) -> bytes:
    """Return what uefi/place.c reads: pieces at addresses (0: anywhere), and that of the table."""
    parts = [struct.pack("<QQ", at, len(raw)) + raw for at, raw in pieces]
    return struct.pack("<Q", table) + b"".join(parts)


def of_image(path: Path, table: int) -> bytes:
    """Return the same for an ELF image, page by page but for empty ones."""
    source = open_elf(HeldBytes(path.name, memoryview(path.read_bytes())))
    pages = (at for start, n in source.extents() for at in range(start, start + n, 4096))
    held = ((at, bytes(source.read(at, 4096) or b"")) for at in pages)
    return placed(((at, raw) for at, raw in held if any(raw)), table)


def iomem(log: str) -> str:
    """Return the /proc/iomem that a guest printed."""
    return "".join(
        f"{line}\n" for line in log.splitlines() if re.match(r" *[0-9a-f]+-[0-9a-f]+ : ", line)
    )


@pytest.mark.any_consumer
@pytest.mark.parametrize("kind", ["x86_64-uefi"])
@pytest.mark.parametrize(
    ("layout", "at"), [("bitmap-base", None), ("bitmap", None), ("bitmap-base", AT), ("list", AT)]
)
def test_a_written_table_is_found_in_the_dump(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Cli,
    work: Path,
    kind: str,
    layout: str,
    at: int | None,
) -> None:
    """In the firmware's pool, as a stub has it, or at an address, as an ELF image says."""
    kernel = kernel_of(kind)
    work.mkdir(parents=True)
    (work / "bad").write_text(BAD)
    written = work / "table"
    options = ("--to", "efi-table", "--layout", layout, "--page-size", 4096)
    where = ("--at", at) if at else ()
    made = cli("list", work / "bad", *options, *where, "-o", written)
    assert made.code == 0, made.err
    whole = placed([(0, written.read_bytes())]) if at is None else of_image(written, at)
    guest = rig.Guest(kernel, work, SHOW, memory=MEMORY, place=whole)
    with rig.Started(guest) as started:
        started.wait_for("hwpkho: shown")
        dump = started.dump(work / "memory")
        log = started.log()
    (work / "iomem").write_text(iomem(log))
    of = ("--from", "efi-table") if at is None else ()
    same = ("--page-size", 4096, *(("--layout", layout) if at is None else ()))
    wanted = cli("list", "--json", written, *of, *same)
    told = cli("decode", "--json", dump)
    assert told.code == 0, told.err
    (table,) = told.json["efi_poisoned_memory"]
    assert (table["layout"], table["problems"]) == (layout, [])
    assert table["phys"] == at or at is None
    found = cli("list", "--json", dump)
    assert found.json["pfns"] == wanted.json["pfns"]
    assert "ACPI 2.0" in cli("decode", dump).out, "its entry stands among the firmware's"
    # A kernel that knows the table has it in ACPI tables, which it does not hand out.
    judged = cli("validate", "--json", dump, "--memmap", work / "iomem", "--consumer-efi",
                 {"list": "a", "bitmap": "c2"}.get(layout, "d2"))  # fmt: skip
    assert judged.json["efi"]["outcome"] == "accepted", judged.json["findings"]
    if at is None:
        again = work / "again"
        assert cli("list", dump, *options, "-o", again).code == 0
        assert again.read_bytes() == written.read_bytes()
    small = work / "small"
    kept = cli("capture", dump, "-o", small)
    assert kept.code == 0, kept.err
    (taken,) = cli("decode", "--json", small).json["efi_poisoned_memory"]
    assert taken | {"source": table["source"]} == table


@cache
def tables() -> dict[str, tuple[dict[int, bytes], int]]:
    """Return tables with one thing wrong, in the layout of the reader, and their addresses."""
    layout = GENERATIONS[GENERATION].layout
    made = {row.what: (row.made(layout), row.at) for row in efi_matrix.ROWS}
    return {what: (pieces, at) for what, (pieces, at) in made.items() if pieces is not None}


def moved(pieces: dict[int, bytes], at: int) -> Iterator[tuple[int, bytes]]:
    """Yield the pieces, none of them where the table is past all memory."""
    yield from (() if at >> 40 else sorted(pieces.items()))


def became(started: rig.Started) -> str:
    """Wait until a kernel shows its memory, dies, or has said nothing for long enough."""
    since, told = time.monotonic(), ""
    while True:
        ended, log = started.process.poll() is not None, started.log()
        if "hwpkho: shown" in log:
            return "accepted"
        if log != told:
            since, told = time.monotonic(), log
        silent, dumped = time.monotonic() - since, _DUMP.search(log) is not None
        if ended or rig.CRASH.search(log) or (dumped and silent > _DUMPED):
            return "crash"
        if silent > _SILENT:
            return "hang"
        time.sleep(0.1)


@pytest.mark.own_consumer
@pytest.mark.parametrize("kind", ["x86_64-uefi"])
@pytest.mark.parametrize("what", [row.what for row in efi_matrix.ROWS])
def test_validate_knew_what_the_reader_does(
    kernel_of: Callable[[str], rig.Kernel], cli: Cli, work: Path, kind: str, what: str
) -> None:
    kernel = kernel_of(kind)
    if _OPTION not in kernel.handover_options:
        pytest.skip(f"no reader of the table ({kernel.handover_options}): LINUX_SRC= of the series")
    if what not in tables():
        pytest.skip(f"makes no sense for generation {GENERATION} (EFI_GENERATION=)")
    if what == _NEAR:
        pytest.skip("how many of memblock's 128 regions a kernel itself needs differs")
    pieces, at = tables()[what]
    work.mkdir(parents=True)
    guest = rig.Guest(kernel, work, SHOW, memory=MEMORY, place=placed(moved(pieces, at), at))
    with rig.Started(guest) as started:
        outcome = became(started)
        log = started.log()
    said = next((x.partition("] ")[2] for x in log.splitlines() if "poisoned" in x), "")
    if outcome == "accepted" and "Ignoring" in said:
        outcome = "ignored"
    assert "POISON=" in log, "the kernel did not find the entry"
    held = dict(moved(pieces, at)) or {0x100000: b"x"}
    (work / "efi.elf").write_bytes(efi.image(held, entries=()))
    plain = work / "log"
    plain.write_text(log)
    judged = cli("validate", "--json", work / "efi.elf", "--efi-table", at, "--memmap", plain,
                 "--consumer-efi", GENERATION, "--arch", "x86_64", "--page-size", 4096)  # fmt: skip
    assert judged.code in (0, 1), judged.err
    assert judged.json["efi"]["outcome"] == outcome, (judged.json["efi"]["reason"], said)
    if said.startswith("efi: ") and outcome in ("accepted", "ignored"):
        assert judged.json["efi"]["reason"].partition(";")[0] == said.strip()
