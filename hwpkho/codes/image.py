"""HP1xx: the memory image or the files given."""

from __future__ import annotations

from hwpkho.codes import Code

TRUNCATED = Code(
    "HP101",
    "image-truncated",
    "warning",
    "source",
    "The image file ends before the data that its own headers announce.",
    "Nothing: this is about the capture, not about the machine.",
    "Capture again, or copy the file again; what is missing is treated as absent.",
)
CUT_ROOT = Code(
    "HP102",
    "debugfs-root-cut",
    "warning",
    "measured",
    "The debugfs copy of the root FDT is shorter than its own totalsize: the kernel fixed the "
    "file's length when only one subtree existed.",
    "Nothing: the copy in memory is whole.",
    "Take a memory image too (hwpkho capture, kdump, QEMU) if the subtrees' addresses are needed.",
)
NO_MEMORY = Code(
    "HP103",
    "no-memory",
    "warning",
    "source",
    "The input holds no memory at an address that the handover points to, because only files "
    "and no memory image were given.",
    "Nothing: the kernel has the memory.",
    "Give the memory image together with these files.",
)
STALE_ROOT = Code(
    "HP104",
    "stale-root",
    "note",
    "measured",
    "A page that looks like a root FDT was passed over: a copy of the real one, or one of an "
    "older kernel.",
    "Nothing: the kernel follows the address that it is given.",
    "If the tool is wrong, choose the page yourself with --root-fdt.",
)
NO_HANDOVER = Code(
    "HP105",
    "no-hwpoison",
    "note",
    "source",
    "The handover has no hwpoison subtree.",
    "No page is replayed: the next kernel starts with an empty list.",
    "Expected where the producer knows no hwpoison handover or has no poisoned page.",
)
UNREADABLE_FILE = Code(
    "HP106",
    "file-unreadable",
    "warning",
    "measured",
    "A file of the debugfs copy is empty or could not be used: reading it failed in the kernel, "
    "or the copy is damaged.",
    "Nothing: this is about the capture.",
    "Copy it again; a subtree that points to no memory makes the kernel's read fail.",
)

PAGE_DAMAGED = Code(
    "HP107",
    "page-damaged",
    "warning",
    "source",
    "A page of a compressed image cannot be decompressed.",
    "Nothing: this is about the capture.",
    "Capture again; what is damaged is treated as absent.",
)

COPY_OLDER = Code(
    "HP108",
    "copy-older",
    "note",
    "measured",
    "A copy of a subtree is older than the memory, which the kernel has changed since.",
    "Nothing: the kernel reads its memory.",
    "None needed; memory is believed.",
)

CODES = (
    TRUNCATED,
    CUT_ROOT,
    NO_MEMORY,
    STALE_ROOT,
    NO_HANDOVER,
    UNREADABLE_FILE,
    PAGE_DAMAGED,
    COPY_OLDER,
)
