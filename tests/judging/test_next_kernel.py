"""The next kernel: what is known of it, with a memory map and without."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hwpkho.abi.kho import VERSIONS
from hwpkho.inputs.case import CaseOptions
from hwpkho.judging import machine
from hwpkho.judging.next_kernel import NextKernel
from hwpkho.judging.options import ValidateOptions
from hwpkho.memmap.model import Entry, Map, MemoryMap
from hwpkho.memmap.view.regions import Regions, view_of

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def memory(arch_from: str = "input", next_cmdline: str | None = None) -> Regions:
    entries = (Entry(0, 0x9FFFF, "usable"), Entry(MIB, 1024 * MIB - 1, "usable"))
    maps = (Map("e820_firmware", 0, entries, primary=True),)
    found = MemoryMap("log", "kernel log", "x86_64", arch_from, maps)
    return view_of(found, next_cmdline=next_cmdline)


def test_without_a_map() -> None:
    kernel = machine.next_kernel(ValidateOptions(consumer=3), 16384, None, "arm64")
    assert (kernel.arch, kernel.version, kernel.memory) == ("arm64", VERSIONS["v3"], None)
    assert not kernel.problems
    assert not kernel.kho_off
    assert not kernel.gaps
    assert not kernel.outside(1 << 50)
    assert (kernel.early_pages, kernel.whole_pages) == (17, True)
    assert kernel.page_structs() == kernel.ram_pages() == 0


def test_its_command_line_counts_without_a_map() -> None:
    options = ValidateOptions(next_cmdline="kho=off mem=1G")
    kernel = machine.next_kernel(options, 4096, None, "x86_64")
    assert kernel.kho_off
    assert [p.code for p in kernel.problems] == ["HP561", "HP559"]
    assert not kernel.without_memory().kho_off


@pytest.mark.parametrize(
    ("arch_from", "told", "arch"),
    [("input", None, "x86_64"), ("default", None, None), ("option", "arm64", "x86_64")],
)
def test_a_map_that_only_assumes_its_architecture_tells_none(
    arch_from: str, told: str | None, arch: str | None
) -> None:
    kernel = machine.next_kernel(ValidateOptions(), 4096, memory(arch_from), told)
    assert kernel.arch == arch
    assert kernel.frames is not None


def test_the_user_tells_the_architecture() -> None:
    options = ValidateOptions(CaseOptions(arch="arm64"))
    assert machine.next_kernel(options, 4096, None).arch == "arm64"


def test_with_a_map_and_without_again() -> None:
    before = memory()
    after = memory(next_cmdline="mem=512M kho=off")._replace(before=before)
    kernel = NextKernel(4096, arch="x86_64", cmdline=after.cmdline, memory=after)
    assert kernel.kho_off
    assert kernel.outside(600 * MIB)
    assert not kernel.removes(1 << 60)
    plain = kernel.without_cmdline()
    assert not plain.outside(600 * MIB)
    assert plain.arch == "x86_64"
    assert not plain.kho_off
    alone = kernel.without_memory()
    assert alone.frames is None
    assert not alone.outside(1 << 50)


def test_the_architecture_of_a_list_reads_the_command_line(cli, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    document = {"schema": "hwpkho.list/1", "page_size": 4096, "arch": "x86_64", "pfns": [1]}
    path.write_text(json.dumps(document))
    found = cli("validate", "--json", "--next-cmdline", "mem=1G", path).json
    (note,) = [f for f in found["findings"] if f["code"] == "HP559"]
    assert "not applied: there is no memory map" in note["message"]


def test_a_list_in_pages_that_the_map_s_machine_has_not(cli, tmp_path: Path) -> None:
    """Its architecture and its page size contradict each other: only a list can say both."""
    path, log = tmp_path / "list.json", tmp_path / "log"
    document = {"schema": "hwpkho.list/1", "page_size": 16384, "arch": "x86_64", "pfns": [1]}
    path.write_text(json.dumps(document))
    log.write_text("BIOS-e820: [mem 0x0000000000000000-0x000000007fffffff] usable\n")
    refused = cli("validate", path, "--memmap", log)
    assert refused.code == 3
    assert "is of x86_64, which has 4096" in refused.err
