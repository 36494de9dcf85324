"""watch: each new bad page of a running machine, with its verdict, as the kernel log tells it."""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from hwpkho.base.pfnset import pfn_set
from hwpkho.commands.check import AFTER_VERDICT, CheckOptions, check
from hwpkho.commands.check_result import BAD_OUTCOMES
from hwpkho.errors import InputError
from hwpkho.judging import verdicts
from hwpkho.live import counters
from hwpkho.live.follow import KMSG, Follower
from hwpkho.live.log_events import LogEvents, Named
from hwpkho.live.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hwpkho.commands.check_result import AfterKexec, Checked
    from hwpkho.judging.rulings import Ruling

Source = Literal["log", "flags"]
#: A look at the whole machine may take so much of a processor.
_SHARE = 0.05
#: So long a piece of the log is waited for before the counters are looked at, seconds.
_TICK = 0.5


class NewPages(NamedTuple):
    """New bad pages.

    Attributes:
        pages: Those pages and runs.
        rulings: What holds for the first page of each; None where nothing tells.
        after_kexec: What becomes of each then; None likewise.
        source: What told of them: the log, or the page flags.
    """

    pages: Sequence[Named]
    rulings: Sequence[Ruling | None]
    after_kexec: Sequence[AfterKexec | None]
    source: Source


class Unpoisoned(NamedTuple):
    """Pages that were put back into use."""

    pages: Sequence[int]


class Missed(NamedTuple):
    """Records of the log that nobody saw; ``records`` is None where nothing tells how many."""

    records: int | None


class Unclear(NamedTuple):
    """A message about bad memory that names no page; printable."""

    message: str


class Looked(NamedTuple):
    """A look at the whole machine that found other numbers than the one before."""

    checked: Checked


Event = NewPages | Unpoisoned | Missed | Unclear | Looked


class WatchOptions(NamedTuple):
    """What a watch is told.

    Attributes:
        log: The file to follow; ``-`` is standard input.
        check: How the machine is looked at.
        interval: Seconds between looks at the counters, and at least between looks at everything.
    """

    log: str = KMSG
    check: CheckOptions = CheckOptions()
    interval: float = 10.0


class Watch:
    """Follows a machine.

    Memory is bounded by what a look at the machine takes, whatever the log says.
    """

    def __init__(self, options: WatchOptions, clock: Callable[[], float] = time.monotonic) -> None:
        """Look at the machine once, and open the log.

        Raises InputError where there is no such tree or log, UsageError as check does.
        """
        self._options, self._clock = options, clock
        self._log = Follower(options.log)  # first: what is said during the look is not missed
        self._tree = Tree(options.check.root)
        self._said: tuple[object, ...] = ()
        self._look()
        facts = self._checked.facts
        self._events = LogEvents(facts.page_size, self._checked.bad)
        self._corrupted = facts.corrupted
        self._again = False

    def stop(self) -> None:
        """End after what was read; a signal handler may call it."""
        self._log.stop()

    def events(self) -> Iterator[Event]:
        """Yield what happens, the first look included, until the log ends or :meth:`stop`.

        Raises InputError where the log cannot be read any more.
        """
        yield from self._changed()
        counted = self._clock()
        overwritten, ended = 0, False
        with self._log:
            while not ended:
                piece, ended = self._log.wait(min(_TICK, self._options.interval))
                now = self._clock()
                yield from self._of_log(piece, ended=ended)
                if self._log.overwritten != overwritten:
                    overwritten = self._log.overwritten
                    self._again = True
                if now - counted >= self._options.interval:
                    counted = now
                    self._count()
                if self._again and now >= self._next_look and not ended:
                    yield from self._look_again()

    def _of_log(self, piece: bytes, *, ended: bool) -> Iterator[Event]:
        found = self._events.feed(piece, ended=ended)
        if found.unpoisoned:
            yield Unpoisoned(found.unpoisoned)
        if found.pages:
            yield self._judge_pages(found.pages, "log")
        if found.missed:
            yield Missed(found.missed)
        for message in found.unclear:
            yield Unclear(message)
        self._again |= bool(found.pages or found.unpoisoned or found.missed)

    def _count(self) -> None:
        """Look at HardwareCorrupted: where it changes the log is not all that happens."""
        with self._tree.inside():
            try:
                corrupted = counters.corrupted(self._tree.text("proc/meminfo"))
            except InputError:
                return
        self._again |= corrupted != self._corrupted
        self._corrupted = corrupted

    def _look(self) -> None:
        begun = self._clock()
        self._checked = check(self._options.check)
        now = self._clock()
        self._next_look = now + max(self._options.interval, (now - begun) / _SHARE)
        self._again = False

    def _look_again(self) -> Iterator[Event]:
        try:
            self._look()
        except InputError:
            self._next_look = self._clock() + self._options.interval
            return  # the tree is gone for now: what was known stays
        if self._checked.facts.flags is not None:
            new = [n for first, last in self._checked.bad for n in self._events.learn(first, last)]
            if new:
                yield self._judge_pages(new, "flags")
        yield from self._changed()

    def _changed(self) -> Iterator[Event]:
        c = self._checked
        said = (c.status, c.bad_pages, *c.after_kexec.values(), c.hands_over, c.outcome)
        if said != self._said:
            self._said = said
            yield Looked(c)

    def _judge_pages(self, pages: Sequence[Named], source: Source) -> NewPages:
        """Give each page its verdict by the last look at the machine."""
        judged = self._checked.judged
        if judged is None:
            return NewPages(
                pages, [None] * len(pages), [self._after_kexec(None)] * len(pages), source
            )
        firsts = pfn_set(page.first for page in pages)
        runs = verdicts.judge_pfns(firsts, judged.kernel, judged.handover)
        rulings: dict[int, Ruling] = {}
        for low, high, ruling in runs.stretches():
            for first, last in firsts.runs(low, high):
                rulings.update(dict.fromkeys(range(first, last + 1), ruling))
        found = [rulings.get(page.first) for page in pages]
        return NewPages(pages, found, [self._after_kexec(ruling) for ruling in found], source)

    def _after_kexec(self, ruling: Ruling | None) -> AfterKexec | None:
        """Return what becomes of a page once it is in the list that is handed over."""
        c = self._checked
        if c.hands_over is False or c.outcome in BAD_OUTCOMES:
            return "forgotten"
        if c.outcome != "replay" or ruling is None or ruling.verdict is None:
            return None
        return AFTER_VERDICT[ruling.verdict]


def now() -> str:
    """Return the time, ISO 8601 in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
