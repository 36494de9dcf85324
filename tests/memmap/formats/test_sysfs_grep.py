"""/sys/firmware/memmap as head and tail show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.mapfiles import plain, primary, read_text, rows

if TYPE_CHECKING:
    from pathlib import Path

MIB, GIB = 1 << 20, 1 << 30


def test_sysfs_memmap_as_head_and_tail_show_it(log: Path) -> None:
    values = {
        "0/end": "0x9ffff",
        "0/start": "0x0",
        "0/type": "System RAM",
        "10/end": "0x17fffffff",
        "10/start": "0x100000000",
        "10/type": "System RAM",
        "2/end": "0xfffff",
        "2/start": "0xf0000",
        "2/type": "Reserved",
    }
    text = "\n".join(f"==> /sys/firmware/memmap/{k} <==\n{v}\n" for k, v in values.items())
    table = primary(read_text(log, f"# tail -n +1 /sys/firmware/memmap/*/*\n{text}"))
    assert table.name == "sysfs_memmap"
    assert plain(rows(table)) == [
        (0, 0x9FFFF, "usable"),
        (0xF0000, 0xFFFFF, "reserved"),
        (4 * GIB, 6 * GIB - 1, "usable"),
    ]
    ends = ("==> /sys/firm", "==> /sys/firmware/memmap/20/en")
    cut = [primary(read_text(log, f"{text}\n{end}")) for end in ends]
    assert [table.gaps[-1].start for table in cut] == [6 * GIB] * 2
