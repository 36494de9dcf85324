"""Scratch that no producer hands over, and what real arm64 kernels (7.3.4) made of it."""

from __future__ import annotations

import pytest

from tests.support.handovers import Machine
from tests.support.judged import PFNS, RAM, SCRATCH, validated


@pytest.fixture
def m():
    return Machine(at=0x6000_0000)


@pytest.mark.parametrize(
    ("sizes", "outcome"),
    [((0,), "crash"), ((0, 0), "crash"), ((0, 24), "replay"), ((16,), "crash"), ((20,), "replay"),
     ((8, 8), "crash"), ((8, 16), "replay")],
)  # fmt: skip
def test_scratch_must_hold_the_page_structs(sizes, outcome, m, tmp_path):
    """1 GiB of RAM in pages of 4 KiB has 16 MiB of page structs."""
    areas = [(0x7000_0000 + (i << 26), size << 20) for i, size in enumerate(sizes)]
    judged = validated(m, m.handover(PFNS), tmp_path, areas=areas)
    assert judged.outcome == outcome
    assert any(f.code == "HP420" for f in judged.findings) == (outcome == "crash")


@pytest.mark.parametrize(
    ("page_size", "kib", "outcome"),
    [(16384, 4800, "crash"), (16384, 5056, "replay"), (65536, 0, "crash"), (65536, 1536, "crash"),
     (65536, 2048, "replay")],
)  # fmt: skip
def test_larger_pages_need_less_scratch(page_size, kib, outcome, tmp_path):
    """Measured with 1 GiB of RAM, by bisection."""
    m = Machine(page_size, at=0x6000_0000)
    made, size = m.handover([0x5001]), kib << 10
    assert validated(m, made, tmp_path, areas=[(0x7000_0000, size)]).outcome == outcome


def outcome(m, made, folder, areas=(SCRATCH,), *, iomem=RAM, length=None, size=None):
    """Return what validate says of the machine's handover."""
    more = {"iomem": iomem, "length": length, "arch": "arm64", "size": size}
    judged = validated(m, made, folder, areas=areas, **more)
    assert judged.findings.count(judged.decided_by) == (judged.decided_by is not None)
    return judged.outcome


@pytest.mark.parametrize(
    ("length", "expected"), [(8, "crash"), (1 << 18, "replay"), (1 << 19, "refused")]
)
def test_what_early_boot_can_map_of_the_array(length, expected, m, tmp_path):
    assert outcome(m, m.handover(PFNS), tmp_path, length=length) == expected


@pytest.mark.parametrize(
    ("area", "expected"),
    [((0x5000_0000, (32 << 20) - 1), "crash"), ((0x5000_0800, (32 << 20) - 0x800), "replay"),
     ((0x6000_0000, 64 << 20), "replay"), ((0x5F00_0000, 32 << 20), "dropped")],
)  # fmt: skip
def test_odd_areas_of_scratch(area, expected, m, tmp_path):
    """Early boot takes scratch from its end, in pages that it has mapped whole."""
    assert outcome(m, m.handover(PFNS), tmp_path, [area]) == expected


@pytest.mark.parametrize(("others", "expected"), [([SCRATCH], "replay"), ([], "crash")])
def test_an_area_that_arm64_removes_at_once(others, expected, m, tmp_path):
    """It is no scratch, however long it is."""
    areas = [*others, ((1 << 64) - 4096, 1 << 40)]
    assert outcome(m, m.handover(PFNS), tmp_path, areas) == expected


@pytest.mark.parametrize(("mib", "expected"), [(2, "crash"), (8, "replay")])
def test_a_gib_without_preserved_memory_is_scratch_too(mib, expected, m, tmp_path):
    iomem = "40000000-bfffffff : System RAM\n"
    areas = [(0x7000_0000, mib << 20)]
    assert outcome(m, m.handover(PFNS), tmp_path, areas, iomem=iomem) == expected
