"""Which options a call reads, judged by what it was given.

An option that nothing reads is a mistake of the user, and refused: the answer would look as if it
had counted. The facts are gathered by the command as far as it gets: what is not known yet is
None, and decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwpkho.badpages.registry import LIST_FORMATS, depends_on
from hwpkho.base.arch import ARCHES, known, page_sizes
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from hwpkho.inputs.case import Case, CaseOptions
    from hwpkho.inputs.lists import CaseList, CaseNamed
    from hwpkho.memmap.view.regions import Regions


class Facts(NamedTuple):
    """What a call has to do with; None where that is not known yet.

    Attributes:
        image: Some input is a memory image.
        handover: Some input is a handover of any form.
        text: Some input is a list as text, whose numbers have a base.
        plain: Some input is a list of any form, and no handover.
        memmap: A memory map is given.
        iomem: A /proc/iomem is among the maps that count.
        chooses: One of several handovers is chosen.
        cmdline: The next kernel's command line counts, with a map or without.
        machine: Something is asked for that depends on the architecture.
        placed: A handover is made, or its blob, and placed in memory.
        whole: A whole handover is made.
        boots: Some input is a log, which may be of several boots.
        takes: What the form takes in which a list is written; nothing where none is.
        table: Some input is, or holds, an EFI table of poisoned memory.
        read: Some list is read; a program may give lists that it has read already.
        before: Some list was read already.
    """

    image: bool | None = None
    handover: bool | None = None
    text: bool | None = None
    plain: bool | None = None
    memmap: bool | None = None
    iomem: bool | None = None
    chooses: bool | None = None
    cmdline: bool | None = None
    machine: bool | None = None
    placed: bool | None = None
    whole: bool | None = None
    boots: bool | None = None
    takes: frozenset[str] | None = None
    table: bool | None = None
    read: bool | None = None
    before: bool = False


class Reader(NamedTuple):
    """What must be so for an option to be read, and what to say where it is not.

    In ``why`` ``{memmap}`` stands for that option.
    """

    needs: Callable[[Facts], bool | None]
    why: str


def _placed(facts: Facts) -> bool | None:
    return facts.placed


def _booted(facts: Facts) -> bool | None:
    if facts.memmap or facts.boots:
        return True
    return None if None in (facts.memmap, facts.boots) else False


def _takes(name: str) -> Callable[[Facts], bool | None]:
    return lambda facts: None if facts.takes is None else name in facts.takes


def _located(facts: Facts) -> bool | None:
    """A table is put at an address as a handover is; what writes lists only makes no handover."""
    if _takes("at")(facts):
        return True
    return False if facts.placed is None and facts.takes is not None else facts.placed


_NO_MAP = "there is no {memmap}"
_LIST = "a list is written, not a handover"
_NO_TABLE = "no EFI table of poisoned memory is written"
_PART = "no whole handover is written"

#: Name of the option's value → who reads it. Options that every call reads are not here.
READERS: dict[str, Reader] = {
    "page_size": Reader(lambda f: f.read, "no list is read"),
    "root_fdt": Reader(lambda f: f.image, "no input is a memory image"),
    "kho_scratch": Reader(lambda f: f.handover, "no input is a handover"),
    "role": Reader(
        lambda f: False if f.chooses is False else f.handover, "there is no handover to choose"
    ),
    "consumer_kho": Reader(lambda f: f.handover, "no input is a handover"),
    "max_scratch": Reader(lambda f: f.handover, "no input is a handover"),
    "efi_table": Reader(lambda f: f.image, "no input is a memory image"),
    "against": Reader(lambda f: f.table, "no input has an EFI table of poisoned memory"),
    "consumer_efi": Reader(lambda f: f.table, "no input has an EFI table of poisoned memory"),
    "layout": Reader(
        lambda f: True if _takes("layout")(f) else f.table,
        "no input has an EFI table of poisoned memory, and none is written",
    ),
    "unit": Reader(_takes("unit"), _NO_TABLE),
    "phys_base": Reader(_takes("phys_base"), _NO_TABLE),
    "base": Reader(lambda f: f.text, "no input is a text list"),
    "form": Reader(lambda f: f.plain, "every input is a memory image or a copy of debugfs"),
    "arch": Reader(lambda f: f.machine, "nothing depends on the architecture"),
    "map_name": Reader(lambda f: f.memmap, _NO_MAP),
    "boot": Reader(_booted, "there is no {memmap}, and no input is a log"),
    "iomem_of": Reader(
        lambda f: False if f.memmap is False else f.iomem,
        "none of the memory maps used is a /proc/iomem",
    ),
    "next_cmdline": Reader(lambda f: f.cmdline or f.memmap, _NO_MAP),
    "keep_all": Reader(lambda f: f.memmap, _NO_MAP),
    "replayable_only": Reader(lambda f: f.memmap, _NO_MAP),
    "place_by": Reader(
        lambda f: True if _takes("table")(f) or _takes("memory")(f) else f.placed, _LIST
    ),
    "at": Reader(_located, _LIST),
    "max_loss": Reader(_takes("max_loss"), "what is written calls no good page bad"),
    "budget": Reader(_takes("budget"), "what is written has no bound"),
    **{
        name: Reader(_placed, _LIST)
        for name in (
            "ram", "scratch", "no_scratch", "kho", "revision", "capacity", "order", "flags",
        )
    },
    **{
        name: Reader(lambda f: f.whole, _PART)
        for name in (
            "kexec_count", "previous_release", "no_kexec_metadata", "subtree", "keep_subtrees",
        )
    },
}  # fmt: skip


#: What says how an input is read.
_OF_READING = (
    "page_size", "root_fdt", "kho_scratch", "role", "efi_table", "layout", "base", "form", "arch",
    "boot",
)  # fmt: skip


def refuse(given: Collection[str], facts: Facts) -> None:
    """Raise UsageError for the first option among ``given`` that nothing reads."""
    name = unread(given, facts)
    if name is not None:
        why = READERS[name].why.format(memmap=option("memmap"))
        if facts.before and name in _OF_READING:
            why += "; a list that was read before stays as it is"
        raise UsageError(f"{option(name)} has no effect: {why}")


def unread(given: Collection[str], facts: Facts) -> str | None:
    """Return the first option among ``given`` that nothing reads, None where all are read."""
    if not given:
        return None
    found = (n for n, reader in READERS.items() if n in given and reader.needs(facts) is False)
    return next(found, None)


def of_case(case: Case) -> Facts:
    """Return what the inputs of one case are."""
    plain = case.pages
    text = plain is not None and depends_on(plain, "base")
    boots = plain is not None and depends_on(plain, "boot")
    table = bool(case.tables) or (plain is not None and depends_on(plain, "layout"))
    handover = plain is None and (bool(case.handovers) or not case.tables)
    listed = plain is not None or (bool(case.tables) and case.source is None)  # files of tables
    return Facts(case.source is not None, handover, text, listed, boots=boots, table=table)


def of_lists(lists: Iterable[CaseList]) -> Facts:
    """Return what the inputs of several cases are, of whichever one."""
    found = list(lists)
    return Facts(
        any(x.source is not None for x in found),
        any(x.handover is not None for x in found),
        any(depends_on(x.pages, "base") for x in found),
        any(x.pages.origin in LIST_FORMATS for x in found),
        boots=any(depends_on(x.pages, "boot") for x in found),
        table=any(depends_on(x.pages, "layout") for x in found),
    )


def of_named(named: Iterable[CaseNamed], found: Iterable[CaseList]) -> Facts:
    """Return what those of several cases are that a call reads; ``found`` are their lists.

    What a program has read before lends no option an effect.
    """
    pairs = list(zip(named, found, strict=True))
    read = [x for case, x in pairs if x is not case]
    return of_lists(read)._replace(read=bool(read), before=len(read) < len(pairs))


def with_map(facts: Facts, regions: Regions | None) -> Facts:
    """Add what the memory maps are."""
    if regions is None:
        return facts._replace(memmap=False, iomem=False)
    from hwpkho.memmap import names  # few calls have a map

    resources = any(names.of(name).entries == "resources" for name in regions.maps)
    return facts._replace(memmap=True, iomem=resources)


def check_pair(case: CaseOptions) -> None:
    """Raise UsageError for a wrong value, and for two that contradict each other."""
    arch = known(case.arch)
    if arch is None and case.arch is not None:
        known_names = ", ".join(ARCHES.names())
        raise UsageError(f"{option('arch', printable(case.arch))} is not one of {known_names}")
    if case.page_size is not None and case.page_size not in page_sizes():
        raise UsageError(f"{option('page_size', case.page_size)} is not one of {page_sizes()}")
    if arch is not None and not arch.has_pages(case.page_size):
        sizes = arch.page_sizes()
        raise UsageError(
            f"{option('arch', arch.name)} has pages of {sizes} bytes, not {case.page_size}"
        )
