"""The registry of the forms in which lists of bad pages are read and written.

A form is an object with ``name``, ``about``, ``extra`` and ``carries``. One that can be read is a
:class:`ListReader`, one that can be written a :class:`ListWriter`; a form may be both.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple, Protocol, TypeGuard

from hwpkho.badpages.kinds import KINDS
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.base.registry import Registry
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.model import BadPages, Loss
    from hwpkho.images.files import FileBytes

#: What a form may record, beside the pages themselves.
Carried = Literal["order", "page size", "architecture", "kind", "when", "where"]


class Asked(NamedTuple):
    """The user's options for reading lists; a form uses those that its ``options`` name.

    Attributes:
        base: Base of numbers without ``0x`` in a text list, 10 or 16.
        form: The form of the inputs, None: recognised by content.
        page_size: Bytes per page, None: not stated.
        boot: Which boot of a log: a number from 0, oldest first, or ``last``; None: all.
        kinds: The wanted kinds of bad pages; others need not be collected.
        layout: Layout of an EFI table of poisoned memory, None: inferred from its bytes.
        maps: Whether a memory map without unusable memory is an empty list, not a mistake.
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
        max_loss: The most good pages that may be included where the form cannot hold the list.
        budget: The most that may be written, in bytes or entries, as the form counts. None: as much
            as the form's consumer accepts.
        table: The machine's e820 table, ``(start, size, type)``, bytes and type number, sorted and
            without overlaps; None without a map.
        layout: Layout of an EFI table of poisoned memory.
        unit: Bytes of physical address space per bit of its bitmap.
        phys_base: Physical address of its first unit.
        at: Physical address of the table: an ELF core with the table and a configuration table
            entry is written.
        memory: The machine's memory, ``(start, end, whether it is RAM)``, bytes, end exclusive,
            ascending; None without a map.
    """

    max_loss: int = 0
    budget: int | None = None
    table: tuple[tuple[int, int, int], ...] | None = None
    layout: str | None = None
    unit: int | None = None
    phys_base: int | None = None
    at: int | None = None
    memory: tuple[tuple[int, int, bool], ...] | None = None


#: The defaults: nothing is lost, except what does not fit.
AS_IT_IS = Writing()


class Searched(Protocol):
    """A compiled pattern of bytes, or anything with its ``search``."""

    def search(self, block: bytes, /) -> object:
        """Return something true if the pattern matches anywhere in ``block``."""


class ListFormat(Protocol):
    """A form of list.

    Attributes:
        name: Its name for ``--from`` and ``--to``, and in JSON documents.
        about: One line for tables: what it is and where a user finds it.
        extra: The optional dependencies it needs, as in ``pip install hwpkho[EXTRA]``, or None.
        carries: What it records; the rest is lost when a list is written.
    """

    name: str
    about: str
    extra: str | None
    carries: frozenset[Carried]


class ListReader(ListFormat, Protocol):
    """A form that can be read.

    Attributes:
        options: Fields of :class:`Asked` that reading depends on. The command line refuses an
            option on which no input of a call depends.
        names_dimms: Whether a file of this form may name DIMMs beside its pages.
    """

    options: frozenset[str]
    names_dimms: bool

    def sniff(self, head: bytes, /) -> bool | Searched:
        """Tell by the first ``HEAD`` bytes of a file, which is not empty, whether it has this form.

        A pattern instead of a bool means that it has this form if the pattern matches anywhere in
        the file. It is searched in blocks of whole lines, which end in LF and are stripped of what
        terminals and web pages add.
        """

    def read(self, file: FileBytes, asked: Asked, /) -> BadPages:
        """Return the list. Raises InputError, naming the line, row or offset."""


class ListWriter(ListFormat, Protocol):
    """A form that can be written.

    Attributes:
        takes: Fields of :class:`Writing` that writing depends on, and ``arch`` where the machine's
            architecture matters. The command line refuses other options.
        binary: Whether it is not text, and must not be written to a terminal.
        bare: Whether it has PFNs without recording their page size.
    """

    takes: frozenset[str]
    binary: bool
    bare: bool

    def write(self, pages: BadPages, out: BinaryIO, how: Writing, /) -> Loss | None:
        """Write the list and return the loss.

        Raises UsageError, before anything is written, where the form cannot express the list.
        """


#: Another name of the form ``text`` for ``--to``.
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
    """Tell whether a form can be read."""
    return hasattr(form, "read")


def is_written(form: ListFormat) -> TypeGuard[ListWriter]:
    """Tell whether a form can be written."""
    return hasattr(form, "write")


def readers() -> tuple[ListReader, ...]:
    """Return the forms that can be read, in the order in which they are tried."""
    return _readers(LIST_FORMATS.all())


@lru_cache(maxsize=1)
def _readers(forms: tuple[ListFormat, ...]) -> tuple[ListReader, ...]:
    return tuple(form for form in forms if is_read(form))


def writers() -> list[ListWriter]:
    """Return the forms that can be written."""
    return [form for form in LIST_FORMATS if is_written(form)]


def reader(name: str) -> ListReader:
    """Return the form ``name``. Raises UsageError where it does not exist or cannot be read."""
    form = LIST_FORMATS.get(name)
    if form is None or not is_read(form):
        known = ", ".join(form.name for form in readers())
        raise UsageError(f"{option('form', printable(name[:40]))} is not one of {known}")
    return form


def writer(name: str) -> ListWriter:
    """Return the form ``name``. Raises KeyError where it does not exist or cannot be written."""
    found = _written(name)
    if found is None:
        raise KeyError(name)
    return found


def _written(name: str) -> ListWriter | None:
    form = LIST_FORMATS.get("text" if name == LIST else name)
    return form if form is not None and is_written(form) else None


def takes(name: str, to: str | None) -> bool:
    """Tell whether the form ``to`` depends on ``name``, a field of :class:`Writing` or ``arch``."""
    form = None if to is None else _written(to)
    return form is not None and name in form.takes


def written_names() -> list[str]:
    """Return the choices of ``--to`` for lists, ``list`` first."""
    return [LIST, *(form.name for form in writers())]


def of_text(head: bytes) -> ListReader:
    """Return the form for a text that no form recognises; its error will say what is wrong."""
    return reader("json" if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" else "text")


def of_map() -> ListReader:
    """Return the form that reads a memory map as a list."""
    return reader("e820")


def depends_on(pages: BadPages, option: str) -> bool:
    """Tell whether ``option``, a field of :class:`Asked`, matters for the form of a read list."""
    form = _read_by(pages)
    return form is not None and option in form.options


def may_name_dimms(pages: BadPages) -> bool:
    """Tell whether the file that a list was read from may name DIMMs."""
    form = _read_by(pages)
    return form is not None and form.names_dimms


def _read_by(pages: BadPages) -> ListReader | None:
    form = LIST_FORMATS.get(pages.origin)
    return form if form is not None and is_read(form) else None
