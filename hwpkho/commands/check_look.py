"""check: looks at everything that a machine, or a copied tree, has to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.commands import check_handover, check_pages
from hwpkho.commands.check_facts import Facts
from hwpkho.errors import InputError
from hwpkho.live import counters

if TYPE_CHECKING:
    from hwpkho.live.tree import Tree


def gather(tree: Tree, page_size: int | None = None, arch: str | None = None) -> Facts:
    """Look at everything that a tree has; ``page_size`` (bytes) and ``arch`` are the user's word.

    Raises InputError only where the user's word contradicts what the tree tells.
    """
    facts = Facts(tree, page_size, arch or tree.arch)
    with tree.inside():
        _count(facts)
        facts.kho = tree.kho()
        check_handover.read(facts, page_size)
        check_pages.read_map(facts)
        facts.page_size = page_size or facts.page_size or check_pages.page_size(facts)
        check_pages.read_flags(facts)
        if facts.page_size is None:
            check_pages.page_size_by_count(facts)
        if facts.page_size is None:
            facts.miss(
                f"{printable(str(tree.root))}: nothing there shows the page size",
                "where the bad pages are is not known unless the page size is given",
            )
        check_handover.nothing_in_memory(facts)
        facts.nodes = counters.nodes(tree.root)
        facts.blocks = counters.blocks(tree.root)
    return facts


def _count(facts: Facts) -> None:
    open_ = "how many pages are bad cannot be checked against the kernel's own count"
    shown = printable(facts.tree.path("proc/meminfo"))
    try:
        text = facts.tree.text("proc/meminfo")
        facts.corrupted = counters.corrupted(text)
    except InputError as error:
        facts.miss(error, open_)
        return
    if facts.corrupted is not None:
        return
    if counters.is_meminfo(text):
        why = "no HardwareCorrupted: this kernel has no CONFIG_MEMORY_FAILURE"
        facts.miss(f"{shown}: {why}", "it does not take bad pages out of use, so none is known")
    else:
        facts.miss(f"{shown}: this is not what the kernel writes there", open_)
