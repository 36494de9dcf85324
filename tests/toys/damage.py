"""A damage of encode that turns the root FDT's page around."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.encode.damage.base import POPULATE, Damage
from hwpkho.encode.damage.registry import DAMAGES

if TYPE_CHECKING:
    from hwpkho.encode.damage.draft import Draft

NAME = "toy-mirror"


def _mirror(draft: Draft) -> None:
    draft.memory[draft.root] = draft.memory[draft.root][::-1]


def register() -> None:
    DAMAGES.register(NAME, Damage(NAME, "the root FDT's page stands backwards", POPULATE, _mirror))


def unregister() -> None:
    DAMAGES.unregister(NAME)
