"""The subtree kho_test: the kernel's own test of KHO, which preserves folios of random orders.

It is an FDT with ``magic`` and a node ``data``: ``nr_folios`` (u32), ``folios_info`` (``struct
kho_vmalloc``) and ``csum``. The array holds the address of each folio, with its order in the low
bits. Source: lib/test_kho.c (Linux 7.3.4).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwpkho.abi import fdt
from hwpkho.abi.vmalloc import KhoVmalloc
from hwpkho.base.addresses import page_shift
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import pfn_set
from hwpkho.codes.preserved import SUBTREE_UNREAD
from hwpkho.errors import InputError
from hwpkho.handover import vmalloc
from hwpkho.handover.owners import Block, Claim
from hwpkho.handover.problems import Report
from hwpkho.handover.subtrees.base import SubtreeReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from hwpkho.abi.tracker.preserved import Preserved
    from hwpkho.handover.reach import Reach
    from hwpkho.images.base import Source

_LIMITS = (4, 64)


@dataclass(slots=True)
class TestFolios:
    """The folios that the test preserves.

    Attributes:
        own: The blocks that hold the array and its chunks.
        pfns: First PFN of each folio, in the array's order.
        orders: Order of each folio, up to 63.
    """

    own: Sequence[Block]
    pfns: array[int]
    orders: array[int]

    def blocks(self, _page_shift: int) -> Sequence[Block]:
        """See :meth:`Owner.blocks`: the array and its chunks."""
        return self.own

    def claims(self, _page_shift: int) -> Iterator[Claim]:
        """See :meth:`Owner.claims`: all folios as one claim."""
        yield Claim("kho-test", "folios of kho_test", self._folios)

    def _folios(self) -> Iterator[Block]:
        """Yield the folios as blocks, contiguous ones of the same order together."""
        first, order, count = 0, 0, 0
        for pfn, of in zip(self.pfns, self.orders, strict=True):
            if of == order and pfn == first + (count << order) and count:
                count += 1
                continue
            if count:
                yield first, order, count
            first, order, count = pfn, of, 1
        if count:
            yield first, order, count


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
        """Return the folios; where they cannot be read, report that and return None."""
        if reach.page_size is None or reach.spent:
            return None
        count, area = _data(raw)
        page_size = reach.page_size
        try:
            walk = vmalloc.walk(reach.source, area, page_size, Report())
            if not walk.sound:
                raise InputError(walk.problem.message if walk.problem else "its array is broken")
            room = area.capacity(page_size)
            if count > room:
                raise InputError(f"nr_folios is {count}, its array has room for {room}")
            pfns, orders = _folios(
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
        return TestFolios(own, pfns, orders)

    def shown(self, details: Mapping[str, Any]) -> str:
        """Return how many folios there are."""
        return counted(int(details["nr_folios"]), "folio")


def _folios(
    pieces: Iterable[array[int]], page_size: int, preserved: Preserved | None
) -> tuple[array[int], array[int]]:
    """Return the PFNs and orders of the folios that the kernel restores, in the array's order.

    It stops before a folio without an address, one that was listed before, and one at which no
    ``preserved`` block starts; and after one whose block has another order than the array says.
    ``preserved`` is None where the image lacks a part of the tracker.
    """
    pfns, orders, checked = array("Q"), array("B"), 0
    order_at = preserved.order_at_frame() if preserved else None
    for piece in pieces:
        more = _take(piece, page_size, order_at, pfns, orders)
        # Segments that show the same bytes may repeat the same words endlessly, so check for
        # repeats whenever the number of folios has doubled.
        if not more or len(pfns) >= 2 * checked:
            checked = len(pfns)
            if pfn_set(pfns).pages() < checked or not more:
                break
    first = _first_again(pfns)
    return pfns[:first], orders[:first]


def _take(
    piece: array[int],
    page_size: int,
    order_at: Callable[[int], int | None] | None,
    pfns: array[int],
    orders: array[int],
) -> bool:
    """Append the folios of a piece of the array; tell whether the kernel reaches its end."""
    shift, low = page_shift(page_size), page_size - 1
    for word in piece:
        pfn, order = word >> shift, min(word & low, 63)
        held = order_at(pfn) if order_at else order
        if not pfn or held is None:
            return False
        pfns.append(pfn)
        orders.append(held)
        if held != order:
            return False
    return True


def _first_again(pfns: array[int]) -> int:
    """Return the index of the first repeated PFN, or the number of PFNs where none repeats."""
    if pfn_set(pfns).pages() < len(pfns):
        seen = set[int]()
        for n, pfn in enumerate(pfns):
            if pfn in seen:
                return n
            seen.add(pfn)
    return len(pfns)


def _data(raw: bytes) -> tuple[int, KhoVmalloc]:
    """Return the number of folios and their array. Raises ValueError or InputError if missing."""
    node = fdt.parse(raw, _LIMITS).root.find("data")
    count = node.get("nr_folios") if node else None
    area = node.get("folios_info") if node else None
    if count is None or len(count) != 4 or area is None:
        raise ValueError("no data")
    return int.from_bytes(count, "little"), KhoVmalloc.parse(area)


READER = KhoTestReader()
