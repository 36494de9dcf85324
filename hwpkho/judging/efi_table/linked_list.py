"""Generation a: efi_config_parse_tables() walks the list and reserves each entry in memblock.

It maps one page for each node, follows ``next`` without a guard, and checks nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hwpkho.abi.efi_poisoned import linked_list
from hwpkho.base.addresses import PHYS_END
from hwpkho.base.counting import counted
from hwpkho.base.ranges import union
from hwpkho.codes import efi_kernel
from hwpkho.judging.efi_table.model import Reading

if TYPE_CHECKING:
    from hwpkho.base.ranges import Range
    from hwpkho.codes import Code
    from hwpkho.judging.efi_table.memory import EarlyMemory
    from hwpkho.judging.next_kernel import NextKernel
    from hwpkho.judging.result import EfiOutcome, Exclusion

#: Nodes that are followed at most; no machine has bad pages for so many.
MAX_NODES = 1 << 14


class ListGeneration:
    """Generation a; the module says what it does."""

    about = "the first posting: a list of pages"
    layout = "list"
    exclusion: Exclusion = "reserved"
    early = True

    def read(self, phys: int, memory: EarlyMemory, kernel: NextKernel) -> Reading:
        """See :meth:`.model.Generation.read`."""
        entries: list[Range] = []
        own: list[Range] = []
        seen: set[int] = set()
        at, page, head = phys, kernel.page_size, linked_list.HEAD
        while at:
            if at in seen:
                words = f"no message; loops at node 0x{at:x}"
                return self._reading("hang", words, entries, own, efi_kernel.HANGS)
            if len(seen) == MAX_NODES:
                words = f"the list has more than {MAX_NODES} nodes; hwpkho follows no more"
                return self._reading(None, words, entries, own, efi_kernel.UNDECIDED)
            seen.add(at)
            memory.check(at)
            left = page - at % page
            if left < head:
                return self._fault(at, "its header passes", entries, own)
            node = linked_list.parse(memory.read(at, head))
            size = head + linked_list.ENTRY * node.room
            own.append((at, PHYS_END if node.room < 0 else min(at + size, PHYS_END)))
            used = max(node.used, 0)
            if used > (left - head) // linked_list.ENTRY:
                passes = counted(used, "entry it counts passes", "entries it counts pass")
                return self._fault(at, f"the {passes}", entries, own)
            raw = memory.read(at + head, used * linked_list.ENTRY) if used else b""
            entries += [(a, min(a + n, PHYS_END)) for a, n in linked_list.entries(raw) if n]
            at = node.next
        n = len(entries)
        words = f"efi: reserved {n} hardware-poisoned frame(s) inherited across kexec"
        return self._reading("accepted", words if n else "no message", entries, own)

    def _reading(
        self,
        outcome: EfiOutcome | None,
        reason: str,
        entries: list[Range],
        own: list[Range],
        code: Code | None = None,
    ) -> Reading:
        bad = union(entries)
        return Reading(outcome, reason, code, len(entries), partial(iter, bad), own)

    def _fault(self, at: int, what: str, entries: list[Range], own: list[Range]) -> Reading:
        words = f"early fault in efi_reserve_poisoned_memory: node 0x{at:x}: {what} its page"
        return self._reading("crash", words, entries, own, efi_kernel.FAULT)


A = ListGeneration()
