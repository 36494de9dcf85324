"""``hwpkho check`` on running kernels: before a kexec and after it, and the lines of the units."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel import rig, test_produced
from tests.kernel.test_capture_guest import with_hwpkho
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNITS = ROOT / "contrib/systemd"
#: Pages that the first kernel takes out of use.
_BAD = 8
#: How many are tried next where one holds a part of Python or busybox in the second kernel, which
#: unpacks its initramfs where there is room: the program dies of it. So many lie elsewhere.
_ELSEWHERE = (7, 6, 5)
#: Seconds: Python starts slowly in an emulated machine.
_BOUND = 900.0

#: hwpkho as the units call it.
PROGRAM = """
printf '#!/bin/sh\\nPYTHONPATH=/opt exec python3 -m hwpkho "$@"\\n' > /usr/bin/hwpkho
busybox chmod 755 /usr/bin/hwpkho
mkdir -p /var/lib/hwpkho /var/lib/prometheus/node-exporter
"""
#: The first kernel poisons pages and hands them over, MISSING of them aside. What it keeps goes
#: through the disk; the second one lists everything.
SCRIPT = """
now=$(sed 's/.*gen=\\([0-9]*\\).*/\\1/' /proc/cmdline)
args=$(sed 's/gen=[0-9]*//' /proc/cmdline)
if [ $now = 1 ]; then
  mkdir /keep
  for pfn in $(rig free BAD); do echo $pfn > /sys/kernel/debug/hwpoison/corrupt-pfn; done
  rig poisoned > /keep/poisoned
  insmod /module.ko consume=0
  python3 feed.py MISSING < /keep/poisoned > /sys/kernel/debug/hwpkho/list
  echo 1 > /sys/kernel/debug/hwpkho/publish
  rig load Image /sys/firmware/initrd "$args gen=2"
  hwpkho check --json > /keep/check.json 2> /keep/said
  BEFORE > /keep/unit
  echo $? > /keep/code
  cp /var/lib/hwpkho/before.json /keep/before.json
  tar -c -C /keep -f /dev/vda .
  rig exec
else
  mkdir /out/first
  tar -x -C /out/first -f /dev/vda
  cp /out/first/before.json /var/lib/hwpkho/before.json
  insmod /module.ko poison=1 carry=1
  rig poisoned > /out/poisoned
  if busybox dmesg | grep -q '@FILE_HIT@'; then return; fi
  cp /proc/meminfo /proc/iomem /out
  hwpkho check --json --since /var/lib/hwpkho/before.json > /out/check.json 2> /out/said
  AFTER > /out/unit
  echo $? > /out/code
  METRICS
  echo $? > /out/metrics-code
  cp /var/lib/prometheus/node-exporter/hwpkho.prom /out/hwpkho.prom
  WATCH --interval 1 > /out/watch 2> /out/watch-said &
  watcher=$!
  while kill -0 $watcher && ! grep -q event /out/watch; do sleep 0.5; done
  more=$(rig free 1)
  echo $more > /sys/kernel/debug/hwpoison/corrupt-pfn
  echo $more > /out/more
  while kill -0 $watcher && ! grep -q '"page"' /out/watch; do sleep 0.5; done
  kill -TERM $watcher
  wait $watcher
  echo $? > /out/watch-code
fi
"""
#: Text with PFNs into the array that the module takes.
FEED = """
import array, sys
pfns = [int(line, 16) for line in sys.stdin]
kept = array.array("Q", pfns[: len(pfns) - int(sys.argv[1])])
sys.stdout.buffer.write(kept.tobytes())
"""


def _line(unit: str) -> str:
    """Return what a unit starts, as a line for a shell."""
    text = (UNITS / f"{unit}.service").read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return str(line).replace("$$", "$")


def _guest(kernel: rig.Kernel, work: Path, missing: int, count: int) -> rig.Guest:
    script = SCRIPT.replace("MISSING", str(missing)).replace("BAD", str(count))
    script = script.replace("@FILE_HIT@", rig.FILE_HIT)
    for word, unit in (
        ("BEFORE", "hwpkho-before-kexec"),
        ("AFTER", "hwpkho-after-boot"),
        ("METRICS", "hwpkho-metrics"),
        ("WATCH", "hwpkho-watch"),
    ):
        script = script.replace(word, _line(unit))
    files: dict[str, bytes | Path] = {"Image": kernel.image, "feed.py": FEED.encode()}
    guest = with_hwpkho(rig.Guest(kernel, work, PROGRAM + script, files, args="gen=1"))
    guest.args += " retain_initrd"
    # As in test_capture_guest: the first area of scratch takes kernel and initramfs.
    guest.memory = test_produced.memory_for(kernel) if kernel.page_size == 65536 else 1024
    if kernel.page_size == 4096:
        guest.args += " kho_scratch=192M,64M,64M"
    return guest


def _pfns(path: Path) -> list[int]:
    return [int(word, 16) for word in path.read_text().split()]


@pytest.mark.parametrize(("kind", "missing"), [("arm64-4k", 2), ("arm64-64k", 0), ("x86_64", 1)])
def test_a_kexec(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    missing: int,
) -> None:
    kernel = kernel_of(kind)
    for count in (_BAD, *_ELSEWHERE):
        run = _guest(kernel, work / str(count), missing, count).boot(_BOUND)
        if rig.FILE_HIT not in run.log:
            break
    first, out = run.out / "first", run.out
    bad = _pfns(first / "poisoned")
    assert len(bad) == count
    before = json.loads((first / "check.json").read_text())
    assert before["page_size"] == kernel.page_size
    assert before["arch"] == kernel.arch
    assert before["kernel_loaded"] is True
    assert before["not_seen"] == []
    assert before["hardware_corrupted"] == count * kernel.page_size
    numbers = {n: before[n] for n in ("bad_pages", "flagged", "listed", "forgotten")}
    assert numbers == {
        "bad_pages": count, "flagged": count, "listed": count - missing, "forgotten": missing,
    }  # fmt: skip
    assert before["status"] == "critical" if missing else before["status"] in ("ok", "warning")
    lost = bad[count - missing :]
    told = [n for a, b in before["forgotten_pages"] for n in range(a, b + 1)]
    assert told == lost
    assert (first / "unit").read_text().startswith("HWPKHO ")
    assert int((first / "code").read_text()) == (2 if missing else before["status"] == "warning")
    saved = cli("list", first / "before.json", "--json").json
    assert [
        n for x in saved["pfns"] for n in (range(x[0], x[1] + 1) if type(x) is list else [x])
    ] == bad
    # After it.
    assert run.poisoned == bad[: count - missing]
    after = json.loads((out / "check.json").read_text())
    assert after["since"]["bad_pages"] == count
    assert after["since"]["lost"] == after["since"]["foreseen"] == missing
    again = [n for a, b in after["since"]["lost_pages"] for n in range(a, b + 1)]
    assert again == lost
    assert after["not_seen"] == []
    assert after["outcome"] == "replay"
    assert after["forgotten"] == 0  # of those that are bad now
    assert after["bad_pages"] == after["listed"] == count - missing
    assert int((out / "code").read_text()) == (2 if missing else after["status"] == "warning")
    assert (out / "metrics-code").read_text() == "0\n"
    metrics = (out / "hwpkho.prom").read_text()
    assert 'hwpkho_kexec_pages{fate="forgotten"} 0' in metrics
    assert f"hwpkho_since_lost_pages {missing}\n" in metrics
    (more,) = _pfns(out / "more")
    events = [json.loads(line) for line in (out / "watch").read_text().splitlines()]
    pages = [e for e in events if e["event"] == "page"]
    assert [(p["pfn"], p["kind"]) for p in pages] == [(more, "poisoned")]
    assert pages[0]["verdict"] in ("replays", "scratch")
    assert (out / "watch-code").read_text() == "0\n"
    assert (out / "watch-said").read_text() == ""


@pytest.mark.parametrize("kind", ["arm64-4k", "x86_64"])
def test_a_kernel_without_a_handover(
    kernel_of: Callable[[str], rig.Kernel], work: Path, kind: str
) -> None:
    script = f"""
for pfn in $(rig free {_BAD}); do echo $pfn > /sys/kernel/debug/hwpoison/corrupt-pfn; done
rig poisoned > /out/poisoned
hwpkho check --json > /out/check.json
echo $? > /out/code
umount /sys/kernel/debug
hwpkho check --json > /out/blind.json 2> /out/said
echo $? > /out/blind
"""
    kernel = kernel_of(kind)
    guest = with_hwpkho(rig.Guest(kernel, work, script, args="kho=off"))
    run = guest.boot(_BOUND)
    document = json.loads((run.out / "check.json").read_text())
    assert (run.out / "code").read_text() == "1\n"
    assert document["status"] == "critical"
    assert (document["bad_pages"], document["forgotten"]) == (_BAD, _BAD)
    assert "kho=off was given" in document["because"]
    if kernel.arch == "x86_64":
        wanted = [f"4K$0x{pfn << 12:x}" for pfn in run.poisoned]
        assert document["memmap"]["parameter"] == f"memmap={','.join(wanted)}"
    # The command line still tells; that debugfs cannot be seen changes nothing.
    blind = json.loads((run.out / "blind.json").read_text())
    assert blind["forgotten"] == _BAD
