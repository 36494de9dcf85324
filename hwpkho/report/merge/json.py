"""``hwpkho.merge/1``: a merged list as JSON."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hwpkho.badpages.sets import known_by
from hwpkho.base.listing import parts
from hwpkho.report.encode import json as encode_json
from hwpkho.report.parts import efi_table, jsondoc, runs_json, turnover

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwpkho.badpages.provenance import Entries
    from hwpkho.commands.merge import Merged

SCHEMA = "hwpkho.merge/1"


def body(m: Merged, output: str | None) -> dict[str, Any]:
    """Return the fields of ``hwpkho.merge/1``; ``output`` is the file that was written, or None."""
    return {
        "page_size": m.page_size,
        "arch": m.arches[0] if len(m.arches) == 1 else None,
        "cases": [
            {"name": name, "entries": size, "efi_table": efi_table.read(table)}
            for name, size, table in zip(m.cases, m.sizes, m.tables, strict=True)
        ],
        "output": output,
        "duplicates": m.duplicates,
        "excluded": m.excluded,
        "not_replaying": runs_json.judged(m.not_replaying) if m.judged else None,
        "left_out": runs_json.judged(m.left_out) if m.judged else None,
        "kept_all": m.kept_all,
        "provenance": runs_json.histories(m.histories, lambda seen: {"cases": known_by(seen)})
        if m.histories is not None
        else None,
        "entries": jsondoc.Array(_entries(m.entries))
        if m.histories is not None and m.entries
        else None,
        "problems": [p._asdict() for p in m.problems],
        "loss": m.loss._asdict() if m.loss else None,
        "handover": encode_json.handover(m.layout) if m.layout else None,
        "efi_table": efi_table.written(m.table),
        "owners": [turnover.field(found, m.page_size) for found in m.owners],
        "pfns": jsondoc.numbers(m.pfns),
    }


def _entries(known: Entries) -> Iterator[str]:
    """Yield the entries as JSON text in pieces; a string that entries share is encoded once."""
    text = lru_cache(maxsize=1 << 12)(jsondoc.text)
    before = ""
    for part in parts(zip(known.case, known.mentions, strict=True)):
        yield before + ",".join(
            f'{{"case":{case},"first":{m.first},"last":{m.last},"kind":{text(m.kind)},'
            f'"when":{text(m.when)},"source":{text(m.source)},"where":{text(m.where)}}}'
            for case, m in part
        )
        before = ","
