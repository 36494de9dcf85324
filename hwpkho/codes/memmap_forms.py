"""HP530 to HP539: what firmware, boot loaders, sysfs copies and documents get wrong or lose.

Part of the 5xx family: :mod:`hwpkho.codes.memmap` registers these with its own.
"""

from __future__ import annotations

from hwpkho.codes import Code

# A table: one line of facts, then the sentences.
# fmt: off
TOTALS_DIFFER = Code(
    "HP530", "map-totals-differ", "warning", "source",
    "The totals below the table are not those of its lines: lines are lost or damaged.",
    "Nothing: it asks the firmware itself.",
    "Print the table again; PFNs where the missing lines may lie are not judged.",
)
COUNT_DIFFERS = Code(
    "HP531", "map-count-differs", "warning", "source",
    "The list has fewer entries than it says itself: lines are lost.",
    "Nothing: it never sees this list.",
    "Get the whole list; PFNs where the missing entries may lie are not judged.",
)
INCOMPLETE = Code(
    "HP532", "map-entry-incomplete", "warning", "source",
    "An entry of the map is there only in part: its start, size or type is missing or damaged.",
    "Nothing: it had the whole entry.",
    "Copy the map again, every file and line of it; PFNs there are not judged.",
)
BANK_MISSING = Code(
    "HP533", "map-bank-missing", "warning", "source",
    "U-Boot's list of memory blocks (lmb) has memory that none of its DRAM banks has.",
    "Nothing: U-Boot tells it of every bank.",
    "Get the whole output of bdinfo; PFNs there are not judged.",
)
MISPRINTED = Code(
    "HP534", "uboot-flags-misprinted", "warning", "source",
    "U-Boot 2025.04 prints the flags of reserved regions wrongly: none may mean no-map.",
    "It never uses memory that the device tree marks no-map.",
    "Give the device tree, too, or judge by another map; PFNs there are not judged.",
)
DESCRIPTORS_OVERLAP = Code(
    "HP535", "map-descriptors-overlap", "warning", "source",
    "Ranges of a map that firmware or a boot loader gave overlap: tables of two moments are mixed, "
    "or a line is damaged.",
    "An x86 kernel lets the stricter type win in an e820 table; EFI maps it takes as they are.",
    "Print the table again, alone; PFNs there are not judged.",
)

CODES = (
    TOTALS_DIFFER, COUNT_DIFFERS, INCOMPLETE, BANK_MISSING, MISPRINTED, DESCRIPTORS_OVERLAP,
)
