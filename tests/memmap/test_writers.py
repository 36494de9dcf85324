"""The forms in which maps are written: a toy is one of them, on the command line, too."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import fdt
from hwpkho.cli import memmap
from hwpkho.errors import UsageError
from hwpkho.memmap import e820, efi
from hwpkho.memmap.formats.dmesg_e820 import DmesgE820
from hwpkho.memmap.formats.iomem import Iomem
from hwpkho.memmap.model import Entry, Map
from hwpkho.memmap.writers import WRITERS
from tests.support.examples import times
from tests.toys import map_form, map_writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAP = "toy: 100000..7fffffff usable\ntoy: 80000000..8fffffff reserved\n"


@pytest.fixture
def toys() -> Iterator[None]:
    map_form.register()
    map_writer.register()
    yield
    map_writer.unregister()
    map_form.unregister()


@pytest.mark.usefixtures("toys")
def test_a_toy_writer(cli, tmp_path: Path) -> None:
    path = tmp_path / "map"
    path.write_text(MAP)
    assert "|toy-map|json]" in cli("memmap", "--help").out.replace("\n", "").replace(" ", "")
    assert cli("memmap", "--to", "toy-map", path).out == MAP
    assert cli("memmap", "--to", "toy-map", "-o", tmp_path / "out", path).code == 0
    assert (tmp_path / "out").read_text() == MAP
    # What goes for every writer: --next-cmdline changes no map of the machine.
    got = cli("memmap", "--to", "toy-map", "--next-cmdline", "mem=1G", path)
    assert (got.code, got.out) == (2, "")


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("toys")
def test_a_binary_one_goes_to_no_terminal(cli, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "map"
    path.write_text(MAP)
    monkeypatch.setattr(map_writer.Toy, "binary", True)
    assert cli("memmap", "--to", "toy-map", path).out == MAP
    with (
        redirect_stdout(Terminal(io.BytesIO())),
        pytest.raises(UsageError, match=r"toy-map is binary .* terminal: give -o FILE"),
    ):
        memmap.command.main(["--to", "toy-map", str(path)], standalone_mode=False)


def test_the_toy_writer_is_gone_again(cli, tmp_path: Path) -> None:
    (tmp_path / "map").write_text("00100000-7fffffff : System RAM\n")
    assert cli("memmap", "--to", "toy-map", tmp_path / "map").code == 2


@pytest.mark.parametrize("name", WRITERS.names())
def test_names_are_those_of_the_registry(name) -> None:
    assert WRITERS[name].name == name


# Read again -----------------------------------------------------------------------------------

E820 = ("usable", "reserved", "acpi_data", "acpi_nvs", "unusable", "pmem", "pram", "type_20")
EFI = ("conventional", "reserved", "boot_services_data", "mmio", "persistent", "unusable")
PAGES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 12), st.integers(0, 7)), min_size=1, max_size=8
)


def of_pages(name: str, pages: list[tuple[int, int, int]]) -> Map:
    """A map of ``(first, number, type)``, in pages, in any order and overlapping."""
    types, attributes = (EFI, {"attr": 0xF}) if name == "efi" else (E820, {})
    entries = (
        Entry(first << 12, (first + number << 12) - 1, types[type_ % len(types)], attributes)
        for first, number, type_ in pages
    )
    return Map(name, 0, tuple(entries), primary=True)


@times(2)
@given(
    pages=PAGES,
    name=st.sampled_from(("e820_firmware", "zero_page", "e820_user", "grub_mmap", "esxi", "efi")),
    to=st.sampled_from(("e820", "iomem")),
)
def test_what_is_written_is_read_as_what_the_kernel_makes_of_it(pages, name, to) -> None:
    map_ = of_pages(name, pages)
    written = WRITERS[to].write(map_, "x86_64")
    form = DmesgE820() if to == "e820" else Iomem()
    for number, line in enumerate(written.decode().splitlines(), 1):
        form.feed(number, line)
    (table,) = form.finish()
    assert not table.lost_lines
    ram = {n for e in table.entries if e.type in ("usable", "System RAM") for n in frames(e)}
    assert ram == set(ram_of(map_))


def frames(entry: Entry) -> range:
    return range(entry.start >> 12, (entry.end >> 12) + 1)


def ram_of(map_: Map) -> Iterator[int]:
    """Yield the frames that are RAM: of several types at a place the highest counts."""
    numbers: dict[int, int] = {}
    for entry in map_.entries:
        number = (
            efi.to_e820(entry.type, 0xF) if map_.name == "efi" else e820.type_number(entry.type)
        )
        for frame in frames(entry):
            numbers[frame] = max(number or 0, numbers.get(frame, 0))
    return (frame for frame, number in numbers.items() if number == e820.RAM)


def test_a_sound_e820_map_is_written_entry_by_entry() -> None:
    map_ = of_pages("e820_firmware", [(0, 2, 0), (2, 2, 0), (4, 1, 1), (9, 1, 1)])
    lines = WRITERS["e820"].write(map_, "x86_64").decode().splitlines()
    assert len(lines) == 1 + 4


@pytest.mark.parametrize("type_", ["type_1", "type_0000000020", "type_4294967296", "type_"])
@pytest.mark.parametrize("again", [False, True])
def test_a_type_that_no_form_has_is_no_e820_type(type_: str, again: bool) -> None:
    assert e820.type_number(type_) is None
    entries = [Entry(0, 0xFFF, type_), Entry(0x1000, 0x1FFF, "usable")]
    map_ = Map("e820_firmware", 0, tuple(entries[::-1] if again else entries))
    with pytest.raises(UsageError, match=f"entries of type {type_}, which has no e820 number"):
        WRITERS["e820"].write(map_, "x86_64")


def test_unknown_stays_unknown_where_entries_overlap() -> None:
    entries = (Entry(0, 0x1FFF, "unknown"), Entry(0x1000, 0x3FFF, "usable"))
    lines = WRITERS["iomem"].write(Map("sysfs_memmap", 0, entries), "x86_64").decode()
    assert lines == "00000000-00001fff : Unknown E820 type\n00002000-00003fff : System RAM\n"


DOM0 = "Xen: [mem 0x0000000000000000-0x000000000009ffff] usable\n"
LMB = (
    "DRAM bank   = 0x0000000000000000\n-> start    = 0x0000000040000000\n"
    "-> size     = 0x0000000040000000\n"
    "reserved.count = 0x1\nreserved[0] [0x40000000-0x400fffff], 0x100000 bytes flags: none\n"
)


@pytest.mark.parametrize("to", ["e820", "iomem"])
@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        (DOM0, "xen_dom0", "its addresses are pseudo-physical"),
        (LMB, "lmb_reserved", "it lists reservations"),
    ],
)
def test_what_is_no_map_of_ram_is_shown_and_not_written(
    to: str, text: str, name: str, why: str, cli, tmp_path: Path
) -> None:
    (tmp_path / "log").write_text(text)
    how = ("memmap", "--map", name, tmp_path / "log")
    shown = cli(*how)
    assert (shown.code, shown.err) == (0, "")
    assert name in shown.out
    got = cli(*how, "--to", to)
    assert (got.code, got.out) == (2, "")
    assert why in got.err
    assert cli(*how, "--next-cmdline", "mem=1G").code == 2


def test_a_map_of_which_nothing_is_left_is_not_written(cli, tmp_path: Path) -> None:
    root = fdt.Node("", children=[fdt.Node("reserved-memory", children=[fdt.Node("a")])])
    cells = [fdt.Property(f"#{n}-cells", (2).to_bytes(4, "big"), 0) for n in ("address", "size")]
    root.properties, root.children[0].properties = cells, [*cells, fdt.Property("ranges", b"", 0)]
    reg = fdt.Property("reg", (1 << 20).to_bytes(8, "big") * 2, 0)
    root.children[0].children[0].properties = [reg]
    (tmp_path / "dtb").write_bytes(fdt.build(root))
    assert cli("memmap", tmp_path / "dtb").code == 0
    got = cli("memmap", tmp_path / "dtb", "--to", "iomem")
    assert (got.code, got.out) == (2, "")
    assert "nothing of devicetree" in got.err


def test_a_tree_that_would_be_read_as_another_is_refused() -> None:
    """Only a document from elsewhere has such levels."""
    levels = [Entry(0, 0xFFF, "System RAM", {"depth": 3}), Entry(0x1000, 0x1FFF, "x", {"depth": 5})]
    with pytest.raises(UsageError, match="take it for another map"):
        WRITERS["iomem"].write(Map("iomem", 0, tuple(levels)), "x86_64")
    many = tuple(Entry(n << 13, (n << 13) + 0xFFF, "usable") for n in range(5000))
    with pytest.raises(UsageError, match=r"no reader would take it: line 40\d\d: more than 4096"):
        WRITERS["e820"].write(Map("e820_firmware", 0, many), "x86_64")


SOURCE = """/dts-v1/;
/memreserve/ 0x40000000 0x10000;
/ {
    #address-cells = <2>; #size-cells = <2>;
    memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x40000000>; };
    cpus { cpu@0 { compatible = "arm,cortex-a57"; }; };
    reserved-memory {
        #address-cells = <2>; #size-cells = <2>; ranges;
        a@50000000 { reg = <0 0x50000000 0 0x1000>; no-map; };
    };
    chosen { linux,usable-memory-range = <0 0x40000000 0 0x20000000>; };
};
"""


def test_reservations_of_a_device_tree_are_written_too(cli, tmp_path: Path) -> None:
    """They were lost, and a page of them was RAM to who read the text."""
    (tmp_path / "tree").write_text(SOURCE)
    got = cli("memmap", "--to", "iomem", tmp_path / "tree")
    assert got.out == (
        "40000000-4fffffff : System RAM\n"
        "  40000000-4000ffff : reserved\n"
        "50000000-50000fff : reserved\n"
        "50001000-5fffffff : System RAM\n"
    )
    (tmp_path / "iomem").write_text(got.out)
    (tmp_path / "list").write_text("0x40001 0x41000 0x50000 0x50001 0x60000\n")
    runs = []
    for name in ("tree", "iomem"):
        how = ["--memmap", tmp_path / name] + ["--iomem-of", "next"] * (name == "iomem")
        document = cli("validate", "--json", tmp_path / "list", *how).json
        runs.append([(run["first"], run["verdict"]) for run in document["runs"]])
    assert runs[0] == runs[1]
    assert [verdict for _, verdict in runs[0]] == [
        "in-use", "replays", "firmware", "replays", "not-ram",
    ]  # fmt: skip
    # Who chooses one map gets that one.
    got = cli("memmap", "--to", "iomem", "--map", "devicetree", tmp_path / "tree")
    assert got.out == "40000000-7fffffff : System RAM\n"


@pytest.mark.usefixtures("toys")
def test_reservations_are_written_by_every_form_that_shows_them(cli, tmp_path: Path) -> None:
    (tmp_path / "tree").write_text(SOURCE)
    assert cli("memmap", "--to", "toy-map", tmp_path / "tree").out == (
        "toy: 40000000..4fffffff System RAM\ntoy: 40000000..4000ffff reserved\n"
        "toy: 50000000..50000fff reserved\ntoy: 50001000..5fffffff System RAM\n"
    )


def test_a_name_decides_nothing(cli, tmp_path: Path) -> None:
    """A node may be called as hwpkho labels a descriptor that memblock never sees."""
    path = tmp_path / "map.json"
    node = {"node": "a, no memory", "no-map": True}
    ram = {"start": 0x40000000, "end": 0x7FFFFFFF, "type": "memory", "attributes": {}}
    taken = {"start": 0x50000000, "end": 0x5000FFFF, "type": "reserved", "attributes": node}
    maps = [
        {"name": "devicetree", "boot": 0, "entries": [ram]},
        {"name": "reserved_memory", "boot": 0, "entries": [taken]},
    ]
    path.write_text(json.dumps({"schema": "hwpkho.memmap/1", "arch": "arm64", "maps": maps}))
    assert cli("memmap", "--to", "iomem", path).out == (
        "40000000-4fffffff : System RAM\n"
        "50000000-5000ffff : reserved\n"
        "50010000-7fffffff : System RAM\n"
    )
