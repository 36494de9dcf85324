"""Times and peak memory of hwpkho, as ratios within one run: python tests/bench.py.

Each figure is the best of several runs in children of their own; what it is compared with runs in
turn with it, so a busy machine slows both. Nothing here fails: an aim that is missed is marked.
Each tests/bench_NAME.py beside it has a ``measure(folder)`` that prints more of them.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import captures
import measure
from handovers import Machine, elf

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
from hwpkho.sources.elf import open_elf
from hwpkho.sources.files import FileBytes
start = time.perf_counter()
open_elf(FileBytes(sys.argv[1]))
print(time.perf_counter() - start)
"""


class Run:
    """The best time and the largest peak of several runs of one command."""

    def __init__(self, args: list[str], folder: Path) -> None:
        self.args, self.folder = args, folder
        self.seconds, self.peak, self.out = float("inf"), 0, b""

    def once(self) -> None:
        """Run it."""
        cost = measure.run(self.args, self.folder, 1 << 40)
        if cost.code:
            raise SystemExit(f"bench: {' '.join(self.args)} failed: {cost.err.decode()[-200:]}")
        self.seconds = min(self.seconds, cost.wall)
        self.peak = max(self.peak, cost.peak)
        self.out = cost.out


def together(runs: list[Run], times: int) -> None:
    """Run commands in turn, so that all meet the same load."""
    for _ in range(times):
        for run in runs:
            run.once()


def hwpkho(folder: Path, *args: object) -> Run:
    """Return a run of the program, by its script where it is installed."""
    script = Path(sys.executable).with_name("hwpkho")
    program = [str(script)] if script.exists() else [sys.executable, "-m", "hwpkho"]
    return Run([*program, *map(str, args)], folder)


def line(what: str, value: str, aim: str, *, met: bool) -> None:
    """Print one figure."""
    print(f"{what:<52} {value:>12}   aim {aim:<12} {'' if met else 'MISSED'}".rstrip(), flush=True)


def ratio(what: str, run: Run, base: Run, aim: float) -> None:
    """Print a time as a ratio."""
    value = run.seconds / base.seconds
    line(f"{what} ({run.seconds:.3f} s)", f"{value:.2f} x", f"<= {aim:g} x", met=value <= aim)


def memory(what: str, run: Run, touched: int) -> None:
    """Print how much more a peak is than the bytes that must be touched."""
    over = run.peak - touched
    line(
        f"  peak memory of {what} ({run.peak / _MIB:.0f} MiB)",
        f"{over / _MIB:.0f} MiB more",
        "<= 30 MiB",
        met=over <= 30 * _MIB,
    )


def many_pfns(folder: Path) -> tuple[Path, int]:
    """Make a capture of 1 Mi PFNs in 2048 scattered array pages, five chunks."""
    rng = random.Random(1)
    m = Machine(arch="x86_64", gap=3)
    m.handover([rng.randrange(1 << 24) for _ in range(1 << 20)])
    return m.save(folder, "many.elf"), sum(map(len, m.memory.values()))


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


def main() -> None:
    """Print all figures."""
    folder = Path(tempfile.mkdtemp(prefix="hwpkho-bench-"))
    try:
        figures(folder)
        for module in sorted(Path(__file__).parent.glob("bench_*.py")):
            print()
            import_module(module.stem).measure(folder)
    finally:
        shutil.rmtree(folder)


def figures(folder: Path) -> None:
    """Run and print."""
    # Start-up means: with compiled modules, as any installed program has them.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    small = captures.CAPTURES / "x86-structv1-small" / "memory.elf"
    nothing = Run([sys.executable, "-c", "pass"], folder)
    version, decode = hwpkho(folder, "--version"), hwpkho(folder, "decode", "--json", small)
    together([nothing, version, decode], 15)
    ratio("hwpkho --version against python3 -c pass", version, nothing, 5)
    ratio("hwpkho decode --json, small capture, against pass", decode, nothing, 10)
    memory("decode of the small capture", decode, small.stat().st_size)

    path, touched = many_pfns(folder)
    (folder / "script.py").write_text(_SCRIPT)
    script = Run([sys.executable, str(folder / "script.py"), str(path)], folder)
    pfns = hwpkho(folder, "decode", "--pfns", path)
    together([script, pfns], 7)
    if script.out != pfns.out:
        raise SystemExit("bench: the script and hwpkho print different lists")
    ratio(
        f"hwpkho decode --pfns, {pfns.out.count(b'0x')} PFNs, against a script", pfns, script, 1.5
    )
    memory("that", pfns, touched)
    line("  peak memory of the script", f"{script.peak / _MIB:.0f} MiB", "none", met=True)

    many = folder / "segments.elf"
    load = [((1 << 33) + i * 8192, b"x" * 64) for i in range(70_000)]
    many.write_bytes(elf(load, "x86_64"))
    opened = Run([sys.executable, "-c", _OPEN_ELF, str(many)], folder)
    best = float("inf")
    for _ in range(5):
        opened.once()
        best = min(best, float(opened.out))
    line("opening an ELF core of 70000 segments", f"{best:.3f} s", "<= 0.1 s", met=best <= 0.1)
    memory("that", opened, many.stat().st_size)

    image, same = sparse(folder)
    raw = hwpkho(folder, "decode", "--json", f"{image}@0x0")
    core = hwpkho(folder, "decode", "--json", same)
    together([raw, core], 5)
    ratio("root in a sparse 64 GiB image against an ELF of its data", raw, core, 2)
    memory("that", raw, 2100 * 4096)
    print(
        f"python3 -c pass: {nothing.seconds:.3f} s, {nothing.peak / _MIB:.0f} MiB "
        f"({struct.calcsize('P') * 8} bit {sys.implementation.name} {sys.version.split()[0]})"
    )


if __name__ == "__main__":
    main()
