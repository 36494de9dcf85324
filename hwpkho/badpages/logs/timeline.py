"""The bad pages of a log in order of time: boots, pieces of pstore, messages that cancel others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.badpages.collector import MAX_EXTENT, MAX_MENTIONS, Collector, in_range
from hwpkho.badpages.logs.when import Clock, Place, boot_id, clock, host, stamp, when
from hwpkho.badpages.model import BAD, DEFAULT_PAGE_SIZE
from hwpkho.base.addresses import page_shift
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.codes.pfnlist import ENTRY_UNUSABLE, LOG_LOWER_BOUND, SEVERAL_MACHINES
from hwpkho.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hwpkho.badpages.model import BadPages, Kind, Unit
    from hwpkho.badpages.registry import Asked
    from hwpkho.codes import Code

#: Who reports a page, where that matters: what one withdraws the others still name.
Reporter = Literal["", "mcelog", "cxl"]
_Key = tuple[int, int, "Kind", Reporter]

#: A kernel's stamps may go back a little, where several CPUs print; another boot's begin at 0.
_SLACK = 1.0
#: Boots of a log: more than years of them.
MAX_BOOTS = 1 << 13
#: What is kept of a boot that cannot be used.
_MAX_UNUSABLE = 1 << 10
#: Machines of a log that are told apart, and those of them that a message names.
_MAX_HOSTS, _NAMED_HOSTS = 1 << 10, 3
#: Pages whose severity somebody else may tell.
_MAX_UNSETTLED = 1 << 16


class _Said(NamedTuple):
    when: str | None
    number: int  # of the line


@dataclass(slots=True)
class _Segment:
    """A stretch of a log in its own order: what it names, and what it cancels before that."""

    part: int = 0
    named: dict[_Key, _Said] = field(default_factory=dict)
    gone: set[_Key] = field(default_factory=set)


class Timeline:
    """Gathers what the readers of a log find.

    Args:
        name: The input, printable.
        form: The form that reads it.
        asked: What the user says; ``boot`` chooses a boot.
        lines: How many the log has, where it is read from its end on; None: from its beginning.
    """

    def __init__(self, name: str, form: str, asked: Asked, lines: int | None = None) -> None:
        self.name, self._form, self._asked, self._lines = name, form, asked, lines
        # The last time of day, and whether any was later or earlier than the one before.
        self._clock: tuple[Clock, float | None] | None = None
        self._rises = self._falls = False
        self._wanted = _wanted(asked.boot)
        self.page_size = asked.page_size or DEFAULT_PAGE_SIZE
        self._shift = page_shift(self.page_size)
        self._state: dict[_Key, _Said] = {}
        self._segments = [_Segment()]
        self._parts: set[int] = set()
        self._record: str | None = None  # of pstore: the crash whose parts are being read
        self._unusable: dict[str, str] = {}
        self._said_of: dict[str, str] = {}
        self._doubts: dict[tuple[str, str], tuple[Code, int]] = {}
        self._losses: dict[str, None] = {}
        self._units: set[str] = set()
        # Whose lines name bad pages, by the first line: in this boot, and in those that count.
        self._hosts: dict[str, int] = {}
        self._machines: dict[str, int] = {}
        #: Of pages with poison of a CXL device: a bit for each line of it.
        self.cxl_lines: dict[int, int] = {}
        #: Whether a memory map in the log calls ranges unusable.
        self.unusable_ranges = False
        self._settled: dict[int, Kind] = {}
        self._unsettled: list[tuple[Place, int, int]] = []
        self._flush: list[Callable[[], None]] = []
        # The boot that is being read: its number, what began it, and whether it has said anything.
        self._boot, self._banner, self._marked, self._events = 0, False, False, False
        self._id: str | None = None
        self._last: float | None = None
        self._cut: tuple[int, int] | None = None

    # Order.

    def number(self, seen: int) -> int:
        """Return the number of the line that is read as number ``seen``."""
        return seen if self._lines is None else self._lines + 1 - seen

    @property
    def runs_backwards(self) -> bool:
        """Whether the newest entry stands first, as journalctl -r has it."""
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
            # printk's own clock goes on where somebody sets the time of day back.
            self._rises |= printed > before[1]
            self._falls |= printed < before[1] and was == now

    # Boots.

    def before_boot(self, flush: Callable[[], None]) -> None:
        """Have ``flush`` called before another boot begins, and at the end."""
        self._flush.append(flush)

    def boot_begins(self, *, banner: bool) -> None:
        """Note a kernel's first line, or of a mark that a logger sets between boots."""
        if self._banner or self._events or (self._marked and not banner):
            self._next_boot()
        self._banner, self._marked = self._banner or banner, True
        self._last = None

    def part_begins(self, record: str, part: int) -> None:
        """Note a piece of pstore: part 1 is the newest of a crash, and stands first."""
        if self._record is not None and (record != self._record or part in self._parts):
            self._next_boot()
        self._parts.add(part)
        self._record, self._last = record, None
        for flush in self._flush:
            flush()
        self._segments.append(_Segment(part))

    def see(self, place: Place) -> None:
        """Look at the stamps of a line that says something: they may be those of another boot."""
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

    def _next_boot(self) -> None:
        self._end_boot()
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
        counts = self._wanted is None or self._wanted in (-1, self._boot)
        for segment in sorted(self._segments, key=lambda s: -s.part) if counts else ():
            for key in segment.gone:
                self._state.pop(key, None)
            for key, said in segment.named.items():
                self._state.setdefault(key, said)
        if counts:
            self._said_of.update(self._unusable)
            self._machines = {**self._hosts, **self._machines}
        self._hosts = {}
        self._segments, self._unusable = [_Segment()], {}
        self._parts.clear()

    # What is said.

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
        """Name PFNs ``first`` to ``last``, inclusive."""
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
        """Name the pages of ``extent`` bytes, a power of two, around an address."""
        if not in_range(address):
            self.unusable(place, "an address beyond 64 bits")
            return
        if extent > MAX_EXTENT:
            self.unusable(place, f"an error of {extent} bytes: a damaged number")
            return
        first, last = self.around(address, extent)
        self._units.add("address")
        self._name(place, (first, last, kind, reporter), epoch)

    def around(self, address: int, extent: int = 1) -> tuple[int, int]:
        """Return the first and last PFN of the ``extent`` bytes around an address."""
        start = address - address % max(extent, 1)
        return start >> self._shift, (start + max(extent, 1) - 1) >> self._shift

    def _name(self, place: Place, key: _Key, epoch: int | None) -> None:
        named = self._segments[-1].named
        if key[2] in BAD and len(self._hosts) < _MAX_HOSTS and (name := host(place)):
            self._hosts.setdefault(name, place.number)
        if key not in named:
            named[key] = _Said(when(place, epoch), place.number)
            if len(named) + len(self._state) > MAX_MENTIONS:
                raise InputError(
                    f"{self.name}: more than {MAX_MENTIONS} entries, too many for any machine"
                )

    def withdraw(self, first: int, last: int, kinds: Iterable[Kind], *reporters: Reporter) -> None:
        """Note that exactly these PFNs are well again, as far as ``reporters`` named them."""
        segment = self._segments[-1]
        keys: list[_Key] = [(first, last, k, r) for k in kinds for r in reporters]
        for key in keys:
            segment.named.pop(key, None)
            if len(segment.gone) < MAX_MENTIONS:
                segment.gone.add(key)

    def knows(self, pfn: int, kind: Kind) -> bool:
        """Tell whether a page was named as ``kind``, also where that was cancelled."""
        key: _Key = (pfn, pfn, kind, "")
        segment = self._segments[-1]
        return key in segment.named or key in segment.gone or key in self._state

    @property
    def names_any(self) -> bool:
        """Whether this boot names any page so far."""
        return any(segment.named for segment in self._segments)

    def unusable(self, place: Place, message: str) -> None:
        """Note a message that memory is bad, but that names no page; ``message`` is printable."""
        if len(self._unusable) < _MAX_UNUSABLE:
            self._unusable.setdefault(message, f"line {place.number}")

    def doubt(self, place: Place, code: Code, message: str) -> None:
        """Note what the user should know, though no page is called bad."""
        if len(self._doubts) < _MAX_UNUSABLE:
            self._doubts.setdefault((code.id, message), (code, place.number))

    def severity(self, first: int, kind: Kind) -> None:
        """Note how bad an error at a page is, for those who tell its address only."""
        if len(self._settled) < _MAX_UNSETTLED:
            self._settled.setdefault(first, kind)

    def unsettled(self, place: Place, address: int, extent: int = 1) -> None:
        """Note an error at an address, without a word about how bad it is."""
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
        """Note that the log says itself that messages are missing."""
        if len(self._losses) < 4:
            self._losses[words] = None

    def cut(self, number: int, at: int) -> None:
        """Note that line ``number`` was looked at up to character ``at`` only."""
        self._cut = (number, at)

    # The end.

    def finish(self) -> BadPages:
        """Return the list.

        Raises InputError where memory is said to be bad and no page is named, and UsageError for a
        boot that is not there.
        """
        self._end_boot()
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
        lost = "".join(f"; {words}" for words in self._losses)
        found.problem(
            LOG_LOWER_BOUND,
            "a log is a lower bound: bad pages that it lost or never named are not in this list"
            f"{lost}",
        )
        if self._cut is not None:
            number, at = self._cut
            found.problem(
                ENTRY_UNUSABLE,
                f"longer than {at} characters; the rest was not looked at",
                f"line {number}",
            )
        if self.unusable_ranges:
            found.note(
                "a memory map in it calls memory unusable, which is not listed here: "
                f"{option('form', 'e820')} lists it"
            )
        if boots > 1 and self._wanted is None and len(self._machines) < 2:
            found.note(
                f"{boots} boots, and all count, though poison does not outlive a boot without "
                f"a handover; choose one with {option('boot', 'N')} or {option('boot', 'last')}"
            )
        elif boots > 1 and self._wanted is not None:
            one = boots - 1 if self._wanted == -1 else self._wanted
            found.note(f"{boots} boots; only boot {one} counts")
        listed = found.finish()
        return replace(listed, elsewhere="e820") if self.unusable_ranges else listed

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


def _wanted(boot: str | None) -> int | None:
    """Return the number asked for, -1 for the last, None for all."""
    if boot is None:
        return None
    if boot == "last":
        return -1
    if not (boot.isascii() and boot.isdigit() and len(boot) < 10):
        raise UsageError(f"{option('boot', printable(boot))}: expected a number from 0, or last")
    return int(boot)
