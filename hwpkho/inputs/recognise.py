"""Recognises what a user gave, by content and never by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import efi_table, fdt
from hwpkho.abi import hwpoison as blobs
from hwpkho.abi import kho as roots
from hwpkho.abi.kexec_metadata import KEXEC_METADATA_SIZE, KexecMetadata
from hwpkho.badpages import registry as lists
from hwpkho.badpages.model import BadPages
from hwpkho.base import opening
from hwpkho.base.arch import ARCHES, known, page_sizes
from hwpkho.base.escape import printable
from hwpkho.codes import problem
from hwpkho.codes.image import UNREADABLE_FILE
from hwpkho.errors import InputError
from hwpkho.handover import debugfs as copies
from hwpkho.handover.assemble import Noted
from hwpkho.handover.boot_loader import BootHandover
from hwpkho.handover.find_root import Rejected
from hwpkho.images import raw
from hwpkho.images.files import FileBytes
from hwpkho.images.registry import open_image

if TYPE_CHECKING:
    import re

    from hwpkho.badpages.registry import Asked
    from hwpkho.handover.model import Role
    from hwpkho.images.base import Source
    from hwpkho.images.capture_note import DebugfsCopy

#: A single structure is at most this long: one page of the largest size.
_MAX_STRUCTURE = 1 << 16
#: A text is looked through in pieces of so many bytes.
_PIECE = 1 << 16
HANDOVER_JSON = "handover.json"


class Memory(NamedTuple):
    """A memory image, and what is known beside it.

    Attributes:
        source: The memory.
        handed: What a ``handover.json`` beside its segments, or a note in it, says.
        page_size: Bytes, likewise.
        copies: Of debugfs, in a capture.
        noted: What a capture says of the image that it was made of, None for other images.
    """

    source: Source
    handed: BootHandover | None = None
    page_size: int | None = None
    copies: tuple[copies.Copy, ...] = ()
    noted: Noted | None = None


Recognised = Memory | list[copies.Copy] | BadPages


def recognise(spec: str, asked: Asked | None = None, *, bare: bool = True) -> Recognised:
    """Open one input: a memory image, copies of structures, or a list of PFNs.

    ``asked`` is what the user says of lists; without ``bare`` a text is refused before it is read.
    Raises InputError where the content is none that hwpkho reads.
    """
    located = raw.split_base(spec)
    if located:
        return Memory(raw.open_raw(*located))
    if spec != "-" and Path(spec).is_dir():
        return _folder(Path(spec))
    file = FileBytes(spec)
    name = "stdin" if spec == "-" else printable(spec)
    if not file.size:
        raise InputError(f"{name}: the file is empty")
    image = open_image(file)
    if image is not None:
        if image.capture_note:
            return _capture(image, name)
        if image.handover_note:
            told = handover_json(image.handover_note, f"{name}: HWPKHO note")
            if None not in (told.arch, image.arch) and told.arch != image.arch:
                raise InputError(f"{name}: an ELF core of {image.arch}, its note says {told.arch}")
            image.to_load = True
            return Memory(image, told.handed, told.page_size)
        return Memory(image)
    head = bytes(file.read(0, _MAX_STRUCTURE))
    if head[:4] == fdt.MAGIC:
        if file.size > _MAX_STRUCTURE:
            raise InputError(
                f"{name}: begins with an FDT, but {file.size} bytes are no single page; raw memory "
                "is given as FILE@0xBASE"
            )
        return [_structure(head, file.size, name)]
    if b"\0" not in head[:4096]:
        if not bare:
            raise InputError(f"{name}: text, perhaps a list of PFNs; that is no handover")
        form = _list_form(file, head) or lists.of_text(head)
        return form.read(file, asked or lists.Asked())
    list_form = _list_form(file, head) if bare else None
    if list_form is not None:
        return list_form.read(file, asked or lists.Asked())
    return [_struct_blob(head, file.size, name)]


def _list_form(file: FileBytes, head: bytes) -> lists.ListReader | None:
    """Return the form of list that claims a file, None where none does."""
    undecided: list[tuple[lists.ListReader, re.Pattern[bytes]]] = []
    for form in lists.readers():
        answer = form.sniff(head)
        if answer is True:
            return form
        if answer:
            undecided.append((form, answer))
    if not undecided:
        return None
    from hwpkho.logs.text import blocks

    pieces = (bytes(file.read(at, _PIECE)) for at in range(0, file.size, _PIECE))
    for block in blocks(pieces):
        for form, pattern in undecided:
            if pattern.search(block):
                return form
    return None


def _capture(image: Source, name: str) -> Memory:
    """A core made by ``hwpkho capture``: memory, and what was known beside it."""
    from hwpkho.images.capture_note import CaptureNote  # costs json: only where there is one

    try:
        note = CaptureNote.parse(image.capture_note)
    except InputError as error:
        raise InputError(f"{name}: HWPKHO-CAPTURE note: {error}") from error
    handed = BootHandover(*note.handed, note.handed_fdt_size) if note.handed else None
    noted = Noted(
        tuple(
            BootHandover(b.fdt, b.scratch, b.scratch_size, b.fdt_size, b.booted) for b in note.boot
        ),
        tuple(Rejected(p.phys, printable(p.why), p.severity) for p in note.passed),
    )
    return Memory(image, handed, note.page_size, tuple(map(_noted_copy, note.copies)), noted)


def _noted_copy(noted: DebugfsCopy) -> copies.Copy:
    """Return a copy out of a note.

    Notes of the first captures have it under the path that it had on the machine that made them.
    """
    role: Role | None = "in" if noted.role == "in" else "out" if noted.role == "out" else None
    copy = copies.Copy(printable(noted.name), role, noted.fdt, noted.subtrees, noted.scratch)
    path, copy.name = copy.name, copy.label
    texts = (printable(text).replace(path, copy.name) for text in noted.unusable)
    copy.problems = [problem(UNREADABLE_FILE, text) for text in texts]
    copy.unreadable = set(noted.unreadable)
    return copy


def _folder(folder: Path) -> Recognised:
    name = printable(str(folder))
    segments = bool(raw.segment_files(folder))
    if copies.holds_debugfs(folder):
        if segments:
            raise InputError(f"{name}: both a debugfs copy and memory segments; give one of them")
        return copies.read_debugfs(folder)
    if not segments:
        raise InputError(f"{name}: neither a copy of /sys/kernel/debug/kho nor 0xADDR.bin segments")
    source = raw.open_segments(folder)
    source.to_load = True
    path = str(folder / HANDOVER_JSON)
    if not os.path.lexists(path):
        return Memory(source)
    told = handover_json(opening.small(path, _MAX_STRUCTURE), printable(path))
    source.arch = told.arch
    return Memory(source, told.handed, told.page_size)


class Told(NamedTuple):
    """What a ``handover.json`` says.

    Attributes:
        handed: What a boot loader passes on.
        page_size: Bytes.
        arch: A name of ``ARCHES``, None where it tells none.
    """

    handed: BootHandover
    page_size: int
    arch: str | None


def handover_json(text: bytes, name: str) -> Told:
    """Read what a boot loader passes on, the page size, and the architecture where it is told.

    Raises InputError, with ``name``, for what is no such document or contradicts itself.
    """
    from hwpkho.base import jsontext  # costs json: only where there is such a file

    document = jsontext.load(text, name)
    try:
        numbers = (*document["kho_fdt"], *document["kho_scratch"], document["page_size"])
        root, size, array, length, page_size = numbers
        arch = document.get("arch")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{name}: expected kho_fdt and kho_scratch as [address, size] and page_size"
        ) from error
    if not all(type(n) is int and 0 <= n < 1 << 64 for n in numbers):
        raise InputError(f"{name}: addresses and sizes must be integers below 2^64")
    if page_size not in page_sizes():
        raise InputError(f"{name}: page_size {page_size} is none of {page_sizes()}")
    if arch not in (None, *ARCHES.names()):
        raise InputError(f"{name}: arch is none of {', '.join(ARCHES.names())}")
    row = known(arch)
    if row is not None and not row.has_pages(page_size):
        raise InputError(
            f"{name}: {arch} has pages of {row.page_sizes()} bytes, page_size is {page_size}"
        )
    return Told(BootHandover(root, array, length, size, booted=False), page_size, arch)


def _structure(head: bytes, size: int, name: str) -> copies.Copy:
    """Tell which FDT this is: a root, or a hwpoison blob of the FDT revision."""
    copy = copies.Copy(name, fdt=head)
    root = copy.root()
    if root and (roots.is_root(root) or (copy.cut and roots.looks_like_root(head))):
        return copy
    compatible = root.tree.root.get("compatible") if root else None
    if compatible and compatible.startswith(b"hwpoison-v"):
        return copies.Copy(name, subtrees={roots.HWPOISON: head[:size]})
    shown = f'"{printable(compatible.rstrip(bytes(1))[:60])}"' if compatible else "missing"
    raise InputError(
        f"{name}: an FDT, but neither a KHO root nor a hwpoison blob (compatible is {shown})"
    )


def _struct_blob(head: bytes, size: int, name: str) -> copies.Copy:
    if size == KEXEC_METADATA_SIZE:
        try:
            KexecMetadata.parse(head)
        except ValueError:
            pass
        else:
            raise InputError(f"{name}: this is kexec-metadata, not a hwpoison blob")
    table = efi_table.describe(head, size)
    if table is not None:
        this = "this may be" if " or " in table else "this is"
        raise InputError(f"{name}: {this} {table}; this version of hwpkho does not read it")
    if 4 <= size <= _MAX_STRUCTURE and 0 < head[0] < 16 and not any(head[1:4]):
        blob, padding = head[: blobs.HEAD], head[blobs.HEAD :]
        if not any(padding):
            return copies.Copy(name, subtrees={roots.HWPOISON: blob})
    raise InputError(f"{name}: no format that hwpkho knows; raw memory is given as FILE@0xBASE")
