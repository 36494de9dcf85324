"""Structures of real captures, built again."""

from __future__ import annotations

import pytest

from hwpkho.abi import fdt, hwpoison, kho
from hwpkho.abi.vmalloc import Chunk
from tests.support import captures, certain


@pytest.mark.parametrize(
    ("name", "truth"), captures.handovers(), ids=lambda v: v if isinstance(v, str) else v["role"]
)
def test_captured_structures_build_to_the_same_bytes(name, truth, subtests):
    page = captures.truth(name)["page_size"]
    raw = captures.memory(name, truth["root_phys"], 4096)
    found = kho.parse(raw)
    size = found.totalsize
    rebuilt = fdt.build(found.tree.root, strings=found.tree.strings)
    assert rebuilt == raw[:size]
    blob = found.find("hwpoison")
    if truth["list"] not in ("intact", "consumed"):
        return
    size = min(certain(certain(blob).size), page)
    data = captures.memory(name, certain(certain(blob).phys), size)
    parsed = hwpoison.parse(data)
    assert parsed.revision == captures.truth(name)["revision"]
    again = hwpoison.REVISIONS[parsed.revision].build(parsed, page)
    end = fdt.totalsize(data) or len(data)
    assert again[:end] == data[:end]
    for chunk in truth.get("chunks", ()):
        with subtests.test(f"chunk {chunk:#x}"):
            page_bytes = captures.memory(name, chunk, page)
            assert Chunk.parse(page_bytes).build(page) == page_bytes
