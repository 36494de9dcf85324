"""Merges equal notes and problems of several lists into one line each."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from hwpkho.badpages.model import ListNote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hwpkho.badpages.model import BadPages, ListProblem


def of_lists(lists: Sequence[BadPages]) -> list[str]:
    """Return the notes and problems of ``lists``, merged, one line each."""
    return [*notes(lists), *problems(chain.from_iterable(x.problems for x in lists))]


def notes(lists: Iterable[BadPages]) -> list[str]:
    """Return the notes of ``lists``, merged, one line each."""
    return merged(note for pages in lists for note in pages.notes)


def merged(notes: Iterable[ListNote]) -> list[str]:
    """Return a line for each distinct text: the first input's name, how many more."""
    names_of: dict[str, dict[str, None]] = {}
    for note in notes:
        names_of.setdefault(note.text, {})[note.source or ""] = None
    return [str(ListNote(text, _joined(names))) for text, names in names_of.items()]


def problems(found: Iterable[ListProblem]) -> list[str]:
    """Return a line for each distinct problem: the first input's name, how many more."""
    names_of: dict[ListProblem, dict[str, None]] = {}
    for problem in found:
        names_of.setdefault(problem._replace(source=None), {})[problem.source or ""] = None
    return [str(p._replace(source=_joined(names))) for p, names in names_of.items()]


def _joined(names: Iterable[str]) -> str:
    named = [name for name in names if name]
    if len(named) < 2:
        return "".join(named)
    return f"{named[0]} and {'another' if len(named) == 2 else f'{len(named) - 1} others'}"
