"""Lists of bad pages, generation after generation, as a chain of kexecs may leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.badpages.formats.text import build

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: A page that stays, one that is lost, one that comes back, one that is new, one that was brief.
GENERATIONS = ([1, 2, 3], [1, 2, 4, 5], [1, 3, 4, 5], [1, 3, 5])


def generations(folder: Path, lists: Sequence[Sequence[int]] = GENERATIONS) -> list[Path]:
    """Write lists of PFNs as text, one file a generation."""
    paths = [folder / f"gen{number}.txt" for number in range(len(lists))]
    for path, pfns in zip(paths, lists, strict=True):
        path.write_text(build(pfns) or "# empty\n")
    return paths
