"""validate on the command line: the report, what counts, exit codes, several inputs."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from hwpkho.codes import registry
from hwpkho.judging import baseline
from hwpkho.judging.result import Basis, Finding
from hwpkho.report.parts.headline import headline
from hwpkho.report.parts.paint import Paint
from hwpkho.report.parts.screen import Screen
from tests.support import captures, provoking, replays, schemas
from tests.support.handovers import Machine, no_handover, note
from tests.support.judged import validation
from tests.support.reporting import written

ALL_LOST = "all 4 pages will be forgotten"
UNREAD_LOST = "every poisoned page will be forgotten"
LOST = "arm64-4k-B-a-outside-ram-above"


@pytest.fixture(scope="module")
def replay(tmp_path_factory, cli):
    """Return a function that judges a replayed handover."""
    base = tmp_path_factory.mktemp("replays")

    def run(name, *options, memmap=True):
        folder = base / name
        if not folder.exists():
            replays.unpack(name, base)
        maps = ["--memmap", folder / "iomem.txt"] if memmap else []
        told = replays.arguments(name)
        if not memmap:
            at = told.index("--iomem-of")
            del told[at : at + 2]
        return cli("validate", *told, *maps, folder / "memory", *options)

    return run


# The report


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("arm64-4k-B-good", "all 4 pages will be taken out of use"),
        (LOST, "1 of 5 pages will be forgotten"),
        ("arm64-4k-B-h-kernel-text", "1 of 5 pages will stay in use"),
        ("arm64-4k-B-e-in-scratch-free", "1 of 5 pages may be used before the replay"),
        ("arm64-4k-B-c-count-big-past-array", "the next kernel will panic on every boot"),
        ("arm64-4k-B-i-next-outside", "the next kernel will panic at boot"),
        (
            "arm64-4k-B-k-compat-v3",
            f"the next kernel will ignore the whole handover: {ALL_LOST}",
        ),
        (
            "arm64-4k-B-d-version2",
            f"the next kernel will drop the list, often silently: {UNREAD_LOST}",
        ),
        (
            "arm64-4k-B-j-unpreserved-array",
            f"the next kernel will most likely drop the list, often silently: {ALL_LOST}",
        ),
    ],
)
def test_the_sentence_stands_first(name, sentence, replay):
    got = replay(name)
    assert " ".join(got.out.partition("\n\n")[0].split()).endswith(f": {sentence}")
    assert replay(name, "--json").json["headline"] == sentence


def test_report(replay):
    got = replay(LOST)
    assert got.code == 1
    text = got.out
    assert "  outcome   replay: " in text
    assert "  findings  1 error, 1 note\n" in text
    assert re.search(r"not-ram +1  no memory there", text)
    assert re.search(r"replays +4  taken out of use", text)
    assert re.search(r"0x200000 +1  not-ram +0x200000000  nothing \(HP601\)", text)
    assert re.search(r"0x1fe000000 ·+\?·+", text)
    assert "  error    HP601 not-ram: 1 PFN is in no range of the memory map" in text
    assert f"kernel: {registry()['HP601'].kernel[:40]}" in got.said
    assert text.index("  error  ") < text.index("  verdict  ") < text.index("  PFN  ")
    assert text.index("  PFN  ") < text.index("0x1fe000000 ") < text.index("  rests on  ")
    assert "memory by iomem (arm64)" in text
    assert "\x1b" not in text


def test_report_of_a_crash_says_why(replay):
    got = replay("arm64-4k-B-c-count-big-past-array")
    assert "  outcome   crash: the next kernel panics" in got.out
    assert re.search(
        r" because count 516 is beyond .*\(HP301, measured on a real kernel\)", got.said
    )
    assert "█" not in got.out  # no list was read, so none is on the picture


def test_report_without_a_map(replay):
    got = replay("arm64-4k-B-good", memmap=False)
    assert got.code == 0
    assert "no memory map says what becomes of all 4 pages" in got.said.split(" outcome ")[0]
    assert "the structure alone was judged" in got.said
    assert "  PFNs      0x50001, 0x52000, 0x58000, 0x5a340\n" in got.out
    assert "verdict" not in got.out
    document = replay("arm64-4k-B-good", "--json", memmap=False).json
    assert [r["verdict"] for r in document["runs"]] == [None] * len(document["runs"])
    assert document["summary"]["by_verdict"] == {}


def _report(v, screen=None):
    from hwpkho.judging.accept import Acceptance, apply

    return written("text", [apply(v, Acceptance(), "case", (), ())], screen, batch=False)


def test_report_is_bounded_and_shows_what_is_lost_first():
    many = [(i * 4, i * 4, 0) for i in range(1000)]
    lost = [(i * 4, i * 4, 1) for i in range(1000, 1005)]
    text = _report(validation(many + lost))
    assert all(f"0x{a:x} " in text for a, _, _ in lost)
    assert "and 985 more runs; --all shows all" in text
    text = _report(validation([(i * 4, i * 4, 1) for i in range(1000)]))
    assert "and 980 more runs; --all shows all" in text
    findings = [Finding("HP703", "error", "policy", f"{i}") for i in range(1000)]
    text = _report(validation(many[:1], findings))
    assert "and 960 more findings; --all shows all" in text
    assert len(text.splitlines()) < 300
    whole = Screen(everything=True)
    text = _report(validation(many + lost, findings), whole)
    assert text.count(" replays ") >= 1000
    assert "more" not in text


def test_report_in_colour_says_the_same():
    v = validation([(1, 1, 0), (9, 9, 1)], [Finding("HP601", "error", "measured", "lost")])
    from hwpkho.judging.accept import Acceptance, apply

    result = apply(v, Acceptance(), "case", (), ())
    plain = written("text", [result], batch=False)
    coloured = written("text", [result], Screen(Paint(on=True)), batch=False)
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_no_report_says_that_pages_are_taken_out_where_the_outcome_is_open():
    """The image lacks pages of the tracker, say: the verdicts hold only if the list is replayed."""
    v = validation([(1, 2, 0)], outcome=None)
    assert headline(v)[0] == "warning"
    text = _report(v)
    assert "outcome   not known: the input does not hold what decides it" in text
    assert "if it were replayed" in text
    assert "what the next kernel does" in _report(replace(v, basis=Basis()))


# A dump of a kernel without KHO

RELEASE = b"OSRELEASE=6.1.0-13-amd64\nPAGESIZE=4096\n"


@pytest.mark.parametrize(
    ("how", "code", "severity"),
    [((), 0, "warning"), (("--no-kho", "warn"), 0, "warning"), (("--no-kho=ignore",), 0, "note"),
     (("--no-kho", "error"), 1, "error")],
)  # fmt: skip
@pytest.mark.parametrize("told", ["note", "memory"])
def test_a_dump_without_kho(how, code, severity, told, cli, tmp_path):
    dump = tmp_path / "vmcore"
    page = RELEASE.ljust(4096, b"\0") if told == "memory" else bytes(4096)
    dump.write_bytes(no_handover(RELEASE if told == "note" else b"", bytes(4096) + page))
    got = cli("validate", dump, "--json", *how)
    assert got.code == code, got.err
    assert (got.json["state"], got.json["outcome"]) == ("no-kho", "absent")
    assert [(f["code"], f["severity"]) for f in got.json["findings"]] == [("HP220", severity)]
    text = cli("validate", dump, *how)
    assert text.code == code
    assert "vmcore: no KHO in this dump: kho=off, or a kernel without it" in text.said
    assert "Linux 6.1.0-13-amd64" in text.said


@pytest.mark.parametrize("what", ["nothing told", "a piece", "damaged root", "cut", "a role"])
def test_what_may_have_kho_is_no_dump_without(what, cli, tmp_path):
    dump, options, spec = tmp_path / "vmcore", [], tmp_path / "vmcore"
    raw = no_handover(RELEASE)
    if what == "nothing told":
        raw = no_handover()
    elif what == "a piece":
        raw, spec = RELEASE.ljust(8192, b"\0"), f"{dump}@0x100000"
    elif what == "damaged root":
        m = Machine()
        m.handover((0x50000,))
        raw = m.elf(notes=note(b"VMCOREINFO", RELEASE)).replace(b"kho-v4", b"kho-vX")
    elif what == "cut":
        raw = raw[:-8192]
    else:
        options = ["--role", "in"]
    dump.write_bytes(raw)
    got = cli("validate", spec, *options)
    assert (got.code, got.out) == (3, "")
    assert "no root FDT in" in got.err


# What counts


def test_select_and_ignore(replay, subtests):
    every = {f["code"] for f in replay(LOST, "--json").json["findings"]}
    assert every == {"HP208", "HP601"}
    for options, codes, code in (
        (["--ignore", "HP601"], {"HP208"}, 0),
        (["--ignore", "not-ram,HP2"], set(), 0),
        (["--ignore", "hp6"], {"HP208"}, 0),
        (["--select", "HP601"], {"HP601"}, 1),
        (["--select", "HP6", "--select", "HP208"], {"HP208", "HP601"}, 1),
        (["--select", "HP5"], set(), 0),
        (["--select", "HP6", "--ignore", "HP601"], set(), 0),
        (["--ignore", ""], {"HP208", "HP601"}, 1),
    ):
        with subtests.test(str(options)):
            got = replay(LOST, "--json", *options)
            assert got.code == code
            assert {f["code"] for f in got.json["findings"]} == codes
            assert got.json["ok"] == (code == 0)
            left = {s["code"]: s["by"] for s in got.json["suppressed"]}
            assert set(left) == every - codes
            assert got.json["summary"]["suppressed"] == len(left)
            assert got.json["summary"]["errors"] == ("HP601" in codes)
            # Verdicts are facts; only findings can be left out.
            assert got.json["summary"]["by_verdict"] == {"replays": 4, "not-ram": 1}
    for nothing in ("", " , "):  # as of a variable of a script that is not set
        with subtests.test(repr(nothing)):
            got = replay(LOST, "--select", nothing)
            assert (got.code, got.out) == (2, "")
            assert got.told == "hwpkho: --select names no code, so no finding would count"


@pytest.mark.parametrize("option", ["--select", "--ignore"])
@pytest.mark.parametrize("code", ["HP999", "nonsense", "HP601,HPX", "HP99"])
def test_unknown_codes(option, code, replay):
    got = replay(LOST, option, code)
    assert (got.code, got.out) == (2, "")
    assert len(got.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("arm64-4k-B-good", {"error": 0, "warning": 0, "note": 1, "never": 0}),
        ("arm64-4k-B-h-kernel-text", {"error": 0, "warning": 1, "note": 1, "never": 0}),
        (LOST, {"error": 1, "warning": 1, "note": 1, "never": 0}),
    ],
)
def test_fail_on(name, codes, replay):
    assert {level: replay(name, "--fail-on", level).code for level in codes} == codes


# Baselines


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        ('code = "HP601"\nreason = "x"', 0),
        ('code = "hp601"\nreason = "x"\nfirst = 0x200000\nlast = 2097152', 0),
        ('code = "HP601"\nreason = "x"\nfirst = 0x200001', 1),
        ('code = "HP601"\nreason = "x"\nlast = 7', 1),
        ('code = "HP601"\nreason = "x"\nphys = 0', 1),
        ('code = "HP602"\nreason = "x"', 1),
        ('code = "HP601"\nreason = "x"\ncase = "another"', 1),
    ],
)
def test_baseline(entry, left, replay, tmp_path):
    path = tmp_path / "accepted.toml"
    path.write_text(f"[[accept]]\n{entry}\n")
    got = replay(LOST, "--json", "--baseline", path)
    assert got.json["summary"]["errors"] == left
    assert got.code == left
    stale = [f for f in got.json["findings"] if f["code"] == "HP705"]
    assert len(stale) == (left and "another" not in entry)
    if not left:
        assert [s["reason"] for s in got.json["suppressed"]] == ["x"]


def test_stale_entries_fail_only_where_notes_do(replay, tmp_path):
    path = tmp_path / "accepted.json"
    path.write_text(json.dumps({"accept": [{"code": "HP602", "reason": "gone\x1b[2J"}]}))
    quiet = ("--baseline", path, "--ignore", "HP208")
    assert replay("arm64-4k-B-good", *quiet).code == 0
    assert replay("arm64-4k-B-good", *quiet, "--fail-on", "note").code == 1
    assert replay("arm64-4k-B-good", *quiet, "--fail-on", "note", "--ignore", "HP705").code == 0
    assert replay("arm64-4k-B-good", *quiet, "--fail-on", "note", "--select", "HP6").code == 0
    assert "\x1b" not in replay("arm64-4k-B-good", *quiet).out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[accept]]\ncode = "HP601"\n', "entry 1: HP601 has no reason"),
        ('[[accept]]\ncode = "HP601"\nreason = "  "\n', "entry 1: HP601 has no reason"),
        ('[[accept]]\nreason = "x"\n', "entry 1: code must be one that hwpkho explain lists"),
        ('[[accept]]\ncode = "HP6"\nreason = "x"\n', "entry 1: code must be one"),
        ('[[accept]]\ncode = 5\nreason = "x"\n', "entry 1: code must be one"),
        ('[[accept]]\ncode = "HP601"\nreason = "x"\nfirst = -1\n', "first must be an integer"),
        ('[[accept]]\ncode = "HP601"\nreason = "x"\nlast = 1.5\n', "last must be an integer"),
        ('[[accept]]\ncode = "HP601"\nreason = "x"\nphys = true\n', "phys must be an integer"),
        ('[[accept]]\ncode = "HP601"\nreason = "x"\ncase = 1\n', "case must be text"),
        ('[[accept]]\ncode = "HP601"\nreason = "x"\nuntil = 1\n', "unknown key until"),
        ('[[accepted]]\ncode = "HP601"\n', "unknown key accepted"),
        ('accept = "HP601"\n', "accept must be a list"),
        ("accept = [1]\n", "entry 1: expected a table"),
        ("no toml\n", "a baseline is TOML or JSON"),
        ("{no json", "not a JSON document"),
        ("{" + '"accept":[' * 100000, "not a JSON document"),
        ("\xff\xfe", "a baseline is TOML or JSON"),
    ],
)
def test_bad_baselines(text, says, replay, tmp_path):
    path = tmp_path / "accepted"
    path.write_bytes(text.encode("latin-1"))
    got = replay(LOST, "--baseline", path)
    assert (got.code, got.out) == (3, "")
    assert says in got.err
    assert len(got.err.splitlines()) == 1


def test_write_baseline(replay, tmp_path):
    path = tmp_path / "accepted.toml"
    got = replay(LOST, "--write-baseline", path, "--reason", 'DIMM 3 is "out" \\ gone')
    assert got.code == 1
    (entry,) = baseline.parse(path.read_bytes(), "x")
    assert (entry.code, entry.first, entry.last) == ("HP601", 0x200000, 0x200000)
    assert entry.reason == 'DIMM 3 is "out" \\ gone'
    assert replay(LOST, "--baseline", path).code == 0
    # A file that is there is only replaced where it is the one that was read.
    again = ("--write-baseline", path, "--reason", "more", "--fail-on", "note")
    assert replay(LOST, *again).code == 2
    assert replay(LOST, *again, "--baseline", path).code == 1
    assert [e.code for e in baseline.parse(path.read_bytes(), "x")] == ["HP601", "HP208"]
    assert replay(LOST, "--baseline", path, "--fail-on", "note").code == 0


# Usage


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["x", "--batch", "y"],
        ["x", "--jobs", "2"],
        ["--batch", "x", "--jobs", "0"],
        ["x", "--write-baseline", "y"],
        ["x", "--reason", "y"],
        ["x", "--write-baseline", "y", "--reason", " "],
        ["x", "--format", "yaml"],
        ["-", "--memmap", "-"],
        ["x", "--max-fraction", "2"],
        ["x", "--max-fraction", "nan"],
        ["x", "--max-scratch", "-NaN"],
        ["x", "--consumer-kho", "v5"],
    ],
)
def test_wrong_usage(args, cli):
    got = cli("validate", *args)
    assert (got.code, got.out) == (2, "")
    assert len(got.err.splitlines()) == 1


@pytest.mark.parametrize("what", ["--boot", "--map"])
def test_unknown_boot_or_map(what, replay):
    got = replay(LOST, what, "9")
    assert (got.code, got.out) == (2, "")


def test_unreadable_input(cli, tmp_path, subtests):
    for name, data in (("empty", b""), ("noise", bytes(range(1, 256)) * 9)):
        with subtests.test(name):
            (tmp_path / name).write_bytes(data)
            got = cli("validate", "--json", tmp_path / name)
            assert (got.code, got.out) == (3, "")
            assert len(got.err.splitlines()) == 1
    got = cli("validate", tmp_path / "nowhere")
    assert got.code == 3


def test_empty_list(cli, tmp_path):
    (tmp_path / "list").write_text("# nothing\n")
    got = cli("validate", "--json", tmp_path / "list")
    assert got.code == 0
    assert got.json["runs"] == []
    assert got.json["headline"] == "the list is empty"


def test_list_tells_that_its_page_size_was_taken(cli, tmp_path):
    (tmp_path / "list").write_text("0x10\n")
    got = cli("validate", "--json", tmp_path / "list")
    assert any("page size 4096, assumed" in line for line in got.json["rests_on"])
    got = cli("validate", "--json", tmp_path / "list", "--page-size", "64K")
    assert got.json["page_size"] == 65536
    assert not any("assumed" in line for line in got.json["rests_on"])


def test_limits(cli, tmp_path, subtests):
    args = provoking.listed(tmp_path, provoking.E820, "--json", pfns="0x5000-0x50ff 0x60000")
    for option, limit, code in (
        ("--max-pages", 257, 0), ("--max-pages", 256, 1), ("--max-pages", 0, 1),
        ("--max-fraction", 0.001, 0), ("--max-fraction", 0.0004, 1),
        ("--max-per-gib", 256, 0), ("--max-per-gib", 255, 1),
    ):  # fmt: skip
        with subtests.test(f"{option} {limit}"):
            got = cli("validate", *args, option, limit)
            assert got.code == code
            assert got.json["summary"]["errors"] == code
    (found,) = [f for f in got.json["findings"] if f["code"] == "HP703"]
    assert (found["first"], found["last"]) == (0x5000, 0x50FF)


def test_the_map_s_own_problems_are_findings(cli, tmp_path):
    """A map that was cut off must not judge in silence."""
    args = provoking.listed(tmp_path, provoking.E820 + "BIOS-e820: [mem 0x0000000090000000-0x00")
    got = cli("validate", *args, "--json")
    assert "HP507" in {f["code"] for f in got.json["findings"]}
    assert cli("validate", *args, "--fail-on", "warning").code == 1


def test_consumers(cli, tmp_path, subtests):
    m = Machine()
    m.handover(kho=3)
    path = m.save(tmp_path)
    for version, outcome in (
        ("v1", "absent"),
        ("v2", "absent"),
        ("v3", "replay"),
        ("v4", "refused"),
    ):
        with subtests.test(version):
            got = cli("validate", "--json", path, "--consumer-kho", version)
            assert got.json["outcome"] == outcome
            assert got.code == (outcome == "refused")


def test_role(cli, capture):
    path = capture("x86-structv1-small-post")
    out = cli("validate", "--json", path)
    assert out.json["summary"]["pfns"] == len(
        captures.truth("x86-structv1-small-post")["hwpoison_pfns"]
    )
    assert any("(out)" in line for line in out.json["rests_on"])
    into = cli("validate", "--json", path, "--role", "in")
    assert into.json["runs"] == []


# explain


def test_explain_one(cli):
    by_id, by_name = cli("explain", "hp301"), cli("explain", "count-beyond-array")
    assert by_id.out == by_name.out
    assert by_id.out.startswith("HP301 count-beyond-array: error\n")
    labels = ("found", "kernel", "advice", "case")
    assert [label for label in labels if f"\n  {label} " not in by_id.out] == []


def test_explain_all(cli):
    text = cli("explain").out
    assert all(f"  {c.id}  {c.name} " in text for c in registry().values())


@pytest.mark.parametrize("code", ["HP99", "HP999", "nonsense", "", "\x1b[2J"])
def test_explain_unknown(code, cli):
    got = cli("explain", code)
    assert (got.code, got.out) == (2, "")
    assert len(got.err.splitlines()) == 1
    assert "\x1b" not in got.err
    assert cli("explain", "--json", "--markdown").code == 2


def test_explain_json(cli, subtests):
    for args, count in ((["HP601"], 1), ([], len(registry()))):
        with subtests.test(str(args)):
            document = cli("explain", "--json", *args).json
            schemas.check(document, "explain")
            assert len(document["codes"]) == count
