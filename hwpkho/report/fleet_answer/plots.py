"""The plots of an answer's rows, by question."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.fleet.questions import QUESTIONS
from hwpkho.report.parts.plot import Bar, Bars, Days

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hwpkho.report.parts.plot import Plot

Row = dict[str, Any]


def asked(question: str | None) -> Sequence[str | None]:
    """Return the questions to draw when ``question`` is asked; None stands for that one itself."""
    known = QUESTIONS.get(question or "")
    return known.then if known and known.then else (None,)


def of(question: str | None, rows: Iterable[Row]) -> list[Plot]:
    """Return the plots of an answer; empty for a question that a table answers better."""
    return _PLOTS[question](rows) if question in _PLOTS else []


def _name(*words: Any) -> str:
    """Return the label of a bar, printable; a null becomes ``unknown``."""
    return printable(" ".join("unknown" if word is None else str(word) for word in words))


def _days(rows: Iterable[Row]) -> list[Plot]:
    found = [row for row in rows if isinstance(row["day"], date)]
    plots: list[Plot] = [
        Days("Captures a day", [(row["day"], row["cases"]) for row in found]),
        Days(
            "Bad pages a day, of all hosts that were captured",
            [(row["day"], row["pages"]) for row in found],
            adds_up=False,
        ),
    ]
    unsafe = [(row["day"], row["unsafe"]) for row in found]
    if any(count for _, count in unsafe):
        plots.append(Days("Captures a day whose list the next kernel does not take", unsafe))
    return plots


def _worst(rows: Iterable[Row]) -> list[Plot]:
    bars = [Bar(_name(r["host"]), r["pages"], counted(r["pages"], "page")) for r in rows]
    return [Bars("Hosts by their bad pages", bars)]


def _growing(rows: Iterable[Row]) -> list[Plot]:
    bars = [
        Bar(
            _name(r["host"], *([r["dimm"]] if r["dimm"] else ())),
            r["pages_after"],
            f"{r['pages_before']} → {r['pages_after']}",
            r["pages_before"],
        )
        for r in rows
    ]
    return [Bars("Bad pages now; marked: at first", bars)]


def _verdicts(rows: Iterable[Row]) -> list[Plot]:
    found = list(rows)
    every = sum(row["pages"] for row in found) or 1
    bars = [
        Bar(
            _name(row["verdict"]),
            row["pages"],
            f"{counted(row['pages'], 'page')}, {100 * row['pages'] / every:.3g} %",
        )
        for row in found
    ]
    return [Bars("Bad pages by what becomes of them if the next kernel takes the list", bars)]


def _outcomes(rows: Iterable[Row]) -> list[Plot]:
    bars = [
        Bar(_name(row["release"], row["outcome"]), row["cases"], counted(row["cases"], "capture"))
        for row in rows
    ]
    return [Bars("Captures by release and by what the next kernel does with the list", bars)]


def _release(rows: Iterable[Row]) -> list[Plot]:
    bars = [
        Bar(
            _name(row["release"]),
            row["cases"],
            f"{counted(row['cases'], 'capture')}, {row['unsafe']} not taken",
            row["unsafe"],
        )
        for row in rows
    ]
    return [Bars("Captures by release; marked: the list is not taken", bars)]


def _findings(rows: Iterable[Row]) -> list[Plot]:
    bars = [Bar(_name(row["code"]), row["cases"], counted(row["cases"], "capture")) for row in rows]
    return [Bars("Captures with a finding, by code", bars)]


def _unsafe(rows: Iterable[Row]) -> list[Plot]:
    found = Counter(_name(row["outcome"], row["code"] or "") for row in rows)
    bars = [Bar(name, n, counted(n, "capture")) for name, n in found.most_common()]
    return [Bars("Captures whose list is not taken, by outcome and cause", bars)]


def _policy(rows: Iterable[Row]) -> list[Plot]:
    found: Counter[str] = Counter()
    for row in rows:
        name = _name(row["host"])
        found[name] = max(found[name], row["pages"])
    bars = [Bar(name, n, counted(n, "page")) for name, n in found.most_common()]
    return [Bars("Hosts above the limit, by their bad pages", bars)]


def _changed(title: str) -> Callable[[Iterable[Row]], list[Plot]]:
    def plots(rows: Iterable[Row]) -> list[Plot]:
        found: Counter[date] = Counter()
        for row in rows:
            if isinstance(row["after"], datetime):
                found[row["after"].date()] += row["pages"]
        return [Days(title, sorted(found.items()))]

    return plots


_PLOTS: dict[str, Callable[[Iterable[Row]], list[Plot]]] = {
    "days": _days,
    "worst": _worst,
    "growing": _growing,
    "verdicts": _verdicts,
    "outcomes": _outcomes,
    "release": _release,
    "findings": _findings,
    "unsafe": _unsafe,
    "policy": _policy,
    "lost": _changed("Pages lost a day"),
    "new": _changed("New bad pages a day"),
}
