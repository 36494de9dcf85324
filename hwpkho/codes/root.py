"""HP2xx: the root FDT and its subtrees."""

from __future__ import annotations

from hwpkho.codes import Code

DAMAGED = Code(
    "HP201",
    "root-damaged",
    "error",
    "measured",
    "The root FDT is not a valid flattened device tree.",
    'The next kernel says "disabling KHO revival" and ignores the whole handover.',
    "Do not kexec with it: every poisoned page would be forgotten.",
)
VERSION = Code(
    "HP202",
    "root-version",
    "warning",
    "source",
    "The root FDT's compatible names no KHO version that hwpkho knows.",
    "A kernel takes only its own version. For any other it disables KHO revival.",
    "Check which kernel hands over to which.",
)
NO_MAP = Code(
    "HP203",
    "root-no-tracker",
    "error",
    "measured",
    "preserved-memory-map is missing, not 8 bytes long or zero.",
    'The next kernel says "disabling KHO revival" and ignores the whole handover.',
    "Do not kexec with it.",
)
BROKEN_SUBTREE = Code(
    "HP204",
    "subtree-broken",
    "error",
    "measured",
    "A subtree's node lacks the property that holds its address or its size, or one of them is "
    "not 8 bytes long.",
    'It refuses the subtree ("broken KHO subnode") and takes the others.',
    "A producer's bug: report it.",
)
SUBTREE_NOWHERE = Code(
    "HP205",
    "subtree-nowhere",
    "error",
    "measured",
    "A subtree points to memory that does not exist.",
    "The next kernel reads an address that is not RAM: it oopses, or loses the list silently.",
    "The proposed struct-v1 consumer leaves this behind after an empty list. Do not kexec with it.",
)
SUBTREE_ABSENT = Code(
    "HP206",
    "subtree-absent",
    "warning",
    "source",
    "The blob of a subtree is not in the image.",
    "Nothing: this is about the capture.",
    "Capture the page too.",
)
DUPLICATE_NODE = Code(
    "HP207",
    "subtree-duplicate",
    "warning",
    "measured",
    "Two subtrees have the same name.",
    "It takes the first and ignores the second.",
    "A producer's bug: report it.",
)
METADATA = Code(
    "HP208",
    "metadata-odd",
    "note",
    "source",
    "kexec-metadata is missing or not as the kernel writes it.",
    "Its log line lacks the previous release; nothing else changes.",
    "None needed. hwpkho cannot tell generations of handovers apart by it.",
)
ODD_PROPERTY = Code(
    "HP209",
    "root-odd",
    "note",
    "source",
    "The root FDT holds something that no kernel writes there.",
    "It ignores that.",
    "None needed.",
)
GENERATIONS = Code(
    "HP210",
    "generations-unclear",
    "warning",
    "source",
    "The image holds several handovers, and kexec-metadata does not order them.",
    "Nothing: the kernel knows which is which.",
    "Choose one with --root-fdt.",
)
OTHER_VERSION = Code(
    "HP211",
    "other-version",
    "error",
    "measured",
    "The root FDT's compatible is not what the next kernel speaks.",
    "The next kernel disables KHO revival and ignores the whole handover.",
    "Kexec into a kernel of the same KHO version, or state it with --consumer-kho.",
)
OLDER_CONSUMER = Code(
    "HP212",
    "older-consumer",
    "warning",
    "source",
    "The next kernel is older than the handover and knows no hwpoison list.",
    "It ignores the list and hands out every listed page again.",
    "Take the pages out of use by other means (memmap=, badram) before the downgrade.",
)
SUBTREE_REFUSED = Code(
    "HP213",
    "subtree-refused",
    "error",
    "measured",
    "The consumer cannot retrieve the hwpoison subtree.",
    "It drops the list: the machine boots, and the poison is forgotten.",
    "A producer's bug: report it.",
)
ROOT_ABSENT = Code(
    "HP214",
    "root-unread",
    "error",
    "measured",
    "There is no readable root FDT at the address that is handed over.",
    "The next kernel disables KHO revival.",
    "Check the address, or the image.",
)

DESTROYED = Code(
    "HP215",
    "root-destroyed",
    "error",
    "source",
    "The copy of the root FDT is good, but the page in memory is damaged.",
    "The next kernel reads the page in memory: it disables KHO revival and ignores the whole "
    "handover.",
    "Do not kexec with it. What decode shows of this handover comes from the copy.",
)
DOUBTFUL = Code(
    "HP216",
    "root-doubtful",
    "warning",
    "source",
    "A page looks like a damaged root FDT, or was handed over as one. Nothing shows whether the "
    "next kernel will use it.",
    "If it uses this page, it ignores the whole handover.",
    "Look at the page; give the debugfs copy with the image, or choose with --root-fdt.",
)
OUTGOING_MISSING = Code(
    "HP217",
    "outgoing-missing",
    "warning",
    "source",
    "The image holds the incoming handover of a running kernel, but that kernel's own root FDT is "
    "not in it, or is damaged.",
    "The next kernel follows the running kernel's root FDT in memory. If that is damaged, it "
    "ignores the whole handover.",
    "Capture the whole memory. This list is not what the next kernel will get.",
)

NOT_PUBLISHED = Code(
    "HP218",
    "list-not-published",
    "warning",
    "source",
    "The running kernel has taken the incoming list and freed its pages, but its own handover has "
    "no hwpoison subtree.",
    "The next kernel gets no list and hands out every poisoned page again.",
    "Look at the names of the outgoing subtrees, and at the running kernel's log.",
)

POSTED_FORM = Code(
    "HP219",
    "posted-form",
    "note",
    "source",
    "The root FDT names the versions of its parts, too, as patches on the list do.",
    'Linux 7.3 compares the whole string with "kho-v4" and refuses any other. A kernel with those '
    "patches refuses a handover that lacks these versions.",
    "State what the next kernel speaks: --consumer-kho 'kho-v4;radix-v1;vmalloc-v1'.",
)

NO_KHO = Code(
    "HP220",
    "no-kho",
    "warning",
    "source",
    "The dump is of a kernel without Kexec HandOver, or with kho=off: memory has no root FDT.",
    "It hands over no list: every page that is poisoned now is given out again by the next kernel.",
    "Boot a kernel with CONFIG_KEXEC_HANDOVER and kho=on. Where that is known, --no-kho ignore.",
)

CODES = (
    DAMAGED,
    VERSION,
    NO_MAP,
    BROKEN_SUBTREE,
    SUBTREE_NOWHERE,
    SUBTREE_ABSENT,
    DUPLICATE_NODE,
    METADATA,
    ODD_PROPERTY,
    GENERATIONS,
    OTHER_VERSION,
    OLDER_CONSUMER,
    SUBTREE_REFUSED,
    ROOT_ABSENT,
    DESTROYED,
    DOUBTFUL,
    OUTGOING_MISSING,
    NOT_PUBLISHED,
    POSTED_FORM,
    NO_KHO,
)
