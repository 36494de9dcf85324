"""The bad pages of a log in order of time: boots, pstore records, messages that cancel others."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.badpages.collector import MAX_EXTENT, MAX_MENTIONS, Collector, in_range
from hwpkho.badpages.kinds import BAD, Kind
from hwpkho.badpages.logs import elsewhere
from hwpkho.badpages.logs.put_back import PutBack
from hwpkho.badpages.logs.when import Clock, Place, boot_id, clock, host, stamp, when
from hwpkho.base.addresses import DEFAULT_PAGE_SIZE, page_shift
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.codes.pfnlist import ENTRY_UNUSABLE, LOG_LOWER_BOUND, SEVERAL_MACHINES
from hwpkho.errors import InputError, UsageError
from hwpkho.logs.chosen_boot import chosen_boot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hwpkho.badpages.model import BadPages, Unit
    from hwpkho.badpages.registry import Asked
    from hwpkho.codes import Code

#: Who reports a page, where that matters: a withdrawal by one does not cancel another's report.
Reporter = Literal["", "mcelog", "cxl"]
_Key = tuple[int, int, Kind, Reporter]

#: Seconds by which printk's time stamps may go back within a boot, as several CPUs print.
_SLACK = 1.0
#: The most boots of a log.
MAX_BOOTS = 1 << 13
#: The most problems of one boot.
_MAX_UNUSABLE = 1 << 10
#: The most machines of a log that are distinguished, and the most that a message names.
_MAX_HOSTS, _NAMED_HOSTS = 1 << 10, 3
#: What firmware and hardware report for an address that they do not know.
_INVALID = (1 << 64) - 1
#: The most pages whose severity another line may tell.
_MAX_UNSETTLED = 1 << 16
#: The number with which a line ends, or a word of mcelog's that may go on: ``offline-failed``.
_NUMBER_LAST = re.compile(r"(?<![0-9A-Za-z])(?:0x)?[0-9A-Fa-f]+$|\" offline(?:-[a-z]*)?$")


class _Said(NamedTuple):
    """When and where a page was named first."""

    when: str | None
    number: int  # of the line


@dataclass(slots=True)
class _Segment:
    """A part of a log that is in order: what it names, and what it cancels of earlier parts."""

    part: int = 0
    named: dict[_Key, _Said] = field(default_factory=dict)
    gone: set[_Key] = field(default_factory=set)


class Timeline:
    """Gathers what the readers of a log find.

    Args:
        name: The input, printable.
        form: The form that reads it.
        asked: The user's options; ``boot`` selects a boot.
        lines: The log's number of lines, if it is read from its end on; None otherwise.
    """

    def __init__(self, name: str, form: str, asked: Asked, lines: int | None = None) -> None:
        self.name, self._form, self._asked, self._lines = name, form, asked, lines
        # The last wall clock time, and whether any was later or earlier than the one before.
        self._clock: tuple[Clock, float | None] | None = None
        self._rises = self._falls = False
        self._wanted = chosen_boot(asked.boot)
        self.page_size = asked.page_size or DEFAULT_PAGE_SIZE
        self._shift = page_shift(self.page_size)
        self._state: dict[_Key, _Said] = {}
        self._segments = [_Segment()]
        self._parts: set[int] = set()
        self._record: str | None = None  # the pstore record whose parts are being read
        self._unusable: dict[str, str] = {}
        self._said_of: dict[str, str] = {}
        self._doubts: dict[tuple[str, str], tuple[Code, int]] = {}
        self._losses: dict[str, None] = {}
        self._units: set[str] = set()
        # Host → first line that names a bad page: in this boot, and in all boots that count.
        self._hosts: dict[str, int] = {}
        self._machines: dict[str, int] = {}
        #: PFN → which of its lines have CXL poison, a bit for each.
        self.cxl_lines: dict[int, int] = {}
        #: Forms that list what else is in the log, see :mod:`hwpkho.badpages.logs.elsewhere`.
        self.elsewhere: set[str] = set()
        self.put_back = PutBack()
        self._settled: dict[int, Kind] = {}
        self._unsettled: list[tuple[Place, int, int]] = []
        self._flush: list[Callable[[], None]] = []
        # The boot that is being read: its number, what it began with, whether it has any message.
        self._boot, self._banner, self._marked, self._events = 0, False, False, False
        self._id: str | None = None
        self._last: float | None = None
        self._cut: tuple[int, int] | None = None
        #: The log's last line, and it again if the log ends within it, known once all is read; the
        #: place named last.
        self.last_line: int | None = None
        self.open_line: int | None = None
        self._latest: Place | None = None

    # Order of the lines.

    def number(self, seen: int) -> int:
        """Return the number in the file of the line that was read as number ``seen``."""
        return seen if self._lines is None else self._lines + 1 - seen

    @property
    def runs_backwards(self) -> bool:
        """Whether the newest entry comes first, as with journalctl -r."""
        return self._lines is None and self._falls and not self._rises

    def _compare(self, place: Place, printed: float | None) -> None:
        now = clock(place)
        before, self._clock = self._clock, (now, printed) if now else self._clock
        if now is None or before is None or before[0][0] != now[0]:
            return
        was = before[0]
        new_year = now.sort == "syslog" and was.time[:2] == "11" and now.time[:2] == "00"
        self._rises |= now > was or new_year
        self._falls |= now < was and not new_year
        if printed is not None and before[1] is not None:
            # printk's clock still advances where the wall clock is set back.
            self._rises |= printed > before[1]
            self._falls |= printed < before[1] and was == now

    # Boots.

    def before_boot(self, flush: Callable[[], None]) -> None:
        """Register a function that is called before another boot begins, and at the end."""
        self._flush.append(flush)

    def boot_begins(self, *, banner: bool) -> None:
        """Note a kernel's first line (``banner``), or a logger's mark between boots."""
        if self._banner or self._events or (self._marked and not banner):
            self._next_boot()
        self._banner, self._marked = self._banner or banner, True
        self._last = None

    def part_begins(self, record: str, part: int) -> None:
        """Note the header of a part of a pstore record; part 1 is the newest and comes first."""
        if self._record is not None and (record != self._record or part in self._parts):
            self._next_boot()
        self._parts.add(part)
        self._record, self._last = record, None
        for flush in self._flush:
            flush()
        self._segments.append(_Segment(part))

    def see(self, place: Place) -> None:
        """Note the time stamps of a line with a message: they may show that another boot began."""
        now = stamp(place)
        self._compare(place, now)
        found = boot_id(place)
        if found is not None:
            if self._id not in (None, found):
                self._next_boot()
            self._id = found
        elif now is not None:
            if self._last is not None and now < self._last - _SLACK and self._events:
                self._next_boot()
            self._last = max(now, self._last or now)
        self._events = True

    @property
    def counts(self) -> bool:
        """Whether the boot that is being read is asked for; of ``last`` each may be it."""
        return self._wanted is None or self._wanted in (-1, self._boot)

    def _next_boot(self) -> None:
        self._end_boot()
        if self._wanted == -1:
            self.put_back.clear()
        self._boot += 1
        if self._boot > MAX_BOOTS:
            raise InputError(f"{self.name}: more than {MAX_BOOTS} boots, too many for one log")
        self._banner = self._marked = self._events = False
        self._last = self._id = self._record = None

    def _end_boot(self) -> None:
        for flush in self._flush:
            flush()
        self._settle()
        if self._wanted == -1:
            self._state.clear()
            self._said_of.clear()
            self._machines.clear()
        counts = self.counts
        for segment in sorted(self._segments, key=lambda s: -s.part) if counts else ():
            for key in segment.gone:
                if self._state.pop(key, None):
                    self.put_back.named(key[0])
            for key, said in segment.named.items():
                self._state.setdefault(key, said)
        if counts:
            self._said_of.update(self._unusable)
            self._machines = {**self._hosts, **self._machines}
        self._hosts = {}
        self._segments, self._unusable = [_Segment()], {}
        self._parts.clear()

    # Statements about pages.

    def pages(
        self,
        place: Place,
        first: int,
        last: int,
        kind: Kind,
        *,
        epoch: int | None = None,
        reporter: Reporter = "",
    ) -> None:
        """Add PFNs ``first`` to ``last``, inclusive, as bad.

        ``epoch`` is the time in the message itself, seconds since 1970. PFNs beyond 64 bits are
        only noted as unusable. Raises InputError where a log has more entries than MAX_MENTIONS.
        """
        if not (in_range(first) and in_range(last)):
            self.unusable(place, "a page beyond 64 bits")
            return
        self._units.add("pfn")
        self._name(place, (first, last, kind, reporter), epoch)

    def addresses(
        self,
        place: Place,
        address: int,
        kind: Kind,
        *,
        extent: int = 1,
        epoch: int | None = None,
        reporter: Reporter = "",
    ) -> None:
        """Add the pages of ``extent`` bytes, a power of two, around an address.

        The rest is as for :meth:`pages`.
        """
        if not in_range(address):
            self.unusable(place, "an address beyond 64 bits")
            return
        if address == _INVALID:
            if kind in BAD:
                self.unusable(place, "an address of all ones: the hardware knew none")
            return
        if extent > MAX_EXTENT:
            self.unusable(place, f"an error of {extent} bytes: a damaged number")
            return
        first, last = self.around(address, extent)
        self._units.add("address")
        self._name(place, (first, last, kind, reporter), epoch)

    def around(self, address: int, extent: int = 1) -> tuple[int, int]:
        """Return the first and last PFN (inclusive) of the ``extent`` bytes around an address."""
        start = address - address % max(extent, 1)
        return start >> self._shift, (start + max(extent, 1) - 1) >> self._shift

    def _name(self, place: Place, key: _Key, epoch: int | None) -> None:
        named = self._segments[-1].named
        self._latest = place
        self.put_back.named(key[0])
        if key[2] in BAD and len(self._hosts) < _MAX_HOSTS and (name := host(place)):
            self._hosts.setdefault(name, place.number)
        if key not in named:
            named[key] = _Said(when(place, epoch), place.number)
            if len(named) + len(self._state) > MAX_MENTIONS:
                raise InputError(
                    f"{self.name}: more than {MAX_MENTIONS} entries, too many for any machine"
                )

    def withdraw(self, first: int, last: int, kinds: Iterable[Kind], *reporters: Reporter) -> None:
        """Cancel exactly this range of PFNs, of these kinds, as far as ``reporters`` named it."""
        segment = self._segments[-1]
        keys: list[_Key] = [(first, last, k, r) for k in kinds for r in reporters]
        for key in keys:
            segment.named.pop(key, None)
            if len(segment.gone) < MAX_MENTIONS:
                segment.gone.add(key)

    def knows(self, pfn: int, kind: Kind, reporter: Reporter = "") -> bool:
        """Tell whether a page was named as ``kind``, even if that was cancelled since."""
        key: _Key = (pfn, pfn, kind, reporter)
        segment = self._segments[-1]
        return key in segment.named or key in segment.gone or key in self._state

    @property
    def names_any(self) -> bool:
        """Whether this boot names any page so far."""
        return any(segment.named for segment in self._segments)

    def unusable(self, place: Place, message: str) -> None:
        """Add a problem about bad memory without a page; ``message`` is printable."""
        if len(self._unusable) < _MAX_UNUSABLE:
            self._unusable.setdefault(message, f"line {place.number}")

    def doubt(self, place: Place, code: Code, message: str) -> None:
        """Add a problem that is not about bad memory without a page."""
        if len(self._doubts) < _MAX_UNUSABLE:
            self._doubts.setdefault((code.id, message), (code, place.number))

    def severity(self, first: int, kind: Kind) -> None:
        """Note the severity of an error at PFN ``first``, for :meth:`unsettled`."""
        if len(self._settled) < _MAX_UNSETTLED:
            self._settled.setdefault(first, kind)

    def unsettled(self, place: Place, address: int, extent: int = 1) -> None:
        """Note an error at an address whose severity another line of the boot may tell."""
        if len(self._unsettled) < _MAX_UNSETTLED:
            self._unsettled.append((place, address, extent))

    def _settle(self) -> None:
        for place, address, extent in self._unsettled:
            kind = self._settled.get(address >> self._shift)
            if kind is not None:
                self.addresses(place, address, kind, extent=extent)
            else:
                self.unusable(place, "an error with an address; the log does not say how bad it is")
        self._unsettled.clear()
        self._settled.clear()

    def messages_lost(self, _number: int, words: str) -> None:
        """Note ``words`` with which the log says that messages are missing."""
        if len(self._losses) < 4:
            self._losses[words] = None

    def cut(self, number: int, at: int) -> None:
        """Note that line ``number`` was read only up to byte ``at``."""
        self._cut = (number, at)

    # End of the log.

    def finish(self) -> BadPages:
        """Return the list.

        Raises InputError where the log says that memory is bad but names no page, and UsageError
        for a boot that it does not have.
        """
        self._end_boot()
        self._flush.clear()  # with the readers, which have this log, they would be cycles
        latest = self._latest
        if latest and latest.number == self.open_line and _NUMBER_LAST.search(latest.line):
            message = "the log ends within this line: its number may be cut off, its page another"
            self.doubt(latest, ENTRY_UNUSABLE, message)
        boots = self._boot + 1
        if self._wanted is not None and self._wanted >= boots:
            there = "one boot, number 0" if boots == 1 else f"boots 0 to {boots - 1}"
            raise UsageError(f"{option('boot', self._wanted)}: {self.name} has {there}")
        unit: Unit = "address" if self._units == {"address"} else "pfn"
        found = Collector(self.name, self._form, self._asked, unit)
        for (first, last, kind, _), said in self._state.items():
            found.pages(first, last, kind, when=said.when, where="line ", number=said.number)
        for message, where in self._said_of.items():
            found.unusable(message, where)
        for (_, message), (code, number) in self._doubts.items():
            found.problem(code, message, f"line {number}")
        self._several_machines(found)
        found.problem(
            LOG_LOWER_BOUND,
            "a log is a lower bound: bad pages that it lost or never named are not in this list"
            + "".join(f"; {words}" for words in self._losses),
        )
        if self._cut is not None:
            number, at = self._cut
            message = f"longer than {at} bytes; the rest was not looked at"
            found.problem(ENTRY_UNUSABLE, message, f"line {number}")
        for text in (*elsewhere.notes(self.elsewhere), *self.put_back.notes()):
            found.note(text)
        if boots > 1 and self._wanted is None and len(self._machines) < 2:
            found.note(
                f"{boots} boots, and all count, though poison does not outlive a boot without "
                "a handover; choose one by its number, or the last"
            )
        elif boots > 1 and self._wanted is not None:
            one = boots - 1 if self._wanted == -1 else self._wanted
            found.note(f"{boots} boots; only boot {one} counts")
        listed = found.finish()
        return replace(listed, elsewhere="e820") if "e820" in self.elsewhere else listed

    def _several_machines(self, found: Collector) -> None:
        """Report pages of several machines, as a log server's files have them."""
        names = sorted(self._machines, key=self._machines.__getitem__)
        if len(names) < 2:
            return
        shown, more = ", ".join(map(printable, names[:_NAMED_HOSTS])), len(names) - _NAMED_HOSTS
        found.problem(
            SEVERAL_MACHINES,
            f"bad pages of {len(names)} machines: {shown}{f' and {more} more' if more > 0 else ''}",
            f"line {self._machines[names[1]]}",
        )
