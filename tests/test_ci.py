"""The documented CI jobs, run as far as they run without the service."""

from __future__ import annotations

import json
import os
import re
import subprocess
import textwrap
import tomllib
import xml.etree.ElementTree as ET

import pytest

from tests.support import ROOT, certain, forked, replays

WORKFLOW = (ROOT / ".github" / "workflows" / "validate-handovers.yml").read_text()
PAGE = (ROOT / "docs" / "ci.md").read_text()


def _of_workflow():
    block = re.search(r"# begin: judge\n(.*?) *# end: judge", WORKFLOW, re.DOTALL)
    return textwrap.dedent(certain(block)[1])


def _of_page():
    (block,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    return block


@pytest.fixture
def job(tmp_path):
    """Return a function that runs a script as a CI service would."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    forked.program(bin_)

    def run(script, cases, **variables):
        env = {
            **os.environ,
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "CAPTURES": str(cases),
            "REPORTS": str(tmp_path / "reports"),
            **variables,
        }
        # GitHub runs steps with bash -e.
        return subprocess.run(
            ["bash", "-e", "-c", script],
            env=env,
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )

    return run


def test_the_two_are_the_same():
    assert _of_workflow() == _of_page()


JUDGED = "--iomem-of next --arch arm64 --jobs 1"


@pytest.fixture
def cases(tmp_path):
    folder = tmp_path / "captures"
    for name in ("arm64-4k-B-good", "arm64-4k-B-a-outside-ram-above"):
        replays.unpack(name, folder)
    return folder


def test_a_job_with_findings_fails(job, cases, tmp_path):
    reports = tmp_path / "reports"
    got = job(_of_page(), cases, OPTIONS=JUDGED)
    assert got.returncode == 1
    assert "2 cases: 1 fine, 1 with findings, 0 not judged" in got.stdout
    assert got.stderr == ""
    assert {p.name for p in reports.iterdir()} == {
        "hwpkho.sarif", "junit.xml", "hwpkho.json", "report.txt",
    }  # fmt: skip
    assert ET.parse(reports / "junit.xml").getroot().get("failures") == "1"
    sarif = json.loads((reports / "hwpkho.sarif").read_text())
    assert "HP601" in {r["ruleId"] for r in sarif["runs"][0]["results"]}


def test_a_job_with_accepted_findings_passes(job, cases, tmp_path):
    accepted = tmp_path / "accepted.toml"
    accepted.write_text('[[accept]]\ncode = "HP601"\nreason = "known"\n')
    assert job(_of_page(), cases, OPTIONS=JUDGED, BASELINE=str(accepted)).returncode == 0


def test_a_job_that_cannot_judge_all_says_so(job, cases, tmp_path):
    (cases / "arm64-4k-B-good" / "iomem.txt").write_bytes(b"")
    got = job(_of_page(), cases, OPTIONS=JUDGED)
    assert got.returncode == 3
    assert "1 of 2 cases could not be judged" in got.stderr
    document = json.loads((tmp_path / "reports" / "hwpkho.json").read_text())
    assert document["summary"]["not_judged"] == 1


def test_workflow_takes_inputs_only_through_the_environment():
    """An input that is pasted into a script could run commands."""
    scripts = re.findall(r"run: (?:\|\n((?:          .*\n|\n)+)|(.*)\n)", WORKFLOW)
    assert len(scripts) == 2
    assert not any("${{" in part for script in scripts for part in script)


def test_workflow_inputs_are_used_and_documented():
    inputs = re.findall(r"^      ([a-z-]+):$", WORKFLOW.partition("jobs:")[0], re.MULTILINE)
    assert len(inputs) == 8
    for name in inputs:
        assert f"inputs.{name}" in WORKFLOW


def test_actions_are_pinned_by_commit():
    """A tag can be moved to other code."""
    used = re.findall(r"uses: (\S+)", WORKFLOW)
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)


@pytest.mark.parametrize("extra", ["kdump", "dev", "docs"])
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
    assert hashes["pyyaml" if extra == "docs" else "cramjam"] > 10
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras[extra] + (extras["kdump"] if extra == "dev" else [])
    names = {certain(re.match(r"[\w-]+", w))[0].lower() for w in wanted} - {"hwpkho"}
    assert names <= hashes.keys()


def test_ci_installs_what_the_lock_names():
    assert "make venv LOCKED=yes" in (ROOT / ".ci" / "run").read_text()
    assert "--require-hashes -r requirements-dev.lock" in (ROOT / "Makefile").read_text()
