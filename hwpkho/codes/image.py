"""HP1xx: the memory image or the files given."""

from __future__ import annotations

from hwpkho.codes import Code

TRUNCATED = Code(
    "HP101",
    "image-truncated",
    "warning",
    "source",
    "The image file is shorter than its own headers say.",
    "Nothing: this is about the capture, not about the machine.",
    "Capture or copy it again. hwpkho treats the missing part as not captured.",
)
CUT_ROOT = Code(
    "HP102",
    "debugfs-root-cut",
    "warning",
    "measured",
    "The debugfs copy of the root FDT is shorter than its own totalsize: the kernel fixed the "
    "file's length when only one subtree existed.",
    "Nothing: the root FDT in memory is whole.",
    "Take a memory image too (hwpkho capture, kdump, QEMU) if the subtrees' addresses are needed.",
)
NO_MEMORY = Code(
    "HP103",
    "no-memory",
    "warning",
    "source",
    "The handover points to memory that the input does not hold: only files were given, no memory "
    "image.",
    "Nothing: the kernel reads its own memory.",
    "Give the memory image together with these files.",
)
STALE_ROOT = Code(
    "HP104",
    "stale-root",
    "note",
    "measured",
    "hwpkho passed over a page that looks like a root FDT: it is a copy of the real one, or was "
    "left by an older kernel.",
    "Nothing: the kernel follows the address that it is given.",
    "If this page is the right one, name it with --root-fdt.",
)
NO_HANDOVER = Code(
    "HP105",
    "no-hwpoison",
    "note",
    "source",
    "The handover has no hwpoison subtree.",
    "No page is replayed: the next kernel starts with an empty list.",
    "Expected if the producing kernel has no hwpoison handover, or no poisoned page.",
)
UNREADABLE_FILE = Code(
    "HP106",
    "file-unreadable",
    "warning",
    "measured",
    "A file of the debugfs copy is empty or unusable: the kernel failed to read it, or the copy is "
    "damaged.",
    "Nothing: this is about the capture.",
    "Copy it again. If a subtree points to no memory, the kernel's read fails every time.",
)

PAGE_DAMAGED = Code(
    "HP107",
    "page-damaged",
    "warning",
    "source",
    "A page of a compressed image cannot be decompressed.",
    "Nothing: this is about the capture.",
    "Capture again. hwpkho treats the damaged page as not captured.",
)

COPY_OLDER = Code(
    "HP108",
    "copy-older",
    "note",
    "measured",
    "The copy of a subtree is older than the memory image: the kernel changed the blob since.",
    "Nothing: the kernel reads its memory.",
    "None needed; hwpkho uses what memory holds.",
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
