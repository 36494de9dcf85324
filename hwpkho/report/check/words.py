"""check: its summary in one line, and the line of a monitoring plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.commands.check_result import BAD_OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.check_result import AfterKexec, Checked, Status
    from hwpkho.judging.result import Finding

#: Exit codes of a monitoring plugin (Monitoring Plugins Development Guidelines).
NAGIOS: dict[Status, int] = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
_SENTENCES: dict[AfterKexec, tuple[str, str]] = {
    "replay": ("will be taken out again", "will be taken out again"),
    "stay": ("stays in use", "stay in use"),
    "guests": ("lies in guests' memory", "lie in guests' memory"),
    "forgotten": ("will be forgotten", "will be forgotten"),
}
#: Names of that in ``hwpkho.check/1``, ``hwpkho.watch/1`` and the performance data of --nagios.
NAMES: dict[AfterKexec, str] = {
    "replay": "will_replay",
    "stay": "stay_in_use",
    "guests": "in_guests",
    "forgotten": "forgotten",
}


def pages(n: int) -> str:
    """Return ``1 bad page``, ``2 bad pages``."""
    return counted(n, "bad page")


def summary(checked: Checked) -> str:
    """Return the summary: one line without the status and without a full stop."""
    parts = [_now(checked)]
    since = checked.since
    if since is not None and since.lost is not None:
        was = since.pages.pages()
        lost = since.lost.pages()
        are = "is" if lost == 1 else "are"
        parts.insert(0, f"{lost} of {pages(was)} of before {are} in use again")
    worst = checked.worst
    if worst is not None and not _numbers_show(checked, worst):
        parts.append(f"{worst.message} ({worst.code})")
    if checked.status == "unknown" and (n := len(checked.not_seen)):
        parts.append(f"{counted(n, 'thing')} could not be looked at")
    return "; ".join(parts)


def _numbers_show(checked: Checked, worst: Finding) -> bool:
    """Tell whether the summary's numbers show the problem already, so ``worst`` need not be added.

    For an error only lost and forgotten pages and a bad outcome count; for less any number does.
    """
    lost = checked.since is not None and checked.since.lost
    milder: tuple[AfterKexec, ...] = () if worst.severity == "error" else ("stay", "guests")
    counts = (checked.after_kexec[then] for then in ("forgotten", *milder))
    return bool(lost) or any(counts) or checked.outcome in BAD_OUTCOMES


def _now(checked: Checked) -> str:
    n, counts = checked.bad_pages, checked.after_kexec
    bad = pages(n) if n is not None else "the number of bad pages is not known"
    if n == 0:
        bad = "no bad pages" if checked.facts.flags is not None else "no bad page is counted"
    if checked.outcome in BAD_OUTCOMES:
        return f"{bad}; {checked.because}"
    if checked.hands_over is False and n is not None and n > (counts["replay"] or 0):
        again = "it will be" if n == 1 else "they will be"
        over = f"hands over no list of them ({checked.because})"
        return f"{bad}, and this kernel {over}: {again} handed out again"
    if not n and not any(counts.values()):
        none = checked.hands_over is False
        return f"{bad}; this kernel hands over no list ({checked.because})" if none else bad
    said = [f"{k} {_SENTENCES[then][k != 1]}" for then, k in counts.items() if k]
    line = f"{bad}: {', '.join(said)}" if said else bad
    if counts["forgotten"] and checked.because:
        line += f" because {checked.because}"
    unknown = [then for then, k in counts.items() if k is None]
    if unknown == ["forgotten"]:
        return f"{line}; whether others are forgotten is not known"
    if not unknown:
        return line
    return f"{line}; what becomes of {'the others' if said else 'them'} is not known"


def nagios(checked: Checked) -> Iterator[str]:
    """Yield the line of a monitoring plugin: status, summary, ``|``, performance data.

    An unknown value is ``U``. A ``|`` in the summary would begin the data early: it becomes ``/``.
    """
    values = {"bad_pages": checked.bad_pages}
    values |= {NAMES[then]: k for then, k in checked.after_kexec.items()}
    if checked.since is not None:
        lost = checked.since.lost
        values["lost"] = None if lost is None else lost.pages()
    data = " ".join(f"{name}={'U' if k is None else k}" for name, k in values.items())
    yield f"HWPKHO {checked.status.upper()} - {summary(checked).replace('|', '/')} | {data}"
