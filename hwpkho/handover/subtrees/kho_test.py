"""kho_test: the kernel's own test of KHO, which preserves folios of random orders and contents.

An FDT: ``magic``, and a node ``data`` with ``nr_folios`` (u32), ``folios_info`` (``struct
kho_vmalloc``) and ``csum``. The array holds the address of each folio, its order in the low bits.
Source: lib/test_kho.c (Linux 7.3.4).
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from hwpkho.abi import fdt
from hwpkho.abi.vmalloc import KhoVmalloc
from hwpkho.base.addresses import page_shift
from hwpkho.codes.preserved import SUBTREE_UNREAD
from hwpkho.errors import InputError
from hwpkho.handover import vmalloc
from hwpkho.handover.owners import Block, Claim
from hwpkho.handover.problems import Report
from hwpkho.handover.subtrees.base import SubtreeReader

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hwpkho.abi.tracker.preserved import Preserved
    from hwpkho.handover.reach import Reach
    from hwpkho.images.base import Source

_LIMITS = (4, 64)


class TestFolios(NamedTuple):
    """What it preserves.

    Attributes:
        own: The pages of the array and of its chunks, as blocks.
        folios: The folios, as blocks.
    """

    own: Sequence[Block]
    folios: Sequence[Block]

    def blocks(self, _page_shift: int) -> Sequence[Block]:
        """Return the pages of the array."""
        return self.own

    def claims(self, _page_shift: int) -> Iterator[Claim]:
        """Yield the folios."""
        yield Claim("kho-test", "folios of kho_test", self.folios)


class KhoTestReader(SubtreeReader):
    """See the module."""

    name = "kho_test"
    kind = "kho_test"

    def read(
        self, raw: bytes, _source: Source, _page_size: int | None, _report: Report
    ) -> dict[str, Any]:
        """Return how many folios there are."""
        count, _ = _data(raw)
        return {"nr_folios": count}

    def follow(self, raw: bytes, phys: int | None, reach: Reach) -> TestFolios | None:
        """Return the folios; None, reported, where they cannot be read."""
        if reach.page_size is None or reach.spent:
            return None
        count, area = _data(raw)
        page_size = reach.page_size
        try:
            walk = vmalloc.walk(reach.source, area, page_size, Report())
            if not walk.sound:
                raise InputError(walk.problem.message if walk.problem else "its array is broken")
            if count > area.capacity(page_size):
                raise InputError(f"it has {count} folios, and its array room for fewer")
            folios = _folios(
                vmalloc.read_pieces(reach.source, walk, walk.order, count, page_size),
                page_size,
                reach.walk.preserved if reach.walk and reach.tracked else None,
            )
        except (InputError, vmalloc.AbsentError) as error:
            reach.report.add(SUBTREE_UNREAD, f"kho_test: {error}", phys)
            return None
        shift = page_shift(page_size)
        own = [(chunk >> shift, 0, 1) for chunk in walk.chunks]
        own += [(page >> shift, walk.order, 1) for page in walk.pages]
        return TestFolios(own, folios)

    def shown(self, details: Mapping[str, Any]) -> str:
        """Return how many folios there are."""
        return f"{details['nr_folios']} folios"


def _folios(
    pieces: Iterable[array[int]], page_size: int, preserved: Preserved | None
) -> list[Block]:
    """Return the folios of an array up to the first that the kernel cannot restore.

    That is one without an address, one for the second time, or one at which no ``preserved`` block
    starts: there it stops. So it does behind one whose block is of another order than the array
    says, which it has restored by then. ``preserved`` is None where the image lacks a part of the
    tracker.
    """
    shift, orders = page_shift(page_size), page_size - 1
    found: dict[int, Block] = {}
    order_at = preserved.order_at_frame() if preserved else None
    for word in chain.from_iterable(pieces):
        pfn, order = word >> shift, min(word & orders, 63)
        held = order_at(pfn) if order_at else order
        if not pfn or pfn in found or held is None:
            break
        found[pfn] = pfn, held, 1
        if held != order:
            break
    return list(found.values())


def _data(raw: bytes) -> tuple[int, KhoVmalloc]:
    """Return the number of folios and their array. Raises ValueError where they are not there."""
    node = fdt.parse(raw, _LIMITS).root.find("data")
    count = node.get("nr_folios") if node else None
    area = node.get("folios_info") if node else None
    if count is None or len(count) != 4 or area is None:
        raise ValueError("no data")
    return int.from_bytes(count, "little"), KhoVmalloc.parse(area)


READER = KhoTestReader()
