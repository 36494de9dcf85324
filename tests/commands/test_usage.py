"""Which option with which kind of input: read (0), read by nothing (2), contradicted (3).

One table for all commands. An option that nothing reads is a mistake of the user; one that confirms
what the input tells is fine; one that contradicts it cannot be judged.
"""

from __future__ import annotations

import json
import struct

import pytest

from hwpkho.base.options import option as spelled
from hwpkho.commands.usage import READERS
from tests.support import captures, replays
from tests.support.examples import some
from tests.support.handovers import Machine

NAME = "x86-structv1-small"
SECOND = "x86-structv1-small-post"
SCRATCH = captures.truth(NAME)["scratch_array_phys"]
ROOT = captures.truth(NAME)["handovers"][0]["root_phys"]
E820 = """\
BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable
BIOS-e820: [mem 0x0000000000100000-0x000000001ffdffff] usable
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory, capture):
    """Inputs of every kind, by the names that the table uses."""
    folder = tmp_path_factory.mktemp("usage")
    made = {
        "list": "0x5001\n",
        "digits": "5001\n",
        "e820": E820,
        "plain-iomem": "00100000-1ffdffff : System RAM\n",
        "iomem": (captures.CAPTURES / NAME / "iomem.txt").read_text(),
        "arm64-iomem": (captures.CAPTURES / "arm64-4k-B" / "iomem.txt").read_text(),
        "json": json.dumps({"schema": "hwpkho.list/1", "page_size": 4096, "pfns": [0x5001]}),
    }
    for name, text in made.items():
        (folder / name).write_text(text)
    found = {name: folder / name for name in made}
    found |= {
        "image": capture(NAME),
        "arm64": capture("arm64-4k-B"),
        "two": capture(SECOND),
        "copy": captures.CAPTURES / NAME / "debugfs-kho",
        "copies": captures.CAPTURES / SECOND / "debugfs-kho",
        "segments": replays.unpack("arm64-4k-B-good", folder) / "memory",
        "out": folder / "out",
    }
    return found


#: Options of the commands that read a case: kind of call → {option and value: exit code}.
READING = {
    "list": {
        "--page-size 4096": 0, "--page-size 16384": 0, "--arch arm64": 0, "--base 10": 0,
        "--root-fdt 0x1000": 2, "--kho-scratch none": 2, "--kho-scratch 0x1000:48": 2,
        "--role out": 2, "--role in": 2, "--from text": 0, "--from json": 3, "--from none": 2,
        "--layout bitmap": 2,
    },
    "json": {"--page-size 4096": 0, "--page-size 16384": 3, "--base 16": 2, "--role out": 2},
    "image": {
        "--page-size 4096": 0, "--page-size 16384": 3, "--arch x86_64": 0, "--arch arm64": 3,
        "--base 16": 2, f"--root-fdt {ROOT}": 0, "--kho-scratch 0x1000:48": 0, "--role out": 0,
        "--from text": 2, "--layout bitmap": 2,
    },
    "arm64": {"--page-size 4096": 0, "--arch arm64": 0, "--arch x86_64": 3},
    "segments": {"--arch arm64": 0, "--base 10": 2, "--role out": 0},
    "copy": {
        "--page-size 4096": 0, "--arch x86_64": 0, "--arch arm64": 0, "--root-fdt 0x1000": 2,
        "--kho-scratch none": 0, "--role out": 0, "--base 16": 2, "--role in": 3, "--from text": 2,
    },
    "two": {"--role in": 0, "--role out": 0, "--base 16": 2},
}  # fmt: skip

#: Of validate alone.
VALIDATE = {
    "list": {
        "--consumer-kho v4": 2, "--map iomem": 2, "--boot last": 2, "--iomem-of running": 2,
        "--max-scratch 0.5": 2, "--efi-table 0x1000": 2, "--against @list": 2,
        "--consumer-efi b": 2,
        "--iomem-of next": 2, "--next-cmdline quiet": 0, "--next-cmdline kho=off": 1,
        "--max-pages 5": 0, "--max-pages 0": 1, "--max-fraction 0.5": 0, "--max-per-gib 5": 0,
        "--page-size 16384 --arch x86_64": 2,
        "--memmap @iomem --iomem-of next": 0, "--memmap @iomem --iomem-of running": 0,
        "--memmap @e820 --iomem-of next": 2, "--memmap @e820 --iomem-of running": 2,
        "--memmap @e820 --memmap @iomem --iomem-of next": 0,
        "--memmap @e820 --memmap @iomem --iomem-of next --map e820_firmware": 2,
        "--memmap @iomem --map iomem": 0, "--memmap @iomem --map efi": 2,
        "--memmap @iomem --boot 0": 0, "--memmap @iomem --boot last": 0,
        "--memmap @iomem --boot 1": 2, "--memmap @iomem --next-cmdline mem=1G": 0,
        "--memmap @iomem --arch x86_64": 0, "--memmap @iomem --arch arm64": 3,
        "--memmap @arm64-iomem --arch arm64": 1, "--memmap @arm64-iomem --arch x86_64": 3,
        "--memmap @plain-iomem --arch x86_64": 0,
        "--memmap @iomem --consumer-kho v2": 2, "--memmap @iomem --page-size 16384": 3,
    },
    "image": {
        "--consumer-kho v4": 0, "--map iomem": 2, "--boot 0": 2, "--iomem-of next": 2,
        "--next-cmdline quiet": 0, "--max-fraction 0.5": 0, "--max-per-gib 5000": 0,
        "--memmap @iomem --iomem-of next": 0, "--memmap @e820 --iomem-of next": 2,
        "--memmap @iomem --consumer-kho v4": 0, "--memmap @arm64-iomem": 3,
    },
    "copy": {"--consumer-kho v4": 0, "--memmap @iomem --consumer-kho v4": 0},
}  # fmt: skip

#: Of merge and diff, which judge by a map alone.
JUDGING = {
    "list": {
        "--arch arm64": 2, "--map iomem": 2, "--boot 0": 2, "--iomem-of next": 2,
        "--next-cmdline kho=off": 2, "--memmap @plain-iomem --arch x86_64": 0,
        "--memmap @iomem --next-cmdline quiet": 0, "--memmap @iomem --iomem-of next": 0,
        "--memmap @e820 --iomem-of next": 2, "--memmap @iomem --arch arm64": 3,
    },
    "image": {"--next-cmdline quiet": 2, "--memmap @iomem --next-cmdline quiet": 0},
}  # fmt: skip

MERGE = {
    "list": {
        "--keep-all": 2, "--replayable-only": 2, "--memmap @iomem --keep-all": 0,
        "--at 0x60000000": 2,
        "--ram 0x60000000:16M": 2, "--no-scratch": 2, "--scratch 0x60000000:16M": 2, "--kho v4": 2,
        "--revision struct-v1": 2, "--capacity 512": 2, "--order 0": 2, "--flags 1": 2,
        "--kexec-count 1": 2, "--previous-release x": 2, "--no-kexec-metadata": 2,
        "--subtree a=@list": 2, "--to list": 0,
    },
}  # fmt: skip

_PLACE = "--at 0x60000000 --no-scratch -o @out -f"
ENCODE = {
    "list": {
        "--to list --at 0x60000000": 2, "--to list --no-scratch": 2, "--to list --kho v4": 2,
        "--to list --revision fdt-v1": 2, "--to list --memmap @iomem": 2,
        "--to list --arch arm64": 2,
        "--to list --capacity 9": 2, "--to list --no-kexec-metadata": 2,
        "--to list --kexec-count 1": 2, "--to list --subtree a=@list": 2,
        "--to list --dtb @list": 2,
        "--to list --page-size 16384": 0, "--to list --role out": 2, "--to list": 0,
        f"--to blob {_PLACE}": 0, f"--to blob --kexec-count 1 {_PLACE}": 2,
        f"--to blob --previous-release x {_PLACE}": 2, f"--to blob --subtree a=@list {_PLACE}": 2,
        f"--to blob --no-kexec-metadata {_PLACE}": 2, f"--to blob --keep-subtrees {_PLACE}": 2,
        f"--to blob --kho v4 {_PLACE}": 0, f"--to blob --arch arm64 {_PLACE}": 0,
        _PLACE: 0, f"--kexec-count 1 {_PLACE}": 0, f"--arch arm64 {_PLACE}": 0,
        f"--root-fdt 1 {_PLACE}": 2, f"--kho-scratch none {_PLACE}": 2, f"--role in {_PLACE}": 2,
        f"--map iomem {_PLACE}": 2, f"--boot 0 {_PLACE}": 2, f"--iomem-of next {_PLACE}": 2,
        f"--next-cmdline quiet {_PLACE}": 2, f"--base 10 {_PLACE}": 0,
        f"--arch x86_64 --page-size 16384 {_PLACE}": 2,
        "--memmap @iomem --no-scratch -o @out -f": 0,
        "--memmap @iomem --iomem-of next --no-scratch -o @out -f": 0,
        "--memmap @e820 --iomem-of next --no-scratch -o @out -f": 2,
        "--memmap @iomem --arch arm64 --no-scratch -o @out -f": 3,
        "--memmap @iomem --next-cmdline quiet --no-scratch -o @out -f": 0,
    },
    "image": {
        f"--arch x86_64 {_PLACE}": 0, f"--arch arm64 {_PLACE}": 3, f"--base 16 {_PLACE}": 2,
        f"--keep-subtrees {_PLACE}": 0, f"--role out {_PLACE}": 0, f"--page-size 64K {_PLACE}": 3,
        "--to list --arch x86_64": 0, "--to list --arch arm64": 3, "--to list --keep-subtrees": 2,
    },
}  # fmt: skip

DECODE = {
    "image": {
        "--page-size 4096": 0, "--page-size 64K": 3, "--arch x86_64": 0, "--arch arm64": 3,
        f"--root-fdt {ROOT}": 0, "--kho-scratch none": 1,
        f"--kho-scratch {SCRATCH}:48": 0,
    },
    "copy": {"--root-fdt 0x1000": 2, "--arch arm64": 0, "--kho-scratch none": 0},
}  # fmt: skip

MEMMAP = {
    "iomem": {"--arch x86_64": 0, "--arch arm64": 3, "--boot 0": 0, "--boot 7": 2, "--map iomem": 0,
              "--map efi": 2, "--next-cmdline quiet": 0, "--next-cmdline quiet --to e820": 2},
    "plain-iomem": {"--arch x86_64": 0, "--arch arm64": 0},
    "arm64-iomem": {"--arch x86_64": 3, "--arch arm64": 0},
}  # fmt: skip

LIST = {
    "list": {
        "--unit 2M": 2, "--phys-base 2M": 2, "--budget 5": 2, "--max-loss 5": 2,
        "--to memmap --budget 50": 0, "--to memmap --max-loss 5": 0,
        "--to efi-table --unit 2M -o @out -f": 0,
        "--to efi-table --phys-base 0 -o @out -f": 0,
    },
}  # fmt: skip

CAPTURE = {
    "image": {
        "-o @out -f --arch x86_64": 0, "-o @out -f --arch arm64": 3,
        "-o @out -f --page-size 4096": 0,
        "-o @out -f --page-size 16384": 3, f"-o @out -f --root-fdt {ROOT}": 0,
        "-o @out -f --kho-scratch none": 0,
    },
}  # fmt: skip


def _rows(commands, *tables):
    return [
        (command, kind, option, code)
        for command in commands
        for table in tables
        for kind, options in table.items()
        for option, code in options.items()
    ]


TABLE = [
    *_rows(["validate"], READING, VALIDATE),
    *_rows(
        ["merge", "diff"], {k: v for k, v in READING.items() if k in ("json", "image", "arm64")}
    ),
    *_rows(["merge", "diff"], JUDGING),
    *_rows(["merge"], MERGE),
    *_rows(["encode"], ENCODE),
    *_rows(["decode"], DECODE),
    *_rows(["memmap"], MEMMAP),
    *_rows(["capture"], CAPTURE),
    *_rows(["list"], LIST),
]


def test_every_row_of_readers_refuses_here():
    rows = [options.split() for _, _, options, code in TABLE if code == 2]
    named = [[w for w in row if w.startswith("--") and w != "--to"] for row in rows]
    # Of several options a row does not say which one is refused.
    refused = {row[0] for row in named if len(row) == 1}
    read = {"page_size"}  # by every call but one of the library with lists that were read before
    assert {spelled(name) for name in READERS.keys() - read} <= refused


def arguments(command, kind, option, files):
    inputs = [files[kind]] * (2 if command == "diff" else 1)
    words = [
        str(files[w[1:]]) if w.startswith("@") else w.replace("@list", str(files["list"]))
        for w in option.split()
    ]
    return [command, *inputs, *words]


@pytest.mark.parametrize(("command", "kind", "option", "code"), some(TABLE, 2))
def test_every_option_counts_or_is_refused(command, kind, option, code, cli, files):
    got = cli(*arguments(command, kind, option, files))
    expected = {code} if code != 0 else {0, 1} if kind in ("copy", "two") else {0}
    assert got.code in expected, (got.code, got.err)
    if code in (2, 3):
        assert (got.out, len(got.err.splitlines())) == ("", 1)
    if code == 2 and "has no effect" in got.err:
        flags = [w for w in option.split() if w.startswith("--")]
        assert any(f"{f} has no effect: " in got.err for f in flags)


def test_an_option_is_read_where_one_of_several_cases_reads_it(cli, files):
    cases = ("merge", files["digits"], files["image"])
    assert cli(*cases, "--base", "16", "--role", "out").code == 0
    assert cli("merge", files["digits"], files["list"], "--role", "out").code == 2
    assert cli("diff", files["two"], "--role", "out").code == 2


def test_a_scratch_array_that_the_input_contradicts(cli, files, tmp_path, subtests):
    args = ("--at", "0x60000000", "--scratch", "0x48000000:64M", "-o", tmp_path / "made")
    made = cli("encode", files["list"], *args, "--json").json["handover"]["scratch"]["array"]
    for length, array, code in ((16, made, 0), (32, made, 3), (16, made + 4096, 3)):
        with subtests.test(f"{array:#x}:{length}"):
            got = cli("decode", tmp_path / "made", "--kho-scratch", f"{array}:{length}")
            assert got.code == code, got.err
    assert cli("decode", tmp_path / "made", "--kho-scratch", "none").code == 1


def test_manifests(cli, files, tmp_path):
    rows = [
        ("list", {"role": "out"}, 2), ("list", {"root_fdt": 4096}, 2), ("list", {"base": 16}, 0),
        ("json", {"base": 16}, 2), ("image", {"base": 10}, 2), ("image", {"role": "out"}, 0),
        ("image", {"map": "iomem"}, 2), ("image", {"iomem_of": "next"}, 2),
        ("image", {"arch": "arm64"}, 3), ("image", {"page_size": 65536}, 3),
        ("list", {"consumer_kho": "v3"}, 2), ("list", {"max_fraction": 0.5}, 0),
        ("list", {"arch": "x86_64", "page_size": 16384}, 2), ("copy", {"root_fdt": 4096}, 2),
        ("image", {"next_cmdline": "kho=off"}, 1),
    ]  # fmt: skip
    path = tmp_path / "cases.jsonl"
    path.write_text(
        "".join(
            json.dumps({"case": str(n), "inputs": str(files[kind]), "options": options}) + "\n"
            for n, (kind, options, _) in enumerate(rows)
        )
    )
    results = cli("validate", "--batch", path, "--json", "--outside", "--jobs", 1).json["results"]
    assert [r["exit"] for r in results] == [code for *_, code in rows]
    # What is given for all is for those that read it.
    many = ("--batch", path, "--json", "--outside", "--jobs", 1)
    results = cli("validate", *many, "--role", "out").json["results"]
    assert [r["exit"] for r in results] == [code for *_, code in rows]


# A limit that cannot be checked is a note


def test_limits_that_cannot_be_checked(cli, files, tmp_path):
    got = cli("validate", files["list"], "--max-fraction", "0.1", "--json")
    assert (got.code, [f["code"] for f in got.json["findings"]]) == (0, ["HP704", "HP600"])
    without = "no memory map, so the amount of RAM is unknown"
    said = [got.json["findings"][0]["message"]]
    m = Machine(arch="x86_64")
    m.handover()
    array = m.put(struct.pack("<QQ", 0x7600_0000, 16 << 20))
    image = (m.save(tmp_path), "--kho-scratch", f"0x{array:x}:16")
    damaged = tmp_path / "damaged"
    damaged.write_text("BIOS-e820: [mem 0x0000000000000000-0x000000007fffffff] usable\n"
                       "BIOS-e820: [mem 0x0000000080000000-0x00\n")  # fmt: skip
    for given in ((), ("--memmap", damaged)):
        got = cli("validate", *image, "--max-scratch", "0.1", "--json", *given)
        said += [f["message"] for f in got.json["findings"] if f["code"] == "HP704"]
    lost = "the map has lost lines, so the amount of RAM is unknown"
    tiny = tmp_path / "tiny"
    tiny.write_text(
        "BIOS-e820: [mem 0x0000000000000000-0x0000000000000fff] usable\n"
        "BIOS-e820: [mem 0x0000000000001000-0x000000007fffffff] reserved\n"
    )
    none = ("--memmap", tiny, "--next-cmdline", "mem=1K", "--json")
    got = cli("validate", files["list"], "--max-fraction", "0.1", *none)
    said += [f["message"] for f in got.json["findings"] if f["code"] == "HP704"]
    assert said == [
        f"the limit on the share of RAM: {without}",
        f"the limit on scratch: {without}",
        f"the limit on scratch: {lost}",
        "the limit on the share of RAM: the map has no whole page of RAM",
    ]
    limits = ("--max-pages", "1", "--max-fraction", "0.1", "--max-per-gib", "1")
    got = cli("validate", files["two"], "--role", "in", *limits, "--json")
    told = [f for f in got.json["findings"] if f["code"].startswith("HP70")]
    assert [(f["code"], f["severity"]) for f in told] == [("HP704", "note")] * 3
    assert all("the list cannot be read" in f["message"] for f in told)


# The next kernel's command line


@pytest.mark.parametrize("memmap", [True, False])
@pytest.mark.parametrize(
    ("line", "outcome"),
    [("kho=off", "absent"), ("kho=on", "replay"), ("kho=off kho=on", "replay"),
     ("kho=on quiet kho=0", "absent"), ("-- kho=off", "replay"), ("", "replay")],
)  # fmt: skip
def test_kho_off_counts_without_a_map(line, outcome, memmap, cli, files):
    more = ["--memmap", files["iomem"]] if memmap else []
    got = cli("validate", files["image"], "--next-cmdline", line, "--json", *more)
    assert got.json["outcome"] == outcome
    assert got.code == (outcome == "absent")
    codes = {f["code"] for f in got.json["findings"]}
    assert ("HP561" in codes) == (outcome == "absent")


@pytest.mark.parametrize("name", replays.NAMES)
def test_kho_off_comes_before_everything(name, cli, tmp_path):
    case = replays.unpack(name, tmp_path)
    args = [
        case / "memory",
        *[a for a in replays.arguments(name) if a not in ("--iomem-of", "next")],
    ]
    assert cli("validate", "--json", *args, "--next-cmdline", "kho=off").json["outcome"] == "absent"


@pytest.mark.parametrize(
    ("line", "noted"),
    [("memmap=1M$0x10000000", True), ("mem=1G", True), ("crashkernel=256M", True),
     ("efi=debug", True), ("quiet", False), ("kho=on", False)],
)  # fmt: skip
def test_what_needs_a_map_is_noted(line, noted, cli, files):
    got = cli("validate", files["image"], "--next-cmdline", line, "--json")
    told = [f for f in got.json["findings"] if f["code"] == "HP559"]
    assert (got.code, bool(told)) == (0, noted)
    assert all("there is no memory map" in f["message"] for f in told)


def test_a_command_line_that_the_kernel_refuses(cli, files):
    assert cli("validate", files["image"], "--next-cmdline", "kho=perhaps").code == 2
    assert cli("validate", files["image"], "--next-cmdline", "memmap=nonsense").code == 2
    assert cli("validate", files["list"], "--next-cmdline", "kho=").code == 2


# --role takes a single handover of which nothing tells the role


@pytest.mark.parametrize("role", ["in", "out"])
@pytest.mark.parametrize("kind", ["image", "arm64", "segments"])
def test_role_of_a_single_handover(role, kind, cli, files):
    got = cli("validate", files[kind], "--role", role, "--json")
    assert got.code == 0
    assert (
        got.json["summary"]["pfns"]
        == cli("validate", files[kind], "--json").json["summary"]["pfns"]
    )
    plain = cli("encode", files[kind], "--to", "list", "-o", "-")
    assert cli("encode", files[kind], "--to", "list", "-o", "-", "--role", role).out == plain.out
    assert cli("decode", files[kind], "--pfns", "--role", role).out == plain.out
