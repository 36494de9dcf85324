"""Files that are no map, and logs without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import read_memmap

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.mapfiles import Reader

ARM64_LOG = (
    "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x413fd0c1]\n"
    "[    0.000000] Linux version 6.1.0-13-arm64 (debian@build) (aarch64-linux-gnu-gcc) #1 SMP\n"
    "[    0.000000] efi: EFI v2.70 by American Megatrends\n"
)


IOMEM = "40000000-bfffffff : System RAM\n  40210000-4194ffff : Kernel code\n"


def test_log_without_map_is_passed_over_beside_a_map(read: Reader) -> None:
    found = read(ARM64_LOG, IOMEM)
    assert [m.name for m in found.maps] == ["iomem"]
    assert (found.arch, found.arch_from) == ("arm64", "input")
    assert [(p.code, p.severity) for p in found.problems] == [("HP517", "note")]
    assert read(IOMEM, ARM64_LOG).maps == found.maps


def test_log_without_map_alone_is_refused(read: Reader) -> None:
    with pytest.raises(InputError, match="efi=debug"):
        read(ARM64_LOG)
    with pytest.raises(InputError, match=r"input0.*efi=debug"):
        read(ARM64_LOG, ARM64_LOG + "[    1.0] later\n")


def test_log_of_another_architecture_is_no_log_of_this_machine(read: Reader) -> None:
    with pytest.raises(InputError, match="different architectures"):
        read(ARM64_LOG, "00100000-bfffffff : System RAM\nfee00000-fee00fff : Local APIC\n")


def test_what_is_no_kernel_log_is_refused_beside_a_map_too(read: Reader) -> None:
    with pytest.raises(InputError, match="no memory map found"):
        read("nothing of the kind\n", IOMEM)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(4096), "nothing but zero bytes"),
        (bytes(0x202) + b"HdrS" + bytes(100), "incomplete zero page"),
        (bytes(0x202) + b"HdrS" + bytes(8192), "incomplete zero page"),
        (b"\n \n\n", "nothing but blank lines"),
        (b"Node 0, zone   Normal  60  91  40  5  0  1\n", "/proc/buddyinfo"),
        (b'{\n   "memory": [\n      {"range": "0x0000000000000000-0x000000007fffffff"', "lsmem"),
    ],
)
def test_why_a_file_is_no_map(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(data)
    with pytest.raises(InputError, match=reason):
        read_memmap([str(path)])
