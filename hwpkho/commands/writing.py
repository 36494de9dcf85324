"""Writes a list of bad pages in one of the forms, and says what that cost."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages import registry
from hwpkho.badpages.formats import efi_table
from hwpkho.badpages.model import Loss
from hwpkho.badpages.registry import AS_IT_IS, Writing
from hwpkho.base import output
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE
from hwpkho.base.arch import known
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.base.pfnset import pfn_set
from hwpkho.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import ListWriter
    from hwpkho.commands.usage import Facts
    from hwpkho.judging.options import ValidateOptions
    from hwpkho.memmap.view.regions import Regions


class ListOutput(NamedTuple):
    """What is to be written, and where.

    Attributes:
        to: A name of :func:`hwpkho.badpages.registry.written_names`.
        path: ``-`` is standard output.
        force: Whether to overwrite.
        how: What the user says of it.
        stream: Where it goes instead of ``path``; it need not be seekable.
    """

    to: str
    path: str = output.STDOUT
    force: bool = False
    how: Writing = AS_IT_IS
    stream: BinaryIO | None = None

    @property
    def form(self) -> ListWriter:
        """The form; UsageError where there is none of that name."""
        return form(self.to)

    def check(self, inputs: Sequence[str] = ()) -> None:
        """Raise UsageError where it cannot be written there, before any work is done."""
        if self.form.binary:
            output.check_terminal(self.form.name, self.path)
        output.check_file(self.path, force=self.force)
        output.check_input(self.path, *inputs)

    def write(self, pages: BadPages) -> Loss:
        """Write the list whole or not at all; return what was lost."""
        writer = self.form
        if self.stream is not None:
            return writer.write(pages, self.stream, self.how) or Loss()
        with output.file(self.path, force=self.force) as out:
            return writer.write(pages, out, self.how) or Loss()


class WrittenTable(NamedTuple):
    """An EFI table of poisoned memory that is written.

    Attributes:
        plan: Its geometry.
        units: How many units it sets, or entries it has; 0 before it is written.
    """

    plan: efi_table.Plan
    units: int = 0


def planned(to: str, pages: BadPages, how: Writing) -> WrittenTable | None:
    """Return what the EFI table will be like, None where another form is written.

    Raises UsageError for a geometry that no kernel takes.
    """
    if not registry.takes("unit", to):
        return None
    return WrittenTable(efi_table.plan(pages, how))


def is_bitmap(to: str, how: Writing) -> bool:
    """Tell whether an EFI table with a bitmap is written, which has a bit for any page."""
    if not registry.takes("unit", to):
        return False
    from hwpkho.abi.efi_poisoned import LAYOUTS, has_bitmap  # few lists become tables

    return has_bitmap(LAYOUTS[how.layout or efi_table.DEFAULT])


def form(name: str) -> ListWriter:
    """Return the form called ``name``; UsageError where none that is written is called so."""
    if name in registry.NOT_WRITTEN:
        raise UsageError(f"{option('to', name)}: {registry.NOT_WRITTEN[name]}")
    if name not in registry.written_names():
        known = ", ".join(registry.written_names())
        raise UsageError(f"{option('to')} '{printable(name[:40])}' is not one of {known}")
    return registry.writer(name)


@contextmanager
def reading(writer: ListWriter | None) -> Iterator[None]:
    """Read inputs in the block: the error for an EFI table of unknown layout fits the output."""
    try:
        yield
    except InputError as error:
        from hwpkho.efi.reader import AmbiguousLayoutError  # few lists are read from tables

        wanted = writer is not None and "layout" in writer.takes
        if not (wanted and isinstance(error, AmbiguousLayoutError)):
            raise
        raise InputError(
            f"{error.said}; {option('layout')} is for the table that is written: save the input as "
            "a list first (hwpkho list --json)"
        ) from error


def facts(known: Facts, writer: ListWriter | None) -> Facts:
    """Add what the form of the output takes; None where no list is written."""
    takes = frozenset[str]() if writer is None else writer.takes
    return known._replace(takes=takes, machine=True if "arch" in takes else known.machine)


def prepared(
    wanted: ListOutput, how: ValidateOptions, regions: Regions | None, arches: Sequence[str]
) -> ListOutput:
    """Return the output with the machine's table, where its form takes one.

    Raises UsageError where the form needs a map and there is none, or depends on the architecture
    and the inputs are of two; InputError where lines of the map are lost.
    """
    takes, to = wanted.form.takes, option("to", wanted.to)
    records = "architecture" in wanted.form.carries
    if "arch" in takes and len(arches) > 1 and how.case.arch is None and not records:
        raise UsageError(f"{to}: the inputs are of {' and '.join(arches)}; give {option('arch')}")
    if "memory" in takes and regions is not None:
        return wanted._replace(how=wanted.how._replace(memory=_memory(regions)))
    if "table" not in takes:
        return wanted
    if regions is None or regions.memmap is None:
        raise UsageError(f"{to} writes the machine's memory map: give {option('memmap')}")
    if how.next_cmdline is not None:
        raise UsageError(f"{to} writes the machine's own map: leave out {option('next_cmdline')}")
    from hwpkho.memmap.writers import e820

    found = e820.table(regions.memmap, how.map_name)
    if found is None:
        raise UsageError(
            f"{to}: {printable(regions.memmap.source)} gives no e820 table; "
            "offline-script takes the pages out of use after boot"
        )
    map_, slots = found
    if map_.gaps:
        raise InputError(
            f"{printable(regions.memmap.source)}: the map has lost lines, which {wanted.to} cannot "
            f"show: {map_.gaps[0].problem.message}"
        )
    table = tuple((s.start, s.size, s.type) for s in slots)
    return wanted._replace(how=wanted.how._replace(table=table))


def _memory(regions: Regions) -> tuple[tuple[int, int, bool], ...]:
    """Return what the firmware describes as memory: no windows of buses, no devices' registers."""
    return tuple(
        (r.start, r.end + 1, r.kind in ("ram", "in-use"))
        for r in regions.regions
        if r.kind != "unknown" and r.what not in ("window", "resource")
    )


def places(to: str, pages: BadPages, how: Writing) -> Iterator[str]:
    """Yield a note where an EFI table is written of whose separate places some kernels die."""
    made = planned(to, pages, how)
    if made is None:
        return
    from hwpkho.codes import efi_kernel
    from hwpkho.efi import write as efi_write
    from hwpkho.judging.efi_table import rules

    bad, header = pfn_set(pages.pfns), made.plan.header
    if header is not None:
        bad = efi_write.units_of(bad, header, pages.taken_page_size)
    found, room = bad.run_count(), rules.memblock_room(known(pages.arch))
    if found > room:
        yield (
            f"{to}: {found} separate places; kernels of generations a and b die in early boot with "
            f"more than about {room} ({efi_kernel.PLACES.id}), those of c and "
            "d take them"
        )


def unrecorded(page_size: int, writer: ListWriter | None) -> Iterator[str]:
    """Yield a note where the form has no place for the page size."""
    if page_size != DEFAULT_PAGE_SIZE and writer is not None and writer.bare:
        yield f"the list does not record its page size: say that it is {page_size} to read it"


def arch_of(pages: BadPages, how: ValidateOptions, regions: Regions | None) -> str | None:
    """Return the architecture of a list: as it says, as the user says, as the map says."""
    arch = pages.arch or how.case.arch
    if arch is None and regions is not None and regions.arch_from == "input":
        arch = regions.arch
    return arch


def losses(loss: Loss | None, to: str) -> Iterator[str]:
    """Yield a note for each kind of loss."""
    if loss is not None and loss.good_pages:
        yield (
            f"warning: {_pages(loss.good_pages, 'good')} excluded, too: {to} cannot express the "
            "list exactly"
        )
    if loss is not None and loss.bad_pages_left:
        yield f"warning: {_pages(loss.bad_pages_left, 'bad')} left out: {to} has no room for them"


def _pages(count: int, kind: str) -> str:
    return counted(count, f"{kind} page is", f"{kind} pages are")


def total(*losses: Loss | None) -> Loss | None:
    """Return what was lost in all, None for nothing."""
    good = sum(loss.good_pages for loss in losses if loss)
    left = sum(loss.bad_pages_left for loss in losses if loss)
    return Loss(good, left) if good or left else None
