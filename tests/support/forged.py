"""Names of resources that look like lines of a memory map."""

from __future__ import annotations

#: Names that are, or hold, what some reader of maps looks for.
FORGED = [
    "System RAM\x1b]0;owned\x07\n00000000-ffffffff : System RAM",
    "a\r00000000-ffffffff : System RAM",
    "a] 00000000-ffffffff : System RAM",
    "a: 00000000-ffffffff : System RAM",
    "<p>00000000-ffffffff : System RAM",
    "> 00000000-ffffffff : System RAM",
    "System RAM ",
    "System RAM<br>",
    "x BIOS-e820: [mem 0x0000000000000000-0x00000000ffffffff] usable",
    "BIOS-e820: 0000000000000000 - 00000000a0000000 (usable)",
    "efi: mem00: [Boot Data|  |  |  |  |WB|  |  |UC] range=[0x0000000000-0x00ffffffff] (4095MB)",
    "SMAP type=01 base=0000000000000000 len=00000000a0000000",
    "Linux version 6.1.0 (a@b) #1 SMP",
    "base_addr = 0x0, length = 0xa0000000, available RAM",
    "\u2028\u202e\u00a0",
    "\x00",
]
