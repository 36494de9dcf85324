"""The next kernel's command line: real outcomes, each operator, and what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.errors import UsageError
from hwpkho.memmap.e820 import Slot
from hwpkho.memmap.view.arm64 import limit_end
from hwpkho.memmap.view.cmdline import Cmdline
from hwpkho.memmap.view.crashkernel import crash_kernel
from hwpkho.memmap.view.e820_cmdline import apply
from hwpkho.memmap.view.parameters import parse
from hwpkho.memmap.view.regions import view_of
from tests.support.mapdata import FIXTURES, GIB, MIB, entries, machine

_WORDS = {
    "System RAM": 1, "device reserved": 2, "ACPI data": 3, "ACPI NVS": 4,
    "soft reserved": 0xEFFFFFFF, "persistent RAM (type 12)": 12,
    "usable": 1, "reserved": 2, "persistent (type 12)": 12,
}  # fmt: skip


def log(name: str) -> tuple[str, list[Slot], list[Slot]]:
    """The command line, the firmware's map and the user-defined map of a log."""
    text = (FIXTURES / name).read_text()
    line = re.search(r"Command line: (.*)", text)
    assert line

    def table(who: str) -> list[Slot]:
        found = re.findall(rf"{who}: \[mem (0x\w+)-(0x\w+)\] +(.*)", text)
        return [
            Slot(
                int(a, 0), int(b, 0) + 1 - int(a, 0), _WORDS.get(t) or int(t.removeprefix("type "))
            )
            for a, b, t in found
        ]

    return line[1], table("BIOS-e820"), table("user")


@pytest.mark.parametrize(
    "name",
    [
        "qemu-7.3.4-memmap-params.txt",
        "qemu-7.3.4-ovmf-mem-limit-excerpt.txt",
        "nvdimm-server-excerpt.txt",
    ],
)
def test_real_kernel_came_to_the_same_map(name: str) -> None:
    line, firmware, user = log(name)
    assert len(user) > 8
    assert firmware != user
    assert apply(firmware, parse(line, "x86_64")) == user


BASE = [Slot(0, 0x9F000, 1), Slot(0x100000, 4 * GIB - 0x100000, 1), Slot(5 * GIB, GIB, 2)]


def after(line: str) -> list[tuple[int, int, int]]:
    return [(s.start, s.size, s.type) for s in apply(BASE, parse(line, "x86_64"))]


LOW, TOP = (0, 0x9F000, 1), (5 * GIB, GIB, 2)


def around(*middle: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """The base map with something else in its second GiB."""
    return [LOW, (0x100000, GIB - 0x100000, 1), *middle, (2 * GIB, 2 * GIB, 1), TOP]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("quiet ro", [LOW, (0x100000, 4 * GIB - 0x100000, 1), TOP]),
        ("mem=2G", [LOW, (0x100000, 2 * GIB - 0x100000, 1), TOP]),
        ("memmap=2G", [LOW, (0x100000, 2 * GIB - 0x100000, 1), TOP]),
        ("mem=3G mem=2G", [LOW, (0x100000, 2 * GIB - 0x100000, 1), TOP]),
        ("mem=0x8000_0000".replace("_", ""), [LOW, (0x100000, 2 * GIB - 0x100000, 1), TOP]),
        ("memmap=1G@7G", [LOW, (0x100000, 4 * GIB - 0x100000, 1), TOP, (7 * GIB, GIB, 1)]),
        ("memmap=1G@5G", [LOW, (0x100000, 4 * GIB - 0x100000, 1), TOP]),
        ("memmap=1G$1G", around((GIB, GIB, 2))),
        ("memmap=1G#1G", around((GIB, GIB, 3))),
        ("memmap=1G!1G", around((GIB, GIB, 12))),
        ("memmap=512M!1G,512M!1536M", around((GIB, GIB // 2, 12), (3 * GIB // 2, GIB // 2, 12))),
        ("memmap=1G%1G-1+7", around((GIB, GIB, 7))),
        ("memmap=1G%1G+7", around((GIB, GIB, 7))),
        ("memmap=1G%1G-1", [LOW, (0x100000, GIB - 0x100000, 1), (2 * GIB, 2 * GIB, 1), TOP]),
        ("memmap=8G%0-2", [LOW, (0x100000, 4 * GIB - 0x100000, 1)]),
        ("memmap=3G%2G", [LOW, (0x100000, 2 * GIB - 0x100000, 1), TOP]),
        ("memmap=4G%2G", [LOW, (0x100000, 2 * GIB - 0x100000, 1)]),
        ("memmap=1G%1G-2+7", [LOW, (0x100000, 4 * GIB - 0x100000, 1), TOP]),
        ("memmap=exactmap memmap=640K@0 memmap=1G@1M", [(0, 0xA0000, 1), (MIB, GIB, 1)]),
        ("memmap=exactmap,640K@0,1G@1M", [(0, 0xA0000, 1), (MIB, GIB, 1)]),
        ("mem=1G memmap=1G@2G", [LOW, (0x100000, GIB - 0x100000, 1), (2 * GIB, GIB, 1), TOP]),
        ("memmap=1G@2G mem=1G", [LOW, (0x100000, GIB - 0x100000, 1), TOP]),
        ("mem=1G -- mem=512M", [LOW, (0x100000, GIB - 0x100000, 1), TOP]),
        ('a="mem=1M b" mem=1G', [LOW, (0x100000, GIB - 0x100000, 1), TOP]),
        ("mem=nopentium", [LOW, (0x100000, 4 * GIB - 0x100000, 1), TOP]),
        ("memmap=010M@7G", [LOW, (0x100000, 4 * GIB - 0x100000, 1), TOP, (7 * GIB, 8 * MIB, 1)]),
    ],
)  # fmt: skip
def test_operators(line: str, expected: list[tuple[int, int, int]]) -> None:
    assert after(line) == expected


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("mem=", "mem=: an empty value is not a size"), ("mem=abc", "mem=: abc is not a size"),
        ("mem=0", "not a size above 0"), ("mem=4Gx", "mem=: 4Gx is not a size"),
        ("mem=99999999999999999999", "does not fit into 64 bits"), ("mem=16E", "64 bits"),
        ("mem=" + "9" * 1000, "not a size"),
        ("memmap=", "memmap=: an empty value"), ("memmap=1G@", "memmap=: an empty value"),
        ("memmap=1G@1Gz", "z is not understood"), ("memmap=1G&1G", "expected one of"),
        ("memmap=exact", "memmap=: exact is not"), ("memmap=exactmapx", "expected exactmap"),
        ("memmap=1G%1G-1+1", "both types are 1"), ("memmap=1G%1G-", "type number"),
        ("memmap=1G%1G+0xefffffff0", "type number|32 bits"), ("memmap=1G,", "empty value is not"),
        ("memmap=1E@16383P", r"past 2\^64"),
        ("memmap=exactmap memmap=1G@1M", "Invalid user"),
        ("kho=maybe", "kho=: maybe"), ("reserve_mem=1G", "SIZE:ALIGN:NAME"),
        ("x" * 2048, "longer than the 2047"), ("mem=1G\0", "NUL"),
    ],
)  # fmt: skip
def test_refused(line: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        after(line)


def test_notes(subtests: pytest.Subtests) -> None:
    line = parse(
        "reserve_mem=16M:4K:trace kho_scratch=512M efi_fake_mem=1G@1G:0x40000 kho=0 add_efi_memmap "
        "mem=nopentium",
        "x86_64",
    )
    assert [p.code for p in line.problems] == ["HP559"] * 3 + ["HP561"] + ["HP559"] * 2
    assert line.kho is False
    assert not line.changes_map()
    assert parse("kho=off kho=on", "x86_64").problems == []
    assert parse("kho=off kho=on", "x86_64").kho is True
    assert [p.code for p in parse("memmap=1G@1G", "arm64").problems] == ["HP559"]
    for arch in ("x86_64", "arm64", None):
        with subtests.test(str(arch)):
            line = parse("quiet -- single memmap=1G@1G kho=off", arch)
            assert [p.message.split()[0] for p in line.problems] == ["memmap=", "kho="]
            assert (line.kho, line.changes_map()) == (None, False)


def test_efi() -> None:
    line = parse("efi=runtime,debug,nosoftreserve", "arm64")
    assert line.efi_debug
    assert not line.soft_reserve
    assert not parse("efi=debugger", "arm64").efi_debug


# crashkernel


def crash(value: str, ram: int = 8 * GIB, arch: str = "x86_64") -> tuple[int, int] | str | None:
    line = parse(value, arch)
    found = crash_kernel(line, ram, arch, lambda start, end: start >= GIB and end < 4 * GIB)
    return (found[0], found[1]) if found else (line.problems[0].message if line.problems else None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("crashkernel=256M@1G", (GIB, GIB + 256 * MIB - 1)),
        ("crashkernel=1M@2G crashkernel=256M@1G", (GIB, GIB + 256 * MIB - 1)),
        ("crashkernel=256M@1G crashkernel=1G,high", (GIB, GIB + 256 * MIB - 1)),
        ("crashkernel=4095@1G", (GIB, GIB + 4095)),
        ("crashkernel=0-4G:128M,4G-:512M@1G", (GIB, GIB + 512 * MIB - 1)),
        ("crashkernel=0-8G:128M,8G-:512M@1G", (GIB, GIB + 512 * MIB - 1)),
    ],
)
def test_crash_kernel_at_a_stated_address(value: str, expected: tuple[int, int]) -> None:
    assert crash(value) == expected


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("crashkernel=256M", "the kernel chooses at boot"),
        ("crashkernel=1G,high crashkernel=128M,low", "the kernel chooses at boot"),
        ("crashkernel=1-2G:128M@1G", "reserves nothing on a machine with 8 GiB"),
        ("crashkernel=8G@1G", "more than the 8 GiB"),
        ("crashkernel=256M@1025M", "not aligned"),
        ("crashkernel=256M@5G", "not all of that is RAM"),
    ],
)
def test_crash_kernel_elsewhere_or_not_at_all(value: str, what: str) -> None:
    assert what in str(crash(value))


def test_crash_kernel_of_arm64_needs_less_alignment() -> None:
    assert crash("crashkernel=256M@1026M", arch="arm64") == (1026 * MIB, 1282 * MIB - 1)
    assert crash("quiet") is None
    assert crash("crashkernel=128M,low") is None


@pytest.mark.parametrize(
    "value",
    ["", "x", "256M@", "256M@1Gx", "256Mx", "1G:2M", "2G-1G:1M", "1G-2G", "1G-2G:", "1G-2G:1M@",
     "1G-2G:1Mx", "1G-2G:1M@1Gx", "1G-2G;1M:", "xG,high", "1Gx,high"],
)  # fmt: skip
def test_crash_kernel_refused(value: str) -> None:
    with pytest.raises(UsageError, match="crashkernel="):
        crash(f"crashkernel={value}")


# arm64


def test_limit_counts_unmapped_memory() -> None:
    backed = [(GIB, GIB), (3 * GIB, GIB)]
    assert limit_end(backed, GIB // 2) == 3 * GIB // 2
    assert limit_end(backed, GIB) == 2 * GIB
    assert limit_end(backed, GIB + 1) == 3 * GIB + 1
    assert limit_end(backed, 3 * GIB) is None


def test_mem_on_arm64_keeps_what_is_not_mapped() -> None:
    found = entries(
        (GIB, 2 * GIB, "conventional", {"attr": 8}),
        (2 * GIB, 3 * GIB, "runtime_services_data", {"attr": 8}),
        (3 * GIB, 4 * GIB, "conventional", {"attr": 8}),
        (4 * GIB, 5 * GIB, "mmio", {"attr": 1}),
        (5 * GIB, 6 * GIB, "reserved", {"attr": 8}),
    )
    regions = view_of(machine("arm64", efi=found), next_cmdline="mem=2560M")
    assert [(r.start, r.end + 1, r.kind) for r in regions.regions] == [
        (GIB, 2 * GIB, "ram"), (2 * GIB, 3 * GIB, "firmware"), (3 * GIB, 7 * GIB // 2, "ram"),
        (4 * GIB, 5 * GIB, "firmware"), (5 * GIB, 6 * GIB, "firmware"),
    ]  # fmt: skip


# Properties


@given(st.text(max_size=80), st.sampled_from(("mem=", "memmap=", "crashkernel=", "kho=", "efi=",
                                              "reserve_mem=", "")))  # fmt: skip
def test_any_text(text: str, name: str) -> None:
    for arch in ("x86_64", "arm64"):
        try:
            line = parse(name + text, arch)
            apply(BASE, line)
            crash_kernel(line, 8 * GIB, arch, lambda *_: True)
        except UsageError as error:
            one_line(error)
        else:
            assert isinstance(line, Cmdline)
            assert all(p.message.isprintable() for p in line.problems)


def one_line(error: UsageError) -> None:
    assert str(error).isprintable()
