"""What schemas, --help, manual pages and docs/ tell of the registries agrees with them.

The tables that are made from them are in tests/support/pages.py.
"""

from __future__ import annotations

import ast
import json
import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
import pytest

from hwpkho.abi.efi_poisoned import LAYOUTS
from hwpkho.abi.hwpoison import REVISIONS
from hwpkho.abi.kho import VERSIONS
from hwpkho.abi.role import Role
from hwpkho.badpages import registry as lists
from hwpkho.badpages.kinds import BAD, KINDS
from hwpkho.badpages.registry import Carried, readers
from hwpkho.badpages.sets import describe_history
from hwpkho.base.arch import ARCHES, page_sizes
from hwpkho.base.unpacking import METHODS
from hwpkho.cli.main import main
from hwpkho.cli.screen import OPTIONS
from hwpkho.codes import SEVERITIES, Certainty, registry
from hwpkho.commands import diff, watch
from hwpkho.commands.check_result import AFTER_KEXEC, STATUSES
from hwpkho.commands.config import Origin
from hwpkho.commands.version import Installed
from hwpkho.dimms.model import CONFIDENCES
from hwpkho.encode.damage.registry import DAMAGES
from hwpkho.encode.targets import registry as targets
from hwpkho.fleet.questions import QUESTIONS
from hwpkho.handover.luo.model import State
from hwpkho.handover.model import TrackerState
from hwpkho.handover.subtrees.registry import SUBTREES
from hwpkho.images.registry import FORMATS
from hwpkho.judging.case_result import FailOn, SuppressedBy
from hwpkho.judging.case_result import State as CaseState
from hwpkho.judging.efi_table.generations import GENERATIONS, Consumers
from hwpkho.judging.options import NoKho
from hwpkho.judging.result import EfiOutcome, Judged, Outcome
from hwpkho.judging.rulings import VERDICTS
from hwpkho.memmap.registry import FILE_FORMS, LINE_FORMS
from hwpkho.memmap.view.spans import Kind
from hwpkho.memmap.writers import WRITERS
from hwpkho.report.completion.registry import SHELLS
from hwpkho.report.registry import REPORTS as DRAWN
from hwpkho.report.validate.registry import REPORTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
LISTS = ROOT / "docs" / "lists.md"
pytestmark = pytest.mark.each

SCHEMAS = sorted((ROOT / "hwpkho" / "schemas").glob("*.json"))

#: Where a module makes a registry.
_REGISTRY = re.compile(r"^([A-Z_]+): (?:dict\[str, )?Registry\[", re.MULTILINE)

#: The end of where an enum stands in a schema → what it lists, null aside. The longest end counts.
ENUMS: dict[str, Iterable[object]] = {
    "page_size": page_sizes(),
    "arch": ARCHES.names(),
    "arch_from": ("input", "option", "default"),
    "role": get_args(Role),
    "source_role": get_args(Role),
    "tracker": get_args(TrackerState),
    "subtrees/kind": [reader.kind for reader in SUBTREES],
    "revision": REVISIONS.names(),
    "to": targets.names(),
    "severity": SEVERITIES,
    "certainty": get_args(Certainty),
    "outcome": get_args(Outcome),
    "by_outcome": (*get_args(Outcome), "null"),
    "verdict": VERDICTS,
    "by_verdict": VERDICTS,
    "exit": range(4),
    "by": get_args(SuppressedBy),
    "life/fate": {describe_history(seen, 4) for seen in range(1, 16)},
    "entries/kind": KINDS,
    "carries": get_args(Carried),
    "regions/kind": get_args(Kind),
    "consumer": Consumers.names(),
    "efi/outcome": get_args(EfiOutcome),
    "layout": LAYOUTS.names(),
    "installed": get_args(Installed),
    "dimm_confidence": CONFIDENCES,
    "luo/state": get_args(State),
    "state": get_args(Judged),
    "result/state": get_args(CaseState),
    "by_state": get_args(CaseState),
    "status": STATUSES,
    "event": ("page", "unpoisoned", "missed", "unclear", "check"),
    "fate": AFTER_KEXEC,
    "settings/from": get_args(Origin),
    "kind": BAD,
    "source": get_args(watch.Source),
}

#: Name of a parameter → the choices of it; those of diff's --fail-on are its own.
CHOICES: dict[str, Iterable[str]] = {
    "arch": ARCHES.names(),
    "no_kho": get_args(NoKho),
    "color": ("auto", "always", "never"),
    "role": get_args(Role),
    "revision": REVISIONS.names(),
    "kho": VERSIONS.names(),
    "consumer_kho": VERSIONS.names(),
    "to": targets.names(),
    "list to": lists.written_names(),
    "formats": REPORTS.names(),
    **{f"{command} formats": reports.names() for command, reports in DRAWN.items()},
    "target": [*WRITERS.names(), "json"],
    "fail_on": get_args(FailOn),
    "diff fail_on": get_args(diff.FailOn),
    "iomem_of": ("running", "next"),
    "base": ("10", "16"),
    "form": [form.name for form in readers()],
    "decode form": ["efi-table"],
    "consumer_efi": Consumers.names(),
    "layout": LAYOUTS.names(),
    "damage": ["list", *DAMAGES.names()],
    "shell": SHELLS.names(),
}

#: Where a form of memory map stands in the manual page of memmap.
FORMS_IN_MAN = {
    "Kernel log of x86": {"dmesg_e820"},
    "EFI map in a kernel log": {"dmesg_efi"},
    "Pa /proc/iomem": {"iomem"},
    "Pa /sys/firmware/memmap": {"sysfs_memmap", "sysfs_tar", "sysfs_grep"},
    "Firmware and boot loaders": {"efi_shell", "grub", "uboot"},
    "Other systems": {"xen", "freebsd", "esxi"},
    "Binary": {"zero_page", "e820_entries", "setup_data_e820", "efi_descriptors"},
    "Device tree": {"devicetree", "dts"},
    "JSON": {"memmap_json"},
    "A capture": {"capture"},
}


def test_there_is_a_toy_for_every_registry():
    toys = "".join(path.read_text() for path in (ROOT / "tests" / "toys").glob("*.py"))
    missing = []
    for path in (ROOT / "hwpkho").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        missing += [
            f"{module}.{name}"
            for name in _REGISTRY.findall(path.read_text())
            if not re.search(rf"^from {module} import .*\b{name}\b", toys, re.MULTILINE)
        ]
    assert missing == []


def _enums(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, list[object]]]:
    """Yield where each enum of a schema stands, as ``parent/property``, and what it lists."""
    if isinstance(node, dict):
        if "enum" in node:
            yield "/".join(path), node["enum"]
        for key, value in node.items():
            own = key not in ("properties", "items", "propertyNames", "oneOf", "anyOf")
            yield from _enums(value, (*path, key) if own else path)
    elif isinstance(node, list):
        for value in node:
            yield from _enums(value, path)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda p: p.stem)
def test_enums_of_schemas(schema, subtests):
    for where, listed in _enums(json.loads(schema.read_text())):
        with subtests.test(where):
            ends = [end for end in ENUMS if f"/{where}".endswith(f"/{end}")]
            assert ends, "say in ENUMS what it follows from"
            wanted = set(ENUMS[max(ends, key=len)])
            assert {x for x in listed if x is not None} == wanted
            assert len(listed) == len({*listed})


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda p: p.stem)
def test_codes_fit_the_patterns_of_schemas(schema):
    patterns = re.findall(r'"pattern": "(\^HP[^"]*)"', schema.read_text())
    assert [(p, code) for p in patterns for code in registry() if not re.fullmatch(p, code)] == []


def _commands(group: click.Group = main, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command, and those below it: ``fleet add``."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield above + name, command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{above}{name} ")


EVERY = dict(_commands())


def _choices(name: str) -> Iterator[tuple[click.Parameter, list[str]]]:
    """Yield the options and arguments of a command that have choices, and these."""
    for p in EVERY[name].params:
        if isinstance(p.type, click.Choice):
            yield p, list(p.type.choices)


@pytest.mark.parametrize("command", EVERY)
def test_choices_of_help(command, cli, subtests):
    text = " ".join(cli(*command.split(), "--help").out.split()).replace(" ", "")
    for option, choices in _choices(command):
        with subtests.test(str(option.name)):
            name = f"{command} {option.name}"
            assert choices == list(CHOICES[name if name in CHOICES else str(option.name)])
            shown = "|".join(choices)
            if isinstance(option, click.Argument):
                assert f"{{{shown}}}" in text
            elif option.metavar is None:  # else another command lists them
                assert f"{max(option.opts, key=len)}[{shown}]" in text


def test_targets_in_the_help_of_encode(cli):
    titles = ", ".join(target.title for target in targets.TARGETS)
    assert f"{titles}, or a form of list;" in " ".join(cli("encode", "--help").out.split())


@pytest.mark.slow
def test_layout_is_of_a_table_that_the_command_writes_or_reads():
    abouts = {c: str(p.help) for c in EVERY for p, _ in _choices(c) if p.name == "layout"}
    writers = {c for c in EVERY if "to" in {p.name for p in EVERY[c].params}}
    assert {c for c, about in abouts.items() if "written" in about} == abouts.keys() & writers


def test_every_row_of_choices_is_of_an_option():
    options = [(c, p.name) for c in EVERY for p, _ in _choices(c)]
    assert CHOICES.keys() <= {f"{c} {name}" for c, name in options} | {name for _, name in options}


#: They stand in the manual page of the program.
EVERYWHERE = {opt for option in OPTIONS for opt in option.opts}


def _page(command: str) -> str:
    """Return the manual page of a command, which is its group's."""
    return (ROOT / "man" / f"hwpkho-{command.split()[0]}.1").read_text()


def _said(command: str, option: click.Parameter) -> set[str]:
    """Return the choices that the page of a command gives for an option, none where none stands."""
    flag = max(option.opts, key=len)
    page = (ROOT / "man" / "hwpkho.1").read_text() if flag in EVERYWHERE else _page(command)
    before = rf"Fl {flag[1:]} " if isinstance(option, click.Option) else r"\n\."
    lines = re.findall(rf"{before}Cm (\S+(?: \| \S+)*)", page)
    return set(chain.from_iterable(line.split(" | ") for line in lines))


@pytest.mark.parametrize("command", EVERY)
def test_choices_in_manual_pages(command, subtests):
    """A page may leave an option that several commands share to the page of another."""
    for option, choices in _choices(command):
        with subtests.test(str(option.name)):
            if isinstance(option, click.Option) and option.metavar is not None:
                continue
            assert _said(command, option) in (set(), set(choices))
            pages = [c for c in EVERY if option.name in {o.name for o, _ in _choices(c)}]
            assert any(_said(c, option) for c in pages)


@pytest.mark.slow
def test_no_quote_of_a_manual_page_is_within_another():
    """A macro's second call on a line, as in ``.Sq one , Sq two``, is within the first."""
    pages = {page.name: page.read_text() for page in (ROOT / "man").iterdir()}
    within = re.compile(r"^\.(?=.*\b([SD]q)\b.* \1 ).*$", re.MULTILINE)
    assert {name: m[0] for name, text in pages.items() if (m := within.search(text))} == {}


#: What texts list the names of.
LISTED = {
    "architectures": ARCHES.names(),
    "page sizes": [str(size) for size in page_sizes()],
    "KHO versions": VERSIONS.names(),
    "revisions": REVISIONS.names(),
    "layouts": LAYOUTS.names(),
}
#: What only the library's docstrings list, apart from options: other texts speak of some of them.
LISTED_BY_LIBRARY = {**LISTED, "readers of the EFI table": Consumers.names()}
#: A text that counts them is wrong with the next one.
_COUNTED = re.compile(
    r"\b(?:both|either|two|three|four)(?: \w+)? (?:architecture|KHO version|revision)s?\b"
)

_MACRO = re.compile(r"^\.(?:[A-Z][a-z] )*|\b(?:Ar|Cm|Fl|Li|Ns|No|Sq) ", re.MULTILINE)


def _prose() -> Iterator[tuple[str, str]]:
    """Yield what users read, as running text: manual, docs, schemas, the library's docstrings."""
    for page in (ROOT / "man").iterdir():
        lines = _MACRO.sub("", page.read_text())
        yield page.name, lines
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *SCHEMAS):
        yield path.name, path.read_text()
    for path in (ROOT / "hwpkho" / "api").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                yield f"hwpkho/api/{path.name} {node.name}", ast.get_docstring(node) or ""


def _some(text: str, names: list[str]) -> Iterator[str]:
    """Yield where ``text`` lists two or more of ``names``, but not all, or gives another range."""
    name = rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])"
    for found in re.findall(rf"{name}(?:(?: ?[,|] ?| )(?:(?:or|and) )?{name})+", text):
        if set(re.findall(name, found)) < set(names):
            yield found
    yield from (
        r for r in re.findall(rf"{name} to {name}", text) if r != f"{names[0]} to {names[-1]}"
    )


@pytest.mark.slow
def test_texts_list_all_names_of_a_registry(subtests: pytest.Subtests):
    for where, text in _prose():
        running = " ".join(re.sub(r"[`'\"]", "", text).split())
        counted = _COUNTED.findall(running)
        listed = LISTED_BY_LIBRARY if where.startswith("hwpkho/api") else LISTED
        some = {what: [*_some(running, names)] for what, names in listed.items()}
        with subtests.test(where):
            assert (counted, {what: found for what, found in some.items() if found}) == ([], {})


@pytest.mark.slow
def test_kernels_of_each_version_in_the_manual_page_of_encode():
    text = " ".join(_page("encode").partition(".It Fl -kho ")[2].partition("\n.It ")[0].split())
    said = re.findall(
        r"\b(v\d+)(?:, the default,)?(?: is)? that of (?:Linux )?([^,(]+)[,. (]", text
    )
    kernels = [(name, VERSIONS[name].kernels.replace(", ", " and ")) for name in VERSIONS.names()]
    assert [(name, found.strip(" .")) for name, found in said] == kernels


def test_questions_in_the_manual_page_of_fleet():
    text = _page("fleet").partition(".Ss ask\n")[2].partition("\n.Pp\n")[0]
    assert re.findall(r"^\.It Cm (\S+)$", text, re.MULTILINE) == list(QUESTIONS)


def test_ways_to_compress_in_the_manual_page_and_docs():
    *most, last = [method.name for method in METHODS]
    page = " ".join((ROOT / "man" / "hwpkho.1").read_text().split())
    assert f"compressed with {', '.join(most)} or {last} are read" in page
    text = (ROOT / "docs" / "inputs.md").read_text()
    assert f"\n{', '.join(most)} and {last} are read" in text


@pytest.mark.parametrize(
    ("section", "names"),
    [("Outcomes of a handover", get_args(Outcome)), ("Verdicts of a page", VERDICTS)],
)
def test_lists_in_the_manual_page_of_validate(section, names):
    page = (ROOT / "man" / "hwpkho-validate.1").read_text()
    text = page.partition(f".Ss {section}\n")[2].partition("\n.Ss ")[0]
    assert sorted(re.findall(r"^\.It Cm (\S+)", text, re.MULTILINE)) == sorted(names)


def test_forms_in_the_manual_page_of_memmap():
    page = (ROOT / "man" / "hwpkho-memmap.1").read_text()
    text = page.partition(".Ss Forms\n")[2].partition("\n.Ss ")[0]
    assert re.findall(r"^\.It (.*)", text, re.MULTILINE) == list(FORMS_IN_MAN)
    forms = sorted(chain.from_iterable(FORMS_IN_MAN.values()))
    assert forms == sorted([*FILE_FORMS.names(), *LINE_FORMS.names()])


def test_forms_in_the_manual_page_of_list():
    page = (ROOT / "man" / "hwpkho-list.1").read_text()
    text = page.partition(".Ss Forms\n")[2].partition("\n.Ss ")[0]
    named = re.findall(r"^\.It Cm (\S+)$", text, re.MULTILINE)
    assert named == sorted(form.name for form in lists.readers())


def test_what_a_user_has():
    """One command for each form that is read, and it names no other form."""
    table = LISTS.read_text().partition("| I have | command | form |\n|---|---|---|\n")[2]
    rows = re.findall(
        r"\| ([^|]+) \| `(.+)` \| `([a-z0-9-]+)` \|\n", table.partition("\n\n")[0] + "\n"
    )
    assert sorted(form for _, _, form in rows) == sorted(form.name for form in lists.readers())
    assert [command for _, command, _ in rows if " hwpkho list " not in f" {command} "] == []
    assert [row for row in rows if not set(re.findall(r"--from (\S+)", row[1])) <= {row[2]}] == []


def test_written_forms_in_the_manual_page_of_list():
    page = (ROOT / "man" / "hwpkho-list.1").read_text()
    text = page.partition(".Ss Written forms\n")[2].partition("\n.Sh ")[0]
    named = re.findall(r"^\.It Cm (\S+)$", text, re.MULTILINE)
    assert named == sorted(lists.written_names())


def test_what_a_user_needs():
    """One command for each form that is written, and it names that form."""
    table = LISTS.read_text().partition("| I need | command | form |\n|---|---|---|\n")[2]
    rows = re.findall(
        r"\| [^|]+ \| `(.+)` \| `([a-z0-9-]+)` \|\n", table.partition("\n\n")[0] + "\n"
    )
    assert sorted(form for _, form in rows) == sorted(form.name for form in lists.writers())
    assert [command for command, form in rows if f" --to {form}" not in command] == []


def test_image_formats_in_the_manual_page_of_decode():
    page = (ROOT / "man" / "hwpkho-decode.1").read_text()
    text = page.partition(".Ss Inputs\n")[2].partition("\n.Ss ")[0]
    text = text.lower().replace("elf core", "elf")
    assert [form.name for form in FORMATS if form.name not in text] == []


@pytest.mark.slow
def test_how_many_generations_and_layouts_the_efi_table_has(subtests: pytest.Subtests):
    """The forms of a generation, as c1 and c2, are counted once."""
    numbers = ("no", "one", "two", "three", "four", "five", "six")
    generations = numbers[len({name[0] for name in GENERATIONS.names()})]
    said = f"{generations} generations were published under the same guid, with "
    said += f"{numbers[len(LAYOUTS)]} layouts"
    for path in (ROOT / "docs" / "efi-table.md", ROOT / "man" / "hwpkho-decode.1"):
        with subtests.test(path.name):
            assert said in " ".join(path.read_text().lower().split())
