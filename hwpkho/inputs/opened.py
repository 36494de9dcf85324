"""Opens an input by its kind: memory, copies of structures, or a list of bad pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.abi import boot_json, fdt
from hwpkho.badpages import registry as lists
from hwpkho.base import opening, places
from hwpkho.base.arch import known
from hwpkho.base.escape import printable
from hwpkho.codes import problem
from hwpkho.codes.image import UNREADABLE_FILE
from hwpkho.errors import InputError
from hwpkho.handover.stated import Noted
from hwpkho.images import raw
from hwpkho.images.files import FileBytes, HeldBytes
from hwpkho.images.registry import format_of, open_image
from hwpkho.inputs import recognise
from hwpkho.inputs.recognise import Kind

if TYPE_CHECKING:
    from typing import TypeAlias

    from hwpkho.abi.role import Role
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Asked
    from hwpkho.handover.boot_loader import BootHandover
    from hwpkho.handover.debugfs import DebugfsCopy
    from hwpkho.images import capture_note
    from hwpkho.images.base import Source

    #: What an input holds: memory, copies of structures, or a list of bad pages.
    Opened: TypeAlias = "Memory | list[DebugfsCopy] | BadPages"

#: An unknown file without a NUL in so many first bytes is read as a list, whose error names the
#: line.
_TEXT = 4096


class Memory(NamedTuple):
    """A memory image, and what is recorded with it.

    Attributes:
        source: The memory.
        boot: What a boot loader passes on, from a ``handover.json`` or a note; None where unknown.
        page_size: Page size in bytes from there; None where unknown.
        copies: Copies of debugfs in a capture's note.
        noted: What a capture's note says about the original image; None for other images.
    """

    source: Source
    boot: BootHandover | None = None
    page_size: int | None = None
    copies: tuple[DebugfsCopy, ...] = ()
    noted: Noted | None = None


def open_input(spec: str, asked: Asked | None = None, *, plain: bool = True) -> Opened:
    """Open one input: a memory image, copies of structures, or a list of bad pages.

    ``asked`` are the user's options for lists; without ``plain``, a list is refused before it is
    read. Raises InputError where hwpkho cannot read the content, or it is ambiguous.
    """
    located = raw.split_base(spec)
    if located:
        return Memory(_raw(*located))
    if places.is_folder(spec):  # or an archive; the caller replaces archives that contain a case
        return _folder(Path(spec))
    file = FileBytes(spec)
    if file.endless:
        raise InputError(f"{file.shown}: is a device; give raw memory as FILE@0xBASE")
    if not file.size:
        empty = "; an empty list is a comment: echo '# none' > FILE" if plain else ""
        raise InputError(f"{file.shown}: the file is empty{empty}")
    if (
        plain
        and asked is not None
        and asked.form is not None
        and not _tells_itself(file, asked.form)
    ):
        return lists.reader(asked.form).read(file, asked)
    kinds = recognise.INPUTS if plain else recognise.INPUTS - {Kind.LIST}
    answers = recognise.of_file(file, kinds)
    if len({answer.kind for answer in answers}) > 1:
        may_be = " or ".join(f"a {a.kind.value} ({a.form})" for a in answers)
        raise InputError(f"{file.shown}: may be {may_be}")
    kind = answers[0].kind if answers else None
    if kind is Kind.IMAGE:
        return _image(file)
    head = bytes(file.read(0, recognise.HEAD))
    if kind is None and b"\0" not in head[:_TEXT]:
        if not plain:
            raise InputError(f"{file.shown}: {_no_handover(file, head)}")
        return _unknown_text(file, head, asked or lists.Asked())
    if kind is Kind.LIST:
        return _list(file, answers[0].form, asked or lists.Asked())
    if kind is None and plain and (found := _of_map(file, head, asked or lists.Asked())):
        return found
    if kind is None and not head.startswith(fdt.MAGIC):
        from hwpkho.inputs import mistakes

        said = mistakes.no_handover(file)
        if said is not None:
            raise InputError(f"{file.shown}: {said}")
    from hwpkho.inputs import structures

    return [structures.read(head, file.size, file.shown)]


def _raw(path: str, base: int) -> Source:
    """Open raw memory. Raises InputError where the file's magic shows another format."""
    from hwpkho.images import foreign

    source = raw.open_raw(path, base)
    head = bytes(source.read(base, 64) or source.read(base, 16) or b"")
    form, found = format_of(head), foreign.container(head)
    if form is not None and (form.proves is None or form.proves(head)):
        raise InputError(
            f"{source.name}: this is a memory image of its own ({form.about}), not raw memory; "
            f"give it without @0x{base:x}"
        )
    if found is not None:
        raise InputError(f"{source.name}: this is {found}")
    return source


def _tells_itself(file: FileBytes, form: str) -> bool:
    """Tell whether a file is recognised by content although the user named the form of lists.

    So are memory images and FDTs, and text where the named form is binary: an EFI table may be
    given together with a log.
    """
    head = bytes(file.read(0, recognise.HEAD))
    if format_of(head) is not None or head.startswith(fdt.MAGIC):
        return True
    asked = lists.reader(form)
    return lists.is_written(asked) and asked.binary and recognise.is_text(head)


def _list(file: FileBytes, form: str, asked: Asked) -> BadPages:
    """Read a list of a form; a log without bad pages is read as the other form that it contains."""
    try:
        found = lists.reader(form).read(file, asked)
    except InputError as error:
        from hwpkho.images import foreign

        other = foreign.text(bytes(file.read(0, recognise.HEAD)))
        if other is None:
            raise
        raise InputError(f"{file.shown}: this is {other}") from error
    if found.elsewhere is None or found.pfns or found.mentions:
        return found
    return lists.reader(found.elsewhere).read(file, asked)


def _unknown_text(file: FileBytes, head: bytes, asked: Asked) -> BadPages:
    """Read a text that no form recognises as a plain list or a memory map.

    Raises InputError that says what it is, or which line is not a PFN.
    """
    try:
        return lists.of_text(head).read(file, asked)
    except InputError as error:
        from hwpkho.images import foreign
        from hwpkho.inputs import mistakes

        found = _of_map(file, head, asked)
        other = foreign.of(head) if found is None else None
        if other is not None:
            raise InputError(f"{file.shown}: this is {other}") from None
        if found is None and (said := mistakes.within(head)):
            raise InputError(f"{file.shown}: {said}") from None
        if found is None:
            raise error from None
        return found


def _no_handover(file: FileBytes, head: bytes) -> str:
    """Return what a text is that was given in place of a handover, as the end of a message."""
    from hwpkho.images import foreign
    from hwpkho.inputs import mistakes

    other = foreign.of(head)
    if other is not None:
        return f"this is {other}"
    return mistakes.no_handover(file) or "this is a text file, not a handover"


def _of_map(file: FileBytes, head: bytes, asked: Asked) -> BadPages | None:
    """Return the unusable ranges of a memory map as a list, None where it is not a map.

    Raises InputError where it has none, unless ``asked.maps``: it was probably meant for --memmap.
    """
    with HeldBytes(file.path, memoryview(head)) as beginning:
        answers = recognise.of_file(beginning, {Kind.MEMMAP})
    if not answers:
        return None
    found = lists.of_map().read(file, asked)
    if not found.pfns and not asked.maps:
        from hwpkho.inputs import mistakes

        raise InputError(f"{file.shown}: {mistakes.no_list(file, answers[0].form)}")
    return found


def _image(file: FileBytes) -> Memory:
    image, name = open_image(file), file.shown
    if image is None:
        raise AssertionError(f"{name}: hwpkho recognised its format by its first bytes")
    if image.capture_note:
        return _capture(image, name)
    if not image.handover_note:
        return Memory(image)
    said = boot_json.parse(image.handover_note, f"{name}: HWPKHO note")
    if None not in (said.arch, image.arch) and said.arch != image.arch:
        raise InputError(f"{name}: an ELF core of {image.arch}, its note says {said.arch}")
    _check_pages(image, said.page_size, f"{name}: HWPKHO note")
    image.to_load = True
    return Memory(image, boot_handover(said), said.page_size)


def _check_pages(image: Source, page_size: int | None, name: str) -> None:
    """Raise InputError where the image's architecture does not have a note's page size (bytes)."""
    row = known(image.arch)
    if row is not None and not row.has_pages(page_size):
        raise InputError(
            f"{name}: {row.name} has pages of {row.page_sizes()} bytes, page_size is {page_size}"
        )


def boot_handover(said: boot_json.BootJson) -> BootHandover:
    """Return a ``handover.json`` as what a boot loader will pass to the next kernel."""
    from hwpkho.handover.boot_loader import BootHandover  # needed only with a note or segments

    (root, size), (array, length) = said.kho_fdt, said.kho_scratch
    return BootHandover(root, array, length, size, booted=False)


def _capture(image: Source, name: str) -> Memory:
    """Read the note of a core made by ``hwpkho capture``. Raises InputError where it is invalid."""
    # Imported for captures only.
    from hwpkho.handover.boot_loader import BootHandover
    from hwpkho.handover.find_root import Rejected
    from hwpkho.images.capture_note import CaptureNote

    try:
        note = CaptureNote.parse(image.capture_note)
    except InputError as error:
        raise InputError(f"{name}: HWPKHO-CAPTURE note: {error}") from error
    _check_pages(image, note.page_size, f"{name}: HWPKHO-CAPTURE note")
    image.partial |= note.partial
    image.to_load = note.to_load
    boot = BootHandover(*note.handed, note.handed_fdt_size) if note.handed else None
    noted = Noted(
        tuple(
            BootHandover(b.fdt, b.scratch, b.scratch_size, b.fdt_size, b.booted) for b in note.boot
        ),
        tuple(Rejected(p.phys, printable(p.why), p.severity) for p in note.passed),
    )
    return Memory(image, boot, note.page_size, tuple(map(_noted_copy, note.copies)), noted)


def _noted_copy(noted: capture_note.NotedCopy) -> DebugfsCopy:
    """Return a debugfs copy from a capture's note.

    Notes of early captures name it by its path on the machine that made them; that is removed.
    """
    from hwpkho.handover.debugfs import DebugfsCopy

    role: Role | None = "in" if noted.role == "in" else "out" if noted.role == "out" else None
    copy = DebugfsCopy(printable(noted.name), role, noted.fdt, noted.subtrees)
    path, copy.name = copy.name, copy.label
    texts = (printable(text).replace(path, copy.name) for text in noted.unusable)
    copy.problems = [problem(UNREADABLE_FILE, text) for text in texts]
    copy.unreadable, copy.scratch = set(noted.unreadable), noted.scratch
    return copy


def _folder(folder: Path) -> Opened:
    name = printable(str(folder))
    kinds = {answer.kind for answer in recognise.of_folder(folder, recognise.INPUTS)}
    if len(kinds) > 1:
        raise InputError(f"{name}: both a debugfs copy and memory segments; give one of them")
    if Kind.DEBUGFS in kinds:
        from hwpkho.handover.debugfs import read_debugfs

        return read_debugfs(folder)
    if not kinds:
        raise InputError(f"{name}: neither a copy of /sys/kernel/debug/kho nor 0xADDR.bin segments")
    source = raw.open_segments(folder)
    source.to_load = True
    path = str(folder / boot_json.HANDOVER_JSON)
    if not places.exists(path):
        return Memory(source)
    said = boot_json.parse(opening.small(path, boot_json.MAX_SIZE), printable(path))
    source.arch = said.arch
    return Memory(source, boot_handover(said), said.page_size)
