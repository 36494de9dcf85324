"""Memory to scale: every page is in a marked cell, cells fill rows, scales from 1 GiB to 8 TiB."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.listing import of_runs
from hwpkho.base.pfnset import pfn_set
from hwpkho.report.parts import picture, to_scale
from hwpkho.report.parts.screen import Screen
from hwpkho.report.parts.to_scale import (
    MAX_ROWS,
    Layer,
    Marks,
    Run,
    joined,
    lay_out,
    windows,
)
from tests.support.examples import much

PAGE = 4096
GIB = 1 << 30
KINDS = ["ram", "in-use", "firmware", "device", "retired"]
PFNS = st.sets(st.integers(0, 1 << 32), min_size=1, max_size=40)


def _marks(kind, pfns, unit=PAGE):
    ordered = sorted(pfns)
    return Marks(kind, pfn_set(ordered), [(p, p) for p in ordered], unit)


@st.composite
def maps(draw):
    at, runs = 0, []
    for gap, size, kind in draw(
        st.lists(st.tuples(st.integers(0, 1 << 24), st.integers(1, 1 << 24),
                           st.sampled_from(KINDS)), min_size=1, max_size=12)
    ):  # fmt: skip
        start = at + gap
        runs.append((start * PAGE, (start + size) * PAGE - 1, kind))
        at = start + size
    return joined(runs)


@given(maps(), PFNS, PFNS, st.booleans(), st.sampled_from([16, 48, 96]))
def test_every_bad_page_is_in_a_marked_cell(runs, bad, owned, ram, width):
    layers = [Layer(runs, [_marks("stays", bad)]), Layer((), [_marks("owner-1", owned)])]
    layout = lay_out(layers, width, ram=ram)
    assert 0 < len(layout.rows) <= MAX_ROWS
    assert layout.size == layout.cell * width
    assert (layout.cell // PAGE).bit_count() == 1
    ends = [layout.span(row) for row in layout.rows]
    assert all(a[1] <= b[0] for a, b in pairwise(ends))
    for row in layout.rows:
        assert len(row.bands) == 2
        for cells in row.bands:
            assert sum(count for _, count in cells) == width
            assert all(count > 0 for _, count in cells)
            assert row.times == 1 or len(cells) == 1
    for band, kind, pfns in ((0, "stays", bad), (1, "owner-1", owned)):
        for pfn in pfns:
            assert _seen(layout, band, pfn * PAGE) == kind


def _seen(layout, band, phys):
    """Return what is seen at an address."""
    for row in layout.rows:
        start, end = layout.span(row)
        if start <= phys < end:
            cell = (phys - start) % layout.size // layout.cell
            for kind, count in row.bands[band]:
                if cell < count:
                    return kind
                cell -= count
    return None


@given(maps(), PFNS, st.integers(1, 12))
def test_windows_hold_every_bad_page_or_those_that_are_worst(runs, bad, most):
    marks = [_marks("stays", bad)]
    layout = lay_out([Layer(runs, marks)], 96, ram=True)
    found = windows(layout, marks, most)
    assert 1 <= len(found) <= most
    assert all(start < end for start, end in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    inside = [p for p in bad if any(a <= p * PAGE < b for a, b in found)]
    rows = sum(1 for row in layout.rows if marks[0].within(*layout.span(row)))
    if rows <= most:
        assert len(inside) == len(bad)
    for start, end in found:
        assert marks[0].within(start, end)
        close = lay_out([Layer(runs, marks).clipped(start, end)], 96)
        assert close.size <= layout.size
        for p in bad:
            if start <= p * PAGE < end:
                assert _seen(close, 0, p * PAGE) == "stays"


@given(PFNS, st.integers(0, 1 << 33), st.integers(1, 1 << 33))
def test_marks_as_if_they_were_looked_at_one_by_one(bad, start, size):
    marks, end = _marks("x", bad), start + size
    touched = [p for p in bad if start // PAGE <= p <= (end - 1) // PAGE]
    assert marks.within(start, end) == len(touched)
    before = [p * PAGE for p in bad if p * PAGE < end]
    assert marks.preceding(end) == max(before, default=-1)
    clipped = marks.clipped(start, end)
    assert [a for a, b in clipped.stretches] == sorted(touched)


@pytest.mark.parametrize("size", [GIB, 64 * GIB, 1024 * GIB, 8192 * GIB])
def test_one_bad_page_is_seen_on_a_machine_of_any_size(size):
    runs = [Run(0, 3 * GIB - 1, "ram"), Run(4 * GIB, 5 * GIB - 1, "firmware")]
    runs = [Run(0, size - 1, "ram")] if size < 4 * GIB else [*runs, Run(5 * GIB, size - 1, "ram")]
    page = size // 2 + 12 * PAGE
    marks = [_marks("replays", [page // PAGE])]
    layout = lay_out([Layer(runs, marks)], 96, ram=True)
    assert _seen(layout, 0, page) == "replays"
    assert 6 <= size // layout.size <= 24
    ((start, end),) = windows(layout, marks, 12)
    close = lay_out([Layer(runs, marks).clipped(start, end)], 96)
    assert close.cell == PAGE
    assert _seen(close, 0, page) == "replays"
    assert sum(n for row in close.rows for kind, n in row.bands[0] if kind == "replays") == 1


def test_marks_everywhere_are_looked_at_row_by_row():
    marks = [_marks("stays", range(0, 1 << 20, 64))]
    layout = lay_out([Layer([Run(0, 4 * GIB - 1, "ram")], marks)], 96, ram=True)
    assert windows(layout, marks, 24) == [layout.span(row) for row in layout.rows]


def test_the_scale_grows_with_the_machine():
    sizes = [lay_out([Layer([Run(0, (GIB << n) - 1, "ram")])], 96).size for n in range(14)]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 1000 * sizes[0]


def test_nothing_has_no_rows():
    assert lay_out([], 96).rows == ()
    assert lay_out([Layer()], 96).rows == ()
    assert windows(lay_out([], 96), [], 12) == []


@pytest.mark.parametrize("pages", [1 << 24, 1 << 40])
def test_a_run_of_any_length_is_one_look(pages, monkeypatch):
    asked = []
    preceding = Marks.preceding

    def counted(self, end):
        asked.append(end)
        return preceding(self, end)

    monkeypatch.setattr(Marks, "preceding", counted)
    marks = [Marks("replays", pfn_set(of_runs([(16, pages)])), [(16, pages)], PAGE)]
    layout = lay_out([Layer([Run(0, GIB - 1, "ram")], marks)], 96, ram=True)
    asked.clear()
    ((start, end),) = windows(layout, marks, 12)
    assert start <= 16 * PAGE
    assert end >= (pages + 1) * PAGE
    assert len(asked) < 10


def test_picture_is_to_scale() -> None:
    mib = 1 << 20
    runs = [
        Run(0, 512 * mib - 1, "ram"),
        Run(768 * mib, 1024 * mib - 1, "firmware"),
    ]
    lines = picture.draw(runs, Screen(blocks=False))
    rows = [line for line in lines if line.startswith("  0x")]
    per_row = 48 * mib
    drawn = "".join(line.split()[1] * int(line.split()[3] if " x " in line else 1) for line in rows)
    per_cell = per_row // len(rows[0].split()[1])
    assert drawn.count("#") * per_cell == 512 * mib
    assert drawn.count("=") * per_cell == 256 * mib


def test_picture_folds_what_is_far_away() -> None:
    gib = 1 << 30
    runs = [
        Run(0, 4 * gib - 1, "ram"),
        Run(1 << 52, (1 << 52) + gib, "firmware"),
        Run((1 << 64) - 4096, (1 << 64) - 1, "retired"),
    ]
    lines = picture.draw(runs, Screen())
    assert len(lines) < to_scale.MAX_ROWS + 3
    rows = [line.split() for line in lines if line.startswith("  0x")]
    assert {"0x000ffffff0000000", "0xfffffffff0000000"} < {row[0] for row in rows}
    assert not any(set(row[1]) == {"·"} for row in rows)


def test_picture_of_scattered_pages_stays_small() -> None:
    runs = [Run(i << 30, (i << 30) + 4095, "ram") for i in range(much(1000, 5000))]
    assert len(picture.draw(runs, Screen())) < to_scale.MAX_ROWS + 3


def test_picture_of_nothing() -> None:
    assert picture.draw([], Screen()) == []
