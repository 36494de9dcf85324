"""memmap for people: the table of ranges, sums by kind, a picture, problems."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.codes import code_of
from hwpkho.memmap import efi
from hwpkho.memmap.view.ownership import each_is_ram, kind
from hwpkho.report.parts import picture, to_scale
from hwpkho.report.parts.layout import Column, fold, severe, table
from hwpkho.report.parts.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hwpkho.commands.memmap import MemmapReport
    from hwpkho.memmap.model import Map, MemoryMap

#: EFI memory attributes that the table names (UEFI specification, EFI_MEMORY_*), by bit.
_WORDS = (
    (efi.RUNTIME, "runtime"),
    (efi.SP, "specific-purpose"),
    (efi.NV, "non-volatile"),
    (efi.MORE_RELIABLE, "more-reliable"),
    (efi.HOT_PLUGGABLE, "hot-pluggable"),
)
_ARCH_FROM = {"input": "from the input", "option": "by --arch", "default": "by default"}


def report(shown: MemmapReport, screen: Screen | None = None) -> str:
    """Return the whole report, ending in a newline."""
    screen = screen or Screen()
    lines = [*_head(shown, screen)]
    if screen.detail >= 0:
        runs = runs_of(shown)
        blocks = (
            list(_table(shown.primary, shown.memmap.arch, screen)),
            list(_summary(shown, runs, screen)),
            picture.draw(runs, screen),
            list(_problems(shown, screen)),
        )
        for block in blocks:
            lines += ["", *block] if block else []
    return "\n".join(lines) + "\n"


def _head(shown: MemmapReport, screen: Screen) -> Iterator[str]:
    memmap = shown.memmap
    title = f"{printable(memmap.source)}: {shown.primary.name}"
    text = (
        f"{screen.paint('head', title)}, {counted(len(shown.primary.entries), 'range')}, "
        f"{printable(memmap.arch)} ({_ARCH_FROM.get(memmap.arch_from, memmap.arch_from)}), read as "
        f"{memmap.form}"
    )
    yield from fold(text, screen.prose, "", "  ")
    others = [f"{printable(m.name)} ({len(m.entries)})" for m in memmap.maps if not m.primary]
    if others and screen.detail >= 0:
        text = f"also there, shown with --map: {', '.join(others)}"
        yield from fold(text, screen.prose, "  ", "    ")


def _table(map_: Map, arch: str, screen: Screen) -> Iterator[str]:
    entries = map_.entries
    width = max(8, len(f"{max((e.end for e in entries), default=0):x}"))
    names = {name: printable(name) for name in {entry.type for entry in entries}}
    is_ram = each_is_ram(map_.name, entries, arch)
    for (start, end, type_, attributes), ram in zip(entries, is_ram, strict=True):
        depth = attributes.get("depth")
        indent = "  " * min(depth, 16) if isinstance(depth, int) else ""
        beside = more(attributes) if len(attributes) > isinstance(depth, int) else ""
        size = human_bytes(end - start + 1)
        span = f"  0x{start:0{width}x}-0x{end:0{width}x} {size:>10}  {indent}"
        text = f"{names[type_]}{beside}{'  [RAM]' * ram}"
        if len(span) + len(text) > screen.width or not text.isascii():
            lines = fold(text, screen.width, span, " " * min(len(span), 8))
        else:
            lines = [span + text]
        yield from (screen.paint("good", line) for line in lines) if ram else lines


def more(attributes: Mapping[str, object]) -> str:
    """Return the attributes of an entry in brackets, `` (runtime, node 1)``; empty for none."""
    attr = attributes.get("attr")
    words = [word for bit, word in _WORDS if isinstance(attr, int) and attr & bit]
    for key in ("node", "no-map", "reusable", "flags"):
        value = attributes.get(key)
        word = key if value is True else printable(str(value))
        if value and word not in words:
            words.append(word)
    return f" ({', '.join(words)})" if words else ""


def _summary(shown: MemmapReport, runs: Sequence[to_scale.Run], screen: Screen) -> Iterator[str]:
    if shown.regions:
        by = " refined by ".join(printable(name) for name in shown.regions.maps[:2])
        line = shown.next_cmdline
        given = f" with {printable(line)}" if line is not None else ""
        head = screen.paint("head", f"to the next kernel{given}")
        yield from fold(f"{head} (by {by})", screen.prose, "", "  ")
    else:
        yield screen.paint("head", "by this map alone")
    rows = []
    for what, name in to_scale.MEMORY.items():
        sizes = [r.end - r.start + 1 for r in runs if r.kind == what]
        if sizes:
            rows.append(_row(name, sum(sizes), len(sizes), "range"))
    holes = [b.start - a.end - 1 for a, b in pairwise(runs)]
    if runs:
        holes.insert(0, runs[0].start)
    holes = [hole for hole in holes if hole]
    if holes:
        rows.append(_row("holes", sum(holes), len(holes), "hole"))
    yield from table((Column(""), Column("", right=True), Column("")), rows, screen)


def _row(name: str, size: int, count: int, what: str) -> tuple[str, str, str]:
    return name, human_bytes(size), f"in {counted(count, what)}"


def runs_of(shown: MemmapReport) -> list[to_scale.Run]:
    """Return memory as the next kernel sees it, or else as the map has it, as runs of one kind."""
    if shown.regions:
        return to_scale.joined((r.start, r.end, r.kind) for r in shown.regions.regions)
    return to_scale.joined(_of_map(shown.primary, shown.memmap))


def _of_map(map_: Map, memmap: MemoryMap) -> list[tuple[int, int, str]]:
    from hwpkho.memmap.gaps import known
    from hwpkho.memmap.view.spans import Kind, Layer, Span, combine, flatten

    priorities: dict[Kind, int] = {"ram": 0, "device": 1, "firmware": 2, "retired": 3}
    layers = []
    for entry in map_.entries:
        what = kind(map_.name, entry.type, entry.attributes, memmap.arch)
        nested = entry.attributes.get("depth") and what != "ram"
        if what != "none" and not nested:
            span = Span(entry.start, entry.end + 1, what, "", "")
            layers.append(Layer(span, priorities.get(what, 0)))
    spans, _ = flatten(layers)
    lost = [Span(a, b, "unknown", "", "") for a, b in known(map_.gaps)]
    spans = combine(spans, lost, lambda span, gap: gap or span)
    return [(s.start, s.end - 1, s.kind) for s in spans]


def _problems(shown: MemmapReport, screen: Screen) -> Iterator[str]:
    for p in shown.problems:
        if screen.detail > 0 or p.severity != "note" or not code_of(p.code).routine:
            text = f"{p.code} {code_of(p.code).name}: {p.message}"
            yield from severe("", p.severity, text, screen, 0)
