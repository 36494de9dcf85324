"""What the codes of problems and findings mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.api import checks
from hwpkho.codes import names

if TYPE_CHECKING:
    from hwpkho.codes import Code


def explain(code: str) -> Code:
    """Return what a code means, what the kernel does, and what to do about it.

    Example::

        for finding in judged.findings:
            print(finding.message, "-", hwpkho.explain(finding.code).kernel)

    Args:
        code: Its id, ``HP301``, or its name, ``count-beyond-array``.

    Raises:
        UsageError: There is no such code.
    """
    return names.find(checks.TEXT("code", code))
