"""Forms of real maps that a second look found misread or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import read_memmap
from hwpkho.memmap.view.regions import resolve
from tests.support import certain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hwpkho.memmap.model import MemoryMap

    Reader = Callable[..., MemoryMap]


ARM64_LOG = (
    "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x413fd0c1]\n"
    "[    0.000000] Linux version 6.1.0-13-arm64 (debian@build) (aarch64-linux-gnu-gcc) #1 SMP\n"
    "[    0.000000] efi: EFI v2.70 by American Megatrends\n"
)
IOMEM = "40000000-bfffffff : System RAM\n  40210000-4194ffff : Kernel code\n"


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Write texts to files and read the map of them all."""

    def read(*texts: str) -> MemoryMap:
        paths = []
        for number, text in enumerate(texts):
            path = tmp_path / f"input{number}"
            path.write_text(text)
            paths.append(str(path))
        return read_memmap(paths)

    return read


def ranges(memmap: MemoryMap) -> list[tuple[int, int, str]]:
    """Return the entries of the primary map."""
    (primary,) = (m for m in memmap.maps if m.primary)
    return [(e.start, e.end, e.type) for e in primary.entries]


def test_resource_without_a_name_keeps_its_place(read: Reader) -> None:
    found = read(
        "00000000-00000fff : \n00100000-3fffffff : System RAM\nf0000000-f0000fff : <BAD>\n"
    )
    assert ranges(found) == [
        (0, 0xFFF, ""),
        (0x100000, 0x3FFFFFFF, "System RAM"),
        (0xF0000000, 0xF0000FFF, "<BAD>"),
    ]


def test_resource_without_a_name_survives_json(read: Reader, tmp_path: Path) -> None:
    from hwpkho.commands.memmap import show
    from hwpkho.report.memmap.to import as_text

    path = tmp_path / "iomem"
    path.write_text("00000000-00000fff : \n00100000-3fffffff : System RAM\n")
    document = as_text(show([str(path)]), "json")
    assert ranges(read(document)) == [(0, 0xFFF, ""), (0x100000, 0x3FFFFFFF, "System RAM")]


def test_itanium_pads_types_and_sizes(read: Reader) -> None:
    # arch/ia64/kernel/efi.c, 2.6.39 to 6.6
    found = read(
        "mem00: type= 4, attr=0x0000000000000009, "
        "range=[0x0000000000000000-0x0000000000001000) (   4KB)\n"
        "mem01: type=11, attr=0x8000000000000001, "
        "range=[0x00000000fed00000-0x00000000fee00000) (   1MB)\n"
        "efi: mem02: [Conventional Memory|   |  |  |  |  |  |  |   |WB|  |  |UC] "
        "range=[0x0000000100000000-0x0000000180000000) (   2GB)\n"
    )
    assert ranges(found) == [
        (0, 0xFFF, "boot_services_data"),
        (0xFED00000, 0xFEDFFFFF, "mmio"),
        (0x100000000, 0x17FFFFFFF, "conventional"),
    ]
    assert not found.problems


def test_first_arm64_kernels_print_no_attributes_and_no_prefix(read: Reader) -> None:
    # arch/arm64/kernel/efi.c, 3.16 to 3.18: reserve_regions()
    found = read(
        "[    0.000000] Processing EFI memory map:\n"
        "[    0.000000]   0x004000000000-0x00400007ffff [Conventional Memory]\n"
        "[    0.000000]   0x004000080000-0x0040012dffff [Loader Data]\n"
        "[    0.000000]   0x0040ff41d000-0x0040ff41ffff [Runtime Data]*\n"
    )
    assert ranges(found) == [
        (0x4000000000, 0x400007FFFF, "conventional"),
        (0x4000080000, 0x40012DFFFF, "loader_data"),
        (0x40FF41D000, 0x40FF41FFFF, "runtime_services_data"),
    ]
    assert found.arch == "arm64"


def test_xen_map_whose_prefix_was_cut_off(read: Reader) -> None:
    # from a mail to xen-devel
    found = read(
        "> Xen-e820 RAM map:\n> \n"
        ">  [0000000000000000, 000000000009fbff] (usable)\n"
        ">  [000000000009fc00, 000000000009ffff] (reserved)\n"
        ">  [0000000100000000, 000000027fffffff] (usable)\n> \n"
        "> (XEN) ELF: phdr: paddr=0x1000 memsz=0x8000\n"
    )
    assert ranges(found) == [
        (0, 0x9FBFF, "usable"),
        (0x9FC00, 0x9FFFF, "reserved"),
        (0x100000000, 0x27FFFFFFF, "usable"),
    ]


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


@pytest.mark.parametrize(
    "outer", ["Soft Reserved", "Persistent Memory", "Persistent Memory (legacy)"]
)
def test_memory_handed_over_to_the_kernel_is_ram(read: Reader, outer: str) -> None:
    memmap = read(
        "00100000-7fffffff : System RAM\n"
        f"480000000-4ffffffff : {outer}\n"
        "  490000000-4ffffffff : dax0.0\n"
        "    490000000-4ffffffff : System RAM (kmem)\n"
        "500000000-5ffffffff : Unknown E820 type\n"
        "  500000000-50fffffff : System RAM (virtio_mem)\n"
    )
    view = resolve(memmap)
    kinds = {at: certain(view.at(at)).kind for at in (0x480000000, 0x490000000)}
    assert kinds == {0x480000000: "device", 0x490000000: "ram"}
    assert [certain(view.at(at)).kind for at in (0x50FFFFFFF, 0x510000000)] == ["ram", "firmware"]
    assert not view.problems


def test_what_is_no_kernel_log_is_refused_beside_a_map_too(read: Reader) -> None:
    with pytest.raises(InputError, match="no memory map found"):
        read("nothing of the kind\n", IOMEM)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(4096), "nothing but zero bytes"),
        (bytes(0x202) + b"HdrS" + bytes(100), "zero page that is not whole"),
        (bytes(0x202) + b"HdrS" + bytes(8192), "zero page that is not whole"),
        (b"\n \n\n", "nothing but blank lines"),
    ],
)
def test_why_a_file_is_no_map(data: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(data)
    with pytest.raises(InputError, match=reason):
        read_memmap([str(path)])


@pytest.mark.parametrize("processor", ["nvidia,tegra132-denver", "apple,icestorm", "qcom,kryo385"])
def test_device_tree_of_arm64_by_its_processor(read: Reader, processor: str) -> None:
    found = read(
        "/dts-v1/;\n/ {\n #address-cells = <1>; #size-cells = <1>;\n"
        ' memory@80000000 { device_type = "memory"; reg = <0x80000000 0x40000000>; };\n'
        f' cpus {{ cpu@0 {{ compatible = "{processor}"; }}; }};\n}};\n'
    )
    assert (found.arch, found.arch_from) == ("arm64", "input")
