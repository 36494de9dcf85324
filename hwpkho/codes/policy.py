"""HP7xx: limits that the user sets."""

from __future__ import annotations

from hwpkho.codes import Code

MAX_PAGES = Code(
    "HP701",
    "too-many-pages",
    "error",
    "policy",
    "More distinct PFNs than --max-pages allows.",
    "It replays them all: there is no bound in the proposed consumer.",
    "Look at the machine: so many bad pages mean a failing DIMM or a damaged list.",
)
MAX_FRACTION = Code(
    "HP702",
    "too-much-of-ram",
    "error",
    "policy",
    "The list takes a larger part of RAM than --max-fraction allows.",
    "It replays them all.",
    "Look at the machine: replace memory instead of carrying the list on.",
)
MAX_PER_GIB = Code(
    "HP703",
    "too-dense",
    "error",
    "policy",
    "One GiB of the address space has more bad pages than --max-per-gib allows.",
    "It replays them all.",
    "A failing DIMM or rank: have it replaced.",
)
SKIPPED = Code(
    "HP704",
    "limit-skipped",
    "note",
    "policy",
    "A limit was given, but the input does not hold what it needs.",
    "Nothing.",
    "Give --memmap, or drop the limit.",
)

BASELINE_STALE = Code(
    "HP705",
    "baseline-stale",
    "note",
    "policy",
    "An entry of the baseline meets no finding any more.",
    "Nothing: this is about the baseline.",
    "Remove the entry: what it accepted is gone or looks different now.",
)

CODES = (MAX_PAGES, MAX_FRACTION, MAX_PER_GIB, SKIPPED, BASELINE_STALE)
