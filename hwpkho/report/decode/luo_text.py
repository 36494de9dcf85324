"""decode for people: LUO's sessions and files, and who owns what is preserved."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.handover.luo import luo_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.handover.luo.model import Folios, LuoFile, LuoSession, LuoTree, Placed
    from hwpkho.handover.model import Handover
    from hwpkho.handover.owners import Account

#: Lines for sessions and files; --json has all.
MAX_ROWS = 40
#: Devices of an FLB.
MAX_DEVICES = 8
#: Runs of preserved memory whose owner is not known.
MAX_UNKNOWN = 8


def rows(h: Handover) -> Iterator[tuple[str, str]]:
    """Yield label and text of each line on LUO and on preserved memory; nothing without either."""
    tree = luo_of(h)
    if tree is not None and tree.state is not None:
        yield from _luo(tree, h.page_size or 0)
    if h.account is not None and h.page_size is not None:
        yield from _preserved(h.account, h.page_size)


def _luo(tree: LuoTree, page_size: int) -> Iterator[tuple[str, str]]:
    facts = [tree.state or "", f"live update {tree.liveupdate_num}"]
    if tree.state == "released":
        yield "LUO", "released: the running kernel has taken it"
        return
    if tree.sessions is not None and tree.state == "serialized":
        files = sum(len(session.files) for session in tree.sessions)
        facts += [counted(len(tree.sessions), "session"), counted(files, "file")]
    yield "LUO", f"{tree.compatible or 'named by features'}  {', '.join(facts)}"
    listed = (_session(session, page_size) for session in tree.sessions or ())
    lines = list(chain.from_iterable(listed))
    for line in lines[:MAX_ROWS]:
        yield "", line
    if len(lines) > MAX_ROWS:
        yield "", f"and {counted(len(lines) - MAX_ROWS, 'more line')}; --json has all"
    for file in tree.unwritten[:MAX_ROWS]:
        text = f"{file.compatible} at 0x{file.data:x}  {_memory(file, page_size)}"
        yield "", f"{text}; its session is not known"
    for flb in tree.flbs or ():
        there = f"  data 0x{flb.data:x}{_there(flb.block, page_size)}" if flb.block else ""
        yield "", f"FLB {flb.name}  {counted(flb.users, 'file')}{there}{_devices(flb.devices)}"


def _session(session: LuoSession, page_size: int) -> Iterator[str]:
    yield f'session "{session.name}"  {counted(len(session.files), "file")}'
    for file in session.files:
        yield f"  token {file.token}  {file.compatible}  {_memory(file, page_size)}"


def _devices(devices: tuple[str, ...] | None) -> str:
    if devices is None:
        return ""
    more = f" and {len(devices) - MAX_DEVICES} more" if len(devices) > MAX_DEVICES else ""
    named = f": {', '.join(devices[:MAX_DEVICES])}{more}" if devices else ""
    return f", {counted(len(devices), 'device')}{named}"


def _there(block: Placed | None, page_size: int) -> str:
    return f", {human_bytes(page_size << block[1])} preserved there" if block else ""


def _memory(file: LuoFile, page_size: int) -> str:
    size = f"data 0x{file.data:x}" if file.size is None else human_bytes(file.size)
    if file.size is None and file.folios is None:
        return size + _there(file.block, page_size)
    if file.folios is None:
        return f"{size}, its memory cannot be read"
    return f"{size}{_orders(file.folios)}"


def _orders(folios: Folios) -> str:
    from hwpkho.handover.luo.model import UNKNOWN_ORDER  # loaded with the first file

    counts: Counter[int] = Counter()
    for run in folios:
        counts[run.order] += run.folios
    words = [
        f"{n} of order {'unknown' if order == UNKNOWN_ORDER else order}"
        for order, n in sorted(counts.items())
    ]
    return f", folios: {', '.join(words)}" if words else ""


def _preserved(account: Account, page_size: int) -> Iterator[tuple[str, str]]:
    sizes: Counter[str] = Counter()
    unknown = account.unknown
    for owned in account.owned:
        if owned is not unknown:
            sizes[owned.kind] += owned.pages.pages() * page_size
    words = [f"{human_bytes(n)} {kind}" for kind, n in sizes.most_common()]
    if unknown is None:
        yield "preserved", f"{', '.join(words)}; all of it has an owner"
        return
    yield "preserved", ", ".join(words)
    size = human_bytes((unknown.pages.pages() + unknown.more) * page_size)
    runs = [
        f"0x{first * page_size:x}-0x{(last + 1) * page_size - 1:x}" for first, last in unknown.pages
    ]
    more = f" and {len(runs) - MAX_UNKNOWN} more" if len(runs) > MAX_UNKNOWN else ""
    yield "", f"{size} of nobody known: {' '.join(runs[:MAX_UNKNOWN])}{more}"
