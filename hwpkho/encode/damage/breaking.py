"""Makes a handover and does one damage to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.options import option
from hwpkho.encode.damage.draft import Draft
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from hwpkho.encode.damage.base import Damage
    from hwpkho.encode.layout import Layout
    from hwpkho.encode.request import Request


def build(request: Request, damage: Damage) -> Layout:
    """Return the handover that ``request`` wants, broken by ``damage``.

    Raises UsageError where the damage needs what ``request`` lacks, and as
    :func:`hwpkho.encode.builder.build` does.
    """
    request.check()
    for need in damage.needs:
        give = need.lacks(request)
        if give is not None:
            named = option("damage", damage.name)
            raise UsageError(f"{named} needs {need.text}: give {give}")
    draft = Draft.of(request)
    damage.change(draft)
    return draft.broken(damage.name, damage.about)
