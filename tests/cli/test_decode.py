"""The command line's contract for decode: exit codes, streams, documents, terminals."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from hwpkho.abi import fdt, kho
from tests.support import captures, certain, forked, schemas
from tests.support.examples import some
from tests.support.handovers import Machine
from tests.support.provoking_decode import CASES

SMALL = captures.CAPTURES / "x86-structv1-small" / "memory.elf"
PROGRAM = [sys.executable, "-m", "hwpkho"]


@pytest.fixture(scope="module")
def validator():
    return schemas.validator("decode")


def shortened(value):
    """Return a document whose long arrays of numbers are cut: the validator takes 10 us for each.

    That the numbers are some is looked at here.
    """
    if isinstance(value, dict):
        return {key: shortened(part) for key, part in value.items()}
    if isinstance(value, list) and len(value) > 64 and type(value[0]) is int:
        assert all(type(part) is int and part >= 0 for part in value)
        return value[:64]
    return [shortened(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", captures.NAMES)
def test_documents_are_as_the_schema_says(name, decoded, validator):
    validator.validate(shortened(decoded(name)))


@pytest.mark.parametrize("name", captures.DEBUGFS)
def test_documents_of_copies_are_as_the_schema_says(name, cli, validator):
    got = cli("decode", "--json", captures.CAPTURES / name / "debugfs-kho")
    validator.validate(got.json)


@pytest.mark.parametrize(("code", "make"), some(CASES.items(), 3))
def test_documents_of_broken_handovers_are_as_the_schema_says(code, make, tmp_path, cli, validator):
    folder = tmp_path / code
    folder.mkdir()
    inputs, options = make(folder)
    args = ["--page-size", options.page_size] if options.page_size else []
    args += ["--root-fdt", options.root_fdt] if options.root_fdt else []
    validator.validate(cli("decode", "--json", *inputs, *args).json)


def test_schema_refuses_what_is_none(validator, decoded):
    document = json.loads(json.dumps(decoded("x86-structv1-small")))
    del document["handovers"][0]["hwpoison"]["pfns"]
    assert not validator.is_valid(document)
    assert not validator.is_valid({"schema": "hwpkho.decode/1"})


@pytest.mark.parametrize("seed", some(["1", "2"], 2))
def test_same_input_same_bytes(seed, cli, capture):
    """Sets have another order for each seed, and in this process one of its own."""
    args = ["decode", "--json", capture("x86-structv1-small-post")]
    run = subprocess.run(
        [*PROGRAM, *args],
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=False,
    )
    assert run.stdout.decode() == cli(*args).out != ""


# --- exit codes


def test_exit_0_and_1(cli, tmp_path, subtests):
    assert cli("decode", SMALL).code == 0
    m = Machine()
    h = m.handover()
    m.poke(h.blob + 8, "<Q", 1 << 40)
    for mode in ([], ["--json"], ["--annotate"]):
        with subtests.test(str(mode)):
            got = cli("decode", *mode, m.save(tmp_path))
            assert got.code == 1
            assert got.err == ""
    assert cli("decode", "--pfns", m.save(tmp_path)).code == 3


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--no-such-option", SMALL],
        ["--json", "--pfns", SMALL],
        ["--json", "--annotate", SMALL],
        ["--page-size", "8192", SMALL],
        ["--page-size", "x", SMALL],
        ["--root-fdt", "-1", SMALL],
        ["--root-fdt", "0x1" + "0" * 16, SMALL],
        ["--root-fdt", "1" * 5000, SMALL],
        ["--kho-scratch", "0x1000", SMALL],
        ["--arch", "sparc", SMALL],
        ["--role", "both", SMALL],
    ],
)
def test_wrong_usage_is_exit_2(args, cli):
    got = cli("decode", *args)
    assert (got.code, got.out) == (2, "")
    assert got.err.startswith("hwpkho: ")
    assert got.err.count("\n") == 1


def test_unknown_command_is_exit_2(cli):
    got = cli("decoed", SMALL)
    assert (got.code, got.out, got.err.count("\n")) == (2, "", 1)
    got = cli("decode-\x1b[31m")
    assert "\x1b" not in got.err


def _unreadable():
    m = Machine()
    m.handover()
    elf = m.elf()
    yield "empty", b""
    yield "one byte", b"\x7f"
    yield "zeros", bytes(1 << 20)
    yield "words", b"hello\n" * 100
    yield "list of PFNs", b"0x1000\n0x2000\n"
    yield "JSON list", b'{"schema": "hwpkho.list/1", "page_size": 4096, "pfns": [1]}'
    yield "deep JSON", b'{"a":' * 100_000
    yield "ELF header cut", elf[:40]
    yield "ELF of 32 bit", elf[:4] + b"\1" + elf[5:]
    yield "big-endian ELF", elf[:5] + b"\2" + elf[6:]
    yield "executable", elf[:16] + b"\2\0" + elf[18:]
    yield "no program headers", elf[:56] + b"\0\0" + elf[58:]
    yield "odd program header size", elf[:54] + b"\x39\0" + elf[56:]
    yield "program headers past the end", elf[:32] + b"\xff" * 7 + b"\x7f" + elf[40:]
    yield "ELF without memory", elf[:56] + b"\1\0" + elf[58:]
    yield "no handover", Machine(memory={0: bytes(1 << 16)}).elf()
    tree = fdt.Node("", properties=[fdt.Property("compatible", b"acme,board\0", 0)])
    yield "another device tree", fdt.build(tree)
    yield "FDT magic alone", fdt.MAGIC
    yield "FDT header alone", fdt.build(tree)[:40]
    yield "kexec-metadata", struct.pack("<I65sI", 1, b"7.3.4", 1)
    yield "kdump header cut", b"KDUMP   " + bytes(100)
    yield "flattened header cut", b"makedumpfile\0\0\0\0" + bytes(100)


@pytest.mark.parametrize(
    ("what", "data"), list(_unreadable()), ids=lambda v: v if isinstance(v, str) else ""
)
@pytest.mark.parametrize("mode", ["--json", "--pfns"])
def test_unreadable_is_exit_3(what, data, mode, cli, tmp_path):
    path = tmp_path / "in\x1bput"
    path.write_bytes(data)
    got = cli("decode", mode, path)
    assert (got.code, got.out) == (3, "")
    assert got.err.count("\n") == 1
    assert got.err.startswith("hwpkho: ")
    assert r"in\x1bput" in got.err
    assert "\x1b" not in got.err


def test_missing_and_forbidden_inputs(cli, tmp_path, subtests):
    for path in (tmp_path / "none", tmp_path, f"{tmp_path}/none@0x1000", "x" * 5000, "/dev/null"):
        with subtests.test(str(path)[-20:]):
            got = cli("decode", path)
            assert (got.code, got.out) == (3, "")
            assert got.err.count("\n") == 1
    if os.getuid():
        closed = tmp_path / "closed"
        closed.mkdir(mode=0)
        assert cli("decode", closed).code == 3


def test_pfns_says_which_handover(cli, capture, subtests):
    path = capture("x86-structv1-small-post")
    for args, word in (([], "out"), (["--role", "out"], "out")):
        with subtests.test(str(args)):
            got = cli("decode", "--pfns", *args, path)
            assert got.code == 0
            assert f"({word})" in got.err
    got = cli("decode", "--pfns", "--role", "in", path)
    assert (got.code, got.out) == (3, "")
    assert "HP319" in got.err
    # A single handover that tells no role has the one that is asked for.
    assert cli("decode", "--pfns", "--role", "in", SMALL).out == cli("decode", "--pfns", SMALL).out


def test_role_shows_that_handover_only(cli, capture, subtests):
    path = capture("x86-structv1-small-post")
    roots = {h["role"]: h["root"]["phys"] for h in cli("decode", "--json", path).json["handovers"]}
    assert set(roots) == {"in", "out"}
    for role, other in (("in", "out"), ("out", "in")):
        with subtests.test(role):
            (shown,) = cli("decode", "--json", "--role", role, path).json["handovers"]
            assert (shown["role"], shown["root"]["phys"]) == (role, roots[role])
        for output in ([], ["--annotate"]):
            with subtests.test(f"{role} {output}"):
                text = cli("decode", "--role", role, *output, path).out
                assert f"0x{roots[role]:x}" in text
                assert f"0x{roots[other]:x}" not in text
    single = cli("decode", "--json", "--role", "out", SMALL).json["handovers"]
    assert [h["role"] for h in single] == ["out"]


def test_role_decides_the_exit_code(cli, capture):
    path = capture("x86-empty-post")
    codes = {role: cli("decode", "--role", role, path).code for role in ("in", "out")}
    assert codes == {"in": 0, "out": 1}


# --- streams


def test_standard_input():
    with SMALL.open("rb") as file:
        from_file = forked.run("decode", "--json", "-", stdin=file)
        piped = subprocess.run(
            [*PROGRAM, "decode", "--json", "-"],
            input=SMALL.read_bytes(),
            capture_output=True,
            check=False,
        )
    assert from_file.code == piped.returncode == 0
    assert from_file.out == piped.stdout
    document = json.loads(piped.stdout)
    assert document["handovers"][0]["hwpoison"]["pfns"]


@pytest.mark.parametrize("command", ["decode", "memmap", "validate --page-size 4096"])
def test_standard_input_that_is_closed(command):
    got = forked.run(*command.split(), "-", stdin=None)
    assert (got.code, got.out) == (3, b"")
    assert got.err.count(b"\n") == 1


def test_standard_input_that_the_shell_closed():
    got = subprocess.run(
        ["/bin/sh", "-c", f'exec "{sys.executable}" -m hwpkho decode - <&-'],
        capture_output=True,
        check=False,
    )
    assert (got.returncode, got.stdout) == (3, b"")
    assert got.stderr.count(b"\n") == 1


def test_reader_that_goes_away():
    got = subprocess.run(
        ["/bin/sh", "-c", f'"{sys.executable}" -m hwpkho decode --annotate "{SMALL}" | head -1'],
        capture_output=True,
        check=False,
    )
    assert got.stdout.count(b"\n") == 1
    assert got.stderr == b""


@pytest.mark.parametrize(
    "args", [["decode", SMALL], ["decode", "--annotate", SMALL], ["--help"], ["decode", "--help"]]
)
def test_a_reader_that_went_away_is_no_finding(args):
    """As a shell tells of SIGPIPE, whether the pipe breaks at the end or within the output."""
    ours, theirs = os.pipe()
    os.close(ours)
    got = forked.run(*args, stdout=theirs)
    os.close(theirs)
    assert (got.code, got.err) == (141, b"")


@pytest.mark.parametrize("args", some([["decode", SMALL], ["--version"]], 2))
def test_a_reader_that_went_away_before_the_program_started(args):
    child = subprocess.Popen([*PROGRAM, *args], stdout=subprocess.PIPE)
    certain(child.stdout).close()
    assert child.wait() == 141


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_output_that_cannot_be_written(redirection):
    got = subprocess.run(
        ["/bin/sh", "-c", f'exec "{sys.executable}" -m hwpkho decode "{SMALL}" {redirection}'],
        capture_output=True,
        check=False,
    )
    assert got.returncode == 3
    assert got.stderr.count(b"\n") == 1
    assert b"Traceback" not in got.stderr


# --- terminals


def _hostile_text(folder):
    m = Machine()
    nasty = "\x1b[2J[red]evil[/red]\x07\x9b31m"
    h = m.handover(subtrees=[(nasty, b"x"), ("LUO", b"luo-v\x1b[31m\0")])
    m.write(h.metadata + 4, b"7.3\x1b]0;title\x07\0")
    return m.save(folder)


@pytest.mark.parametrize("mode", ["--json", "--annotate", None])
def test_no_escape_reaches_the_terminal(mode, cli, tmp_path):
    got = cli("decode", *[mode] * bool(mode), _hostile_text(tmp_path))
    assert got.code == 1  # LUO's blob is refused
    assert [char for char in "\x1b\x07\x9b" if char in got.out] == []
    assert "[red]evil[/red]" in got.out
    assert got.err == ""


def test_names_of_property_strings_in_messages(cli, tmp_path):
    tree = fdt.Node("", properties=[fdt.Property("compatible", b"\x1b[31mbad\0\x9b\0", 0)])
    path = tmp_path / "x.dtb"
    path.write_bytes(fdt.build(tree))
    got = cli("decode", path)
    assert got.code == 3
    assert "\x1b" not in got.err
    assert r"\x1b[31mbad" in got.err


def _on_a_terminal(*args, **env):
    return forked.on_terminal(*args, stdout=True, env=env)[1]


def test_colours_on_a_terminal_only(cli):
    plain = dict.fromkeys(("NO_COLOR",), "")
    assert b"\x1b[" in _on_a_terminal("decode", SMALL, TERM="xterm", **plain)
    assert b"\x1b" not in _on_a_terminal("decode", SMALL, TERM="xterm", NO_COLOR="1")
    assert b"\x1b" not in _on_a_terminal("decode", SMALL, TERM="dumb", **plain)
    assert b"\x1b" not in _on_a_terminal("decode", "--json", SMALL, TERM="xterm", **plain)
    assert "\x1b" not in cli("decode", SMALL).out


# --- the program itself


def test_version_and_help(cli):
    assert cli("--version").out.startswith("hwpkho ")
    assert "decode" in cli("--help").out
    nothing = cli()
    assert (nothing.code, nothing.out) == (2, "")


def test_schema(cli, subtests):
    names = cli("schema").out.split()
    assert "hwpkho.decode/1" in names
    for name in names:
        with subtests.test(name):
            schema = cli("schema", name).json
            Draft202012Validator.check_schema(schema)
            assert schema["title"] == name
            assert cli("schema", name.removeprefix("hwpkho.")).json == schema
    assert cli("schema", "decode").json == cli("schema", "decode/1").json
    for name in ("none", "decode/9", "decode/", "../decode", "decode-1", "hwpkho.", "\x1b"):
        with subtests.test(repr(name)):
            got = cli("schema", name)
            assert (got.code, got.out, got.err.count("\n")) == (2, "", 1)


def test_report_names_what_it_shows(cli):
    out = cli("decode", SMALL).out
    truth = captures.truth("x86-structv1-small")["handovers"][0]
    parts = (
        f"0x{truth['root_phys']:x}", "kho-v4", "complete", "struct-v1", "VM_ALLOC",
        f"{truth['count']} live entries of 512", f"{truth['count']} PFNs",
        f"0x{min(truth['pfns']):x}", "HP410 scratch-unknown",
    )  # fmt: skip
    assert [part for part in parts if part not in out] == []


def test_report_of_a_long_list_is_cut(cli, capture):
    out = cli("decode", capture("x86-structv1-multichunk")).out
    assert "--pfns prints the list" in out
    assert out.count("\n") < 120


def test_root_fdt_option(cli, capture, subtests):
    path = capture("x86-structv1-small-post")
    for h in captures.truth("x86-structv1-small-post")["handovers"]:
        with subtests.test(h["role"]):
            got = cli("decode", "--json", "--root-fdt", hex(h["root_phys"]), path)
            assert [x["root"]["phys"] for x in got.json["handovers"]] == [h["root_phys"]]
    got = cli("decode", "--json", "--root-fdt", "0x10", path)
    assert got.code in (1, 3)
    assert kho.HWPOISON == "hwpoison"


def test_kho_scratch_option(cli):
    truth = captures.truth("x86-structv1-small")
    array, areas = truth["scratch_array_phys"], truth["scratch"]
    got = cli("decode", "--json", "--kho-scratch", f"{array:#x}:{16 * len(areas)}", SMALL)
    assert got.json["handovers"][0]["scratch"]["array"] == array
    got = cli("decode", "--json", "--kho-scratch", "none", SMALL).json["handovers"][0]
    assert got["scratch"] == {"array": None, "length": 0, "areas": []}


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("HP301", "count 513  <- HP301 count-beyond-array"),
        ("HP302", "version 2  <- HP302 blob-version"),
        ("HP305", "_pad 0x7  <- HP305 pad-not-zero"),
        ("HP306", "pfns.flags 0x10  <- HP306 flags-unknown"),
        ("HP312", "<- HP312 total-pages"),
    ],
)
def test_what_is_wrong_is_beside_its_field(code, line, cli, tmp_path):
    inputs, _ = CASES[code](tmp_path)
    out = cli("decode", "--annotate", *inputs).out
    assert [x for x in out.split("\n") if code in x] == [x for x in out.split("\n") if line in x]
    assert line in out


def test_what_is_wrong_is_beside_the_property_that_has_its_field(cli, tmp_path):
    (tmp_path / "list").write_text("0x10\n")
    how = ("--kho", "v1", "--flags", "0x10", "--at", "1G", "--no-scratch", "-o", tmp_path / "x")
    assert cli("encode", tmp_path / "list", *how).code == 0
    out = cli("decode", "--annotate", tmp_path / "x").out
    assert "total_pages 1, flags 0x10, order 0  <- HP306 flags-unknown" in out
