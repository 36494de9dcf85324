"""Boots a kernel of the cache in QEMU, with a script, and gives back what it left.

A guest's user space is one initramfs (busybox, ``rig``, the module). A case brings a disk ``in``, a
tar archive with the script ``run`` and what it needs; what the script puts into ``/out`` comes back
as the disk ``out``.
"""

from __future__ import annotations

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
from typing import Self

HERE = Path(__file__).parent
CACHE = Path(
    os.environ.get("HWPKHO_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hwpkho"
)
#: Seconds after which a guest is ended; one boot under emulation takes two to ten.
BOUND = float(os.environ.get("HWPKHO_GUEST_SECONDS", "180"))
_OUT_DISK = 64 << 20
#: Seconds that a dying kernel is given to say why.
_LAST_WORDS = 2.0


@dataclass(frozen=True)
class Kernel:
    """One kernel of the cache, and the user space that fits it."""

    kind: str
    folder: Path
    guest: Path

    @property
    def page_size(self) -> int:
        """Bytes."""
        return {"arm64-16k": 16384, "arm64-64k": 65536}.get(self.kind, 4096)

    @property
    def arch(self) -> str:
        """As hwpkho calls it."""
        return "x86_64" if self.kind == "x86_64" else "arm64"

    @property
    def image(self) -> Path:
        """What QEMU's -kernel takes."""
        return self.folder / ("bzImage" if self.arch == "x86_64" else "Image")

    @property
    def module(self) -> Path | None:
        """The consumer, None where the kernel has one built in."""
        path = self.folder / "module.ko"
        return path if path.exists() else None

    @property
    def python(self) -> Path:
        """A tar archive with a Python for the guest."""
        return self.guest / "python.tar"

    @property
    def qemu(self) -> list[str]:
        """The machine: emulated, so that the same boots happen everywhere."""
        if self.arch == "x86_64":
            return ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max", "-accel", "tcg"]
        return ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57", "-accel", "tcg"]

    @property
    def earlycon(self) -> str:
        """Lets a kernel be heard that dies before its console is there."""
        return "earlycon=uart8250,io,0x3f8" if self.arch == "x86_64" else "earlycon"

    @property
    def console(self) -> str:
        """The serial port that the log goes to."""
        return "ttyS0" if self.arch == "x86_64" else "ttyAMA0"


def prepared(kind: str) -> Kernel | None:
    """Return the kernel of a kind if the cache has it as the repository wants it now."""
    told = subprocess.run(
        [HERE / "prepare.sh", "--check", kind], capture_output=True, text=True, check=False
    )
    if told.returncode:
        return None
    _, folder, guest = told.stdout.split()
    return Kernel(kind, Path(folder), Path(guest))


# --- Archives -----------------------------------------------------------------------------------


def cpio(entries: list[tuple[str, int, bytes, tuple[int, int]]]) -> bytes:
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


def initramfs(kernel: Kernel) -> Path:
    """Return the initramfs of a kernel, made anew where a part of it changed."""
    path = kernel.folder / "initramfs.cpio"
    parts = [kernel.guest / n for n in ("init", "busybox", "rig")]
    entries = [
        ("bin", 0o40755, b"", (0, 0)),
        ("dev", 0o40755, b"", (0, 0)),
        ("dev/console", 0o20600, b"", (5, 1)),
        ("init", 0o100755, parts[0].read_bytes(), (0, 0)),
        ("bin/busybox", 0o100755, parts[1].read_bytes(), (0, 0)),
        ("bin/rig", 0o100755, parts[2].read_bytes(), (0, 0)),
    ]
    if kernel.module:
        entries.append(("module.ko", 0o100644, kernel.module.read_bytes(), (0, 0)))
    archive = cpio(entries)
    if not path.exists() or path.read_bytes() != archive:
        new = path.with_suffix(f".{os.getpid()}")
        new.write_bytes(archive)
        new.rename(path)
    return path


def disk(path: Path, files: dict[str, bytes | Path]) -> Path:
    """Write a tar archive that a guest reads as a disk."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            if isinstance(content, Path):
                tar.add(content, name)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    with path.open("ab") as file:
        file.truncate((path.stat().st_size + 0xFFFFF) & ~0xFFFFF)
    return path


# --- A run --------------------------------------------------------------------------------------


@dataclass
class Run:
    """What a guest left."""

    log: str
    ended: str
    out: Path
    seconds: float = 0.0

    def said(self, prefix: str = "hwpkho: ") -> list[str]:
        """Return what follows ``prefix`` in the lines that have it."""
        return [x.partition(prefix)[2].rstrip() for x in self.log.splitlines() if prefix in x]

    @property
    def crashed(self) -> bool:
        """Whether the kernel gave up, before its user space or in the consumer."""
        return bool(_CRASH.search(self.log)) or "hwpkho: user space" not in self.log

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


_CRASH = re.compile(r"Kernel panic|Unable to handle kernel|Internal error: |BUG: |Oops: ")


@dataclass
class Guest:
    """A boot in the making.

    Attributes:
        kernel: Of the cache.
        work: A folder of its own for this run.
        run: The script.
        files: What else the disk ``in`` holds.
        memory: MiB of RAM.
        args: More of the kernel's command line.
        loads: ``(file, physical address)`` of what stands in memory before the kernel runs.
        dtb: A device tree in place of QEMU's own.
    """

    kernel: Kernel
    work: Path
    run: str = ""
    files: dict[str, bytes | Path] = field(default_factory=dict)
    memory: int = 1024
    args: str = ""
    loads: list[tuple[Path, int]] = field(default_factory=list)
    dtb: Path | None = None

    @property
    def command_line(self) -> str:
        """What the kernel is told; a crash ends the guest at once."""
        return (
            f"console={self.kernel.console} {self.kernel.earlycon} panic=-1 oops=panic loglevel=8 "
            f"test_kho.max_mem=65536 {self.args}"
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


class Started:
    """A running guest; leaving the context ends it."""

    def __init__(self, guest: Guest) -> None:
        work = guest.work
        work.mkdir(parents=True, exist_ok=True)
        self.guest = guest
        self.log_file = work / "console.log"
        disk(work / "in.tar", {"run": guest.run.encode(), **guest.files})
        out = work / "out.img"
        with out.open("wb") as file:
            file.truncate(_OUT_DISK)
        bus = "virtio-blk-pci" if guest.kernel.arch == "x86_64" else "virtio-blk-device"
        command = [
            *guest.machine(),
            "-serial", f"file:{self.log_file}",
            "-qmp", "stdio",
            "-kernel", str(guest.kernel.image),
            "-initrd", str(initramfs(guest.kernel)),
            "-append", guest.command_line,
            "-drive", f"file={work / 'in.tar'},format=raw,if=none,id=in,readonly=on",
            "-device", f"{bus},drive=in,serial=in",
            "-drive", f"file={out},format=raw,if=none,id=out",
            "-device", f"{bus},drive=out,serial=out",
        ]  # fmt: skip
        if guest.dtb:
            command += ["-dtb", str(guest.dtb)]
        for path, phys in guest.loads:
            command += ["-device", f"loader,file={path},addr=0x{phys:x},force-raw=on"]
        self.greeted = False
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
        for command in (*([] if greeted else [{"execute": "qmp_capabilities"}]), *commands):
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
        """Write the guest's memory as QEMU's ELF core; the guest stands still meanwhile."""
        protocol = {"paging": False, "protocol": f"file:{path}"}
        self.ask(
            {"execute": "stop"},
            {"execute": "dump-guest-memory", "arguments": protocol},
            {"execute": "cont"},
        )
        return path

    def _wait(self, bound: float) -> str:
        """Wait for QEMU to end; a kernel that died before it can reset the machine is ended."""
        died = 0.0
        while True:
            try:
                self.process.wait(0.2)
            except subprocess.TimeoutExpired:
                now = time.monotonic()
                if not died and _CRASH.search(self.log()):
                    died = now
                if now - self.start <= bound and not (died and now - died > _LAST_WORDS):
                    continue
            else:
                return "by itself"
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return "dead" if died else "hung"

    def finish(self, bound: float = BOUND) -> Run:
        """Wait for the end, and return what the guest left."""
        ended = self._wait(bound)
        seconds = time.monotonic() - self.start
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
                tar.extractall(
                    folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {})
                )
        image.unlink()
        return Run(log, ended, folder, seconds)
