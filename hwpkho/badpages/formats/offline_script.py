"""A script that makes the running kernel call memory_failure() for each page, as for a real error.

Source: drivers/base/memory.c (hard_offline_page_store), which takes a physical address in bytes.
The kernel kills the processes that use the page and marks it as poisoned.
"""

from __future__ import annotations

from hwpkho.badpages.scripts import ScriptForm

FORM = ScriptForm(
    "offline-script",
    "a script for /sys/devices/system/memory/hard_offline_page, one address a page",
    "/sys/devices/system/memory/hard_offline_page",
    addresses=True,
)
