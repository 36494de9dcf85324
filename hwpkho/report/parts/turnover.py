"""Which owners of preserved memory came and went, from one handover to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.addresses import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.handover.owners import Owned, Turnover

#: Owners that are named to people; documents have all.
MAX_NAMED = 8


def field(found: Turnover | None, page_size: int) -> dict[str, object] | None:
    """Return ``owners`` of a document; None if the owners on a side are not known.

    ``page_size`` is in bytes.
    """
    if found is None:
        return None

    def owner(x: Owned) -> dict[str, object]:
        size = x.pages.pages() * page_size
        return {
            "kind": x.kind, "name": x.name, "session": x.session, "token": x.token, "bytes": size,
        }  # fmt: skip

    return {"gone": list(map(owner, found.gone)), "came": list(map(owner, found.came))}


def lines(found: Turnover | None, page_size: int) -> Iterator[str]:
    """Yield a line on owners no longer preserved, and one on owners preserved now, for people."""
    if found is None:
        return
    for word, owners in (("no longer preserved", found.gone), ("preserved now", found.came)):
        if owners:
            named = [
                f"{x.name} ({human_bytes(x.pages.pages() * page_size)})" for x in owners[:MAX_NAMED]
            ]
            more = f" and {len(owners) - MAX_NAMED} more" if len(owners) > MAX_NAMED else ""
            yield f"{word}: {', '.join(named)}{more}"
