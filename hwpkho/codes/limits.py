"""HP7xx: limits that the user sets."""

from __future__ import annotations

from hwpkho.codes import Code

MAX_PAGES = Code(
    "HP701",
    "too-many-pages",
    "error",
    "policy",
    "The list has more distinct PFNs than --max-pages allows.",
    "It replays them all: the proposed consumer has no limit.",
    "Check the machine: so many bad pages mean a failing DIMM or a damaged list.",
)
MAX_FRACTION = Code(
    "HP702",
    "too-much-of-ram",
    "error",
    "policy",
    "The list takes a larger part of RAM than --max-fraction allows.",
    "It replays them all.",
    "Check the machine: replace memory instead of carrying the list on.",
    needs_map=True,
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
    "A limit was given, but the input lacks what it is measured against.",
    "Nothing: this is about the call.",
    "Give --memmap, or drop the limit.",
)

BASELINE_STALE = Code(
    "HP705",
    "baseline-stale",
    "note",
    "policy",
    "This baseline entry no longer matches any finding.",
    "Nothing: this is about the baseline.",
    "Remove the entry: what it accepted is gone or has changed.",
)
MAX_SCRATCH = Code(
    "HP706",
    "too-much-scratch",
    "error",
    "policy",
    "Scratch takes a larger part of RAM than --max-scratch allows.",
    "It keeps scratch for movable pages: nothing else may use that memory.",
    "Boot with a smaller kho_scratch=.",
    needs_map=True,
)

NOT_JUDGED = Code(
    "HP707",
    "not-judged",
    "error",
    "policy",
    "A case of a batch could not be judged: its inputs are unreadable or contradict each other.",
    "What it will do is not known.",
    "See the error. A baseline entry with code HP707 and the case's name accepts a case that stays "
    "like this.",
)

CODES = (MAX_PAGES, MAX_FRACTION, MAX_PER_GIB, SKIPPED, BASELINE_STALE, MAX_SCRATCH, NOT_JUDGED)
