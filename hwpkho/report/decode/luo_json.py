"""``luo`` and ``preserved`` of ``hwpkho.decode/1``: LUO's sessions and files, and who owns what.

A guest's memory may be a million folios, so runs and ranges are written in pieces.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

from hwpkho.handover.luo import luo_of
from hwpkho.report.parts import jsondoc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hwpkho.handover.luo.model import Folios, LuoFile, LuoSession, LuoTree, Placed
    from hwpkho.handover.model import Handover
    from hwpkho.handover.owners import Owned


def fields(h: Handover) -> Iterator[str]:
    """Yield both fields of a handover as JSON text in pieces, a comma before each field."""
    yield ',"luo":'
    tree = luo_of(h)
    yield from _luo(tree) if tree else ("null",)
    yield ',"preserved":'
    if h.account is None or h.page_size is None:
        yield "null"
        return
    yield "["
    yield from _listed(map(_owned, h.account.owned, repeat(h.page_size)))
    yield "]"


def _luo(tree: LuoTree) -> Iterator[str]:
    yield _begin(
        {
            "compatible": tree.compatible,
            "liveupdate_num": tree.liveupdate_num,
            "features": tree.features,
            "state": tree.state,
            "phys": tree.phys,
            "flbs": None
            if tree.flbs is None
            else [
                {
                    "name": f.name,
                    "data": f.data,
                    "count": f.users,
                    "block": _block(f.block),
                    "devices": f.devices,
                }
                for f in tree.flbs
            ],
        }
    )
    yield ',"sessions":'
    if tree.sessions is None:
        yield "null"
    else:
        yield "["
        yield from _listed(map(_session, tree.sessions))
        yield "]"
    yield "}"


def _session(session: LuoSession) -> Iterator[str]:
    yield f'{_begin({"name": session.name})},"files":['
    yield from _listed(map(_file, session.files))
    yield "]}"


def _file(file: LuoFile) -> Iterator[str]:
    ser = file.memfd
    yield _begin(
        {
            "compatible": file.compatible,
            "token": file.token,
            "data": file.data,
            "size": file.size,
            "pos": ser.pos if ser else None,
            "seals": ser.seals if ser else None,
            "nr_folios": ser.nr_folios if ser else None,
            "block": _block(file.block),
        }
    )
    yield ',"runs":'
    if file.folios is None:
        yield "null}"
        return
    yield "["
    yield from jsondoc.joined(_runs(file.folios))
    yield "]}"


def _block(block: Placed | None) -> dict[str, int] | None:
    return {"phys": block[0], "order": block[1]} if block else None


def _runs(folios: Folios) -> Iterator[str]:
    from hwpkho.handover.luo.model import UNKNOWN_ORDER  # loaded with the first file

    for page, pfn, count, order, flags in folios:
        known = "null" if order == UNKNOWN_ORDER else order
        yield (f'{{"index":{page},"pfn":{pfn},"folios":{count},"order":{known},"flags":{flags}}}')


def _owned(owned: Owned, page_size: int) -> Iterator[str]:
    yield _begin(
        {
            "kind": owned.kind,
            "name": owned.name,
            "session": owned.session,
            "token": owned.token,
            "bytes": (owned.pages.pages() + owned.more) * page_size,
        }
    )
    yield ',"ranges":['
    yield from jsondoc.joined(f"[{first},{last}]" for first, last in owned.pages)
    yield "]}"


def _begin(fields: dict[str, object]) -> str:
    """Return an object without its closing brace."""
    return jsondoc.text(fields)[:-1]


def _listed(items: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the pieces of all items, with a comma between items."""
    for number, item in enumerate(items):
        if number:
            yield ","
        yield from item
