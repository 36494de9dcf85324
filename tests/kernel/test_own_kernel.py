"""A kernel with a producer and a consumer of its own (MODULE=): what a patch series has to show."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import handing
import lists
import pytest
import rig
import test_produced

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_COUNT = 20
#: RAM in the middle of the guests' 512 MiB, by architecture: the kernel is at one of the ends.
_BAD = {"arm64": (0x4800_0000, 0x5800_0000), "x86_64": (0x0800_0000, 0x1800_0000)}

SCRIPT = """
now=$(sed 's/.*gen=\\([0-9]*\\).*/\\1/' /proc/cmdline)
args=$(sed 's/gen=[0-9]*//' /proc/cmdline)
[ -e /module.ko ] && insmod /module.ko
if [ $now = 1 ]; then
  while read pfn; do echo $pfn > /sys/kernel/debug/hwpoison/corrupt-pfn; done < list
fi
LOOK
dump $now
if [ $now = 1 ]; then
  for pfn in $(cat /out/poisoned); do echo "hwpkho: before $pfn"; done
  rig load Image /sys/firmware/initrd "$args gen=2" && rig exec
fi
""".replace("LOOK", handing.LOOK)


@pytest.mark.any_consumer
@pytest.mark.skipif(
    not os.environ.get("MODULE"), reason="our module's producer is fed: MODULE= puts a real one in"
)
@pytest.mark.parametrize("kind", ["arm64-4k", "arm64-16k", "arm64-64k", "x86_64"])
def test_poisoned_pages_outlive_a_kexec(
    kernel_of: Callable[[str], rig.Kernel], cli: Callable[..., Any], work: Path, kind: str
) -> None:
    kernel = kernel_of(kind)
    pfns = lists.scattered(_COUNT, *_BAD[kernel.arch], kernel.page_size)
    memory = test_produced.memory_for(kernel)
    files: dict[str, bytes | Path] = {"list": lists.text(pfns).encode(), "Image": kernel.image}
    guest = rig.Guest(kernel, work, SCRIPT, files, memory=memory, args="gen=1 retain_initrd")
    (before, after), run = test_produced.go_through(guest, 2)
    flagged = {int(words.split()[1], 16) for words in run.said() if words.startswith("before ")}
    assert flagged == set(pfns), "the first kernel poisoned others than asked"
    assert set(run.poisoned) == flagged, "the second kernel poisons others than the first"
    assert run.corrupted_kib == len(flagged) * kernel.page_size // 1024
    told = cli("decode", "--json", before, "--page-size", kernel.page_size)
    assert told.code == 0, told.err
    (handover,) = told.json["handovers"]
    assert sorted(handover["hwpoison"]["pfns"]) == sorted(flagged)
    same = cli("diff", before, after, "--page-size", kernel.page_size)
    assert same.code == 0, same.out + same.err
