"""A script that poisons each page by the kernel's injector, for tests (CONFIG_HWPOISON_INJECT).

Source: mm/hwpoison-inject.c (hwpoison_inject), which takes a PFN.
"""

from __future__ import annotations

from hwpkho.badpages.scripts import ScriptForm

FORM = ScriptForm(
    "inject-script",
    "a script for /sys/kernel/debug/hwpoison/corrupt-pfn, one PFN a page",
    "/sys/kernel/debug/hwpoison/corrupt-pfn",
    addresses=False,
)
