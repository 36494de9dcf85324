"""A kernel with a producer and a consumer of its own: what a patch series has to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel import handing, own, rig, test_produced

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: The first kernel poisons free pages, and pages inside huge ones.
SCRIPT = f"""
now=$(sed 's/.*gen=\\([0-9]*\\).*/\\1/' /proc/cmdline)
args=$(sed 's/gen=[0-9]*//' /proc/cmdline)
[ -e /module.ko ] && insmod /module.ko
if [ $now = 1 ]; then
  huge=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
  [ -e $huge ] && echo 3 > $huge
  for pfn in $(rig huge 3) $(rig free 20); do
    echo $pfn > /sys/kernel/debug/hwpoison/corrupt-pfn
  done
fi
{handing.LOOK}
{own.SAW}
dump $now
if [ $now = 1 ]; then
  for pfn in $(cat /out/poisoned); do echo "hwpkho: before $pfn"; done
  rig load Image /sys/firmware/initrd "$args gen=2" && rig exec
fi
"""


@pytest.mark.own_consumer
@pytest.mark.parametrize("kind", ["arm64-4k", "arm64-16k", "arm64-64k", "x86_64"])
def test_poisoned_pages_outlive_a_kexec(
    kernel_of: Callable[[str], rig.Kernel], cli: Callable[..., Any], work: Path, kind: str
) -> None:
    kernel = kernel_of(kind)
    guest = rig.Guest(kernel, work, SCRIPT, {"Image": kernel.image}, args="gen=1 retain_initrd")
    guest.memory = test_produced.memory_for(kernel)
    (before, after), run = test_produced.go_through(guest, 2)
    lacks = own.lacking(run.log, kernel.handover_options)
    if lacks:
        pytest.fail(lacks, pytrace=False)
    flagged = {int(words.split()[1], 16) for words in run.said() if words.startswith("before ")}
    assert len(flagged) >= 20, "the first kernel poisoned fewer pages than asked"
    assert set(run.poisoned) == flagged, "the second kernel poisons others than the first"
    assert run.corrupted_kib == len(flagged) * kernel.page_size // 1024
    told = cli("decode", "--json", before, "--page-size", kernel.page_size)
    assert told.code == 0, told.err
    (handover,) = told.json["handovers"]
    assert sorted(handover["hwpoison"]["pfns"]) == sorted(flagged)
    judged = cli("validate", "--json", before, "--memmap", run.out / "iomem")
    assert judged.code in (0, 1), judged.err
    assert judged.json["outcome"] == "replay", judged.json["findings"]
    same = cli("diff", before, after, "--page-size", kernel.page_size)
    assert same.code == 0, same.out + same.err
