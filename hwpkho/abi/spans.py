"""The parts of a structure in memory and what they mean, for ``decode --annotate``."""

from __future__ import annotations

from typing import NamedTuple


class Span(NamedTuple):
    """One part: ``offset`` and ``size`` in bytes, and its meaning as text.

    ``field`` is the name of the field, or of the property with the fields: ``pfns`` has
    ``pfns.flags``. It is empty where nothing is said of a field by its name.
    """

    offset: int
    size: int
    meaning: str
    field: str = ""

    def holds(self, field: str) -> bool:
        """Tell whether the part is the field of this name, or has it."""
        return bool(self.field) and f"{field}.".startswith(f"{self.field}.")
