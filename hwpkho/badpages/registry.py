"""The registry of the forms in which lists of bad pages are read and written.

A form is one object with ``name``, ``about``, ``extra`` and ``carries``. One that is read has
``sniff``, ``read`` and ``options`` besides (:class:`ListReader`), one that is written has ``write``
(:class:`ListWriter`); a form may have both.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple, Protocol, TypeGuard

from hwpkho.badpages.model import KINDS
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.base.registry import Registry
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages, Kind, Loss
    from hwpkho.images.files import FileBytes

#: What a form may have a place for, beside the pages themselves.
Carried = Literal["order", "page size", "architecture", "kind", "when", "where"]


class Asked(NamedTuple):
    """The user's options for reading lists; a form uses those that its ``options`` name.

    Attributes:
        base: Of numbers without ``0x`` in a text list, 10 or 16.
        form: The form of the inputs, if their content does not show it; None: recognised.
        page_size: Bytes that a PFN stands for, None where the user does not say.
        boot: Of a log of several boots: a number from 0, oldest first, or ``last``; None: all.
        kinds: The kinds of bad pages that are wanted; others need not be gathered.
        layout: Of an EFI table of poisoned memory, if its bytes do not show it; None: inferred.
        maps: Whether a memory map that calls nothing unusable is an empty list, and no mistake.
    """

    base: int = 10
    form: str | None = None
    page_size: int | None = None
    boot: str | None = None
    kinds: frozenset[Kind] = frozenset(KINDS)
    maps: bool = False
    layout: str | None = None


class Writing(NamedTuple):
    """The user's options for writing a list; a form uses those that its ``takes`` names.

    Attributes:
        max_loss: So many good pages may be taken along where the form cannot hold the list.
        budget: The most that may be written: bytes or entries, as the form counts. None: as much
            as its reader takes.
        table: The machine's e820 table, ``(start, size, type)``, bytes and type number, sorted and
            without overlaps; None where there is no map.
        layout: Of an EFI table of poisoned memory.
        unit: Bytes of physical space for each of its bits.
        phys_base: The address of its first unit.
        at: Where it stands: a memory image is written, with an entry that names it.
        memory: The machine's memory, ``(start, end, whether it is RAM)``, end exclusive, ascending;
            None where there is no map.
    """

    max_loss: int = 0
    budget: int | None = None
    table: tuple[tuple[int, int, int], ...] | None = None
    layout: str | None = None
    unit: int | None = None
    phys_base: int | None = None
    at: int | None = None
    memory: tuple[tuple[int, int, bool], ...] | None = None


#: Nothing may be lost but what does not fit.
AS_IT_IS = Writing()


class Searched(Protocol):
    """A pattern of bytes, or what is searched like one."""

    def search(self, block: bytes, /) -> object:
        """Return what is true where ``block`` matches anywhere."""


class ListFormat(Protocol):
    """A form of list.

    Attributes:
        name: As ``--to`` names it and documents do.
        about: One line for tables: what it is and where a user finds it.
        extra: The optional dependencies it needs, as in ``pip install hwpkho[EXTRA]``, or None.
        carries: What it has a place for; the rest is lost when a list is written.
    """

    name: str
    about: str
    extra: str | None
    carries: frozenset[Carried]


class ListReader(ListFormat, Protocol):
    """A form that is read.

    Attributes:
        options: Fields of :class:`Asked` that reading depends on. One that no input of a call
            reads is refused.
    """

    options: frozenset[str]

    def sniff(self, head: bytes, /) -> bool | Searched:
        """Tell by the first ``HEAD`` bytes of a file, which is not empty, whether it has this form.

        A pattern means that it has, if a block of its whole lines matches anywhere; every line
        ends in LF then, and what a terminal or a web page adds is gone.
        """

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the list. Raises InputError, naming the line, row or offset."""


class ListWriter(ListFormat, Protocol):
    """A form that is written.

    Attributes:
        takes: Fields of :class:`Writing` that writing depends on, and ``arch`` where the machine's
            architecture matters. One that the form does not take is refused.
        binary: Whether it is no text, and must not go to a terminal.
        bare: Whether it has PFNs of a page size that it does not record.
    """

    takes: frozenset[str]
    binary: bool
    bare: bool

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """Write the list, and return what the form could not say of it.

        Raises UsageError, before anything is written, where the form cannot say it at all.
        """


#: What ``--to`` calls the form ``text`` as well.
LIST = "list"
#: The forms of lists, in the order in which they are tried.
LIST_FORMATS: Registry[ListFormat] = Registry(
    "list format",
    {
        "json": "hwpkho.badpages.formats.json:FORM",
        "kernel-log": "hwpkho.badpages.formats.kernel_log:FORM",
        "tracepoint": "hwpkho.badpages.formats.tracepoint:FORM",
        "ras-mc-ctl": "hwpkho.badpages.formats.ras_mc_ctl:FORM",
        "rasdaemon-log": "hwpkho.badpages.formats.rasdaemon_log:FORM",
        "mcelog": "hwpkho.badpages.formats.mcelog:FORM",
        "cxl-list": "hwpkho.badpages.formats.cxl_list:FORM",
        "rasdaemon-db": "hwpkho.badpages.formats.rasdaemon_db:FORM",
        "bcdedit": "hwpkho.badpages.formats.bcdedit:FORM",
        "memtest86plus": "hwpkho.badpages.formats.memtest86plus:FORM",
        "badram": "hwpkho.badpages.formats.badram:FORM",
        "cutmem": "hwpkho.badpages.formats.cutmem:FORM",
        "memmap": "hwpkho.badpages.formats.memmap:FORM",
        "memmap-grub": "hwpkho.badpages.formats.memmap_grub:FORM",
        "page-types": "hwpkho.badpages.formats.page_types:FORM",
        "crash-kmem": "hwpkho.badpages.formats.crash_kmem:FORM",
        "kpageflags": "hwpkho.badpages.formats.kpageflags:FORM",
        "efi-table": "hwpkho.badpages.formats.efi_table:FORM",
        "e820": "hwpkho.badpages.formats.e820:FORM",
        "e820-entries": "hwpkho.badpages.formats.e820_entries:FORM",
        "setup-data": "hwpkho.badpages.formats.setup_data:FORM",
        "text": "hwpkho.badpages.formats.text:FORM",
        "csv": "hwpkho.badpages.formats.csv:FORM",
        "offline-script": "hwpkho.badpages.formats.offline_script:FORM",
        "inject-script": "hwpkho.badpages.formats.inject_script:FORM",
    },
)

#: Forms that cannot be written → why, and what to use instead.
NOT_WRITTEN = {
    "reserve_mem": "reserve_mem= cannot name an address, the kernel chooses the place; use memmap"
}


def is_read(form: ListFormat) -> TypeGuard[ListReader]:
    """Tell whether a form is read."""
    return hasattr(form, "read")


def is_written(form: ListFormat) -> TypeGuard[ListWriter]:
    """Tell whether a form is written."""
    return hasattr(form, "write")


def readers() -> tuple[ListReader, ...]:
    """Return the forms that are read, in the order in which they are tried."""
    return _readers(LIST_FORMATS.all())


@lru_cache(maxsize=1)
def _readers(forms: tuple[ListFormat, ...]) -> tuple[ListReader, ...]:
    return tuple(form for form in forms if is_read(form))


def writers() -> list[ListWriter]:
    """Return the forms that are written."""
    return [form for form in LIST_FORMATS if is_written(form)]


def reader(name: str) -> ListReader:
    """Return the form called ``name``. Raises UsageError where none that is read is called so."""
    form = LIST_FORMATS.get(name)
    if form is None or not is_read(form):
        known = ", ".join(form.name for form in readers())
        raise UsageError(f"{option('form', printable(name[:40]))} is not one of {known}")
    return form


def writer(name: str) -> ListWriter:
    """Return the form called ``name``. Raises KeyError where none that is written is called so."""
    found = _written(name)
    if found is None:
        raise KeyError(name)
    return found


def _written(name: str) -> ListWriter | None:
    form = LIST_FORMATS.get("text" if name == LIST else name)
    return form if form is not None and is_written(form) else None


def takes(name: str, to: str | None) -> bool:
    """Tell whether the form that ``--to`` calls ``to`` takes the field ``name`` of ``Writing``."""
    form = None if to is None else _written(to)
    return form is not None and name in form.takes


def written_names() -> list[str]:
    """Return every choice of ``--to`` that is a list: ``list`` is another name of ``text``."""
    return [LIST, *(form.name for form in writers())]


def of_text(head: bytes) -> ListReader:
    """Return the form as which a text is read that no form claims: its error says what is wrong."""
    return reader("json" if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" else "text")


def of_map() -> ListReader:
    """Return the form that reads a memory map as a list; the forms of maps recognise one."""
    return reader("e820")


def depends_on(pages: BadPages, option: str) -> bool:
    """Tell whether ``option``, a field of :class:`Asked`, affected how a list was read."""
    if pages.origin not in LIST_FORMATS:
        return False
    form = LIST_FORMATS[pages.origin]
    return is_read(form) and option in form.options
