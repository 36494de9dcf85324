"""A folder, or a tar archive, as one case: what in it is an input, and what a map."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import shutil
import tarfile
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hwpkho
from hwpkho.errors import InputError
from hwpkho.inputs import folder as casefolder
from tests.support import captures, certain, forked
from tests.support.examples import crossed, much, some
from tests.support.program import run_cli

if TYPE_CHECKING:
    from pathlib import Path

CAPTURE = "x86-structv1-small"
PFNS = captures.truth(CAPTURE)["handovers"][0]["list"]


def tarred(folder: Path, to: Path, *, under: str = ".") -> Path:
    """Pack a folder with tar, its files below ``under``."""
    with tarfile.open(to, "w") as out:
        out.add(folder, arcname=under)
    return to


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A capture: memory, its copy of debugfs, log, iomem and sysfs's memmap."""
    folder = tmp_path / "case"
    shutil.copytree(captures.folder(CAPTURE), folder)
    for packed in folder.glob("*.gz"):
        packed.unlink()
    (folder / "memory.elf").write_bytes(captures.elf(CAPTURE))
    return folder


FORMS = {
    "folder": lambda folder: folder,
    "tar": lambda folder: tarred(folder, folder.with_name("c.tar")),
    "tar of one folder": lambda folder: tarred(folder, folder.with_name("d.tar"), under="a/b"),
    "tar.gz": lambda folder: _packed(folder, "c.tar.gz", gzip.compress),
    "tar.xz": lambda folder: _packed(folder, "c.tar.xz", lzma.compress),
}


def _packed(folder, name, pack):
    path = folder.with_name(name)
    path.write_bytes(pack(tarred(folder, folder.with_name("plain")).read_bytes()))
    return path


@pytest.mark.parametrize("form", some(FORMS, 6))
def test_one_case_for_every_command(form, case) -> None:
    given = FORMS[form](case)
    pieces = [case / "memory.elf", case / "debugfs-kho"]
    maps = [arg for name in ("dmesg.txt", "iomem.txt") for arg in ("--memmap", case / name)]
    want = run_cli("decode", "--pfns", *pieces)
    assert want.code == 0
    assert run_cli("decode", "--pfns", given) == want
    judged = run_cli("validate", "--json", given)
    plain = run_cli("validate", "--json", *pieces, *maps)
    assert judged.code == plain.code == 0
    parts = ("runs", "summary", "outcome", "page_size", "arch")
    assert {part: judged.json[part] for part in parts} == {part: plain.json[part] for part in parts}
    text = run_cli("validate", given).said
    assert "memory map of the case: " in text
    assert "not used: meminfo.txt, truth.json" in text
    assert run_cli("diff", given, case / "memory.elf").code == 0
    assert run_cli("merge", given).out.split() == sorted(want.out.split(), key=lambda x: int(x, 16))
    assert run_cli("list", "--json", given).json["pfns"] == run_cli(
        "list", "--json", case / "memory.elf"
    ).json["pfns"]  # fmt: skip
    assert run_cli("memmap", given).code == 0


def test_a_map_on_the_command_line_counts_before_the_folder_s(case, tmp_path) -> None:
    (tmp_path / "other").write_text("00001000-0009ffff : System RAM\n00100000-0fffffff : RAM\n")
    own = run_cli("validate", "--json", case, "--memmap", case / "iomem.txt", "--iomem-of", "next")
    assert own.code in (0, 1)
    text = run_cli("validate", case, "--memmap", case / "iomem.txt").said
    assert "memory map of the case" not in text
    assert run_cli("validate", case, "--iomem-of", "running").code == 0  # there is one in it
    (case / "iomem.txt").unlink()
    refused = run_cli("validate", case, "--iomem-of", "running")
    assert (refused.code, refused.out) == (2, "")


@pytest.mark.parametrize(
    ("side", "pack"),
    crossed([".", "sys/kernel/debug/kho", "a/debugfs-kho"], [bytes, gzip.compress], 2),
)
def test_a_tar_of_debugfs_alone(side, pack, tmp_path, subtests: pytest.Subtests) -> None:
    copy = captures.folder(CAPTURE) / "debugfs-kho"
    path = tarred(copy, tmp_path / "x.tar", under=side)
    path.write_bytes(pack(path.read_bytes()))
    plain = run_cli("decode", "--json", copy).json["handovers"]
    packed = run_cli("decode", "--json", path)
    assert packed.code == 0
    for one, two in zip(plain, packed.json["handovers"], strict=True):
        with subtests.test(one["role"]):
            assert one.pop("source")
            assert two.pop("source").startswith(str(path))
            assert json.dumps(one).replace(str(copy), "") == json.dumps(two).replace(str(path), "")
    # Beside the memory that it points into.
    (tmp_path / "memory").write_bytes(captures.elf(CAPTURE))
    both = run_cli("decode", "--pfns", tmp_path / "memory", path)
    assert both.out == run_cli("decode", "--pfns", tmp_path / "memory").out


def test_through_standard_input_and_a_pipe(case, tmp_path, subtests: pytest.Subtests) -> None:
    path = FORMS["tar.gz"](case)
    want = run_cli("decode", "--pfns", case / "memory.elf").out.encode()
    with path.open("rb") as file:
        assert forked.run("decode", "--pfns", "-", stdin=file).out == want
    for name in ("/dev/fd/0", "-")[: much(1, 2)]:
        with subtests.test(name):
            read, write = os.pipe()
            running = forked.start("decode", "--pfns", name, stdin=read)
            os.close(read)
            with os.fdopen(write, "wb") as pipe:
                pipe.write(path.read_bytes())
            assert running.wait().out == want
    with path.open("rb") as file:
        assert (
            b"memory map of the case: stdin:/dmesg.txt"
            in forked.run("validate", "-", stdin=file).out
        )


def test_the_library_reads_them(case) -> None:
    path = FORMS["tar.gz"](case)
    want = list(certain(hwpkho.decode(case / "memory.elf").pfns))
    assert list(certain(hwpkho.decode(path).pfns)) == want
    assert list(certain(hwpkho.decode(io.BytesIO(path.read_bytes())).pfns)) == want
    assert list(certain(hwpkho.decode(case).pfns)) == want
    assert hwpkho.validate(path).ok
    with hwpkho.open_case(path) as opened:
        assert opened.extents()
        assert opened.validate(memmap=path).ok
    assert hwpkho.read_memmap(path).maps


def test_a_batch_of_archives(case, tmp_path) -> None:
    top = tmp_path / "batch"
    top.mkdir()
    shutil.copytree(case, top / "b-folder")
    shutil.copy(FORMS["tar.gz"](case), top / "a.tar.gz")
    (top / "README").write_text("nothing\n")
    (top / "c.tar").write_bytes(tarred(case / "debugfs-kho", tmp_path / "x").read_bytes()[:700])
    got = run_cli("validate", "--json", "--batch", top).json["results"]
    assert [(r["case"], r["exit"]) for r in got] == [("a.tar.gz", 0), ("b-folder", 0), ("c.tar", 3)]
    assert got[0]["result"]["runs"] == got[1]["result"]["runs"]
    (top / "cases.jsonl").write_text('{"case": "m", "inputs": ["a.tar.gz"]}\n')
    (line,) = run_cli("validate", "--json", "--batch", top / "cases.jsonl").json["results"]
    assert line["result"]["runs"] == got[0]["result"]["runs"]


def test_capture_of_a_folder(case, tmp_path) -> None:
    assert run_cli("capture", case, "-o", tmp_path / "small").code == 0
    assert run_cli("decode", "--pfns", tmp_path / "small").out == run_cli(
        "decode", "--pfns", case / "memory.elf"
    ).out  # fmt: skip


@pytest.fixture
def sosreport(tmp_path: Path) -> Path:
    """What sos packs, of the machine of a capture."""
    top = tmp_path / "sosreport-host-2026-11-28-abcdef"
    source = captures.folder(CAPTURE)
    for name in ("sos_commands/kernel", "sos_commands/logs", "proc", "var/log", "etc"):
        (top / name).mkdir(parents=True)
    log = (source / "dmesg.txt").read_text().splitlines(keepends=True)
    (top / "sos_commands/kernel/dmesg").write_text(
        "".join(line for line in log if "Memory failure" not in line)
    )
    shutil.copy(source / "iomem.txt", top / "proc/iomem")
    (top / "proc/meminfo").write_text("MemTotal: 1 kB\n")
    (top / "version.txt").write_text("sosreport: 4.8\n")
    (top / "dmesg").symlink_to("sos_commands/kernel/dmesg")
    (top / "etc/binary").write_bytes(b"\0\1\2" * 100)
    (top / "var/log/messages").write_text("Nov 28 host systemd[1]: Started.\n")
    return top


@pytest.mark.parametrize("packed", [False, True])
def test_a_sosreport_has_the_map(sosreport, packed, case, tmp_path) -> None:
    given = tarred(sosreport, tmp_path / "x", under=sosreport.name) if packed else sosreport
    shown = run_cli("memmap", "--json", given)
    plain = run_cli(
        "memmap", "--json", sosreport / "proc/iomem", sosreport / "sos_commands/kernel/dmesg"
    )
    assert shown.json["maps"] == plain.json["maps"]
    judged = run_cli("validate", "--json", case / "memory.elf", "--memmap", given)
    assert judged.json["summary"]["pfns"] == len(run_cli("decode", "--pfns", case).out.split())


@pytest.mark.parametrize("pack", some([gzip.compress, bytes], 2))
def test_a_sosreport_through_a_pipe(pack, sosreport, tmp_path) -> None:
    path = tarred(sosreport, tmp_path / "x", under=sosreport.name)
    want = run_cli("memmap", "--json", path).json["maps"]
    path.write_bytes(pack(path.read_bytes()))
    with path.open("rb") as file:
        assert json.loads(forked.run("memmap", "--json", "-", stdin=file).out)["maps"] == want
    read, write = os.pipe()
    running = forked.start("memmap", "--json", "-", stdin=read)
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        pipe.write(path.read_bytes())
    assert json.loads(running.wait().out)["maps"] == want


def test_a_sosreport_as_input(sosreport) -> None:
    got = run_cli("validate", sosreport)
    assert (got.code, got.out) == (3, "")
    assert got.err.endswith(": a sosreport without a handover, and no log in it names a bad page\n")
    with (sosreport / "sos_commands/kernel/dmesg").open("a") as log:
        log.write(
            "[   99.000000] Memory failure: 0x1234: recovery action for free page: Recovered\n"
        )
    got = run_cli("validate", sosreport)
    assert "dmesg: the bad pages of this log are the list" in got.said
    assert run_cli("validate", "--json", sosreport).json["runs"][0]["first"] == 0x1234
    with (sosreport / "var/log/messages").open("a") as log:  # of an earlier boot
        log.write("Nov 27 host kernel: Memory failure: 0x4321: recovery action for free page: ")
        log.write("Recovered\n")
    got = run_cli("validate", sosreport)
    assert "dmesg, messages: the bad pages of these logs are the list" in got.said
    assert got.said.startswith(f"{sosreport}: ")  # as the user calls it
    runs = run_cli("validate", "--json", sosreport).json["runs"]
    assert [run["first"] for run in runs] == [0x1234, 0x4321]
    assert run_cli("list", "--pfns", sosreport).out == "0x1234\n0x4321\n"
    shutil.copytree(captures.folder(CAPTURE) / "debugfs-kho", sosreport / "sys/kernel/debug/kho")
    assert run_cli("decode", sosreport).code == 0


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_case_may_hold_an_archive_of_debugfs(suffix, tmp_path, subtests: pytest.Subtests) -> None:
    """Its lines are none of a memory map of its own."""
    source = captures.folder(CAPTURE)
    host = tmp_path / "cases" / "host"
    host.mkdir(parents=True)
    packed = tarred(source / "debugfs-kho", host / "kho", under="kho")
    (host / f"kho.tar{suffix}").write_bytes(
        gzip.compress(packed.read_bytes()) if suffix else packed.read_bytes()
    )
    packed.unlink()
    shutil.copy(source / "memory.elf", host)
    shutil.copy(source / "iomem.txt", host)
    plain = run_cli("validate", source / "memory.elf", "--memmap", source / "iomem.txt", "--json")
    batch = run_cli("validate", "--batch", host.parent, "--jobs", 1, "--json").json["results"]
    alone = run_cli("validate", host, "--json").json
    whole = run_cli("validate", tarred(host, tmp_path / "host.tar"), "--json").json
    ways = {"alone": alone, "in a batch": batch[0]["result"], "in an archive itself": whole}
    for name, got in ways.items():
        with subtests.test(name):
            assert got["runs"] == plain.json["runs"]
            assert not [f for f in got["findings"] if f["code"] == "HP410"]  # scratch, by debugfs
    (host / "memory.elf").unlink()
    assert "37 live entries" in run_cli("decode", host).said
    refused = run_cli("validate", "--batch", host / f"kho.tar{suffix}")
    assert refused.err.endswith("this is an archive, not a manifest; give it without --batch\n")


def test_logs_of_one_machine_are_one_list(tmp_path, subtests: pytest.Subtests) -> None:
    line = "[   99.000000] Memory failure: {}: recovery action for free page: Recovered\n"
    broken = "[  100.000000] {1}[Hardware Error]:   physical_address: 0x00000000zzzz\n"
    case = tmp_path / "case"
    case.mkdir()
    (case / "kern.log.1").write_text(line.format("0x20") + line.format("0x10"))
    (case / "kern.log").write_text(line.format("0x10") + line.format("0x30") + broken)
    (case / "boot.log").write_text("[    1.000000] Linux version 7.0.0 (a@b) (gcc) #1\n")
    for files in ([case], [case / "kern.log.1", case / "kern.log"]):
        with subtests.test(str(files)):
            got = run_cli("validate", "--json", *files).json
            assert [(run["first"], run["last"]) for run in got["runs"]] == [
                (0x10, 0x10), (0x20, 0x20), (0x30, 0x30)
            ]  # fmt: skip
            codes = [finding["code"] for finding in got["findings"]]
            assert codes.count("HP614") == 1
            assert f"{case}/kern.log, line 3: " in got["findings"][codes.index("HP612")]["message"]
    assert run_cli("validate", case).said.startswith(f"{case}: 3 pages")
    (tmp_path / "list").write_text("0x40\n")
    got = run_cli("validate", case / "kern.log", tmp_path / "list")
    assert "a list of PFNs is a case of its own" in got.err
    batch = run_cli("validate", "--batch", tmp_path, "--json", "--jobs", "1").json["results"]
    assert [(x["case"], x["state"]) for x in batch] == [("case", "no-map")]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("path", ["var/log/syslog.gz", "var/log/kern.log.1", "var/log/messages"])
def test_logs_of_a_tree_without_what_sos_ran(packed, path, sosreport, tmp_path) -> None:
    shutil.rmtree(sosreport / "sos_commands")
    (sosreport / "dmesg").unlink()
    log = b"[   99.000000] Memory failure: 0x1234: recovery action for free page: Recovered\n"
    (sosreport / path).write_bytes(gzip.compress(log) if path.endswith("gz") else log)
    given = tarred(sosreport, tmp_path / "x", under=sosreport.name) if packed else sosreport
    got = run_cli("list", "--pfns", given)
    assert (got.code, got.out) == (0, "0x1234\n")
    judged = run_cli("validate", "--json", given)
    assert judged.json["runs"][0]["first"] == 0x1234
    assert judged.json["runs"][0]["verdict"] == "replays"  # by its /proc/iomem


def test_a_sosreport_that_was_not_made_as_root(sosreport) -> None:
    iomem = sosreport / "proc/iomem"
    iomem.write_text("00000000-00000000 : System RAM\n" * 4)
    assert run_cli("memmap", sosreport).code == 0  # by the log
    (sosreport / "sos_commands/kernel/dmesg").write_text("[    0.0] nothing\n")
    got = run_cli("memmap", sosreport)
    assert got.code == 3
    assert got.err == (f"hwpkho: {iomem}: all addresses are 0: the report was not made as root\n")


def test_what_is_no_case(case, tmp_path) -> None:
    def said(given: Path) -> str:
        got = run_cli("validate", given)
        assert (got.code, got.out) == (3, "")
        assert got.err.startswith(f"hwpkho: {given}: ")
        return got.err.removeprefix(f"hwpkho: {given}: ").rstrip()

    assert said(tmp_path) == "a folder of cases, not one case; give it with --batch"
    with pytest.raises(hwpkho.InputError, match=f"judge each: hwpkho validate --batch {tmp_path}"):
        hwpkho.validate(tmp_path)
    packed = tarred(case, tmp_path / "case.tar", under="case")
    with tarfile.open(tmp_path / "cases.tar", "w") as out:
        out.add(packed, "case.tar")
    assert said(tmp_path / "cases.tar") == (
        "an archive of cases, not one case; unpack it, and judge each: hwpkho validate --batch "
        "FOLDER"
    )
    only = tmp_path / "only"
    only.mkdir()
    assert said(only) == "no memory image, copy or list in this folder"
    shutil.copy(case / "iomem.txt", only)
    assert said(only) == (
        "no memory image, copy or list in this folder, only a memory map (iomem.txt)"
    )
    (only / "notes").write_text("hello\n")
    (only / "iomem.txt").unlink()
    assert said(only) == "no memory image, copy or list in this folder (not used: notes)"
    (case / "unknown").write_bytes(b"\0\1\2\3" * 2000)
    got = run_cli("validate", case)
    assert got.code == 3
    assert f"{case}/unknown: a binary file of no known kind; take it out" in got.err


def test_a_tar_that_tar_made_of_debugfs_itself(tmp_path) -> None:
    """Files of debugfs and /proc say that they are empty, and tar believes them."""
    for name in ("out/fdt", "out/sub_fdts/hwpoison"):
        (tmp_path / "kho" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "kho" / name).touch()
    path = tarred(tmp_path / "kho", tmp_path / "x.tar")
    got = run_cli("decode", path)
    assert got.code == 3
    assert got.err == (
        f"hwpkho: {path}: every file in this archive is empty, as tar packs files of debugfs and "
        "/proc; copy them first (cp -r) and pack the copy\n"
    )


@pytest.mark.parametrize(
    ("command", "cut"), crossed(["decode", "validate", "memmap"], [600, -1], 3)
)
def test_a_cut_off_archive(command, cut, case, tmp_path) -> None:
    data = FORMS["tar"](case).read_bytes().rstrip(b"\0")
    (tmp_path / "cut").write_bytes(data[:cut])
    got = run_cli(command, tmp_path / "cut")
    assert (got.code, got.out) == (3, "")
    assert f"{tmp_path}/cut: tar archive: " in got.err
    assert got.err.count("\n") == 1


def test_every_command_says_what_was_left_out_of_an_archive(
    tmp_path, subtests: pytest.Subtests
) -> None:
    folder, out = tmp_path / "case", tmp_path / "out"
    folder.mkdir()
    (folder / "memory.elf").write_bytes(captures.elf(CAPTURE))
    (folder / "iomem").write_text((captures.folder(CAPTURE) / "iomem.txt").read_text())
    (folder / "vmcore").symlink_to("/var/crash/vmcore")
    path = FORMS["tar"](folder)
    note = f"hwpkho: {path}: left out of this archive: 1 link\n"
    calls = (
        ("decode",), ("merge",), ("memmap",), ("decode", "--pfns"), ("list",), ("diff", path),
        ("encode", "--to", "inject-script"), ("capture", "-o", out),
    )  # fmt: skip
    for name, *more in calls[: much(3, len(calls))]:
        with subtests.test(f"{name} {more}"):
            got = run_cli(name, path, *more)
            assert got.code in (0, 1), got.err
            assert got.err.count(note) == 1
    (tmp_path / "list").write_text("0x1\n")
    for inputs in ([path], [tmp_path / "list", "--memmap", path], [path, "--memmap", path]):
        with subtests.test(f"validate {inputs}"):
            said = run_cli("validate", *inputs).out
            assert said.count("left out of this archive: 1 link\n") == 1
    batch = tmp_path / "batch"
    batch.mkdir()
    path.rename(batch / path.name)
    (case,) = run_cli("validate", "--batch", batch, "--json").json["results"]
    assert str(case).count("left out of this archive: 1 link") == 1
    (batch / path.name).unlink()
    for name in ("memory.elf", "iomem"):
        (folder / name).unlink()
    path = FORMS["tar"](folder)  # nothing but the link
    for name in ("list", "validate", "memmap"):
        with subtests.test(f"{name}, nothing but the link"):
            got = run_cli(name, path)
            assert (got.code, got.err.count(note)) == (3, 1)


def test_names_of_an_archive_are_printable(tmp_path) -> None:
    with tarfile.open(tmp_path / "x", "w") as out:
        for name in ("a\x1b[2J\n", "b"):
            info = tarfile.TarInfo(name)
            info.size = 9
            out.addfile(info, io.BytesIO(b"\0\x1b[2J\1\2\3\4"))
    got = run_cli("decode", tmp_path / "x")
    assert got.code == 3
    assert "\x1b" not in got.err
    assert got.err.count("\n") == 1


def test_a_segment_without_content_in_an_archive_is_refused(
    tmp_path, cli, subtests: pytest.Subtests
) -> None:
    """Left out, it would be memory that nobody misses."""
    (tmp_path / "list").write_text("0x10\n")
    placed = ["--ram", "0x60000000:64M", "--no-scratch", "--to", "segments"]
    assert cli("encode", tmp_path / "list", *placed, "-o", tmp_path / "made").code == 0
    for name, kind in [
        ("0x1000.bin", tarfile.SYMTYPE),
        ("0x1000.bin", tarfile.LNKTYPE),
        ("0x1000.bin", tarfile.CHRTYPE),
        ("handover.json", tarfile.SYMTYPE),
    ]:
        with subtests.test(f"{name} of type {kind!r}"):
            with tarfile.open(tmp_path / "x", "w") as out:
                for path in (tmp_path / "made").glob("*.bin"):
                    out.add(path, path.name)
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, "elsewhere"
                out.addfile(info)
            got = cli("decode", tmp_path / "x")
            assert (got.code, got.out) == (3, "")
            assert f"/x/{name}: is a " in got.err


@pytest.mark.parametrize("command", ["decode", "validate", "list"])
def test_links_that_lead_back_into_a_folder(command, tmp_path) -> None:
    """Of what is no case only the folders right below it are looked at."""
    for n in range(4):
        (tmp_path / f"link{n}").symlink_to(".")
    cost = forked.run(command, tmp_path, limits={"CPU": 5})
    assert (cost.code, cost.err.count(b"\n")) == (3, 1)
    assert b"no memory image, copy or list in this folder (not used: link0" in cost.err


@given(st.binary(max_size=200) | st.binary(max_size=40).map(lambda b: b"\xd0\x0d\xfe\xed" + b))
def test_any_file_is_told_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any")
    (folder / "file").write_bytes(data)
    with suppress(InputError):
        found = casefolder.read(folder)
        assert found.inputs == [str(folder / "file")]
