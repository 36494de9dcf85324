"""/proc/iomem and its copies out of pages and mails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import InputError
from hwpkho.logs.scanner import Scanner
from hwpkho.logs.text import blocks
from hwpkho.memmap import registry
from hwpkho.memmap.formats.iomem import Iomem
from hwpkho.memmap.view.ownership import is_ram
from hwpkho.memmap.view.regions import view_of
from tests.support import certain, forked
from tests.support.mapfiles import primary, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hwpkho.codes import Problem
    from hwpkho.memmap.model import MemoryMap
    from tests.support.mapfiles import Reader


def codes(problems: Iterable[Problem]) -> set[str]:
    return {p.code for p in problems}


def test_iomem_memory_of_devices_that_the_kernel_owns(log: Path) -> None:
    text = """\
00000000-00000fff : Reserved
00001000-0009ffff : System RAM
100000000-43fffffff : System RAM
  43c000000-43fffffff : Crash kernel
440000000-c3fffffff : CXL Window 0
  440000000-c3fffffff : region0
    440000000-c3fffffff : dax0.0
      440000000-c3fffffff : System RAM (kmem)
d00000000-dffffffff : Persistent Memory
  d00000000-dffffffff : namespace0.0
    d10000000-dffffffff : System RAM (kmem)
e00000000-effffffff : 0000:00:02.0
  e00000000-e7fffffff : System RAM (virtio_mem)
"""
    entries = primary(read_text(log, text)).entries
    assert [
        (e.attributes["depth"], e.type)
        for e in entries
        if is_ram("iomem", e.type, e.attributes, "x86_64")
    ] == [
        (0, "System RAM"),
        (0, "System RAM"),
        (3, "System RAM (kmem)"),
        (2, "System RAM (kmem)"),
        (1, "System RAM (virtio_mem)"),
    ]


def test_iomem_depth_of_a_fragment_with_other_indents(log: Path) -> None:
    text = """\
      40000000-7fffffff : System RAM
         40200000-4226ffff : Kernel code
         42270000-424effff : reserved
    80000000-8fffffff : PCI ECAM
"""
    memmap = read_text(log, text)
    assert [e.attributes["depth"] for e in primary(memmap).entries] == [0, 1, 1, 0]
    assert memmap.arch == "arm64"


#: arm64 has 16 MiB of addresses for ports.
ARM64_PORTS = """\
00000000-0000ffff : pcie@10000000
  00001000-00001fff : PCI Bus 0000:01
    00001000-0000103f : 0000:01:00.0
00010000-0001ffff : PCI Bus 0001:00
00ffc0e4-00ffc0e7 : ipmi_si
"""


def test_iomem_is_not_ioports(log: Path, subtests: pytest.Subtests) -> None:
    text = "0000-001f : dma1\n0020-0021 : pic1\n00000000-00000fff : Reserved\n"
    assert len(primary(read_text(log, text)).entries) == 1
    behind = "00000000-00000fff : Reserved\n0000-0cf7 : PCI Bus 0000:00\n  0000-001f : dma1\n"
    assert not primary(read_text(log, behind)).gaps
    for text in (
        "0000-001f : dma1\n0020-0021 : pic1\n",
        "> 0000-0cf7 : PCI Bus 0000:00\n",
        ARM64_PORTS,
    ):
        says = "/proc/ioports; give /proc/iomem"
        with subtests.test(text.splitlines()[0]), pytest.raises(InputError, match=says):
            read_text(log, text)
    ram = "40000000-7fffffff : System RAM\n"
    assert [e.start for e in primary(read_text(log, ram + ARM64_PORTS)).entries] == [1 << 30]


def test_a_message_beside_iomem_that_ends_with_a_number(log: Path) -> None:
    tree = "00000000-00000fff : Reserved\n00001000-0009ffff : System RAM\n"
    last, above = "usb 1-1: deadbeef", "[    5.000000] a: 12345\n"
    texts = (tree + last, f"{tree}{last}\n", above + tree, tree + above)
    assert [text for text in texts if primary(read_text(log, text)).gaps] == []
    logged = tree.replace("0000", "h kernel: 0000", 1).replace("\n0000", "\nh kernel: 0000")
    assert codes(read_text(log, logged + "h kernel: 000a").problems) == {"HP507"}


def test_iomem_single_zero_lines_are_real(log: Path) -> None:
    text = "00000000-00000000 : nothing\n00001000-0009ffff : System RAM\n"
    assert len(primary(read_text(log, text)).entries) == 2


def test_iomem_of_zeros_beside_a_log_is_left_out(log: Path) -> None:
    text = (
        "BIOS-e820: [mem 0x0000000000000000-0x000000007fffffff] usable\n"
        "00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n"
    )
    memmap = read_text(log, text)
    assert [m.name for m in memmap.maps] == ["e820_firmware"]
    assert codes(memmap.problems) == {"HP509"}


def test_iomem_twice_in_one_file(log: Path) -> None:
    once = (
        "00000000-00000fff : reserved\n00001000-0009ffff : System RAM\n"
        "00100000-3fffffff : System RAM\n"
    )
    memmap = read_text(log, once + "\nand again\n\n" + once)
    assert len(primary(memmap).entries) == 3
    assert codes(memmap.problems) == {"HP511"}
    with pytest.raises(InputError, match="differ"):
        read_text(log, once + once.replace("3fffffff", "7fffffff"))


def ranges(memmap: MemoryMap) -> list[tuple[int, int, str]]:
    """Return the entries of the primary map."""
    (primary,) = (m for m in memmap.maps if m.primary)
    return [(e.start, e.end, e.type) for e in primary.entries]


def test_resource_without_a_name_keeps_its_place(read: Reader) -> None:
    found = read(
        "00000000-00000fff : \n00100000-3fffffff : System RAM\nf0000000-f0000fff : <BAD>\n"
    )
    assert ranges(found) == [
        (0, 0xFFF, ""),
        (0x100000, 0x3FFFFFFF, "System RAM"),
        (0xF0000000, 0xF0000FFF, "<BAD>"),
    ]


def test_resource_without_a_name_survives_json(read: Reader, tmp_path: Path) -> None:
    from hwpkho.commands.memmap import show
    from hwpkho.report.memmap import json
    from hwpkho.report.parts import jsondoc

    path = tmp_path / "iomem"
    path.write_text("00000000-00000fff : \n00100000-3fffffff : System RAM\n")
    document = jsondoc.dump(json.SCHEMA, json.body(show([str(path)])))
    assert ranges(read(document)) == [(0, 0xFFF, ""), (0x100000, 0x3FFFFFFF, "System RAM")]


@pytest.mark.parametrize(
    "outer", ["Soft Reserved", "Persistent Memory", "Persistent Memory (legacy)"]
)
def test_memory_handed_over_to_the_kernel_is_ram(read: Reader, outer: str) -> None:
    memmap = read(
        "00100000-7fffffff : System RAM\n"
        f"480000000-4ffffffff : {outer}\n"
        "  490000000-4ffffffff : dax0.0\n"
        "    490000000-4ffffffff : System RAM (kmem)\n"
        "500000000-5ffffffff : Unknown E820 type\n"
        "  500000000-50fffffff : System RAM (virtio_mem)\n"
    )
    view = view_of(memmap)
    kinds = {at: certain(view.at(at)).kind for at in (0x480000000, 0x490000000)}
    assert kinds == {0x480000000: "device", 0x490000000: "ram"}
    assert [certain(view.at(at)).kind for at in (0x50FFFFFFF, 0x510000000)] == ["ram", "firmware"]
    assert not view.problems


IOMEM = [
    (0, "00000000-00000fff : Reserved"),
    (0, "00001000-0009ffff : System RAM"),
    (0, "00100000-7fffffff : System RAM"),
    (1, "  01000000-01ffffff : Kernel code"),
    (0, "f0000000-f0000fff : <BAD>"),
]


@pytest.mark.parametrize(
    ("line", "page"),
    [
        ("{}", "{}"),
        ("{}", "<pre>{}</pre>"),
        # A mail as it was sent: jailhouse-dev, 2019-05-05.
        ("{}=20", "{}"),
        ("{}<br>", "<p><code>{}</code></p>"),
        ("<br>{}", "{}"),
        ('<span class="line">{}</span>', "{}"),
        ("* {}", "{}"),
        ("May 01 10:00:00 {}", "{}"),
        ("2026-05-01T10:00:00.123456789Z stdout F {}", "{}"),
        ("1714550400.123456 {}", "{}"),
        ("<14>1 2026-05-01T10:00:00.1Z host cat 12 - - {}", "{}"),
        ("app-1  | {}", "{}"),
        ("> * {}", "{}"),
        ("| {}", "{}"),
        ("a: {}", "{}"),
    ],
)
def test_iomem_out_of_web_pages_and_lists(line: str, page: str, log: Path) -> None:
    """No line is lost to what stands before or behind it, and no name grows."""
    text = page.format("\n".join(line.format(text) for _, text in IOMEM))
    table = primary(read_text(log, text + "\n"))
    assert [(e.attributes["depth"], e.start, e.type) for e in table.entries] == [
        (depth, int(text.split("-")[0], 16), text.split(" : ")[1]) for depth, text in IOMEM
    ]


class LineByLine(Iomem):
    """The form without :meth:`Iomem.feed_all`."""

    def feed_all(self, _number: int, _block: bytes, /) -> bool:
        return False


def _scanned(form: Iomem, text: bytes, size: int) -> tuple[list[dict[str, Any]], int]:
    """Return the tables of ``form``, as they compare, read among others by ``size`` bytes."""
    others = [other for other in registry.line_forms() if other.name != "iomem"]
    scanner = Scanner([form, *others])
    for block in blocks(text[i : i + size] for i in range(0, len(text), size)):
        scanner.feed(block)
    return [vars(table) for table in form.finish()], scanner.lines


_RESOURCE = st.builds(
    "{}{:08x}-{:08x} : {}\n".format,
    st.sampled_from(["", "", "", "  ", "  ", "    ", "      ", " ", "\t"]),
    st.integers(0, 40).map(lambda page: page << 12),
    st.integers(0, 40).map(lambda page: (page << 12) + 0xFFF),
    st.sampled_from(
        ["System RAM", "System RAM", "Reserved", "reserved", "Kernel code", "PCI Bus 0000:00",
         "0000:00:1f.0", "fee00000.serial", "9000000.pl011 pl011@9000000", "System R", "Local APIC",
         "nvme ", "a : b", "Linux é"]
    ),
)  # fmt: skip
_OTHER = st.sampled_from(
    ["\n", "00001000-0009ffff : \n", "0000100-0009ffff : System RAM\n", "x\n", " : \n",
     "-0009ffff : System RAM\n", "[    0.0] BIOS-e820: [mem 0x0-0xfff] usable\n",
     "[    0.0] Linux version 6.1\n", "00001000-0009ffff : A00100000-001fffff : B\n",
     "00001000-0009ffff : System RAM\r\n", "> 00001000-0009ffff : System RAM\n",
     " " * 300 + "00001000-0009ffff : System RAM\n", "** 5 printk messages dropped **\n"]
)  # fmt: skip


@given(
    st.lists(st.lists(_RESOURCE, max_size=12).map(sorted), max_size=4),
    st.lists(_OTHER, max_size=3),
    st.sampled_from([1, 40, 150, 1 << 16]),
)
def test_a_block_of_nothing_but_resources_is_read_as_its_lines(trees, others, size) -> None:
    pieces = ["".join(tree) for tree in trees]
    for place, other in enumerate(others):
        pieces.insert(2 * place + 1, other)
    text = "".join(pieces).encode()
    assert _scanned(Iomem(), text, size) == _scanned(LineByLine(), text, size)


def test_a_block_of_nothing_but_resources_is_taken_at_once() -> None:
    class AtOnce(Iomem):
        def feed(self, _number: int, _line: str) -> bool:
            raise AssertionError("line by line")

    text = b"00000000-00000fff : pl011@0\n" + b"".join(
        b"%08x-%08x : System RAM\n" % (at << 12, (at << 12) + 0xFFF) for at in range(1, 5000)
    )
    ((table,), lines) = _scanned(AtOnce(), text, 1 << 16)
    assert len(table["entries"]) == lines == 5000


@pytest.mark.slow  # eight runs over 30,000 lines
def test_names_of_devices_cost_little_more_than_plain_ones(tmp_path: Path) -> None:
    """All are different, and no known name begins as they do: 1.3 times as long on one machine.

    It was 1.7 times when each was compared with every known name, or letter by letter with those
    that decide. What plain names may cost, and that none is read line by line, other tests say.
    """
    rows = [f"{at << 20:08x}-{(at << 20) + 0xFFFFF:08x} : " for at in range(30_000)]
    for tree, name in (("plain", "Reserved"), ("devices", "{}:00.0")):
        names = ("System RAM" if n % 2 else name.format(n) for n in range(len(rows)))
        (tmp_path / tree).write_text("\n".join(map(str.__add__, rows, names)) + "\n")
    # The least of several, in turns: other work on the machine only adds.
    runs = [
        [forked.run("memmap", tmp_path / tree).cpu for tree in ("plain", "devices")]
        for _ in range(4)
    ]
    plain, devices = map(min, zip(*runs, strict=True))
    assert devices < 1.5 * plain


def test_a_damaged_name_is_shown_printable(tmp_path: Path, cli: Any) -> None:
    path = tmp_path / "iomem"
    path.write_text("00001000-0009ffff : \x01ystem RAM\n00100000-3fffffff : System RAM\n")
    got = cli("memmap", path)
    assert '"\\x01ystem RAM" is cut off or damaged' in got.out + got.err
    assert "\x01" not in got.out + got.err


@pytest.mark.parametrize(
    ("name", "damaged"),
    [("System SRAM", False), ("System DRAM", False), ("System PRAM (x)", False),
     ("stem RAM", True), ("Sys#em RAM", True), ("Sys#em RAM (kmem)", True),
     ("System RAM (kmem)", False), ("System RAM (km", True), ("System RAM (", True)],
)  # fmt: skip
def test_a_name_with_a_letter_more_is_another_resource(name: str, damaged: bool, log: Path) -> None:
    text = f"00100000-3fffffff : System RAM\n50000000-5000ffff : {name}\n"
    assert bool(primary(read_text(log, text)).gaps) == damaged


@pytest.mark.parametrize(
    "line",
    ["  bc4300000-bc43ffff : reserved", "  tem RAM", "43ffff : reserved", "erved",
     "  bc4[   12.345678] usb 1-1: new device", "  bc430000-bc43ffff : r[    1.000000] usb: x"],
)  # fmt: skip
def test_a_damaged_line_of_a_branch_is_lost_in_that_branch(line: str, log: Path) -> None:
    text = (
        "40000000-bfffffff : System RAM\n  40200000-402fffff : Kernel code\n"
        f"{line}\n"
        "  bce00000-bf5fffff : reserved\nc0000000-ffffffff : System RAM\n"
    )
    (gap,) = primary(read_text(log, text)).gaps
    assert gap.start == 0x40300000
    assert gap.end is not None
    assert gap.end >= 0xBCDFFFFF


def test_two_lines_that_have_become_one_hide_lines_of_any_level(log: Path) -> None:
    text = (
        "00100000-3fffffff : System RAM\n  00200000-002fffff : Kernel code\n"
        "  00300000-003fffff : Kernel da00ffffff : System RAM\n200000000-2ffffffff : System RAM\n"
    )
    gaps = [(gap.start, gap.end) for gap in primary(read_text(log, text)).gaps]
    assert gaps == [(0x300000, 0x1FFFFFFFF)]


@pytest.mark.parametrize(
    ("name", "damaged"),
    [("Sys#tem RAM", True), ("Sys#em R\x01M", True), ("System RAM#", True), ("Re\ufffderved", True),
     ("#Reserved", True), ("Kern\x01l c#de", True), ("ACPI Non-volatile St#rage", True),
     ("System  RAM", True), ("ACPI Non-volatile Storage", False), ("PCI Bus 0000:00", False),
     ("System RAM (kmem)", False), ("S#s#e# RAM", False), ("re.e.", False), ("#", False)],
)  # fmt: skip
def test_a_name_with_a_character_that_is_no_letter_is_damaged(
    name: str, damaged: bool, log: Path
) -> None:
    text = f"00100000-3fffffff : System RAM\n50000000-5000ffff : {name}\n60000000-6fffffff : x\n"
    gaps = [(gap.start, gap.end) for gap in primary(read_text(log, text)).gaps]
    assert gaps == ([(0x50000000, 0x5000FFFF)] if damaged else [])


@pytest.mark.parametrize("end", ["40000000-7fffffff : S", "10:00:01 4000", "10:00:01 40000000-7f"])
def test_a_tree_that_ends_within_a_line_says_so(end: str, log: Path) -> None:
    stamp = "10:00:00 " if end.startswith("10:") else ""
    table = primary(read_text(log, f"{stamp}00100000-3fffffff : System RAM\n{end}"))
    assert [gap.start for gap in table.gaps] == [0x40000000]
