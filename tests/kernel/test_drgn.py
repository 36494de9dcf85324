"""contrib/drgn: what drgn shows of a kernel, against ``hwpkho decode`` of the same dump."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel import rig, test_produced
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCRIPT = ROOT / "contrib" / "drgn" / "hwpkho_drgn.py"
KIND = "x86_64-debug"
SESSIONS = {"vm-a": {1: 65536, 2: 0, 3: 12345}, "vm-b": {7: 6 << 20}}
#: What backs the files of each session: single pages, or huge ones wherever they fit.
HUGE = {"vm-a": "never", "vm-b": "always"}
PRESERVE = "".join(
    f"  echo {HUGE[name]} > /sys/kernel/mm/transparent_hugepage/shmem_enabled\n"
    f"  rig preserve {name} {' '.join(f'{token}:{size}' for token, size in files.items())}\n"
    for name, files in SESSIONS.items()
)

#: The first kernel preserves files and lets itself be dumped; then, with ``stay``, inside
#: reboot(KEXEC), else the second one does.
GUEST = f"""
now=$(sed 's/.*gen=\\([0-9]*\\).*/\\1/' /proc/cmdline)
args=$(sed 's/gen=[0-9]*//' /proc/cmdline)
if [ $now = 1 ]; then
{PRESERVE}
  insmod /module.ko consume=0 stay=STAY
  cat list > /sys/kernel/debug/hwpkho/list
  echo 1 > /sys/kernel/debug/hwpkho/publish
  dump 1
  rig load Image /sys/firmware/initrd "$args gen=2" && rig exec
fi
insmod /module.ko carry=1
dump 2
"""


@pytest.fixture(scope="module")
def drgn() -> str:
    """Return the path of drgn."""
    path = os.environ.get("HWPKHO_DRGN")
    if not path:
        pytest.skip("HWPKHO_DRGN names no drgn (make drgn-test)")
    return path


def _guest(kernel: rig.Kernel, work: Path, pfns: list[int], *, stay: bool) -> rig.Guest:
    guest = test_produced.producer(kernel, work, pfns, last=2)
    guest.run = GUEST.replace("STAY", str(int(stay)))
    guest.args += " liveupdate=on"
    return guest


class Debugged:
    """A dump of a kernel, in drgn and in hwpkho."""

    def __init__(self, drgn: str, kernel: rig.Kernel, dump: Path, cli: Callable[..., Any]) -> None:
        symbols = str(kernel.folder / "build" / "vmlinux")
        self._command = [drgn, "-q", "-c", str(dump), "-s", symbols, str(SCRIPT)]
        self._cli, self.dump = cli, dump

    def script(self, *options: str) -> str:
        """Return what the script prints."""
        done = subprocess.run(
            [*self._command, *options], capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    def document(self) -> Any:
        """Return its document."""
        return json.loads(self.script("--json"))

    def decoded(self, *options: object) -> Any:
        """Return the document that ``hwpkho decode`` makes of the dump."""
        return self._cli("decode", "--json", self.dump, *options).json


def _alike(ours: Any, theirs: Any) -> None:
    """Both say the same; drgn knows more: the role of a single handover, and where scratch is."""
    for a, b in zip(ours["handovers"], theirs["handovers"], strict=True):
        assert a["source"] == b["source"]
        same = a.keys() - {"role", "problems"}
        assert {key: a[key] for key in same} == {key: b[key] for key in same}
        assert b["role"] in (a["role"], None)
        assert [p for p in a["problems"] if p not in b["problems"]] == []
    assert ours["efi_poisoned_memory"] == theirs["efi_poisoned_memory"]


def _sizes(handover: Any) -> dict[str, dict[int, int]]:
    sessions = handover["luo"]["sessions"]
    return {s["name"]: {f["token"]: f["size"] for f in s["files"]} for s in sessions}


@pytest.mark.parametrize("kind", [KIND])
def test_before_and_inside_reboot(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    drgn: str,
    subtests: pytest.Subtests,
) -> None:
    kernel, pfns = kernel_of(kind), test_produced.some_pfns(1200)
    with rig.Started(_guest(kernel, work, pfns, stay=True)) as started:
        started.wait_for("hwpkho: dump 1\n")
        early = started.dump(work / "early.elf")
        started.wait_for("hwpkho: dump stopped\n")
        late = started.dump(work / "late.elf")
    states = []
    for dump in (early, late):
        debugged = Debugged(drgn, kernel, dump, cli)
        ours, annotated = debugged.document(), debugged.script("--annotate")
        (handover,) = ours["handovers"]
        states.append(handover["luo"]["state"])
        with subtests.test(dump.name):
            assert handover["role"] == "out"
            assert handover["hwpoison"]["pfns"] == pfns
            scratch = handover["scratch"]
            where = f"0x{scratch['array']:x}:{scratch['length']}"
            _alike(ours, debugged.decoded("--kho-scratch", where))
            assert debugged.script("--pfns").split() == [f"0x{pfn:x}" for pfn in pfns]
            assert f"pfns[0] 0x{pfns[0]:x}" in annotated
            assert "1200 live entries" in debugged.script()
    assert states == ["not-serialized", "serialized"]
    assert _sizes(handover) == SESSIONS
    assert 'file 0: compatible "memfd-v2"' in annotated
    orders = {
        (s["name"], run["order"])
        for s in handover["luo"]["sessions"]
        for f in s["files"]
        for run in f["runs"]
    }
    assert orders == {("vm-a", 0), ("vm-b", 9)}
    # Everything that a real kernel marked has an owner.
    assert "unknown" not in [x["kind"] for x in handover["preserved"]]


@pytest.mark.parametrize("kind", [KIND])
def test_the_kernel_after_it(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    drgn: str,
) -> None:
    """Incoming and outgoing handover, by kho_in and kho_out."""
    kernel, pfns = kernel_of(kind), test_produced.some_pfns(300)
    (_, dump), _ = test_produced.go_through(_guest(kernel, work, pfns, stay=False), 2)
    debugged = Debugged(drgn, kernel, dump, cli)
    ours = debugged.document()
    assert [h["role"] for h in ours["handovers"]] == ["in", "out"]
    assert ours["handovers"][0]["luo"]["state"] == "released"
    assert ours["handovers"][1]["hwpoison"]["pfns"] == pfns
    _alike(ours, debugged.decoded())


@pytest.mark.parametrize("kind", [KIND])
def test_without_debugging_information(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    drgn: str,
) -> None:
    """The dump is searched instead."""
    kernel, pfns = kernel_of(kind), test_produced.some_pfns(300)
    (dump,), _ = test_produced.go_through(test_produced.producer(kernel, work, pfns), 1)
    command = [drgn, "-q", "--no-default-symbols", "-c", str(dump), str(SCRIPT), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == cli("decode", "--json", dump).json
