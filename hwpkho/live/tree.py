"""The files of a running kernel below ``/``, or of a copied tree of /proc and /sys.

A copied tree is one that a user copied from the machine, or a sosreport. Nothing outside it is
read; its links are followed inside it.
"""

from __future__ import annotations

import os
import re
import struct
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base import confining, opening
from hwpkho.base.arch import ARCHES, by_machine, known, page_sizes
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.handover import debugfs as copies

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_TEXT = 1 << 20
#: Bytes of /proc/kallsyms that are read; a kernel's symbols are 10 to 30 MB.
_MAX_SYMBOLS = 1 << 26
_AT_PAGESZ = 6
_OFF = re.compile(r"(?:^|\s)kho=(?:off|0|n|no|false|N)(?:\s|$)")
#: The symbol at the end of the kernel's text, behind all its functions.
_LAST_SYMBOL = " _etext\n"
_KEXEC_SECTION = re.compile(
    r"^# Kexec and crash features$(.*?)^# end of Kexec and crash features$",
    re.MULTILINE | re.DOTALL,
)
#: Where a tree has its kernel log; the last ones are those of a sosreport.
_LOGS = ("dmesg", "dmesg.txt", "sos_commands/kernel/dmesg", "var/log/dmesg")


class Kho(NamedTuple):
    """What the tree shows of KHO.

    Attributes:
        folder: The debugfs folder of KHO, None where there is none.
        absent: Why the kernel has no handover; None where it has one, or may.
        unseen: Why it is unknown whether it has one; None where it is known.
        denied: Whether it is unknown for lack of permission: root may see it.
        sure: Whether ``absent`` is certain: a copied debugfs may lack what the machine's has.
    """

    folder: Path | None = None
    absent: str | None = None
    unseen: str | None = None
    denied: bool = False
    sure: bool = True


class Tree:
    """The files below a root.

    Attributes:
        root: The folder that stands for ``/``.
        copied: Whether it is a copy, and not the running kernel.
    """

    def __init__(self, root: str | None = None) -> None:
        """Take a copied tree, or the running kernel without one.

        Raises InputError where there is no such folder, or neither ``proc`` nor ``sys`` in it.
        """
        self.copied = root is not None
        self.root = Path("/") if root is None else _unpacked(Path(root))
        shown = printable(str(self.root))
        if not self.root.exists():
            raise InputError(f"{shown}: no such folder")
        if not any((self.root / name).is_dir() for name in ("proc", "sys")):
            from hwpkho.inputs import mistakes  # only for a mistake

            what = "it has neither proc nor sys" if self.root.is_dir() else "it is a file"
            other = mistakes.instead(str(root), "copied tree of /proc and /sys")
            raise InputError(f"{shown}: {other or f'not a copied tree of /proc and /sys: {what}'}")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Within the block, keep all reading inside a copied tree."""
        if not self.copied:
            yield
            return
        root = confining.resolved([str(self.root)])
        with confining.confined(root, confining.Outside("leads outside the copied tree", "")):
            yield

    def path(self, name: str) -> str:
        """Return the path of a file of the tree; ``name`` is, for example, ``proc/iomem``."""
        return str(self.root / name)

    def has(self, name: str) -> bool:
        """Tell whether the tree has a file or folder, readable or not."""
        return os.path.lexists(self.path(name))

    def text(self, name: str, limit: int = _MAX_TEXT) -> str:
        """Return a text file of up to ``limit`` bytes.

        Raises InputError where it cannot be read or is longer.
        """
        data = opening.small(self.path(name), limit)
        if len(data) > limit:
            raise InputError(f"{printable(self.path(name))}: more than {limit} bytes")
        return data.decode("ascii", "replace")

    def word(self, name: str) -> str | None:
        """Return a short file's text, stripped; None where it is empty or cannot be read."""
        try:
            return self.text(name, 4096).strip() or None
        except InputError:
            return None

    @property
    def release(self) -> str | None:
        """The running kernel's release, printable; None where the tree does not record it."""
        found = self.word("proc/sys/kernel/osrelease")
        if found is None and (version := self.word("proc/version")):
            words = version.split()
            found = words[2] if words[:2] == ["Linux", "version"] and len(words) > 2 else None
        if found is None and not self.copied:
            found = os.uname().release
        return printable(found[:80]) if found else None

    @property
    def boot_id(self) -> str | None:
        """The random id that the kernel gave this boot, None where the tree does not have it."""
        found = self.word("proc/sys/kernel/random/boot_id")
        return found if found and re.fullmatch(r"[0-9a-f-]{32,36}", found) else None

    @property
    def arch(self) -> str | None:
        """The architecture, None where no file of the tree records it."""
        if not self.copied:
            found = known(by_machine(os.uname().machine))
            return found.name if found else None
        named = {arch.machine: arch.name for arch in ARCHES}
        for name in ("proc/sys/kernel/arch", "sos_commands/kernel/uname_-a", "uname"):
            words = (self.word(name) or "").split()
            # uname -a prints host and release first, which may be called like a machine.
            for word in reversed(words[3:] or words):
                if word in named:
                    return named[word]
        return None

    @property
    def kernel_loaded(self) -> bool | None:
        """Whether a kernel is loaded for kexec, None where the tree does not show it."""
        for name in ("sys/kernel/kexec/loaded", "sys/kernel/kexec_loaded"):
            found = self.word(name)
            if found in ("0", "1"):
                return found == "1"
        return None

    @property
    def in_container(self) -> bool:
        """Whether this is the file system of a container."""
        marks = (".dockerenv", "run/.containerenv", "run/systemd/container")
        return any(self.has(name) for name in marks)

    def log(self) -> str | None:
        """Return the path of a copied kernel log, None where there is none."""
        return next((self.path(x) for x in _LOGS if self.copied and self.has(x)), None)

    def page_size(self) -> int | None:
        """Return the kernel's page size, bytes; None where a copy has no auxiliary vector."""
        if not self.copied:
            return os.sysconf("SC_PAGE_SIZE")
        for name in ("proc/self/auxv", "proc/1/auxv"):
            try:
                data = opening.small(self.path(name), 4096)
            except InputError:
                continue
            for kind, value in struct.iter_unpack("=QQ", data[: len(data) & -16]):
                if kind == _AT_PAGESZ and value in page_sizes():
                    return int(value)
        return None

    def kho(self) -> Kho:
        """Return what the tree shows of KHO."""
        folder = self.root / "sys/kernel/debug"
        shown = printable(str(folder))
        off = _OFF.search(self.word("proc/cmdline") or "")
        for place in (folder / "kho", folder / "liveupdate"):
            try:
                confining.check_inside(str(place))
                if copies.is_debugfs(place):
                    return self._found(place)
                if place.name == "kho" and place.is_dir():
                    return Kho(unseen=f"{printable(str(place))}: it has neither in nor out")
            except PermissionError:
                return Kho(unseen=f"{shown}: permission denied; it needs root", denied=True)
            except (InputError, OSError) as error:
                return Kho(unseen=str(error))
        if off:
            return Kho(absent="kho=off was given")
        try:
            others = [p for p in folder.iterdir() if p.name != "kho"]
        except PermissionError:
            return Kho(unseen=f"{shown}: permission denied; it needs root", denied=True)
        except OSError as error:
            return self._by_symbols(f"{shown}: {error.strerror or error}")
        if not others:
            mount = "" if self.copied else "; mount -t debugfs debugfs there first"
            return self._by_symbols(f"{shown}: empty{mount}")
        return self._by_symbols(None)

    def _found(self, folder: Path) -> Kho:
        """Return what a debugfs folder shows.

        Kernels up to 6.18 write their root FDT only when a user asks them to finalize it.
        """
        state = self.word(str((folder / "out" / "finalize").relative_to(self.root)))
        if state == "0":
            return Kho(unseen=f"{printable(str(folder))}: the handover is not finalized yet")
        return Kho(folder)

    def _by_symbols(self, unseen: str | None) -> Kho:
        """Return what the kernel's symbols show of KHO, where debugfs shows no handover.

        ``unseen`` says why debugfs cannot be seen; None where it can, and has no kho.
        """
        without = Kho(absent="it is built without CONFIG_KEXEC_HANDOVER")
        if self._built_without():
            return without
        try:
            symbols = self.text("proc/kallsyms", _MAX_SYMBOLS)
        except InputError:
            symbols = ""
        # A copy without its last symbols was cut off: that a symbol is missing proves nothing.
        symbols = symbols if _LAST_SYMBOL in symbols else ""
        if symbols and " kho_is_enabled" not in symbols:
            return without
        if unseen is not None:
            return Kho(unseen=unseen)
        if symbols and " kho_debugfs_blob_add" not in symbols:
            return Kho(unseen="this kernel has KHO, but is built without its debugfs")
        return Kho(
            absent="there is no /sys/kernel/debug/kho (CONFIG_KEXEC_HANDOVER, kho=on)",
            sure=not self.copied,
        )

    def _built_without(self) -> bool:
        """Tell whether the kernel's configuration is there and has no KHO."""
        names = ["proc/config.gz"]  # opening.small() unpacks it
        if self.release and "/" not in self.release:
            names.append(f"boot/config-{self.release}")
        texts: list[str] = []
        for name in names:
            with suppress(InputError):
                texts.append(self.text(name))
        sections = [match[1] for text in texts if (match := _KEXEC_SECTION.search(text))]
        return any("\nCONFIG_KEXEC_HANDOVER=y" not in x for x in sections)


def _unpacked(root: Path) -> Path:
    """Return ``root``, or its only folder where that is the tree, as in an unpacked report."""
    try:
        inside = [p for p in root.iterdir() if p.is_dir() and not p.is_symlink()]
    except OSError:
        return root
    if len(inside) == 1 and inside[0].name not in ("proc", "sys") and (inside[0] / "proc").is_dir():
        return inside[0]
    return root
