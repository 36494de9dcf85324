"""The running kernel, as capture reads it: debugfs, memory, /proc/iomem, the boot loader.

Source: kernel/liveupdate/kexec_handover_debugfs.c, fs/proc/kcore.c, drivers/char/mem.c,
arch/x86/kernel/ksysfs.c (Linux 7.3.4).
"""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.abi.setup_data import KHO_DATA_SIZE, SETUP_KEXEC_KHO, KhoData
from hwpkho.base import opening
from hwpkho.base.arch import by_machine, known
from hwpkho.base.digits import unsigned
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.handover import debugfs as copies
from hwpkho.handover.boot_loader import BootHandover
from hwpkho.images.elf import open_elf
from hwpkho.images.extents import MappedSource
from hwpkho.images.files import FileBytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.handover.debugfs import DebugfsCopy
    from hwpkho.images.base import Source

_RAM = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) : System RAM$", re.MULTILINE)
_MAX_TEXT = 1 << 20


class Live:
    """The running kernel.

    Attributes:
        release: Its release.
        page_size: Bytes.
        iomem: The text of /proc/iomem.
    """

    def __init__(
        self, root: Path = Path("/"), page_size: int | None = None, *, kho: bool = True
    ) -> None:
        """Look at the kernel whose file systems are below ``root``.

        ``page_size`` (bytes) takes the place of the kernel's own. Unless ``kho`` is False, raises
        InputError with the reason where nothing can be captured: no permission, no KHO, or no
        debugfs of KHO.
        """
        self._root = root
        self.release = os.uname().release
        self.page_size = page_size or os.sysconf("SC_PAGE_SIZE")
        debugfs = root / "sys/kernel/debug"
        places = (debugfs / "kho", debugfs / "liveupdate")
        self._kho = next((p for p in places if copies.is_debugfs(p)), places[0])
        if kho:
            self._check()
        self.iomem = self._text("proc/iomem")

    def _text(self, name: str) -> str:
        text = opening.small(str(self._root / name), _MAX_TEXT)
        if len(text) > _MAX_TEXT:
            raise InputError(f"/{name}: more than {_MAX_TEXT} bytes")
        return text.decode("ascii", "replace")

    def _check(self) -> None:
        debugfs = self._root / "sys/kernel/debug"
        try:
            empty = not list(debugfs.iterdir())
            there = self._kho.is_dir()
        except PermissionError as error:
            raise InputError("/sys/kernel/debug: permission denied; capture needs root") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"/sys/kernel/debug: {reason}; is debugfs there?") from error
        if there:
            return
        if empty:
            raise InputError("/sys/kernel/debug is empty: mount -t debugfs debugfs there first")
        line = self._text("proc/cmdline")
        why = "kho=off was given" if re.search(r"\bkho=(off|0|n)\b", line) else "kho=on is needed"
        raise InputError(
            "no /sys/kernel/debug/kho: the running kernel hands nothing over (CONFIG_KEXEC_HANDOVER"
            f" and its DEBUGFS; {why})"
        )

    def copies(self) -> list[DebugfsCopy]:
        """Return the copies of KHO's structures that debugfs has."""
        return copies.read_debugfs(self._kho)

    def memory(self) -> Source:
        """Return physical memory: /proc/kcore, else /dev/mem.

        Raises InputError with both reasons where neither can be read.
        """
        reasons = []
        for name, opened in (("proc/kcore", self._kcore), ("dev/mem", self._devmem)):
            try:
                source = opened(str(self._root / name))
                if next(source.extents(), None) is None:
                    raise InputError(f"/{name} shows no memory")
                start, _ = next(source.extents())
                if source.peek(start, 8) is None:
                    raise InputError(f"/{name} cannot be read (lockdown?)")
            except InputError as error:
                reasons.append(str(error))
            else:
                arch = known(by_machine(os.uname().machine))
                source.arch = arch.name if arch else None
                return source
        raise InputError("; ".join(reasons))

    @staticmethod
    def _kcore(path: str) -> Source:
        return open_elf(FileBytes(path))

    def _devmem(self, path: str) -> Source:
        ram = [(int(a, 16), int(b, 16) + 1) for a, b in _RAM.findall(self.iomem)]
        if not any(end > 1 for _, end in ram):
            raise InputError("/proc/iomem shows no addresses; capture needs root")
        starts = [start for start, _ in ram]
        sizes = [end - start for start, end in ram]
        return MappedSource(printable(path), [FileBytes(path)], starts, sizes, starts)

    def boot(self) -> list[BootHandover]:
        """Return what the boot loader passed to this kernel; empty on a first boot."""
        found = self._setup_data() or self._device_tree()
        return [found] if found else []

    def _setup_data(self) -> BootHandover | None:
        folder = self._root / "sys/kernel/boot_params/setup_data"
        for entry in sorted(folder.glob("*")):
            try:
                text = opening.small(str(entry / "type"), _MAX_TEXT).decode("ascii", "replace")
                data = opening.small(str(entry / "data"), _MAX_TEXT)
            except InputError:
                continue
            if unsigned(text.strip()) == SETUP_KEXEC_KHO and len(data) >= KHO_DATA_SIZE:
                handed = KhoData.parse(data)
                return BootHandover(handed.fdt_addr, handed.scratch_addr, handed.scratch_size)
        return None

    def _device_tree(self) -> BootHandover | None:
        """Return what /chosen has; each property is two cells of address and two of size."""
        chosen = self._root / "proc/device-tree/chosen"
        values: Sequence[bytes] = [
            opening.small(str(path), _MAX_TEXT)
            for path in (chosen / "linux,kho-fdt", chosen / "linux,kho-scratch")
            if path.is_file()
        ]
        if [len(v) for v in values] != [16, 16]:
            return None
        root, _ = struct.unpack(">QQ", values[0])
        return BootHandover(root, *struct.unpack(">QQ", values[1]))
