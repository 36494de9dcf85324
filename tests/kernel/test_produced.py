"""What a real kernel writes, back in ``hwpkho decode``: before a kexec, after it, after three."""

from __future__ import annotations

import random
import struct
from array import array
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.abi import fdt
from hwpkho.abi.vmalloc import KhoVmalloc
from hwpkho.codes import Problem
from hwpkho.handover import vmalloc
from hwpkho.handover.problems import Report
from hwpkho.inputs.case import read_inputs
from tests.kernel import rig

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REVISIONS = ("struct-v1", "fdt-v1")

#: A generation publishes (the first) or takes, says and carries on (the others), lets itself be
#: dumped, and makes place for the next.
SCRIPT = """
now=$(sed 's/.*gen=\\([0-9]*\\).*/\\1/' /proc/cmdline)
args=$(sed 's/gen=[0-9]*//' /proc/cmdline)
if [ $now = 1 ]; then
  insmod /module.ko consume=0 revision=REVISION huge=HUGE
  cat list > /sys/kernel/debug/hwpkho/list
  echo 1 > /sys/kernel/debug/hwpkho/publish
else
  insmod /module.ko carry=1 revision=REVISION huge=HUGE
fi
cp -r /sys/kernel/debug/kho /out/kho
cat /proc/iomem > /out/iomem
if [ $now = LAST ] || [ $now = 1 ]; then
  dump $now
fi
if [ $now != LAST ]; then
  rig load Image /sys/firmware/initrd "$args gen=$((now + 1))" && rig exec
fi
"""


def memory_for(kernel: rig.Kernel) -> int:
    """Return MiB: with 64 KiB pages a kernel has no room for its scratch in less."""
    return 3072 if kernel.page_size == 65536 else 512


def producer(
    kernel: rig.Kernel,
    work: Path,
    pfns: list[int],
    revision: str = "struct-v1",
    *,
    last: int = 1,
    huge: bool = False,
) -> rig.Guest:
    """Return a guest that publishes ``pfns`` and goes through ``last`` generations."""
    script = SCRIPT.replace("REVISION", revision.partition("-")[0])
    script = script.replace("LAST", str(last)).replace("HUGE", str(int(huge)))
    files: dict[str, bytes | Path] = {"list": array("Q", pfns).tobytes()}
    args = "gen=1"
    if last > 1:
        files["Image"] = kernel.image
        args += " retain_initrd"  # each generation hands its own on to the next
    return rig.Guest(kernel, work, script, files, memory=memory_for(kernel), args=args)


def go_through(guest: rig.Guest, last: int) -> tuple[list[Path], rig.Run]:
    """Run the guest; return the dumps of its first and last generation, and what it left."""
    dumps = []
    with rig.Started(guest) as started:
        for generation in dict.fromkeys((1, last)):
            started.wait_for(f"hwpkho: dump {generation}\n")
            dumps.append(started.dump(guest.work / f"memory-{generation}"))
        return dumps, started.finish()


def some_pfns(count: int) -> list[int]:
    """Return PFNs in no order; nobody poisons them, so any will do."""
    return random.Random(count).sample(range(1, 1 << 36), count)


@pytest.mark.parametrize("kind", ["arm64-4k", "arm64-16k", "arm64-64k", "x86_64"])
@pytest.mark.parametrize(
    ("revision", "count", "huge"),
    [("struct-v1", 4, False), ("fdt-v1", 1200, False), ("struct-v1", 300_000, True)],
)
def test_decode_reads_what_was_fed(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    revision: str,
    count: int,
    huge: bool,
    subtests: pytest.Subtests,
) -> None:
    kernel = kernel_of(kind)
    pfns = some_pfns(count)
    (dump,), run = go_through(producer(kernel, work, pfns, revision, huge=huge), 1)
    for inputs in ([dump], [dump, run.out / "kho"]):
        with subtests.test(" ".join(path.name for path in inputs)):
            result = cli("decode", "--json", *inputs, "--page-size", kernel.page_size)
            assert result.code in (0, 1), result.err
            (handover,) = result.json["handovers"]
            assert [p for p in handover["problems"] if p["severity"] == "error"] == []
            found = handover["hwpoison"]
            assert found["pfns"] == pfns, f"{len(found['pfns'])} PFNs, not those {len(pfns)}"
            assert found["revision"] == revision
            assert handover["tracker"] == "complete"
            assert handover["page_size"] == kernel.page_size
            assert handover["arch"] == kernel.arch
            if huge and kernel.page_size == 4096:
                assert found["vmalloc"]["order"] == 9
    alone = cli("decode", "--json", run.out / "kho")
    (copy,) = alone.json["handovers"]
    assert copy["hwpoison"]["count"] == count
    assert copy["scratch"]["areas"]


@pytest.mark.parametrize(
    ("kind", "revision", "last"),
    [
        *((kind, revision, 2) for kind in ("arm64-4k", "x86_64") for revision in REVISIONS),
        *((kind, "struct-v1", 4) for kind in ("arm64-4k", "x86_64")),
        *((kind, "struct-v1", 2) for kind in ("arm64-16k", "arm64-64k")),
    ],
)
def test_the_list_outlives_kexecs(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    revision: str,
    last: int,
) -> None:
    kernel = kernel_of(kind)
    pfns = some_pfns(1200)
    (before, after), run = go_through(producer(kernel, work, pfns, revision, last=last), last)
    assert run.log.count("found kexec handover data") == last - 1
    assert run.restored == pfns * (last - 1), "other PFNs than those fed"
    same = cli("diff", before, after, "--json")
    assert same.code == 0, same.err
    assert same.json["added"] == same.json["removed"] == []
    assert same.json["common"] == len(pfns)
    decoded = cli("decode", "--json", after)
    incoming, outgoing = decoded.json["handovers"]
    assert (incoming["role"], outgoing["role"]) == ("in", "out")
    assert outgoing["hwpoison"]["pfns"] == pfns, "other PFNs than those fed"
    assert outgoing["kexec_metadata"]["kexec_count"] == last
    assert incoming["kexec_metadata"]["kexec_count"] == last - 1


@pytest.mark.parametrize("kind", ["arm64-4k", "x86_64"])
def test_the_kernels_own_test_handover(
    kernel_of: Callable[[str], rig.Kernel], cli: Callable[..., Any], work: Path, kind: str
) -> None:
    """lib/test_kho.c keeps pages of random orders, and their addresses in a preserved vmalloc."""
    kernel = kernel_of(kind)
    guest = producer(kernel, work, some_pfns(3), last=2)
    guest.args += " test_kho.max_mem=8388608"
    (before, _), run = go_through(guest, 2)
    assert "KHO restore succeeded" in run.log
    case = read_inputs([str(before)])
    (handover,) = case.handovers
    assert case.source
    assert handover.root
    assert handover.walk
    ref = next(s for s in handover.root.subtrees if s.name == "kho_test")
    assert ref.phys
    assert ref.size
    blob = case.source.read(ref.phys, ref.size)
    assert blob
    data = fdt.parse(blob).root.find("data")
    assert data
    area = KhoVmalloc.parse(data.get("folios_info") or b"")
    (count,) = struct.unpack("<I", data.get("nr_folios") or b"")
    report = Report()
    walked = vmalloc.walk(case.source, area, kernel.page_size, report)
    assert walked.sound, report.problems()
    words = vmalloc.read_array(case.source, walked, area.order, count, kernel.page_size, report)
    assert not isinstance(words, Problem), words
    kept = sum(kernel.page_size << (word & (kernel.page_size - 1)) for word in words)
    assert kept == 8 << 20
    has, size = handover.walk.preserved.has, kernel.page_size
    assert [hex(word) for word in words if not has(word & -size, word & (size - 1))] == []
