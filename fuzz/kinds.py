"""The kinds of cases: what is mutated, and which command gets it."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING

from fuzz import efi, images, lists, luo, packed, running, values
from fuzz.files import Case, Content, Sparse, Special
from fuzz.lists import TEXT as LIST
from tests.support import FIXTURES, captures
from tests.support.program import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

IOMEM = b"00001000-0009ffff : System RAM\n00100000-1fffffff : System RAM\n"
MANIFESTS = [
    (
        b'{"case": "a", "inputs": ["list"], "memmap": ["iomem"]}\n'
        b'{"case": "b", "inputs": "list", "options": {"page_size": 4096, "max_pages": 3}}\n'
    ),
    b'{"case": "c", "inputs": ["list"], "options": {"next-cmdline": "mem=1G kho=off", "boot": 0}}',
    b'{"case": "\\ud800", "inputs": ["../list", "nowhere"]}\n' * 3,
    b"x\n" * 2000,
    b"x\n" * 100_000,
    (FIXTURES / "defects" / "sarif-surrogate.jsonl").read_bytes(),
]
BASELINES = [
    b'[[accept]]\ncode = "HP603"\nreason = "known"\nfirst = 0x10\n',
    b'accept = [{code = "HP601", reason = \'a.b.c\', phys = 4096, case = "a"}]\n',
    b'{"accept": [{"code": "HP603", "reason": "x", "last": 1}]}',
    b"a." * 400 + b"a = 1",
    b"a." * 40_000 + b"a = 1",
    b"x = " + b"[" * 50_000,
]
#: What is no file: nothing may wait for it or read it without end.
SPECIALS = (
    Special("fifo"), Special("folder"), Special("link", "/dev/zero"), Special("link", "/dev/null"),
    Special("link", "/dev/full"), Special("link", "nowhere"), Special("link", "list"),
    Special("link", ".."), Special("link", "/proc/self/mem"),
)  # fmt: skip
#: Options of each command, and values that are right.
OPTIONS = {
    "decode": ("--json", "--pfns", "--annotate", "--role=in", "--arch=arm64", "--root-fdt=0x1000",
               "--page-size=4096", "--kho-scratch=0x1000:16", "--kho-scratch=none"),
    "validate": ("--json", "--format=sarif", "--format=junit", "--format=ktap", "--base=16",
                 "--page-size=65536", "--max-pages=3", "--max-fraction=0.1", "--max-per-gib=1",
                 "--next-cmdline=mem=1G", "--boot=last", "--map=iomem", "--iomem-of=next",
                 "--arch=arm64", "--consumer-kho=v2", "--fail-on=note", "--select=HP6"),
    "merge": ("--json", "--first-seen", "--intersect", "--provenance", "--keep-all", "--base=16",
              "--to-page-size=16384", "--page-size=4096"),
    "diff": ("--json", "--plain", "--summary", "--fail-on=added", "--base=16"),
    "list": ("--json", "--pfns", "--kinds=poisoned,corrected", "--kinds=excluded,uncorrected",
             "--from=kernel-log", "--from=text", "--from=e820", "--from=kpageflags",
             "--from=rasdaemon-db", "--base=16", "--page-size=4096", "--page-size=64K",
             "--boot=last", "--boot=0", "--memmap=iomem", "--map=iomem", "--arch=arm64",
             "--role=in", "--next-cmdline=memmap=4K$1G"),
    "capture": ("--no-scrub", "--page-size=4096", "--root-fdt=0x1000", "--arch=arm64",
                "--kho-scratch=none", "--kho-scratch=0x1000:16"),
    "memmap": ("--json", "--to=iomem", "--to=json", "--to=e820", "--boot=last", "--map=efi",
               "--arch=arm64", "--next-cmdline=mem=64M memmap=1M$2M"),
    "encode": ("--json", "--to=list", "--to=blob", "--kho=2", "--revision=fdt-v1", "--order=3",
               "--capacity=4096", "--no-kexec-metadata", "--scratch=0x10000000:16M",
               "--kexec-count=3", "--previous-release=x", "--page-size=4096"),
}  # fmt: skip


@cache
def maps() -> list[bytes]:
    """Return maps of all forms."""
    folders = ("memmaps", "memmaps-binary", "defects")
    files = (p for name in folders for p in (FIXTURES / name).rglob("*") if p.is_file())
    small = [p.read_bytes() for p in sorted(files) if p.stat().st_size < 1 << 18]
    return [*small, IOMEM, long_iomem()]


@cache
def long_iomem() -> bytes:
    """Return a /proc/iomem that is long, and no longer than a busy machine reads in a second."""
    line = "{:08x}-{:08x} : {}\n".format
    kinds = ("System RAM", "Reserved", "System RAM", "PCI Bus 0000:00")
    rows = (line(i << 20, (i << 20) + 0xFFFFF, kinds[i % 4]) for i in range(20_000))
    return "".join(rows).encode()


@cache
def folders() -> list[tuple[dict[str, bytes], bytes]]:
    """Return copies of /sys/kernel/debug/kho, file by file, and the memory of the same machine.

    And copies of /sys/firmware/memmap, without memory.
    """
    debugfs = {captures.CAPTURES / n / "debugfs-kho": captures.elf(n) for n in captures.DEBUGFS}
    found = {top: image if len(image) < 1 << 20 else b"" for top, image in debugfs.items()}
    found |= dict.fromkeys(captures.CAPTURES.glob("*/sys-firmware-memmap"), b"")
    found |= {p: b"" for p in (FIXTURES / "memmaps").iterdir() if [*p.glob("*/start")]}
    return [
        (
            {
                str(p.relative_to(top)): p.read_bytes()
                for p in sorted(top.rglob("*"))
                if p.is_file()
            },
            found[top],
        )
        for top in sorted(found)
    ]


@cache
def pictures() -> list[tuple[bytes, list[int]]]:
    """Return memory images and the places of their structures."""
    return images.seeds()


@cache
def documents() -> list[bytes]:
    """Return documents that hwpkho writes, as inputs."""
    core = captures.CAPTURES / "x86-structv1-small" / "memory.elf"
    iomem = captures.CAPTURES / "x86-structv1-small" / "iomem.txt"
    commands = (
        ("decode", core, "--json"),
        ("validate", core, "--memmap", iomem, "--json"),
        ("merge", core, "--json"),
        ("diff", core, core, "--json"),
        ("memmap", iomem, "--json"),
    )
    return [run_cli(*command).out.encode() for command in commands]


def _options(rng: random.Random, command: str, odds: float = 0.3) -> list[str]:
    """Return some options of a command, now and then with another value than a right one."""
    chosen = rng.sample(OPTIONS[command], rng.choice((0, 0, 1, 1, 2, 3)))
    for i, option in enumerate(chosen):
        name, equal, _ = option.partition("=")
        if equal and rng.random() < odds:
            text = values.word(rng).replace("\0", "").encode("utf-8", "surrogatepass")
            chosen[i] = f"{name}={text.decode('utf-8', 'surrogateescape')}"
    return chosen


def _text(rng: random.Random, seeds: list[bytes]) -> bytes:
    data = rng.choice(seeds)
    if data.lstrip()[:1] == b"{" and rng.random() < 0.7:
        lines = data.splitlines(keepends=True)
        at = rng.randrange(len(lines))  # of a manifest each line is a document
        lines[at] = values.document(rng, lines[at])
        return b"".join(lines)
    return values.text(rng, data, seeds)


def image(rng: random.Random) -> Case:
    """A memory image or a kdump."""
    data, places = rng.choice(pictures())
    command = rng.choice(("decode", "decode", "decode", "validate", "merge", "list", "capture"))
    args = [command, "image", *(["-o", "out"] if command == "capture" else [])]
    return {"image": images.mutate(rng, data, places)}, [*args, *_options(rng, command, 0.1)]


def memmap(rng: random.Random) -> Case:
    """A memory map, shown or judged by."""
    data = _text(rng, maps())
    kind = rng.random()
    if kind < 0.5:
        return {"map": data}, ["memmap", "map", *_options(rng, "memmap")]
    if kind < 0.6:  # as a list: what the map calls unusable, or messages about bad pages in it
        args = rng.choice((["list", "map"], ["list", "--from=e820", "map"], ["validate", "map"]))
        return {"map": data, "iomem": IOMEM}, [*args, *_options(rng, args[0], 0.1)]
    args = ["validate", "list", "--memmap", "map", *_options(rng, "validate", 0.1)]
    return {"map": data, "list": LIST}, args


def listed(rng: random.Random) -> Case:
    """Lists of any form, in every command that takes them."""
    seed = rng.choice(lists.seeds())
    one, two = lists.mutate(rng, seed), lists.mutate(rng, rng.choice(lists.seeds()))
    files = {"list": one.data, "other": two.data, "iomem": IOMEM}
    files |= {f"list{name}": data for name, data in one.beside}
    command = rng.choice(("list", "list", "list", "validate", "merge", "diff", "encode", "decode"))
    args = [command, "list"]
    if command in ("merge", "diff"):
        args += ["other"] * rng.choice((1, 1, 2))
        args += ["-o", rng.choice(("out", "other"))] if command == "merge" else []
    if command == "list":
        args += [f"--from={one.form}"] if rng.random() < 0.6 else []
        args += ["other"] if rng.random() < 0.1 else []
    if command in ("validate", "merge", "diff") and rng.random() < 0.5:
        args += ["--memmap", "iomem"]
    if command == "encode":
        args += ["--at=0x60000000", "--no-scratch", "-o", "out"]
    return files, [*args, *_options(rng, command, 0.1)]


def manifest(rng: random.Random) -> Case:
    """A manifest of a batch."""
    files: dict[str, Content] = {"list": LIST, "iomem": IOMEM}
    files["manifest"] = _text(rng, MANIFESTS) if rng.random() < 0.97 else pictures()[0][0]
    formats = rng.choice((["--json"], ["--format=sarif"], ["--format=junit"], []))
    return files, ["validate", "--batch", "manifest", "--jobs=1", *formats]


def baseline(rng: random.Random) -> Case:
    """A baseline."""
    files = {"accepted": _text(rng, BASELINES), "list": LIST, "iomem": IOMEM}
    return files, ["validate", "list", "--memmap", "iomem", "--baseline", "accepted", "--json"]


def document(rng: random.Random) -> Case:
    """A document of ours, as the input of every command."""
    files = {"document": values.document(rng, rng.choice(documents())), "list": LIST}
    args = rng.choice((
        ["memmap", "document"], ["merge", "document", "list"], ["diff", "document", "list"],
        ["validate", "document"], ["validate", "list", "--memmap", "document"],
        ["encode", "document", "--to=list", "-o", "out"], ["decode", "document"],
        ["list", "document"], ["list", "--from=json", "document", "list"],
    ))  # fmt: skip
    return files, [*args, *_options(rng, args[0], 0.05)]


def options(rng: random.Random) -> Case:
    """Options as strings, on inputs that are right."""
    command = rng.choice(list(OPTIONS))
    files = {"list": LIST, "iomem": IOMEM, "image": pictures()[0][0]}
    subject = {"memmap": "iomem", "encode": "list", "list": "list"}.get(command, "image")
    args = [command, subject] + (["list"] if command in ("merge", "diff") else [])
    if command == "capture":
        args += ["-o", "out"]
    if command in ("validate", "merge", "diff") and rng.random() < 0.7:
        args += ["--memmap", "iomem"]
    if command == "encode":
        args += ["--at=0x60000000", "--no-scratch", "-o", "out"]
    args += [x for _ in range(3) for x in _options(rng, command, 0.7)]
    if rng.random() < 0.1:
        args = ["explain", values.word(rng).replace("\0", "").encode("utf-8", "replace").decode()]
    return files, args


def _placed(rng: random.Random, file: str) -> list[str]:
    """Return the arguments of a command that reads ``file`` in one of its places."""
    return rng.choice((
        ["decode", file], ["validate", file], ["validate", "list", "--memmap", file],
        ["validate", "--batch", file, "--jobs=1"], ["memmap", file], ["merge", "list", file],
        ["validate", "list", "--baseline", file], ["diff", "list", file],
        ["encode", file, "--at=0x60000000", "--no-scratch", "-o", "out"],
        ["encode", "list", "--memmap", file, "-o", "out"],
        ["encode", "list", "--at=0x60000000", "--no-scratch", "--dtb", file, "-o", "out"],
        ["merge", "list", "--exclude", file], ["validate", "list", "--ignore", file],
        ["encode", "list", "--at=1G", "--no-scratch", "--subtree", f"x={file}", "-o", "out"],
        ["list", file], ["list", f"--from={rng.choice(lists.seeds()).form}", file],
        ["list", "list", "--memmap", file, "--pfns"], ["capture", file, "-o", "out"],
    ))  # fmt: skip


def sparse(rng: random.Random) -> Case:
    """A file of holes, up to 8 TiB, with pieces of what a command reads."""
    seeds = [
        *(s.data for s in lists.seeds()),
        *MANIFESTS[:2],
        *BASELINES[:3],
        *maps(),
        pictures()[0][0],
        documents()[0],
    ]
    size = 1 << rng.randrange(12, 43)
    pieces = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.choice((0, rng.randrange(size), rng.randrange(size) & -4096, size))
        pieces.append((at, _text(rng, seeds) if rng.random() < 0.5 else rng.choice(seeds)))
    if rng.random() < 0.5:  # so that it is recognised
        pieces.append((0, rng.choice(seeds)))
    return {"holes": Sparse(size, tuple(pieces)), "list": LIST}, _placed(rng, "holes")


def memory(rng: random.Random) -> Case:
    """Raw memory with the pages of a capture at their places, some of them changed, and holes."""
    pages = captures.pages("x86-structv1-small")
    pieces = []
    for phys, data in pages.items():
        if rng.random() < 0.02:
            data = images.mutate(rng, data, [*range(0, 400, 4)])
        pieces.append((phys, data))
    size = max(pages) + 4096 + (0 if rng.random() < 0.5 else 1 << rng.randrange(20, 43))
    command = rng.choice(("decode", "validate", "capture"))
    args = [command, "memory@0x0", *(["-o", "out"] if command == "capture" else [])]
    return {"memory": Sparse(size, tuple(pieces))}, [*args, *_options(rng, command, 0.1)]


def special(rng: random.Random) -> Case:
    """What is no file, in every place where a file is read."""
    return {"special": rng.choice(SPECIALS), "list": LIST}, _placed(rng, "special")


def folder(rng: random.Random) -> Case:
    """A copy of debugfs or sysfs in which files are changed, lost, or no files."""
    original, image = rng.choice(folders())
    copy: dict[str, Content] = {**original}
    for name in rng.sample(sorted(copy), min(len(copy), rng.choice((1, 1, 2, 5)))):
        data = original[name]
        kind = rng.random()
        if kind < 0.15:
            del copy[name]
        elif kind < 0.25:
            copy[name] = rng.choice(SPECIALS)
        elif kind < 0.3:
            copy[name] = Sparse(1 << rng.randrange(12, 43), ((0, data),))
        else:
            binary = b"\0" in data
            places = [*range(0, max(1, min(len(data), 400)), 4)]
            copy[name] = images.mutate(rng, data, places) if binary else _text(rng, [data])
    files = {f"copy/{name}": data for name, data in copy.items()}
    if not image:
        return files, ["memmap", "copy", *_options(rng, "memmap", 0.1)]
    files["image"] = image
    args = rng.choice(
        (
            ["decode", "copy", "image"], ["decode", "copy"], ["validate", "copy", "image"],
            ["list", "copy", "image"], ["capture", "copy", "image", "-o", "out"],
        )
    )  # fmt: skip
    return files, [*args, *_options(rng, args[0], 0.1)]


#: What commands take of an EFI table, and values that are right.
EFI_OPTIONS = {
    "decode": ("--json", "--annotate", "--pfns", "--layout=bitmap", "--layout=list",
               "--layout=bitmap-base", "--efi-table=0x1fb74018", "--page-size=65536"),
    "validate": ("--json", "--efi-table=0xf000000", "--consumer-efi=a", "--consumer-efi=b",
                 "--consumer-efi=c1", "--consumer-efi=c2", "--consumer-efi=d1",
                 "--consumer-efi=none", "--next-cmdline=efi=noruntime", "--arch=arm64",
                 "--page-size=16384", "--against=list", "--format=sarif"),
    "list": ("--json", "--pfns", "--layout=bitmap", "--layout=list", "--to=text", "--to=memmap",
             "--page-size=4096", "--memmap=iomem"),
    "write": ("--layout=bitmap", "--layout=list", "--layout=bitmap-base", "--unit=4096",
              "--unit=2M", "--unit=1G", "--phys-base=0x10000000", "--at=0x20000000",
              "--memmap=iomem", "--page-size=65536"),
    "capture": ("--no-scrub", "--page-size=4096"),
}  # fmt: skip


def efi_table(rng: random.Random) -> Case:
    """An EFI table of poisoned memory, in an image or as a file, in every command that reads it."""
    command = rng.choice(("decode", "validate", "validate", "list", "write", "capture", "merge"))
    alone = command not in ("validate", "capture") and rng.random() < 0.3
    files: dict[str, Content] = {"list": LIST, "iomem": IOMEM}
    files["table"] = efi.file(rng) if alone else efi.image(rng)
    files["other"] = efi.file(rng) if alone else efi.image(rng)
    form = ["--from=efi-table"] if alone else []
    known = EFI_OPTIONS.get(command, ())
    chosen = rng.sample(known, min(len(known), rng.choice((0, 1, 2))))
    if command == "merge":
        first = rng.choice((["merge"], ["diff"]))
        args = [*first, "table", "other", *form, *_options(rng, first[0], 0.1)]
    elif command == "validate":
        judged = ["--memmap", "iomem"] if rng.random() < 0.8 else []
        args = ["validate", "table", *judged]
    elif command == "write":
        target = rng.choice((["list", "table"], ["list", "list"], ["merge", "list", "table"]))
        args = [*target, "--to=efi-table", "-o", "out", *form]
    elif command == "capture":
        args = ["capture", "table", "-o", "out"]
    else:
        args = [command, "table", *form]
    return files, [*args, *chosen]


def preserved(rng: random.Random) -> Case:
    """Guests' memory that LUO preserves, in every command that follows it."""
    files: dict[str, Content] = {"image": luo.image(rng), "iomem": IOMEM}
    args = rng.choice(
        (
            ["decode", "image"], ["decode", "--json", "image"], ["decode", "--annotate", "image"],
            ["validate", "image", "--memmap", "iomem"],
            ["validate", "--json", "image", "--memmap", "iomem", "--max-scratch", "0.1"],
            ["capture", "image", "-o", "out"], ["diff", "image", "other"],
            ["merge", "image", "other", "-o", "out"],
        )
    )  # fmt: skip
    if "other" in args:
        files["other"] = luo.image(rng)
    return files, args


def compressed(rng: random.Random) -> Case:
    """A compressed file of what a command reads, in every place where a file is read."""
    data = rng.choice((LIST, IOMEM, pictures()[0][0], rng.choice(maps()), rng.choice(BASELINES)))
    return {"packed": packed.stream(rng, data), "list": LIST}, _placed(rng, "packed")


def archived(rng: random.Random) -> Case:
    """A case as a folder, as a tar archive, or as a compressed one."""
    copy, image = rng.choice(folders())
    files = {f"copy/{name}": data for name, data in copy.items()}
    files |= {"list": LIST} if rng.random() < 0.3 else {"memory.elf": image} if image else {}
    if rng.random() < 0.7:
        files["iomem.txt"] = _text(rng, [IOMEM])
    if rng.random() < 0.2:
        files = {f"sos_commands/{name}": data for name, data in files.items()}
        files["proc/iomem"] = _text(rng, [IOMEM])
    for name in rng.sample(sorted(files), min(len(files), rng.choice((0, 1, 3)))):
        files[name] = images.mutate(rng, files[name], [*range(0, 64, 4)])
    if rng.random() < 0.2:
        return {f"case/{name}": data for name, data in files.items()}, _placed(rng, "case")
    data = packed.archive(rng, files)
    return {
        "case": packed.stream(rng, data) if rng.random() < 0.3 else data, "list": LIST,
    }, _placed(rng, "case")  # fmt: skip


def forensic(rng: random.Random) -> Case:
    """A LiME or AVML image."""
    command = rng.choice(("decode", "decode", "validate", "list", "capture"))
    args = [command, "image", *(["-o", "out"] if command == "capture" else [])]
    return {"image": packed.records(rng)}, [*args, *_options(rng, command, 0.1)]


SETTINGS = [
    b'color = "never"\nmax-pages = 3\n[validate]\nfail-on = "warning"\nignore = ["HP4"]\n',
    b'[tool.hwpkho]\nmemmap = "iomem"\n[fleet.add]\njobs = 2\n',
    b'[validate]\nmemmap = ["iomem", "list+iomem"]\nbaseline = "nowhere"\nmax-fraction = 0.5\n',
    b"a." * 400 + b"a = 1",
    b"x = " + b"[" * 50_000,
]


def configured(rng: random.Random) -> Case:
    """A file of settings."""
    files = {"settings": _text(rng, SETTINGS), "list": LIST, "iomem": IOMEM}
    args = rng.choice((["config"], ["config", "--json"], ["validate", "list"], ["merge", "list"]))
    return files, ["--config", "settings", *args]


#: Each kind and how often it comes.
KINDS: dict[Callable[[random.Random], Case], int] = {
    image: 3, memmap: 6, listed: 8, manifest: 2, baseline: 2, document: 2, options: 2,
    sparse: 1, memory: 1, special: 1, folder: 2, efi_table: 3, preserved: 2,
    compressed: 2, archived: 3, forensic: 2, configured: 1,
    running.machine: 3, running.reported: 3, running.fleet: 1, running.asked: 1,
}  # fmt: skip


def make(seed: int, number: int, names: Collection[str] = ()) -> Case:
    """Return case ``number`` of a seed, of the kinds of these names: always the same."""
    rng = random.Random(f"{seed}/{number}")
    among = {k: often for k, often in KINDS.items() if not names or k.__name__ in names}
    kind = rng.choices(list(among), list(among.values()))[0]
    return kind(rng)
