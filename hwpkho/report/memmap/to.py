"""A memory map written in one of the forms of ``memmap --to``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.errors import InputError, UsageError
from hwpkho.memmap import writers
from hwpkho.report.memmap import json as memmap_json
from hwpkho.report.parts import jsondoc

if TYPE_CHECKING:
    from hwpkho.commands.memmap import MemmapReport, Target


def as_text(shown: MemmapReport, target: Target) -> str:
    """Return the map shown as ``e820``, ``iomem`` or ``json`` (the document) text.

    Raises UsageError where the map cannot be written so, or where --next-cmdline is given: what a
    kernel makes of a map is no map of the machine; InputError where lines of the map are lost, of
    which such a text would say nothing.
    """
    if target == "json":
        return jsondoc.dump(memmap_json.SCHEMA, memmap_json.body(shown))
    if shown.primary.gaps:
        gap = shown.primary.gaps[0].problem
        raise InputError(
            f"{printable(shown.memmap.source)}: written as {target} the map would look whole, and "
            f"it is not: {gap.message}"
        )
    if shown.next_cmdline is not None:
        raise UsageError(f"--to {target} writes the map as it is; --next-cmdline changes none")
    write = writers.e820_text if target == "e820" else writers.iomem_text
    return write(shown.primary, shown.memmap.arch)
