"""Recognises what an input is, by its content and not by its name; no other module does.

Only a folder of memory maps is sorted below it, by :mod:`hwpkho.memmap.folders`.

It looks at a file's first 64 KiB, and, if they do not tell, at all of its text in one pass.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import boot_json, fdt
from hwpkho.badpages import registry as lists
from hwpkho.base import opening, places, tar
from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.images import raw
from hwpkho.images.files import FileBytes
from hwpkho.images.registry import format_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

#: Bytes at the beginning of a file that are looked at first.
HEAD = 1 << 16


class Kind(Enum):
    """What an input may be."""

    IMAGE = "memory image"
    STRUCTURE = "structure of a handover"
    DEBUGFS = "copy of debugfs"
    LIST = "list of bad pages"
    MEMMAP = "memory map"


#: The kinds of inputs of a case, apart from its memory map.
INPUTS = frozenset(Kind) - {Kind.MEMMAP}


class Answer(NamedTuple):
    """One thing that an input may be.

    Attributes:
        kind: Its kind.
        form: Name of the image format, or of the form of list, map or structure.
        whole: False where it is only a part of the text, as in a log.
    """

    kind: Kind
    form: str
    whole: bool = True


def of_path(path: Path, among: Collection[Kind] = frozenset(Kind)) -> tuple[Answer, ...]:
    """Return what a path inside a folder may be; see :func:`of_file` and :func:`of_folder`.

    Raises InputError where it is neither a file nor a folder, or is an empty file.
    """
    if places.is_folder(path):
        return of_folder(path, among)
    shown = printable(str(path))
    if not places.is_file(path):
        raise InputError(f"{shown}: neither a file nor a folder")
    with FileBytes(str(path), inside=True) as file:
        if not file.size:
            raise InputError(f"{shown}: the file is empty")
        return of_file(file, among)


def of_folder(folder: Path, among: Collection[Kind] = frozenset(Kind)) -> tuple[Answer, ...]:
    """Return everything of the kinds ``among`` that a folder may be; empty if unknown."""
    from hwpkho.handover import debugfs  # not for files

    found: list[Answer] = []
    if Kind.DEBUGFS in among and debugfs.holds_debugfs(folder):
        found.append(Answer(Kind.DEBUGFS, "debugfs"))
    if Kind.IMAGE in among and raw.segment_files(folder):
        found.append(Answer(Kind.IMAGE, "segments"))
    if Kind.MEMMAP in among:
        found += _file_map(folder, b"")
    return tuple(found)


def of_file(file: FileBytes, among: Collection[Kind] = frozenset(Kind)) -> tuple[Answer, ...]:
    """Return everything of the kinds ``among`` that a file may be, the likeliest first.

    A log may be a memory map and a list. Empty if unknown. The file must not be empty.
    """
    head = bytes(file.read(0, HEAD))
    image = format_of(head)
    if image is not None:
        return (Answer(Kind.IMAGE, image.name),) if Kind.IMAGE in among else ()
    if tar.is_tar(head[: tar.BLOCK]):  # text inside an archive does not count
        return tuple(_file_map(Path(file.path), head)) if Kind.MEMMAP in among else ()
    from hwpkho.images import foreign  # not for images

    text = is_text(head)
    found: list[Answer] = []
    listed = Kind.LIST in among and not foreign.of_option(head)
    sure, possible = _lists(head) if listed else ([], [])
    if Kind.STRUCTURE in among and not text:
        from hwpkho.inputs import structures

        form = structures.form_of(head, file.size)
        found += [Answer(Kind.STRUCTURE, form)] if form else []
    # Any FDT may be a device tree, which is a map; a root FDT or a blob is recognised first.
    if Kind.MEMMAP in among and not (found and head.startswith(fdt.MAGIC)):
        found += _file_map(Path(file.path), head)
    text = text or (not found and not sure and _is_cut_text(file))
    lines = Kind.MEMMAP in among and text and not found
    if lines:
        found += _in_blocks([head], [], maps=True)
    found += [Answer(Kind.LIST, name) for name in sure]
    lines = lines and not found
    if text and not sure and (possible or lines):
        found += _in_blocks(_pieces(file), possible, maps=lines)
    return tuple(found)


def own_parts(folder: Path, names: Iterable[str]) -> set[str]:
    """Return the ``names`` in a folder that make the folder itself an input; empty for none.

    These are the sides of a debugfs copy with the scratch files beside them, or memory segments
    with their ``handover.json``.
    """
    from hwpkho.handover import debugfs

    names = set(names)
    if names & debugfs.SIDES.keys() and debugfs.is_debugfs(folder):
        return {name for name in names if name in debugfs.SIDES or name in debugfs.BESIDE}
    names.update(path.name for path in places.without_content(folder))
    segments = {name for name in names if raw.is_segment_name(name)}
    return segments | (names & {boot_json.HANDOVER_JSON}) if segments else set()


def is_debugfs(folder: Path, names: Iterable[str]) -> bool:
    """Tell whether a folder with these ``names`` in it is a copy of debugfs, or has one in it."""
    from hwpkho.handover import debugfs

    # A batch asks for every folder, and nearly none has one.
    return not debugfs.PARTS.isdisjoint(names) and debugfs.holds_debugfs(folder)


def is_image(path: Path) -> bool:
    """Tell whether a file is a memory image. Raises InputError where it cannot be read."""
    return format_of(opening.small(str(path), HEAD)) is not None


def is_archive(path: Path) -> bool:
    """Tell whether a file is a tar archive, compressed or not. Raises InputError as above."""
    return tar.is_tar(opening.small(str(path), tar.BLOCK)[: tar.BLOCK])


def evidence(path: Path) -> str | None:
    """Return why a file that was not recognised must not be ignored; None for text."""
    with FileBytes(str(path), inside=True) as file:
        head, size = bytes(file.read(0, HEAD)), file.size
        if is_text(head) or (format_of(head) is None and _is_cut_text(file)):
            return None
    from hwpkho.images import foreign  # only for a file that is refused
    from hwpkho.inputs import structures

    found = foreign.of(head)
    other = structures.other_than(head, size) or (f"this is {found}" if found else None)
    return other or "a binary file of no known kind"


def is_text(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is text, UTF-16 included."""
    if b"\0" not in head:
        return True
    from hwpkho.logs.text import utf16_of

    return utf16_of(head) is not None


def _is_cut_text(file: FileBytes) -> bool:
    from hwpkho.logs.text import is_text_with_nuls

    return is_text_with_nuls(_pieces(file))


def _file_map(path: Path, head: bytes) -> Iterator[Answer]:
    """Yield the form of memory map that a file or folder is as a whole, if it is one."""
    from hwpkho.memmap import registry as maps

    form = maps.file_form(path, head)
    if form is not None:
        yield Answer(Kind.MEMMAP, form.name)


def _lists(head: bytes) -> tuple[list[str], list[tuple[str, lists.Searched]]]:
    """Return the forms of list that recognise a file, and those that must see the rest of it."""
    sure: list[str] = []
    possible: list[tuple[str, lists.Searched]] = []
    for form in lists.readers():
        answer = form.sniff(head)
        if answer is True:
            sure.append(form.name)
        elif answer:
            possible.append((form.name, answer))
    return sure, possible


def _pieces(file: FileBytes) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces, without its holes."""
    for start, end in file.data_ranges():
        for at in range(start, end, HEAD):
            yield bytes(file.read(at, min(HEAD, end - at)))


def _in_blocks(
    pieces: Iterable[bytes], possible: Sequence[tuple[str, lists.Searched]], *, maps: bool
) -> Iterator[Answer]:
    """Yield the answers for a text: a memory map first, then the lists of the first block that
    matches any.
    """
    from hwpkho.logs.text import blocks
    from hwpkho.memmap.lines import MapLines

    lines = MapLines() if maps else None
    found: list[str] = []
    for block in blocks(pieces):
        if lines is not None:
            lines.feed(block)
        if not found:
            found = [name for name, pattern in possible if pattern.search(block)]
        if found and lines is None:
            break
    form = lines.form() if lines is not None else None
    if form is not None:
        yield Answer(Kind.MEMMAP, form)
    for name in found:
        yield Answer(Kind.LIST, name, whole=False)
