"""HP64x: the running kernel's bad pages against its list, and against those before the kexec."""

from __future__ import annotations

from hwpkho.codes import Code

LIST_LACKS = Code(
    "HP640",
    "list-lacks-pages",
    "error",
    "measured",
    "The running kernel has taken pages out of use that are not in the list it hands over.",
    "It knows nothing of these pages and hands them out again.",
    "Do not kexec before the list has them; a reboot through the firmware forgets them, too. "
    "Save them (check --save) and keep them out by memmap= or hard_offline_page.",
)
LIST_HAS_MORE = Code(
    "HP641",
    "list-has-more",
    "warning",
    "measured",
    "The list that is handed over has pages without the flag in /proc/kpageflags: they were "
    "unpoisoned since, or the flags are of another moment or machine.",
    "It takes these pages out of use, good or not.",
    "If the pages were unpoisoned on purpose, none; else look for the producer that keeps them.",
)
COUNT_DIFFERS = Code(
    "HP642",
    "count-differs",
    "warning",
    "policy",
    "HardwareCorrupted in /proc/meminfo counts another number of pages than the flags show.",
    "It goes by the list alone: bad pages that are counted and in no list are forgotten.",
    "Compare with the kernel log since boot (hwpkho list). Memory that was taken offline has no "
    "flags, and is counted.",
)
NO_HANDOVER = Code(
    "HP643",
    "hands-nothing-over",
    "error",
    "source",
    "The running kernel hands over no list of bad pages.",
    "It starts with every page good, and hands the bad ones out again.",
    "Give the next kernel memmap= (x86), or take the pages out of use again after the kexec: "
    "hwpkho list SAVED --to offline-script.",
)
PAGES_LOST = Code(
    "HP644",
    "pages-lost",
    "error",
    "measured",
    "Pages that were bad before the kexec are in use again.",
    "This kernel hands them out as good memory.",
    "Take them out of use now: hwpkho list SAVED --to offline-script. Then look why the list did "
    "not carry them.",
)
NOT_LOADED = Code(
    "HP645",
    "no-kernel-loaded",
    "note",
    "source",
    "No kernel is loaded for kexec (/sys/kernel/kexec/loaded is 0).",
    "kexec -e fails; systemctl kexec loads the default boot entry first.",
    "Load it with kexec_file_load (kexec -s): what kexec_load loads is handed nothing over.",
)
HUGE_FLAG = Code(
    "HP646",
    "huge-page-flagged",
    "note",
    "source",
    "Huge pages of hugetlb are flagged as a whole: the flags do not show which of their pages are "
    "bad. The list does, where it has them.",
    "It takes out the pages that the list names, and no others of the huge page.",
    "None needed.",
)
FLAGS_SHORT = Code(
    "HP647",
    "flags-end-early",
    "note",
    "policy",
    "The copy of /proc/kpageflags ends before RAM does. HardwareCorrupted counts as many bad pages "
    "as it shows, so none is behind its end.",
    "Nothing: this is about the copy.",
    "None needed.",
)
MOVED_OUT = Code(
    "HP648",
    "excluded-since",
    "note",
    "policy",
    "Pages that were bad before the kexec are no longer memory of this kernel: its map excludes "
    "them.",
    "This kernel never uses them.",
    "None needed.",
)

CODES = (
    LIST_LACKS,
    LIST_HAS_MORE,
    COUNT_DIFFERS,
    NO_HANDOVER,
    PAGES_LOST,
    NOT_LOADED,
    HUGE_FLAG,
    FLAGS_SHORT,
    MOVED_OUT,
)
