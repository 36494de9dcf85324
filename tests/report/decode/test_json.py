"""The document of decode: what a list costs."""

from __future__ import annotations

import json
import tracemalloc

from hwpkho.commands.decode import decode
from hwpkho.report.decode import json as decode_json
from hwpkho.report.parts import jsondoc
from tests.support.handovers import Machine


def test_a_list_is_never_there_as_objects_or_as_text(tmp_path):
    """2^24 PFNs took 131 MB beside their array."""
    m = Machine()
    pfns = list(range(0x100000, 0x100000 + (1 << 17)))
    m.handover(pfns)
    (h,) = decode([str(m.save(tmp_path))]).handovers
    tracemalloc.start()
    for _ in jsondoc.pieces(decode_json.SCHEMA, decode_json.body([h]).items()):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 << 20
    text = "".join(jsondoc.pieces(decode_json.SCHEMA, decode_json.body([h]).items()))
    (shown,) = json.loads(text)["handovers"]
    assert shown["hwpoison"]["pfns"] == pfns
