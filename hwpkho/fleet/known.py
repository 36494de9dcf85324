"""Which cases a data set has: a key of 16 bytes for each case and what it was judged by.

Only the days that are asked about are read, and only so many keys are kept: a data set grows for
years, and a call adds to a few days of it.
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

#: Keys that are kept, of all days together; the days that were asked about last stay.
_KEPT = 1 << 20


@dataclass(slots=True)
class _Day:
    keys: set[bytes] = field(default_factory=set)
    read: set[str] = field(default_factory=set)


class Known:
    """The keys of a data set's cases.

    Attributes:
        newest: The latest ``added_at`` that was met, microseconds; 0 without any.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._days: OrderedDict[str, _Day] = OrderedDict()
        self.newest = 0

    def has(self, day: str | None, key: bytes) -> bool:
        """Tell whether the data set had a case when its day was read last."""
        return key in self._of(day).keys

    def refresh(self, day: str | None) -> None:
        """Read what was added to a day since it was read last. InputError: it cannot be read."""
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
        """Take note of a case that was just added."""
        self._of(day).keys.add(key)

    def _of(self, day: str | None) -> _Day:
        name = day or NO_DAY
        if name not in self._days:
            self.refresh(day)
        self._days.move_to_end(name)
        return self._days[name]


def key_of(ident: bytes, judged_by: bytes) -> bytes:
    """Return the key of a case: what it is, and what it was judged by."""
    return content.digest(ident, judged_by)
