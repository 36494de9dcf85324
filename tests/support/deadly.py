"""A case that ends its process: processes of a batch import it, so it stands alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hwpkho.batch import pool as batch

if TYPE_CHECKING:
    from hwpkho.judging.options import ValidateOptions


class Deadly(batch.Job):
    """A case whose process dies."""

    def prepare(self, options: ValidateOptions) -> Any:
        if self.case == "deadly":
            os._exit(9)
        if self.case == "buggy":
            raise ZeroDivisionError("a bug\x1b[2J")
        if self.case == "hungry":
            raise MemoryError
        return super().prepare(options)
