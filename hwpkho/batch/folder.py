"""A folder that holds one case: which of its files are inputs, which are memory maps.

Told by content. Memory images, folders of segments, copies of /sys/kernel/debug/kho, root FDTs,
blobs and lists of PFNs are inputs; memory maps of any form, copies of /sys/firmware/memmap
included, are maps. Other text (notes, /proc/meminfo, JSON documents of other programs) and other
folders are left alone and named in the report. What is empty, cannot be told, or is a binary file
of no known kind is refused: a case must not pass because its evidence was overlooked. Hidden
files do not count. A ``handover.json`` beside the segments says what the boot loader passes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from hwpkho.abi import efi_table, fdt
from hwpkho.badpages.model import BadPages
from hwpkho.base import opening
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.handover import debugfs
from hwpkho.images import raw
from hwpkho.images.files import FileBytes
from hwpkho.images.registry import HEAD, format_of
from hwpkho.inputs import recognise as inputs

if TYPE_CHECKING:
    from pathlib import Path

    from hwpkho.judge.options import ValidateOptions

Role = Literal["input", "memmap", "unused"]

#: What is looked at to recognise a file, bytes.
_HEAD = 1 << 16
#: A case has a handful of files; a folder of so many is no case.
_MAX_FILES = 4096


@dataclass(slots=True)
class Contents:
    """What a case's folder holds.

    Attributes:
        inputs: Paths, in the order of their names.
        memmaps: Paths, in the order of their names.
        unused: Names of what is neither.
        handed: The ``handover.json`` beside a folder of segments, None where there is none.
    """

    inputs: list[str] = field(default_factory=list)
    memmaps: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    handed: Path | None = None


def cases(folder: Path) -> list[str]:
    """Return the names of the folders in ``folder`` that are cases, hidden ones left out.

    Raises InputError where ``folder`` is a case itself: its own files would be passed over.
    """
    own = debugfs.is_debugfs(folder)
    names: list[str] = []
    for path in sorted(p for p in folder.iterdir() if not p.name.startswith(".")):
        if path.is_dir():
            names.append(path.name)
        elif path.is_file() and not path.is_symlink():
            head = opening.small(str(path), HEAD)
            own = own or raw.is_segment_name(path.name) or format_of(head) is not None
    if own:
        shown = printable(str(folder))
        raise InputError(f"{shown}: is a case itself; give the folder above it, or a manifest")
    return names


def read(folder: Path) -> Contents:
    """Sort the files of a case. Raises InputError where one cannot be told or none is an input."""
    shown = printable(str(folder))
    found = Contents()
    names = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    if len(names) > _MAX_FILES:
        raise InputError(f"{shown}: {len(names)} files are more than a case has")
    if debugfs.is_debugfs(folder):
        found.inputs.append(str(folder))
        names = [n for n in names if n not in ("in", "out")]
    elif any(raw.is_segment_name(n) for n in names):
        found.inputs.append(str(folder))
        names = [n for n in names if not raw.is_segment_name(n) and n != inputs.HANDOVER_JSON]
    for name in names:
        path = folder / name
        if name == inputs.HANDOVER_JSON and path.is_file():
            found.handed = path
            continue
        role = _folder_role(path) if path.is_dir() else _file_role(path)
        place = {"input": found.inputs, "memmap": found.memmaps, "unused": found.unused}[role]
        place.append(printable(name) if role == "unused" else str(path))
    if not found.inputs:
        rest = f" (not used: {', '.join(found.unused[:8])})" if found.unused else ""
        raise InputError(f"{shown}: no memory image, copy or list in this folder{rest}")
    return found


def with_handed(options: ValidateOptions, contents: Contents) -> ValidateOptions:
    """Return ``options`` completed by what the case's own ``handover.json`` says."""
    if contents.handed is None:
        return options
    text = opening.small(str(contents.handed), _HEAD)
    handed, page_size, arch = inputs.handover_json(text, printable(str(contents.handed)))
    case = options.case
    scratch = case.kho_scratch
    return replace(
        options,
        case=case._replace(
            page_size=case.page_size or page_size,
            arch=case.arch or arch,
            root_fdt=handed.fdt_addr if case.root_fdt is None else case.root_fdt,
            root_size=handed.fdt_size if case.root_fdt is None else case.root_size,
            kho_scratch=(handed.scratch_addr, handed.scratch_size) if scratch is None else scratch,
        ),
    )


def _folder_role(path: Path) -> Role:
    if debugfs.holds_debugfs(path) or raw.segment_files(path):
        return "input"
    from hwpkho.memmap import registry

    return "memmap" if any(f.sniff(path, b"") for f in registry.file_forms()) else "unused"


def _file_role(path: Path) -> Role:
    shown = printable(str(path))
    if not path.is_file():
        raise InputError(f"{shown}: neither a file nor a folder")
    with FileBytes(str(path), inside=True) as file:
        if not file.size:
            raise InputError(f"{shown}: the file is empty")
        head = bytes(file.read(0, _HEAD))
    if format_of(head):
        return "input"
    if head[:4] == fdt.MAGIC:
        # A device tree looks like any FDT; a root FDT or a blob says what it is.
        return "input" if _is_input(path) else _either(path, head, shown)
    if b"\0" in head and not _is_utf16(head):
        return _either(path, head, shown)
    if _is_map_file(path, head) or _has_map_lines(path):
        return "memmap"
    return "input" if _is_list(path) else "unused"


def _either(path: Path, head: bytes, shown: str) -> Role:
    """Tell a structure of a handover from a binary memory map."""
    is_map, is_input = _is_map_file(path, head), _is_input(path)
    if is_map and is_input:
        raise InputError(f"{shown}: may be a hwpoison blob or a memory map; use a manifest")
    if not is_map and efi_table.describe(head, path.stat().st_size):
        inputs.recognise(str(path))  # says what it is
    if not is_map and not is_input:
        raise InputError(
            f"{shown}: a binary file of no known kind; take it out of the folder, or use a "
            "manifest (raw memory is FILE@0xBASE there)"
        )
    return "memmap" if is_map else "input"


def _is_input(path: Path) -> bool:
    try:
        inputs.recognise(str(path))
    except InputError:
        return False
    return True


def _is_utf16(head: bytes) -> bool:
    from hwpkho.logs.text import utf16_of

    return utf16_of(head) is not None


def _is_map_file(path: Path, head: bytes) -> bool:
    from hwpkho.memmap import registry

    return any(form.sniff(path, head) for form in registry.file_forms())


def _has_map_lines(path: Path) -> bool:
    """Tell whether a text has lines of a memory map, damaged ones included."""
    from hwpkho.logs.scanner import Scanner
    from hwpkho.logs.text import blocks
    from hwpkho.memmap import registry
    from hwpkho.memmap.inputs import Input

    forms = registry.line_forms()
    log = Scanner(forms)
    try:
        with Input(str(path)) as source:
            for block in blocks(source.pieces()):
                log.feed(block)
        return any(form.finish() for form in forms)
    except InputError:
        return True


def _is_list(path: Path) -> bool:
    try:
        found = inputs.recognise(str(path))
    except InputError:
        return False
    return isinstance(found, BadPages)
