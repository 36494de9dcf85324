"""Copied trees of a running machine for check and metrics, data sets, and reports in every form."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz import images, lists, values
from fuzz.files import Content, Sparse, Special
from hwpkho.report.registry import REPORTS as PAGES
from hwpkho.report.validate.registry import REPORTS
from tests.support import FIXTURES, live_trees
from tests.support.program import run_cli

if TYPE_CHECKING:
    import random

    from fuzz.files import Case

_IOMEM = b"00001000-0009ffff : System RAM\n00100000-1fffffff : System RAM\n"
#: Options of check and metrics, and values that are right.
_LOOKING = (
    "--page-size=4096", "--page-size=64K", "--arch=arm64", "--arch=x86_64", "--consumer-kho=v1",
    "--consumer-efi=a", "--consumer-efi=none", "--next-cmdline=kho=off", "--next-cmdline=mem=1G",
)  # fmt: skip
#: What is no file in a tree: a pipe, a device, a link out of it.
_SPECIALS = (
    Special("fifo"), Special("folder"), Special("link", "/dev/zero"), Special("link", "nowhere"),
    Special("link", "/proc/self/mem"), Special("link", "/etc/passwd"), Special("link", "."),
)  # fmt: skip
#: Files that a tree may have, too.
_MORE = {
    "proc/cmdline": b"BOOT_IMAGE=/vmlinuz kho=on memmap=4K$1G mem=4G\n",
    "proc/version": b"Linux version 6.19.0 (x@y) #1 SMP x86_64\n",
    "proc/config.gz": b"",
    "proc/sys/kernel/random/boot_id": b"0b7c2e5e-5f9d-4a2a-8a3f-0123456789ab\n",
    "proc/sys/kernel/osrelease": b"6.19.0\n",
    "sys/kernel/kexec_loaded": b"1\n",
    "boot/config-6.19.0": b"CONFIG_KEXEC_HANDOVER=y\nCONFIG_MEMORY_FAILURE=y\n",
    "dmesg": b"[    0.000000] Linux version 6.19.0\n[   12.0] Memory failure: 0x50000: recovery\n",
}


@cache
def trees() -> list[dict[str, Content]]:
    """Return trees, file by file; page flags with holes as what they are."""
    found: list[dict[str, Content]] = []
    live = FIXTURES / "live" / "x86-structv1-small"
    with tempfile.TemporaryDirectory() as folder:
        real = (
            live_trees.of_capture(n, Path(folder) / n) for n in ("x86-structv1-small", "x86-none")
        )
        made = (
            live_trees.made(Path(folder) / f"{len(b)}", bad=b) for b in ((), (0x50000, 0x50001))
        )
        for top in (live, *(tree.root for tree in (*real, *made))):
            files = sorted(p for p in top.rglob("*") if p.is_file())
            found.append({str(p.relative_to(top)): _content(p) for p in files})
    return found


def _content(path: Path) -> Content:
    size = path.stat().st_size
    if size <= 1 << 18:
        return path.read_bytes()
    pieces = []
    with path.open("rb") as file:
        for at in range(0, size, 4096):
            data = file.read(4096)
            if any(data):
                pieces.append((at, data))
    return Sparse(size, tuple(pieces))


@cache
def saved() -> list[bytes]:
    """Return what ``check --save`` writes."""
    with tempfile.TemporaryDirectory() as folder:
        tree = live_trees.made(Path(folder) / "root", bad=(0x50000, 0x50007))
        out = Path(folder) / "saved"
        run_cli("check", "--root", tree.root, "--save", out)
        return [out.read_bytes(), lists.TEXT]


def _changed(rng: random.Random, data: Content) -> Content:
    kind = rng.random()
    if kind < 0.12:
        return rng.choice(_SPECIALS)
    if isinstance(data, Special):
        return data
    if isinstance(data, Sparse):
        pieces = [
            *data.pieces,
            (rng.randrange(data.size), bytes(rng.randrange(256) for _ in "12345678")),
        ]
        if kind < 0.5 and len(pieces) > 1:
            del pieces[rng.randrange(len(pieces))]
        size = (
            data.size if kind < 0.8 else rng.choice((0, 7, data.size // 2, data.size * 4, 1 << 43))
        )
        return Sparse(
            size, tuple((at, raw[: max(0, size - at)]) for at, raw in pieces if at < size)
        )
    if b"\0" in data:
        return images.mutate(rng, data, [*range(0, max(1, min(len(data), 400)), 4)])
    if kind < 0.2:
        return Sparse(1 << rng.randrange(12, 43), ((0, data),))
    return values.text(rng, data, [data, _IOMEM, *(v for v in _MORE.values())])


def machine(rng: random.Random) -> Case:
    """A copied tree of /proc and /sys in which files are changed, lost, or no files."""
    tree = dict(rng.choice(trees()))
    for name in rng.sample(sorted(_MORE), rng.choice((0, 0, 2, 5))):
        tree.setdefault(name, _MORE[name])
    for name in rng.sample(sorted(tree), min(len(tree), rng.choice((0, 1, 1, 2, 5)))):
        if rng.random() < 0.15:
            del tree[name]
        else:
            tree[name] = _changed(rng, tree[name])
    files = {f"root/{name}": data for name, data in tree.items()}
    command = rng.choice(("check", "check", "metrics"))
    args = [command, "--root", "root", *rng.sample(_LOOKING, rng.choice((0, 0, 1, 2)))]
    if rng.random() < 0.4:
        data = rng.choice(saved())
        files["before"] = (
            values.document(rng, data) if data[:1] == b"{" else values.text(rng, data, [data])
        )
        args += ["--since", "before"]
    if command == "metrics":
        args += ["-o", "out"] if rng.random() < 0.3 else []
    else:
        args += rng.choice(([], ["--json"], ["--nagios"], ["--save", "out", "-f"]))
    return files, args


def reported(rng: random.Random) -> Case:
    """Several inputs of one machine, judged or drawn in every form of report, some into files."""
    seeds = lists.seeds()
    files: dict[str, Content] = {"list": lists.mutate(rng, rng.choice(seeds)).data, "iomem": _IOMEM}
    files["other"] = lists.mutate(rng, rng.choice(seeds)).data
    if rng.random() < 0.5:
        files["iomem"] = values.text(rng, _IOMEM, [_IOMEM])
    pages = [name for name in PAGES if not name.startswith("fleet")]
    command = rng.choice(("validate", "validate", *pages))
    inputs = ["list"] + (["other"] if command in ("diff", "merge") or rng.random() < 0.4 else [])
    if command in ("decode", "memmap"):
        inputs = ["image" if command == "decode" else "iomem"]
    if command == "decode":
        picture, places = rng.choice(images.seeds())
        files["image"] = images.mutate(rng, picture, places)
    forms = (REPORTS if command == "validate" else PAGES[command]).names()
    args = [command, *inputs]
    chosen = rng.sample(forms, min(len(forms), rng.choice((1, 1, 2, 3))))
    for number, name in enumerate(chosen):
        args += (
            ["--format", f"{name}=out{number}"]
            if number or rng.random() < 0.3
            else ["--format", name]
        )
    if command in ("validate", "merge", "diff") and rng.random() < 0.7:
        args += ["--memmap", "iomem"]
    if command == "validate" and rng.random() < 0.2:
        args += ["--all"]
    return files, args


def fleet(rng: random.Random) -> Case:
    """Hostile cases added to a data set; a third of them to one with a file that is changed."""
    seeds = lists.seeds()
    files: dict[str, Content] = {"iomem": _IOMEM}
    lines = []
    for number in range(rng.choice((1, 2, 4))):
        name = f"list{number}"
        files[name] = lists.mutate(rng, rng.choice(seeds)).data
        line: dict[str, object] = {"case": f"c{number}", "inputs": [name]}
        for key in ("host", "taken_at"):
            if rng.random() < 0.6:
                sound = {"host": "h", "taken_at": "2026-11-28T03:00:00Z"}[key]
                line[key] = sound if rng.random() < 0.5 else values.value(rng)
        if rng.random() < 0.3:
            line["memmap"] = ["iomem"]
        lines.append(json.dumps(line).encode())
    manifest = b"\n".join(lines) + b"\n"
    if rng.random() < 0.4:
        manifest = values.document(rng, lines[0]) + b"\n" + b"\n".join(lines[1:])
    files["manifest"] = manifest
    if rng.random() < 0.3:
        files["set/hwpkho-fleet.json"] = values.document(rng, b'{"schema": "hwpkho.fleet/1"}')
    args = ["fleet", "add", "set", "--jobs=1"]
    if rng.random() < 0.3:
        args += [
            "list0",
            "--memmap",
            "iomem",
            f"--names={rng.choice(('{host}', '*/{host}', '{taken_at}', '{', values.word(rng)))}",
        ]
        args[-1] = args[-1].replace("\0", "").encode("utf-8", "replace").decode()
    else:
        args += ["--batch", "manifest"]
    return files, [*args, *(["--json"] if rng.random() < 0.3 else [])]


def asked(rng: random.Random) -> Case:
    """A data set whose files are changed, asked."""
    files: dict[str, Content] = dict(data_set())
    for name in rng.sample(sorted(files), rng.choice((0, 1, 1, 2))):
        data = files[name]
        assert isinstance(data, bytes)
        kind = rng.random()
        if kind < 0.15:
            files[name] = rng.choice(_SPECIALS)
        elif kind < 0.3:
            files[name] = files[rng.choice(sorted(files))]
        elif name.endswith(".json"):
            files[name] = values.document(rng, data)
        else:
            ends = [*range(4), *range(max(0, len(data) - 200), len(data), 4)]
            files[name] = images.mutate(rng, data, ends)
    command = rng.choice(
        (
            ["ask", "set", "summary"],
            ["ask", "set", "lost"],
            ["ask", "set", "worst"],
            ["shell", "set"],
            ["ask", "set", "findings", "--since=2026-11-01"],
            ["ask", "set", "--sql=SELECT count(*) FROM pages"],
        )
    )
    form = rng.choice(([], ["--json"], ["--csv"], ["--parquet", "-o", "out"]))
    return files, ["fleet", *command, *(form if command[0] == "ask" else [])]


@cache
def data_set() -> dict[str, bytes]:
    """Return a data set, file by file."""
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        for number in range(3):
            (top / f"h{number}").write_text(f"0x{number + 1:x}0\n0x20-0x2f\n")
        names = "--names={host}"
        run_cli(
            "fleet", "add", top / "set", "--jobs", "1", names, *(top / f"h{n}" for n in range(3))
        )
        files = (p for p in (top / "set").rglob("*") if p.is_file() and p.stat().st_size)
        return {str(p.relative_to(top)): p.read_bytes() for p in sorted(files)}
