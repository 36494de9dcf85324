"""validate's formats: each against the specification of those who read it."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from hwpkho.base import renaming
from hwpkho.codes import registry
from hwpkho.report.validate.markdown import code_span, escaped
from tests.support import FIXTURES, certain, ktap, replays, schemas
from tests.support.examples import much
from tests.support.handovers import Machine
from tests.support.reporting import OF_MANY

SARIF = json.loads((FIXTURES / "sarif" / "sarif-2.1.0-rtm.5.json").read_text())
NAMES = (
    "arm64-4k-B-good",
    "arm64-4k-B-c-count-big-past-array",
    "arm64-4k-B-a-outside-ram-above",
    "arm64-4k-B-h-kernel-text",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Cases that replay, that do not, that warn, and one that cannot be read."""
    base = tmp_path_factory.mktemp("cases")
    for name in NAMES:
        replays.unpack(name, base)
    broken = base / "unreadable #1 \x1b[31m"
    broken.mkdir()
    (broken / "memory.elf").write_bytes(b"\x7fELF and no more")
    return base


@pytest.fixture(scope="module")
def batch(folder, cli):
    """Return a function that gives the output of the batch in a format."""

    def run(name, *options):
        return cli("validate", "--batch", folder, "--format", name, "--iomem-of", "next",
                   "--arch", "arm64", "--jobs", 1, *options)  # fmt: skip

    return run


@pytest.fixture(scope="module")
def single(folder, cli):
    """Return a function that gives the output of one case in a format."""

    def run(name, case="arm64-4k-B-a-outside-ram-above", *options):
        return cli("validate", *replays.arguments(case), folder / case / "memory", "--memmap",
                   folder / case / "iomem.txt", "--format", name, *options)  # fmt: skip

    return run


@pytest.mark.parametrize("name", OF_MANY)
def test_same_input_same_bytes(name, batch, single):
    first = batch(name).out
    assert batch(name).out == first
    assert single(name).out == single(name).out
    assert "\x1b" not in first


@pytest.mark.parametrize("name", OF_MANY)
def test_exit_codes(name, batch, single):
    got = batch(name)
    assert got.code == 3
    assert got.err == "hwpkho: 1 of 5 cases could not be judged\n"
    assert single(name).code == 1
    assert single(name, "arm64-4k-B-good").code == 0
    assert single(name, "arm64-4k-B-h-kernel-text").code == 0
    assert single(name, "arm64-4k-B-h-kernel-text", "--fail-on", "warning").code == 1
    assert single(name, "arm64-4k-B-c-count-big-past-array", "--fail-on", "never").code == 0


# JSON


def test_json_is_as_its_schema_says(batch, single, subtests):
    for name, document in (
        ("validate", single("json").json),
        ("validate-batch", batch("json").json),
    ):
        with subtests.test(name):
            schemas.check(document, name)


def test_json_batch(batch):
    document = batch("json").json
    results = document["results"]
    assert [r["exit"] for r in results] == [1, 1, 0, 0, 3]
    assert [r["case"] for r in results][:4] == sorted(NAMES)
    assert results[-1]["result"] is None
    assert "\\x1b" in results[-1]["case"]
    assert all(r["error"] is None for r in results[:-1])
    summary = document["summary"]
    assert summary["cases"] == 5
    assert (summary["ok"], summary["with_findings"], summary["not_judged"]) == (2, 2, 1)
    assert summary["by_outcome"] == {"crash": 1, "replay": 3}
    assert summary["exit"] == 3


def test_json_flag_is_the_format(folder, cli):
    args = ("validate", folder / "arm64-4k-B-good" / "memory", "--root-fdt", "0x60000000")
    assert cli(*args, "--json").out == cli(*args, "--format", "json").out
    got = cli(*args, "--json", "--format", "ktap")
    assert (got.code, got.out) == (2, "")
    assert len(got.err.splitlines()) == 1


# KTAP


def test_ktap_of_a_batch(batch, subtests):
    tests = ktap.parse(batch("ktap").out)
    assert [t.name for t in tests][:4] == sorted(NAMES)
    assert [t.ok for t in tests] == [False, False, True, True, False]
    assert tests[-1].directive == "ERROR"
    assert tests[-1].name == "unreadable__1_\\x1b[31m"
    assert not tests[-1].subtests
    names = [f"{c.id}-{c.name}" for c in registry().values()]
    for test in tests[:-1]:
        with subtests.test(test.name):
            assert [s.name for s in test.subtests] == names


def test_ktap_says_what_failed(single):
    (test,) = ktap.parse(single("ktap").out)
    assert [s.name for s in test.subtests if not s.ok] == ["HP601-not-ram"]
    (failed,) = [s for s in test.subtests if not s.ok]
    assert failed.log[0].startswith("HP601: error: 1 PFN is in no range of the memory map")
    assert test.log == [f"{test.name}: 1 of 5 pages will be forgotten"]


def test_ktap_skips_what_was_not_looked_for(folder, cli):
    case = "arm64-4k-B-good"
    args = [a for a in replays.arguments(case) if a not in ("--iomem-of", "next")]
    got = cli("validate", *args, folder / case / "memory", "--format", "ktap")
    (test,) = ktap.parse(got.out)
    skipped = {s.name[:5]: s.data for s in test.subtests if s.directive == "SKIP"}
    assert skipped["HP601"] == "no memory map was given"
    assert "HP301" not in skipped
    assert test.ok


def test_ktap_of_accepted_findings(folder, single, tmp_path):
    (tmp_path / "accepted.toml").write_text(
        '[[accept]]\ncode = "HP601"\nreason = "the DIMM # 3 is out"\n'
    )
    got = single("ktap", "arm64-4k-B-a-outside-ram-above", "--baseline", tmp_path / "accepted.toml")
    (test,) = ktap.parse(got.out)
    assert test.ok
    (accepted,) = [s for s in test.subtests if s.name == "HP601-not-ram"]
    assert (accepted.directive, accepted.data) == ("SKIP", "accepted: the DIMM # 3 is out")


# JUnit


def _suites(text):
    return ET.fromstring(text)


def test_junit_counts_what_it_holds(batch, subtests):
    root = _suites(batch("junit").out)
    assert root.tag == "testsuites"
    assert len(root) == 5
    held = {"tests": "", "failures": "/failure", "errors": "/error", "skipped": "/skipped"}
    for suite in root:
        with subtests.test(suite.get("name")):
            counts = {x: int(suite.get(x)) for x in held}
            assert counts == {x: len(suite.findall(f"testcase{path}")) for x, path in held.items()}
    counts = {x: int(root.get(x)) for x in held}
    assert counts == {x: sum(int(suite.get(x)) for suite in root) for x in held}
    assert [s.get("name") for s in root][:4] == sorted(NAMES)
    (error,) = root.findall("testsuite/testcase/error")
    assert error.get("type") == "exit 3"


def test_junit_says_what_failed(single):
    root = _suites(single("junit").out)
    (case,) = [c for c in root.iter("testcase") if c.find("failure") is not None]
    assert case.get("name") == "HP601-not-ram"
    failure = case.find("failure")
    assert failure.get("type") == "not-ram"
    assert failure.get("message").startswith("error: 1 PFN is in no range of")
    assert "advice: " in failure.text
    assert root.find("testsuite/system-out").text == "1 of 5 pages will be forgotten"


# SARIF


def test_sarif_is_as_its_published_schema_says(batch, single, subtests):
    Draft4Validator.check_schema(SARIF)
    for what, run in (("batch", batch), ("single", single)):
        with subtests.test(what):
            Draft4Validator(SARIF).validate(run("sarif").json)


def test_sarif_results_point_at_rules_and_files(batch, folder, subtests):
    (run,) = batch("sarif").json["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [r["id"] for r in rules] == list(registry())
    assert run["results"]
    for result in run["results"]:
        with subtests.test(f"{result['ruleId']} {result['locations']}"):
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            (location,) = result["locations"]
            where = location["physicalLocation"]["artifactLocation"]
            listed = run["artifacts"][where["index"]]["location"]
            assert listed["uri"] == where["uri"]
            assert where["uri"].startswith(f"file://{folder.as_posix()}/")
    keys = [r["partialFingerprints"]["primaryLocationLineHash"] for r in run["results"]]
    assert len(set(keys)) == len(keys)
    (invocation,) = run["invocations"]
    assert invocation["exitCode"] == 3
    assert not invocation["executionSuccessful"]
    assert len(invocation["toolExecutionNotifications"]) == 1


def test_sarif_places(single):
    (run,) = single("sarif").json["runs"]
    (lost,) = [r for r in run["results"] if r["ruleId"] == "HP601"]
    assert lost["level"] == "error"
    assert lost["properties"]["first"] == lost["properties"]["last"] == 0x200000
    assert lost["locations"][0]["logicalLocations"][0]["name"] == "0x200000"
    (odd,) = [r for r in run["results"] if r["ruleId"] == "HP208"]
    address = odd["locations"][0]["physicalLocation"]["address"]
    assert address["absoluteAddress"] == odd["properties"]["phys"] == 0x60000000


def test_sarif_of_accepted_findings(single, tmp_path):
    (tmp_path / "accepted.toml").write_text('[[accept]]\ncode = "HP601"\nreason = "known"\n')
    got = single(
        "sarif", "arm64-4k-B-a-outside-ram-above", "--baseline", tmp_path / "accepted.toml"
    )
    Draft4Validator(SARIF).validate(got.json)
    (lost,) = [r for r in got.json["runs"][0]["results"] if r["ruleId"] == "HP601"]
    assert lost["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "known"}
    ]


def test_sarif_relative_paths_stay_relative(tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad pages: 1.txt").write_text("0x5000\n")
    got = cli("validate", "bad pages: 1.txt", "--format", "sarif")
    where = got.json["runs"][0]["artifacts"][0]["location"]
    assert where == {"uri": "bad%20pages%3A%201.txt"}


# Text from a broken machine


HOSTILE = "]]>&<\"'{0}[x](1)\x1b[2J\u202e #"


@pytest.fixture
def hostile(tmp_path):
    """A handover whose subtree's name does its worst, in a folder and a map of such a name."""
    case = tmp_path / "cases" / HOSTILE.replace("/", "")
    case.mkdir(parents=True)
    m = Machine()
    h = m.handover(subtrees=[("evil%s--> KTAP version 1", b"data")])
    del m.memory[certain(h.subtrees[1].phys)]
    m.save(case)
    return case.parent


@pytest.mark.parametrize("name", OF_MANY)
def test_hostile_names(name, hostile, cli):
    got = cli("validate", "--batch", hostile, "--format", name)
    assert got.code in (0, 1), got.err
    assert "\x1b" not in got.out + got.err
    assert "\u202e" not in got.out + got.err
    if name == "ktap":
        assert len(ktap.parse(got.out)) == 1
    elif name == "junit":
        _suites(got.out)
    elif name == "sarif":
        Draft4Validator(SARIF).validate(got.json)
        messages = [r["message"]["text"] for r in got.json["runs"][0]["results"]]
        assert all("{{0}}" in m and "](" not in m for m in messages)
    elif name == "json":
        assert got.json["results"][0]["case"].endswith("\\x1b[2J\\u202e #")


@pytest.mark.parametrize("name", OF_MANY)
def test_a_lone_surrogate_costs_its_case_alone(name, tmp_path, cli):
    (tmp_path / "l1").write_text("0x10\n")
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(
        r"""{"case":"a","inputs":["\ud800"]}
{"case":"b","inputs":["l1"]}
{"case":"\udfff","inputs":["l1"]}
{"case":"d","inputs":["l1"],"memmap":["\udcff"]}
{"case":"e","inputs":["l1"],"options":{"boot":"\ud900"}}
"""
    )
    got = cli("validate", "--batch", manifest, "--jobs", 1, "--format", name)
    assert got.code == 3
    assert got.err == "hwpkho: 4 of 5 cases could not be judged\n"
    if name == "json":
        exits = [(r["case"], r["exit"]) for r in got.json["results"]]
        assert exits == [("a", 3), ("b", 0), ("\\udfff", 3), ("d", 3), ("e", 3)]
    elif name == "sarif":
        Draft4Validator(SARIF).validate(got.json)
        assert [c["case"] for c in got.json["runs"][0]["properties"]["cases"]] == ["b"]
    elif name == "junit":
        assert [s.get("errors") for s in _suites(got.out)] == ["1", "0", "1", "1", "1"]
    elif name == "ktap":
        assert [t.ok for t in ktap.parse(got.out)] == [False, True, False, False, False]


@pytest.mark.parametrize("name", OF_MANY)
def test_names_that_are_no_text(name, tmp_path, cli):
    """File names are bytes."""
    case = tmp_path / "cases" / "a\udcff"
    case.mkdir(parents=True)
    (case / "l\udcfe").write_text("0x10\n")
    (case / "memory\udcfd.elf").write_bytes(b"\x7fELF")
    assert cli("validate", "--batch", case.parent, "--jobs", 1, "--format", name).code == 3
    (case / "memory\udcfd.elf").unlink()
    got = cli("validate", "--batch", case.parent, "--jobs", 1, "--format", name)
    assert got.code == 0
    if name == "sarif":
        (where,) = got.json["runs"][0]["artifacts"]
        assert where["location"]["uri"].endswith("cases/a%FF/l%FE")
    elif name == "junit":
        assert len(_suites(got.out)) == 1


def test_a_name_is_no_ktap_directive(tmp_path, cli):
    """A reader of the kernel takes the last ``# SKIP`` of a line for one."""
    case = tmp_path / "cases" / "a"
    case.mkdir(parents=True)
    (case / "x # SKIP y").write_bytes(b"\x7fELF")
    got = cli("validate", "--batch", case.parent, "--jobs", 1, "--format", "ktap")
    assert got.code == 3
    (test,) = ktap.parse(got.out)
    assert (test.ok, test.directive) == (False, "ERROR")
    assert " # SKIP" not in got.out


def test_a_name_ends_no_comment_of_junit(tmp_path, cli):
    (tmp_path / "l").write_text("0x10\n")
    (tmp_path / "m.jsonl").write_text('{"case": "a---><b/>--", "inputs": ["l"]}\n')
    (tmp_path / "accepted.toml").write_text(
        '[[accept]]\ncode = "HP301"\nreason = "x"\ncase = "a---><b/>--"\n'
    )
    got = cli(
        "validate", "--batch", tmp_path / "m.jsonl", "--jobs", 1, "--format", "junit",
        "--baseline", tmp_path / "accepted.toml",
    )  # fmt: skip
    assert got.code == 0
    assert len(_suites(got.out)) == 1
    assert "HP705" in got.out


def test_junit_is_utf8_by_its_first_line_and_ascii_by_its_bytes(tmp_path, cli):
    case = tmp_path / "cases" / "d\u00e9j\u00e0\u4e2d"
    case.mkdir(parents=True)
    (case / "l").write_text("0x10\n")
    got = cli("validate", "--batch", case.parent, "--jobs", 1, "--format", "junit")
    assert got.out.isascii()
    assert _suites(got.out)[0].get("name") == case.name


# Tables, lines and annotations


def test_jsonl_has_the_results_of_the_document(batch, single):
    lines = [json.loads(line) for line in batch("jsonl").out.splitlines()]
    assert lines == batch("json").json["results"]
    (line,) = single("jsonl").out.splitlines()
    assert json.loads(line)["result"] == single("json").json


def test_csv_has_every_finding(batch, single):
    rows = list(csv.DictReader(io.StringIO(batch("csv").out)))
    want = [
        (r["case"], f["code"])
        for r in batch("json").json["results"]
        for f in (r["result"]["findings"] if r["result"] else [{"code": "HP707"}])
    ]
    assert [(r["case"], r["code"]) for r in rows] == want
    (lost,) = [r for r in csv.DictReader(io.StringIO(single("csv").out)) if r["code"] == "HP601"]
    assert (lost["first"], lost["state"], lost["exit"], lost["outcome"]) == (
        "0x200000", "findings", "1", "replay"
    )  # fmt: skip
    none = list(csv.DictReader(io.StringIO(single("csv", "arm64-4k-B-good", "--ignore", "HP").out)))
    assert [(r["state"], r["code"]) for r in none] == [("fine", "")]


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", 'a"b,c'])
def test_csv_is_no_formula(name, tmp_path, cli):
    (tmp_path / "l").write_text("0x10\n")
    (tmp_path / "m.jsonl").write_text(json.dumps({"case": name, "inputs": ["l"]}) + "\n")
    got = cli("validate", "--batch", tmp_path / "m.jsonl", "--jobs", 1, "--format", "csv")
    cells = [row[0] for row in csv.reader(io.StringIO(got.out))]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    assert name in got.out.replace('""', '"')


def test_markdown_has_what_fails_first(batch, single):
    text = batch("markdown").out
    assert text.startswith("## hwpkho validate\n\n5 cases: 2 with findings, 1 not judged, 2 ok\n")
    rows = [x.split(" | ") for x in text.splitlines() if x.startswith("| `")]
    assert [row[1] for row in rows] == ["FAIL", "FAIL", "not judged"]
    assert "HP601 not\\-ram" in text
    assert "arm64-4k-B-good`" not in text
    assert "arm64-4k-B-good`" in batch("markdown", "--all").out
    assert "| ok | 1 of 5 pages will stay in use<br>**warning** HP603" in single(
        "markdown", "arm64-4k-B-h-kernel-text"
    ).out  # fmt: skip


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
@example(" ")
@example("`` | @me [x](http://y) <script> #1 ![i](j) www.x.y")
def test_markdown_of_a_name_is_the_name(text):
    """One line of a table, whatever it has; nobody is mentioned, nothing is linked."""
    shown = escaped(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[|<](?!!-- -->)", shown)
    assert not re.search(r"@(?!<!-- -->)|https?://|www\.\w", shown)
    code = code_span(text)
    inner = re.fullmatch(r"(`+)(?!`)(.*?)(?<!`)\1", code, re.DOTALL)
    assert inner, code
    assert not re.search(r"(?<!\\)\|", code)


def test_github_annotates_the_worst_first(batch):
    lines = batch("github").out.splitlines()
    commands = [line.split(" ")[0] for line in lines]
    assert commands == sorted(commands, key=["::error", "::warning", "::notice"].index)
    (lost,) = [line for line in lines if "title=HP601 not-ram::" in line]
    assert lost.startswith("::error file=")
    assert lost.endswith("the next kernel forgets it: 0x200000")
    assert lines[-1] == (
        "::notice title=hwpkho validate::5 cases: 2 with findings, 1 not judged, 2 ok"
    )


def test_github_bounds_what_it_annotates(tmp_path, cli):
    lines = [json.dumps({"case": f"c{i}", "inputs": [f"none{i}"]}) for i in range(40)]
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    got = cli("validate", "--batch", tmp_path / "m.jsonl", "--jobs", 1, "--format", "github")
    assert len(got.out.splitlines()) == 11
    assert got.out.endswith("40 cases: 40 not judged; not all shown of 40 errors\n")


def test_github_takes_no_command_from_a_name(tmp_path, cli):
    (tmp_path / "l").write_text("0x10\n")
    name = "x\n::error::y, a=b%0A::add-mask::z"
    (tmp_path / "m.jsonl").write_text(json.dumps({"case": name, "inputs": ["none,a:b"]}) + "\n")
    got = cli("validate", "--batch", tmp_path / "m.jsonl", "--jobs", 1, "--format", "github")
    assert [line.split(" ")[0] for line in got.out.splitlines()] == ["::error", "::notice"]
    assert "none%2Ca%3Ab" in got.out
    assert "%250A::add-mask" in got.out


def test_github_s_summary_is_added_to(single, batch, tmp_path, monkeypatch):
    summary = tmp_path / "summary"
    summary.write_text("# mine\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    batch("github")
    single("ktap")  # any other report leaves it alone
    assert summary.read_text() == f"# mine\n{batch('markdown').out}"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "folder"))
    got = batch("github")
    assert (got.code, len(got.err.splitlines())) == (3, 1)


def test_github_s_summary_names_no_files_that_are_not_there(tmp_path, cli, monkeypatch):
    """It is added to when the other reports have their places, or not at all."""
    summary, junit = tmp_path / "summary", tmp_path / "junit.xml"
    summary.write_text("# mine\n")
    (tmp_path / "l").write_text("0x10\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    call = ("validate", tmp_path / "l", "--format", "github", "--format", f"junit={junit}")
    seen = []

    def put(part, target, *, force):
        seen.append(summary.read_text())
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(renaming, "put", put)
        got = cli(*call)
    assert (got.code, got.err.count("\n")) == (3, 1)
    assert (seen, summary.read_text(), junit.exists()) == (["# mine\n"], "# mine\n", False)
    assert cli(*call).code == 0
    assert junit.exists()
    assert summary.read_text().startswith("# mine\n#")


# JUnit: the checks that apply


def test_junit_has_the_checks_that_apply(tmp_path, cli, single):
    (tmp_path / "list").write_text("0x10\n")

    def names(*args):
        root = _suites(cli("validate", *args, "--format", "junit").out)
        return [c.get("name") for c in root.iter("testcase")]

    assert names(tmp_path / "list") == ["judged", "HP600-no-memmap"]
    (tmp_path / "iomem").write_text("00000000-00ffffff : System RAM\n")
    mapped = names(tmp_path / "list", "--memmap", tmp_path / "iomem")
    assert {"HP601-not-ram", "HP602-handover-poisoned"} < set(mapped)
    assert not any(name.startswith(("HP2", "HP3", "HP8", "HP9")) for name in mapped)
    warned = names(tmp_path / "list", "--memmap", tmp_path / "iomem", "--fail-on", "warning")
    assert "HP604-in-scratch" in {*warned} - {*mapped}
    of_handover = [c.get("name") for c in _suites(single("junit").out).iter("testcase")]
    assert "HP301-count-beyond-array" in of_handover
    assert len(of_handover) < 60
    skipped = _suites(cli("validate", tmp_path / "list", "--format", "junit").out)
    assert [x.get("message") for x in skipped.iter("skipped")] == [
        "no memory map says what becomes of the pages"
    ]


# Several reports in one run


def test_several_reports_are_those_of_several_runs(batch, single, tmp_path, subtests):
    names = [name for name in OF_MANY if name not in ("text", "html")]  # that tells the command
    for what, run in (("batch", batch), ("single", single))[: much(1, 2)]:
        files = {name: tmp_path / f"{what}-{name}" for name in names}
        options = [x for name, file in files.items() for x in ("--format", f"{name}={file}")]
        with subtests.test(what):
            inputs = [] if run is batch else ["arm64-4k-B-a-outside-ram-above"]
            assert run("text", *inputs, *options).out == run("text").out
        for name, file in files.items():
            with subtests.test(f"{what} {name}"):
                assert file.read_text() == run(name).out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--format", "json", "--format", "ktap"], "one --format and another --format exclude"),
        (["--json", "--format", "ktap"], "--json and another --format exclude each other"),
        (["--format", "json=a", "--format", "ktap=a"], "a: two outputs would lie there"),
        (["--format", "json=a", "-o", "./a"], "a: two outputs would lie there"),
        (["--format", "json=a/b", "-o", "a"], "a/b: two outputs would lie in one another"),
        (["--format", "json=-"], "only one report can go to standard output"),
        (["--format", "json="], "'json=' names no file"),
        (["--format", "jsn=a"], "'jsn' is not one of"),
        (["--format", "json=l"], "l: is an input; give another output"),
        (["--format", "json=there"], "there: exists; give --force to overwrite it"),
        (["-f"], "--force is for -o FILE"),
    ],
)
def test_reports_that_cannot_be(options, says, tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "l").write_text("0x10\n")
    (tmp_path / "there").write_text("mine\n")
    got = cli("validate", "l", *options)
    assert (got.code, got.out, len(got.err.splitlines())) == (2, "", 1)
    assert says in got.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["l", "there"]
    assert cli("validate", "l", "--format", "json=there", "-f").code == 0
    assert json.loads((tmp_path / "there").read_text())["schema"] == "hwpkho.validate/1"


def test_what_is_typed_counts_before_a_configuration(tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "l").write_text("0x10\n")
    (tmp_path / "hwpkho.toml").write_text('[validate]\nformat = ["csv", "junit=j.xml"]\n')
    assert cli("validate", "l").out.startswith("case,state,")
    assert (tmp_path / "j.xml").exists()
    (tmp_path / "j.xml").unlink()
    assert cli("validate", "l", "--json").json["state"] == "no-map"
    assert (tmp_path / "j.xml").exists()
    assert cli("validate", "l", "--format", "ktap").out.startswith("KTAP")
