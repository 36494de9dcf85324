"""The targets of encode and merge: a module each, and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.encode.targets.base import Target

#: In the order of the help text.
TARGETS: Registry[Target] = Registry(
    "target",
    {
        "elf": "hwpkho.encode.targets.elf:TARGET",
        "segments": "hwpkho.encode.targets.segments:TARGET",
        "blob": "hwpkho.encode.targets.blob:TARGET",
        "list": "hwpkho.encode.targets.list:TARGET",
    },
)
