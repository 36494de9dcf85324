"""Ranges of memory with their kind: overlaps resolved, layers combined, in O(n log n).

Ends are exclusive here, in bytes; those of :mod:`hwpkho.memmap.view.regions` are inclusive.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base.ranges import paint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: What a range is to the next kernel, see :class:`hwpkho.memmap.view.regions.Region`.
Kind = Literal["ram", "in-use", "firmware", "retired", "device", "unknown"]
#: What a range is beyond its kind, where something is decided by it. ``memory``: any other that
#: the firmware or the kernel describes as memory; ``kernel``: a part of the kernel's image;
#: ``not-mapped``: memory that the kernel does not map (NOMAP); ``boot-services`` and
#: ``unaccepted``: EFI types; ``uncached``: an EFI descriptor without a cacheable attribute, which
#: memblock never sees; ``window``: addresses in which a bus may answer, mostly nothing does;
#: ``resource``: what else a driver has, mostly registers.
What = Literal[
    "memory", "kernel", "crash-kernel", "not-mapped", "boot-services", "unaccepted", "uncached",
    "window", "resource",
]  # fmt: skip


class Span(NamedTuple):
    """A range of physical memory (``end`` exclusive) and what it is; ``label`` is for people."""

    start: int
    end: int
    kind: Kind
    label: str
    source: str
    what: What = "memory"


class Layer(NamedTuple):
    """A span and its priority: where spans overlap, the highest counts."""

    span: Span
    priority: int


def flatten(layers: Iterable[Layer]) -> tuple[list[Span], list[tuple[Span, Span]]]:
    """Return ascending disjoint spans, and the overlaps of different kinds as ``(seen, hidden)``.

    Of equal priorities the one given last is seen. At most 16 overlaps are returned.
    """
    order = [layer for layer in layers if layer.span.start < layer.span.end]
    spans = [layer.span for layer in order]
    if _disjoint(spans):
        return _joined(spans), []
    out: list[Span] = []
    overlaps: dict[tuple[int, int], tuple[Span, Span]] = {}

    def met(top: int, new: int) -> None:
        _note_overlap(order, top, new, overlaps)

    painted = ((o.span.start, o.span.end, o.priority) for o in order)
    for start, end, number in paint(list(painted), met):
        append(out, Span(start, end, *order[number].span[2:]))
    return out, list(overlaps.values())


def stacked(spans: Iterable[Span]) -> list[Span]:
    """Return ascending disjoint spans of layers, of which each hides those before it."""
    order = [span for span in spans if span.start < span.end]
    if _disjoint(order):
        return _joined(order)
    out: list[Span] = []
    for start, end, number in paint([(s.start, s.end, n) for n, s in enumerate(order)]):
        _, _, kind, label, source, what = order[number]
        append(out, Span(start, end, kind, label, source, what))
    return out


def _disjoint(spans: Sequence[Span]) -> bool:
    """Tell whether spans ascend without overlaps, as those of nearly all maps do."""
    return all(a.end <= b.start for a, b in pairwise(spans))


def _joined(spans: Iterable[Span]) -> list[Span]:
    out: list[Span] = []
    for span in spans:
        append(out, span)
    return out


def _note_overlap(
    order: Sequence[Layer], top: int, new: int, overlaps: dict[tuple[int, int], tuple[Span, Span]]
) -> None:
    seen, hidden = order[top], order[new]
    if len(overlaps) >= 16 or seen.span.kind == hidden.span.kind:
        return
    if hidden.priority > seen.priority or (hidden.priority == seen.priority and new > top):
        seen, hidden = hidden, seen
    overlaps[(top, new)] = (seen.span, hidden.span)


def append(out: list[Span], span: Span) -> None:
    """Append a span to ascending disjoint ones; join it with the last if only the range differs."""
    if out and out[-1].end == span.start and out[-1][2:] == span[2:]:
        out[-1] = Span(out[-1].start, span.end, *span[2:])
    else:
        out.append(span)


#: Stands behind the last span of a layer.
_NO_MORE = Span(1 << 80, 1 << 80, "unknown", "", "")


def combine(
    below: Sequence[Span],
    above: Sequence[Span],
    choose: Callable[[Span | None, Span | None], Span | None],
) -> list[Span]:
    """Return two ascending disjoint layers combined into one.

    ``choose`` is called for every stretch in which neither layer changes. It returns the span whose
    kind, label and the like apply there, or None for a hole.
    """
    out: list[Span] = []
    ours, theirs = iter(below), iter(above)
    one, two = next(ours, _NO_MORE), next(theirs, _NO_MORE)
    at = 0
    while one is not two:  # both are the end
        at = max(at, min(one.start, two.start))
        one_here, two_here = one.start <= at, two.start <= at
        end = min(one.end if one_here else one.start, two.end if two_here else two.start)
        span = choose(one if one_here else None, two if two_here else None)
        if span is not None:
            whole = span.start == at and span.end == end
            append(out, span if whole else Span(at, end, *span[2:]))
        at = end
        if one.end <= at:
            one = next(ours, _NO_MORE)
        if two.end <= at:
            two = next(theirs, _NO_MORE)
    return out


def fill(below: Span | None, above: Span | None) -> Span | None:
    """Return the span below; the one above only in its holes. For :func:`combine`."""
    return below or above


def occupy(below: Span | None, above: Span | None) -> Span | None:
    """Return the span above where the one below is RAM, else the one below; for :func:`combine`."""
    return above if above is not None and below is not None and below.kind == "ram" else below


def keep_ram(spans: Sequence[Span], ranges: Sequence[tuple[int, int]]) -> list[Span]:
    """Return ``spans`` without the RAM outside of ``ranges`` (start and exclusive end)."""
    window, _ = flatten(Layer(Span(a, b, "ram", "", ""), 0) for a, b in ranges)

    def choose(span: Span | None, inside: Span | None) -> Span | None:
        if span is not None and span.kind == "ram" and inside is None:
            return None
        return span

    return combine(spans, window, choose)
