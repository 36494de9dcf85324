"""merge: the union of lists, and who knew what."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from itertools import filterfalse
from typing import TYPE_CHECKING

from hwpkho import output
from hwpkho.codecs.pfnlist import build_runs
from hwpkho.commands import encode
from hwpkho.commands.validate import ValidateOptions, regions_for
from hwpkho.lists import Listed, common_page_size, convert, read_list
from hwpkho.model.comparison import Lives, known_by, lives, union
from hwpkho.model.validation import Runs
from hwpkho.pfnset import pfn_set, sorted_set
from hwpkho.rules import verdicts
from hwpkho.rules.ground import Ground

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hwpkho.commands.encode import Wish


@dataclass(frozen=True, slots=True)
class MergeOptions:
    """How lists are brought together.

    Attributes:
        judging: How cases are read, and the memory map.
        in_order: Keep the order in which PFNs were first seen, instead of ascending.
        intersect: Keep only what stands in every list.
        exclude: Cases whose PFNs are left out.
        keep_all: Keep also what does not replay by the memory map.
        provenance: Tell which case knew which PFN.
        page_size: Of the result, bytes; None: the smallest among the cases.
    """

    judging: ValidateOptions
    in_order: bool = False
    intersect: bool = False
    exclude: tuple[str, ...] = ()
    keep_all: bool = False
    provenance: bool = False
    page_size: int | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """The result.

    Attributes:
        cases: What was merged, in the order given, converted to one page size.
        sizes: Entries of each case's list, repeats included.
        pfns: The merged list, ``array('Q')``, distinct.
        page_size: Bytes.
        duplicates: Entries that another entry says already.
        excluded: PFNs left out because ``exclude`` names them.
        dropped: Runs left out because they do not replay by the memory map.
        judged: Whether there was a map.
        kept_all: Whether what does not replay was kept all the same.
        lives: Which case knew which PFN, where that was asked for.
        notes: What a user should know, one line each.
    """

    cases: tuple[str, ...]
    sizes: tuple[int, ...]
    pfns: array[int]
    page_size: int
    duplicates: int
    excluded: int
    dropped: Runs
    judged: bool
    kept_all: bool
    lives: Lives | None
    notes: tuple[str, ...]


def merge(specs: Sequence[str], options: MergeOptions, wish: Wish | None = None) -> Merged:
    """Merge the lists of the cases ``specs``, and write the result as ``wish`` wants it.

    Raises InputError where one cannot be read, or cannot be converted to the others' page size
    without loss; UsageError where the result cannot be written.
    """
    if wish is not None:
        encode.check(wish)
    merged = _merge(specs, options)
    if wish is None:
        return merged
    if merged.lives is not None:
        _write_provenance(merged, wish)
        return merged
    given = Listed("the merged list", merged.pfns, merged.page_size)
    result = encode.encode(given, wish)
    return replace(merged, notes=(*merged.notes, *result.notes))


def _write_provenance(merged: Merged, wish: Wish) -> None:
    runs = ((x.first, x.last, " ".join(map(str, known_by(x.seen)))) for x in merged.lives or ())
    with output.file(wish.output or output.STDOUT, force=wish.force) as file:
        file.write(build_runs(runs).encode())


def _merge(specs: Sequence[str], options: MergeOptions) -> Merged:
    how = options.judging
    found = [read_list(s, how.case, how.base, how.role) for s in specs]
    unwanted = [read_list(s, how.case, how.base, how.role) for s in options.exclude]
    size = options.page_size or common_page_size([*found, *unwanted])
    notes = [note for x in (*found, *unwanted) for note in x.notes]
    notes += [
        f"{x.name}: converted from pages of {x.page_size} bytes to {size}"
        for x in (*found, *unwanted)
        if x.page_size != size
    ]
    found = [convert(x, size) for x in found]
    pfns = union([x.pfns for x in found], in_order=options.in_order, intersect=options.intersect)
    entries = sum(len(x.pfns) for x in found)
    duplicates = 0 if options.intersect else entries - len(pfns)
    before = len(pfns)
    if unwanted:
        out = {p for x in unwanted for p in convert(x, size).pfns}
        pfns = array("Q", [p for p in pfns if p not in out])
    excluded = before - len(pfns)
    pfns, dropped, unjudged = _replaying(pfns, size, options, found)
    if unjudged:
        notes.append(
            f"{unjudged} PFN{'s lie' if unjudged > 1 else ' lies'} where lines of the map are "
            "lost or damaged: kept, for nobody can tell what is there"
        )
    return Merged(
        tuple(x.name for x in found),
        tuple(len(x.pfns) for x in found),
        pfns,
        size,
        duplicates,
        excluded,
        dropped,
        bool(how.memmaps),
        options.keep_all,
        _known_by(pfns, found) if options.provenance else None,
        tuple(dict.fromkeys(notes)),
    )


def _replaying(
    pfns: array[int], page_size: int, options: MergeOptions, found: Sequence[Listed]
) -> tuple[array[int], Runs, int]:
    """Return what replays by the memory map, the runs that do not, and how many nobody can judge.

    Those lie in a gap of the map; they are kept.
    """
    how = options.judging
    regions = regions_for(how, next((x.arch for x in found if x.arch), None))
    if regions is None:
        return pfns, Runs(sorted_set([])), 0
    ground = Ground(page_size, how.consumer, regions)
    judged = verdicts.judge(pfn_set(pfns), ground, None)
    dropped = Runs(judged.pfns)
    for first, last, ruling in judged.stretches():
        if ruling.verdict not in ("replays", None):
            dropped.add(first, last, ruling)
    told = zip(judged.rulings, judged.extents, strict=True)
    unjudged = sum(extent.pfns for ruling, extent in told if ruling.verdict is None)
    if options.keep_all or not dropped.rulings:
        return pfns, dropped, unjudged
    gone = {p for first, last, _ in dropped for p in range(first, last + 1)}
    return array("Q", filterfalse(gone.__contains__, pfns)), dropped, unjudged


def _known_by(pfns: array[int], found: Sequence[Listed]) -> Lives:
    kept = set(pfns)
    return lives([kept.intersection(x.pfns) for x in found])
