"""The documented CI jobs, run as far as they run without the service."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import textwrap
import tomllib
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from release.locked import normal
from tests.support import FIXTURES, ROOT, certain, forked, ktap, replays, stage
from tests.support.examples import some

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKFLOWS = ROOT / ".github" / "workflows"
REUSABLE = (WORKFLOWS / "validate-handovers.yml").read_text()
OWN = (WORKFLOWS / "ci.yml").read_text()
ACTION = (ROOT / "action.yml").read_text()
SCRIPT = (ROOT / "ci" / "validate-handovers.sh").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()


def _part(text: str, name: str) -> str:
    """Return the lines of a script between ``# begin: NAME`` and ``# end: NAME``."""
    block = re.search(
        rf"^ *# begin: {name}\n(.*?)^ *# end: {name}$", text, re.DOTALL | re.MULTILINE
    )
    return textwrap.dedent(certain(block)[1])


@pytest.fixture
def job(tmp_path):
    """Return a function that runs a script as a CI service would."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    forked.program(bin_)

    def run(script, cases="captures", **variables):
        env = {
            **{name: value for name, value in os.environ.items() if "GITHUB" not in name},
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "CAPTURES": str(cases),
            "REPORTS": str(tmp_path / "reports"),
            **{name: str(value) for name, value in variables.items()},
        }
        # GitHub runs steps with bash -e.
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )

    return run


# The script


JUDGED = "--iomem-of next --arch arm64 --jobs 1"


@pytest.fixture
def cases(tmp_path):
    folder = tmp_path / "captures"
    for name in ("arm64-4k-B-good", "arm64-4k-B-a-outside-ram-above"):
        replays.unpack(name, folder)
    return folder


def test_the_workflow_does_what_the_script_does():
    assert _part(REUSABLE, "judge") == _part(SCRIPT, "judge")


def test_a_job_with_findings_fails(job, cases, tmp_path):
    reports = tmp_path / "reports"
    got = job(SCRIPT, cases, OPTIONS=JUDGED)
    assert got.returncode == 1
    assert "2 cases: 1 with findings, 1 ok (--all lists them)" in got.stdout
    assert got.stderr == ""
    assert {p.name for p in reports.iterdir()} == {
        "hwpkho.sarif", "junit.xml", "hwpkho.ktap", "hwpkho.json", "report.txt",
    }  # fmt: skip
    assert ET.parse(reports / "junit.xml").getroot().get("failures") == "1"
    sarif = json.loads((reports / "hwpkho.sarif").read_text())
    assert "HP601" in {r["ruleId"] for r in sarif["runs"][0]["results"]}
    assert len(ktap.parse((reports / "hwpkho.ktap").read_text())) == 2


def test_a_job_with_accepted_findings_passes(job, cases, tmp_path):
    accepted = tmp_path / "accepted.toml"
    accepted.write_text('[[accept]]\ncode = "HP601"\nreason = "known"\n')
    assert job(SCRIPT, cases, OPTIONS=JUDGED, BASELINE=accepted).returncode == 0


def test_a_job_that_cannot_judge_all_says_so(job, cases, tmp_path):
    (cases / "arm64-4k-B-good" / "iomem.txt").write_bytes(b"")
    got = job(SCRIPT, cases, OPTIONS=JUDGED)
    assert got.returncode == 3
    assert "1 of 2 cases could not be judged" in got.stderr
    document = json.loads((tmp_path / "reports" / "hwpkho.json").read_text())
    assert document["summary"]["not_judged"] == 1


def test_a_job_with_a_wrong_option_says_so_once(job, cases):
    got = job(SCRIPT, cases, OPTIONS="--no-such-option")
    assert got.returncode == 2
    assert got.stderr.count("--no-such-option") == 1


def test_a_job_without_the_program_cannot_judge(job, cases):
    got = job(SCRIPT, cases, HWPKHO="no-such-program")
    assert got.returncode == 3
    assert "there is no no-such-program" in got.stderr


def test_folders_are_arguments_too(job, tmp_path):
    _bad_case(tmp_path)
    shutil.copyfile(ROOT / "ci" / "validate-handovers.sh", tmp_path / "judge.sh")
    got = job("bash judge.sh captures 'my reports'", "no-such-folder")
    assert got.returncode == 1
    assert (tmp_path / "my reports" / "junit.xml").is_file()


# GitHub


def _steps(text: str) -> Iterator[dict[str, Any]]:
    document = yaml.safe_load(text)
    for job in document.get("jobs", document).values():
        if isinstance(job, dict):
            yield from job.get("steps", [])


@pytest.mark.parametrize("text", [REUSABLE, OWN, ACTION], ids=["reusable", "ci", "action"])
def test_scripts_take_inputs_only_through_the_environment(text):
    """An input that is pasted into a script could run commands."""
    scripts = [step["run"] for step in _steps(text) if "run" in step]
    assert len(scripts) >= 2
    assert not any("${{" in script for script in scripts)


def test_workflow_inputs_are_used_and_documented():
    inputs = re.findall(r"^      ([a-z-]+):$", REUSABLE.partition("jobs:")[0], re.MULTILINE)
    assert len(inputs) == 8
    assert [name for name in inputs if f"inputs.{name}" not in REUSABLE] == []


def test_actions_of_others_are_pinned_by_commit():
    """A tag can be moved to other code."""
    used = [step["uses"] for step in _steps(REUSABLE) if "uses" in step]
    assert len(used) == 5
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)


def test_nobody_elses_action_judges_a_change_of_ours():
    assert [step["uses"] for step in _steps(OWN) if "uses" in step] == ["./"]
    assert not [step for step in _steps(ACTION) if "uses" in step]


def test_what_the_workflow_makes_is_what_the_machine_makes():
    """.ci/run and ci.yml hold the same; both name targets that there are."""
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))

    def made(text: str) -> set[str]:
        lines = re.findall(r"\bmake ((?:[a-z-]+ ?)+)", text)
        return {word for line in lines for word in line.split() if word in targets}

    of_workflow = made("\n".join(step["run"] for step in _steps(OWN) if "run" in step))
    of_machine = made("\n".join(re.findall(r"step .*", (ROOT / ".ci" / "run").read_text())))
    parts = {
        "docs-venv",
        "ci-venv",
        "test-thorough",
        "cov-report",
        "release-venv",
        "browser-venv",
        "spark-venv",
    }  # of others
    assert of_machine - parts == of_workflow - {"demo", "cov"}


def test_the_workflow_checks_out_its_commit(job, tmp_path):
    origin = tmp_path / "origin"
    commit = job(
        f"git init -q {origin} && cd {origin} && echo one >file && git add file && "
        "git -c user.name=n -c user.email=e@x commit -q -m one && git rev-parse HEAD"
    ).stdout.strip()
    there = tmp_path / "there"
    there.mkdir()
    script = f"cd {there}\n{yaml.safe_load(OWN)['env']['CHECKOUT']}"
    got = job(script, REPOSITORY=f"file://{origin}", COMMIT=commit, TOKEN="secret")
    assert (got.returncode, got.stderr) == (0, "")
    assert (there / "file").read_text() == "one\n"
    assert b"secret" not in b"".join(p.read_bytes() for p in there.rglob("*") if p.is_file())


@pytest.mark.parametrize(("version", "found"), [("3.11", "3.11.10"), ("3.1", None)])
def test_the_workflow_finds_python(job, tmp_path, version, found):
    for there in ("3.11.9", "3.11.10", "3.12.1"):
        (tmp_path / "tools" / "Python" / there / "x64" / "bin").mkdir(parents=True)
        (tmp_path / "tools" / "Python" / there / "x64" / "bin" / "python3").touch()
    env = tmp_path / "env"
    got = job(
        f"{ROOT}/.github/find-python {version}",
        RUNNER_TOOL_CACHE=tmp_path / "tools",
        GITHUB_ENV=env,
    )
    if found:
        path = tmp_path / "tools" / "Python" / found / "x64" / "bin" / "python3"
        assert env.read_text() == f"PYTHON={path}\n"
    else:
        assert got.returncode == 1
        assert "::error::this runner has no Python 3.1 " in got.stdout


@pytest.mark.parametrize(
    ("options", "code"), some([(JUDGED, 1), (f"{JUDGED} --fail-on never", 0), ("--wrong", 2)], 2)
)
def test_the_action_judges(job, cases, tmp_path, options, code):
    program = tmp_path / "runner" / "hwpkho" / "bin"
    program.mkdir(parents=True)
    forked.program(program)
    got = job(
        _part(ACTION, "judge"),
        cases,
        OPTIONS=options,
        RUNNER_TEMP=tmp_path / "runner",
        HERE=ROOT,
        GITHUB_OUTPUT=tmp_path / "output",
        GITHUB_STEP_SUMMARY=tmp_path / "summary",
        GITHUB_ACTIONS="true",
    )
    assert got.returncode == code
    assert (tmp_path / "output").read_text() == f"exit-code={code}\n"
    if code != 2:
        assert "2 cases: " in (tmp_path / "summary").read_text()
        assert "::notice title=hwpkho validate::2 cases: " in got.stdout


def test_the_actions_outputs_are_reports(subtests):
    outputs = yaml.safe_load(ACTION)["outputs"]
    for name in ("sarif", "junit"):
        with subtests.test(name):
            report = outputs[name]["value"].removeprefix("${{ inputs.reports }}/")
            assert f'/{report}"' in _part(SCRIPT, "judge")


# Other services


def _at(place: Path, *programs: tuple[str, str]) -> None:
    """Lay a checkout's ci/ into ``place``, and programs into its bin/."""
    shutil.copytree(ROOT / "ci", place / "ci")
    for name, does in programs:
        path = place / "bin" / name
        path.write_text(f"#!/bin/bash\n{does}\n")
        path.chmod(0o755)


def _good_case(place: Path) -> None:
    (place / "captures" / "small").mkdir(parents=True)
    for name in ("memory.elf", "iomem.txt"):
        shutil.copy(FIXTURES / "captures" / "x86-structv1-small" / name, place / "captures/small")


def _bad_case(place: Path) -> None:
    _good_case(place)
    (place / "captures" / "small" / "memory.elf").unlink()
    (place / "captures" / "small" / "list.txt").write_text("0x99999999\n")


@pytest.mark.parametrize(("case", "code"), some([(_bad_case, 1), (_good_case, 0)], 2))
def test_gitlab(job, tmp_path, case, code):
    _at(tmp_path, ("pip", "echo pip $*"))
    case(tmp_path)
    of = yaml.safe_load((ROOT / "ci" / "gitlab-ci.yml").read_text())["handovers"]
    got = job("\n".join(of["script"]), **of["variables"])
    assert got.returncode == code
    assert got.stdout.startswith("pip install --quiet hwpkho[kdump]\n")
    assert (tmp_path / of["artifacts"]["reports"]["junit"]).is_file()


@pytest.mark.parametrize(("case", "code"), some([(_bad_case, 1), (_good_case, 0)], 2))
def test_jenkins(job, tmp_path, case, code):
    hwpkho = shlex.quote(str(tmp_path / "bin" / "hwpkho"))
    venv = f"mkdir -p $3/bin; cp {hwpkho} $3/bin; cp /bin/true $3/bin/pip"
    _at(tmp_path, ("python3", venv))
    case(tmp_path)
    text = (ROOT / "ci" / "Jenkinsfile").read_text()
    (script,) = re.findall(r"sh '''\n(.*?)'''", text, re.DOTALL)
    variables = dict(re.findall(r"(\w+) = '(\w+)'", text))
    got = job(script, **variables)
    assert got.returncode == code, got.stderr
    (junit,) = re.findall(r"junit '(.*)'", text)
    assert (tmp_path / junit).is_file()


def test_lava(tmp_path):
    """Each code is a test case of its own; names have no blanks."""
    steps = yaml.safe_load((ROOT / "ci" / "lava.yaml").read_text())["run"]["steps"]
    assert "/proc/iomem" in steps[3]
    script = "\n".join(
        [
            f"cp -r {shlex.quote(str(ROOT / 'ci'))} ci",
            "mountpoint() { true; }",
            "lava-test-case() { echo LAVA $*; }; export -f lava-test-case",
            *steps,
        ]
    )
    played = stage.play(script, tmp_path)
    assert stage.wrong(played, (0,)) is None
    said = [line.split() for line in played.out.splitlines() if line.startswith("LAVA ")]
    assert said[0] == ["LAVA", "hwpkho-validate", "--result", "pass"]
    results = {name: result for _, name, _, result in said[1:]}
    assert len(results) == len(said) - 1 > 10
    assert results["own"] == "pass"
    assert results["own_HP601-not-ram"] == "pass"
    assert set(results.values()) <= {"pass", "skip"}


def test_lava_hears_of_what_could_not_be_judged(job, tmp_path, cli):
    _at(tmp_path, ("lava-test-case", "echo $*"))
    for name in ("accepted", "unread"):
        (tmp_path / "captures" / name).mkdir(parents=True)
        (tmp_path / "captures" / name / "list.txt").write_text("no list\n")
    (tmp_path / "accepted.toml").write_text(
        '[[accept]]\ncode = "HP707"\nreason = "on purpose"\ncase = "accepted"\n'
    )
    reading = ("--baseline", tmp_path / "accepted.toml", "--format", f"ktap={tmp_path / 'k'}")
    assert cli("validate", "--batch", tmp_path / "captures", *reading).code == 3
    got = job(f"bash {ROOT / 'ci/ktap-to-lava.sh'} k")
    assert (got.returncode, got.stderr) == (0, "")
    assert got.stdout == "accepted --result skip\nunread --result fail\n"


@pytest.mark.slow
def test_lava_hears_of_each_failure(job, tmp_path):
    (tmp_path / "reports").mkdir()
    _at(tmp_path, ("lava-test-case", "echo $*"))
    _bad_case(tmp_path)
    job("hwpkho validate --batch captures --format ktap >reports/hwpkho.ktap || true")
    got = job("bash ci/ktap-to-lava.sh reports/hwpkho.ktap")
    assert (got.returncode, got.stderr) == (0, "")
    assert "small_HP601-not-ram --result fail\n" in got.stdout
    assert got.stdout.endswith("small --result fail\n")


def test_the_lava_job_runs_that_definition():
    (action,) = yaml.safe_load((ROOT / "ci" / "lava-job.yaml").read_text())["actions"]
    (definition,) = action["test"]["definitions"]
    of = yaml.safe_load((ROOT / definition["path"]).read_text())
    assert definition["name"] == of["metadata"]["name"]
    assert definition["parameters"].keys() <= of["params"].keys()


def test_kernelci_schedules_the_job_that_it_declares():
    config = yaml.safe_load((ROOT / "ci" / "kernelci.yaml").read_text())
    assert [entry["job"] for entry in config["scheduler"]] == list(config["jobs"])
    (job,) = config["jobs"].values()
    head = (ROOT / "ci" / "kernelci-test.jinja2").read_text().splitlines()[0]
    assert f"/tests/{job['params']['test_method']}.jinja2 " in head


def test_kernelci_runs_the_lava_definition():
    """With what KernelCI fills in: its templates are those of Jinja."""
    text = re.sub(r"{#.*?#}\n", "", (ROOT / "ci" / "kernelci-test.jinja2").read_text())
    (action,) = yaml.safe_load(re.sub(r"{{.*?}}", "1", text))
    (definition,) = action["test"]["definitions"]
    of = yaml.safe_load((ROOT / definition["path"]).read_text())
    assert definition["parameters"].keys() <= of["params"].keys()


def test_kcidb_gets_a_test_for_each_case(job, cases, tmp_path):
    (cases / "not judged").mkdir()
    (cases / "not judged" / "iomem.txt").touch()
    job(SCRIPT, cases, OPTIONS=JUDGED)
    made = ROOT / "ci" / "kcidb.py"
    got = job(f"{made} myci myci:build-42 reports/hwpkho.json")
    tests = json.loads(got.stdout)["tests"]
    assert {test["path"]: test["status"] for test in tests} == {
        "hwpkho.arm64-4k-B-a-outside-ram-above": "FAIL",
        "hwpkho.arm64-4k-B-good": "PASS",
        "hwpkho.not_judged": "ERROR",
    }
    assert len({test["id"] for test in tests}) == 3
    assert all(re.fullmatch(r"myci:[\w-]+", test["id"]) for test in tests)
    assert job(f"{made} MyCI build reports/hwpkho.json").returncode == 2


@pytest.mark.parametrize("text", some(['{"results": [{}]}', "[]", "", None], 4))
def test_kcidb_gets_nothing_of_what_is_no_report(text, job, tmp_path):
    if text is not None:
        (tmp_path / "other.json").write_text(text)
    got = job(f"{ROOT / 'ci' / 'kcidb.py'} myci build other.json")
    assert (got.returncode, got.stdout, got.stderr.count("\n")) == (3, "", 1)


# Hooks


def test_hooks_begin_with_commands_that_there_are(job):
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == [
        "hwpkho-validate-handovers", "hwpkho-list", "hwpkho-memmap",
    ]  # fmt: skip
    page = (ROOT / "docs" / "ci.md").read_text()
    assert [hook["id"] for hook in hooks if f"id: {hook['id']}\n" not in page] == []


@pytest.mark.parametrize(("text", "code"), [("0x10\n", 0), ("no list\n", 3)])
def test_a_hook_looks_at_each_file(job, tmp_path, text, code):
    """make hooks-test runs all of them through pre-commit."""
    hooks = {h["id"]: h for h in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    (tmp_path / "a b.txt").write_text(text)
    (tmp_path / "c.txt").write_text("0x20\n")
    assert job(f"{hooks['hwpkho-list']['entry']} 'a b.txt' c.txt").returncode == code


def test_contributors_hooks_run_what_make_check_runs():
    """What they start is in .venv, or a target."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"].split() for repo in config["repos"] for hook in repo["hooks"]]
    started = {words[0].removeprefix(".venv/bin/") for words in entries}
    assert started >= set(re.findall(r"\$\(BIN\)/(\S+)", certain(
        re.search(r"^check: venv\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    )[1]))  # fmt: skip
    assert all(f"\n{words[1]}:" in MAKEFILE for words in entries if words[0] == "make")


# Lock files


@pytest.mark.parametrize("extra", ["kdump", "dev", "docs", "ci", "release", "browser"])
def test_locks_hold_hashes_and_no_host(extra):
    """Of every platform's wheels: a single hash would be that of one machine."""
    name = "requirements.lock" if extra == "kdump" else f"requirements-{extra}.lock"
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text
    entries = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)(.*\n(?:    .*\n)*)", text, re.MULTILINE)
    assert all("--hash=sha256:" in rest for _, _, rest in entries)
    hashes = {package: rest.count("--hash=") for package, _, rest in entries}
    of_many = {"docs": "pyyaml", "ci": "pyyaml", "release": "uv", "browser": "greenlet"}
    assert hashes[of_many.get(extra, "cramjam")] > 10
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras[extra] + (extras["kdump"] if extra == "dev" else [])
    names = {normal(certain(re.match(r"[\w.-]+", w))[0]) for w in wanted} - {"hwpkho"}
    assert names <= hashes.keys()


def test_the_lock_of_npm_names_no_host_either():
    folder = ROOT / "tests" / "browser"
    text = (folder / "package-lock.json").read_text()
    assert "://" not in text
    packages = json.loads(text)["packages"]
    wanted = json.loads((folder / "package.json").read_text())["devDependencies"]
    assert {f"node_modules/{name}" for name in wanted} <= packages.keys()
    assert all("integrity" in found for name, found in packages.items() if name)


def test_ci_installs_what_the_lock_names():
    assert "make venv LOCKED=yes" in (ROOT / ".ci" / "run").read_text()
    assert "--require-hashes -r requirements-dev.lock" in MAKEFILE
