"""New bad pages in a kernel log that goes on."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages.logs import reader
from hwpkho.badpages.logs.timeline import Timeline
from hwpkho.badpages.registry import Asked
from hwpkho.live import log_events
from hwpkho.live.log_events import LogEvents, Pages
from tests.support.examples import much, times

RECOVERED = "recovery action for free buddy page: Recovered"


def _line(pfn, said=RECOVERED, stamp="   12.345678"):
    return f"[{stamp}] Memory failure: 0x{pfn:x}: {said}\n".encode()


def _pages(found):
    return [(p.first, p.kind) for p in found.pages]


@times(2)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1 << 30))))
def test_a_set_of_pages(steps):
    pages, model = Pages(), set()
    for add, pfn in steps:
        if add:
            assert pages.add(pfn) == (pfn not in model)
            model.add(pfn)
        else:
            pages.discard(pfn)
            model.discard(pfn)
        assert (pfn in pages) == (pfn in model)


def test_of_many_places_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(log_events, "_MAX_BLOCKS", 2)
    pages = Pages()
    assert [pages.add(n << 15) for n in (0, 1, 2, 0, 2)] == [True, True, True, True, False]


@pytest.mark.parametrize("size", [1, 7, 64, 5000])
def test_each_page_is_told_once_however_the_log_is_cut(size):
    rng = random.Random(7)
    pfns = [rng.randrange(1 << 20) for _ in range(much(12, 60))]
    said = [RECOVERED, "already hardware poisoned", "recovery action for dirty LRU page: Failed"]
    text = b"".join(
        _line(pfn, rng.choice(said)) + (b"[   12.000000] usb 1-1: new device\n" * rng.randrange(3))
        for pfn in pfns * 2
    )
    events, found = LogEvents(4096), []
    for at in range(0, len(text), size):
        found += _pages(events.feed(text[at : at + size]))
    found += _pages(events.feed(b"", ended=True))
    assert sorted(found) == sorted((pfn, "poisoned") for pfn in set(pfns))


def test_the_time_stands_in_front_of_it():
    first, second = LogEvents(4096).feed(_line(5) + _line(6, "Killing x:1 due to hardware memory "
                                         "corruption")).pages  # fmt: skip
    assert (first.when, second.when) == ("boot+12.345678", "boot+12.345678")


def test_pages_that_are_bad_already():
    events = LogEvents(4096, [(5, 6)])
    assert _pages(events.feed(_line(5) + _line(6) + _line(7))) == [(7, "poisoned")]
    assert [(n.first, n.last) for n in events.learn(6, 8)] == [(8, 8)]


def test_a_page_that_was_put_back_may_fail_again():
    events = LogEvents(4096)
    assert _pages(events.feed(_line(5))) == [(5, "poisoned")]
    found = events.feed(b"[   13.000000] Unpoison: Software-unpoisoned page 0x5\n")
    assert (found.unpoisoned, found.pages) == ([5], [])
    assert _pages(events.feed(_line(5))) == [(5, "poisoned")]


@times(2)
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from((
            "Memory failure: 0x{:x}: recovery action for dirty LRU page: Recovered",
            "Memory failure: 0x{:x}: already hardware poisoned",
            "Soft offline: 0x{:x}: invalidated",
            "Unpoison: 0x{:x}: software-unpoisoned page",
            "Unpoison: Software-unpoisoned free page 0x{:x}",
            "Unpoison: Page was already unpoisoned 0x{:x}",
            "Unpoison: 0x{:x}: page was already unpoisoned",
            "MCE: Software-unpoisoned page 0x{:x}",
        ))),
        max_size=20,
    ),
    st.lists(st.integers(1, 200), min_size=1, max_size=6),
)  # fmt: skip
def test_what_is_bad_in_the_end_is_what_the_whole_log_says(steps, sizes):
    lines = [f"[{n:5}.000000] {said.format(pfn)}\n" for n, (pfn, said) in enumerate(steps)]
    text, events, at = "".join(lines).encode(), LogEvents(4096), 0
    told: set[int] = set()
    while at < len(text):
        size = sizes[at % len(sizes)]
        found = events.feed(text[at : at + size])
        told = (told - set(found.unpoisoned)) | {p.first for p in found.pages}
        at += size
    log = Timeline("log", "kernel-log", Asked(page_size=4096))
    whole = reader.of_text(text, log).pfns
    assert told == {pfn for first, last in whole.runs() for pfn in range(first, last + 1)}


def test_that_a_page_was_unpoisoned_already_is_no_news():
    events = LogEvents(4096)
    line = b"[   13.000000] Unpoison: Page was already unpoisoned 0x5\n"
    assert events.feed(line).unpoisoned == []
    events.feed(_line(5))
    assert events.feed(line).unpoisoned == [5]


def test_what_is_reported_first_and_taken_out_then():
    events = LogEvents(4096)
    edac = (
        b"[   10.000000] EDAC MC0: 1 UE memory read error on DIMM0 (channel:0 slot:0 page:0x5 "
        b"offset:0x0 grain:32)\n"
    )
    assert _pages(events.feed(edac)) == [(5, "uncorrected")]
    assert _pages(events.feed(edac)) == []
    assert _pages(events.feed(_line(5))) == [(5, "poisoned")]
    assert _pages(events.feed(edac)) == []


def test_pages_without_struct_page_are_none():
    said = "recovery action for non struct page pfn: Ignored"
    assert LogEvents(4096).feed(_line(5, said)).pages == []


def test_addresses_count_in_pages_of_the_kernel():
    line = b"[    1.000000] {1}[Hardware Error]:  physical_address: 0x0000000012345000\n"
    record = (
        b"[    1.000000] {1}[Hardware Error]: event severity: recoverable\n"
        b"[    1.000000] {1}[Hardware Error]:  section_type: memory error\n" + line
    )
    assert _pages(LogEvents(65536).feed(record)) == [(0x1234, "uncorrected")]


def test_a_record_that_is_cut_between_two_pieces():
    """The readers get the lines above once more."""
    begin = (
        b"[    1.000000] {1}[Hardware Error]: event severity: recoverable\n"
        b"[    1.000000] {1}[Hardware Error]:  section_type: memory error\n"
    )
    end = b"[    1.000000] {1}[Hardware Error]:  physical_address: 0x0000000000005000\n"
    events = LogEvents(4096)
    assert events.feed(begin).pages == []
    assert _pages(events.feed(end)) == [(5, "uncorrected")]


def test_records_of_dev_kmsg():
    events = LogEvents(4096)
    text = (
        b"3,100,5000001,-;Memory failure: 0x5: " + RECOVERED.encode() + b"\n SUBSYSTEM=memory\n"
        b" DEVICE=+memory:memory0\n6,101,5000002,-;usb\n"
    )
    found = events.feed(text)
    assert [(p.first, p.when) for p in found.pages] == [(5, "boot+5.000001")]
    assert found.missed is None
    assert events.feed(b"6,110,5000009,-;usb\n").missed == 8


@pytest.mark.parametrize(
    ("line", "records"),
    [
        (b"[    1.000000] ** 12 printk messages dropped **\n", 12),
        (b"Missed 7 kernel messages\n", 7),
        (b"nothing\n", None),
    ],
)
def test_logs_that_say_what_they_lost(line, records):
    assert LogEvents(4096).feed(line).missed == records


def test_a_message_that_names_no_page(subtests):
    events = LogEvents(4096)
    line = b"[    1.000000] Memory failure: 0x(____ptrval____): recovery action for x: Failed\n"
    said = ("Memory failure: the number is damaged",)
    for n in range(3):  # each is told once, however far it moves up
        with subtests.test(str(n)):
            usb = b"[    2.000000] usb\n"
            assert {events.feed(usb).unclear for _ in range(100)} == {()}
            assert [events.feed(line).unclear for _ in range(2)] == [said, said]


def test_a_long_run_is_one_line():
    events = LogEvents(4096)
    (run,) = events.learn(0x100000, 0x1FFFFF)
    assert (run.first, run.last) == (0x100000, 0x1FFFFF)
    assert events.learn(0x100000, 0x1FFFFF) == []


@pytest.mark.parametrize(
    "noise",
    [
        b"\0" * 100_000,
        b"\xff\xfe" + b"x" * 100_000,
        b"Memory failure: 0x" + b"f" * 100_000 + b"\n",
        b"Memory failure: \n" * much(2_000, 20_000),
        b"x" * 300_000 + b"\n",
        b"[" * 50_000 + b"\n",
        b"9,9,9," * 20_000 + b";\n",
        "\u202e\n".encode() * 1000,
    ],
)
def test_hostile_logs(noise):
    events = LogEvents(4096)
    events.feed(noise)
    assert _pages(events.feed(b"\n" + _line(5))) == [(5, "poisoned")]
    assert len(events._rest) + len(events._above) < 1 << 18
