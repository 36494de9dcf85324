"""Reads files that are a single structure of a handover: a root FDT or a hwpoison blob."""

from __future__ import annotations

from hwpkho.abi import fdt
from hwpkho.abi import hwpoison as blobs
from hwpkho.abi import kho as roots
from hwpkho.abi.kexec_metadata import KEXEC_METADATA_SIZE, KexecMetadata
from hwpkho.base.escape import printable
from hwpkho.base.options import option, taken
from hwpkho.errors import InputError
from hwpkho.handover.debugfs import DebugfsCopy
from hwpkho.images import foreign

#: The most bytes of a structure: one page of the largest size.
MAX_SIZE = 1 << 16


def form_of(head: bytes, size: int) -> str | None:
    """Return which structure a file is, ``root FDT`` or ``hwpoison blob``, None for neither.

    The file has ``size`` bytes; ``head`` are the first ``MAX_SIZE`` of them.
    """
    try:
        found = read(head, size, "")
    except InputError:
        return None
    return "root FDT" if found.fdt is not None else "hwpoison blob"


def read(head: bytes, size: int, name: str) -> DebugfsCopy:
    """Return the structure in a file of ``size`` bytes that begins with ``head``.

    Raises InputError, naming the file as ``name``, that says what it is instead.
    """
    return _fdt(head, size, name) if head[:4] == fdt.MAGIC else _blob(head, size, name)


def _fdt(head: bytes, size: int, name: str) -> DebugfsCopy:
    """Return an FDT: a root FDT, or a hwpoison blob; else InputError."""
    if size > MAX_SIZE:
        raise InputError(
            f"{name}: begins with an FDT, but has {size} bytes, not one page; give raw memory as "
            "FILE@0xBASE"
        )
    copy = DebugfsCopy(name, fdt=head)
    root = copy.root()
    if root and (roots.is_root(root) or (copy.cut and roots.looks_like_root(head))):
        return copy
    blob = blobs.of_file(head, size)
    if blob is not None:
        return DebugfsCopy(name, subtrees={roots.HWPOISON: blob})
    compatible = root.tree.root.get("compatible") if root else None
    shown = f'"{printable(compatible.rstrip(bytes(1))[:60])}"' if compatible else "missing"
    raise InputError(
        f"{name}: an FDT, but neither a KHO root nor a hwpoison blob (compatible is {shown})"
    )


def _blob(head: bytes, size: int, name: str) -> DebugfsCopy:
    """Return a hwpoison blob that is no FDT, perhaps padded with zeros; else InputError."""
    other = other_than(head, size)
    if other is not None:
        raise InputError(f"{name}: {other}")
    blob = blobs.of_file(head, size) if size <= MAX_SIZE else None
    if blob is not None:
        return DebugfsCopy(name, subtrees={roots.HWPOISON: blob})
    found = foreign.of(head)
    if found is not None:
        raise InputError(f"{name}: this is {found}")
    if name.rpartition("/")[2].startswith("kpageflags") and size % 8 == 0:
        # Content cannot show what page flags are; here the name is a good hint.
        said = _as_form("kpageflags")
        raise InputError(f"{name}: nothing in page flags shows what they are: {said} says so")
    raise InputError(f"{name}: not in a format that hwpkho knows; give raw memory as FILE@0xBASE")


def other_than(head: bytes, size: int) -> str | None:
    """Return what a file is that is another known structure, and what reads it; else None."""
    if size == KEXEC_METADATA_SIZE:
        try:
            KexecMetadata.parse(head)
        except ValueError:
            pass
        else:
            return "this is kexec-metadata, not a hwpoison blob"
    from hwpkho.abi import efi_table  # rarely needed

    table = efi_table.describe(head, size)
    if table is None:
        return None
    this = "this may be" if " or " in table else "this is"
    return f"{this} {table}; {_as_form('efi-table')} reads one of poisoned memory"


def _as_form(form: str) -> str:
    said = option("form", form)
    return said if taken("form", form) else f"hwpkho list {said}"
