"""A machine made of fixtures, on which the commands of a page run.

A page's ``sh`` block is what its reader types: ``dmesg > boot.log``, then ``hwpkho validate
bad-pages.txt --memmap boot.log``. Here it runs in a folder of its own, with the files that such a
reader has (``FILES``) and programs that print what theirs would (``PROGRAMS``). A path at the root
of a machine is one below that folder. hwpkho itself is real.
"""

from __future__ import annotations

import gzip
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.commands import capture
from hwpkho.live.machine import Live
from tests.support import FIXTURES, captures, forked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SMALL = "captures/x86-structv1-small"
_LISTS = "neighbours"


def _raw(name: str, base: int, path: Path) -> None:
    """Write the memory of a capture from ``base`` on, as a board's debugger would."""
    with path.open("wb") as file:
        for phys, data in captures.segments(captures.elf(name)):
            if phys >= base:
                file.seek(phys - base)
                file.write(data)


def _capture(path: Path) -> None:
    """Write what ``hwpkho capture`` makes of a running machine."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        given = FIXTURES / f"{_SMALL}-post"
        shutil.copytree(given / "debugfs-kho", root / "sys/kernel/debug/kho")
        (root / "proc").mkdir()
        (root / "proc/kcore").write_bytes(captures.elf(given.name))
        (root / "proc/cmdline").write_text("console=ttyS0\n")
        shutil.copyfile(given / "iomem.txt", root / "proc/iomem")
        capture.running(Live(root, 4096), str(path))


def _fleet(path: Path) -> None:
    """Make a data set of a small fleet."""
    from tests.support.made_fleet import Fleet  # pyarrow takes a tenth of a second

    Fleet(3, 2, affected=1).store(path)


#: A file or folder as a page names it → the fixture, its text, or what writes it.
FILES: dict[str, str | bytes | Callable[[Path], None]] = {
    "capture.elf": _capture,
    "ram.bin": partial(_raw, "x86-structv1-small", 0),
    "board.bin": partial(_raw, "arm64-4k-B", 0x40000000),
    "vmcore": f"{_SMALL}/memory.elf",
    "memory.elf": f"{_SMALL}/memory.elf",
    "before.elf": f"{_SMALL}/memory.elf",
    "after.elf": f"{_SMALL}-post/memory.elf.gz",
    "debugfs-kho": f"{_SMALL}/debugfs-kho",
    "/sys/kernel/debug/kho": f"{_SMALL}/debugfs-kho",
    "/proc/iomem": f"{_SMALL}/iomem.txt",
    "/proc/kcore": f"{_SMALL}/memory.elf",
    "/proc/vmcore": f"{_SMALL}/memory.elf",
    "/proc/cmdline": f"{_LISTS}/memmap-cmdline/02.txt",
    "/proc/kpageflags": f"{_LISTS}/kpageflags/02.bin",
    "/sys/firmware/memmap": f"{_SMALL}/sys-firmware-memmap",
    "/sys/firmware/fdt": "memmaps-binary/qemu-arm64-efi-sysfs-fdt.dtb",
    "/sys/devices/system/memory/hard_offline_page": b"",
    "/sys/kernel/debug/hwpoison/corrupt-pfn": b"",
    "/etc/default/grub": f"{_LISTS}/grub-badram/01.txt",
    "/boot/grub/custom.cfg": b"cutmem 0x5000 24K\n",
    "/var/log/kern.log": f"{_SMALL}/dmesg.txt",
    "/var/lib/rasdaemon/ras-mc_event.db": f"{_LISTS}/rasdaemon-sqlite/01.db",
    "kern.log": f"{_SMALL}/dmesg.txt",
    "dmesg.txt": f"{_SMALL}/dmesg.txt",
    "boot.log": f"{_SMALL}/dmesg.txt",
    "iomem.txt": f"{_SMALL}/iomem.txt",
    "map.txt": f"{_SMALL}/iomem.txt",
    "ras-mc_event.db": f"{_LISTS}/rasdaemon-sqlite/01.db",
    "trace.txt": f"{_LISTS}/tracepoint/03.txt",
    "kmem-p.txt": f"{_LISTS}/crash-kmem/03.txt",
    "screen.txt": f"{_LISTS}/memtest86plus/03.txt",
    "bcdedit.txt": f"{_LISTS}/bcdedit/02.txt",
    "poisoned.bin": "efi/tables/03.bin",
    "memory-1": "captures/arm64-4k-B/memory.elf.gz",
    "out/iomem": "captures/arm64-4k-B/iomem.txt",
    "base.dtb": "memmaps-binary/qemu-arm64-efi-sysfs-fdt.dtb",
    "virt.dtb": "memmaps-binary/qemu-arm64-efi-sysfs-fdt.dtb",
    "host1.bin": "efi/tables/03.bin",
    "host2.bin": "efi/tables/03.bin",
    "a.bin": "efi/tables/03.bin",
    "b.bin": "efi/tables/03.bin",
    "bad-pages.txt": b"0x1e9e\n0x1fa9-0x1fac\n",
    "pfns.txt": b"0x8b3\n0x979\n",
    "bad.txt": b"0x8b3\n0x979\n",
    "list.txt": b"0x50001\n0x52000-0x52003\n",
    "before.json": b'{"schema": "hwpkho.list/1", "pfns": [2227, 2425]}\n',
    "found.json": b'{"schema": "hwpkho.list/1", "pfns": [2227, 2425]}\n',
    "accepted.toml": b'[[accept]]\ncode = "HP603"\nreason = "the first MiB"\n',
    "nightly.jsonl": b'{"host": "h17", "taken_at": "2026-11-28T03:00:00Z", '
    b'"inputs": ["h17/vmcore"], "memmap": ["h17/iomem.txt"]}\n',
    "h17/vmcore": f"{_SMALL}/memory.elf",
    "h17/iomem.txt": f"{_SMALL}/iomem.txt",
    "lists/2026-11-28/h17.txt": b"0x979\n",
    "fleet/": _fleet,
    "captures/host7/vmcore": f"{_SMALL}/memory.elf",
    "captures/host7/iomem.txt": f"{_SMALL}/iomem.txt",
    "captures/host8/bad-pages.txt": b"0x10\n0x979\n",
    "captures/host8/iomem.txt": f"{_SMALL}/iomem.txt",
}

#: A program that a page runs → what it does: the file of FILES that it prints, or a script.
PROGRAMS = {
    "dmesg": "/var/log/kern.log",
    "journalctl": 'case "$*" in *rasdaemon*) exec cat "$FIXTURES/rasdaemon-log/02.txt" ;; '
    '*) exec cat "$STAGE/var/log/kern.log" ;; esac',
    "mcelog": 'exec cat "$FIXTURES/mcelog/02.txt"',
    "ras-mc-ctl": 'exec cat "$FIXTURES/ras-mc-ctl/01.txt"',
    "page-types": 'exec cat "$FIXTURES/page-types/01.txt"',
    "cxl": """echo '[{"region": "region0", "resource": 70061654016, "size": 1073741824, '
echo '"media_errors": [{"offset": 8192, "length": 64, "source": "External"}]}]'""",
    "sudo": 'exec "$@"',
    "pip": "exit 0",
    "systemctl": "exit 0",
}

#: Where no input is given, capture reads the running kernel: its options are tried on an image, and
#: what it would make takes that place. check looks at a copy of a machine. A batch is judged in one
#: process: others cost a second.
_SCRIPT = """\
#!/bin/bash
running= before=
case "$*" in
  capture\\ -*) running=yes; set -- "$@" "$IMAGE" ;;
  check*) set -- "$@" --root "$MACHINE" ;;
  *--batch*) set -- "$@" --jobs 1 ;;
esac
{hwpkho} "$@"
code=$?
for word; do
  if [ -n "$running" ] && [ "$before" = -o ]; then cp "$STAGE/../running.elf" "$word"; fi
  before=$word
done
printf '%s %s\\n' "$code" "$*" >>{log}
exit $code
"""


class Played(NamedTuple):
    """What came of a script.

    Attributes:
        out: What it printed, standard error included.
        codes: The exit code and the arguments of each run of hwpkho.
        code: Of the script.
    """

    out: str
    codes: list[tuple[int, str]]
    code: int


def play(script: str, folder: Path) -> Played:
    """Run a page's script in ``folder``, which is empty."""
    stage, bin_, log = folder / "stage", folder / "bin", folder / "log"
    bin_.mkdir()
    stage.mkdir()
    log.touch()
    script, wanted = _at_home(script, stage)
    if "nightly.jsonl" in wanted:
        wanted += [name for name in FILES if name.startswith("h17/")]
    if re.search(r"\bcapture -", script):
        _capture(folder / "running.elf")
    for name in wanted:
        _lay(stage / name.lstrip("/"), FILES[name])
    _programs(bin_, stage, log)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=stage,
        env={
            **os.environ,
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "HOME": str(stage),  # what a page writes there
            "STAGE": str(stage),
            "FIXTURES": str(FIXTURES / _LISTS),
            "MACHINE": str(FIXTURES / "live" / "x86-structv1-small"),
            "IMAGE": str(FIXTURES / _SMALL / "memory.elf"),
            "LC_ALL": "C.UTF-8",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        errors="backslashreplace",
        timeout=120,
    )
    runs = [line.partition(" ") for line in log.read_text("utf-8").splitlines()]
    return Played(done.stdout, [(int(code), args) for code, _, args in runs], done.returncode)


def _at_home(script: str, stage: Path) -> tuple[str, list[str]]:
    """Return the script with paths of the machine in ``stage``, and the files that it names."""
    programs = {name for name in PROGRAMS if re.search(rf"(?<![\w/.-]){name}(?![\w/.-])", script)}
    printed = {PROGRAMS[name] for name in programs} & FILES.keys()
    if "journalctl" in programs:
        printed.add("/var/log/kern.log")
    named: set[str] = set()
    for name in sorted(FILES, key=len, reverse=True):
        top = name.partition("/")[0] or name
        pattern = re.compile(rf"(?<![\w/.-]){re.escape(top)}(?![\w.-])")
        if not pattern.search(script) or _written(name, script):
            continue  # no such file, or one that the script writes
        named.add(name)
        if name.startswith("/"):
            script = pattern.sub(f"{stage}{name}", script)
    return script, sorted(named | printed)


def _written(name: str, script: str) -> bool:
    return bool(
        re.search(rf"(?:-o|>|--save|--write-baseline) ?{re.escape(name)}(?![\w.-])", script)
    )


def _lay(path: Path, what: str | bytes | Callable[[Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if callable(what):
        what(path)
        return
    if isinstance(what, bytes):
        path.write_bytes(what)
        return
    fixture = FIXTURES / what
    if fixture.is_dir():
        shutil.copytree(fixture, path)
    elif fixture.suffix == ".gz":
        path.write_bytes(gzip.decompress(fixture.read_bytes()))
    else:
        shutil.copyfile(fixture, path)


def _programs(bin_: Path, stage: Path, log: Path) -> None:
    real = bin_ / "real"
    real.mkdir()
    hwpkho = _SCRIPT.format(
        hwpkho=shlex.quote(str(forked.program(real))), log=shlex.quote(str(log))
    )
    scripts = {"hwpkho": hwpkho}
    for name, does in PROGRAMS.items():
        line = f"exec cat {shlex.quote(str(stage / does[1:]))}" if does in FILES else does
        scripts[name] = f"#!/bin/bash\n{line}\n"
    for name, text in scripts.items():
        (bin_ / name).write_text(text, "utf-8")
        (bin_ / name).chmod(0o755)


def wrong(played: Played, fine: Sequence[int] = (0, 1)) -> str | None:
    """Return what a reader would stumble over: wrong usage, a file or program that is not there."""
    for code, args in played.codes:
        if code not in fine:
            return f"hwpkho {args}: exit code {code}\n{played.out}"
    if not played.codes and played.code:
        return f"exit code {played.code}\n{played.out}"
    if re.search(r": (?:command not found|No such file or directory|syntax error)", played.out):
        return played.out
    return None
