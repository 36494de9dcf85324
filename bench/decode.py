"""decode's figures: start-up, many PFNs against a plain script, many segments, a sparse image."""

from __future__ import annotations

import os
import random
import struct
import sys
from typing import TYPE_CHECKING

from bench import figures
from tests.support import captures
from tests.support.handovers import Machine, elf

if TYPE_CHECKING:
    from pathlib import Path

_MIB = 1 << 20

#: The shortest honest script that prints the PFNs of an ELF core: it finds the root FDT by looking
#: at page starts, and follows blob and chunks, without checking anything.
_SCRIPT = """
import mmap, struct, sys
f = open(sys.argv[1], "rb")
m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
phoff, phnum = struct.unpack_from("<Q", m, 32)[0], struct.unpack_from("<H", m, 56)[0]
segments = []
for i in range(phnum):
    p = struct.unpack_from("<IIQQQQQQ", m, phoff + 56 * i)
    if p[0] == 1:
        segments.append((p[4], p[5], p[2]))
def at(phys):
    return next(off + phys - start for start, n, off in segments if start <= phys < start + n)
def root():
    for start, n, off in segments:
        for page in range(off, off + n, 4096):
            if m[page : page + 4] == b"\\xd0\\x0d\\xfe\\xed" and b"kho-v" in m[page : page + 512]:
                return page
r = root()
node = m.find(b"hwpoison\\0", r)
size, value = m.find(struct.pack(">I", 8), node), None
words = struct.unpack_from("<Q", m, node + 12 + 12), struct.unpack_from("<Q", m, node + 12 + 32)
blob = at(words[1][0])
count, chunk = struct.unpack_from("<QQ", m, blob + 8)
pfns = []
while chunk:
    entries = struct.unpack_from("<512Q", m, at(chunk))
    chunk = entries[0]
    for page in entries[1:]:
        if page and len(pfns) < count:
            pfns += struct.unpack_from("<512Q", m, at(page))
sys.stdout.write("\\n".join(map(hex, pfns[:count])) + "\\n")
"""

_OPEN_ELF = """
import sys, time
from hwpkho.images.elf import open_elf
from hwpkho.images.files import FileBytes
start = time.perf_counter()
open_elf(FileBytes(sys.argv[1]))
print(time.perf_counter() - start)
"""


def sparse(folder: Path) -> tuple[Path, Path]:
    """Make a raw image of 64 GiB with little in it, and an ELF of the same memory."""
    m = Machine(arch="x86_64", at=0x3_4567_8000)
    m.handover(range(1000, 3000))
    rng = random.Random(2)
    for _ in range(2000):
        m.at = rng.randrange(1 << 36) & -4096
        if m.at not in m.memory:
            m.put(rng.randbytes(4096))
    image = folder / "sparse.raw"
    with image.open("wb") as file:
        file.truncate(64 << 30)
        for phys, data in sorted(m.memory.items()):
            file.seek(phys)
            file.write(data)
    return image, m.save(folder, "sparse.elf")


def measure(folder: Path) -> None:
    """Run and print."""
    # Start-up means: with compiled modules, as any installed program has them.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    small = captures.CAPTURES / "x86-structv1-small" / "memory.elf"
    nothing = figures.Run([sys.executable, "-c", "pass"], folder)
    version, decode = (
        figures.hwpkho(folder, "--version"),
        figures.hwpkho(folder, "decode", "--json", small),
    )
    figures.together([nothing, version, decode], 15)
    figures.ratio("hwpkho --version against python3 -c pass", version, nothing, 5)
    figures.ratio("hwpkho decode --json, small capture, against pass", decode, nothing, 10)
    figures.memory("decode of the small capture", decode, small.stat().st_size)

    path, touched = figures.many_pfns(folder)
    (folder / "script.py").write_text(_SCRIPT)
    script = figures.Run([sys.executable, str(folder / "script.py"), str(path)], folder)
    pfns = figures.hwpkho(folder, "decode", "--pfns", path)
    figures.together([script, pfns], 7)
    if script.out != pfns.out:
        raise SystemExit("bench: the script and hwpkho print different lists")
    figures.ratio(
        f"hwpkho decode --pfns, {pfns.out.count(b'0x')} PFNs, against a script", pfns, script, 1.5
    )
    figures.memory("that", pfns, touched)
    figures.line("  peak memory of the script", f"{script.peak / _MIB:.0f} MiB", "none", met=True)

    many = folder / "segments.elf"
    load = [((1 << 33) + i * 8192, b"x" * 64) for i in range(70_000)]
    many.write_bytes(elf(load, "x86_64"))
    opened = figures.Run([sys.executable, "-c", _OPEN_ELF, str(many)], folder)
    best = float("inf")
    for _ in range(5):
        opened.once()
        best = min(best, float(opened.out))
    figures.line(
        "opening an ELF core of 70000 segments", f"{best:.3f} s", "<= 0.1 s", met=best <= 0.1
    )
    figures.memory("that", opened, many.stat().st_size)

    image, same = sparse(folder)
    raw = figures.hwpkho(folder, "decode", "--json", f"{image}@0x0")
    core = figures.hwpkho(folder, "decode", "--json", same)
    figures.together([raw, core], 5)
    figures.ratio("root in a sparse 64 GiB image against an ELF of its data", raw, core, 2)
    figures.memory("that", raw, 2100 * 4096)
    print(
        f"python3 -c pass: {nothing.seconds:.3f} s, {nothing.peak / _MIB:.0f} MiB "
        f"({struct.calcsize('P') * 8} bit {sys.implementation.name} {sys.version.split()[0]})"
    )
