"""Lists as other programs read them: checked by how GRUB and the kernel read, and read back."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages import blocks, registry
from hwpkho.badpages.model import BadPages, Loss, Mention
from hwpkho.badpages.registry import Asked, Writing
from hwpkho.base.listing import Listing, of_runs
from hwpkho.base.pfnset import pfn_set
from hwpkho.errors import UsageError
from hwpkho.images.files import HeldBytes
from tests.support import ROOT, boot_readers, neighbours, schemas
from tests.support.examples import times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.program import Result

    Cli = Callable[..., Result]

SAMPLES = sorted((ROOT / "fixtures" / "neighbours").rglob("*.out.json"))
#: Folder of samples → the form that is written.
FORMS = {
    "memmap-cmdline": "memmap",
    "grub-badram": "badram",
    "grub-cutmem": "cutmem",
    "bcdedit": "bcdedit",
    "sysfs-offline": "offline-script",
}
RUNS = st.lists(st.tuples(st.integers(0, 1 << 24), st.integers(0, 40)), max_size=30)
#: Close together, so that there are neighbours and blocks.
NEAR = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 6)), max_size=30)


def written(
    form: str, pfns: Listing, how: Writing = registry.AS_IT_IS, **more: Any
) -> tuple[str, tuple[int, int]]:
    """Return what a form says of a list, and what it lost."""
    out = io.BytesIO()
    pages = BadPages("x", pfns, **{"page_size": 4096, **more})
    loss = registry.writer(form).write(pages, out, how) or Loss()
    return out.getvalue().decode(), (loss.good_pages, loss.bad_pages_left)


def back(form: str, text: str, page_size: int = 4096) -> set[int]:
    """Return the pages that hwpkho's own reader of a form finds in a text."""
    asked = Asked(page_size=page_size)
    found = registry.reader(form).read(HeldBytes("x", memoryview(text.encode())), asked)
    return set(found.pfns)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda p: f"{p.parent.name}-{p.name}")
def test_samples(sample: Path, cli: Cli, tmp_path: Path) -> None:
    want = json.loads(sample.read_text())
    (tmp_path / "list").write_text("\n".join(f"{a:#x}-{b:#x}" for a, b in want["pfns"]))
    args = ["--to", FORMS[want["form"]], "--page-size", want["page_size"]]
    args += ["--arch", want["arch"]] if want.get("arch") else []
    got = cli("list", tmp_path / "list", *args)
    if want.get("refuse"):
        assert (got.code, got.out, len(got.err.splitlines())) == (2, "", 1)
        return
    if want.get("must_warn"):
        assert got.code == 1
        return
    assert got.code == 0, got.err
    lines = [line for line in got.out.splitlines() if not line.startswith("#")]
    right = [want["expect"], *want.get("also", [])]
    if want.get("case_insensitive"):
        lines, right = [x.lower() for x in lines], [x.lower() for x in right]
    assert " ".join(lines) in right


@given(RUNS | NEAR, st.integers(0, 30), st.integers(7, 300))
@times(2)
def test_memmap_as_the_kernel_reads_it(runs, max_loss, budget) -> None:
    pfns = of_runs((a, a + n) for a, n in runs)
    bad = set(pfns)
    text, (good, left) = written("memmap", pfns, Writing(max_loss, budget))
    if text.startswith("#"):
        assert left == len(bad)
        return
    assert text.endswith("\n")
    line = text[:-1]
    assert len(line) <= budget
    taken = boot_readers.pages(boot_readers.command_line(line))
    assert (len(taken - bad), len(bad - taken)) == (good, left)
    assert good <= max_loss
    assert re.fullmatch(r"memmap=\d+K\$0x[0-9a-f]+(,\d+K\$0x[0-9a-f]+)*", line)
    if left:  # no item that was left out fits in
        assert len(line) + len(",40K$0x1000000000") > budget
    assert back("memmap", text) == taken
    grub, lost = written("memmap-grub", pfns, Writing(max_loss, budget))
    assert (grub, lost) == (text.replace("$", "\\\\\\$"), (good, left))
    assert back("memmap", f'GRUB_CMDLINE_LINUX="{grub.strip()}"') == taken


def test_badram_costs_no_good_page_that_saves_no_bad_one() -> None:
    """2 and 4 joined are two patterns as well, one of them with a good page."""
    text, loss = written("badram", of_runs([(2, 2), (4, 4)]), Writing(1, 1))
    assert text == "badram 0x2000,0xfffffffffffff000\n"
    assert loss == (0, 1)


@given(NEAR | RUNS, st.sampled_from([4096, 16384, 65536]))
@times(2)
def test_badram_as_grub_matches_it(runs, page_size) -> None:
    pfns = of_runs((a, a + n) for a, n in runs)
    bad = set(pfns)
    text, loss = written("badram", pfns, page_size=page_size)
    assert loss == (0, 0)
    if not bad:
        assert text.startswith("#")
        return
    found = list(boot_readers.badram(text))
    pieces = [(a // page_size, b // page_size) for a, b in found]
    taken = [p for a, b in pieces for p in range(a, b)]
    assert boot_readers.pages(found, page_size) == bad
    assert len(taken) == len(bad), "a page is matched twice"
    numbers = [int(x, 16) for x in text.split()[1].split(",")]
    assert all(mask >> 44 == (1 << 20) - 1 for mask in numbers[1::2])
    assert len(numbers) // 2 <= len(_aligned(bad))
    assert back("badram", text, page_size) == bad


def _aligned(pages: set[int]) -> list[tuple[int, int]]:
    """Return the aligned blocks of sizes that are powers of two: the largest at each place."""
    found, rest = [], set(pages)
    for order in reversed(range(24)):
        size = 1 << order
        for first in sorted(p for p in rest if p % size == 0):
            if order == 0 or rest.issuperset(range(first, first + size)):
                found.append((first, size))
                rest.difference_update(range(first, first + size))
    return found


@given(NEAR)
@times(2)
def test_no_two_blocks_are_left_that_differ_in_one_bit(runs) -> None:
    bad = pfn_set(of_runs((a, a + n) for a, n in runs))
    found = [(first, free) for free, held in blocks.blocks(bad).items() for first in held]
    for at, (first, free) in enumerate(found):
        for other, same in found[at + 1 :]:
            assert free != same or (first ^ other).bit_count() > 1


@pytest.mark.parametrize(
    ("pages", "pairs"),
    [
        ([0, 2, 8, 18], 2),  # 0 and 2 joined would leave the others alone
        ([1, 3], 1),
        ([1, 2], 2),
        ([*range(16, 31)], 4),
        ([n for n in range(64) if n.bit_count() <= 1], 6),
        ([0, 1, 2, 3, 8, 9, 10, 11], 1),
        ([5, 7, 13, 15, 21, 23, 29, 31], 1),
    ],
)
def test_blocks_are_few(pages: list[int], pairs: int) -> None:
    assert sum(map(len, blocks.blocks(pfn_set(pages)).values())) == pairs


@pytest.mark.slow
def test_a_pattern_has_no_more_holes_than_are_read() -> None:
    text, _ = written("badram", Listing(range(0, 1 << 18, 2)))
    assert back("badram", text) == set(range(0, 1 << 18, 2))


@given(NEAR, st.integers(1, 8), st.integers(0, 30))
@times(2)
def test_a_budget_of_pairs_is_filled(runs, budget, max_loss) -> None:
    pfns = of_runs((a, a + n) for a, n in runs)
    bad = set(pfns)
    text, (good, left) = written("badram", pfns, Writing(max_loss, budget))
    taken = set() if text.startswith("#") else boot_readers.pages(boot_readers.badram(text))
    assert (len(taken - bad), len(bad - taken)) == (good, left)
    assert good <= max_loss
    assert not left or text.count(",") == 2 * budget - 1


@given(RUNS | NEAR, st.none() | st.integers(1, 9), st.integers(0, 30))
@times(2)
def test_cutmem_as_grub_of_either_width_reads_it(runs, budget, max_loss) -> None:
    pfns = of_runs((a, a + n) for a, n in runs)
    bad = set(pfns)
    how = Writing(max_loss if budget else 0, budget)
    text, (good, left) = written("cutmem", pfns, how)
    for bits in (32, 64):
        taken = boot_readers.pages(boot_readers.cutmem(text, bits=bits))
        assert (len(taken - bad), len(bad - taken)) == (good, left)
    assert back("cutmem", text) == taken or not bad
    assert budget is None or len(text.splitlines()) <= budget
    assert not left or text.count("cutmem") == budget


@given(RUNS, st.none() | st.integers(40, 400), st.sampled_from([4096, 65536]))
def test_bcdedit(runs, budget, page_size) -> None:
    pfns = of_runs((a, a + n) for a, n in runs)
    bad, parts = set(pfns), page_size // 4096
    text, (good, left) = written("bcdedit", pfns, Writing(0, budget), page_size=page_size)
    assert good == 0
    if text.startswith("rem "):
        assert left == len(bad)
        return
    assert budget is None or len(text) - 1 <= budget
    call, *words = text.split(" badmemorylist ")
    assert call == "bcdedit /set {badmemory}"
    taken = {int(x, 16) for x in words[0].split()}
    assert taken == back("bcdedit", text)
    whole = {p for p in bad if all(p * parts + i in taken for i in range(parts))}
    assert len(bad - whole) == left
    assert taken == {p * parts + i for p in whole for i in range(parts)}


@given(NEAR, st.sampled_from([4096, 16384, 65536]))
def test_scripts_name_every_page_once(runs, page_size) -> None:
    pfns = of_runs((a, a + n) for a, n in runs)
    for form, target, unit in (
        ("offline-script", "/sys/devices/system/memory/hard_offline_page", page_size),
        ("inject-script", "/sys/kernel/debug/hwpoison/corrupt-pfn", 1),
    ):
        text, loss = written(form, pfns, page_size=page_size)
        assert loss == (0, 0)
        first, *lines = text.splitlines()
        assert first == "#!/bin/sh"
        if not pfns:
            assert lines == ["# no pages"]
            continue
        assert lines == [f"echo 0x{p * unit:x} > {target}" for p in sorted(set(pfns))]


def test_pages_without_an_address_are_left_out(subtests: pytest.Subtests) -> None:
    beyond = Listing([1, (1 << 52) - 1, 1 << 60])
    for form in ("memmap", "badram", "cutmem", "bcdedit", "offline-script", "inject-script"):
        with subtests.test(form):
            text, loss = written(form, beyond)
            assert loss == (0, 2)
            assert "0x1" in text


@pytest.mark.parametrize("form", ["text", "offline-script", "inject-script", "bcdedit"])
def test_a_form_without_ranges_has_a_bound(form: str, tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "cmdline").write_text("memmap=64P$0x0\n")
    got = cli("list", tmp_path / "cmdline", "--to", form, "-o", tmp_path / "out")
    assert (got.code, got.out) == (3, "")
    assert "use a form with ranges" in got.err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_table_says_what_is_known(tmp_path: Path, cli: Cli) -> None:
    said = [
        Mention(1, 2, "poisoned", "boot+3.5", "a,b", 'line "7"'),
        Mention(9, 9, "excluded", None, "=x", None),
    ]
    pages = BadPages("x", of_runs([(1, 2), (9, 9), (12, 12)]), 4096, mentions=said)
    out = io.BytesIO()
    assert registry.writer("csv").write(pages, out, registry.AS_IT_IS) is None
    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode())))
    assert [list(row.values()) for row in rows] == [
        ["1", "2", "poisoned", "boot+3.5", "a,b", 'line "7"'],
        ["9", "9", "excluded", "", "\\x3dx", ""],
        ["12", "12", "", "", "x", ""],
    ]
    (tmp_path / "cmdline").write_text("memmap=8K$0x5000")
    got = cli("list", tmp_path / "cmdline", "--to", "csv")
    assert got.out.splitlines()[1] == f"5,6,excluded,,{tmp_path}/cmdline,line 1"


_CELL = st.text("=+-@; \"',a1\uff1d", max_size=6)


@given(st.lists(st.builds(Mention, st.just(1), st.just(2), st.none(), _CELL, _CELL, _CELL)))
def test_no_cell_of_a_table_is_a_formula(said: list[Mention]) -> None:
    pages = BadPages("x", of_runs([(1, 2)]), 4096, mentions=said or [Mention(1, 2)])
    out = io.BytesIO()
    registry.writer("csv").write(pages, out, registry.AS_IT_IS)
    text = out.getvalue().decode()
    _, *rows = csv.reader(io.StringIO(text))
    for row in rows:
        for cell in ";".join(row).split(";"):
            assert not cell.lstrip().startswith(tuple("=+-@\uff1d")), text
    escape = re.compile(r"\\[xu](?P<code>(?<=x)..|(?<=u)....)")
    shown = [[escape.sub(_unescaped, cell) for cell in row[3:]] for row in rows]
    assert shown == [[m.when, m.source, m.where] for m in said] or not said


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape["code"], 16))


@pytest.mark.parametrize("form", ["memmap", "memmap-grub"])
@pytest.mark.parametrize("told", [{"arch": "arm64"}, {"page_size": 65536}, {"arch": "riscv64"}])
def test_memmap_is_of_x86(form: str, told: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="have no memmap=; badram and cutmem"):
        written(form, Listing([1]), **told)


@pytest.mark.parametrize("command", ["list", "merge", "encode"])
def test_a_map_of_arm64_has_no_memmap(command: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("0x40100\n")
    got = cli(command, tmp_path / "list", "--to", "memmap", "--arch", "arm64")
    assert (got.code, got.out, len(got.err.splitlines())) == (2, "", 1), got.err
    assert "arm64" in got.err
    assert "offline-script" in got.err


@pytest.mark.parametrize("command", ["list", "merge", "encode"])
def test_reserve_mem_is_refused_with_the_reason(command: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("0x100\n")
    got = cli(command, tmp_path / "list", "--to", "reserve_mem")
    assert (got.code, got.out) == (2, "")
    assert "cannot name an address" in got.err
    assert "use memmap" in got.err


@pytest.mark.parametrize("command", ["list", "merge", "encode"])
def test_what_is_lost_is_said_and_counted(command: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("\n".join(hex(1 << 20 | n << 4) for n in range(400)))
    args = [command, tmp_path / "list", "--to", "memmap", "--max-loss", 30]
    got = cli(*args)
    assert got.code == 1
    line = got.out.strip()
    assert 2048 - 32 < len(line) < 2048
    taken = boot_readers.pages(boot_readers.command_line(line))
    listed = {1 << 20 | n << 4 for n in range(400)}
    left, good = len(listed - taken), len(taken - listed)
    assert 0 < good <= 30
    assert f"{left} bad pages are left out" in got.err
    assert f"{good} good pages are excluded, too" in got.err
    told = cli(*args, "--json", "-o", tmp_path / "out")
    assert told.code == 1
    assert (tmp_path / "out").read_text() == got.out
    assert told.json["loss"] == {"good_pages": good, "bad_pages_left": left}
    name = told.json["schema"].split(".")[1].replace("/", "-")
    schemas.check(told.json, name)
    whole = cli(*args, "--budget", 1 << 20)
    assert whole.code == 0
    assert boot_readers.pages(boot_readers.parameters(whole.out)) == listed


def test_one_document_has_the_text_and_the_loss(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("0x100 0x102\n")
    got = cli("list", tmp_path / "list", "--to", "badram", "--json")
    assert got.code == 0
    plain = cli("list", tmp_path / "list", "--to", "badram").out
    assert (got.json["written"], got.json["loss"]) == (
        plain,
        {"good_pages": 0, "bad_pages_left": 0},
    )
    assert got.json["pfns"] == [0x100, 0x102]
    binary = ("--to", "setup-data", "--json", "--memmap", tmp_path / "list")
    assert cli("list", tmp_path / "list", *binary).code == 2
    assert cli("list", tmp_path / "list", "--json").json["written"] is None


def test_options_that_a_form_does_not_read_are_refused(
    cli: Cli, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    path = tmp_path / "list"
    path.write_text("0x100\n")
    for args in (
        ["--budget", "9"],
        ["--max-loss", "9"],
        ["--to", "text", "--budget", "9"],
        ["--to", "bcdedit", "--max-loss", "9"],
        ["--to", "csv", "--max-loss", "9"],
        ["--to", "badram", "--max-loss", "9"],
        ["--to", "cutmem", "--max-loss", "9"],
        ["--to", "e820"],
        ["--to", "memmap", "--pfns"],
        ["--to", "kernel-log"],
    ):
        with subtests.test(" ".join(args)):
            got = cli("list", path, *args)
            assert (got.code, got.out) == (2, "")
    placed = ["--at", "0x60000000", "--no-scratch", "-o", tmp_path / "x"]
    assert cli("encode", path, *placed, "--budget", 9).code == 2


def test_lists_of_larger_pages_tell_how_to_read_them(
    cli: Cli, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    (tmp_path / "list").write_text("0x10\n")
    for form, told in (("text", True), ("inject-script", True), ("csv", True), ("cutmem", False)):
        with subtests.test(form):
            got = cli("list", tmp_path / "list", "--page-size", 65536, "--to", form)
            assert got.code == 0
            assert ("say that it is 65536" in got.err) == told


def test_a_list_of_nothing(cli: Cli, tmp_path: Path, subtests: pytest.Subtests) -> None:
    (tmp_path / "list").write_text("# nothing\n")
    for name in registry.written_names():
        if "table" in registry.writer(name).takes:
            continue
        with subtests.test(name):
            if registry.writer(name).binary:
                assert cli("list", tmp_path / "list", "--to", name, "-o", tmp_path / name).code == 0
                continue
            got = cli("list", tmp_path / "list", "--to", name)
            assert got.code == 0
            assert got.out
            if name in ("csv", "json"):
                continue
            lines = got.out.splitlines()
            assert [line for line in lines if not line.startswith(("#", "rem "))] == []
            (tmp_path / name).write_text(got.out)
            if name not in ("offline-script", "inject-script"):
                assert cli("list", "--json", tmp_path / name).json["pfns"] == []


def test_text_is_called_list_as_well(cli: Cli, tmp_path: Path, subtests: pytest.Subtests) -> None:
    (tmp_path / "list").write_text("0x10 16\n")
    for command in ("list", "merge", "encode"):
        with subtests.test(command):
            one, two = (cli(command, tmp_path / "list", "--to", name) for name in ("list", "text"))
            assert one.out == two.out
            assert one.code == two.code == 0


def test_samples_of_neighbours_are_all_here() -> None:
    assert {p.parent.name for p in SAMPLES} == set(FORMS)
    assert neighbours.SAMPLES.is_dir()
