"""A folder that holds one case: which of its files are inputs, which are memory maps.

Content decides. Memory images, folders of segments, copies of /sys/kernel/debug/kho, root FDTs,
blobs and lists of bad pages are inputs; memory maps of any form, copies of /sys/firmware/memmap
included, are maps. A log is a map where it has one; the bad pages that it names are the list only
where the folder has no other list and no handover, and that is said. Other text (notes,
/proc/meminfo, JSON documents of other programs) and other folders are left alone and named in the
report. What is empty, ambiguous, or a binary file of no known kind is refused: a case must not pass
because its evidence was overlooked. Hidden files do not count. A ``handover.json`` beside the
segments says what the boot loader passes on.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from hwpkho.abi import boot_json
from hwpkho.badpages import registry as lists
from hwpkho.base import opening
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.images.files import FileBytes
from hwpkho.inputs import recognise
from hwpkho.inputs.recognise import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from hwpkho.judging.options import ValidateOptions

Role = Literal["input", "memmap", "unused"]

#: A case has a handful of files; a folder of so many is no case.
_MAX_FILES = 4096


@dataclass(slots=True)
class Contents:
    """What a case's folder holds.

    Attributes:
        inputs: Paths, in the order of their names.
        memmaps: Paths, in the order of their names.
        unused: Names of what is neither.
        said: Lines for the report, on how the files were chosen.
        boot: The ``handover.json`` beside a folder of segments, None where there is none.
    """

    inputs: list[str] = field(default_factory=list)
    memmaps: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    boot: Path | None = None


def cases(folder: Path) -> list[str]:
    """Return the names of the folders in ``folder`` that are cases, hidden ones left out.

    Raises InputError where ``folder`` is a case itself: its own files would be passed over.
    """
    names: list[str] = []
    files: list[Path] = []
    for path in sorted(p for p in folder.iterdir() if not p.name.startswith(".")):
        if path.is_dir():
            names.append(path.name)
        elif path.is_file() and not path.is_symlink():
            files.append(path)
    own = recognise.own_parts(folder, (*names, *(path.name for path in files)))
    if own or any(recognise.is_image(path) for path in files):
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
    own = recognise.own_parts(folder, names)
    if own:
        found.inputs.append(str(folder))
        names = [name for name in names if name not in own]
    logs: list[Path] = []
    for name in names:
        path = folder / name
        if name == boot_json.HANDOVER_JSON and path.is_file():
            found.boot = path
            continue
        role, log = _role(path)
        if log:
            logs.append(path)
        place = {"input": found.inputs, "memmap": found.memmaps, "unused": found.unused}[role]
        place.append(printable(name) if role == "unused" else str(path))
    if not found.inputs:
        _take_logs(found, logs)
    if not found.inputs:
        rest = f" (not used: {', '.join(found.unused[:8])})" if found.unused else ""
        raise InputError(f"{shown}: no memory image, copy or list in this folder{rest}")
    return found


def with_boot(options: ValidateOptions, contents: Contents) -> ValidateOptions:
    """Return ``options`` completed by what the case's own ``handover.json`` says."""
    if contents.boot is None:
        return options
    text = opening.small(str(contents.boot), boot_json.MAX_SIZE)
    said = boot_json.parse(text, printable(str(contents.boot)))
    case = options.case
    root, root_size = said.kho_fdt
    own_root = case.root_fdt is None
    return replace(
        options,
        case=case._replace(
            page_size=case.page_size or said.page_size,
            arch=case.arch or said.arch,
            root_fdt=root if own_root else case.root_fdt,
            root_size=root_size if own_root else case.root_size,
            kho_scratch=said.kho_scratch if case.kho_scratch is None else case.kho_scratch,
        ),
    )


def _take_logs(found: Contents, logs: list[Path]) -> None:
    """Make those logs the list that name bad pages; corrected errors are none."""
    for path in logs:
        if _says_nothing(path):
            continue
        name = printable(path.name)
        found.inputs.append(str(path))
        found.unused = [unused for unused in found.unused if unused != name]
        found.said.append(
            f"{name}: the bad pages of this log are the list: the case has no handover and no other"
        )


def _says_nothing(path: Path) -> bool:
    with FileBytes(str(path), inside=True) as file:
        answers = recognise.of_file(file, {Kind.LIST})
        try:
            return not lists.reader(answers[0].form).read(file, lists.Asked()).pfns
        except InputError:
            return False  # it says that memory is bad, and whoever reads it hears why


def _role(path: Path) -> tuple[Role, bool]:
    """Tell what a file or folder of a case is to it, and whether it is a log of bad pages."""
    answers = recognise.of_path(path)
    shown = printable(str(path))
    kinds = {answer.kind for answer in answers}
    if {Kind.STRUCTURE, Kind.MEMMAP} <= kinds:
        raise InputError(f"{shown}: may be a hwpoison blob or a memory map; use a manifest")
    if answers:
        log = any(answer.kind is Kind.LIST and not answer.whole for answer in answers)
        if kinds <= {Kind.MEMMAP, Kind.LIST} and Kind.MEMMAP in kinds:
            return "memmap", log  # a log that is map and list is the map
        return ("unused", True) if log else ("input", False)
    why = None if path.is_dir() else recognise.evidence(path)
    if why is not None:
        raise InputError(
            f"{shown}: {why}; take it out of the folder, or use a manifest (raw memory is "
            "FILE@0xBASE there)"
        )
    return "unused", False
