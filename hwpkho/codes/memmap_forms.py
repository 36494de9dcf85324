"""HP530 to HP539: what firmware, boot loaders, sysfs copies and documents get wrong or lose.

Part of the 5xx family: :mod:`hwpkho.codes.memmap` registers these with its own.
"""

from __future__ import annotations

from hwpkho.codes import Code

# A table: one line of facts, then the sentences.
# fmt: off
TOTALS_DIFFER = Code(
    "HP530", "map-totals-differ", "warning", "source",
    "The totals below the table differ from its lines: lines are lost or damaged.",
    "Nothing: it reads the firmware's own map.",
    "Print the table again; PFNs where the missing lines may lie are not judged.",
)
COUNT_DIFFERS = Code(
    "HP531", "map-count-differs", "warning", "source",
    "The list has fewer entries than it states: lines are lost.",
    "Nothing: it never sees this list.",
    "Get the whole list; PFNs where the missing entries may lie are not judged.",
)
INCOMPLETE = Code(
    "HP532", "map-entry-incomplete", "warning", "source",
    "An entry of the map is incomplete: its start, size or type is missing or damaged.",
    "Nothing: it had the whole entry.",
    "Copy the whole map again; PFNs there are not judged.",
)
BANK_MISSING = Code(
    "HP533", "map-bank-missing", "warning", "source",
    "U-Boot's list of memory blocks (lmb) has memory that is in none of its DRAM banks.",
    "Nothing: U-Boot passes every bank to it.",
    "Get the whole output of bdinfo; PFNs there are not judged.",
)
MISPRINTED = Code(
    "HP534", "uboot-flags-misprinted", "warning", "source",
    "U-Boot 2025.04 prints wrong flags of reserved regions: 'none' may mean no-map.",
    "It never uses memory that the device tree marks no-map.",
    "Give the device tree too, or another map; PFNs there are not judged.",
)
DESCRIPTORS_OVERLAP = Code(
    "HP535", "map-descriptors-overlap", "warning", "source",
    "Ranges of a map that firmware or a boot loader gave overlap: tables of two moments are mixed, "
    "or a line is damaged.",
    "In an e820 table an x86 kernel lets the stricter type win; an EFI map it takes as it is.",
    "Print the table again, alone; PFNs there are not judged.",
)

CODES = (
    TOTALS_DIFFER, COUNT_DIFFERS, INCOMPLETE, BANK_MISSING, MISPRINTED, DESCRIPTORS_OVERLAP,
)
