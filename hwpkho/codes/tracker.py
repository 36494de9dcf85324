"""HP4xx: the preserved-memory tracker and scratch."""

from __future__ import annotations

from hwpkho.codes import Code

GONE = Code(
    "HP401",
    "tracker-gone",
    "note",
    "measured",
    "The tracker's pages no longer hold the tracker: the kernel reuses them soon after boot.",
    "Nothing: the kernel has read them by then.",
    "Normal for the incoming handover of a running kernel. hwpkho could not check what was "
    "preserved.",
)
DAMAGED = Code(
    "HP402",
    "tracker-damaged",
    "error",
    "measured",
    "The tracker is not a tree (or chain) that a kernel could have written.",
    "Keys with a wrong order bit, big-endian words, loops or nodes outside RAM crash it. It does "
    "not check for unaligned addresses, nor for nodes that are reached twice.",
    "Do not kexec with it.",
)
UNMARKED = Code(
    "HP403",
    "not-preserved",
    "error",
    "measured",
    "A page of the handover is not marked preserved.",
    "It may reuse the page before it reads it. Usually it drops the list; that is down to chance.",
    "A producer's bug: report it.",
)
MERGED = Code(
    "HP404",
    "block-merged",
    "error",
    "measured",
    "An array entry lies inside a preserved block that starts elsewhere.",
    "It asks for a preserved block that starts at the entry, finds none, and drops the list.",
    "Preserve every entry as a block of its own.",
)
NODE_ABSENT = Code(
    "HP405",
    "tracker-absent",
    "warning",
    "source",
    "Pages of the tracker are not in the image.",
    "Nothing if only the capture lacks them; it crashes if the machine has no such memory.",
    "Capture them too. hwpkho checked what is preserved as far as the image goes.",
)
BLOCK_ORDER = Code(
    "HP406",
    "block-order",
    "note",
    "measured",
    "An array entry starts a preserved block of another order than the vmalloc's.",
    "Nothing: it does not compare the orders. Linux 6.18 built with CONFIG_DEBUG_VM panics in "
    "split_page() where the block's order is above 0 (source).",
    "None needed.",
)
UNLISTED = Code(
    "HP407",
    "tracker-unlistable",
    "note",
    "source",
    "A kho-v2 tracker with 16 KiB pages has one level too few: a key can be looked up, but the "
    "keys cannot be listed.",
    "Nothing: the kernel of that version has the same limit.",
    "None needed.",
)
TRACKER_LOST = Code(
    "HP408",
    "list-without-tracker",
    "warning",
    "measured",
    "The list is sound, but its tracker is gone: nothing proves that its pages were preserved.",
    "Nothing: the kernel has read the tracker by then.",
    "Use a capture from before the kexec.",
)
SCRATCH_UNKNOWN = Code(
    "HP410",
    "scratch-unknown",
    "note",
    "source",
    "The input does not record where scratch is.",
    "Early boot may use listed pages inside scratch before the replay.",
    "Give --kho-scratch PHYS:LENGTH, a debugfs copy, or the x86 setup_data with the image.",
)
SCRATCH_BAD = Code(
    "HP411",
    "scratch-bad",
    "error",
    "measured",
    "The scratch array is shorter than one entry, one of its areas wraps, or the highest area ends "
    "inside a page.",
    "With length 0 it disables KHO revival. A short array or an area outside RAM crashes the "
    "boot. On arm64 an end inside a page does too: early boot allocates from that page without "
    "mapping it.",
    "Do not kexec with it.",
)
SCRATCH_OVERLAP = Code(
    "HP412",
    "preserved-in-scratch",
    "error",
    "measured",
    "A page of the handover lies inside scratch.",
    "Early boot allocates from the end of scratch downwards (struct pages and some MiB more) and "
    "overwrites pages there before it reads them. Pages further below were seen to survive.",
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
    "The scratch array's length is not a multiple of 16 bytes.",
    "It ignores the trailing bytes.",
    "None needed.",
)
BLOCK_OUTSIDE = Code(
    "HP415",
    "preserved-outside-ram",
    "error",
    "measured",
    "The tracker marks memory that is in no RAM range of the memory map.",
    "It initialises struct pages that do not exist, and panics at boot.",
    "Do not kexec with it: the handover is of another machine, or was overwritten.",
)
NODE_OUTSIDE = Code(
    "HP416",
    "tracker-outside-ram",
    "error",
    "measured",
    "A node of the tracker is outside RAM.",
    "It follows the node's address and panics at boot.",
    "Do not kexec with it.",
)
SCRATCH_OUTSIDE = Code(
    "HP417",
    "scratch-outside-ram",
    "error",
    "measured",
    "A scratch area is outside RAM.",
    "It boots from memory that is not there, and panics.",
    "Do not kexec with it.",
)
NO_SCRATCH = Code(
    "HP418",
    "no-scratch",
    "error",
    "measured",
    "No scratch is handed over.",
    "It disables KHO revival, silently if no scratch array is handed over at all.",
    "Hand over scratch, or every poisoned page is handed out again.",
)
NO_RAM = Code(
    "HP421",
    "preserved-all-ram",
    "error",
    "measured",
    "The tracker marks as much memory as the next kernel has.",
    "The page allocator has no page left: it panics in early boot.",
    "Do not kexec with it: the tracker was overwritten.",
)
WRONG_TREE = Code(
    "HP419",
    "tracker-unreadable",
    "error",
    "measured",
    "The tracker is not a tree of this page size: it has keys without an order, or invalid "
    "addresses.",
    "It crashes at boot, or loses the list silently.",
    "Do not kexec with it; check that both kernels have the same page size.",
)
SCRATCH_SMALL = Code(
    "HP420",
    "scratch-small",
    "error",
    "measured",
    "Scratch is smaller than what the next kernel must place in it.",
    "It panics in early boot: all allocations before it reads the handover come from scratch, "
    "among them the struct pages of all RAM (1/64 of RAM with 4 KiB pages).",
    "Do not kexec with it. Boot the producer with a larger kho_scratch=.",
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
