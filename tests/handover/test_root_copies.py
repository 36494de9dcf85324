"""Copies of a root FDT that its tracker no longer tells apart, because its pages were reused."""

from __future__ import annotations

import pytest

from hwpkho.abi import fdt
from hwpkho.errors import InputError
from hwpkho.inputs.case import CaseOptions, read_inputs
from tests.support import certain
from tests.support.handovers import Machine

PFNS = [0x1000, 0x2222, 0x1001]


def _decode(folder, m):
    return read_inputs([str(m.save(folder))], CaseOptions(page_size=m.page_size)).handovers


def _second_boot(page_size):
    """The memory of a second kernel: the incoming handover's tracker is gone."""
    m = Machine(page_size)
    incoming = m.handover(PFNS, kexec_count=1)
    outgoing = m.handover(PFNS, kexec_count=2)
    for node in incoming.nodes:
        m.memory[node] = bytes(page_size)
    return m, incoming, outgoing


def _copy(m, phys, at):
    """Put a page-cache copy of the debugfs file: zeros behind totalsize."""
    raw = m.memory[phys]
    m.memory[at] = raw[: fdt.totalsize(raw)].ljust(m.page_size, b"\0")


def _hp104(handovers):
    return {p.phys: p.severity for h in handovers for p in h.problems if p.code == "HP104"}


@pytest.mark.parametrize("page_size", [4096, 16384, 65536])
@pytest.mark.parametrize("at", [0x2000_0000, 0x9000_0000])
def test_the_page_with_leftovers_is_the_kernels(at, page_size, tmp_path):
    m, incoming, outgoing = _second_boot(page_size)
    # The copy is given the better place: what the kernel left in its own page counts more.
    _copy(m, incoming.root, at)
    raw = m.memory[incoming.root]
    m.memory[incoming.root] = raw[:-40] + b"preserved-data\0blob-size\0" + raw[-15:]
    found = _decode(tmp_path, m)
    assert [(h.role, h.root.phys) for h in found] == [
        ("in", incoming.root),
        ("out", outgoing.root),
    ]
    assert _hp104(found) == {at: "note"}


def test_a_copy_with_the_next_file_behind_it_has_no_leftovers(tmp_path):
    m, incoming, outgoing = _second_boot(4096)
    raw = m.memory[incoming.root]
    m.memory[incoming.root] = raw[:-40] + b"preserved-data\0blob-size\0" + raw[-15:]
    total = fdt.totalsize(raw)
    m.memory[0x9000_0000] = (raw[:total] + m.memory[outgoing.root])[:4096]
    found = _decode(tmp_path, m)
    assert [h.root.phys for h in found] == [incoming.root, outgoing.root]
    assert _hp104(found) == {0x9000_0000: "note"}


@pytest.mark.parametrize("at", [0x2000_0000, 0x9000_0000])
def test_identical_pages_the_nearest_to_the_tracker_is_taken(at, tmp_path):
    m, incoming, outgoing = _second_boot(4096)
    m.memory[at] = m.memory[incoming.root]
    m.memory[at + (1 << 20)] = m.memory[incoming.root]
    found = _decode(tmp_path, m)
    assert [h.root.phys for h in found] == [incoming.root, outgoing.root]
    assert list(found[1].hwpoison.pfns) == PFNS
    assert _hp104(found) == {at: "warning", at + (1 << 20): "warning"}


def test_pages_that_differ_are_refused(tmp_path):
    m, incoming, _ = _second_boot(4096)
    m.memory[0x9000_0000] = m.memory[incoming.root].replace(b"hwpoison", b"hwpoisom")
    with pytest.raises(InputError, match="nothing shows which one is real"):
        _decode(tmp_path, m)


@pytest.mark.parametrize("page_size", [4096, 16384])
def test_the_page_size_under_which_more_is_marked(page_size, tmp_path):
    """A kho-v1 bitmap marks the page it begins with, whatever the page size."""
    m = Machine(page_size, at=0x8000_0000)
    made = m.handover(PFNS, kho=1, revision="fdt-v1")
    assert made.root == 0x8000_0000
    (h,) = read_inputs([str(m.save(tmp_path))]).handovers
    assert (h.page_size, h.tracker) == (page_size, "complete")
    assert list(certain(certain(h.hwpoison).pfns)) == PFNS
