"""``hwpkho encode`` as users and CI jobs call it."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from tempfile import TemporaryFile

import pytest

from hwpkho.abi import fdt
from tests.support import FIXTURES, captures, forked, schemas

AT = ("--at", "0x60000000")
SCRATCH = ("--scratch", "0x50000000:64M")
PLACED = (*AT, *SCRATCH)
DTB = FIXTURES / "memmaps-binary"


@pytest.fixture
def lst(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("0x1000 0x2000-0x2003  # four\n4096\n")
    return path


LIST = [0x1000, 0x2000, 0x2001, 0x2002, 0x2003, 0x1000]


def pfns(cli, *inputs):
    result = cli("decode", "--json", *inputs)
    assert result.code in (0, 1), result.err
    return result.json["handovers"][0]["hwpoison"]["pfns"]


def test_report(cli, lst, tmp_path):
    out = tmp_path / "out.elf"
    result = cli("encode", lst, *PLACED, "-o", out)
    assert (result.code, result.out) == (0, "")
    assert f"{out}: ELF core of 6 PFNs, 4 KiB pages" in result.told
    parts = ("x86_64, kho-v4", "0x60000000  293 bytes", "kexec-metadata", "6 of 512 entries")
    assert [part for part in parts if part not in result.err] == []
    assert max(len(x) for x in result.err.splitlines() if str(tmp_path) not in x) <= 80
    decoded = cli("decode", "--json", out)
    assert decoded.code == 0
    (handover,) = decoded.json["handovers"]
    assert handover["hwpoison"]["pfns"] == LIST
    assert handover["kexec_metadata"] == {"previous_release": "hwpkho", "kexec_count": 1}
    assert handover["scratch"]["areas"] == [[0x50000000, 64 << 20]]
    assert handover["problems"] == []


@pytest.mark.parametrize("to", ["elf", "segments", "blob", "list"])
def test_document(cli, lst, tmp_path, to):
    out = tmp_path / "out"
    where = () if to == "list" else PLACED
    result = cli("encode", lst, "--json", *where, "--to", to, "-o", out, "--page-size", "64K")
    assert (result.code, result.err) == (0, "")
    document = result.json
    schemas.check(document, "encode")
    assert document["schema"] == "hwpkho.encode/1"
    assert (document["to"], document["output"], document["count"]) == (to, str(out), 6)
    again = cli("encode", lst, "--json", *where, "--to", to, "-o", out, "--page-size", "64K", "-f")
    assert again.out == result.out
    if to == "list":
        assert document["handover"] is None
        assert "say that it is 65536" in document["notes"][0]
        return
    made = document["handover"]
    assert made["arch"] == "arm64"
    if to == "blob":
        size = made["hwpoison"]["size"]
        assert out.stat().st_size == size == 32
        return
    (found,) = cli("decode", "--json", out).json["handovers"]
    names = ("phys", "compatible", "totalsize", "memory_map")
    assert [found["root"][name] for name in names] == [made["root"][name] for name in names]
    assert {key: found["hwpoison"][key] for key in made["hwpoison"]} == made["hwpoison"]
    assert found["scratch"]["array"] == made["scratch"]["array"]


@pytest.mark.parametrize("document", [
    {"schema": "hwpkho.list/1", "page_size": 16384, "pfns": [1, [3, 5], 2**64 - 1]},
    {"schema": "hwpkho.list/1", "pfns": []},
    {"schema": "hwpkho.list/1", "pfns": [], "page_size": None, "tool": {
        "name": "hwpkho", "version": "1"}},
])  # fmt: skip
def test_list_schema_takes_lists(document):
    schemas.check(document, "list")


@pytest.mark.parametrize("pfn", [-1, 2**64, 1.5, "0x1", [1], [1, 2, 3], [0, 2**64]])
def test_list_schema_refuses(pfn):
    assert not schemas.validator("list").is_valid({"schema": "hwpkho.list/1", "pfns": [pfn]})


def test_json_list_brings_its_page_size(cli, tmp_path):
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"schema": "hwpkho.list/1", "page_size": 16384, "pfns": [[7, 9]]}))
    result = cli("encode", path, *PLACED, "-o", tmp_path / "a", "--json")
    assert result.json["page_size"] == 16384
    assert pfns(cli, tmp_path / "a") == [7, 8, 9]
    result = cli("encode", path, *PLACED, "-o", tmp_path / "b", "--page-size", "4K")
    assert result.code == 3
    assert "page_size 16384" in result.err
    assert not (tmp_path / "b").exists()


def program(*args, stdin=b""):
    with TemporaryFile() as file:
        file.write(stdin)
        file.seek(0)
        return forked.run(*args, stdin=file)


def test_streams(capture):
    real = str(capture("x86-structv1-small"))
    listed = program("decode", "--pfns", real)
    same = program("encode", real, "--to", "list")
    assert same.out == listed.out
    core = program("encode", "-", *PLACED, "-o", "-", stdin=listed.out)
    assert core.code == 0
    assert core.out[:4] == b"\x7fELF"
    assert program("decode", "--pfns", "-", stdin=core.out).out == listed.out
    blob = program("encode", "-", *PLACED, "--to", "blob", "--revision", "fdt-v1", stdin=b"1 2")
    assert blob.out[:4] == b"\xd0\x0d\xfe\xed"
    assert len(blob.out) == 4096
    seen = program("decode", "--json", "-", stdin=blob.out)
    assert json.loads(seen.out)["handovers"][0]["hwpoison"]["count"] == 2
    empty = program("encode", "-", "--to", "list", stdin=b"# nothing\n")
    assert (empty.code, empty.out) == (0, b"# no PFNs\n")
    assert program("encode", "-", "--to", "list", stdin=empty.out).out == empty.out


def test_base_16(cli, tmp_path):
    path = tmp_path / "hex.txt"
    path.write_text("beef\n10\n")
    refused = cli("encode", path, *PLACED, "-o", tmp_path / "out")
    assert refused.code == 3
    assert "line 1" in refused.err
    assert "--base 16" in refused.err
    assert cli("encode", path, *PLACED, "-o", tmp_path / "out", "--base", "16").code == 0
    assert pfns(cli, tmp_path / "out") == [0xBEEF, 0x10]


def test_pieces_of_one_case(cli, capture, tmp_path):
    debugfs = captures.CAPTURES / "x86-structv1-small" / "debugfs-kho"
    both = f"{debugfs}+{capture('x86-structv1-small')}"
    result = cli("encode", both, *PLACED, "-o", tmp_path / "out", "--json")
    assert result.json["source_role"] == "out"
    assert (
        pfns(cli, tmp_path / "out") == captures.truth("x86-structv1-small")["handovers"][0]["pfns"]
    )


def test_of_two_handovers_the_outgoing_counts(cli, capture, tmp_path):
    real = capture("x86-structv1-small-post")
    out = tmp_path / "out"
    result = cli("encode", real, *PLACED, "-o", out)
    assert "of 2 handovers this is root FDT" in result.err
    assert "(out)" in result.err
    truth = captures.truth("x86-structv1-small-post")["handovers"][1]
    assert pfns(cli, out) == truth["pfns"]
    consumed = cli("encode", real, *PLACED, "-o", out, "--role", "in", "-f")
    assert consumed.code == 3
    assert "HP3" in consumed.err
    chosen = cli(
        "encode", real, *PLACED, "-o", out, "--root-fdt", hex(truth["root_phys"]), "-f", "--json"
    )
    assert chosen.json["source_root"] == truth["root_phys"]
    assert pfns(cli, out) == truth["pfns"]


def test_capture_without_a_list(cli, capture, tmp_path):
    result = cli("encode", capture("x86-none"), *PLACED, "-o", tmp_path / "out")
    assert result.code == 3
    assert "no hwpoison subtree" in result.err


def test_keep_subtrees(cli, capture, tmp_path):
    real = capture("x86-luo")
    result = cli(
        "encode", real, *PLACED, "-o", tmp_path / "out", "--keep-subtrees", "--kexec-count", "7"
    )
    assert "not the memory they point to: memblock" in result.told
    assert "LUO is left out" in result.err
    (found,) = cli("decode", "--json", tmp_path / "out").json["handovers"]
    assert [s["name"] for s in found["root"]["subtrees"]] == [
        "hwpoison", "memblock", "kexec-metadata",
    ]  # fmt: skip
    assert found["kexec_metadata"]["kexec_count"] == 7
    assert found["kexec_metadata"]["previous_release"].startswith("7.3.4")
    # kho-v1 knows FDTs only: memblock is one, the plain structures are not.
    result = cli(
        "encode", real, *PLACED, "-o", tmp_path / "v1", "--keep-subtrees", "--kho", "v1", "--json"
    )
    names = [s["name"] for s in result.json["handover"]["root"]["subtrees"]]
    assert names == ["hwpoison", "memblock"]
    assert any("LUO is left out: " in n for n in result.json["notes"])
    # v1 and v2 do not record sizes: those of FDTs are known all the same.
    assert (
        cli("encode", real, *PLACED, "-o", tmp_path / "v2", "--keep-subtrees", "--kho", "v2").code
        == 0
    )
    result = cli(
        "encode", tmp_path / "v2", *PLACED, "-o", tmp_path / "v3", "--keep-subtrees", "--json"
    )
    names = [s["name"] for s in result.json["handover"]["root"]["subtrees"]]
    assert names == ["hwpoison", "memblock", "kexec-metadata"]
    assert result.json["handover"]["kexec_metadata"]["previous_release"].startswith("7.3.4")


def test_keep_subtrees_of_a_list(cli, lst, tmp_path):
    result = cli("encode", lst, *PLACED, "-o", tmp_path / "out", "--keep-subtrees")
    assert result.code == 2
    assert "is not a handover" in result.err


def test_subtrees_from_files(cli, lst, tmp_path, subtests):
    blob = tmp_path / "blob"
    blob.write_bytes(b"luo-v9\0".ljust(9000, b"x"))
    args = ("encode", lst, *PLACED, "-o", tmp_path / "out", "--subtree", f"LUO={blob}")
    result = cli(*args, "--no-kexec-metadata", "--json")
    subtrees = result.json["handover"]["root"]["subtrees"]
    assert [(s["name"], s["size"]) for s in subtrees] == [("hwpoison", 32), ("LUO", 9000)]
    (found,) = cli("decode", "--json", tmp_path / "out").json["handovers"]
    assert found["root"]["subtrees"][1]["details"] == {"compatible": "luo-v9"}
    assert found["kexec_metadata"] is None
    (tmp_path / "empty").touch()
    for bad, code, words in (
        (f"LUO={tmp_path / 'none'}", 3, "No such file"),
        (f"LUO={tmp_path / 'empty'}", 3, "0 bytes"),
        (f"hwpoison={blob}", 2, "of that name exists already"),
        ("LUO", 2, "not NAME=FILE"),
    ):
        with subtests.test(bad):
            result = cli("encode", lst, *PLACED, "-o", tmp_path / "x", "--subtree", bad)
            assert (result.code, result.out) == (code, "")
            assert words in result.err
            assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("kho", "revision"), [("v1", "fdt-v1"), ("v2", "struct-v1"), ("v3", "fdt-v1")]
)
def test_kho_versions(kho, revision, cli, lst, tmp_path):
    out = tmp_path / kho
    more = [] if kho == "v1" else ["--revision", revision]
    assert cli("encode", lst, *PLACED, "-o", out, "--kho", kho, *more).code == 0
    (found,) = cli("decode", "--json", out).json["handovers"]
    assert found["root"]["compatible"] == f"kho-{kho}"
    assert found["hwpoison"]["revision"] == revision
    assert found["hwpoison"]["pfns"] == LIST


def test_array_options(cli, lst, tmp_path):
    result = cli(
        "encode", lst, *PLACED, "-o", tmp_path / "out", "--json", "--capacity", "5000",
        "--order", "2", "--flags", "0x13",
    )  # fmt: skip
    made = result.json["handover"]["hwpoison"]
    assert made["vmalloc"] == {
        "first": made["chunks"][0], "total_pages": 12, "flags": 0x13, "order": 2,
    }  # fmt: skip
    assert (made["capacity"], len(made["pages"])) == (12 * 512, 3)


def test_segments(cli, lst, tmp_path):
    out = tmp_path / "handover"
    assert cli("encode", lst, *PLACED, "--to", "segments", "-o", out).code == 0
    assert sorted(p.name for p in out.iterdir()) == ["0x60000000.bin", "handover.json"]
    passed = json.loads((out / "handover.json").read_text())
    assert passed["kho_fdt"] == [0x60000000, 4096]
    assert passed["kho_scratch"][1] == 16
    assert (passed["page_size"], passed["arch"]) == (4096, "x86_64")
    memory = (out / "0x60000000.bin").read_bytes()
    at = passed["kho_scratch"][0] - 0x60000000
    assert memory[at : at + 16] == (0x50000000).to_bytes(8, "little") + (64 << 20).to_bytes(
        8, "little"
    )
    assert cli("encode", lst, *PLACED, "--to", "segments", "-o", out).code == 2
    other = cli("encode", lst, "--at", "0x70000000", *SCRATCH, "--to", "segments", "-o", out, "-f")
    assert other.code == 0
    assert sorted(p.name for p in out.iterdir()) == ["0x70000000.bin", "handover.json"]
    (out / "notes.txt").touch()
    refused = cli("encode", lst, *PLACED, "--to", "segments", "-o", out, "-f")
    assert refused.code == 2
    assert "notes.txt" in refused.err


@pytest.mark.parametrize(("arch", "size"), [("arm64", 4096), ("arm64", 16384), ("x86_64", 4096)])
@pytest.mark.parametrize("to", ["segments", "elf"])
def test_the_architecture_goes_along(arch, size, to, cli, tmp_path, subtests):
    """To decode, to validate, alone and in a batch, and to whatever is made of it again."""
    lst, iomem = tmp_path / "list.txt", tmp_path / "cases" / "one" / "iomem"
    lst.write_text("0x10001\n")
    out, again, decoded = iomem.parent / "memory", tmp_path / "again", tmp_path / "d.json"
    out.parent.mkdir(parents=True)
    iomem.write_text("00100000-3ffffffff : System RAM\n")
    where = ["--at", "0x60000000", *SCRATCH]
    made = cli("encode", lst, *where, "--arch", arch, "--page-size", size, "--to", to, "-o", out)
    assert made.code == 0, made.err
    documents = [
        cli("decode", "--json", out).json["handovers"][0],
        cli("validate", "--json", out).json,
        cli("validate", "--json", out, "--memmap", iomem).json,
        cli("encode", out, *where, "--json", "-f", "-o", again).json["handover"],
        cli("merge", out, *where, "--to", "elf", "--json", "-f", "-o", again).json["handover"],
        cli("merge", out, "--json").json,
        cli("validate", "--json", "--batch", tmp_path / "cases").json["results"][0]["result"],
    ]
    assert [document["arch"] for document in documents] == [arch] * 7
    decoded.write_text(cli("decode", "--json", out).out)
    for source in (decoded, again):
        with subtests.test(source.name):
            made = cli("encode", source, *where, "--to", "segments", "-f", "-o", tmp_path / "third")
            assert made.code == 0, made.err
            assert json.loads((tmp_path / "third/handover.json").read_text())["arch"] == arch


def test_a_folder_in_a_case_tells_the_architecture_too(cli, tmp_path):
    """As the replayed handovers have it: memory/ and handover.json beside each other."""
    lst, case = tmp_path / "list.txt", tmp_path / "cases" / "one"
    lst.write_text("0x60010\n")
    case.mkdir(parents=True)
    made = cli("encode", lst, *PLACED, "--arch", "arm64", "--to", "segments", "-o", case / "memory")
    assert made.code == 0, made.err
    (case / "memory/handover.json").rename(case / "handover.json")
    (result,) = cli("validate", "--json", "--batch", case.parent).json["results"]
    assert (result["exit"], result["result"]["arch"]) == (0, "arm64")


def test_cases_of_two_architectures_make_no_handover(cli, tmp_path):
    lst = tmp_path / "list.txt"
    lst.write_text("0x60010\n")
    cores = [tmp_path / "arm64", tmp_path / "x86_64"]
    encoded = [cli("encode", lst, *PLACED, "--arch", core.name, "-o", core) for core in cores]
    assert [got.err for got in encoded if got.code] == []
    out = tmp_path / "out"
    result = cli("merge", *cores, *PLACED, "--to", "elf", "-o", out)
    assert (result.code, out.exists()) == (2, False)
    assert "arm64 and x86_64: a handover is of one architecture" in result.err
    assert cli("merge", *cores).out == "0x60010\n"
    assert cli("merge", *cores, "--json").json["arch"] is None
    made = cli("merge", *cores, *PLACED, "--to", "elf", "-o", out, "--arch", "arm64")
    assert (made.code, out.exists()) == (3, False)  # of one of them that is not true


def test_an_elf_core_that_contradicts_its_note_is_refused(cli, lst, tmp_path):
    out = tmp_path / "handover.elf"
    assert cli("encode", lst, *PLACED, "--arch", "arm64", "-o", out).code == 0
    raw = bytearray(out.read_bytes())
    raw[18:20] = (62).to_bytes(2, "little")
    out.write_bytes(raw)
    result = cli("decode", out)
    assert result.code == 3
    assert "x86_64" in result.err
    assert "arm64" in result.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((*SCRATCH, "-o", "OUT"), "--ram START:SIZE"),
        ((*AT, "-o", "OUT"), "--no-scratch"),
        ((*PLACED, "--no-scratch", "-o", "OUT"), "exclude each other"),
        (PLACED, "-o OUT"),
        ((*PLACED, "--to", "segments"), "-o OUT"),
        ((*PLACED, "--to", "segments", "-o", "-"), "standard output"),
        ((*PLACED, "--to", "blob", "--json"), "-o OUT"),
        ((*PLACED, "--json", "-o", "-"), "another -o OUT"),
        ((*PLACED, "--kho", "v1", "--revision", "struct-v1", "-o", "OUT"), "struct-v1 cannot go"),
        ((*PLACED, "--kho", "v1", "--kexec-count", "1", "-o", "OUT"), "kexec-metadata cannot go"),
        ((*PLACED, "--no-kexec-metadata", "--kexec-count", "1", "-o", "OUT"), "goes with neither"),
        ((*PLACED, "--previous-release", "7.3.4-über", "-o", "OUT"), "64 ASCII"),
        ((*PLACED, "--previous-release", "x" * 65, "-o", "OUT"), "64 ASCII"),
        ((*PLACED, "--page-size", "64K", "--arch", "x86_64", "-o", "OUT"), "pages of 4096"),
        ((*PLACED, "--page-size", "8192", "-o", "OUT"), "not a page size"),
        ((*PLACED, "--kho", "v5", "-o", "OUT"), "v5"),
        ((*PLACED, "--dtb-out", "x", "-o", "OUT"), "needs --dtb"),
        (
            (*PLACED, "--dtb", "x", "--to", "blob"),
            "--dtb goes with a whole handover, not with --to ",
        ),
        ((*PLACED, "--dtb", "x", "-o", "-"), "--dtb-out"),
        (("--at", "nowhere", "-o", "OUT"), "nowhere"),
        (("--ram", "0x1000", "-o", "OUT"), "START:SIZE"),
        (("--ram", "0x60000000:32K", *SCRATCH, "-o", "OUT"), "no room"),
    ],
)
def test_wrong_usage(cli, lst, tmp_path, args, words):
    out = tmp_path / "out"
    result = cli("encode", lst, *(str(out) if a == "OUT" else a for a in args))
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert not out.exists()


def test_bad_lists(cli, tmp_path, subtests):
    out = tmp_path / "out"
    for content in (
        b"",
        b"1-\n",
        b'{"schema": "hwpkho.memmap/1"}',
        b"\x7fELF",
    ):
        with subtests.test(repr(content)):
            path = tmp_path / "bad"
            path.write_bytes(content)
            result = cli("encode", path, *PLACED, "-o", out, "--json")
            assert (result.code, result.out) == (3, "")
            assert len(result.err.splitlines()) == 1
            assert sorted(p.name for p in tmp_path.iterdir()) == ["bad"]


def test_an_output_is_not_overwritten(cli, lst, tmp_path):
    out = tmp_path / "out"
    out.write_text("precious")
    result = cli("encode", lst, *PLACED, "-o", out)
    assert result.code == 2
    assert "--force" in result.err
    assert out.read_text() == "precious"
    assert cli("encode", lst, *PLACED, "-o", out, "--force").code == 0
    assert pfns(cli, out) == LIST


def test_notes(cli, tmp_path):
    path = tmp_path / "list"
    path.write_text("# none\n")
    out = tmp_path / "out"
    result = cli("encode", path, *AT, "--no-scratch", "-o", out, "--json")
    assert result.json["notes"] == [
        f"{path}: page size 4096 assumed: the list does not record it",
        "warning: the list is empty: a debugfs read in the next kernel oopses (HP318)",
        "without scratch the next kernel ignores the whole handover",
    ]
    assert result.json["handover"]["scratch"] == {"array": None, "areas": []}
    path.write_text("0x60000\n")
    result = cli("encode", path, *AT, "--scratch", "0x50000000:16M", "-o", out, "-f")
    assert "16384 KiB of scratch" in result.err
    assert "0x60000000 is poisoned or scratch: the root FDT is at 0x60001000" in result.err


def test_the_fdt_package_compiles_here_without_a_word(cli, lst, tmp_path, monkeypatch):
    """As below; nothing but the package is compiled."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "fdt"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "compiled"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    with warnings.catch_warnings(record=True, action="always") as said:
        made = cli(
            "encode", lst, *PLACED, "-o", tmp_path / "a.elf", "--dtb",
            DTB / "hisilicon-hi6220-hikey.dtb",
        )  # fmt: skip
    assert made.code == 0, made.err
    assert list(tmp_path.glob("compiled/**/fdt/*.pyc"))
    assert said == []


@pytest.mark.slow
@pytest.mark.parametrize("strict", [True, False])
def test_the_fdt_package_compiles_without_a_word(strict, lst, tmp_path):
    """fdt 0.3.3 has escapes that Python warns of: under -W error they are SyntaxErrors."""
    dtb = DTB / "hisilicon-hi6220-hikey.dtb"
    options = ["-W", "error"] if strict else []
    compiled = tmp_path / "compiled"  # nothing is compiled yet there
    result = subprocess.run(
        [
            sys.executable, "-X", f"pycache_prefix={compiled}", *options, "-m", "hwpkho",
            "encode", lst, *PLACED, "-o", tmp_path / "a.elf", "-f", "--dtb", dtb,
        ],
        capture_output=True,
        check=False,
        text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Warning" not in result.stderr


def test_device_tree(cli, lst, tmp_path):
    dtb = DTB / "hisilicon-hi6220-hikey.dtb"
    out = tmp_path / "handover"
    result = cli("encode", lst, *PLACED, "--to", "segments", "-o", out, "--dtb", dtb, "--json")
    assert result.json["dtb"] == str(out / "handover.dtb")
    assert result.json["handover"]["arch"] == "arm64"
    elf = tmp_path / "a.elf"
    assert cli("encode", lst, *PLACED, "-o", elf, "--dtb", dtb).code == 0
    assert (tmp_path / "a.elf.dtb").read_bytes() == (out / "handover.dtb").read_bytes()
    named = tmp_path / "named.dtb"
    args = ("encode", lst, *PLACED, "-o", elf, "--dtb", dtb, "--dtb-out")
    assert cli(*args, named, "-f").code == 0
    assert cli(*args, tmp_path / "x.dtb").code == 2  # a.elf exists
    assert not (tmp_path / "x.dtb").exists()
    copy = tmp_path / "copy.dtb"
    copy.write_bytes(dtb.read_bytes())
    same = cli("encode", lst, *PLACED, "-o", elf, "--dtb", copy, "--dtb-out", copy, "-f")
    assert same.code == 2
    assert copy.read_bytes() == dtb.read_bytes()
    # The tree leads decode to scratch, as it leads the kernel.
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "0x60000000.bin").write_bytes((out / "0x60000000.bin").read_bytes())
    (bare / "0x40000000.bin").write_bytes(named.read_bytes())
    (found,) = cli("decode", "--json", bare, "--page-size", "4096").json["handovers"]
    assert found["scratch"]["areas"] == [[0x50000000, 64 << 20]]


@pytest.mark.parametrize("place", ["out", "./out", "link", "out/handover.dtb", "out/other.dtb"])
@pytest.mark.parametrize("to", ["elf", "segments"])
def test_a_device_tree_has_a_place_of_its_own(place, to, cli, tmp_path):
    """One of two outputs at one place was lost, and said to be written."""
    dtb, lst = tmp_path / "in.dtb", tmp_path / "list"
    dtb.write_bytes(fdt.build(fdt.Node("")))
    lst.write_text("0x10\n")
    (tmp_path / "link").symlink_to("out")
    how = (*PLACED, "--to", to, "-o", tmp_path / "out", "--dtb", dtb, "--dtb-out")
    got = cli("encode", lst, *how, f"{tmp_path}/{place}", "-f")
    assert (got.code, (tmp_path / "out").exists()) == (2, False), got.err
    title = "ELF core" if to == "elf" else "folder of segments"
    assert f"the {title} is written there; give another --dtb-out FILE" in got.err
    assert cli("encode", lst, *how, tmp_path / "out.dtb").code == 0


def test_damaged_device_trees(cli, lst, tmp_path, subtests):
    bad = tmp_path / "bad.dtb"
    out = tmp_path / "out"
    for content in (b"", b"no tree", bytes((2 << 20) + 1)):
        with subtests.test(repr(content[:2])):
            bad.write_bytes(content)
            result = cli("encode", lst, *PLACED, "-o", out, "--dtb", bad)
            assert (result.code, result.out) == (3, "")
            assert str(bad) in result.err
            assert not out.exists()


def test_a_root_fdt_is_no_device_tree(cli, lst, tmp_path):
    """/sys/kernel/debug/kho/out/fdt instead of /sys/firmware/fdt."""
    root = captures.folder("x86-structv1-small") / "root_fdt.page"
    result = cli("encode", lst, *PLACED, "-o", tmp_path / "out", "--dtb", root)
    assert (result.code, (tmp_path / "out").exists()) == (3, False)
    assert "root_fdt.page: this is a structure of a handover, not a device tree; " in result.err
