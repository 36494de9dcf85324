"""``hwpkho capture`` on a running kernel: inside a guest, with a Python of its own."""

from __future__ import annotations

import compileall
import io
import py_compile
import shutil
import tarfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel import rig, test_produced

if TYPE_CHECKING:
    from collections.abc import Callable

#: What the command needs to run; all of it is plain Python.
PACKAGES = ("hwpkho", "click", "construct", "fdt")
#: Unpacks Python and hwpkho, and defines how hwpkho is called.
SETUP = """
export PATH=/bin:/usr/bin
tar -x -C / -f python.tar
mkdir -p /opt
tar -x -C /opt -f packages.tar
hwpkho() { PYTHONPATH=/opt python3 -m hwpkho "$@"; }
"""


def packages(work: Path) -> bytes:
    """Return a tar archive of the packages that this Python has, compiled."""
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec, f"{name} is not installed"
        assert spec.origin
        wanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(spec.origin).parent, work / name, ignore=wanted)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(work, quiet=1, invalidation_mode=mode)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(work, ".")
    return out.getvalue()


def with_hwpkho(guest: rig.Guest) -> rig.Guest:
    """Let the guest's script call hwpkho."""
    guest.files |= {
        "python.tar": guest.kernel.python,
        "packages.tar": packages(guest.work / "packages"),
    }
    guest.run = SETUP + guest.run
    return guest


@pytest.mark.parametrize(("kind", "last"), [("arm64-4k", 2), ("x86_64", 1)])
def test_a_running_kernel_is_captured(
    kernel_of: Callable[[str], rig.Kernel],
    cli: Callable[..., Any],
    work: Path,
    kind: str,
    last: int,
) -> None:
    kernel = kernel_of(kind)
    pfns = test_produced.some_pfns(1200)
    guest = with_hwpkho(test_produced.producer(kernel, work, pfns, last=last))
    # Python is in the initramfs, which the next kernel is given in scratch. The first area is the
    # highest and gets the kernel; arm64 wants the initramfs above it: both must fit in there.
    guest.memory = 1024
    guest.args += " kho_scratch=192M,64M,64M"
    guest.run += "hwpkho capture -o /out/live.elf 2> /out/said; echo $? > /out/code\n"
    (*_, dump), run = test_produced.go_through(guest, last)
    assert (run.out / "code").read_text() == "0\n", (run.out / "said").read_text()
    live = run.out / "live.elf"
    assert live.stat().st_size < 1 << 20
    result = cli("decode", "--json", live)
    assert result.code == 0, result.err
    *incoming, outgoing = result.json["handovers"]
    assert outgoing["hwpoison"]["pfns"] == pfns, "other PFNs than those fed"
    assert outgoing["root"]["phys"]
    assert outgoing["scratch"]["areas"]
    assert outgoing["tracker"] == "complete"
    assert len(incoming) == last - 1
    same = cli("diff", dump, live)
    assert same.code == 0, same.err
    (carried,) = cli("memmap", "--json", live).json["maps"]
    (printed,) = cli("memmap", "--json", run.out / "iomem").json["maps"]
    assert carried["entries"] == printed["entries"]


@pytest.mark.parametrize("kind", ["arm64-4k"])
def test_a_kernel_without_kho_is_told(
    kernel_of: Callable[[str], rig.Kernel], work: Path, kind: str
) -> None:
    script = """
hwpkho capture -o /out/off.elf 2> /out/off
umount /sys/kernel/debug
hwpkho capture -o /out/off.elf 2> /out/nodebugfs
ls /out > /out/names
"""
    guest = with_hwpkho(rig.Guest(kernel_of(kind), work, script, args="kho=off"))
    run = guest.boot()
    assert "kho=off was given" in (run.out / "off").read_text()
    assert "mount -t debugfs" in (run.out / "nodebugfs").read_text()
    assert "off.elf" not in (run.out / "names").read_text().split()
