"""Which DIMM a page is on: what was decoded for that very page, or what covers it without doubt.

Nothing is interpolated: consecutive pages, often consecutive cache lines, are on different DIMMs.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from hwpkho.base.addresses import page_shift
from hwpkho.base.ranges import difference, union

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.base.pfnset import PfnSet

#: How the place is known. ``decoded``: the machine's own driver named the DIMM for an address of
#: the page (EDAC, rasdaemon); ``firmware``: the machine's firmware did (CPER); ``smbios``: the page
#: is in the range of a DIMM that is not interleaved (type 20), and the memory map agrees; ``node``:
#: the DIMM is unknown, its NUMA node is known (SRAT); ``unknown``: neither is known.
Confidence = Literal["decoded", "firmware", "smbios", "node", "unknown"]
CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)


class Place(NamedTuple):
    """Where a page is.

    Attributes:
        dimm: The DIMM's label, printable; None where it is not known.
        serial: The DIMM's serial number, printable; None where it is not known.
        confidence: How the DIMM is known.
        node: NUMA node, None where it is not known.
    """

    dimm: str | None = None
    serial: str | None = None
    confidence: Confidence = "unknown"
    node: int | None = None


class Pair(NamedTuple):
    """An address, and the DIMM that was named for it.

    Attributes:
        address: Physical address in bytes, or a PFN.
        label: The DIMM's label, printable; empty where only the handle is known.
        handle: Handle of its SMBIOS structure of type 17, None where it is not known.
        confidence: ``decoded`` or ``firmware``.
        paged: Whether the address is a PFN: EDAC's lines do not record the page size.
    """

    address: int
    label: str
    handle: int | None
    confidence: Confidence
    paged: bool = False


class Device(NamedTuple):
    """A DIMM by SMBIOS, type 17.

    Attributes:
        handle: Handle of the structure.
        locator: Device locator, ``DIMM_A1``.
        bank: Bank locator.
        serial: Serial number, None where the DIMM has none, or shares it with another.
        size: Bytes, None where it is not known.
    """

    handle: int
    locator: str
    bank: str
    serial: str | None
    size: int | None


class Mapped(NamedTuple):
    """The addresses of a DIMM by SMBIOS, type 20.

    Attributes:
        start: First byte.
        end: Last byte, inclusive.
        device: Handle of the DIMM's type 17.
        interleaved: Whether the DIMM shares these addresses with others, or may.
    """

    start: int
    end: int
    device: int
    interleaved: bool


class Node(NamedTuple):
    """A range of a NUMA node by the SRAT: first and last byte (inclusive), and the node."""

    start: int
    end: int
    node: int


class Run(NamedTuple):
    """Pages at one place: first and last PFN (inclusive)."""

    first: int
    last: int
    place: Place


@dataclass(slots=True)
class Dimms:
    """What logs, databases and listings of one machine say about its DIMMs.

    Attributes:
        pairs: Addresses and the DIMMs named for them.
        devices: The DIMMs by SMBIOS.
        mapped: Their addresses by SMBIOS.
        nodes: Ranges of NUMA nodes.
    """

    pairs: list[Pair] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    mapped: list[Mapped] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.pairs or self.mapped or self.nodes)

    def joined(self, other: Dimms) -> Dimms:
        """Return what both say; a pair that both have is kept once."""
        return Dimms(
            list(dict.fromkeys(self.pairs + other.pairs)),
            self.devices + other.devices,
            self.mapped + other.mapped,
            self.nodes + other.nodes,
        )

    def places(
        self, pfns: PfnSet, page_size: int, ram: Sequence[tuple[int, int]] | None
    ) -> Iterator[Run]:
        """Yield runs of pages at one place, ascending; together they are the set.

        Args:
            pfns: The pages.
            page_size: Bytes of each.
            ram: What the memory map calls RAM, ``(start, end)`` in bytes, both inclusive,
                ascending; None: there is no map, so SMBIOS's ranges are not used.
        """
        shift = page_shift(page_size)
        cutter = _Cutter(self._decoded(shift), self._ranges(shift, ram), _nodes(self.nodes, shift))
        for first, last in pfns.runs(0, (1 << 64) - 1):
            yield from cutter.cut(first, last)

    def _decoded(self, shift: int) -> dict[int, Place]:
        """Return the place of each page for which a DIMM was named; unknown if several were."""
        named: dict[int, dict[Confidence, set[Place]]] = {}
        devices = _Devices(self.devices)
        for pair in self.pairs:
            page = pair.address if pair.paged else pair.address >> shift
            by = named.setdefault(page, {})
            by.setdefault(pair.confidence, set()).add(devices.place(pair))
        found = {}
        for page, by in named.items():
            best = by.get("decoded") or by.get("firmware") or set()
            found[page] = next(iter(best)) if len(best) == 1 else Place()
        return found

    def _ranges(self, shift: int, ram: Sequence[tuple[int, int]] | None) -> list[Run]:
        """Return the page ranges of DIMMs that are not interleaved; none if the map disagrees."""
        if ram is None or not ram or not self._agrees(ram):
            return []
        devices = {d.handle: d for d in self.devices}
        runs = []
        for mapped in sorted(self.mapped):
            device = devices[mapped.device]
            place = Place(device.locator, device.serial, "smbios")
            first, last = -(-mapped.start >> shift), ((mapped.end + 1) >> shift) - 1
            if not mapped.interleaved and first <= last:
                runs.append(Run(first, last, place))
        return runs

    def _agrees(self, ram: Sequence[tuple[int, int]]) -> bool:
        """Tell whether SMBIOS's ranges and the map describe the same memory.

        The ranges of each DIMM must be as large as the DIMM, none may overlap, and all RAM must be
        in them: where SMBIOS ignores the hole below 4 GiB, there is RAM above its last range.
        """
        sizes = {d.handle: d.size for d in self.devices if d.locator}
        totals: dict[int, int] = {}
        for m in self.mapped:
            totals[m.device] = totals.get(m.device, 0) + m.end - m.start + 1
        if not totals or any(sizes.get(handle) != total for handle, total in totals.items()):
            return False
        if any(b.start <= a.end for a, b in pairwise(sorted(self.mapped))):
            return False
        covered = union((m.start, m.end + 1) for m in self.mapped)
        return not any(difference(union((start, end + 1) for start, end in ram), covered))


class _Devices:
    """Finds the DIMM that a pair names."""

    def __init__(self, devices: Iterable[Device]) -> None:
        self._by_handle: dict[int, list[Device]] = {}
        self._by_label: dict[str, list[Device]] = {}
        for device in devices:
            self._by_handle.setdefault(device.handle, []).append(device)
            for label in {device.locator, f"{device.bank} {device.locator}"}:
                self._by_label.setdefault(label, []).append(device)

    def place(self, pair: Pair) -> Place:
        """Return the place of the page of a pair."""
        if pair.handle is not None:
            known = self._by_handle.get(pair.handle, [])
        else:
            known = self._by_label.get(pair.label, []) if pair.label else []
        device = known[0] if len(known) == 1 else None
        label = pair.label or (device.locator if device else "")
        serial = device.serial if device else None
        return Place(label, serial, pair.confidence) if label else Place()


def _nodes(nodes: Iterable[Node], shift: int) -> list[Run]:
    """Return the ranges of nodes in pages; where two claim a range, neither has it."""
    found: list[Run] = []
    latest = -1
    ordered = sorted(set(nodes))
    for at, (start, end, node) in enumerate(ordered):
        before, latest = latest, max(latest, end)
        if start <= before or (at + 1 < len(ordered) and ordered[at + 1].start <= end):
            continue
        first, last = -(-start >> shift), ((end + 1) >> shift) - 1
        if first <= last:
            found.append(Run(first, last, Place(None, None, "node", node)))
    return found


class _Cutter:
    """Cuts runs of pages where their places change."""

    def __init__(self, decoded: dict[int, Place], ranges: list[Run], nodes: list[Run]) -> None:
        self._decoded, self._pages = decoded, sorted(decoded)
        self._ranges, self._nodes = ranges, nodes
        self._edges = sorted(
            {edge for run in (*ranges, *nodes) for edge in (run.first, run.last + 1)}
            | {edge for page in decoded for edge in (page, page + 1)}
        )

    def cut(self, first: int, last: int) -> Iterator[Run]:
        """Yield the runs of the pages ``first`` to ``last``, inclusive."""
        at, held = first, self._at(first)
        edge = bisect_right(self._edges, first)
        while edge < len(self._edges) and self._edges[edge] <= last:
            here = self._edges[edge]
            place = self._at(here)
            if place != held:
                yield Run(at, here - 1, held)
                at, held = here, place
            edge += 1
        yield Run(at, last, held)

    def _at(self, page: int) -> Place:
        node = _within(self._nodes, page)
        place = self._decoded.get(page)
        if place is None:
            place = _within(self._ranges, page)
        if place is None or place.dimm is None:
            return node or Place()
        return place._replace(node=node.node if node else None)


def _within(runs: Sequence[Run], page: int) -> Place | None:
    at = bisect_right(runs, (page, float("inf"))) - 1
    return runs[at].place if at >= 0 and page <= runs[at].last else None
