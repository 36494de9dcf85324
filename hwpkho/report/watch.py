"""watch: one JSON line for each event, ``hwpkho.watch/1``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.commands import watch
from hwpkho.report.check import words
from hwpkho.report.parts import jsondoc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.check_result import AfterKexec, Checked
    from hwpkho.commands.watch import Event, NewPages
    from hwpkho.judging.rulings import Ruling

SCHEMA = "hwpkho.watch/1"


def lines(event: Event, seen: str) -> Iterator[str]:
    """Yield the lines of an event, each ending in a newline; ``seen`` is the time, ISO 8601."""
    if isinstance(event, watch.NewPages):
        yield from _pages(event, seen)
    elif isinstance(event, watch.Unpoisoned):
        for pfn in event.pages:
            yield _line("unpoisoned", seen, {"pfn": pfn})
    elif isinstance(event, watch.Missed):
        yield _line("missed", seen, {"records": event.records})
    elif isinstance(event, watch.Unclear):
        yield _line("unclear", seen, {"message": event.message})
    else:
        yield _line("check", seen, _check(event.checked))


def _line(event: str, seen: str, fields: dict[str, object]) -> str:
    return f"{jsondoc.text({'schema': SCHEMA, 'event': event, 'seen': seen, **fields})}\n"


def _pages(event: NewPages, seen: str) -> Iterator[str]:
    """Yield a line for each run of pages.

    In a storm of errors many runs share all but their PFNs and time; that part is encoded once.
    """
    head = f'{{"schema":"{SCHEMA}","event":"page","seen":"{seen}","pfn":'
    ends: dict[tuple[Ruling | None, AfterKexec | None, str], str] = {}
    for page, ruling, then in zip(event.pages, event.rulings, event.after_kexec, strict=True):
        key = ruling, then, page.kind
        end = ends.get(key)
        if end is None:
            end = ends[key] = _end(ruling, then, page.kind, event.source)
        when = "null" if page.when is None else f'"{page.when}"'
        yield f'{head}{page.first},"last":{page.last},"when":{when}{end}\n'


def _end(ruling: Ruling | None, then: AfterKexec | None, kind: str, source: str) -> str:
    owner = ruling.owner if ruling else None
    fields = {
        "kind": kind,
        "verdict": ruling.verdict if ruling else None,
        "code": ruling.code if ruling else None,
        "region": ruling.region if ruling else None,
        "session": owner.session if owner else None,
        "token": owner.token if owner else None,
        "fate": then,
        "source": source,
    }
    return f",{jsondoc.text(fields)[1:]}"


def _check(checked: Checked) -> dict[str, object]:
    return {
        "status": checked.status,
        "summary": words.summary(checked),
        "bad_pages": checked.bad_pages,
        **{words.NAMES[then]: n for then, n in checked.after_kexec.items()},
        "hardware_corrupted": checked.facts.corrupted,
        "not_seen": checked.not_seen,
    }
