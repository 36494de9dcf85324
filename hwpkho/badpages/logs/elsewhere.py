"""What a log has beside messages that other forms of list read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

#: Forms that list it → what it is.
_ELSEWHERE = {
    "e820": "a memory map in it calls memory unusable",
    "memmap": "the command line in it excludes memory (memmap=)",
    "page-types": "page-types has printed into it",
    "cxl-list": "cxl list has printed into it",
}
#: Those of them that are not read among other text.
_ALONE = ("page-types", "cxl-list")


def notes(forms: Container[str]) -> Iterator[str]:
    """Yield a note for each of the ``forms`` that list more of a log than its messages."""
    for form in filter(forms.__contains__, _ELSEWHERE):
        lists = "give that alone" if form in _ALONE else f"form {form} lists it"
        yield f"{_ELSEWHERE[form]}, which is not listed here: {lists}"
