"""Numbers with what they count."""

from __future__ import annotations

from hwpkho.base.counting import counted


def test_counted() -> None:
    assert [counted(n, "bad page") for n in (0, 1, 2)] == [
        "0 bad pages",
        "1 bad page",
        "2 bad pages",
    ]
    assert [counted(n, "entry") for n in (1, 2)] == ["1 entry", "2 entries"]
    assert [counted(n, "day") for n in (1, 2)] == ["1 day", "2 days"]
    assert [counted(n, "page is", "pages are") for n in (1, 2)] == ["1 page is", "2 pages are"]
