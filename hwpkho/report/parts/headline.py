"""The headline of a judgement: in one sentence what the next kernel will do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.counting import counted
from hwpkho.codes import blob

if TYPE_CHECKING:
    from hwpkho.handover.model import Doubt
    from hwpkho.judging.result import EfiJudged, Validation

#: Verdicts after which the bad cells stay in use, in the order in which they are named.
_STAY = ("in-use", "handover", "firmware")


def headline(v: Validation) -> tuple[str, str]:
    """Return the style (error, warning, note or good) and the sentence, without a full stop."""
    # A kernel that dies on the EFI table never gets as far as the list.
    if v.efi is not None and (v.basis.table or v.efi.outcome in ("crash", "hang")):
        return _table(v, v.efi)
    teller = {
        "crash": _crash,
        "refused": _refused,
        "dropped": _dropped,
        "absent": _absent,
        "replay": _replay,
        None: _unknown,
    }[v.outcome]
    style, sentence = teller(v)
    if v.basis.memmap == "set-aside":
        doubt = "this cannot be the machine's memory map"
        return "error", doubt if v.outcome is None else f"{doubt}, and {sentence}"
    if v.basis.map_decides:
        return "error", f"if the memory map is this machine's, {sentence}"
    if v.outcome is None and v.pfns and v.basis.kho_off:
        return "warning", f"{sentence}, but with kho=off the next kernel takes no list"
    if not v.outcome or v.outcome in ("replay", "absent"):
        for doubt, words in _DOUBTS.items():
            if doubt in v.in_doubt:
                style = "warning" if style in ("good", "note") else style
                sentence = f"{sentence}; {words}"
    return style, sentence


#: Added to an outcome that holds only if the handover that was read is the one handed over.
_DOUBTS: dict[Doubt, str] = {
    "root": "but a page that may be the root FDT that counts is damaged",
    "list": "but the running kernel passes no list on",
    "outgoing": "but the running kernel's own handover was not found",
}


def _table(v: Validation, efi: EfiJudged) -> tuple[str, str]:
    """Return style and sentence if the EFI table decides: no list, or a kernel that dies on it."""
    if efi.outcome == "crash":
        return "error", "the next kernel will die in early boot on the EFI table of poisoned memory"
    if efi.outcome == "hang":
        return "error", "the next kernel will hang in early boot on the EFI table"
    if efi.outcome == "ignored" or efi.consumer == "none":
        how = "ignore the EFI table" if efi.outcome else "not know the EFI table"
        return "error" if efi.outcome else "warning", f"the next kernel will {how}: {_forgotten(v)}"
    if efi.outcome is None:
        return "warning", "this input does not show what the next kernel does with the EFI table"
    if not v.pfns:
        return "good", "the next kernel will take the EFI table, which calls nothing bad"
    counts = v.runs.counts()
    stay = counts.get("in-use", 0)
    taken = counts.get("reserved", 0) + counts.get("replays", 0)
    kept = f"{_of(taken, v.pfns)} of the EFI table will be kept out of use"
    if stay:
        return "warning", f"{kept}, {stay} will stay in use"
    return "good", kept


def _crash(v: Validation) -> tuple[str, str]:
    if v.how == "always":
        return "error", "the next kernel will panic on every boot"
    if v.decided_by and v.decided_by.certainty == "source":
        return "error", "the next kernel will panic at boot (read from its source, not measured)"
    return "error", "the next kernel will panic at boot"


def _refused(v: Validation) -> tuple[str, str]:
    return "error", f"the next kernel will ignore the whole handover: {_forgotten(v)}"


def _dropped(v: Validation) -> tuple[str, str]:
    how = "will most likely drop" if v.how == "chance" else "will drop"
    return "error", f"the next kernel {how} the list, often silently: {_forgotten(v)}"


def _absent(v: Validation) -> tuple[str, str]:
    if v.basis.no_kho:
        style = v.decided_by.severity if v.decided_by else "warning"
        return style, "no KHO in this dump: kho=off, or a kernel without it; there is no list"
    if v.how == "unheeded":
        return "warning", f"the next kernel will not look at the list: {_forgotten(v)}"
    return "note", "there is no list for the next kernel"


def _forgotten(v: Validation) -> str:
    if not v.pfns:
        return "every poisoned page will be forgotten"
    return f"{_all(v.pfns)} will be forgotten"


def _all(n: int) -> str:
    return "the one page" if n == 1 else f"all {n} pages"


def _unknown(v: Validation) -> tuple[str, str]:
    if v.pfns and v.basis.handover:
        return _open(v)
    if v.pfns and not _judged(v):
        they = "it is" if v.pfns == 1 else "they are"
        return "note", f"{_pages(v.pfns)} in the list; no memory map says what {they}"
    if v.pfns:
        return _verdicts(v, "would")
    if not v.basis.handover:
        return "note", "the list is empty"
    return "warning", "this input does not show what the next kernel will do"


def _open(v: Validation) -> tuple[str, str]:
    """Return style and sentence on a list that was read of a handover that was not, in full."""
    unknown = "this input does not show whether the list will be replayed"
    if not _judged(v):
        return "warning", f"{unknown}; no memory map says what becomes of {_all(v.pfns)}"
    style, sentence = _verdicts(v, "would")
    return "error" if style == "error" else "warning", f"{unknown}; if it is, {sentence}"


def _replay(v: Validation) -> tuple[str, str]:
    w = v.handover.hwpoison if v.handover else None
    if w is not None and w.pfns is None:
        return "error", "the list will be replayed, but this input lacks a part of it"
    if not v.pfns:
        why = f"the proposed consumer mishandles an empty list ({blob.EMPTY.id})"
        return "warning", f"the list is empty; {why}"
    if not _judged(v):
        pages = _all(v.pfns)
        return "note", f"the list will be replayed; no memory map says what becomes of {pages}"
    return _verdicts(v, "will")


def _verdicts(v: Validation, will: str) -> tuple[str, str]:
    """Return style and sentence on the verdicts: what is lost, or else what goes well."""
    counts = v.runs.counts()
    parts: list[str] = []
    lost = counts.get("not-ram", 0)
    stay = sum(counts.get(verdict, 0) for verdict in _STAY) - v.runs.of_fact("idle")
    scratch, files = counts.get("scratch", 0), counts.get("preserved", 0)
    if lost:
        parts.append(f"{_of(lost, v.pfns)} {will} be forgotten")
    if stay:
        parts.append(f"{_of(stay, v.pfns)} {will} stay in use")
    unjudged = v.runs.of_fact("gap")
    if files:
        parts.append(f"{_of(files, v.pfns)} {will} stay in preserved files")
    if unjudged:
        parts.append(f"{_of(unjudged, v.pfns)} cannot be judged: the map has lost lines")
    if scratch:
        parts.append(f"{_of(scratch, v.pfns)} may be used before the replay")
    if lost or unjudged or counts.get("handover"):
        style = "error"
    elif parts:
        style = "warning"
    else:
        style = "warning" if counts.get("firmware") else "good"
        taken = counts.get("replays", 0)
        if taken and v.unsure:
            few = "it" if taken == 1 else f"{'any' if v.unsure == taken else v.unsure} of them"
            parts.append(
                f"{_of(taken, v.pfns)} should be taken out of use, unless early boot holds {few}"
            )
        elif taken:
            parts.append(f"{_of(taken, v.pfns)} {will} be taken out of use")
        idle = v.pfns - taken
        if idle:
            parts.append(f"{_of(idle, v.pfns)} {'is' if idle == 1 else 'are'} not the kernel's")
    return style, ", ".join(parts)


def _judged(v: Validation) -> bool:
    return any(ruling.verdict or ruling.fact for ruling in v.runs.rulings)


def _pages(n: int) -> str:
    return counted(n, "page")


def _of(n: int, total: int) -> str:
    if n == total:
        return _all(total)
    return f"{n} of {_pages(total)}"
