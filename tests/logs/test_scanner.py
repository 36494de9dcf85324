"""The scanner: which lines of a log are shown to whom, and what stands above them."""

from __future__ import annotations

import weakref
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.garbage import uncollected
from hwpkho.errors import InputError
from hwpkho.logs.around import MAX_LINE
from hwpkho.logs.scanner import LineReader, Scanner
from hwpkho.logs.text import blocks
from tests.support.examples import much

if TYPE_CHECKING:
    from collections.abc import Sequence


class Collector(LineReader):
    """Collects the lines that it is shown."""

    needles: tuple[bytes, ...] = (b"=needle", b"/needle", rb"-needle[0-9]", b"=knot")

    def __init__(self, wanted: Sequence[str] = ()) -> None:
        self.seen: list[tuple[int, str]] = []
        self.aboves: list[list[tuple[int, str]]] = []
        self.beneaths: list[str] = []
        self._wanted = wanted

    def feed(self, number: int, line: str) -> bool:
        self.seen.append((number, line))
        self.aboves.append(list(self.above()))
        self.beneaths.append(self.beneath())
        return line in self._wanted


def scanned(
    text: bytes, size: int = 1 << 16, wanted: Sequence[str] = (), *, backwards: bool = False
) -> tuple[Collector, Scanner]:
    """Have a log read in pieces of ``size`` bytes."""
    reader = Collector(wanted)
    scanner = Scanner([reader], backwards=backwards)
    read = [*blocks(text[i : i + size] for i in range(0, len(text), size)), b""]
    for block, below in pairwise(read):
        scanner.feed(block, below)
    return reader, scanner


@pytest.mark.parametrize("size", [7, 100, 1 << 16])
def test_lines_with_a_needle_are_shown(size: int) -> None:
    text = b"=needle\n/needle\n-needle1\n-needle\n=needle1 -needle2 /needle\n=knot\n-#/needl\n"
    reader, scanner = scanned(text, size)
    assert [number for number, _ in reader.seen] == [1, 2, 3, 5, 6]
    assert scanner.lines == 7


def test_what_was_read_is_freed_at_once() -> None:
    """As a cycle it would stay, with two blocks of the log, until Python's collector comes."""
    with uncollected():
        reader, scanner = scanned(b"x\n=needle\n")
        gone = weakref.ref(scanner), weakref.ref(reader)
        del reader, scanner
        assert [there() for there in gone] == [None, None]


@pytest.mark.parametrize("size", [3, 20, 1 << 16])
def test_the_next_line_is_shown_on_demand(size: int) -> None:
    text = b"x\nx=needle\nthis\nand this\nnot this\n=knot\n"
    reader, _ = scanned(text, size, wanted=["x=needle", "this"])
    assert reader.seen == [(2, "x=needle"), (3, "this"), (4, "and this"), (6, "=knot")]


@pytest.mark.parametrize("size", [1, 4, 100])
def test_lines_above_are_there_whatever_stands_in_them(size: int) -> None:
    reader, _ = scanned(b"a\nb\n=knot\nc\n=knot\n", size)
    assert reader.aboves == [[(2, "b"), (1, "a")], [(4, "c"), (3, "=knot"), (2, "b")]]
    assert reader.beneaths == ["c", ""]
    reader, _ = scanned(b"=knot\na\n=knot\n", size, backwards=True)  # the file ends with the first
    assert reader.beneaths == ["", "a"]


def test_carriage_returns_divide_a_line() -> None:
    reader, scanner = scanned(b"a\nb\r\r =knot\rc\rd\re\n")
    assert reader.seen == [(2, part) for part in ("b", "", " =knot", "c", "d", "e")]
    assert reader.aboves[0] == [(1, "a")]
    assert reader.aboves[2] == [(2, "b"), (1, "a")]
    assert reader.aboves[5] == [(2, "d"), (2, "c"), (2, " =knot")]
    assert scanner.lines == 2


def test_a_needle_is_any_regular_expression() -> None:
    """How it begins makes a difference to the time a search takes, and to nothing else."""
    reader = Collector()
    reader.needles = (rb"[Nn]eed.e", rb"(?i:knot)", rb"y\n|zz", rb"#?pound", rb"q[0-9]")
    scanner = Scanner([reader])
    scanner.feed(b"a Needle\nneedle\nKNOT\nz\ny\nyz\nzz\npound\nq\nq1\n")
    assert [number for number, _ in reader.seen] == [1, 2, 3, 5, 7, 8, 10]


def test_a_needle_that_matches_anything_gets_every_line() -> None:
    reader = Collector()
    reader.needles = (b"",)
    Scanner([reader]).feed(b"a\n\nb\n")
    assert reader.seen == [(1, "a"), (2, ""), (3, "b")]


def test_parts_of_lines_pay_for_themselves() -> None:
    text = b"=needle\r" * 400 + b"\n"
    lines = much(25, 100)
    assert len(scanned(text * lines)[0].seen) == 400 * lines


@given(
    lines=st.lists(st.text("ax-= 0\u00e9", max_size=12), max_size=20),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
def test_pieces_of_a_log_make_no_difference(lines: list[str], cuts: list[int]) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    reader = Collector(wanted=[line for line in lines if "=" in line])
    reader.needles = (b"x", b"a-")
    scanner = Scanner([reader])
    for block in blocks(data[a:b] for a, b in pairwise(edges)):
        scanner.feed(block)
    shown, asked = [], False
    for number, line in enumerate(lines, 1):
        if asked or "x" in line or "a-" in line:
            shown.append((number, line))
            asked = "=" in line
    assert reader.seen == shown
    numbered = list(enumerate(lines, 1))
    assert reader.aboves == [numbered[max(0, n - 4) : n - 1][::-1] for n, _ in shown]
    assert scanner.lines == len(lines)


def test_readers_see_lines_in_their_order() -> None:
    order: list[str] = []

    class Named(Collector):
        def __init__(self, name: str, *needles: bytes) -> None:
            super().__init__()
            self.name, self.needles = name, needles

        def feed(self, number: int, line: str) -> bool:
            order.append(f"{self.name}{number}")
            return line == "and"

    scanner = Scanner([Named("a", b"-x", b"=y"), Named("b", b"-x", b"and")])
    scanner.feed(b"-x\nand\n=y\n-x\n")
    assert order == ["a1", "b1", "b2", "a3", "b3", "a4", "b4"]


def test_a_long_line_that_concerns_nobody_is_not_called_cut() -> None:
    assert not scanned(b"-needle" + b"x" * MAX_LINE + b"\n")[1].cut
    assert scanned(b"-needle1" + b"x" * MAX_LINE + b"\n")[1].cut == [1]


def test_lines_that_say_nothing_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    most = much(1 << 11, 1 << 14)
    monkeypatch.setattr("hwpkho.logs.scanner._VAIN", most)

    class Vain(Collector):
        def taken(self) -> int:
            return 0

    log = b"=needle\n" * (3 * most)
    assert len(scanned(log)[0].seen) == log.count(b"\n")
    with pytest.raises(
        InputError, match=r"line \d+: \d+ lines look like those of a toy but are not"
    ):
        Scanner([Vain()], "a toy").feed(log)


class Whole(Collector):
    """Takes whole blocks, too."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[tuple[int, bytes, list[tuple[int, str]]]] = []

    def feed_all(self, number: int, block: bytes, /) -> bool:
        if b"one by one" in block:
            return False
        self.blocks.append((number, block, list(self.above())))
        return True


def test_a_block_is_offered_to_the_only_reader_that_it_concerns() -> None:
    whole, other = Whole(), Collector()
    other.needles = (b"/other",)
    scanner = Scanner([whole, other])
    given = [b"a\n=knot\n", b"b\none by one=knot\n", b"=knot\n/other\n", b"c\n=knot\n", b"d\ne\n"]
    for block in given:
        scanner.feed(block)
    assert whole.blocks == [
        (1, given[0], []),
        (7, given[3], [(6, "/other"), (5, "=knot"), (4, "one by one=knot")]),
    ]
    assert whole.seen == [(3, "b"), (4, "one by one=knot"), (5, "=knot"), (9, "d")]
    assert other.seen == [(6, "/other")]
    assert scanner.lines == 10
