"""The registries of the forms of memory maps, in the order in which they are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.registry import Registry

if TYPE_CHECKING:
    from hwpkho.maps.forms.base import FileForm, LineForm

#: Whole files and folders: the first that recognises an input reads it.
FILE_FORMS: Registry[type[FileForm]] = Registry(
    "form of memory map",
    {
        "memmap_json": "hwpkho.maps.forms.memmap_json:MemmapJson",
        "capture": "hwpkho.maps.forms.capture:Capture",
        "sysfs_memmap": "hwpkho.maps.forms.sysfs_memmap:SysfsMemmap",
        "sysfs_tar": "hwpkho.maps.forms.sysfs_tar:SysfsTar",
        "devicetree": "hwpkho.maps.forms.devicetree:DeviceTree",
        "dts": "hwpkho.maps.forms.dts:DeviceTreeSource",
        "zero_page": "hwpkho.maps.forms.zero_page:ZeroPage",
        "setup_data_e820": "hwpkho.maps.forms.setup_data_e820:SetupDataE820",
        "efi_descriptors": "hwpkho.maps.forms.efi_descriptors:EfiDescriptors",
        "e820_entries": "hwpkho.maps.forms.e820_entries:E820Entries",
    },
)

#: Lines among others: all of them read a text together.
LINE_FORMS: Registry[type[LineForm]] = Registry(
    "form of memory map",
    {
        "dmesg_e820": "hwpkho.maps.forms.dmesg_e820:DmesgE820",
        "dmesg_efi": "hwpkho.maps.forms.dmesg_efi:DmesgEfi",
        "iomem": "hwpkho.maps.forms.iomem:Iomem",
        "sysfs_grep": "hwpkho.maps.forms.sysfs_grep:SysfsGrep",
        "efi_shell": "hwpkho.maps.forms.efi_shell:EfiShell",
        "grub": "hwpkho.maps.forms.grub:Grub",
        "uboot": "hwpkho.maps.forms.uboot:UBoot",
        "xen": "hwpkho.maps.forms.xen:Xen",
        "freebsd": "hwpkho.maps.forms.freebsd:FreeBsd",
        "esxi": "hwpkho.maps.forms.esxi:Esxi",
    },
)


def file_forms() -> list[FileForm]:
    """Return one of each form that is a whole input."""
    return [form() for form in FILE_FORMS]


def line_forms() -> list[LineForm]:
    """Return a new instance of each form made of lines, for one log."""
    return [form() for form in LINE_FORMS]
