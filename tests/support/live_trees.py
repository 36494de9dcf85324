"""Copied trees of /proc and /sys, as ``hwpkho check --root`` takes them.

Real ones are made of a capture: its memory, its copy of debugfs, its /proc/iomem and /proc/meminfo,
and the page flags that its kernel showed, which ``truth.json`` has as PFNs.
"""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support import captures, certain
from tests.support.handovers import Machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

HWPOISON, HUGE, COMPOUND_HEAD = 1 << 19, 1 << 17, 1 << 15
#: A machine of 1 GiB of RAM at 1 GiB.
IOMEM = "40000000-7fffffff : System RAM\n"
#: Where its memory ends, PFNs of 4 KiB.
END = 0x80000
PFNS = (0x50000, 0x50007, 0x61234)


@dataclass
class LiveTree:
    """A tree below ``root``."""

    root: Path

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the tree: ``proc/iomem``."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def flags(
        self, pfns: Iterable[int], frames: int = END, *, folios: Iterable[tuple[int, int]] = ()
    ) -> Path:
        """Write the page flags: single bad pages, and huge pages (first PFN, pages) with one."""
        path = self.write("proc/kpageflags", b"")
        with path.open("r+b") as file:
            file.truncate(frames * 8)
            for pfn in pfns:
                file.seek(pfn * 8)
                file.write(struct.pack("=Q", HWPOISON))
            for first, pages in folios:
                head = struct.pack("=Q", HWPOISON | HUGE | COMPOUND_HEAD)
                file.seek(first * 8)
                file.write(head + struct.pack("=Q", HWPOISON | HUGE) * (pages - 1))
        return path

    def count(self, pages: int, page_size: int = 4096) -> Path:
        """Write /proc/meminfo with HardwareCorrupted."""
        kib = pages * page_size >> 10
        return self.write("proc/meminfo", f"MemTotal: 1 kB\nHardwareCorrupted: {kib:5} kB\n")


def of_capture(name: str, root: Path) -> LiveTree:
    """Return the tree of a capture's machine."""
    tree, folder, truth = LiveTree(root), captures.folder(name), captures.truth(name)
    tree.write("proc/kcore", captures.elf(name))
    for file, place in (("iomem.txt", "proc/iomem"), ("meminfo.txt", "proc/meminfo")):
        if (folder / file).exists():
            tree.write(place, (folder / file).read_bytes())
    if (folder / "debugfs-kho").exists():
        shutil.copytree(folder / "debugfs-kho", root / "sys/kernel/debug/kho")
    if not (folder / "meminfo.txt").exists():
        tree.count(len(truth["hwpoison_pfns"]), truth["page_size"])
    tree.flags(truth["hwpoison_pfns"], frames_of(name))
    return tree


def frames_of(name: str) -> int:
    """Return how many page frames a capture's machine has words for."""
    image, size = captures.elf(name), int(captures.truth(name)["page_size"])
    end = max(start + len(data) for start, data in captures.segments(image))
    section = 512 << 20 if size == 65536 else 128 << 20
    return -(-end // section) * section // size


def made(
    root: Path, pfns: Sequence[int] | None = PFNS, bad: Sequence[int] | None = None
) -> LiveTree:
    """Return a small machine whose handover lists ``pfns``; ``bad`` have the flag, else they do.

    Without ``pfns`` there is a handover that lists nothing.
    """
    tree, m = LiveTree(root), Machine()
    h = m.handover(pfns)
    flagged = list(pfns or ()) if bad is None else list(bad)
    root.mkdir(parents=True, exist_ok=True)
    m.save(root).rename(tree.write("proc/kcore", b""))
    out = "sys/kernel/debug/kho/out"
    tree.write(f"{out}/fdt", m.memory[h.root])
    for ref in h.subtrees:
        tree.write(f"{out}/sub_fdts/{ref.name}", m.memory[certain(ref.phys)][: ref.size or 4096])
    tree.write(f"{out}/scratch_phys", "0x70000000\n")
    tree.write(f"{out}/scratch_len", "0x4000000\n")
    tree.write("proc/iomem", IOMEM)
    tree.count(len(flagged))
    tree.flags(flagged)
    return tree
