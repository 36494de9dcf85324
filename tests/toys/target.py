"""A target of encode that writes the toy image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.encode.layout import joined
from hwpkho.encode.targets.base import FileTarget, ToWrite
from hwpkho.encode.targets.registry import TARGETS
from tests.toys.image import MAGIC, RUN

if TYPE_CHECKING:
    from typing import BinaryIO


class ToyTarget(FileTarget):
    """See the module."""

    name = "toy-dump"
    title = "toy dump"
    bootable = True

    def write(self, what: ToWrite, out: BinaryIO) -> None:
        out.write(MAGIC)
        for phys, parts in joined(what.handover.pieces):
            out.write(RUN.pack(phys, sum(map(len, parts))))
            out.writelines(parts)


def register() -> None:
    TARGETS.register(ToyTarget.name, ToyTarget())


def unregister() -> None:
    TARGETS.unregister(ToyTarget.name)
