"""What a handover is made of, as boxes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hwpkho.inputs.case import read_inputs
from hwpkho.report.parts.structure import Box, Places, of_handover
from tests.support.handovers import Machine

_SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=6)


@given(st.lists(_SPANS, max_size=5), st.integers(0, 60))
def test_the_smallest_box_around_an_address(spans, phys):
    """Of equal ones the first; nodes at odd addresses overlap."""
    boxes = [Box(0, str(i), [], found) for i, found in enumerate(spans)]
    held = [
        (size, i) for i, box in enumerate(boxes) for at, size in box.spans if at <= phys < at + size
    ]
    expected = boxes[min(held)[1]] if held else None
    assert Places(boxes).at(phys) is expected
    assert Places(boxes).at(None) is None


def test_the_list_is_that_of_the_first_of_two_nodes(tmp_path):
    machine = Machine(arch="x86_64", at=0x1000_0000)
    machine.handover(subtrees=[("hwpoison@1", bytes(64))])
    (handover,) = read_inputs([str(machine.save(tmp_path))]).handovers
    boxes = of_handover(handover).boxes
    assert [box.title for box in boxes if box.of_list] == ["hwpoison"]
    assert sum(box.title == "Array" for box in boxes) == 1
