"""EFI tables of poisoned memory that are written, read again."""

from __future__ import annotations

import io
import json
from array import array
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi.efi_poisoned import Header, bitmap_layout
from hwpkho.badpages.formats.efi_table import FORM, of_table
from hwpkho.badpages.model import BadPages, Loss
from hwpkho.badpages.registry import Writing
from hwpkho.base.listing import of_runs
from hwpkho.base.pfnset import pfn_set, union
from hwpkho.efi import reader, write
from hwpkho.errors import UsageError
from hwpkho.images.elf import open_elf
from hwpkho.images.files import HeldBytes
from tests.support import efi
from tests.support.examples import some, times

if TYPE_CHECKING:
    from pathlib import Path

    from hwpkho.efi.model import PoisonTable

UNIT = 2 << 20
LAYOUTS = {"A": "list", "B": "bitmap-base", "D": "bitmap-base", "C": "bitmap"}


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A table that the reader takes: any layout, unit, base and size, odd ones, and entries."""
    layout = draw(st.sampled_from(["list", "bitmap", "bitmap-base"]))
    if layout == "list":
        pages = draw(st.lists(st.integers(0, 1 << 20), max_size=20))
        sizes = st.sampled_from([0, 4096, 65536, UNIT])
        return efi.node([(p << 12, draw(sizes)) for p in pages])
    unit = 1 << draw(st.integers(12, 31))
    size = draw(st.integers(1, 40))
    if layout == "bitmap":
        size = -(-size // 8) * 8
    base = draw(st.integers(0, 9)) * unit if layout == "bitmap-base" else 0
    bitmap = draw(st.binary(min_size=size, max_size=size))
    header = Header(1, unit, base, size)
    return bitmap_layout(layout).build(header) + bitmap


def _read(raw: bytes, layout: str | None = None) -> PoisonTable:
    """Read a table, in the layout that it was made in where its bytes fit both."""
    file = HeldBytes("t", memoryview(raw))
    try:
        return reader.read_file(file, layout)
    except reader.AmbiguousLayoutError:
        return reader.read_file(file, "bitmap" if len(raw) % 8 == 0 else "bitmap-base")


def _written(pages: BadPages, **how: Any) -> tuple[PoisonTable, Loss]:
    """Write a table and read it again: as an image where it has an address."""
    out = io.BytesIO()
    loss = FORM.write(pages, out, Writing(**how)) or Loss()
    held = HeldBytes("t", memoryview(out.getvalue()))
    if "at" in how:
        return reader.read_at(open_elf(held), how["at"], page_size=pages.page_size), loss
    return reader.read_file(held, how.get("layout", "bitmap-base")), loss


@pytest.mark.parametrize("path", sorted((efi.EFI / "tables").glob("*.out.json")))
def test_what_is_expected_of_single_tables(
    path: Path, cli, tmp_path: Path, subtests: pytest.Subtests
):
    out = json.loads(path.read_text())
    (tmp_path / "list").write_text("".join(f"{a:#x}-{b:#x}\n" for a, b in out["pfns"]))
    unit = ["--unit", out["unit"]] if "unit" in out else []
    for command in ("list", "encode"):
        with subtests.test(command):
            got = cli(command, tmp_path / "list", "--to", "efi-table", "--layout", out["layout"],
                      *unit, "--page-size", out["page_size"], "-f",
                      "-o", tmp_path / "t")  # fmt: skip
            assert got.code == 0, got.err
            assert (tmp_path / "t").read_bytes().hex() == out["expect"]
            if "good_pages_lost" in out:
                assert f"{out['good_pages_lost']} good pages" in got.err


@pytest.mark.parametrize("name", some([n for n in efi.NAMES if not n.startswith("a")], 3))
def test_a_real_table_is_written_again(name: str, cli, tmp_path: Path, subtests: pytest.Subtests):
    """decode → list → write gives the bytes that a real kernel had, by the same geometry."""
    truth = efi.truth(name)
    path, layout = efi.unpack(name, tmp_path), LAYOUTS[truth["layout"][0]]
    # Else the list of a handover counts, if there is one.
    here = ["--page-size", truth["page_size"], "--efi-table", truth["table_phys"]]
    for command in ("list", "encode", "merge"):
        with subtests.test(command):
            got = cli(command, path, *here, "--to", "efi-table", "--layout", layout, "-f",
                      "-o", tmp_path / "t")  # fmt: skip
            assert got.code == 0, got.err
            assert "good pages" not in got.err
            raw = (tmp_path / "t").read_bytes()
            # Generation b wrote 38 bytes; what is written today are whole words.
            head, size = {"bitmap": 16, "bitmap-base": 24}[layout], truth["size"]
            was = bytes.fromhex(truth["table_hex"])
            assert raw[: head - 8] == was[: head - 8]
            assert int.from_bytes(raw[head - 8 : head], "little") == -(-size // 8) * 8
            assert raw[head:] == was[head : head + size].ljust(-(-size // 8) * 8, b"\0")


@pytest.mark.parametrize(
    ("iomem", "arch", "layout", "base", "size"),
    [
        ("iomem-x86-512m.txt", "x86_64", "bitmap-base", 0, 192),
        ("iomem-x86-512m.txt", "x86_64", "bitmap", 0, 32),
        ("iomem-x86-2816m.txt", "x86_64", "bitmap-base", 0, 304),
        ("iomem-x86-2816m.txt", "x86_64", "bitmap", 0, 304),
        ("iomem-arm64-4k.txt", "arm64", "bitmap-base", 0x4000000, 96),
        ("iomem-arm64-4k.txt", "arm64", "bitmap", 0, 96),
    ],
)
def test_the_geometry_is_that_of_the_real_stubs(iomem, arch, layout, base, size, cli, tmp_path):
    (tmp_path / "list").write_text("0x5000\n")
    args = ["--memmap", efi.EFI / iomem, "--arch", arch, "--layout", layout, "-o", tmp_path / "t"]
    assert cli("list", tmp_path / "list", "--to", "efi-table", *args).code in (0, 1)
    shown = cli("decode", "--json", "--from", "efi-table", "--layout", layout, tmp_path / "t").json
    (found,) = shown["efi_poisoned_memory"]
    assert (found["phys_base"] or 0, found["size"], found["unit_size"]) == (base, size, UNIT)


@given(
    st.lists(st.tuples(st.integers(0, 1 << 12), st.integers(0, 600)), max_size=10),
    st.sampled_from(["bitmap", "bitmap-base"]),
    st.sampled_from([None, 1 << 16, 1 << 21, 1 << 30]),
    st.sampled_from([4096, 16384, 65536]),
    st.integers(0, 8),
)
@times(2)
def test_decode_reads_what_was_written(steps, layout, unit, page_size, base):
    runs, at = [], 0
    for gap, length in steps:
        runs.append((at + gap, at + gap + length))
        at += gap + length + 2
    bad = pfn_set(of_runs(runs))
    size = unit or UNIT
    start = base * size if layout == "bitmap-base" else 0
    wanted = write.TableOptions(layout, unit, start)
    header = write.geometry(wanted, bad, page_size)
    made = write.bitmap(bad, header, layout, page_size)
    found = reader.read_file(HeldBytes("t", memoryview(made.raw)), layout)
    assert found.header == header
    per, first = size // page_size, start // page_size
    inside = {p for a, b in runs for p in range(a, b + 1) if p >= first}
    units = {(p - first) // per for p in inside}
    assert {u for a, b in found.set_units() for u in range(a, b)} == units
    assert made.left == bad.pages() - len(inside)
    assert made.good_pages == len(units) * per - len(inside)
    assert header.size % 8 == 0


@given(tables(), st.sampled_from([4096, 16384, 65536]), st.booleans())
@times(4)
def test_a_table_that_is_read_is_written_by_unit(raw: bytes, page_size: int, image: bool):
    """decode(write(x)) = x by unit: no page more, none less, on the grid that it has."""
    table = _read(raw)
    pages = of_table(table, page_size)
    assert table.layout is not None
    how = {"at": 0x7F000018} if image and (table.header is None or page_size <= UNIT) else {}
    if table.header is not None and table.header.unit_size < page_size:
        with pytest.raises(UsageError, match="takes a power of two"):
            _written(pages, unit=table.header.unit_size, layout=table.layout, **how)
        return
    if table.header is None and (image or len(pages.pfns) <= 255):
        how = {"at": 0x7F000018} if image else {}
        again, loss = _written(pages, layout="list", **how)
        assert pfn_set(again.pages(page_size)).listing().array() == pages.pfns.array()
        assert loss == Loss()
        return
    if table.header is None:
        return
    for layout in ("bitmap", "bitmap-base"):
        again, loss = _written(pages, layout=layout, **how)
        assert loss == Loss()
        assert list(again.ranges()) == list(table.ranges())
        assert again.header is not None
        assert again.header.unit_size == table.header.unit_size
        if layout == table.layout or not table.header.phys_base:
            assert list(again.set_units()) == list(table.set_units())
            assert again.header.phys_base == table.header.phys_base
            assert again.header.size == -(-table.header.size // 8) * 8


@given(st.lists(tables(), min_size=1, max_size=4), st.sampled_from([4096, 16384, 65536]))
@times(4)
def test_tables_are_brought_to_one_grid(raws: list[bytes], page_size: int):
    """The coarsest unit wins, nothing bad is lost, and what is taken along is counted."""
    lists = [of_table(_read(raw), page_size) for raw in raws]
    bad = union(x.pfns for x in lists)
    pages = BadPages(
        "all", bad.listing(), page_size, tables=tuple(t for x in lists for t in x.tables)
    )
    headers = [t.header for t in pages.tables if t.header is not None]
    again, loss = _written(pages)
    assert again.header is not None
    unit = max([h.unit_size for h in headers] or [UNIT])
    assert again.header.unit_size == max(unit, page_size)
    assert loss.bad_pages_left == 0
    got = pfn_set(again.pages(page_size))
    assert not bad - got
    per, first = again.header.unit_size // page_size, again.header.phys_base // page_size
    touched = {(p - first) // per for a, b in bad for p in (*range(a, b, per), b)}
    assert {u for a, b in again.set_units() for u in range(a, b)} == touched
    assert loss.good_pages == got.pages() - bad.pages()
    # No part of memory that a table covered is uncovered in the result.
    for h in headers:
        assert again.header.phys_base <= h.phys_base
        assert h.end <= again.header.end


@given(st.sets(st.integers(0, 1 << 36), max_size=300), st.sampled_from([4096, 16384, 65536]))
def test_a_node_is_read_as_written(pfns: set[int], page_size: int):
    bad = pfn_set(array("Q", pfns))
    made = write.one_node(bad, page_size)
    found = reader.read_file(HeldBytes("t", memoryview(made.raw)))
    assert list(found.pages(page_size)) == sorted(pfns)[:255]
    assert (made.left, made.good_pages) == (max(0, len(pfns) - 255), 0)


@pytest.mark.parametrize("layout", ["list", "bitmap", "bitmap-base"])
@pytest.mark.parametrize("at", [0x7FB74018, 0x1000, 0x7FFFFFF0])
def test_an_image_is_found_again_in(layout: str, at: int, cli, tmp_path: Path):
    pfns = [0x5001, *range(0x6000, 0x6000 + 600, 2)]
    (tmp_path / "list").write_text("".join(f"{p:#x}\n" for p in pfns))
    got = cli("list", tmp_path / "list", "--to", "efi-table", "--layout", layout, "--at", hex(at),
              "-o", tmp_path / "t.elf")  # fmt: skip
    assert got.code == 0, got.err
    shown = cli("decode", "--json", tmp_path / "t.elf")
    (found,) = shown.json["efi_poisoned_memory"]
    assert (found["phys"], found["layout"], found["layout_sure"]) == (at, layout, True)
    assert shown.code == 0
    listed = [int(x, 16) for x in cli("list", "--pfns", tmp_path / "t.elf").out.split()]
    assert set(pfns) <= set(listed)
    assert layout != "list" or listed == pfns
    nodes = found["nodes"]
    assert nodes is None or [n["count"] for n in nodes] == [0, 46, 255]


def test_what_lies_outside_is_left_out(cli, tmp_path: Path):
    (tmp_path / "list").write_text("0x10 0x50001 0x99999999\n")
    args = ["--memmap", efi.EFI / "iomem-arm64-4k.txt", "--arch", "arm64"]
    got = cli("list", tmp_path / "list", "--to", "efi-table", *args, "-o", tmp_path / "t")
    assert got.code == 1
    assert "2 bad pages are left out" in got.err
    assert cli("list", "--pfns", "--from", "efi-table", tmp_path / "t").out.startswith("0x50000\n")


def test_memory_that_a_driver_has_is_in_the_bitmap(cli, tmp_path: Path):
    """The stub counts any descriptor; a window of a bus, and what is in it, has none."""
    (tmp_path / "list").write_text("0x50000\n")
    (tmp_path / "iomem").write_text(
        "40000000-7fffffff : System RAM\n"
        "100000000-1ffffffff : Soft Reserved\n"
        "  100000000-1ffffffff : dax0.0\n"
        "8000000000-ffffffffff : PCI Bus 0000:00\n"
        "  8000000000-8000003fff : 0000:00:01.0\n"
    )
    args = ["--memmap", tmp_path / "iomem", "--arch", "arm64", "-o", tmp_path / "t"]
    cli("list", tmp_path / "list", "--to", "efi-table", *args)
    shown = cli("decode", "--json", "--from", "efi-table", tmp_path / "t").json
    (found,) = shown["efi_poisoned_memory"]
    assert (found["phys_base"], found["size"]) == (1 << 30, (7 << 30) // UNIT // 8)


def test_a_table_cannot_be_larger_than_any_stub_makes():
    bad = pfn_set(array("Q", [1 << 51]))
    with pytest.raises(UsageError, match="give --unit"):
        write.geometry(write.TableOptions("bitmap-base", unit=4096), bad, 4096)


def test_the_unit_of_a_large_machine_doubles():
    memory = [(0, 64 << 40, True)]
    header = write.geometry(write.TableOptions("bitmap", memory=memory), pfn_set(()), 4096)
    assert (header.unit_size, header.size) == (8 << 20, 1 << 20)
    header = write.geometry(write.TableOptions("bitmap-base", memory=memory), pfn_set(()), 4096)
    assert (header.unit_size, header.size) == (UNIT, 4 << 20)


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--unit", "3M"], "takes a power of two"),
        (["--unit", "2048"], "takes a power of two"),
        (["--unit", "4096", "--page-size", "16384"], "takes a power of two"),
        (["--phys-base", "0x1000"], "not a multiple of the unit"),
        (["--layout", "bitmap", "--phys-base", "2M"], "begins at address 0"),
        (["--layout", "list", "--unit", "2M"], "has no units"),
        (["--at", "0x1001"], "not a multiple of 8"),
        (["--at", "0x1ff8", "--layout", "list"], "across two pages"),
        (["--at", "0xfffffffffffff000"], "reaches past the end"),
    ],
)
def test_what_no_kernel_takes_is_not_written(args, why, cli, tmp_path: Path):
    (tmp_path / "list").write_text("0x5000\n")
    got = cli("list", tmp_path / "list", "--to", "efi-table", *args, "-o", tmp_path / "t")
    assert (got.code, why in got.err) == (2, True), got.err
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("command", ["list", "encode"])
@pytest.mark.parametrize("args", [["--unit", "2M"], ["--phys-base", "0"], ["--layout", "list"]])
def test_options_of_the_table_are_for_it_alone(command, args, cli, tmp_path: Path):
    (tmp_path / "list").write_text("0x5000\n")
    got = cli(command, tmp_path / "list", "--to", "json", *args, "-o", tmp_path / "t")
    assert (got.code, "has no effect" in got.err) == (2, True)
