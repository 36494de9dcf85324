"""A script that takes each page out of use at once, as memory_failure() does for a real error.

Source: drivers/base/memory.c (hard_offline_page_store): a byte address, of which the kernel takes
the page. What uses the page is killed; the page counts as poisoned.
"""

from __future__ import annotations

from hwpkho.badpages.scripts import ScriptForm

FORM = ScriptForm(
    "offline-script",
    "a script for /sys/devices/system/memory/hard_offline_page, one address a page",
    "/sys/devices/system/memory/hard_offline_page",
    addresses=True,
)
