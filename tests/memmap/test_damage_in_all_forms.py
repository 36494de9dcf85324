"""Damage of every kind in good maps of every form: it is noticed, and nothing is invented."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import read_memmap
from hwpkho.memmap.view.regions import view_of
from tests.support.examples import crossed
from tests.support.mapfiles import FIXTURES, READABLE, primary, read_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hwpkho.memmap.model import MemoryMap

#: Of each folder of fixtures: how the lines of its maps look.
LINES = {
    "01-dmesg-e820": r"\[mem 0x",
    "01b-dmesg-e820-old": r"BIOS-e820: [0-9a-f]{16}",
    "02-dmesg-efi": r"mem\d+: .*range=",
    "02b-dmesg-efi-arm64": r"efi:   0x\w+-0x\w+ \[",
    "06-proc-iomem": r"^ *[0-9a-f]{8,16}-[0-9a-f]{8,16} : ",
    "08-xen-freebsd-esxi": r"\(XEN\)  \[[0-9a-f]{16}, ",
}
NUMBER = re.compile(r"[0-9a-f]{8,16}")
STAMP = "[    0.000000] "
OTHER = "usb 1-1: new high-speed USB device number 2"

Lines = list[str]


def at(line: str) -> int:
    """A place within the first address of a line."""
    found = NUMBER.search(line)
    assert found
    return found.start() + 3


def end(line: str) -> int:
    """A place within the second address."""
    return list(NUMBER.finditer(line))[1].end() - 3


def change(to: Callable[[str], str]) -> Callable[[Lines, int], Lines]:
    return lambda lines, n: [*lines[:n], *to(lines[n]).split("\n"), *lines[n + 1 :]]


DAMAGE: dict[str, Callable[[Lines, int], Lines]] = {
    "letter": change(lambda s: s[: at(s)] + "O" + s[at(s) + 1 :]),
    "dot": change(lambda s: s[: at(s)] + "." + s[at(s) + 1 :]),
    "blank": change(lambda s: s[: end(s)] + " " + s[end(s) + 1 :]),
    "stamp": change(lambda s: s[: at(s)] + STAMP + s[at(s) :]),
    "cut in the first number": change(lambda s: s[: at(s) + 2]),
    "cut in the second number": change(lambda s: s[: end(s)]),
    "cut behind the range": change(lambda s: s[: end(s) + 4]),
    "head lost": change(lambda s: s[end(s) :]),
    "torn by another writer": change(lambda s: s[: end(s)] + OTHER + s[end(s) :]),
    "torn over two lines": change(lambda s: f"{s[: end(s)]}{STAMP}{OTHER}\n{s[end(s) :]}"),
    "half of it, joined to the next": lambda lines, n: [
        *lines[:n], lines[n][: at(lines[n]) + 2] + lines[n + 1], *lines[n + 2 :],
    ],
    "dropped": lambda lines, n: [
        *lines[:n], "** 7 printk messages dropped **", *lines[n + 1 :],
    ],
    "left out by hand": lambda lines, n: [*lines[:n], "[...]", *lines[n + 1 :]],
    "the end of the input": lambda lines, n: [*lines[:n], lines[n][: end(lines[n])]],
}  # fmt: skip


def table(name: str) -> tuple[Lines, list[int]]:
    """The lines of a fixture, and which of them are the primary map's."""
    text = (FIXTURES / name).read_bytes().decode("utf-8", "replace").replace("\r", "")
    lines = text.split("\n")
    pattern = re.compile(LINES[name.split("/")[0]])
    found = [n for n, line in enumerate(lines) if pattern.search(line)]
    if name.startswith("01-"):
        found = [n for n in found if "BIOS-e820: [mem" in lines[n]]
    if name.startswith("02-"):  # the second print is another map
        found = [n for n in found if n - found[0] < 150]
    run = [n for n in found if n + 1 in found and n - 1 in found]
    return lines, run


def kind(memmap: MemoryMap, phys: int) -> str | None:
    try:
        region = view_of(memmap).at(phys)
    except InputError:  # no RAM is known any more: nothing is concluded
        return "unknown"
    return region.kind if region else None


SWEPT = [
    name
    for name in READABLE
    if name.split("/")[0] in LINES
    and not re.search("/(freebsd|messages)|user|param|arm32", name)  # where another map decides
    and len(table(name)[1]) > 2
]


def test_all_forms_are_swept() -> None:
    assert {name.split("/")[0] for name in SWEPT} == set(LINES)


@pytest.mark.parametrize("name", SWEPT)
def test_an_undamaged_map_has_no_gap(name: str, tmp_path: Path) -> None:
    lines, _ = table(name)
    memmap = read_text(tmp_path / "log", "\n".join(lines) + "\n")
    assert not primary(memmap).gaps
    assert all(p.severity == "note" for p in memmap.problems)


@pytest.mark.parametrize(("name", "how"), crossed(SWEPT, DAMAGE, 5))
def test_damage_is_noticed_and_nothing_wrong_is_concluded(
    name: str, how: str, tmp_path: Path
) -> None:
    lines, inner = table(name)
    good = read_text(tmp_path / "good", "\n".join(lines) + "\n")
    n = inner[len(inner) // 2]
    text = "\n".join(DAMAGE[how](lines, n))
    path = tmp_path / "bad"
    path.write_text(text + ("" if "input" in how else "\n"))
    try:
        bad = read_memmap([str(path)])
    except InputError:
        return
    if primary(bad).entries != primary(good).entries:
        assert any(p.severity != "note" for p in bad.problems)
    start = int(NUMBER.findall(lines[n])[0], 16)
    if not any(g.start is None for g in primary(bad).gaps):
        assert kind(bad, start) in (kind(good, start), "unknown")
