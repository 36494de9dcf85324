"""Boot settings as columns: they say what the same settings say word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages import plain_settings, registry
from hwpkho.badpages.registry import Asked
from hwpkho.badpages.sets import compare
from hwpkho.base.listing import Listing
from hwpkho.images.files import HeldBytes
from tests.support import forked
from tests.support.examples import much, some

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hwpkho.badpages.model import BadPages
    from tests.support.program import Result

    Cli = Callable[..., Result]

ITEMS = st.lists(st.tuples(st.integers(1, 64), st.integers(0, 1 << 30)), min_size=1, max_size=9)
SIZES = st.sampled_from([4096, 16384, 65536])


def said(form: str, text: str, page_size: int) -> BadPages:
    file = HeldBytes("x", memoryview(text.encode()))
    return registry.reader(form).read(file, Asked(page_size=page_size))


def same(form: str, plain: str, worded: str, page_size: int) -> None:
    one, other = said(form, plain, page_size), said(form, worded, page_size)
    assert list(one.pfns.runs()) == list(other.pfns.runs())
    assert list(one.mentions) == list(other.mentions)
    assert one.notes == other.notes


@given(ITEMS, SIZES)
def test_memmap(items, size) -> None:
    plain = ",".join(f"{kib}K$0x{at << 10:x}" for kib, at in items)
    same("memmap", f"memmap={plain}", f"memmap={plain.replace('0x', '0X')}", size)


@given(ITEMS, SIZES)
def test_cutmem(items, size) -> None:
    plain = "\n".join(f"cutmem 0x{at:x}K 0x{at + kib << 10:x}" for kib, at in items)
    same("cutmem", plain, plain.replace("cutmem", "cutmem "), size)


@given(
    st.lists(
        st.tuples(st.integers(0, (1 << 64) - 1), st.sampled_from([12, 13, 14, 16, 20])),
        min_size=1,
        max_size=9,
    ),
    SIZES,
)
def test_badram(pairs, size) -> None:
    words = [f"0x{a:x},0x{(1 << 64) - (1 << bits):x}" for a, bits in pairs]
    # A mask that ends early is no plain one; what it adds is in neither.
    odd = "0x0,0xfffffffff000"
    both = said("badram", f"badram {','.join([*words, odd])}", size)
    plain = said("badram", f"badram {','.join(words)}", size)
    assert not compare(plain.pfns, both.pfns).removed
    assert Listing(plain.pfns.first, plain.pfns.last).count <= both.pfns.count


def test_what_is_not_plain_is_left_to_the_reader_of_words() -> None:
    values = ("4K$0x1000,1M!0x0", "0K$0x1000", "4K$0x", "4k$0x1000", "4K$0xffffffffffffffff")
    assert [x for x in values if plain_settings.memmap(x, 12) is not None] == []
    values = ("0x1000", "0x1000,0", "0x1000,0x400", "0x1000,0xfffff000", "x,y")
    assert [x for x in values if plain_settings.badram(x, 12) is not None] == []
    holes = (1 << 64) - (1 << 28) | 1 << 12
    assert plain_settings.badram(",".join([f"0x1000,0x{holes:x}"] * 80), 12) is None
    lines = ("cutmem 0x2000 0x1000", "cutmem 0x1000 0x2000 #", "cutmem 0x1 0x10000000000000000")
    assert [x for x in lines if plain_settings.cutmem(x) is not None] == []


@pytest.mark.parametrize(
    ("form", "count"),
    [
        ("memmap", 9_000),
        pytest.param("memmap", 70_000, marks=pytest.mark.slow),
        pytest.param("badram", 9_000, marks=pytest.mark.slow),
        ("bcdedit", 9_000),
        *(pytest.param(form, 130_000, marks=pytest.mark.slow) for form in ("badram", "bcdedit")),
    ],
)
def test_a_long_line_is_read_to_its_end(form: str, count: int, tmp_path: Path, cli: Cli) -> None:
    """Some of 64 KiB and more, and some of more than the MiB at which logs are cut."""
    listed = "\n".join(hex(0x100000 + 3 * n) for n in range(count))
    (tmp_path / "list").write_text(listed)
    how = ["--budget", 1 << 30] if form == "memmap" else []
    out = tmp_path / "out"
    assert cli("list", tmp_path / "list", "--to", form, *how, "-o", out).code == 0
    assert max(map(len, out.read_text().splitlines())) > (1 << 20 if count > 10_000 else 1 << 16)
    assert cli("list", "--pfns", out).out.split() == listed.split()


@pytest.mark.parametrize("pieces", [1, 16, 17, 18, 34])
def test_a_long_line_without_an_end_is_read_wherever_it_is_cut(pieces, tmp_path, cli) -> None:
    """What is longer than 1 MiB comes in parts, of which the last may end where the file does."""
    path = tmp_path / "settings"
    path.write_text("memmap=4K$0x5000".ljust(pieces << 16))
    assert cli("list", "--pfns", path).out == "0x5\n"


@pytest.mark.parametrize(
    ("form", "begin", "unit", "says"),
    some(
        [
            ("memmap", "quiet memmap=4K$0x1000,", "4K$0x1000,", "more than 65536 entries"),
            ("memmap", "quiet memmap=4K$0x1000", ",4K$0x1000", "more than 2097152 entries"),
            ("memmap", "quiet ", "memmap=4K$0x1000 ", "more than 65536 settings in one line"),
            ("memmap", "memmap=", "a", "more than 40 MiB long"),
            ("badram", "badram ", "1,1,", "more than 2097152 entries"),
            ("badram", "badram ", "0x1000,0xfffff000,", "more than 262144 entries"),
            ("badram", "", "badram 1,fffff000;", "more than 65536 settings in one line"),
            ("cutmem", "", "cutmem 1G 2G;", "more than 65536 settings in one line"),
            (
                "bcdedit",
                "bcdedit /set {badmemory} badmemorylist",
                " 0x1",
                "more than 2097152 entries",
            ),
            ("bcdedit", "badmemorylist", "x", "more than 40 MiB long"),
        ],
        5,
    ),
)
def test_a_line_of_millions_of_items_is_refused_before_they_are_taken(
    form: str, begin: str, unit: str, says: str, tmp_path: Path
) -> None:
    size = (41 << 20) if "MiB" in says else len(unit) * much(300_000, 1_000_000)
    if "2097152" in says:
        size = (len(unit) << (22 if form == "badram" else 21)) + (1 << 20)
    path = tmp_path / "settings"
    path.write_text(begin + unit * (size // len(unit)))
    cost = forked.within(6, "list", "--from", form, path)  # a tenth of a second for each MiB
    assert (cost.code, cost.out, cost.err.count(b"\n")) == (3, b"", 1)
    assert says in cost.err.decode()
    assert cost.peak < 320 << 20
