"""The registry of message readers: one module and one line here for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwpkho.base.registry import Registry

if TYPE_CHECKING:
    from hwpkho.badpages.logs.base import MessageReader

#: By what prints the messages. All of them read every log, in this order within a line.
MESSAGES: Registry[type[MessageReader]] = Registry(
    "message of a log",
    {
        "hwpoison": "hwpkho.badpages.logs.hwpoison:Hwpoison",
        "page-dump": "hwpkho.badpages.logs.page_dump:PageDumps",
        "edac": "hwpkho.badpages.logs.edac:Edac",
        "cper": "hwpkho.badpages.logs.cper:Cper",
        "mce": "hwpkho.badpages.logs.mce:MachineChecks",
        "tracing": "hwpkho.badpages.logs.tracing:Traced",
        "ras-mc-ctl": "hwpkho.badpages.logs.ras_mc_ctl:RasMcCtl",
        "powerpc": "hwpkho.badpages.logs.powerpc:PowerPc",
        "early-memtest": "hwpkho.badpages.logs.early_memtest:EarlyMemtest",
    },
)
