"""Boots a kernel of the cache in QEMU, with a script, and gives back what it left.

A guest's user space is one initramfs: busybox, ``rig`` and the module, then what the case brings
in ``/in``, the script ``run`` and what it needs. What the script puts into ``/out`` comes back on
a disk.
"""

from __future__ import annotations

import functools
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent
#: Seconds after which a guest is ended; one boot under emulation takes two to ten.
BOUND = float(os.environ.get("HWPKHO_GUEST_SECONDS", "180"))
_OUT_DISK = 64 << 20
#: Seconds that a dying kernel is given to say why.
_LAST_WORDS = 2.0
#: What of busybox scripts call by its name; letting it install all that it has costs a tenth of a
#: boot.
_APPLETS = (
    "[", "cat", "cp", "echo", "grep", "insmod", "ls", "mkdir", "mount", "reboot", "rm", "sed", "sh",
    "sleep", "sync", "tar", "umount",
)  # fmt: skip


@dataclass(frozen=True)
class Kernel:
    """One kernel of the cache, and the user space that fits it.

    Attributes:
        kind: As prepare.sh calls it.
        folder: What was built, with its configuration.
        guest: The programs of its guests.
        consumer: ``ours``, ``none`` where the kernel has one of its own, or a module's file.
    """

    kind: str
    folder: Path
    guest: Path
    consumer: str

    @property
    def page_size(self) -> int:
        """Bytes."""
        return {"arm64-16k": 16384, "arm64-64k": 65536}.get(self.kind, 4096)

    @property
    def arch(self) -> str:
        """As hwpkho calls it."""
        return "x86_64" if self.kind.startswith("x86_64") else "arm64"

    @property
    def uefi(self) -> bool:
        """Whether it is started by UEFI firmware, and not by QEMU itself."""
        return self.kind.endswith("-uefi")

    @property
    def image(self) -> Path:
        """What QEMU's -kernel takes."""
        return self.folder / ("bzImage" if self.arch == "x86_64" else "Image")

    @property
    def module(self) -> Path | None:
        """The consumer, None where the kernel has one built in."""
        if self.consumer == "none":
            return None
        return self.folder / "module.ko" if self.ours else Path(self.consumer)

    @property
    def ours(self) -> bool:
        """Whether the consumer is our module, whose lines in the log can be read."""
        return self.consumer == "ours"

    @property
    def source(self) -> Path:
        """The tree it was built from."""
        build = self.folder / "build"
        return build / "source" if (build / "source").exists() else build

    @property
    def handover_options(self) -> str:
        """What prepare.sh found of the options that carry poison over a kexec."""
        path = self.folder / "handover"
        lines = path.read_text().splitlines() if path.exists() else []
        return "; ".join(lines) or "its tree has none"

    @property
    def python(self) -> Path:
        """A tar archive with a Python for the guest."""
        return self.guest / "python.tar"

    @property
    def qemu(self) -> list[str]:
        """The machine: emulated, so that the same boots happen everywhere.

        The smallest arm64 processor that has pages of all three sizes.
        """
        if self.arch == "x86_64":
            # The kernel says where its VMCOREINFO is, and a dump brings it.
            noted = ["-device", "vmcoreinfo"] if self.kind.endswith("-debug") else []
            return ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max", "-accel", "tcg", *noted]
        return ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a76", "-accel", "tcg"]

    @property
    def earlycon(self) -> str:
        """Lets a kernel be heard that dies before its console is there."""
        return "earlycon=uart8250,io,0x3f8" if self.arch == "x86_64" else "earlycon"

    @property
    def quirks(self) -> str:
        """What an emulated machine on a busy host needs: x86 gives up where its timer is late."""
        return "no_timer_check" if self.arch == "x86_64" else ""

    @property
    def console(self) -> str:
        """The serial port that the log goes to."""
        return "ttyS0" if self.arch == "x86_64" else "ttyAMA0"


def prepared(kind: str) -> Kernel | str:
    """Return the kernel of a kind as the repository wants it now, or why the cache has none."""
    told = subprocess.run(
        [HERE / "prepare.sh", "--check", kind], capture_output=True, text=True, check=False
    )
    if told.returncode:
        return told.stderr.strip().removeprefix("prepare.sh: ") or "prepare.sh --check gives none"
    _, folder, guest, consumer = told.stdout.rstrip("\n").split(" ", 3)
    return Kernel(kind, Path(folder), Path(guest), consumer)


# --- Archives -----------------------------------------------------------------------------------


def cpio(entries: Iterable[tuple[str, int, bytes, tuple[int, int]]]) -> bytes:
    """Return a newc archive of ``(name, mode, data, device numbers)``."""
    out = io.BytesIO()
    for ino, (name, mode, data, device) in enumerate(
        [*entries, ("TRAILER!!!", 0, b"", (0, 0))], start=1
    ):
        raw = name.encode() + b"\0"
        numbers = (ino, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(raw), 0)
        out.write(b"070701" + b"".join(b"%08x" % n for n in numbers) + raw)
        out.write(bytes(-out.tell() % 4))
        out.write(data)
        out.write(bytes(-out.tell() % 4))
    return out.getvalue()


def _file(name: str, content: bytes | Path) -> tuple[str, int, bytes, tuple[int, int]]:
    data = content.read_bytes() if isinstance(content, Path) else content
    return name, 0o100755, data, (0, 0)


def initramfs(kernel: Kernel, run: str, files: dict[str, bytes | Path]) -> bytes:
    """Return the initramfs of a case: two archives behind each other."""
    folders = ("bin", "dev", "in", "out", "proc", "sys", "tmp")
    files = {"run": run.encode(), **files}
    return _user_space(kernel) + cpio(
        [
            *((name, 0o40755, b"", (0, 0)) for name in folders),
            ("dev/console", 0o20600, b"", (5, 1)),
            *(_file(f"in/{name}", content) for name, content in files.items()),
        ]
    )


@functools.cache
def _user_space(kernel: Kernel) -> bytes:
    """Return the archive of what all guests of a kernel have."""
    names = {"init": "init", "bin/busybox": "busybox", "bin/rig": "rig"}
    return cpio(
        [
            ("bin", 0o40755, b"", (0, 0)),
            *(_file(name, kernel.guest / source) for name, source in names.items()),
            *((f"bin/{name}", 0o120777, b"busybox", (0, 0)) for name in _APPLETS),
            *([_file("module.ko", kernel.module)] if kernel.module else []),
        ]
    )


# --- A run --------------------------------------------------------------------------------------


@dataclass
class Run:
    """What a guest left."""

    log: str
    ended: str
    out: Path

    def said(self, prefix: str = "hwpkho: ") -> list[str]:
        """Return what follows ``prefix`` in the lines that have it."""
        return [x.partition(prefix)[2].rstrip() for x in self.log.splitlines() if prefix in x]

    @property
    def crashed(self) -> bool:
        """Whether the kernel gave up, before its user space or in the consumer."""
        return bool(CRASH.search(self.log)) or "hwpkho: user space" not in self.log

    @property
    def crash(self) -> str:
        """What the kernel said when it gave up; empty where it went silent."""
        return next((x for x in self.log.splitlines() if CRASH.search(x)), "")

    @property
    def found(self) -> bool:
        """Whether the kernel took the handover."""
        return "found kexec handover data" in self.log

    @property
    def restored(self) -> list[int] | None:
        """The PFNs that the module printed, None where it restored nothing."""
        if "end of list" not in self.said():
            return None
        return [int(x.split()[1], 16) for x in self.said() if x.startswith("pfn ")]

    @property
    def poisoned(self) -> list[int]:
        """PFNs with the HWPOISON flag, as the script's ``rig poisoned`` saw them, ascending."""
        return [int(x, 16) for x in (self.out / "poisoned").read_text().split()]

    @property
    def corrupted_kib(self) -> int:
        """HardwareCorrupted of the guest's /proc/meminfo."""
        match = re.search(r"HardwareCorrupted:\s+(\d+) kB", (self.out / "meminfo").read_text())
        assert match, "no HardwareCorrupted in /proc/meminfo"
        return int(match[1])


CRASH = re.compile(
    r"Kernel panic|PANIC: early exception|Unable to handle kernel|Internal error: |BUG: |Oops: "
)
#: memory_failure() of a page that holds a part of a file: in a guest, of its initramfs.
FILE_HIT = " LRU page: "
#: After these a kernel that cannot reset the machine says nothing more.
_OVER = ("---[ end Kernel panic", "Reboot failed")


@dataclass
class Guest:
    """A boot in the making.

    Attributes:
        kernel: Of the cache.
        work: A folder of its own for this run.
        run: The script.
        files: What else stands in the script's folder.
        memory: MiB of RAM.
        args: More of the kernel's command line.
        loads: ``(file, physical address)`` of what stands in memory before the kernel runs.
        dtb: A device tree in place of QEMU's own.
        image: A kernel in place of that of the cache.
        place: With UEFI, what our application puts into memory: see ``uefi/place.c``.
    """

    kernel: Kernel
    work: Path
    run: str = ""
    files: dict[str, bytes | Path] = field(default_factory=dict)
    memory: int = 1024
    args: str = ""
    loads: list[tuple[Path, int]] = field(default_factory=list)
    dtb: Path | None = None
    image: Path | None = None
    place: bytes = b""

    @property
    def command_line(self) -> str:
        """What the kernel is told; a crash ends the guest at once."""
        return (
            f"console={self.kernel.console} {self.kernel.earlycon} {self.kernel.quirks} panic=-1 "
            f"oops=panic loglevel=8 test_kho.max_mem=65536 {self.args}"
        ).strip()

    def machine(self) -> list[str]:
        """Return the part of QEMU's command line that shapes the device tree."""
        return [
            *self.kernel.qemu, "-m", str(self.memory), "-smp", "1",
            "-nodefaults", "-display", "none", "-no-reboot",
        ]  # fmt: skip

    def base_dtb(self) -> Path:
        """Return the device tree that QEMU would give this machine."""
        path = self.work / "base.dtb"
        command = self.machine()
        command[command.index("virt")] = f"virt,dumpdtb={path}"
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        return path

    def boot(self, bound: float = BOUND) -> Run:
        """Run the guest until it ends, or ``bound`` seconds."""
        with Started(self) as started:
            return started.finish(bound)


def _direct(guest: Guest, initrd: Path) -> list[str]:
    """Return QEMU's options for a kernel that it starts itself."""
    image = guest.image or guest.kernel.image
    return ["-kernel", str(image), "-initrd", str(initrd), "-append", guest.command_line]


def _firmware(guest: Guest, initrd: Path) -> list[str]:
    """Return QEMU's options for firmware that finds our application on a disk."""
    disk, folder = guest.work / "disk", guest.kernel.folder
    boot = disk / "EFI" / "BOOT"
    boot.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "place.efi", boot / "BOOTX64.EFI")
    shutil.copyfile(guest.image or guest.kernel.image, disk / "kernel")
    shutil.move(initrd, disk / "initrd")
    (disk / "options").write_bytes(f"{guest.command_line} initrd=initrd\0".encode("utf-16-le"))
    (disk / "place").write_bytes(guest.place)
    shutil.copyfile(folder / "vars.fd", guest.work / "vars.fd")
    flash = "if=pflash,format=raw"
    return [
        "-drive", f"{flash},unit=0,readonly=on,file={folder / 'code.fd'}",
        "-drive", f"{flash},unit=1,file={guest.work / 'vars.fd'}",
        "-drive", f"file=fat:{disk},format=raw,readonly=on,if=none,id=boot",
        "-device", "virtio-blk-pci,drive=boot,bootindex=0",
    ]  # fmt: skip


class Started:
    """A running guest; leaving the context ends it."""

    def __init__(self, guest: Guest) -> None:
        work = guest.work
        work.mkdir(parents=True, exist_ok=True)
        self.guest = guest
        self.log_file = work / "console.log"
        initrd = work / "initrd"
        initrd.write_bytes(initramfs(guest.kernel, guest.run, guest.files))
        out = work / "out.img"
        with out.open("wb") as file:
            file.truncate(_OUT_DISK)
        bus = "virtio-blk-pci" if guest.kernel.arch == "x86_64" else "virtio-blk-device"
        command = [
            *guest.machine(),
            "-serial", f"file:{self.log_file}",
            "-qmp", "stdio",
            *(_firmware(guest, initrd) if guest.kernel.uefi else _direct(guest, initrd)),
            "-drive", f"file={out},format=raw,if=none,id=out",
            "-device", f"{bus},drive=out",
        ]  # fmt: skip
        if guest.dtb:
            command += ["-dtb", str(guest.dtb)]
        for path, phys in guest.loads:
            command += ["-device", f"loader,file={path},addr=0x{phys:x},force-raw=on"]
        self.greeted = False
        self.disk_size = _OUT_DISK
        self.start = time.monotonic()
        self.errors = (work / "qemu.log").open("w+")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            if pipe:
                pipe.close()

    def log(self) -> str:
        """Return what the kernel said up to now."""
        try:
            raw = self.log_file.read_bytes().replace(b"\r\n", b"\n")
            return raw.decode("utf-8", "backslashreplace")
        except FileNotFoundError:
            return ""

    def wait_for(self, text: str, bound: float = BOUND) -> None:
        """Wait until the log holds ``text``; AssertionError where it ends before."""
        end = time.monotonic() + bound
        while text not in self.log():
            ended = self.process.poll() is not None
            if time.monotonic() > end or ended:
                raise AssertionError(f"guest {'ended' if ended else 'hung'} before {text!r}")
            time.sleep(0.1)

    def ask(self, *commands: dict[str, object]) -> None:
        """Send QMP commands one after the other; AssertionError where one fails."""
        to, back = self.process.stdin, self.process.stdout
        assert to, "QEMU's monitor is its standard input"
        assert back, "QEMU's monitor is its standard output"
        greeted, self.greeted = self.greeted, True
        first: list[dict[str, object]] = [] if greeted else [{"execute": "qmp_capabilities"}]
        for command in (*first, *commands):
            to.write(json.dumps(command) + "\n")
            to.flush()
            while True:
                line = back.readline()
                assert line, f"QEMU ended before it answered {command['execute']}"
                answer = json.loads(line)
                if "error" in answer:
                    raise AssertionError(f"QEMU: {answer['error']}")
                if "return" in answer:
                    break

    def dump(self, path: Path) -> Path:
        """Write the memory of a guest that called ``dump`` as a file, and let it go on.

        Its disk grows: that is the one thing it can see from within that needs no device more.
        """
        how = {"paging": False, "protocol": f"file:{path}"}
        if self.guest.memory > 1024:
            how["format"] = "kdump-zlib"  # which leaves out pages of zeros: nearly all there are
        self.disk_size += 1 << 20
        grown = {"device": "out", "size": self.disk_size}
        self.ask(
            {"execute": "stop"},
            {"execute": "dump-guest-memory", "arguments": how},
            {"execute": "cont"},
            {"execute": "block_resize", "arguments": grown},
        )
        return path

    def _wait(self, bound: float) -> str:
        """Wait for QEMU to end; a kernel that died before it can reset the machine is ended."""
        died = 0.0
        while True:
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                now = time.monotonic()
                log = self.log()
                if not died and CRASH.search(log):
                    died = now
                over = any(words in log for words in _OVER)
                if now - self.start <= bound and not (over or (died and now - died > _LAST_WORDS)):
                    continue
            else:
                return "by itself"
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return "dead" if died else "hung"

    def finish(self, bound: float = BOUND) -> Run:
        """Wait for the end, and return what the guest left."""
        ended = self._wait(bound)
        log = self.log()
        self.errors.seek(0)
        told = self.errors.read()
        if self.process.returncode not in (0, -signal.SIGKILL) or (told and not log):
            raise AssertionError(f"QEMU exited with {self.process.returncode}: {told[-2000:]}")
        folder = self.guest.work / "out"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        image = self.guest.work / "out.img"
        if "hwpkho: done" in log:
            with tarfile.open(image) as tar:
                safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                tar.extractall(folder, **safely)
        image.unlink()
        return Run(log, ended, folder)
