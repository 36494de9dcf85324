"""Collects the owners of the preserved memory of one handover, and reports what does not add up."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.pfnset import pfn_set
from hwpkho.codes.preserved import NOBODY_KNOWN, OWNED_TWICE
from hwpkho.handover.luo import luo_among
from hwpkho.handover.owners import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.abi.tracker.walked import TrackerWalk
    from hwpkho.handover.model import HwpoisonList, Root
    from hwpkho.handover.owners import Account, Block
    from hwpkho.handover.problems import Report


#: The most blocks of the blob of an unknown subtree, whose size may be any number.
_MAX_BLOB = 1 << 10


def claims(root: Root, hwpoison: HwpoisonList | None, walk: TrackerWalk) -> Iterator[Claim]:
    """Yield the claims of the handover itself and of each of its subtrees."""
    shift = walk.preserved.page_shift
    if root.phys is not None:
        yield Claim("root-fdt", "root FDT", [(root.phys >> shift, 0, 1)])
    for subtree in root.subtrees:
        if subtree.phys is None:
            continue
        # The blob of a known subtree is in one block, so its first byte finds all of it.
        blocks = _blob(subtree.phys, subtree.size or 1 if subtree.kind is None else 1, walk)
        if subtree.kind == "hwpoison" and hwpoison is not None:
            order = hwpoison.blob.vmalloc.entry_order if hwpoison.blob else 0
            blocks += [(chunk >> shift, 0, 1) for chunk in hwpoison.chunks or ()]
            pages = [page >> shift for page in hwpoison.pages or ()]
            # Single pages are mostly contiguous, so join them; repeats have been reported.
            singles = () if order else pfn_set(pages)
            blocks += [(first, 0, last - first + 1) for first, last in singles]
            blocks += [(page, order, 1) for page in pages if order]
            hwpoison = None  # the kernel sees only the first of two nodes with this name
        if subtree.content is not None:
            blocks += subtree.content.blocks(shift)
        yield Claim(subtree.kind or subtree.name, f"subtree {subtree.name}", blocks)
        if subtree.content is not None:
            yield from subtree.content.claims(shift)


def _blob(phys: int, size: int, walk: TrackerWalk) -> list[Block]:
    """Return the preserved blocks that hold the ``size`` bytes at ``phys``, of whatever orders.

    Where none is marked, the single page at ``phys``.
    """
    blocks: list[Block] = []
    shift, at = walk.preserved.page_shift, phys
    while at < phys + size and len(blocks) < _MAX_BLOB:
        found = walk.preserved.block_around(at)
        if found is None:
            break
        start, order = found
        blocks.append((start >> shift, order, 1))
        at = start + (1 << shift + order)
    return blocks or [(phys >> shift, 0, 1)]


def _owners(account: Account, pfn: int) -> str:
    """Return the names of the first two owners of a frame, for a message."""
    holders = (x.name for x in account.owned if x.pages.pages(pfn, pfn))
    first, *others = islice(holders, 2)
    return f"{first} and {others[0]}" if others else f"{first} has it twice"


def report(
    account: Account, root: Root, hwpoison: HwpoisonList | None, walk: TrackerWalk, problems: Report
) -> None:
    """Report frames with two owners, and frames that the tracker marks but that have no owner.

    Not the latter for a replayed list: its pages were freed, and which they were is unknown.
    """
    shift, twice = walk.preserved.page_shift, account.twice
    if twice:
        pages = twice.pages()
        pfn = twice.first[0]
        message = f"{counted(pages, 'page')} of two owners, the first is PFN 0x{pfn:x}"
        problems.add(OWNED_TWICE, f"{message}: {_owners(account, pfn)}", pfn << shift)
    unknown = account.unknown
    consumed = hwpoison is not None and hwpoison.state == "consumed"
    if unknown is not None and walk.intact and not consumed:
        pages = unknown.pages.pages() + unknown.more
        at = unknown.pages.first[0] << shift
        message = f"{human_bytes(pages << shift)} marked preserved, from 0x{at:x} on,"
        message += " belong to no owner that hwpkho knows"
        tree = luo_among(root)
        if tree is not None and tree.state == "not-serialized":
            message += "; LUO's blocks are among them until it writes its sessions"
        problems.add(NOBODY_KNOWN, message, at)
