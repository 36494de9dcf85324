"""Reads a folder that contains one case: sorts its files into inputs and memory maps.

Files are recognised by content. Memory images, folders of segments, copies of
/sys/kernel/debug/kho, root FDTs, blobs and lists of bad pages are inputs. Memory maps of any form,
copies of /sys/firmware/memmap included, are maps. A log that contains a map is a map. The bad pages
of logs become the case's list only if the folder has no other list and no handover; a note says so.
Other text (notes, /proc/meminfo, JSON of other programs) and other folders are not used, and named
in the report. Empty, ambiguous and unknown binary files are refused: a case must not pass because
evidence was overlooked. Hidden files are ignored. A ``handover.json`` beside the segments says what
the boot loader passes on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hwpkho.abi import boot_json
from hwpkho.badpages import registry as lists
from hwpkho.base import opening, places
from hwpkho.base.escape import printable
from hwpkho.base.options import command, option
from hwpkho.errors import InputError
from hwpkho.images import raw
from hwpkho.images.files import FileBytes
from hwpkho.inputs import recognise, sosreport
from hwpkho.inputs.recognise import Kind

if TYPE_CHECKING:
    from hwpkho.handover.stated import CaseOptions

Role = Literal["input", "memmap", "unused"]

#: The most files of a case; real ones have a handful.
_MAX_FILES = 4096
#: Files of equal size are copies of each other if so many bytes at both ends are equal.
_END = 1 << 16
#: How many subfolders are tried, to tell a folder of cases from one without any.
_LOOKED_AT = 4


class Contents:
    """The sorted files of a case's folder.

    Attributes:
        inputs: Paths of inputs, in the order of their names.
        memmaps: Paths of memory maps, in the order of their names.
        unused: Names of the other files and folders, printable.
        said: Notes on how files were chosen, one line each.
        boot: The ``handover.json`` beside the inputs, None where there is none.
    """

    def __init__(self) -> None:
        self.inputs: list[str] = []
        self.memmaps: list[str] = []
        self.unused: list[str] = []
        self.said: list[str] = []
        self.boot: Path | None = None

    def notes(self) -> list[str]:
        """Return ``said``, and a line with the unused names if there are any."""
        return [*self.said, *([f"not used: {', '.join(self.unused)}"] if self.unused else [])]


def named(spec: str) -> Path | None:
    """Return the folder that ``spec`` names, or the one inside a tar archive; None for others.

    Raises InputError where the archive is damaged.
    """
    if raw.split_base(spec):
        return None
    found = opening.enter(spec) or (spec if places.is_folder(spec) else None)
    if found is None:
        return None
    return _top(found)


def _top(path: str | Path) -> Path:
    """Return the folder of an archive that holds the case; others as they are."""
    return places.top(path, lambda at: bool(recognise.of_folder(at)) or sosreport.is_one(at))


def cases(folder: Path) -> list[str]:
    """Return the names of the cases in ``folder``: its subfolders and tar archives, sorted.

    Hidden ones are left out. Raises InputError where ``folder`` is a case itself, whose own files
    would be ignored, or it cannot be read.
    """
    names: list[str] = []
    files: list[Path] = []
    for path in places.inside(folder):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            names.append(path.name)
        elif path.is_file() and not path.is_symlink():
            files.append(path)
    own = recognise.own_parts(folder, (*names, *(path.name for path in files)))
    if own or any(recognise.is_image(path) for path in files):
        shown = printable(str(folder))
        batch = option("batch")
        raise InputError(
            f"{shown}: is a case itself; give it without {batch}, or the folder above it"
        )
    return sorted(names + [path.name for path in files if recognise.is_archive(path)], key=natural)


def natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key for names: host9 comes before host10."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", name)
    # Without leading zeros, more digits are the larger number; int() is slow on hostile names.
    return [
        (0, len(digits.lstrip("0")), digits.lstrip("0")) if digits else (1, 0, word)
        for digits, word in parts
    ] + [(-1, 0, name)]


def read(folder: Path) -> Contents:
    """Sort the files of a case.

    Raises InputError where a file cannot be identified, or none is an input.
    """
    found = _read(folder)
    if not found.inputs:
        raise InputError(f"{printable(str(folder))}: {_nothing(folder, found)}")
    return found


def _read(folder: Path) -> Contents:
    """As :func:`read`, but do not raise where there is no input."""
    shown = printable(str(folder))
    names = [p.name for p in places.inside(folder) if not p.name.startswith(".")]
    if len(names) > _MAX_FILES:
        raise InputError(f"{shown}: {len(names)} files are too many for one case")
    archive = places.within(folder)
    if archive is not None and archive[0].is_empty():
        raise InputError(
            f"{archive[0].shown}: every file in this archive is empty, as tar packs files of "
            "debugfs and /proc; copy them first (cp -r) and pack the copy"
        )
    found = _of_sosreport(folder) if sosreport.is_one(folder) else _sorted(folder, names)
    if archive is not None:
        found.said += archive[0].notes()
    return found


def _sorted(folder: Path, names: list[str]) -> Contents:
    found = Contents()
    own = recognise.own_parts(folder, names)
    if own:
        found.inputs.append(str(folder))
        names = [name for name in names if name not in own]
    elif recognise.is_debugfs(folder, names) and not any(
        recognise.of_folder(folder / name, {Kind.DEBUGFS})
        for name in names
        if places.is_folder(folder / name)
    ):
        found.inputs.append(str(folder))  # the folder is one side of a debugfs copy
        return found
    logs: list[Path] = []
    for name in names:
        path = folder / name
        if name == boot_json.HANDOVER_JSON and places.is_file(path):
            found.boot = path
            continue
        path = _entered(path)
        role, log = _role(path)
        if log:
            logs.append(path)
        place = {"input": found.inputs, "memmap": found.memmaps, "unused": found.unused}[role]
        place.append(printable(name) if role == "unused" else str(path))
    if not found.inputs:
        _take_logs(found, logs, "the case has neither a handover nor another list")
    if not found.inputs and sosreport.has_logs(folder):
        return _of_sosreport(folder, found)
    return found


def _nothing(folder: Path, found: Contents) -> str:
    """Return why a folder is not a case, as the end of a message."""
    from hwpkho.inputs import mistakes

    other = mistakes.no_case(str(folder))
    if other is not None:
        return other
    below = [p for p in places.inside(folder) if places.is_folder(p)][:_LOOKED_AT]
    if any(_is_case(path) for path in below):
        if places.within(folder) is not None:
            each = command("validate --batch", "FOLDER")
            return f"an archive of cases, not one case; unpack it, and judge each: {each}"
        return f"a folder of cases, not one case; {mistakes.cases(str(folder))}"
    if found.memmaps:
        only = printable(Path(found.memmaps[0]).name)
        return f"no memory image, copy or list in this folder, only a memory map ({only})"
    rest = f" (not used: {', '.join(found.unused[:8])})" if found.unused else ""
    return f"no memory image, copy or list in this folder{rest}"


def _is_case(folder: Path) -> bool:
    try:
        return bool(_read(_top(folder)).inputs)
    except (InputError, OSError):
        return False


def _of_sosreport(folder: Path, beside: Contents | None = None) -> Contents:
    """Return the maps of a sosreport, and its debugfs copy, or else its logs that name bad pages.

    ``beside`` is what was already found in the top folder. Raises InputError where there is no
    handover and no such log.
    """
    found = beside or Contents()
    maps, found.said = sosreport.maps(folder)
    found.memmaps += [str(path) for path in maps if str(path) not in found.memmaps]
    copy = sosreport.debugfs(folder)
    if copy is not None:
        found.inputs.append(str(copy))
        return found
    logs: dict[object, Path] = {}  # by content: a sosreport may have a log twice
    for path in sosreport.logs(folder):
        ends = _ends(path)
        if ends is not None and ends not in logs and recognise.of_path(path, {Kind.LIST}):
            logs[ends] = path
    _take_logs(found, list(logs.values()), "the sosreport has no handover")
    if not found.inputs:
        raise InputError(
            f"{printable(str(folder))}: a sosreport without a handover, and no log in it names a "
            "bad page"
        )
    return found


def _ends(path: Path) -> tuple[int, bytes, bytes] | None:
    """Return a file's size, first bytes and last bytes; None for an empty file."""
    with FileBytes(str(path), inside=True) as file:
        if not file.size:
            return None
        last = max(file.size - _END, 0)
        return file.size, bytes(file.read(0, _END)), bytes(file.read(last, _END))


def with_boot(case: CaseOptions, contents: Contents) -> CaseOptions:
    """Return options completed from the case's ``handover.json``; given options stay.

    Raises InputError where the file is invalid.
    """
    if contents.boot is None:
        return case
    text = opening.small(str(contents.boot), boot_json.MAX_SIZE)
    said = boot_json.parse(text, printable(str(contents.boot)))
    root, root_size = said.kho_fdt
    own_root = case.root_fdt is None
    return case._replace(
        page_size=case.page_size or said.page_size,
        arch=case.arch or said.arch,
        root_fdt=root if own_root else case.root_fdt,
        root_size=root_size if own_root else case.root_size,
        kho_scratch=said.kho_scratch if case.kho_scratch is None else case.kho_scratch,
    )


def _take_logs(found: Contents, logs: list[Path], why: str) -> None:
    """Move those ``logs`` that name bad pages to the inputs; corrected errors do not count."""
    taken = [path for path in logs if not _says_nothing(path)]
    found.inputs += map(str, taken)
    names = [printable(path.name) for path in taken]
    found.unused = [unused for unused in found.unused if unused not in names]
    if len(names) == 1:
        found.said.append(f"{names[0]}: the bad pages of this log are the list: {why}")
    elif names:
        found.said.append(f"{', '.join(names)}: the bad pages of these logs are the list: {why}")


def _says_nothing(path: Path) -> bool:
    with FileBytes(str(path), inside=True) as file:
        answers = recognise.of_file(file, {Kind.LIST})
        try:
            return not lists.reader(answers[0].form).read(file, lists.Asked()).pfns
        except InputError:
            return False  # it does say that memory is bad; reading it as input raises this again


def _entered(path: Path) -> Path:
    """Return the folder inside a tar archive of inputs in a case's folder; else ``path``."""
    if places.is_folder(path) or not places.is_file(path) or not recognise.is_archive(path):
        return path
    inside = opening.enter(str(path))
    top = places.top(inside, lambda at: bool(recognise.of_folder(at))) if inside else path
    return top if recognise.of_folder(top, recognise.INPUTS) else path


def _role(path: Path) -> tuple[Role, bool]:
    """Return the role of a file or folder in a case, and whether it is a log of bad pages.

    Raises InputError where it is ambiguous, or a binary file of an unknown kind.
    """
    answers = recognise.of_path(path)
    shown = printable(str(path))
    kinds = {answer.kind for answer in answers}
    if {Kind.STRUCTURE, Kind.MEMMAP} <= kinds:
        raise InputError(f"{shown}: may be a hwpoison blob or a memory map; use a manifest")
    if answers:
        log = any(answer.kind is Kind.LIST and not answer.whole for answer in answers)
        if kinds <= {Kind.MEMMAP, Kind.LIST} and Kind.MEMMAP in kinds:
            return "memmap", log  # a log with a map counts as the map
        return ("unused", True) if log else ("input", False)
    why = None if places.is_folder(path) else recognise.evidence(path)
    if why is not None:
        raise InputError(
            f"{shown}: {why}; take it out of the folder, or use a manifest (raw memory is "
            "FILE@0xBASE there)"
        )
    return "unused", False
