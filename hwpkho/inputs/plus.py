"""A case given as one argument, with its inputs joined by ``+``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import UsageError
from hwpkho.images import raw

if TYPE_CHECKING:
    from collections.abc import Sequence


def inputs_of(case: str | Sequence[str]) -> list[str]:
    """Return the inputs of one case: a sequence as it is, a string by :func:`split`."""
    return split(case) if isinstance(case, str) else list(case)


def split(argument: str) -> list[str]:
    """Return the inputs that ``A+B`` names.

    An existing file whose name contains a ``+`` is not split; the longest such name wins. Raises
    UsageError for an empty piece.
    """
    words = argument.split("+")
    found: list[str] = []
    at = 0
    while at < len(words):
        ends = range(len(words), at, -1)
        end = next((e for e in ends if _exists("+".join(words[at:e]))), at + 1)
        found.append("+".join(words[at:end]))
        at = end
    if not all(found):
        raise UsageError(f"'{printable(argument[:80])}': a piece between '+' is empty")
    return found


def _exists(spec: str) -> bool:
    located = raw.split_base(spec)
    try:
        return bool(spec) and Path(located[0] if located else spec).exists()
    except (OSError, ValueError):
        return False
