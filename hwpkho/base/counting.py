"""Numbers in messages and reports, with what they count."""

from __future__ import annotations


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return ``1 page``, ``2 pages``, or ``1 entry``, ``2 entries``.

    ``many`` is what is said of any number but 1 where that differs in more than the last word's
    end: ``1 page is``, ``2 pages are``.
    """
    if n == 1:
        return f"1 {one}"
    if many is None:
        many = f"{one[:-1]}ies" if one.endswith("y") and one[-2] not in "aeiou" else f"{one}s"
    return f"{n} {many}"
