"""encode --damage: a handover that is broken on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from hwpkho.encode.layout import Layout
    from hwpkho.encode.request import Request
    from hwpkho.encode.targets.base import Target


def check(name: str | None, target: Target) -> None:
    """Raise UsageError where no damage is called ``name``, or ``target`` is no handover."""
    if name is None:
        return
    from hwpkho.encode.damage.registry import DAMAGES

    if name not in DAMAGES:
        named = option("damage", printable(name))
        raise UsageError(f"{named}: there is no such damage; hwpkho encode --damage list has them")
    if not target.placed:
        raise UsageError(
            f"{option('damage', name)}: {option('to', target.name)} writes no handover"
        )


def build(request: Request, name: str | None, target: Target) -> Layout:
    """Make what ``request`` wants, and do the damage ``name`` to it; None for none.

    Raises UsageError where that cannot be done, or ``target`` would not show it.
    """
    if name is None:
        from hwpkho.encode import builder  # a list, which damage is refused for, is not built

        return builder.build(request)
    from hwpkho.encode.damage import breaking
    from hwpkho.encode.damage.registry import DAMAGES

    layout = breaking.build(request, DAMAGES[name])
    if layout.broken is not None and not (target.bootable or layout.broken.in_blob):
        raise UsageError(
            f"{option('damage', name)}: a {target.title} does not show this damage, which is "
            "outside the blob; write a whole handover"
        )
    return layout
