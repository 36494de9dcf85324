"""HP4xx: the preserved-memory tracker and scratch."""

from __future__ import annotations

from hwpkho.codes import Code

GONE = Code(
    "HP401",
    "tracker-gone",
    "note",
    "measured",
    "The tracker's pages no longer hold the tracker: they are reused soon after boot.",
    "Nothing: the kernel has read them by then.",
    "Normal for the incoming handover of a running kernel; membership was not checked.",
)
DAMAGED = Code(
    "HP402",
    "tracker-damaged",
    "error",
    "measured",
    "The tracker is no tree (or chain) that the kernel could have written.",
    "Keys with a wrong order bit, big-endian words, loops or nodes outside RAM crash the next "
    "kernel. Addresses that are not page aligned, and nodes that are reached twice, it reads as "
    "they stand.",
    "Do not kexec with it.",
)
UNMARKED = Code(
    "HP403",
    "not-preserved",
    "error",
    "measured",
    "A page of the handover is not marked preserved.",
    "The next kernel may have reused it before it reads it: the list is usually dropped, but "
    "chance decides.",
    "A producer's bug: report it.",
)
MERGED = Code(
    "HP404",
    "block-merged",
    "error",
    "measured",
    "An array entry lies inside a preserved block that starts elsewhere.",
    "Restoring asks for a block that starts at the entry: the list is dropped.",
    "Preserve every entry as a block of its own.",
)
NODE_ABSENT = Code(
    "HP405",
    "tracker-absent",
    "warning",
    "source",
    "Pages of the tracker are not in the image.",
    "Nothing if only the capture lacks them; a crash if the machine does.",
    "Capture them too; membership was checked as far as the image goes.",
)
BLOCK_ORDER = Code(
    "HP406",
    "block-order",
    "note",
    "measured",
    "An array entry starts a preserved block of another order than the vmalloc's.",
    "Nothing: the block's order is not compared.",
    "None needed.",
)
UNLISTED = Code(
    "HP407",
    "tracker-unlistable",
    "note",
    "source",
    "A kho-v2 tracker with 16 KiB pages has one level too few: keys can be asked for, not listed.",
    "Nothing: the kernel of that version has the same limit.",
    "None needed.",
)
TRACKER_LOST = Code(
    "HP408",
    "list-without-tracker",
    "warning",
    "measured",
    "The list reads soundly, but its tracker is gone, so nothing proves that its pages were "
    "preserved.",
    "Nothing: the kernel has read the tracker by then.",
    "Prefer a capture from before the kexec.",
)
SCRATCH_UNKNOWN = Code(
    "HP410",
    "scratch-unknown",
    "note",
    "source",
    "The input does not tell where scratch is.",
    "Pages inside scratch may be used before the replay.",
    "Give --kho-scratch PHYS:LENGTH, a debugfs copy, or the x86 setup_data with the image.",
)
SCRATCH_BAD = Code(
    "HP411",
    "scratch-bad",
    "error",
    "measured",
    "The scratch array is shorter than one entry, an area of it wraps, or the highest one ends "
    "inside a page.",
    "Length 0 disables the revival; a short array or an area outside RAM crashes the boot, and on "
    "arm64 so does an end inside a page, which early boot allocates from and does not map.",
    "Do not kexec with it.",
)
SCRATCH_OVERLAP = Code(
    "HP412",
    "preserved-in-scratch",
    "error",
    "measured",
    "A page of the handover lies inside scratch.",
    "Early boot allocates from the end of scratch downwards (page structs and some MiB more): what "
    "lies there is overwritten before it is read, what lies below was seen to survive.",
    "A producer's bug: report it.",
)
SCRATCH_ABSENT = Code(
    "HP413",
    "scratch-absent",
    "note",
    "source",
    "The scratch array is not in the image.",
    "Nothing: this is about the capture.",
    "Capture its page too.",
)
SCRATCH_TRAILING = Code(
    "HP414",
    "scratch-trailing",
    "note",
    "measured",
    "The scratch array's length is no multiple of 16 bytes.",
    "The trailing bytes are ignored.",
    "None needed.",
)
BLOCK_OUTSIDE = Code(
    "HP415",
    "preserved-outside-ram",
    "error",
    "measured",
    "The tracker marks memory that the map does not have.",
    "Initialising struct pages that do not exist: a panic at boot.",
    "Do not kexec with it: the list belongs to another machine or was overwritten.",
)
NODE_OUTSIDE = Code(
    "HP416",
    "tracker-outside-ram",
    "error",
    "measured",
    "A node of the tracker lies outside RAM.",
    "The next kernel follows it and panics at boot.",
    "Do not kexec with it.",
)
SCRATCH_OUTSIDE = Code(
    "HP417",
    "scratch-outside-ram",
    "error",
    "measured",
    "A scratch area lies outside RAM.",
    "The next kernel boots from memory that is not there: a panic.",
    "Do not kexec with it.",
)
NO_SCRATCH = Code(
    "HP418",
    "no-scratch",
    "error",
    "measured",
    "No scratch is handed over.",
    "The next kernel disables the KHO revival, silently where there is none at all.",
    "Hand over scratch, or expect every page to be forgotten.",
)
NO_RAM = Code(
    "HP421",
    "preserved-all-ram",
    "error",
    "measured",
    "The tracker marks as much memory as the next kernel has.",
    "No page is left to the page allocator: a panic in early boot.",
    "Do not kexec with it: the tracker was overwritten.",
)
WRONG_TREE = Code(
    "HP419",
    "tracker-unreadable",
    "error",
    "measured",
    "The tracker is no tree of this page size: keys without an order, addresses that are none.",
    "A crash at boot, or the list silently lost.",
    "Do not kexec with it; check that both kernels have the same page size.",
)
SCRATCH_SMALL = Code(
    "HP420",
    "scratch-small",
    "error",
    "measured",
    "Scratch is smaller than what the next kernel must place in it.",
    "A panic in early boot: everything that is allocated before the handover is read has to come "
    "from scratch, the page structs of all RAM among it (with 4 KiB pages 1/64 of RAM).",
    "Do not kexec with it; boot the producer with a larger kho_scratch=.",
)

CODES = (
    GONE,
    DAMAGED,
    UNMARKED,
    MERGED,
    NODE_ABSENT,
    BLOCK_ORDER,
    UNLISTED,
    TRACKER_LOST,
    SCRATCH_UNKNOWN,
    SCRATCH_BAD,
    SCRATCH_OVERLAP,
    SCRATCH_ABSENT,
    SCRATCH_TRAILING,
    BLOCK_OUTSIDE,
    NODE_OUTSIDE,
    SCRATCH_OUTSIDE,
    NO_SCRATCH,
    WRONG_TREE,
    SCRATCH_SMALL,
    NO_RAM,
)
