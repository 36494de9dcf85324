"""The generations of kernels that read the table, and the choices of ``--consumer-efi``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.judging.efi_table.model import Generation

_HERE = "hwpkho.judging.efi_table"

#: By name, oldest first.
GENERATIONS: Registry[Generation] = Registry(
    "generation of kernels with the EFI table of poisoned memory",
    {
        "a": f"{_HERE}.linked_list:A",
        "b": f"{_HERE}.bitmaps:B",
        "c1": f"{_HERE}.bitmaps:C1",
        "c2": f"{_HERE}.bitmaps:C2",
        "d1": f"{_HERE}.bitmaps:D1",
        "d2": f"{_HERE}.bitmaps:D2",
    },
)

#: A kernel without the feature.
NONE = "none"
DEFAULT = "d2"


def latest(layout: str | None) -> Generation:
    """Return the latest generation that reads ``layout``; without a layout, that of ``DEFAULT``."""
    of_layout = [generation for generation in GENERATIONS if generation.layout == layout]
    return of_layout[-1] if of_layout else GENERATIONS[DEFAULT]


class Consumers:
    """The choices of ``--consumer-efi``."""

    @staticmethod
    def names() -> list[str]:
        """Return the names, ``none`` last."""
        return [*GENERATIONS.names(), NONE]
