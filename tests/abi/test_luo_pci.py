"""The list of PCI devices of an FLB: what is built is read again."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.abi import luo_pci
from tests.support.examples import times

_DEVICES = st.builds(
    luo_pci.PciDevice, st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 16) - 1)
)


@times(2)
@given(st.lists(_DEVICES, max_size=20), st.integers(0, 20))
def test_devices(listed, more):
    raw = luo_pci.build(listed, len(listed) + more)
    assert len(raw) == 8 + 8 * (len(listed) + more)
    used = luo_pci.used_size(raw[:8], len(raw))
    assert used == 8 + 8 * len(listed)
    assert luo_pci.devices(raw[:used]) == listed
    spans = luo_pci.spans(raw)
    assert [(s.offset, s.size) for s in spans[2:]] == [(8 + 8 * n, 8) for n in range(len(listed))]
    assert [s.meaning for s in spans[2:]] == [f"device {n}: {d}" for n, d in enumerate(listed)]


@pytest.mark.parametrize(
    ("domain", "bdf", "name"),
    [(0, 0, "0000:00:00.0"), (0, 0x00FA, "0000:00:1f.2"), (0x10000, 0xFFFF, "10000:ff:1f.7")],
)
def test_the_name_of_a_device(domain, bdf, name):
    assert str(luo_pci.PciDevice(domain, bdf)) == name


@pytest.mark.parametrize(
    ("most", "count", "room", "used"),
    [
        (1, 2, 4096, None),
        (511, 511, 4096, 4096),
        (512, 512, 4096, None),
        (1 << 31, (1 << 16) + 1, 1 << 40, None),
        ((1 << 32) - 1, (1 << 32) - 1, 1 << 60, None),
        (0, 0, 4096, 8),
    ],
)
def test_what_is_no_list(most, count, room, used):
    assert luo_pci.used_size(struct.pack("<2I", most, count), room) == used


def test_no_more_than_there_is_has_a_meaning():
    assert [s.meaning for s in luo_pci.spans(struct.pack("<2I", 9, 9) + bytes(8))] == [
        "max_devices 9", "nr_devices 9", "device 0: 0000:00:00.0",
    ]  # fmt: skip
