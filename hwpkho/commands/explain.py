"""explain: what a code means, what the kernel does, what to do about it, and a case."""

from __future__ import annotations

from hwpkho.codes import Code, names, registry


def explain(code: str | None = None) -> list[Code]:
    """Return the code with this id or name, those with this prefix, all of them for None.

    Raises UsageError for an unknown one.
    """
    if code is None:
        return list(registry().values())
    return names.starting(code) or [names.find(code)]
