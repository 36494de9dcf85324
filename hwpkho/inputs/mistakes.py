"""Inputs in the wrong place: what they are, and where they belong.

Asked only where reading failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base import opening, places
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.errors import InputError
from hwpkho.images.files import FileBytes, HeldBytes
from hwpkho.inputs import recognise
from hwpkho.inputs.recognise import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

#: What messages call an input of a kind.
_CALLED = {
    Kind.IMAGE: "a memory image", Kind.STRUCTURE: "a structure of a handover",
    Kind.DEBUGFS: "a copy of debugfs", Kind.LIST: "a list of bad pages",
    Kind.MEMMAP: "a memory map",
}  # fmt: skip


def no_handover(file: FileBytes) -> str:
    """Say what a text is that was given where a handover is needed, and what reads it."""
    for answer in recognise.of_file(file, {Kind.LIST, Kind.MEMMAP}):
        if answer.kind is Kind.MEMMAP:
            return (
                f"this is a memory map ({answer.form}); decode needs a handover ({option('memmap')}"
                " of validate takes maps)"
            )
        if not answer.whole:
            return "this is a log that names bad pages; decode needs a handover (list reads logs)"
    return "this is a text file; decode needs a handover (use validate for a PFN list)"


def swapped(inputs: Sequence[str], memmaps: Sequence[str]) -> str | None:
    """Say that an input is a memory map, and a memory map an input; None where that is not so."""
    for given in inputs:
        if _kind(given, {Kind.MEMMAP}) is None or _kind(given, recognise.INPUTS) is not None:
            continue
        for memmap in memmaps:
            kind = _kind(memmap, recognise.INPUTS)
            if kind is not None and _kind(memmap, {Kind.MEMMAP}) is None:
                return (
                    f"{printable(given)} is a memory map and {printable(memmap)} {_CALLED[kind]}: "
                    f"swap them ({option('memmap', printable(given))})"
                )
    return None


def no_batch(path: str, head: bytes) -> str | None:
    """Say what a file with this beginning is that was given as a manifest; None for nothing known.

    A manifest begins with an object of JSON.
    """
    if head.lstrip()[:1] == b"{" or not head:
        return None
    with HeldBytes(path, memoryview(head)) as file:
        answers = recognise.of_file(file)
    if not answers:
        return None
    what = _CALLED[answers[0].kind]
    where = f"with {option('memmap')}" if answers[0].kind is Kind.MEMMAP else "as INPUT"
    return f"this is {what}, no manifest; give it {where}, without {option('batch')}"


def _kind(spec: str, among: Collection[Kind]) -> Kind | None:
    """Return what a file or folder is, None where it cannot be read or is none of these."""
    if opening.handed(spec):
        return None  # it was read already
    try:
        if places.is_folder(spec):
            found = recognise.of_folder(Path(spec), among)
        else:
            with FileBytes(spec) as file:
                found = recognise.of_file(file, among) if file.size else ()
    except InputError:
        return None
    return found[0].kind if found else None
