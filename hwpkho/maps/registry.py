"""The forms of memory maps, in the order in which they are tried. Adding one is a line here."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwpkho.maps.forms.base import FileForm, LineForm

#: Whole files and folders: the first that recognises an input reads it.
FILE_FORMS = (
    "memmap_json:MemmapJson",
    "capture:Capture",
    "sysfs_memmap:SysfsMemmap",
    "sysfs_tar:SysfsTar",
    "devicetree:DeviceTree",
    "dts:DeviceTreeSource",
    "zero_page:ZeroPage",
    "setup_data_e820:SetupDataE820",
    "efi_descriptors:EfiDescriptors",
    "e820_entries:E820Entries",
)

#: Lines among others: all of them read a text together.
LINE_FORMS = (
    "dmesg_e820:DmesgE820",
    "dmesg_efi:DmesgEfi",
    "iomem:Iomem",
    "sysfs_grep:SysfsGrep",
    "efi_shell:EfiShell",
    "grub:Grub",
    "uboot:UBoot",
    "xen:Xen",
    "freebsd:FreeBsd",
    "esxi:Esxi",
)


def file_forms() -> list[FileForm]:
    """Return one of each form that is a whole input."""
    return [_make(name) for name in FILE_FORMS]


def line_forms() -> list[LineForm]:
    """Return a new instance of each form made of lines, for one log."""
    return [_make(name) for name in LINE_FORMS]


def _make(name: str) -> Any:
    return _class(name)()


@cache
def _class(name: str) -> Any:
    module, _, cls = name.partition(":")
    return getattr(import_module(f"hwpkho.maps.forms.{module}"), cls)
