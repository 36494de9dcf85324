"""merge for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.model.comparison import known_by
from hwpkho.render import runs_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.commands.merge import Merged

SCHEMA = "hwpkho.merge/1"
#: Longer lists of runs are cut; --json has them whole.
MAX_RUNS = 40


def body(m: Merged, output: str | None) -> dict[str, Any]:
    """Return the fields of ``hwpkho.merge/1``; ``output`` is the file written, None for none."""
    return {
        "page_size": m.page_size,
        "cases": [
            {"name": name, "entries": size} for name, size in zip(m.cases, m.sizes, strict=True)
        ],
        "output": output,
        "duplicates": m.duplicates,
        "excluded": m.excluded,
        "not_replaying": runs_json.judged(m.dropped) if m.judged else None,
        "kept_all": m.kept_all,
        "provenance": runs_json.lives(m.lives, lambda seen: {"cases": known_by(seen)})
        if m.lives is not None
        else None,
        "pfns": m.pfns,
    }


def report(m: Merged) -> Iterator[str]:
    """Yield what there is to say beside the list itself."""
    for number, (name, size) in enumerate(zip(m.cases, m.sizes, strict=True)):
        yield f"case {number}: {name}, {size} entries"
    left_out = f", {m.excluded} excluded" if m.excluded else ""
    yield f"{len(m.pfns)} PFNs, {m.duplicates} duplicates dropped{left_out}"
    if m.dropped.rulings:
        counts = ", ".join(f"{n} {verdict}" for verdict, n in m.dropped.counts().items())
        fate = "kept though not replaying" if m.kept_all else "left out, not replaying"
        yield f"{fate}: {counts}"
        for n, (first, last, ruling) in enumerate(m.dropped):
            if n == MAX_RUNS:
                yield f"  and {m.dropped.count() - MAX_RUNS} more runs"
                break
            where = f" [{ruling.region}]" if ruling.region else ""
            yield f"  {_span(first, last)} {ruling.verdict}{where}"


def _span(first: int, last: int) -> str:
    return f"0x{first:x}" if first == last else f"0x{first:x}-0x{last:x}"
