"""Properties of memory maps as text, and hostile ones."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hwpkho.commands import memmap as job
from hwpkho.errors import HwpkhoError, InputError
from hwpkho.memmap import e820_names, efi
from hwpkho.memmap.formats import iomem
from hwpkho.memmap.formats.memmap_json import MemmapJson
from hwpkho.memmap.model import Entry, Map, MemoryMap
from hwpkho.memmap.writers import WRITERS
from hwpkho.report.memmap import json as memmap_json
from hwpkho.report.memmap import text as memmap_text
from hwpkho.report.parts import jsondoc
from tests.support.mapfiles import FIXTURES, TRUTH, primary, read_text, rows

if TYPE_CHECKING:
    from pathlib import Path


E820_TYPES = st.sampled_from(
    ["usable", "reserved", "acpi_data", "acpi_nvs", "unusable", "pmem", "pram", "soft_reserved",
     "type_0", "type_6", "type_20", "type_4294967294"]
)  # fmt: skip
U64 = st.integers(0, (1 << 64) - 1)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples: each writes its file anew."""
    return tmp_path_factory.mktemp("memmap")


@st.composite
def disjoint(draw: st.DrawFn, minimum: int = 1) -> list[tuple[int, int]]:
    """Ascending disjoint ranges with inclusive ends, anywhere in 64 bits."""
    edges = draw(st.lists(U64, min_size=2 * minimum, max_size=24, unique=True))
    edges = sorted(edges)[: len(edges) // 2 * 2]
    return list(zip(edges[::2], edges[1::2], strict=True))


@st.composite
def e820_maps(draw: st.DrawFn) -> list[Entry]:
    return [Entry(a, b, draw(E820_TYPES)) for a, b in draw(disjoint())]


@given(entries=e820_maps())
def test_e820_written_and_read_is_the_same(entries: list[Entry], scratch: Path) -> None:
    memmap = read_text(scratch / "log", e820_names.write(entries))
    assert rows(primary(memmap)) == [[e.start, e.end, e.type] for e in entries]
    assert not memmap.problems


@given(entries=e820_maps(), seed=st.integers())
def test_the_order_of_e820_lines_does_not_matter(
    entries: list[Entry], seed: int, scratch: Path
) -> None:
    header, *lines = e820_names.write(entries).splitlines(keepends=True)
    ascending = list(lines)
    random.Random(seed).shuffle(lines)
    # Three or more that all descend are a log upside down, and refused.
    assume(len(lines) < 3 or lines != ascending[::-1])
    memmap = read_text(scratch / "log", header + "".join(lines))
    assert sorted(rows(primary(memmap))) == [[e.start, e.end, e.type] for e in entries]


@st.composite
def resource_trees(draw: st.DrawFn) -> list[Entry]:
    """Trees as /proc/iomem shows them: depth first, siblings ascending."""
    names = st.text(
        st.characters(codec="utf-8", exclude_categories=["C", "Pd", "Sm", "Z"]), min_size=1
    )
    entries = []
    for start, end in draw(disjoint()):
        depth = 0
        entries.append(Entry(start, end, draw(names), {"depth": 0}))
        for _ in range(draw(st.integers(0, 3))):
            depth = draw(st.integers(1, depth + 1))
            entries.append(Entry(start, end, draw(names), {"depth": depth}))
    return entries


@given(entries=resource_trees())
def test_iomem_written_and_read_is_the_same(entries: list[Entry], scratch: Path) -> None:
    if not any(e.end for e in entries):
        return  # all zeros is what the unprivileged see
    expected: list[Entry] = []
    for entry in entries:  # a line that stands twice in a row is taken for one
        if not expected or expected[-1] != entry:
            expected.append(entry)
    memmap = read_text(scratch / "iomem", iomem.write(entries))
    assert [e.type for e in primary(memmap).entries] == [e.type for e in expected]
    assert rows(primary(memmap)) == [[e.start, e.end, e.type, e.attributes] for e in expected]


@given(entries=e820_maps(), arch=st.sampled_from(["x86_64", "arm64", "riscv64"]))
def test_json_written_and_read_is_the_same(entries: list[Entry], arch: str, scratch: Path) -> None:
    map_ = Map("e820_firmware", 0, tuple(entries), primary=True)
    memmap = MemoryMap("x", "dmesg-e820", arch, "input", (map_,))
    shown = job.MemmapReport(memmap, map_, None, None, ())
    document = jsondoc.dump(memmap_json.SCHEMA, memmap_json.body(shown))
    back = read_text(scratch / "map.json", document)
    assert (back.arch, back.form) == (arch, MemmapJson.name)
    assert rows(primary(back)) == [[e.start, e.end, e.type] for e in entries]


COLUMNS = {
    "RUN": efi.RUNTIME, "HP": efi.HOT_PLUGGABLE, "CC": efi.CPU_CRYPTO, "SP": efi.SP, "NV": efi.NV,
    "MR": efi.MORE_RELIABLE, "RO": efi.RO, "XP": efi.XP, "RP": efi.RP, "WP": efi.WP,
    "UCE": efi.UCE, "WB": efi.WB, "WT": efi.WT, "WC": efi.WC, "UC": efi.UC,
}  # fmt: skip


@given(
    ranges=disjoint(),
    words=st.lists(st.sampled_from(sorted(COLUMNS)), unique=True),
    shown=st.sets(st.sampled_from(sorted(COLUMNS))),
)
def test_efi_columns_are_read_by_their_words(
    ranges: list[tuple[int, int]], words: list[str], shown: set[str], scratch: Path
) -> None:
    columns = "|".join(word if word in shown else " " * len(word) for word in words)
    text = "".join(
        f"efi: mem{i:02}: [Boot Code   |{columns}|UC] range=[0x{a:016x}-0x{b:016x}] (0MB)\n"
        for i, (a, b) in enumerate(ranges)
    )
    attr = efi.UC
    for word in words:
        attr |= COLUMNS[word] if word in shown else 0
    assert rows(primary(read_text(scratch / "log", text))) == [
        [a, b, "boot_services_code", {"attr": attr}] for a, b in ranges
    ]


# Hostile -------------------------------------------------------------------------------------

SAMPLES = [
    (FIXTURES / name).read_bytes()
    for name in TRUTH
    if (FIXTURES / name).stat().st_size < 12000
]  # fmt: skip
SNIPPETS = [
    b"\0", b"\n", b"\r", b"\r\r\n", b"\x1b[2J", b"\x1b]", b"\xff\xfe", b"\xc2\xa0", b"-", b"|",
    b"0x", b"ffffffffffffffff", b"0000000000000000", b"[mem ", b"BIOS-e820: ", b"user: [mem",
    b"Linux version 6.1", b"efi: mem00: [", b"range=[0x", b" : System RAM", b"(XEN) EFI RAM map:",
    b"> ", b"reserved[0] [0x", b"= 0x1, length", b"MemoryMap,\"", b"#Pages Attr", b"/start:",
]  # fmt: skip


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A real map (or two) with bytes changed, removed, doubled, or put in."""
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    if draw(st.booleans()):
        data += draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 12))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        size = draw(st.integers(1, 300))
        match draw(st.integers(0, 3)):
            case 0:
                data[at] = draw(st.integers(0, 255))
            case 1:
                del data[at : at + size]
            case 2:
                data[at:at] = data[at : at + size]
            case _:
                data[at:at] = draw(st.sampled_from(SNIPPETS))
    return bytes(data)


def never_more_than_one_line(path: Path, data: bytes) -> None:
    """Read, judge, draw and write whatever it is: a result, or one printable line."""
    path.write_bytes(data)
    refusal = ""
    try:
        shown = job.show([str(path)], boot="last")
        for entry in (e for m in shown.memmap.maps for e in m.entries):
            assert 0 <= entry.start <= entry.end < 1 << 64
        texts = [
            memmap_text.report(shown),
            jsondoc.dump(memmap_json.SCHEMA, memmap_json.body(shown)),
        ]
        for problem in shown.problems:
            assert "\n" not in problem.message
        assert all(c.isprintable() or c == "\n" for c in texts[0])
        for writer in WRITERS:
            job.written(shown, writer)
    except HwpkhoError as error:
        refusal = str(error)
    assert not refusal or refusal.isprintable()


@given(data=bent())
def test_bent_maps_are_read_or_refused(data: bytes, scratch: Path) -> None:
    never_more_than_one_line(scratch / "log", data)


@given(data=st.lists(st.one_of(st.sampled_from(SNIPPETS), st.binary(max_size=8))).map(b"".join))
def test_debris_is_read_or_refused(data: bytes, scratch: Path) -> None:
    never_more_than_one_line(scratch / "log", data)


@given(start=U64, end=U64, length=U64, shift=st.integers(0, 8))
def test_ranges_that_wrap_or_run_backwards_never_become_entries(
    start: int, end: int, length: int, shift: int, scratch: Path
) -> None:
    end <<= shift
    lines = [
        f"BIOS-e820: [mem 0x{start:016x}-0x{end:016x}] usable",
        f" BIOS-e820: {start:016x} - {end:016x} (usable)",
        f" BIOS-e820: {length:016x} @ {start:016x} (usable)",
        f"efi: mem00: type=7, attr=0xf, range=[0x{start:x}-0x{end:x}) (0MB)",
        f"base_addr = 0x{start:x}, length = 0x{length:x}, available RAM",
        f"SMAP type=01 base={start:016x} len={length:016x}",
        f"{start:08x}-{end:08x} : System RAM",
        f"MMap[0]: 0x{start:x} - 0x{end:x}, len=0x{length:x}, type=1",
        f"-> start = 0x{start:016x}\n-> size = 0x{length:016x}",
        f"Available  {start:016X}-{end:016X} {length:016X} 000000000000000F",
    ]
    for line in lines:
        path = scratch / "log"
        try:
            memmap = read_text(path, line + "\n")
        except InputError:
            continue
        for entry in primary(memmap).entries:
            assert start <= entry.end < 1 << 64
            assert entry.start == start
