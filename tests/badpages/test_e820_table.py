"""The machine's e820 table with the pages of a list unusable."""

from __future__ import annotations

import io
import json
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages import registry
from hwpkho.badpages.model import BadPages, Loss
from hwpkho.badpages.registry import Asked, Writing
from hwpkho.base.listing import of_runs
from hwpkho.images.files import HeldBytes
from hwpkho.memmap import e820
from tests.support import FIXTURES
from tests.support.captures import CAPTURES
from tests.support.examples import times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.program import Result

    Cli = Callable[..., Result]

SMALL = CAPTURES / "x86-structv1-small"
Table = tuple[tuple[int, int, int], ...]

#: Tables of some pages, with holes, parts of pages and all types.
TABLES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(1, 24),
        st.sampled_from([0, 0, 0x400]),
        st.sampled_from([1, 1, 1, 2, 3, 5, 12]),
    ),
    min_size=1,
    max_size=6,
)


def table_of(parts: list[tuple[int, int, int, int]]) -> Table:
    slots, at = [], 0
    for gap, size, cut, type_ in parts:
        at += gap << 12
        end = at + (size << 12) - cut
        slots.append(e820.Slot(at, end - at, type_))
        at = end
    return tuple((s.start, s.size, s.type) for s in e820.sanitize(slots))


def entries(raw: bytes) -> Table:
    assert len(raw) % 20 == 0
    return tuple(struct.iter_unpack("<QQI", raw))


def written(
    table: Table, runs: list[tuple[int, int]], max_loss: int = 0, budget: int | None = None
) -> tuple[Table, Loss]:
    out = io.BytesIO()
    pages = BadPages("x", of_runs(runs), 4096, "x86_64")
    writer = registry.writer("e820-entries")
    loss = writer.write(pages, out, Writing(max_loss, budget, table))
    return entries(out.getvalue()), loss or Loss()


def bytes_of(table: Table, type_: int) -> set[int]:
    """Return the KiB of a type."""
    return {k for a, n, t in table if t == type_ for k in range(a >> 10, (a + n) >> 10)}


@given(
    TABLES,
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 3)), max_size=12),
    st.integers(0, 9),
    st.none() | st.integers(0, 20),
)
@times(2)
def test_only_ram_changes_and_what_is_lost_is_stated(parts, spans, max_loss, more) -> None:
    table = table_of(parts)
    runs = [(a, a + n) for a, n in spans]
    bad = {p for a, b in runs for p in range(a, b + 1)}
    budget = None if more is None else len(table) + more
    got, loss = written(table, runs, max_loss, budget)
    assert len(got) <= (128 if budget is None else budget)
    ram, unusable = bytes_of(table, e820.RAM), bytes_of(got, e820.UNUSABLE)
    new = unusable - bytes_of(table, e820.UNUSABLE)
    assert bytes_of(got, e820.RAM) == ram - new
    assert new <= ram
    for type_ in (2, 3, 12):
        assert bytes_of(got, type_) == bytes_of(table, type_)
    # As a reader of the map sees it: any part of a page makes it a bad one.
    marked = {k >> 2 for k in new} | {k >> 2 for k in unusable} & bad
    assert len(bad - marked) == loss.bad_pages_left
    assert len({k >> 2 for k in new} - bad) == loss.good_pages <= max_loss
    if budget is None:
        assert bad - marked == {p for p in bad if not {k >> 2 for k in ram | unusable} & {p}}
    elif loss.bad_pages_left and bad & {k >> 2 for k in ram} - marked:
        assert len(got) >= budget - 1, "no room for another run"


@given(TABLES, st.lists(st.tuples(st.integers(0, 120), st.integers(0, 3)), min_size=1, max_size=9))
@times(0.5)
def test_a_written_table_is_read_back(parts, spans) -> None:
    table = table_of(parts)
    runs = [(a, a + n) for a, n in spans]
    bad = {p for a, b in runs for p in range(a, b + 1)}
    out = io.BytesIO()
    pages = BadPages("x", of_runs(runs), 4096, "x86_64")
    loss = registry.writer("e820").write(pages, out, Writing(0, None, table))
    found = registry.reader("e820").read(
        HeldBytes("x", memoryview(out.getvalue())), Asked(page_size=4096, maps=True)
    )
    before = {k >> 2 for k in bytes_of(table, e820.UNUSABLE)}
    assert set(found.pfns) - before <= bad
    assert len(bad - set(found.pfns)) == (loss or Loss()).bad_pages_left


def test_forms_say_the_same(cli: Cli, tmp_path: Path, subtests: pytest.Subtests) -> None:
    (tmp_path / "bad").write_text("0x8b3 0x979-0x980 0x9f\n")
    texts = {}
    forms = ("e820", "e820-entries", "setup-data")
    for form in forms:
        with subtests.test(form):
            args = ("--to", form, "--memmap", SMALL / "iomem.txt", "-o", tmp_path / form)
            got = cli("list", tmp_path / "bad", *args)
            assert got.code == 0, got.err
            again = cli("list", "--json", tmp_path / form)
            assert again.json["form"] == "e820"
            assert again.json["pfns"] == [0x9F, 0x8B3, [0x979, 0x980]]
            shown = cli("memmap", "--json", tmp_path / form).json["maps"][0]
            texts[form] = [(e["start"], e["end"], e["type"]) for e in shown["entries"]]
            assert (0x9F000, 0x9FBFF, "unusable") in texts[form]
    assert texts == dict.fromkeys(forms, texts.get("e820"))
    node = (tmp_path / "setup-data").read_bytes()
    size = len(node) - 16
    assert struct.unpack_from("<QII", node) == (0, 1, size)
    assert node[16:] == (tmp_path / "e820-entries").read_bytes()


@pytest.mark.parametrize("type_", ["type 4294967296", "type 9999999999"])
def test_a_type_of_more_than_32_bits_is_a_damaged_line(
    type_: str, cli: Cli, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    lines = cli("memmap", "--to", "e820", SMALL / "iomem.txt").out.splitlines(keepends=True)
    log = tmp_path / "log"
    log.write_text("".join([*lines[:3], lines[3].replace("reserved", type_), *lines[4:]]))
    assert type_ in log.read_text()
    (tmp_path / "bad").write_text("0x8b3\n")
    for form in ("e820", "e820-entries", "setup-data"):
        with subtests.test(form):
            args = ("--to", form, "--memmap", log, "-o", tmp_path / form)
            got = cli("list", tmp_path / "bad", *args)
            assert (got.code, got.err.count("\n")) == (3, 1), got.err
            assert "cannot show: line 4" in got.err


@pytest.mark.parametrize("command", ["merge", "encode"])
def test_merge_and_encode_write_it_too(command: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("0x8b3\n")
    how = ("--to", "e820", "--memmap", SMALL / "iomem.txt")
    one, other = (cli(c, tmp_path / "bad", *how) for c in (command, "list"))
    assert one.code == 0, one.err
    assert one.out == other.out
    assert "0x00000000008b3000-0x00000000008b3fff] unusable" in one.out


def test_the_firmware_s_table_is_written_where_there_is_one(
    cli: Cli, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    (tmp_path / "bad").write_text("0x8b3\n")
    for source in ("dmesg.txt", "sys-firmware-memmap"):
        with subtests.test(source):
            got = cli("list", tmp_path / "bad", "--to", "e820", "--memmap", SMALL / source)
            assert got.code == 0, got.err
            plain = cli("memmap", "--to", "e820", SMALL / source).out.splitlines()
            assert len(set(got.out.splitlines()) - set(plain)) == 3, "split in three"
            assert len(set(plain) - set(got.out.splitlines())) == 1


def test_what_is_no_ram_is_left_as_it_is(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("0x8b3 0x1ffe0 0x999999\n")
    how = ("--to", "e820", "--memmap", SMALL / "iomem.txt")
    got = cli("list", tmp_path / "bad", *how)
    assert got.code == 1
    assert "2 bad pages are left out" in got.err
    assert got.out.count("unusable") == 1


def test_budgets(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("\n".join(hex(0x1000 + 4 * n) for n in range(200)))
    how = ("--to", "e820", "--memmap", SMALL / "iomem.txt")
    got = cli("list", tmp_path / "bad", *how)
    assert got.code == 1
    assert 127 <= got.out.count("BIOS-e820") <= 128
    joined = cli("list", tmp_path / "bad", *how, "--max-loss", 1000)
    assert joined.code == 0
    assert 127 <= joined.out.count("BIOS-e820") <= 128
    assert cli("list", tmp_path / "bad", *how, "--budget", 1000).code == 0
    small = cli("list", tmp_path / "bad", *how, "--budget", 3)
    assert (small.code, small.out) == (2, "")
    assert "own table has 8 entries" in small.err


@pytest.mark.parametrize("form", ["e820", "setup-data"])
def test_what_has_no_such_table_is_refused(
    form: str, cli: Cli, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    (tmp_path / "bad").write_text("0x40100\n")
    arm = FIXTURES / "captures" / "arm64-4k-B" / "iomem.txt"
    arguments = [
        ("--memmap", arm, "--arch", "arm64"),
        ("--memmap", SMALL / "iomem.txt", "--next-cmdline", "mem=1G"),
        ("--memmap", SMALL / "iomem.txt", "--page-size", "65536"),
        (),
    ]
    for args in arguments:
        with subtests.test(str(args)):
            got = cli("list", tmp_path / "bad", "--to", form, *args, "-o", tmp_path / "out")
            assert got.code in (2, 3)
            assert got.out == ""
            assert len([x for x in got.err.splitlines() if "assumed" not in x]) == 1, got.err
            assert not (tmp_path / "out").exists()


def test_a_map_with_lost_lines_is_not_written_as_if_it_were_whole(cli: Cli, tmp_path: Path) -> None:
    lines = cli("memmap", "--to", "e820", SMALL / "iomem.txt").out.splitlines(keepends=True)
    broken = [line.replace("usable\n", "us%\n") if "fbff" in line else line for line in lines]
    (tmp_path / "log").write_text("".join(broken))
    (tmp_path / "bad").write_text("0x8b3\n")
    got = cli("list", tmp_path / "bad", "--to", "e820", "--memmap", tmp_path / "log")
    assert (got.code, got.out) == (3, "")
    assert "has lost lines, which" in got.err


def test_json_counts_what_is_lost(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("0x8b3 0x999999\n")
    how = ("--memmap", SMALL / "iomem.txt", "--to", "setup-data", "-o", tmp_path / "out")
    got = cli("list", tmp_path / "bad", *how, "--json")
    assert got.code == 1
    assert json.loads(got.out)["loss"] == {"good_pages": 0, "bad_pages_left": 1}
