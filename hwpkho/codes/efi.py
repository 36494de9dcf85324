"""HP80x and HP81x: the EFI table of poisoned memory, LINUX_EFI_POISONED_MEMORY, as it is read.

What a next kernel makes of it is :mod:`hwpkho.codes.efi_kernel`. The kernels measured are those of
all published layouts on Linux 7.3.4, x86-64 and arm64.
"""

from __future__ import annotations

from hwpkho.codes import Code

ABSENT = Code(
    "HP801",
    "efi-table-absent",
    "error",
    "source",
    "An EFI configuration table entry names a table of poisoned memory that the image lacks.",
    "It reads what is there.",
    "Capture the firmware's memory, too: the table is ACPI data or loader data, not System RAM.",
)
VERSION = Code(
    "HP802",
    "efi-table-version",
    "error",
    "measured",
    "The table of poisoned memory has an unknown version and is not a node of a list.",
    'It says "Ignoring poisoned-memory table with version", reads nothing and writes nothing into '
    "it for the whole boot: the errors of this kernel are missing from it later. The first "
    "generation, whose table has no version, reads past its page and dies.",
    "Boot a kernel that writes this layout, or reboot through the firmware, which starts empty.",
)
MALFORMED = Code(
    "HP803",
    "efi-table-malformed",
    "error",
    "measured",
    "The header of the table of poisoned memory has values that every reader refuses.",
    'It says "Ignoring malformed poisoned-memory table", reads nothing and writes nothing into it '
    "for the whole boot.",
    "Carry the list on in another form: hwpkho list --to efi-table writes a sound table.",
)
CUT = Code(
    "HP804",
    "efi-table-cut",
    "error",
    "source",
    "The bitmap of the table is larger than what the image holds of it, or than any stub makes it, "
    "or its header is cut off.",
    "It reads that many bytes, whatever is there.",
    "Capture the firmware's memory whole. If the size is damaged, do not kexec with this table.",
)
ALLOCATION = Code(
    "HP805",
    "efi-table-beyond-pool",
    "error",
    "measured",
    "The header claims more bytes than the firmware allocated for the table.",
    "It reads whatever follows the table as bits: memory is lost, or the kernel dies early. A "
    "new error sets a bit in memory that belongs to something else.",
    "Do not kexec with this table: its size is damaged.",
)
CHAIN = Code(
    "HP806",
    "efi-list-incomplete",
    "error",
    "source",
    "A node of the table's list is not in the image, or the list has more nodes than hwpkho reads.",
    "It reads what is there.",
    "Give the whole memory: nodes are ordinary pages of RAM. Nothing keeps another kernel from "
    "reusing them.",
)
LOOP = Code(
    "HP807",
    "efi-list-loops",
    "error",
    "measured",
    "The nodes of the table's list form a loop.",
    "It follows the loop forever: it hangs in early boot without a message.",
    "Do not kexec with this table.",
)
NODE = Code(
    "HP808",
    "efi-node-damaged",
    "error",
    "measured",
    "A node of the table's list counts more entries than it has room for, or reaches past its "
    "page.",
    "It maps one page for each node. Inside the page it reads whatever is there as entries; past "
    "it the first read faults in early boot. A negative count makes the node empty, a negative "
    "size reserves all memory from the node on.",
    "Do not kexec with this table.",
)
OVERLAP = Code(
    "HP809",
    "efi-nodes-overlap",
    "warning",
    "source",
    "Two nodes of the table's list share bytes.",
    "It reads both.",
    "Check what made the table: the kernel gives each node a page of its own.",
)
LAYOUT = Code(
    "HP810",
    "efi-layout-likely",
    "note",
    "source",
    "Only plausible numbers show which layout the table has.",
    "It reads the table in the layout of its own generation, whatever wrote it.",
    "Give --layout if you know which kernel wrote the table.",
)
SEVERAL = Code(
    "HP811",
    "efi-tables-several",
    "warning",
    "source",
    "Configuration table entries of the image name several tables of poisoned memory.",
    "It reads the one that its own EFI system table names.",
    "Choose with --efi-table. An entry next to other entries of the firmware is more likely the "
    "right one.",
)
WRAPS = Code(
    "HP812",
    "efi-range-wraps",
    "warning",
    "measured",
    "Units or entries of the table reach past 2^64.",
    "It has no memory there.",
    "Check what made the table: base, unit or size is damaged.",
)
DISAGREE = Code(
    "HP813",
    "efi-and-kho-differ",
    "warning",
    "measured",
    "The KHO list names pages whose bit in the EFI table is not set.",
    "Soft-offlined pages set no bit; pages poisoned before the table was writable are missing. A "
    "kernel that takes the table alone hands these pages out again. Where it takes the KHO list as "
    "well, the replay sets their bits.",
    "Carry on both, or write a table from the list: hwpkho list --to efi-table.",
)

UNLISTED = Code(
    "HP814",
    "efi-units-unlisted",
    "note",
    "measured",
    "Some set units or entries of the EFI table hold no page of the list.",
    "It keeps them out of use all the same. An unpoisoned page keeps its unit, and so does one "
    "whose handling failed or was ignored; bits are never cleared before a cold boot.",
    "None needed if the list is newer than the table, or pages were unpoisoned since.",
)

AMBIGUOUS = Code(
    "HP815",
    "efi-layout-ambiguous",
    "error",
    "source",
    "Two layouts fit the table of poisoned memory equally well.",
    "It reads the table in the layout of its own generation.",
    "Give --layout, if you know which kernel wrote the table.",
)

CODES = (
    ABSENT, VERSION, MALFORMED, CUT, ALLOCATION, CHAIN, LOOP, NODE, OVERLAP, LAYOUT, SEVERAL,
    WRAPS, DISAGREE, UNLISTED, AMBIGUOUS,
)  # fmt: skip
