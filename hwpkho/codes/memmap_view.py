"""HP55x and HP56x: binary maps, device trees, and the next kernel's view of its memory.

Part of the 5xx family: :mod:`hwpkho.codes.memmap` registers these with its own.
"""

from __future__ import annotations

from hwpkho.codes import Code

# A table: one line of facts, then the sentences.
# fmt: off
ENTRY_IGNORED = Code(
    "HP550", "map-entry-ignored", "note", "source",
    "An entry of the map has no size.",
    "It skips the entry.",
    "None needed.",
)
MAP_PARTIAL = Code(
    "HP551", "map-partial", "warning", "source",
    "The map describes only a part of the machine's memory.",
    "Nothing: the kernel had the whole map.",
    "Give the machine's whole map; frames outside this one count as not RAM.",
)
MAPS_DISAGREE = Code(
    "HP552", "maps-disagree", "warning", "source",
    "Two maps of the machine disagree about what is RAM.",
    "It uses one of them; the message says which one hwpkho uses.",
    "Check that both are of one machine and one boot; choose one with --map.",
)
DT_RESERVATIONS_IGNORED = Code(
    "HP553", "dt-reservations-ignored", "warning", "source",
    "/reserved-memory has other #address-cells or #size-cells than the root, or no ranges.",
    'The kernel says "unsupported node format, ignoring" and reserves nothing of it.',
    "Correct the device tree.",
)
DT_PLACED_AT_BOOT = Code(
    "HP554", "dt-placed-at-boot", "note", "source",
    "A reserved-memory node gives a size but no address.",
    "The kernel places it at boot; pages there are in use or lent out (reusable).",
    "None needed. The kernel log says where it lies.",
)
DT_NO_MEMORY = Code(
    "HP555", "dt-no-memory", "warning", "source",
    "The device tree has no memory size.",
    "The boot loader fills it in before the kernel sees it.",
    "Copy /sys/firmware/fdt from the running machine.",
)
DT_UEFI = Code(
    "HP556", "dt-names-efi-map", "warning", "source",
    "/chosen names an EFI memory map.",
    "The kernel drops all memory nodes and takes its RAM from the EFI map.",
    "Give the EFI map too (kernel log with efi=debug); reservations of the tree still count.",
)
DT_ODD = Code(
    "HP557", "dt-odd", "note", "source",
    "The device tree says something about memory that the kernel does not read.",
    "It ignores it.",
    "Check whether this is intended.",
)
DTS_SKIPPED = Code(
    "HP558", "dts-skipped", "warning", "source",
    "hwpkho did not read a part of the device tree source: an include, a macro, an unknown label.",
    "Nothing: the kernel sees the compiled tree.",
    "Give the compiled tree (dtb), or run the source through cpp and dtc first.",
)
CMDLINE_NOTE = Code(
    "HP559", "next-cmdline", "note", "source",
    "The next kernel's command line asks for something that the next kernel ignores, or places "
    "only at boot.",
    "As the message says.",
    "None needed.",
)
CMDLINE_WARNING = Code(
    "HP560", "next-cmdline-warning", "warning", "source",
    "The next kernel's command line does something that is hardly intended.",
    "As the message says.",
    "Check the command line.",
)
KHO_OFF = Code(
    "HP561", "kho-off", "error", "source",
    "The next kernel's command line turns KHO off.",
    "It ignores the handover and hands out every poisoned page again.",
    "Remove kho=off.",
)
RUNNING_KERNEL = Code(
    "HP562", "running-kernel-image", "note", "source",
    "/proc/iomem shows the image and reservations of the kernel that printed it.",
    "Nothing: the next kernel is loaded elsewhere, into scratch.",
    "If the map is the next kernel's own, say --iomem-of next.",
    routine=True,
)
BOOT_SERVICES = Code(
    "HP563", "boot-services-ram", "note", "measured",
    "The EFI map has boot services memory, which is RAM for the next kernel.",
    "It frees that memory at boot, but keeps it reserved when booted with efi=debug (x86).",
    "If the next kernel is booted with efi=debug, say so with --next-cmdline.",
)
OVERLAP = Code(
    "HP564", "map-overlap", "note", "source",
    "Entries of the map overlap with different types.",
    "In an e820 map the highest type number wins; in others the reserved entry does.",
    "None needed.",
)
TYPE_UNKNOWN = Code(
    "HP565", "map-type-unknown", "warning", "source",
    "An entry has a type that no kernel known here prints.",
    "Nothing but RAM is given to the page allocator.",
    "hwpkho does not count it as RAM. Check the map.",
)
WRONG_MAP = Code(
    "HP566", "wrong-map", "error", "source",
    "The memory map cannot be of the handover's machine: the handover, its scratch or its scratch "
    "array lie where the map has no RAM.",
    "Nothing: it has another map. hwpkho set this map aside and judged nothing by it.",
    "Is this the right map? Give the /proc/iomem or kernel log of the machine and boot that the "
    "handover was captured from.",
)
LIST_BEYOND = Code(
    "HP567", "list-beyond-map", "error", "source",
    "Most PFNs of the list lie above all RAM of the memory map.",
    'If this is its map, it logs "non struct page pfn: Ignored" for each and drops it.',
    "Is this the right map? If it is: is it the right list, its page size (--page-size), and are "
    "its numbers PFNs, not addresses?",
)
MAP_DECIDES = Code(
    "HP568", "map-decides", "error", "source",
    "The handover itself is sound; only by this memory map would the next kernel panic on it or "
    "drop it. Some of its pages lie where the map has no RAM, others where it has.",
    "As the outcome says, if this is its map.",
    "Is this the right map? Give the /proc/iomem or kernel log of the machine and boot that the "
    "handover was captured from. If it is, the handover is damaged.",
)

CODES = (
    ENTRY_IGNORED, MAP_PARTIAL, MAPS_DISAGREE, DT_RESERVATIONS_IGNORED, DT_PLACED_AT_BOOT,
    DT_NO_MEMORY, DT_UEFI, DT_ODD, DTS_SKIPPED, CMDLINE_NOTE, CMDLINE_WARNING, KHO_OFF,
    RUNNING_KERNEL, BOOT_SERVICES, OVERLAP, TYPE_UNKNOWN, WRONG_MAP, LIST_BEYOND, MAP_DECIDES,
)
