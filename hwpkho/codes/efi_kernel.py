"""HP82x and HP83x: what the next kernel makes of an EFI table of poisoned memory.

Measured are kernels of all published layouts on Linux 7.3.4, x86-64 and arm64, under OVMF and
AAVMF.
"""

from __future__ import annotations

from hwpkho.codes import Code

IGNORED = Code(
    "HP820",
    "efi-table-ignored",
    "error",
    "measured",
    "The next kernel's checks refuse the table.",
    "It warns once, hands every bad page out again, and writes nothing into the table for the "
    "whole boot: later kernels miss its errors as well.",
    "Boot a kernel that reads this layout, or write the table for that one: hwpkho list --to "
    "efi-table.",
)
PLACES = Code(
    "HP821",
    "efi-too-many-places",
    "error",
    "measured",
    "The set units or entries form more separate ranges than memblock can reserve early.",
    "Generations a and b reserve them before memblock may grow its table of 128 ranges: it "
    "panics in early boot. 150 bad pages in 150 units of a sound table were enough.",
    "Boot a kernel of generation c or d, which have no such limit, or reboot through the firmware.",
)
LOW = Code(
    "HP822",
    "efi-low-memory",
    "error",
    "measured",
    "The set units or entries cover all RAM below 1 MiB.",
    "Generations a and b reserve it, and x86 needs some of it to start the other processors: it "
    "panics. One bad page in the first unit is enough, and the kernel itself makes such a table.",
    "Boot a kernel of generation c or d, or reboot through the firmware.",
)
NO_RAM = Code(
    "HP823",
    "efi-no-ram-left",
    "error",
    "measured",
    "The set units or entries leave the next kernel almost no RAM.",
    "It panics in early boot. With no RAM left it always did, with 237 MiB it never did; hwpkho "
    "draws the line at 32 MiB.",
    "Check what made the table: its unit_size or its bitmap is damaged.",
)
POINTER = Code(
    "HP824",
    "efi-beyond-memory",
    "error",
    "measured",
    "The table, or a node of its list, is beyond all physical memory.",
    "The first read faults in early boot.",
    "Do not kexec with this table.",
)
FOOTPRINT = Code(
    "HP825",
    "efi-footprint",
    "error",
    "measured",
    "The header gives a size whose struct pages alone exceed RAM.",
    "Generation d adds the table's range to memory before it looks at a bit: it panics when it "
    "allocates their struct pages. Its check of the size cannot fire.",
    "Do not kexec with this table: its size is damaged.",
)
FAULT = Code(
    "HP826",
    "efi-node-fault",
    "error",
    "measured",
    "A node of the list reaches past its page, or what the kernel reads as a node is not one.",
    "Generation a maps one page for each node: the first read past it faults in early boot. A "
    "table of any other layout has a unit_size where it looks for a count.",
    "Boot a kernel that reads this layout, or reboot through the firmware.",
)
HANGS = Code(
    "HP827",
    "efi-hangs",
    "error",
    "measured",
    "The next kernel follows a loop of nodes.",
    "It hangs in early boot without a message.",
    "Do not kexec with this table.",
)
UNDECIDED = Code(
    "HP828",
    "efi-undecided",
    "warning",
    "source",
    "What the next kernel does with the table depends on memory that is not in the input.",
    "It reads bytes that are not in the image, or reserves memory that no map shows.",
    "Give --memmap, and an image that holds the firmware's memory.",
)
NO_FEATURE = Code(
    "HP829",
    "efi-no-reader",
    "warning",
    "measured",
    "The next kernel does not know the table.",
    "It hands every bad page out again. A table of generations b, c and d stays where it is for "
    "the kernel after it, without the errors of this one; the nodes of a list are reused.",
    "Boot a kernel with the feature, or give it the pages on its command line: hwpkho list --to "
    "memmap.",
)
NO_RUNTIME = Code(
    "HP830",
    "efi-noruntime",
    "error",
    "measured",
    "The next command line has efi=noruntime.",
    "On x86 it finds no EFI table: every bad page is handed out again. The table is still in "
    "memory, unread.",
    "Leave efi=noruntime out. PREEMPT_RT kernels have it by default: give efi=runtime.",
)
OTHER_LAYOUT = Code(
    "HP831",
    "efi-misread",
    "error",
    "measured",
    "The next kernel reads the table in the wrong layout, and accepts it.",
    "Generation c takes phys_base for the size and the real size for the first bits: pages that "
    "nobody reported are poisoned, those reported are used again, and it records its own errors in "
    "the wrong places.",
    "Boot a kernel of generation b or d.",
)
OVER_KERNEL = Code(
    "HP832",
    "efi-over-kernel",
    "warning",
    "measured",
    "A set unit overlaps a kernel image that the memory map shows.",
    "kexec_file_load ignores poison: it put a kernel on three bad pages. The unit "
    "stays in use, flagged or not.",
    "Nothing keeps the next kernel away from there; a reboot through the firmware moves it.",
)
UNCOVERED = Code(
    "HP833",
    "efi-uncovered",
    "note",
    "source",
    "The bitmap does not cover all RAM.",
    "It silently drops later errors there.",
    "Only a cold boot helps: the EFI stub then makes a new table.",
)
OUTSIDE = Code(
    "HP834",
    "efi-outside-ram",
    "note",
    "measured",
    "Some set units or entries are outside RAM.",
    "It counts some of them in its boot log all the same; generation c flags those in a memory "
    "section that RAM fills in part, and says of the others that they could not be taken out.",
    "Check that the table and the memory map are of one machine.",
)
COST = Code(
    "HP835",
    "efi-cost",
    "note",
    "source",
    "What the table costs in RAM: a bit stands for a whole unit.",
    "It loses the whole unit for one bad page, and never gives it back before a cold boot.",
    "Have failing memory replaced; a KHO list names single pages.",
)
OWN_PAGES = Code(
    "HP836",
    "efi-own-pages",
    "note",
    "measured",
    "A set unit covers the table itself.",
    "It reads the table all the same; generation d loses only the table's page.",
    "Compare the table with a list of the bad pages (--against): it is in bad memory, where bits "
    "may flip, and it has no checksum.",
)

CODES = (
    IGNORED, PLACES, LOW, NO_RAM, POINTER, FOOTPRINT, FAULT, HANGS, UNDECIDED, NO_FEATURE,
    NO_RUNTIME, OTHER_LAYOUT, OVER_KERNEL, UNCOVERED, OUTSIDE, COST, OWN_PAGES,
)  # fmt: skip
