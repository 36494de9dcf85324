"""Messages for inputs in the wrong place: what they are, and where they belong.

They are made only after reading failed. The advice is a command line that the user can type, or an
option that the running command has.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.badpages import registry as lists
from hwpkho.badpages.signs import MEDIA_ERRORS, PAGE_TYPES
from hwpkho.base import lending, opening, places, tar
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.base.options import command, option, taken
from hwpkho.errors import InputError
from hwpkho.images.files import FileBytes, HeldBytes
from hwpkho.inputs import recognise, sosreport
from hwpkho.inputs.recognise import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from hwpkho.inputs.recognise import Answer

#: Kind → its name in messages, what to do with it, and by which command.
_KINDS = {
    Kind.IMAGE: ("a memory image", "decode it", "decode"),
    Kind.STRUCTURE: ("a structure of a handover", "decode it", "decode"),
    Kind.DEBUGFS: ("a copy of debugfs", "decode it", "decode"),
    Kind.LIST: ("a list of bad pages", "judge it", "validate"),
    Kind.MEMMAP: ("a memory map", "show it", "memmap"),
}
#: What is only read as its program prints it, and that program.
_ALONE = (
    (late(MEDIA_ERRORS), "cxl list"),
    (late(b"|".join(PAGE_TYPES)), "page-types"),
)
#: The file that every data set of hwpkho fleet contains.
DATA_SET = "hwpkho-fleet.json"


def elsewhere(kind: Kind, path: str) -> str:
    """Return what to do with an input of a kind, as the end of a message."""
    _, what, name = _KINDS[kind]
    return f"{what}: {command(name, _path(path))}"


def cases(path: str) -> str:
    """Return what to do with a folder of cases or a manifest, as the end of a message."""
    if taken("batch"):
        return f"give it with {option('batch')}"
    return f"judge each: {command('validate --batch', path)}"


def no_handover(file: FileBytes) -> str | None:
    """Return what ``file`` is, if it is not a handover, and what reads it; None if unknown."""
    for answer in recognise.of_file(file, {Kind.LIST, Kind.MEMMAP}):
        if not answer.whole:
            shown = command("list", _typed(file))
            return f"this is a log that names bad pages, not a handover; show them: {shown}"
        if answer.kind is Kind.LIST and not _reads(file, answer.form):
            continue
        what, form = _KINDS[answer.kind][0], f" ({answer.form})"
        return (
            f"this is {what}{form if answer.kind is Kind.MEMMAP else ''}, not a handover; "
            f"{elsewhere(answer.kind, _typed(file))}"
        )
    return None


def within(head: bytes) -> str | None:
    """Return what a text has among other text, and how to give it; None if unknown."""
    program = next((name for pattern, name in _ALONE if pattern.search(head)), None)
    if program is None:
        return None
    return f"this has what {program} prints within other text; give it as {program} prints it"


def no_list(file: FileBytes, form: str) -> str:
    """Return the message for a memory map, of form ``form``, in place of a list or handover."""
    return f"this is a memory map ({form}), not a list; {_as_map(_typed(file))}"


def _as_map(path: str) -> str:
    if taken("memmap"):
        return f"give it with {option('memmap')}"
    return elsewhere(Kind.MEMMAP, path)


def instead(
    path: str,
    needed: str,
    head: bytes | None = None,
    among: Collection[Kind] = frozenset(Kind),
) -> str | None:
    """Return what the input ``path`` is instead of ``needed``, and what reads it; None if unknown.

    ``head`` are the first bytes of a pipe, which cannot be read again. Only kinds that the whole
    input is count: a log may contain many things.
    """
    other = _folder(path) if head is None else None
    if other is not None:
        return f"this is {other}"
    answer = next((a for a in _answers(path, head, among) if a.whole), None)
    if answer is None:
        return None
    return f"this is {_KINDS[answer.kind][0]}, not a {needed}; {elsewhere(answer.kind, path)}"


def no_case(path: str) -> str | None:
    """Return what a folder is that is not a case, and what reads it; None if unknown."""
    other = _folder(path)
    if other is not None:
        return f"this is {other}"
    if recognise.of_folder(Path(path), {Kind.MEMMAP}):
        return f"this is a memory map (a copy of /sys/firmware/memmap), not a case; {_as_map(path)}"
    return None


def _folder(path: str) -> str | None:
    """Return what a folder is that is never an input: a data set, or a copied tree; else None."""
    at = Path(path)
    try:
        if places.is_file(at / DATA_SET):
            return f"a data set of hwpkho fleet; ask it: {command('fleet ask', path, 'summary')}"
        tree = places.is_folder(at / "proc") and places.is_folder(at / "sys")
        if tree and not sosreport.is_one(at):
            look = command("check --root", path)
            return f"a copied tree of /proc and /sys; look at its machine: {look}"
    except InputError:
        pass  # it cannot be looked into; the caller's own message says so
    return None


def swapped(inputs: Sequence[str], memmaps: Sequence[str]) -> str | None:
    """Return advice where an input and a memory map were swapped; None where they were not."""
    for given in inputs:
        if _kind(given, {Kind.MEMMAP}) is None or _kind(given, recognise.INPUTS) is not None:
            continue
        for memmap in memmaps:
            kind = _kind(memmap, recognise.INPUTS)
            if kind is not None and _kind(memmap, {Kind.MEMMAP}) is None:
                return (
                    f"{printable(given)} is a memory map and {printable(memmap)} {_KINDS[kind][0]}:"
                    f" swap them ({option('memmap', printable(given))})"
                )
    return None


def no_batch(path: str, head: bytes) -> str | None:
    """Return what a file is, by its first bytes ``head``, that was given as a manifest.

    None if unknown, or if it may be a manifest: these begin with a JSON object.
    """
    if head.lstrip()[:1] == b"{" or not head:
        return None
    with HeldBytes(path, memoryview(head)) as file:
        answers = recognise.of_file(file)
    if tar.is_tar(head[: tar.BLOCK]):
        return f"this is an archive, not a manifest; give it without {option('batch')}"
    if not answers:
        return None
    kind = answers[0].kind
    if kind is Kind.MEMMAP:
        return f"this is a memory map, not a manifest; {_as_map(path)}, without {option('batch')}"
    return f"this is {_KINDS[kind][0]}, not a manifest; give it without {option('batch')}"


def _reads(file: FileBytes, form: str) -> bool:
    """Tell whether a file can be read as a list: its beginning may be misleading."""
    try:
        lists.reader(form).read(file, lists.Asked())
    except InputError:
        return False
    return True


def _typed(file: FileBytes) -> str:
    """Return the file's name as typed on the command line."""
    return "-" if file.path == "stdin" else _path(file.path)


def _path(name: str) -> str:
    """Return the name of an input as a path; FILE for one that the library's caller has open."""
    return name if lending.descriptor_of(name) is None else "FILE"


def _kind(spec: str, among: Collection[Kind]) -> Kind | None:
    """Return the kind of an input, None where it cannot be read or is of none of ``among``."""
    if opening.is_inherited(spec):
        return None  # a pipe has been read already
    answers = _answers(spec, None, among)
    return answers[0].kind if answers else None


def _answers(path: str, head: bytes | None, among: Collection[Kind]) -> tuple[Answer, ...]:
    """Return what an input may be; empty where it cannot be read or is of none of ``among``."""
    try:
        if head is not None:
            with HeldBytes(path, memoryview(head)) as held:
                return recognise.of_file(held, among) if head else ()
        entered = opening.enter(path) or (path if places.is_folder(path) else None)
        if entered is not None:
            top = places.top(entered, lambda at: bool(recognise.of_folder(at)))
            return recognise.of_folder(top, among)
        with FileBytes(path) as file:
            found = recognise.of_file(file, among) if file.size else ()
            return tuple(a for a in found if a.kind is not Kind.LIST or _reads(file, a.form))
    except InputError:
        return ()
