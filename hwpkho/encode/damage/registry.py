"""The damages by name. Another one is a decorated function in the module for what it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.registry import Registry
from hwpkho.encode.damage import array, blob, root, scratch, tracker

if TYPE_CHECKING:
    from hwpkho.encode.damage.base import Damage

#: In the order in which a kernel comes to what is broken.
DAMAGES: Registry[Damage] = Registry("damage", {})
for _part in (root, scratch, tracker, array, blob):
    for _damage in _part.DAMAGES:
        DAMAGES.register(_damage.name, _damage)
