"""hwpkho.toml, [tool.hwpkho], the environment, and what counts before what."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.base.escape import printable
from hwpkho.cli import settings
from hwpkho.cli.main import COMMANDS, load
from hwpkho.commands import config
from hwpkho.errors import UsageError
from tests.support import ROOT, captures, schemas
from tests.support.examples import times
from tests.support.program import run_cli


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a list of two pages, and no variables of ours."""
    for name in [n for n in os.environ if n.startswith(config.PREFIX)]:
        monkeypatch.delenv(name)
    top = tmp_path / "repo"
    (top / "sub" / "deep").mkdir(parents=True)
    (top / ".git").mkdir()
    for folder in (top, top / "sub", top / "sub" / "deep"):
        (folder / "list").write_text("0x1234\n0x1235\n")
    monkeypatch.chdir(top)
    return top


def codes(*args: object) -> set[str]:
    got = run_cli("validate", "list", "--json", *args)
    assert got.code in (0, 1)
    return {f["code"] for f in got.json["findings"]}


def effective(key: str, command: str = "validate") -> tuple[Any, str, str | None]:
    found = run_cli("config", "--json").json["settings"]
    (one,) = (s for s in found if (s["command"], s["key"]) == (command, key))
    return one["value"], one["from"], one["where"]


def test_what_counts_before_what(here, monkeypatch) -> None:
    limit = "HP700"
    assert limit not in codes()
    assert effective("max-pages") == (None, "default", None)
    (here / "hwpkho.toml").write_text("max-pages = 1\n")
    assert run_cli("validate", "list").code == 1
    assert effective("max-pages") == (1, "file", "hwpkho.toml")
    (here / "hwpkho.toml").write_text("[validate]\nmax-pages = 5\n")  # before what is at the top
    with (here / "hwpkho.toml").open() as file:
        text = file.read()
    (here / "hwpkho.toml").write_text(f"max_pages = 1\n{text}")
    assert run_cli("validate", "list").code == 0
    monkeypatch.setenv("HWPKHO_MAX_PAGES", "1")
    assert run_cli("validate", "list").code == 1
    assert effective("max-pages") == (1, "environment", "HWPKHO_MAX_PAGES")
    monkeypatch.setenv("HWPKHO_VALIDATE_MAX_PAGES", "2")
    assert run_cli("validate", "list").code == 0
    assert effective("max-pages") == (2, "environment", "HWPKHO_VALIDATE_MAX_PAGES")
    assert run_cli("validate", "list", "--max-pages", "1").code == 1


def test_the_nearest_file_counts_up_to_the_repository(here, monkeypatch) -> None:
    (here.parent / "hwpkho.toml").write_text("max-pages = 0\n")
    assert run_cli("validate", "list").code == 0  # above the repository
    (here / "pyproject.toml").write_text('[project]\nname = "x"\n[tool.hwpkho]\nmax-pages = 1\n')
    monkeypatch.chdir(here / "sub" / "deep")
    assert run_cli("validate", "list").code == 1
    assert effective("max-pages")[2] == f"{here}/pyproject.toml [tool.hwpkho]"
    (here / "sub" / "hwpkho.toml").write_text("max-pages = 7\n")
    assert effective("max-pages") == (7, "file", f"{here}/sub/hwpkho.toml")
    (here / "sub" / "pyproject.toml").write_text("[tool.other]\nx = 'hwpkho'\n")
    assert effective("max-pages")[0] == 7
    assert run_cli("--config", "none", "validate", "list").code == 0
    other = here / "other.toml"
    other.write_text("max-pages = 1\n")
    assert run_cli("--config", other, "validate", "list").code == 1
    monkeypatch.setenv("HWPKHO_CONFIG", str(other))
    assert run_cli("validate", "list").code == 1
    assert run_cli("--config", "none", "validate", "list").code == 0
    monkeypatch.setenv("HWPKHO_CONFIG", "none")
    assert run_cli("config").out.startswith("file  none: no hwpkho.toml here or above\n")


def test_files_are_named_from_the_folder_of_the_configuration(here, monkeypatch) -> None:
    shutil.copy(captures.folder("x86-structv1-small") / "iomem.txt", here / "io+mem")
    (here / "accepted.toml").write_text('[[accept]]\ncode = "HP611"\nreason = "known"\n')
    (here / "hwpkho.toml").write_text(
        '[validate]\nmemmap = "io+mem"\nbaseline = "accepted.toml"\nselect = ["HP6", "HP7"]\n'
    )
    monkeypatch.chdir(here / "sub")
    got = run_cli("validate", "list", "--json")
    assert got.json["summary"]["by_verdict"] == {"replays": 2}
    assert "memory by iomem" in run_cli("validate", "list").out
    assert effective("memmap")[0] == [f"{here}/io+mem"]
    assert effective("baseline")[0] == f"{here}/accepted.toml"
    odd = here / "sub" / "a\tb"  # which messages show otherwise
    (odd / "deep").mkdir(parents=True)
    shutil.copy(here / "io+mem", odd)
    (odd / "hwpkho.toml").write_text('[validate]\nmemmap = "io+mem"\n')
    monkeypatch.chdir(odd / "deep")
    shown = run_cli("validate", here / "list", "--json").json["summary"]
    assert shown["by_verdict"] == {"replays": 2}


WRONG = {
    "max-page = 1": "hwpkho.toml: max-page: no such setting; did you mean max-pages?",
    "zzz = 1": "hwpkho.toml: zzz: no such setting",
    "[validat]\nmax-pages = 1": "hwpkho.toml: [validat]: no such command; did you mean "
         "validate?",
    "[validate]\nfail = 'error'": "hwpkho.toml: validate.fail: no such setting of "
        "validate; did you mean fail-on?",
    "output = 'x'": "hwpkho.toml: output: no such setting",
    "validate = 1": "hwpkho.toml: validate: this is a table, [validate], not a setting",
    "max-pages = 'many'": "hwpkho.toml: max-pages: 'many' is not a valid whole number",
    "max-pages = -1": "hwpkho.toml: max-pages: -1 is not in the range x>=0",
    "max-pages = [1]": "hwpkho.toml: max-pages: takes one value, not a list",
    "max-pages = true": "hwpkho.toml: max-pages: takes text or a number",
    "page-size = 1000": "hwpkho.toml: page-size: 1000 is not a page size (4096, 16384, 65536)",
    "fail-on = 'fatal'": "hwpkho.toml: fail-on: 'fatal' is not one of 'error', 'warning', "
         "'note', 'never'",
    "[diff]\nfail-on = 'error'": "hwpkho.toml: diff.fail-on: 'error' is not one of 'removed', "
         "'added', 'any'",
    "[merge]\nkeep-all = 'yes'": "hwpkho.toml: merge.keep-all: takes true or false",
    "max-pages = ": "hwpkho.toml: not TOML: Invalid value (at ",
    "a" * 70000: "hwpkho.toml: not TOML: ",
    "x = " + "[" * 20000: "hwpkho.toml: not TOML: ",
    "\x1b[2J = 1": "hwpkho.toml: not TOML: ",
    '"\\u001b[2J" = 1': "hwpkho.toml: \\x1b[2J: no such setting",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_in_a_file(text, here, subtests) -> None:
    (here / "hwpkho.toml").write_text(text)
    for args in (["validate", "list"], ["config"]):
        with subtests.test(args[0]):
            got = run_cli(*args)
            assert (got.code, got.out) == (2, "")
            assert got.err.startswith(f"hwpkho: {WRONG[text]}")
            assert got.err.count("\n") == 1
    assert run_cli("validate", "--help").code == 0
    assert run_cli("explain", "HP301").code == 0
    assert run_cli("--config", "none", "validate", "list").code == 0


def test_a_file_that_cannot_be_read(here, monkeypatch) -> None:
    got = run_cli("--config", "nothing.toml", "validate", "list")
    assert got.err == "hwpkho: nothing.toml: No such file or directory\n"
    assert got.code == 2
    (here / "hwpkho.toml").write_bytes(b"# x\n" * 300_000)
    assert "more than 1048576 bytes, too long for a" in run_cli("validate", "list").err
    (here / "hwpkho.toml").write_bytes(b"\xff\xfe\0")
    assert "hwpkho.toml: not TOML: not UTF-8 at offset 0x0\n" in run_cli("validate", "list").err
    (here / "hwpkho.toml").unlink()
    (here / "sub" / "pyproject.toml").mkdir()  # what is no file is no configuration
    monkeypatch.chdir(here / "sub")
    assert run_cli("validate", "list").code == 0
    monkeypatch.chdir(here)
    (here / "pyproject.toml").write_text("[tool]\nhwpkho = 3\n")
    assert "[tool.hwpkho] is not a table" in run_cli("validate", "list").err


def test_a_project_of_that_name_has_no_settings(here) -> None:
    """Only a file that may have our table is parsed: what else is wrong in it is another's."""
    text = (
        '[project]\nname = "hwpkho"\n[project.scripts]\nhwpkho = "hwpkho"\n[tool.x]\nhwpkho = 1\n'
    )
    (here / "pyproject.toml").write_text(f"{text}damaged =\n")
    assert run_cli("validate", "list").code == 0


@pytest.mark.parametrize(
    "text",
    [
        "[tool.hwpkho]\nmax-pages = 1",
        "\ufeff[tool.hwpkho]\nmax-pages = 1",
        "[project]\r\nname = 'x'\r\n \t[ tool . 'hwpkho' ]\r\nmax-pages = 1\r\n",
        '["tool"."hwpkho".validate]\nmax-pages = 1',
        "[tool]\nhwpkho.max-pages = 1",
        "tool = {hwpkho = {max-pages = 1}}",
        "tool.hwpkho.max-pages = 1",
        "'tool' . \"hwpkho\".max-pages = 1",
    ],
)
def test_every_spelling_of_the_table_counts(text, here) -> None:
    (here / "pyproject.toml").write_bytes(text.encode())
    assert run_cli("validate", "list").code == 1


def test_what_is_wrong_in_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("HWPKHO_MAX_PAGES", "many")
    got = run_cli("validate", "list")
    assert got.code == 2
    assert got.err == "hwpkho: HWPKHO_MAX_PAGES=many: 'many' is not a valid whole number\n"
    monkeypatch.delenv("HWPKHO_MAX_PAGES")
    monkeypatch.setenv("HWPKHO_FAIL_ON", "added")  # for diff, which has another --fail-on
    assert run_cli("validate", "list").code == 0
    assert effective("fail-on", "diff")[1] == "environment"
    monkeypatch.setenv("HWPKHO_MAXPAGES", "1")
    got = run_cli("config")
    assert got.err == "hwpkho: HWPKHO_MAXPAGES: no such setting; did you mean HWPKHO_MAX_PAGES?\n"
    monkeypatch.setenv("HWPKHO_SELECT", "HP6, HP7,")
    assert effective("select")[0] == ["HP6", "HP7"]


def test_what_stands_before_the_command_counts_too(here, subtests) -> None:
    (here / "hwpkho.toml").write_text("color = 'always'\n")
    assert "\x1b[" in run_cli("validate", "list").out
    for args in (["--color", "never", "validate"], ["validate", "--color", "never"]):
        with subtests.test(" ".join(args)):
            assert "\x1b[" not in run_cli(*args, "list").out


def test_nothing_says_that_a_setting_has_no_effect(here) -> None:
    """That is for options of the command line: a file is for many calls."""
    (here / "hwpkho.toml").write_text("consumer-kho = 'v3'\nmax-scratch = 0.5\niomem-of = 'next'\n")
    assert run_cli("validate", "list").code == 0
    assert run_cli("validate", "list", "--consumer-kho", "v3").code == 2


@pytest.mark.parametrize(
    ("setting", "args"),
    [
        ("validate.jobs = 2", "validate list"),
        ("merge.keep-all = true", "merge list"),
        ("merge.replayable-only = true", "merge list"),
        ("memmap = 'iomem'", "diff list list list"),
        ("memmap.next-cmdline = 'mem=1G'", "memmap iomem --to e820"),
        ("max-pages = 3", "fleet ask data summary"),
        ("fleet.ask.max-pages = 3", "fleet ask data --sql 'select 1'"),
        # What is typed counts before what it excludes.
        ("merge.keep-all = true", "merge list --memmap iomem --replayable-only"),
        ("merge.replayable-only = true", "merge list --memmap iomem --keep-all"),
        ("merge.to = 'memmap'", "merge list --provenance"),
        ("merge.to = 'elf'", "merge list --json"),
        ("merge.to = 'elf'", "merge list --format html"),
        ("list.to = 'memmap'", "list list --pfns"),
        ("list.to = 'memmap'", "list list --dimms"),
        ("list.to = 'memmap'", "list list --format html"),
        ("memmap.to = 'e820'", "memmap iomem --json"),
        ("memmap.to = 'e820'", "memmap iomem --format html"),
        ("encode.to = 'memmap'", "encode list --at 1M -o out --no-scratch"),
        ("encode.to = 'blob'", "encode list --at 1M -o out --no-scratch --kexec-count 2"),
        ("encode.to = 'memmap'", "encode list --at 1M -o out --no-scratch --damage count-huge"),
        ("encode.to = 'memmap'", "encode list --memmap iomem -o out --no-scratch"),
        ("encode.to = 'efi-table'", "encode list --at 1M -o out --no-scratch"),
        ("encode.revision = 'struct-v1'", "encode list --at 1M -o out --no-scratch --kho v1"),
        ("encode.kho = 'v1'", "encode list --at 1M -o out --no-scratch --revision struct-v1"),
        ("encode.kho = 'v1'", "encode list --at 1M -o out --no-scratch --kexec-count 2"),
        ("list.to = 'efi-table'", "list list --json"),
        ("memmap.to = 'e820'", "memmap iomem --next-cmdline memmap=1M$16M"),
        ("encode.no-scratch = true", "encode list --at 1M -o out --scratch 2M:1M"),
        ("encode.scratch = ['2M:1M']", "encode list --at 1M -o out --no-scratch"),
    ],
)
def test_a_setting_for_other_calls_stops_none(here, setting, args) -> None:
    (here / "iomem").write_text("00000000-ffffffff : System RAM\n")
    name, equals, value = setting.partition(" = ")
    command, dot, key = name.rpartition(".")
    (here / "hwpkho.toml").write_text(f"[{command}]\n{key}{equals}{value}\n" if dot else setting)
    got = run_cli(*shlex.split(args))
    # There is no data set, which is another mistake than a setting.
    assert got.code == 3 if "fleet" in args else got.code in (0, 1), got.err


@pytest.mark.parametrize(
    ("setting", "args"),
    [
        ("merge.keep-all = true\nmerge.replayable-only = true", "merge list --memmap iomem"),
        ("encode.no-scratch = true\nencode.scratch = ['2M:1M']", "encode list --at 1M -o out"),
    ],
)
def test_settings_that_exclude_each_other_are_a_mistake(here, setting, args) -> None:
    (here / "iomem").write_text("00000000-ffffffff : System RAM\n")
    (here / "hwpkho.toml").write_text(setting)
    got = run_cli(*args.split())
    assert got.code == 2
    assert "exclude each other" in got.err


def test_the_document_and_the_schema_of_the_file(here, subtests) -> None:
    (here / "hwpkho.toml").write_text("max-pages = 3\n[list]\nkinds = ['poisoned']\n")
    document = run_cli("config", "--json").json
    schemas.check(document, "config")
    schema = json.loads(run_cli("config", "--schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    for text, good in (
        ("max-pages = 3\nfail-on = 'added'\n[validate]\nselect = ['HP6']", True),
        ("[fleet.add]\njobs = 2", True), ("max-page = 3", False), ("max-pages = -1", False),
        ("[validate]\nfail-on = 'added'", False),
        ("[fleet.ad]", False), ("[merge]\nkeep-all = 1", False),
    ):  # fmt: skip
        with subtests.test(repr(text)):
            valid = jsonschema.Draft202012Validator(schema).is_valid(tomllib.loads(text))
            assert valid is good
            (here / "hwpkho.toml").write_text(text)
            assert (run_cli("config").code == 0) is good


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("list.kinds = ['hard']", "list.kinds: 'hard' is not one of poisoned, "),
        ("list.kinds = ['poisoned', 'soft']", "list.kinds: 'soft' is not one of poisoned, "),
        ("validate.ignore = ['HP999']", "validate.ignore: no code 'HP999'"),
        ("validate.select = ['HP6,dup']", "validate.select: no code 'dup'"),
    ],
)
def test_a_word_that_is_none_is_told_of_by_its_setting(here, setting, said) -> None:
    (here / "hwpkho.toml").write_text(setting)
    got = run_cli("config")
    assert got.code == 2
    assert f"hwpkho.toml: {said}" in got.err


def test_the_file_that_the_page_shows(here) -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    (here / "hwpkho.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    got = run_cli("config", "--json")
    assert got.code == 0, got.err
    assert len([s for s in got.json["settings"] if s["from"] != "default"]) > 5


def test_the_text(here) -> None:
    assert run_cli("config").out == (
        "file  none: no hwpkho.toml here or above\n"
        "nothing is set: every option has its default (--all shows them)\n"
    )
    (here / "hwpkho.toml").write_text("[validate]\nmax-pages = 3\nignore = ['HP4']\n")
    assert run_cli("config").out == (
        "file  hwpkho.toml\n"
        "  validate.max-pages  3        hwpkho.toml\n"
        '  ignore              ["HP4"]  hwpkho.toml\n'
    )
    (here / "hwpkho.toml").write_text("max-pages = 3\ncolor = 'never'\n[diff]\ncolor = 'auto'\n")
    lines = run_cli("config").out.splitlines()
    assert ["max-pages", "3", "hwpkho.toml"] in [line.split() for line in lines]
    assert ["diff.color", '"auto"', "hwpkho.toml"] in [line.split() for line in lines]
    every = run_cli("config", "--all").out.splitlines()
    assert ["validate.fail-on", '"error"', "default"] in map(str.split, every)
    assert run_cli("config", "--all", "--json").code == 2


def test_every_setting_is_an_option_that_is_for_more_than_a_call(subtests) -> None:
    found = settings.all_offers(load, COMMANDS)
    assert len({(o.command, o.key) for o in found}) == len(found) > 80
    assert not {o.key for o in found} & {"output", "force", "batch", "json", "dtb-out", "outside"}
    assert [offer for offer in found if not offer.about] == []
    for schema in {json.dumps(offer.schema) for offer in found}:
        with subtests.test(schema):
            jsonschema.Draft202012Validator.check_schema(json.loads(schema))


_VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_KEYS = st.sampled_from(["max-pages", "fail_on", "validate", "fleet", "add", "memmap", "select"])


@times(0.5)
@given(st.dictionaries(_KEYS | st.text(max_size=9), _VALUES, max_size=4))
def test_whatever_stands_in_a_file_is_taken_or_one_line(values) -> None:
    offers = settings.all_offers(load, COMMANDS)
    said = ""
    try:
        assert len(config.settings(offers, config.File("x", Path(), values), {})) == len(offers)
    except UsageError as error:
        said = str(error)
    assert printable(said) == said
