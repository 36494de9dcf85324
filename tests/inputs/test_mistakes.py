"""What is given by mistake, and the exact line that says so."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from hwpkho.images import foreign
from tests.support import captures
from tests.support.program import run_cli

if TYPE_CHECKING:
    from pathlib import Path

CAPTURE = "x86-structv1-small"
POST = "x86-structv1-small-post"


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what people have."""
    top: Path = tmp_path_factory.mktemp("things")
    source = captures.folder(CAPTURE)
    for name in ("iomem.txt", "dmesg.txt", "meminfo.txt"):
        shutil.copy(source / name, top)
    shutil.copytree(source / "debugfs-kho", top / "kho")
    (top / "vmcore").write_bytes(captures.elf(CAPTURE))
    (top / "later").write_bytes(captures.elf(POST))
    for case in ("one", "two"):
        (top / "cases" / case).mkdir(parents=True)
        (top / "cases" / case / "vmcore").write_bytes(captures.elf(CAPTURE))
    files: dict[str, str | bytes] = {
        "list": "0x1234\n0x1300-0x1302\n", "hex": "1f40\n1f41\n", "empty": "",
        "System.map": "ffffffff81000000 T _text\nffffffff81000040 T secondary_startup_64\n",
        "manifest": '{"case": "a", "inputs": ["vmcore"]}\n', "baseline": '[[accept]]\ncode = "x"\n',
        "excluding": '{"host": "a", "inputs": "x", "options": {"next-cmdline": "memmap=1M$1M"}}\n',
        "accepted": '[[accept]]\ncode = "HP603"\nreason = "memmap=1M$16M"\n',
        "config": "#\n# Automatically generated file; DO NOT EDIT.\nCONFIG_64BIT=y\n",
        "lfs": "version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
        "page.html": "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n",
        "xxd": "00000000: 7f45 4c46 0201 0100 0000 0000 0000 0000  .ELF............\n",
        "hd": "00000000  7f 45 4c 46 02 01 01 00  00 00 00 00 00 00 00 00  |.ELF|\n",
        "sel": "   1 | 05/01/2024 | 10:00:00 | Memory #0x53 | Uncorrectable ECC | Asserted\n",
        "edac": "mc0: csrow0: CPU_SrcID#0_Ha#0_Chan#0_DIMM#0: 12 Corrected Errors\n",
        "table.csv": "first,last,kind,when,source,where\n7,7,poisoned,,a,line 1\n",
        "nothing": "-- No entries --\n",
        "flags.json": '{"MESSAGE":"offset\\tlen\\tflags"}\n{"MESSAGE":"9\\t1\\t__X"}\n',
        "cxl.json": '{"out": "[{\\"region\\":\\"r\\",\\"media_errors\\":[{}]}]"}',
        "domain.xml": "<domain type='kvm'>\n</domain>\n",
        "vmlinux": b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\x3e\0" + bytes(4076),
        "module.ko": b"\x7fELF\2\1\1" + bytes(9) + b"\1\0\x3e\0" + bytes(4076),
        "qcow2": b"QFI\xfb\0\0\0\3" + bytes(8000), "random": bytes(range(256)) * 40,
        "kpageflags": bytes(range(256)) * 40,
        "zeros": bytes(9000),
    }  # fmt: skip
    for name, data in files.items():
        (top / name).write_bytes(data.encode() if isinstance(data, str) else data)
    (top / "dangling").symlink_to("elsewhere")
    (top / "high").mkdir()
    (top / "high" / "0xfffffffffffff800.bin").write_bytes(bytes(4096))
    with zipfile.ZipFile(top / "zip", "w") as packed:
        packed.write(top / "vmcore", "vmcore")
    (top / "cut.gz").write_bytes(gzip.compress(captures.elf(CAPTURE))[:5000])
    return top


GIVE = "give a dump or a list"
HANDOVER = "not a handover"
MISTAKES = {
    "validate iomem.txt": "iomem.txt: this is a memory map (iomem), not a list; "
        "give it with --memmap",
    "validate iomem.txt --memmap list":
        "iomem.txt is a memory map and list a list of bad pages: swap them (--memmap iomem.txt)",
    "validate iomem.txt --memmap vmcore":
        "iomem.txt is a memory map and vmcore a memory image: swap them (--memmap iomem.txt)",
    "validate iomem.txt --memmap kho":
        "iomem.txt is a memory map and kho a copy of debugfs: swap them (--memmap iomem.txt)",
    "validate list --memmap list":
        "list: this is a list of bad pages, not a memory map; judge it: hwpkho validate list",
    "validate vmcore --memmap kho":
        "kho: this is a copy of debugfs, not a memory map; decode it: hwpkho decode kho",
    "validate vmcore --memmap vmcore":
        "vmcore: is a memory image without a map; the machine's map is elsewhere: dmesg, "
        "/proc/iomem",
    "memmap meminfo.txt":
        "meminfo.txt: this is /proc/meminfo, which has no addresses; give /proc/iomem (read as "
        "root)",
    "decode list":
        f"list: this is a list of bad pages, {HANDOVER}; judge it: hwpkho validate list",
    "decode iomem.txt":
        f"iomem.txt: this is a memory map (iomem), {HANDOVER}; show it: hwpkho memmap iomem.txt",
    "decode meminfo.txt": f"meminfo.txt: this is /proc/meminfo, which names no page; {GIVE}",
    "decode System.map":
        f"System.map: this is a table of a kernel's symbols (System.map); {GIVE}",
    "validate System.map":
        f"System.map: this is a table of a kernel's symbols (System.map); {GIVE}",
    "validate config": f"config: this is the configuration of a kernel; {GIVE}",
    "validate domain.xml": f"domain.xml: this is the XML of a libvirt domain; {GIVE}",
    "validate hex": "hex: line 1: '1f40' is hex without 0x; give --base 16 if all are",
    "validate empty":
        "empty: the file is empty; an empty list is a comment: echo '# none' > FILE",
    "validate manifest": "manifest: this is a manifest of cases; give it with --batch",
    "validate excluding": "excluding: this is a manifest of cases; give it with --batch",
    "list excluding":
        "excluding: this is a manifest of cases; judge its cases: hwpkho validate --batch FILE",
    "validate accepted": "accepted: this is a baseline; give it with --baseline",
    "validate baseline": "baseline: this is a baseline; give it with --baseline",
    "validate list list":
        "list: a list of PFNs is a case of its own; merge joins several",
    "validate vmcore later":
        "vmcore and later hold different bytes at 0x35e000: not one machine at one moment; diff "
        "compares two captures",
    "validate cases":
        "cases: a folder of cases, not one case; give it with --batch",
    "decode cases":
        "cases: a folder of cases, not one case; judge each: hwpkho validate --batch cases",
    "memmap list":
        "list: this is a list of bad pages, not a memory map; judge it: hwpkho validate list",
    "memmap kho": "kho: this is a copy of debugfs, not a memory map; decode it: hwpkho decode kho",
    "memmap vmcore":
        "vmcore: is a memory image without a map; the machine's map is elsewhere: dmesg, "
        "/proc/iomem",
    "decode baseline":
        "baseline: this is a baseline; judge with it: hwpkho validate INPUT --baseline FILE",
    "validate vmcore --baseline iomem.txt":
        "iomem.txt: this is a memory map, not a baseline; show it: hwpkho memmap iomem.txt",
    "check --root vmcore":
        "vmcore: this is a memory image, not a copied tree of /proc and /sys; decode it: "
        "hwpkho decode vmcore",
    "validate --batch cases/one": "cases/one: is a case itself; give it without --batch, or the "
        "folder above it",
    "validate --batch vmcore":
        "vmcore: this is a memory image, not a manifest; give it without --batch",
    "validate --batch list":
        "list: this is a list of bad pages, not a manifest; give it without --batch",
    "validate --batch iomem.txt":
        "iomem.txt: this is a memory map, not a manifest; give it with --memmap, without --batch",
    "decode vmcor": "vmcor: No such file or directory; there is vmcore",
    "decode dangling": "dangling: No such file or directory; it is a symbolic link to elsewhere",
    "decode high":
        "high/0xfffffffffffff800.bin: 4096 bytes from there reach past 2^64",
    "decode nothing-like-it": "nothing-like-it: No such file or directory",
    "decode ~/vmcore": "~/vmcore: No such file or directory; the shell did not replace the ~ "
        "within quotes",
    "decode vmcore@1G":
        "vmcore@1G: No such file or directory; 1G is not an address such as 0x40000000 "
        "(FILE@0xBASE)",
    "decode vmcore@0x0":
        "vmcore@0x0: this is a memory image of its own (ELF core), not raw memory; give it without "
        "@0x0",
    "decode qcow2@0x0":
        "qcow2@0x0: this is a qcow2 disk image, perhaps with a snapshot of savevm; take a dump: "
        "dump-guest-memory FILE in QEMU's monitor, or virsh dump --memory-only",
    "decode vmlinux":
        "vmlinux: ELF type 2 at offset 16, expected 4 (core): a program, or a kernel (vmlinux)",
    "decode module.ko":
        "module.ko: ELF type 1 at offset 16, expected 4 (core): an object file or kernel module",
    "decode zip": "zip: this is a zip archive; unpack it and give what is in it",
    "decode cut.gz": "cut.gz: the gzip stream is cut off: the file ends at offset 0x1388, after ",
    "decode lfs": "lfs: this is a pointer of Git LFS, not the file; git lfs pull fetches it",
    "decode page.html":
        "page.html: this is a web page, not the file itself; a login or an error page? download it "
        "again",
    "list sel": "sel: this is a BMC's event log (ipmitool sel), which names no page; give the "
        "kernel's log, or rasdaemon's",
    "list edac": "edac: this is what edac-util prints: counts, no page; give the kernel's log, or "
        "rasdaemon's",
    "validate table.csv": "table.csv: this is hwpkho's table of a list (csv); give the list it was "
        "made of, or one in the form json",
    "list nothing": "nothing: this is what journalctl prints where it has nothing; run it as root, "
        "with -k -b",
    "list flags.json": "flags.json: this has what page-types prints within other text; give it as "
        "page-types prints it",
    "list cxl.json": "cxl.json: this has what cxl list prints within other text; give it as cxl "
        "list prints it",
    "decode xxd": "xxd: this is a hex dump of a file, not the file; xxd -r makes the file of what "
        "xxd printed",
    "validate hd": "hd: this is a hex dump of a file, not the file; give the file itself",
    "decode random": "random: not in a format that hwpkho knows; give raw memory as FILE@0xBASE",
    "list kpageflags":
        "kpageflags: nothing in page flags shows what they are: --from kpageflags says so",
    "memmap zeros": "zeros: holds nothing but zero bytes",
    "merge qcow2":
        "qcow2: this is a qcow2 disk image, perhaps with a snapshot of savevm; take a dump: "
        "dump-guest-memory FILE in QEMU's monitor, or virsh dump --memory-only",
}  # fmt: skip


@pytest.mark.parametrize("call", MISTAKES)
def test_the_line(call, things, monkeypatch) -> None:
    monkeypatch.chdir(things)
    got = run_cli(*call.split())
    assert (got.code, got.out) == (3, "")
    assert got.err.startswith(f"hwpkho: {MISTAKES[call]}")
    assert got.err.count("\n") == 1
    if call != "decode cut.gz":
        assert got.err == f"hwpkho: {MISTAKES[call]}\n"


def test_captures_in_the_wrong_order(things, monkeypatch) -> None:
    monkeypatch.chdir(things)
    said = "hwpkho: later has kexec_count 2, vmcore 1: is the earlier one first?\n"
    assert said in run_cli("diff", "later", "vmcore").err
    assert said not in run_cli("diff", "vmcore", "later").err


def _like_addresses(tmp_path: Path, text: str, *args: object) -> bool:
    (tmp_path / "list").write_text(text)
    found = run_cli("validate", "--json", tmp_path / "list", *args).json["findings"]
    return any(f["code"] == "HP613" for f in found)


def test_addresses_as_pfns(tmp_path: Path) -> None:
    iomem = captures.folder(CAPTURE) / "iomem.txt"
    assert _like_addresses(tmp_path, "0x12345000\n0x13000000\n")
    assert _like_addresses(tmp_path, "0x12345000\n0x13000000\n", "--memmap", iomem)
    others = ("0x1000\n0x2000\n", "0x12345000\n", "0x12345000\n0x13000001\n", "# none\n",
              "0x12345000-0x12345fff\n0x13000000\n")  # fmt: skip
    assert [text for text in others if _like_addresses(tmp_path, text)] == []


@pytest.mark.parametrize(("uid", "says"), [(1000, "only root may read it: sudo"),
                                           (0, "not even root may read it")])  # fmt: skip
def test_no_permission(uid, says, tmp_path: Path, monkeypatch) -> None:
    real = os.open

    def refuse(path: str, *more: int) -> int:
        if not str(path).endswith("kcore"):
            return real(path, *more)
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "kcore").touch()
    monkeypatch.setattr("hwpkho.base.opening.os.open", refuse)
    monkeypatch.setattr("hwpkho.base.unopened.os.geteuid", lambda: uid)
    got = run_cli("memmap", tmp_path / "kcore")
    assert got.err == f"hwpkho: {tmp_path}/kcore: Permission denied; {says}\n"


@pytest.mark.parametrize("at", range(len(foreign._MAGICS)))
def test_every_other_format_is_named(at, tmp_path: Path, subtests: pytest.Subtests) -> None:
    offset, magic, name, advice = foreign._MAGICS[at]
    data = bytes(offset) + magic + b"\1\0" * 300
    (tmp_path / "file").write_bytes(data + bytes(1 << 16))
    for command in ("decode", "validate", "memmap"):
        with subtests.test(command):
            got = run_cli(command, tmp_path / "file")
            assert (got.code, got.out) == (3, "")
            assert "FILE@0x" not in got.err
            if command == "decode" or not (command == "memmap" or magic.startswith(b"SQLite")):
                assert got.err == f"hwpkho: {tmp_path}/file: this is {name}; {advice}\n"


@pytest.mark.parametrize("page", [4096, 16384, 65536])
@pytest.mark.parametrize("sign", [b"SWAPSPACE2", b"S1SUSPEND\0"])
def test_swap_and_hibernation(sign, page, tmp_path: Path) -> None:
    (tmp_path / "swap").write_bytes(bytes(page - 10) + sign + bytes(page))
    got = run_cli("decode", tmp_path / "swap")
    what = "a swap area" if sign.startswith(b"SWAP") else "a swap area with a hibernated system"
    assert f"swap: this is {what}" in got.err
    assert got.err.endswith("; take a dump with kdump, or makedumpfile of /proc/vmcore\n")


@pytest.mark.parametrize(
    ("inside", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress), ("xz", lzma.compress)]
)
def test_what_is_compressed_twice(inside, pack, tmp_path: Path, subtests: pytest.Subtests) -> None:
    (tmp_path / "file").write_bytes(gzip.compress(pack(bytes(9999))))
    for command in ("decode", "validate", "memmap"):
        with subtests.test(command):
            got = run_cli(command, tmp_path / "file")
            said = f"this is compressed twice, with {inside} inside; unpack it once\n"
            assert (got.code, got.out, got.err) == (3, "", f"hwpkho: {tmp_path}/file: {said}")


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x", bytes(5 << 20))
    (tmp_path / "zip").write_bytes(raw.getvalue())
    assert "this is a zip archive" in run_cli("decode", tmp_path / "zip").err


def test_in_a_batch_they_are_named_too(things, tmp_path: Path) -> None:
    case = tmp_path / "batch" / "case"
    case.mkdir(parents=True)
    for name in ("vmcore", "qcow2"):
        shutil.copy(things / name, case)
    got = run_cli("validate", "--batch", tmp_path / "batch", "--json").json["results"][0]
    assert got["exit"] == 3
    assert "case/qcow2: this is a qcow2 disk image" in got["error"]
    assert os.sep in got["error"]
