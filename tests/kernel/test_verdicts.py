"""The verdict of single PFNs against what memory_failure() of a real kernel made of them."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.base.listing import Listing
from hwpkho.encode.damage.draft import Draft
from tests.kernel import damage, handing, lists, rig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: "recovery action for free buddy page: Recovered"
_ACTION = re.compile(r"Memory failure: 0x([0-9a-f]+): recovery action for (.+): (\w+)")


def _draft(page_size: int) -> Draft:
    """Return a sound handover whose list is still to come: eleven PFNs of pages in use."""
    placeholders = lists.scattered(11, *handing.ground(page_size, 11).bad, page_size)
    request = damage.Case("sound", None, {"pfns": Listing(placeholders)}).request(page_size)
    return Draft.of(request)


def _bad(made: Draft, iomem: str, where: handing.Ground) -> dict[str, int]:
    """Return physical addresses of every sort of place that the guest has."""
    code = re.search(r"^ +([0-9a-f]+)-[0-9a-f]+ : Kernel code$", iomem, re.MULTILINE)
    assert code, iomem
    return {
        "free": (where.bad[0] + where.bad[1]) // 2,
        "free, too": where.bad[1] - (5 << 20),
        "scratch": where.scratch[0] + where.scratch[1] // 2 + (3 << 20),
        "kernel code": int(code[1], 16) + made.page,
        "root FDT": made.root,
        "blob": made.blob,
        "array": made.entries[1],
        "chunk": made.chunks[0],
        "nowhere": made.nowhere(),
        "device": 0x0900_0000,
    }


def _without(iomem: str, place: tuple[int, int]) -> str:
    """Drop "reserved" where the handover is: the pages that this very boot preserved for it.

    Nobody has such a map beforehand; some of these pages (the chunks) are free again at the replay.
    """
    lines = []
    for line in iomem.splitlines(keepends=True):
        span, _, name = line.strip().partition(" : ")
        start = int(span.partition("-")[0], 16)
        if name != "reserved" or not place[0] <= start < sum(place):
            lines.append(line)
    return "".join(lines)


@pytest.mark.parametrize("kind", ["arm64-4k", "arm64-64k"])
def test_verdicts_are_what_the_kernel_did(
    kernel_of: Callable[[str], rig.Kernel], cli: Callable[..., Any], work: Path, kind: str
) -> None:
    kernel = kernel_of(kind)
    where = handing.ground(kernel.page_size, 10)
    look = rig.Guest(kernel, work / "look", handing.LOOK, memory=where.memory)
    look.work.mkdir(parents=True)
    base = look.base_dtb()
    made = _draft(kernel.page_size)
    damage.save(made.layout, look.work / "handover", base)
    handing.load(look, look.work / "handover")
    places = _bad(made, (look.boot().out / "iomem").read_text(), where)
    # One is listed twice. encode avoids the pages that it lists, so these go in afterwards.
    pfns = [phys // kernel.page_size for phys in (*places.values(), places["free"])]
    made.write(made.entries[0], struct.pack(f"<{len(pfns)}Q", *pfns))
    folder = work / "handover"
    damage.save(made.broken("list", "the list names the handover's own pages"), folder, base)
    script = handing.consumer("struct-v1", poison=True) + handing.LOOK
    guest = rig.Guest(kernel, work, script, memory=where.memory)
    handing.load(guest, folder)
    run = guest.boot()
    assert run.restored == pfns
    (work / "iomem").write_text(_without((run.out / "iomem").read_text(), where.place))
    result = cli(
        "validate", folder, "--memmap", work / "iomem", "--iomem-of", "next", "--json",
        "--arch", "arm64",
    )  # fmt: skip
    assert result.code in (0, 1), result.err
    verdicts = {
        pfn: r["verdict"] for r in result.json["runs"] for pfn in range(r["first"], r["last"] + 1)
    }
    did: dict[int, str] = {}
    for pfn, _, action in _ACTION.findall(run.log):
        did.setdefault(int(pfn, 16), action)  # the repeat of a PFN says "already poisoned"
    flagged = set(run.poisoned)
    seen = {
        name: "recovered" if did.get(phys // kernel.page_size) == "Recovered"
        else "ignored" if phys // kernel.page_size in flagged
        else "unknown"
        for name, phys in places.items()
    }  # fmt: skip
    expected = {
        "replays": {"recovered"}, "scratch": {"recovered"}, "in-use": {"ignored"},
        "handover": {"ignored"}, "not-ram": {"unknown"},
        "firmware": {"ignored", "unknown"},  # whether it has a struct page, no map tells
    }  # fmt: skip
    told = {name: verdicts[phys // kernel.page_size] for name, phys in places.items()}
    assert [n for n in places if seen[n] not in expected[told[n]]] == [], (told, seen)
    assert run.corrupted_kib == len(flagged) * kernel.page_size // 1024
    assert "already poisoned" in run.log
