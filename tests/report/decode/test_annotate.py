"""The annotated dump of ``decode --annotate``."""

from __future__ import annotations

from tests.support.handovers import Machine


def test_what_is_wrong_with_the_blob_stands_at_its_field_whatever_its_node_is_called(cli, tmp_path):
    machine = Machine(arch="x86_64", at=0x1000_0000)
    made = machine.handover([0x1000])
    machine.poke(made.blob + 8, "<Q", 70000)
    blob = machine.memory.pop(made.blob)[:64]
    machine.memory.pop(made.root)
    machine.handover(None, subtrees=[("hwpoison@1", blob)])
    got = cli("decode", "--annotate", machine.save(tmp_path))
    assert "count 70000  <- HP301 count-beyond-array" in got.out
