"""memmap as a page: what is long is cut, and the page says so."""

from __future__ import annotations

from hwpkho.report.html.blocks import MAX_ROWS
from tests.support.examples import much


def test_a_long_map_is_cut_and_says_so(tmp_path, cli, monkeypatch):
    most = much(200, MAX_ROWS)
    monkeypatch.setattr("hwpkho.report.html.blocks.MAX_ROWS", most)
    lines = [f"{i << 20:08x}-{(i << 20) + 0xFFF:08x} : System RAM" for i in range(1, most + 8)]
    (tmp_path / "iomem").write_text("\n".join(lines) + "\n")
    got = cli("memmap", tmp_path / "iomem", "--format", "html").out
    assert "7 more ranges are not shown; --json and -v have all" in got
    whole = cli("memmap", tmp_path / "iomem", "-v", "--format", "html").out
    assert "are not shown" not in whole
    last = f">0x{(most + 7) << 20:x}</t"
    assert last in whole
    assert last not in got
