"""Functions shared by forms of list that can be written."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from hwpkho.base import arch as arches
from hwpkho.base.addresses import PHYS_END, page_shift
from hwpkho.base.listing import MAX_PFNS
from hwpkho.base.options import option
from hwpkho.base.pfnset import PfnSet, pfn_set
from hwpkho.errors import InputError, UsageError

if TYPE_CHECKING:
    from hwpkho.badpages.model import BadPages
    from hwpkho.badpages.registry import Writing

#: The whole output where there are no pages.
NOTHING = b"no pages\n"


def physical(pages: BadPages) -> tuple[PfnSet, int]:
    """Return the pages below the last page of the 64-bit address space, and how many are not."""
    bad, end = pfn_set(pages.pfns), (PHYS_END >> page_shift(pages.taken_page_size)) - 1
    if not bad or bad.last[-1] < end:
        return bad, 0
    return bad & PfnSet(array("Q", [0]), array("Q", [end - 1])), bad.pages(end)


def need_e820(pages: BadPages, form: str, why: str) -> None:
    """Raise UsageError where a list's machine has no e820 table; ``why`` is the reason's text."""
    arch = arches.known(pages.arch) or arches.by_page_size(pages.page_size)
    if arch is not None and arch.memory == "e820":
        if arch.has_pages(pages.page_size):
            return
        raise UsageError(
            f"{option('to', form)}: the list has pages of {pages.page_size} bytes, {arch.name} has "
            f"{arch.page_sizes()}"
        )
    name = arch.name if arch else pages.arch
    if name is not None:
        raise UsageError(
            f"{option('to', form)}: {why.format(arch=name)}; badram and cutmem work on what GRUB "
            "hands over, offline-script after boot"
        )


def need_budget(how: Writing, form: str) -> None:
    """Raise UsageError where a loss is allowed without a budget, which would have no effect."""
    if how.max_loss and how.budget is None:
        raise UsageError(
            f"{option('max_loss')} has no effect: without {option('budget')} {form} has room for "
            "any list"
        )


def bounded(pages: BadPages, count: int, form: str) -> None:
    """Raise InputError where a form without ranges would need more than ``MAX_PFNS`` entries."""
    if count > MAX_PFNS:
        raise InputError(
            f"{pages.name}: {count} pages; {form} has an entry for each, at most {MAX_PFNS}: use a "
            "form with ranges, such as json or cutmem"
        )
