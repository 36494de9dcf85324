"""explain: what a code means, what the kernel does, what to do about it, and a case."""

from __future__ import annotations

from hwpkho.codes import Code, names, registry


def explain(code: str | None = None) -> list[Code]:
    """Return the code with this id or name, all of them for None.

    Raises UsageError for an unknown one.
    """
    return list(registry().values()) if code is None else [names.find(code)]
