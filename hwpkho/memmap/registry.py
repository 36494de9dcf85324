"""The registries of the forms of memory maps, in the order in which they are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from hwpkho.memmap.formats.base import FileForm, LineForm

#: Whole files and folders: the first that recognises an input reads it.
FILE_FORMS: Registry[type[FileForm]] = Registry(
    "form of memory map",
    {
        "memmap_json": "hwpkho.memmap.formats.memmap_json:MemmapJson",
        "capture": "hwpkho.memmap.formats.capture:Capture",
        "sysfs_memmap": "hwpkho.memmap.formats.sysfs_memmap:SysfsMemmap",
        "sysfs_tar": "hwpkho.memmap.formats.sysfs_tar:SysfsTar",
        "devicetree": "hwpkho.memmap.formats.devicetree:DeviceTree",
        "dts": "hwpkho.memmap.formats.dts:DeviceTreeSource",
        "zero_page": "hwpkho.memmap.formats.zero_page:ZeroPage",
        "setup_data_e820": "hwpkho.memmap.formats.setup_data_e820:SetupDataE820",
        "efi_descriptors": "hwpkho.memmap.formats.efi_descriptors:EfiDescriptors",
        "e820_entries": "hwpkho.memmap.formats.e820_entries:E820Entries",
    },
)

#: Lines among others: all of them read a text together.
LINE_FORMS: Registry[type[LineForm]] = Registry(
    "form of memory map",
    {
        "dmesg_e820": "hwpkho.memmap.formats.dmesg_e820:DmesgE820",
        "dmesg_efi": "hwpkho.memmap.formats.dmesg_efi:DmesgEfi",
        "iomem": "hwpkho.memmap.formats.iomem:Iomem",
        "sysfs_grep": "hwpkho.memmap.formats.sysfs_grep:SysfsGrep",
        "efi_shell": "hwpkho.memmap.formats.efi_shell:EfiShell",
        "grub": "hwpkho.memmap.formats.grub:Grub",
        "uboot": "hwpkho.memmap.formats.uboot:UBoot",
        "xen": "hwpkho.memmap.formats.xen:Xen",
        "freebsd": "hwpkho.memmap.formats.freebsd:FreeBsd",
        "esxi": "hwpkho.memmap.formats.esxi:Esxi",
    },
)


def file_forms() -> list[FileForm]:
    """Return one of each form that is a whole input."""
    return [form() for form in FILE_FORMS]


def file_form(path: Path, head: bytes) -> FileForm | None:
    """Return the form of a whole file, or of a folder (``head`` is empty); None for none."""
    return next((form for form in file_forms() if form.sniff(path, head)), None)


def line_forms() -> list[LineForm]:
    """Return a new instance of each form made of lines, for one log."""
    return [form() for form in LINE_FORMS]
