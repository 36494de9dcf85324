"""Reads a case: all inputs about one machine at one moment, joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages.registry import Asked
from hwpkho.base.escape import printable
from hwpkho.base.unopened import STDIN
from hwpkho.errors import InputError, UsageError
from hwpkho.handover.model import page_size_of
from hwpkho.handover.stated import CaseOptions, NoHandoverError, Noted
from hwpkho.images import raw
from hwpkho.images.overlay import CombinedSource
from hwpkho.inputs import folder, tables
from hwpkho.inputs.opened import Memory, open_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.badpages.model import BadPages
    from hwpkho.efi.model import PoisonTable
    from hwpkho.handover.boot_loader import BootHandover
    from hwpkho.handover.debugfs import DebugfsCopy
    from hwpkho.handover.model import Handover
    from hwpkho.images.base import Source

__all__ = ["Case", "CaseOptions", "read_inputs"]


class Case(NamedTuple):
    """The contents of one case: handovers, or a plain list.

    Attributes:
        name: The inputs as the user named them, printable.
        handovers: Oldest generation first; empty for a plain list.
        pages: The plain list, None for handovers.
        source: The memory that the handovers were read from, None where there is none.
        tables: EFI tables of poisoned memory in that memory, or in the running machine's.
        memmaps: Paths of memory maps in the folder or archive of the case.
        said: Notes on how files of such a folder were chosen, one line each.
    """

    name: str
    handovers: tuple[Handover, ...]
    pages: BadPages | None
    source: Source | None = None
    tables: tuple[PoisonTable, ...] = ()
    memmaps: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


class Expanded(NamedTuple):
    """The inputs of a case, with folders and archives replaced by the inputs in them.

    Attributes:
        specs: Single inputs.
        options: The user's options, completed by a folder's ``handover.json``.
        memmaps: Paths of memory maps beside the inputs.
        said: Notes on how the inputs were chosen, one line each.
    """

    specs: list[str]
    options: CaseOptions
    memmaps: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def expanded(specs: Sequence[str], options: CaseOptions) -> Expanded:
    """Replace folders and tar archives that contain a case by the inputs in it.

    Raises InputError where one contains no input, or a file in it cannot be identified.
    """
    found: list[str] = []
    memmaps: list[str] = []
    said: list[str] = []
    for spec in specs:
        at = folder.named(spec)
        if at is None:
            found.append(spec)
            continue
        contents = folder.read(at)
        found += contents.inputs
        memmaps += contents.memmaps
        said += contents.notes()
        options = folder.with_boot(options, contents)
    return Expanded(found, options, tuple(memmaps), tuple(said))


def read_inputs(
    specs: Sequence[str],
    options: CaseOptions | None = None,
    asked: Asked | None = None,
    *,
    plain: bool = True,
) -> Case:
    """Read the inputs of one case.

    ``specs`` name memory images (``FILE``, ``FILE@0xBASE``, a folder of segments), copies of
    /sys/kernel/debug/kho, single structures, or one list of PFNs; ``-`` is standard input. Several
    logs make one list. A folder or tar archive stands for the inputs in it.

    ``asked`` are the user's options for lists; without ``plain``, a list is refused. Raises
    InputError where an input cannot be read or two of them conflict, UsageError without inputs.
    """
    if not specs:
        raise UsageError("no input is given")
    inputs, options, memmaps, said = expanded(specs, options or CaseOptions())
    case = _read(inputs, options, asked, plain=plain)
    # For a folder of several inputs, keep the user's name.
    name = ", ".join(map(_called, specs)) if len(inputs) > len(specs) else case.name
    return case._replace(name=name, memmaps=memmaps, said=said)


def _called(spec: str) -> str:
    return "stdin" if spec == STDIN else printable(spec)


def _read(specs: Sequence[str], options: CaseOptions, asked: Asked | None, *, plain: bool) -> Case:
    asked = (asked or Asked())._replace(page_size=options.page_size)
    images: list[Memory] = []
    copies: list[DebugfsCopy] = []
    lists: list[BadPages] = []
    listed: set[str] = set()
    for spec in specs:
        found = open_input(spec, asked, plain=plain)
        if isinstance(found, Memory):
            images.append(found)
            copies += found.copies
        elif isinstance(found, list):
            copies += found
        else:
            lists.append(found)
        if lists and (len(lists) > 1 or images or copies):
            # Check before reading more: there may be thousands.
            _must_be_logs(lists[-2:], alone=not images and not copies)
        if lists:
            if spec in listed:
                raise InputError(f"{_called(spec)}: given twice")
            listed.add(spec)
    name = ", ".join(
        [m.source.name for m in images] + [c.name for c in copies] + [x.name for x in lists]
    )
    if len(lists) > 1:
        from hwpkho.badpages import together  # few cases have several lists

        lists = [together.logs(lists)]
    if lists:
        return Case(name, (), lists[0])
    if not images:
        from hwpkho.handover import assemble  # see read_memory()

        return Case(name, tuple(assemble.from_copies(copies, options)), None)
    source = images[0].source if len(images) == 1 else CombinedSource([m.source for m in images])
    source.page_size_hint = next(
        (m.page_size for m in images if m.page_size), source.page_size_hint
    )
    boot = [m.boot for m in images if m.boot]
    try:
        return read_memory(name, source, options, copies, boot, noted(images))
    except NoHandoverError as error:
        if any(m.source.to_load for m in images) or any(map(raw.split_base, specs)):
            error.kernel = None  # the handover may be in memory that was not given
        raise


def _must_be_logs(lists: Sequence[BadPages], *, alone: bool) -> None:
    """Raise InputError unless the lists are logs, and ``alone``: without images or copies."""
    from hwpkho.badpages import together  # few cases have several lists

    if not alone or not together.are_logs(lists):
        raise InputError(
            f"{lists[0].name}: a list of PFNs is a case of its own; merge joins several"
        )


def read_memory(
    name: str,
    source: Source,
    options: CaseOptions,
    copies: Sequence[DebugfsCopy] = (),
    boot: Sequence[BootHandover] = (),
    noted: Noted | None = None,
) -> Case:
    """Read the case in the memory ``source``; see :func:`hwpkho.handover.assemble.search`.

    ``name`` is the case's name, printable. Raises NoHandoverError where memory has neither a
    handover nor an EFI table of poisoned memory, InputError as ``search`` does.
    """
    from hwpkho.handover import assemble  # most cases are lists and do not need it

    try:
        handovers = assemble.from_memory(source, copies, options, boot, noted)
    except NoHandoverError:
        found_tables = tables.of_memory(source, options)
        if not found_tables:
            raise
        return Case(name, (), None, source, found_tables)
    page_size = page_size_of(handovers)
    found_tables = tables.of_memory(source, options._replace(page_size=page_size))
    found_tables = tables.beside_handovers(found_tables, handovers)
    return Case(name, tuple(handovers), None, source, found_tables)


def noted(images: Sequence[Memory]) -> Noted:
    """Return what the notes of captures among ``images`` say about the original images."""
    notes = [m.noted for m in images if m.noted]
    return Noted(
        tuple(b for note in notes for b in note.boot),
        tuple(p for note in notes for p in note.passed),
    )
