"""Which cases a data set has: a key of 16 bytes for each case and what it was judged by.

A data set grows for years, and a call adds to a few days of it. So only days that are asked about
are read, and the number of keys in memory is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hwpkho.fleet import content, parquet
from hwpkho.fleet.identity import since_1970
from hwpkho.fleet.schema import NO_DAY

if TYPE_CHECKING:
    from hwpkho.fleet.place import Place

#: Keys in memory, of all days together; the days asked about least recently are dropped.
_KEPT = 1 << 20


@dataclass(slots=True)
class _Day:
    keys: set[bytes] = field(default_factory=set)
    read: set[str] = field(default_factory=set)


class Known:
    """The keys of a data set's cases.

    Attributes:
        newest: The latest ``added_at`` in the files read, microseconds since 1970; 0 without any.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._days: OrderedDict[str, _Day] = OrderedDict()
        self.newest = 0

    def has(self, day: str | None, key: bytes) -> bool:
        """Tell whether the data set had a case of this day when the day was read last.

        ``day`` is a UTC date, None for cases without a time. Raises InputError if the day cannot be
        read.
        """
        return key in self._of(day).keys

    def refresh(self, day: str | None) -> None:
        """Read the files added to a day since it was read last; raises InputError if that fails."""
        name = day or NO_DAY
        found = self._days.setdefault(name, _Day())
        self._days.move_to_end(name)
        for path in self._place.files("hosts", name):
            if path not in found.read:
                columns = ["case_id", "judgement", "added_at"]
                idents, by, at = parquet.columns(self._place, "hosts", path, columns)
                pairs = zip(idents, by, strict=True)
                found.keys.update(key_of(bytes.fromhex(a), bytes.fromhex(b)) for a, b in pairs)
                found.read.add(path)
                self.newest = max(self.newest, max(map(since_1970, at), default=0))
        while len(self._days) > 1 and sum(len(d.keys) for d in self._days.values()) > _KEPT:
            self._days.popitem(last=False)

    def add(self, day: str | None, key: bytes) -> None:
        """Add the key of a case that was just written."""
        self._of(day).keys.add(key)

    def _of(self, day: str | None) -> _Day:
        name = day or NO_DAY
        if name not in self._days:
            self.refresh(day)
        self._days.move_to_end(name)
        return self._days[name]


def key_of(ident: bytes, judged_by: bytes) -> bytes:
    """Return the key (16 bytes) for the hashes of a capture and of what it was judged by."""
    return content.digest(ident, judged_by)
