"""contrib/systemd, prometheus and grafana: what their own programs say of them, and our names."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from hwpkho.cli.main import main
from tests.support import ROOT, certain, live_trees
from tests.support.examples import some

CONTRIB = ROOT / "contrib"
UNITS = sorted([*(CONTRIB / "systemd").glob("*.service"), *(CONTRIB / "systemd").glob("*.timer")])
RULES = CONTRIB / "prometheus/hwpkho.rules.yml"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)"
)
needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)


#: A call of the program, within a shell's script, too.
CALL = re.compile(r"^(?:ExecStart=| +exec )(/usr/bin/hwpkho .*?)(?: \"\$\$@\"'.*)?$", re.MULTILINE)


def _commands():
    """Return what the units start, as arguments."""
    return [(unit.name, call.split()) for unit in UNITS for call in CALL.findall(unit.read_text())]


@pytest.fixture
def units(tmp_path):
    """The units as they would be installed, with a program that is there."""
    program = tmp_path / "hwpkho"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    folder = tmp_path / "units"
    shutil.copytree(CONTRIB / "systemd", folder)
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text().replace("/usr/bin/hwpkho", str(program)))
    for drop_in in (folder / "fail-closed").iterdir():
        shutil.copytree(drop_in, folder / drop_in.name)
    return folder


@needs_systemd
def test_systemd_finds_nothing_wrong(units):
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(units / unit.name) for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    # What else is installed on this machine is not ours.
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "hwpkho" in line]
    assert (done.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize("unit", [u.name for u in UNITS if u.suffix == ".service"])
def test_the_units_are_hardened(unit, units):
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=30"]
    done = subprocess.run([*command, units / unit], capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze looks at units of the running system only")
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize(("unit", "words"), some(_commands(), 2))
def test_what_the_units_start(unit, words, tmp_path, cli):
    """Each line is one that the program takes: on a tree, into a folder."""
    tree = live_trees.made(tmp_path / "root")
    assert words[0] == "/usr/bin/hwpkho"
    parent = click.Context(main, **main.context_settings)
    command = certain(main.get_command(parent, words[1]))
    command.make_context("hwpkho", words[2:], parent=parent, resilient_parsing=False)
    if words[1] == "watch":
        return  # it would not end
    saved = tmp_path / "before.json"
    assert cli("check", "--root", tree.root, "--save", saved).code == 0
    arguments = [
        str(tmp_path / Path(word).name) if word.startswith("/") else word for word in words[2:]
    ]
    assert cli(words[1], *arguments, "--root", tree.root).code == 0


@pytest.mark.parametrize(
    ("saved", "boot_id", "looks_back"),
    [(None, "BOOT", False), ('{"boot_id":"another"}', "BOOT", True),
     ('{"boot_id":"BOOT"}', "BOOT", False), ('{"boot_id":null}', None, True)],
)  # fmt: skip
def test_the_metrics_look_back_over_a_kexec(saved, boot_id, looks_back, tmp_path):
    """The alert of pages that are in use again has metrics only then."""
    boot, before, program = (tmp_path / name for name in ("boot_id", "before.json", "hwpkho"))
    if boot_id is not None:  # small kernels have none
        boot.write_text(f"{boot_id}\n")
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    if saved is not None:
        before.write_text(saved)
    text = (CONTRIB / "systemd/hwpkho-metrics.service").read_text().replace("\\\n", " ")
    line = certain(re.search(r"^ExecStart=(.*)$", text, re.MULTILINE))[1].replace("$$", "$")
    places = {
        "/usr/bin/hwpkho": program,
        "/var/lib/hwpkho/before.json": before,
        "/proc/sys/kernel/random/boot_id": boot,
    }
    assert [there for there in places if there not in line] == []
    for there, here in places.items():
        line = line.replace(there, str(here))
    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)
    plain = "metrics -o /var/lib/prometheus/node-exporter/hwpkho.prom"
    expected = f"{plain} --since {before}" if looks_back else plain
    assert (done.stdout.strip(), done.stderr) == (expected, "")


def test_fail_closed_passes_over_no_check():
    """A condition that does not hold is a success to systemd: none may be left."""
    folder = CONTRIB / "systemd"
    assert "\nConditionPathExists=/" in (folder / "hwpkho-before-kexec.service").read_text()
    drop_in = (folder / "fail-closed/hwpkho-before-kexec.service.d/fail-closed.conf").read_text()
    assert "[Unit]\nConditionPathExists=\n" in drop_in


def test_nothing_that_is_looked_at_is_taken_away(subtests):
    """Each of these hides /proc/kcore, or takes away what opening it needs."""
    for unit in UNITS:
        with subtests.test(unit.name):
            text = unit.read_text()
            taken = r"^(?:ProtectKernelTunables|PrivateDevices|ProcSubset|User=)"
            assert re.findall(taken, text, re.MULTILINE) == []
            if unit.suffix == ".service":
                assert re.search(r"^CapabilityBoundingSet=.*CAP_SYS_RAWIO", text, re.MULTILINE)
                assert re.search(r"^CapabilityBoundingSet=.*CAP_SYS_ADMIN", text, re.MULTILINE)


def test_the_unit_before_the_kexec_is_not_ordered_against_what_stops():
    """Else systemd would stop that first: /var, or debugfs."""
    text = (CONTRIB / "systemd/hwpkho-before-kexec.service").read_text()
    assert "DefaultDependencies=no" in text
    ordering = r"^(?:After|StateDirectory|PrivateTmp|RequiresMountsFor)="
    assert re.findall(ordering, text, re.MULTILINE) == []


@pytest.mark.slow
@needs_promtool
def test_the_rules(subtests):
    for arguments in (["check", "rules", RULES], ["test", "rules", "hwpkho.rules.test.yml"]):
        with subtests.test(arguments[0]):
            done = subprocess.run(
                [certain(PROMTOOL), *map(str, arguments)],
                cwd=RULES.parent,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr


def _metrics(tmp_path, cli):
    """Return the name of every metric, with its labels and their values."""
    tree = live_trees.made(tmp_path / "root")
    tree.write("sys/devices/system/node/node0/memory_failure/recovered", "3\n")
    saved = tmp_path / "before.json"
    cli("check", "--root", tree.root, "--save", saved)
    found: dict[str, dict[str, set[str]]] = {}
    for line in cli("metrics", "--root", tree.root, "--since", saved).out.splitlines():
        if match := re.match(r"([a-z_]+)(?:\{(.*)\})? ", line):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            for name, value in labels.items():
                found.setdefault(match[1], {}).setdefault(name, set()).add(value)
            found.setdefault(match[1], {})
    return found


def _expressions():
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    dashboard = json.loads((CONTRIB / "grafana/hwpkho.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def test_rules_and_dashboard_name_what_there_is(tmp_path, cli, subtests):
    known = _metrics(tmp_path, cli)
    for where, expression in _expressions():
        with subtests.test(f"{where}: {expression}"):
            names = re.findall(r"\b(?:hwpkho|hw)_[a-z_]+(?=[\[{\s)=>]|$)", expression)
            metrics = [n for n in names if n not in ("hw_id", "hw_type", "hw_state")]
            assert metrics
            assert set(metrics) <= set(known)
            found = [
                (metric, name, value)
                for metric, labels in re.findall(r"(\w+)\{([^}]*)\}", expression)
                for name, values in re.findall(r'(\w+)=~?"([^"$]*)"', labels)
                for value in values.split("|")
            ]
            assert [x for x in found if x[2] not in known[x[0]].get(x[1], ())] == []


def test_the_dashboard_is_whole():
    dashboard = json.loads((CONTRIB / "grafana/hwpkho.json").read_text())
    panels = dashboard["panels"]
    assert len({p["id"] for p in panels}) == len(panels)
    assert all(p["title"] and p["description"] and p["targets"] for p in panels)
    places = [tuple(p["gridPos"][k] for k in "xywh") for p in panels]
    assert all(x + w <= 24 for x, _, w, _ in places)
    cells = [(x + i, y + j) for x, y, w, h in places for i in range(w) for j in range(h)]
    assert len(cells) == len(set(cells))
    assert {v["name"] for v in dashboard["templating"]["list"]} == {"datasource", "instance"}
