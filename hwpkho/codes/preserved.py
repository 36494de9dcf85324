"""HP9xx: what else is preserved: LUO, its files, and who owns a page."""

from __future__ import annotations

from hwpkho.codes import Code

LUO_REFUSED = Code(
    "HP901",
    "luo-refused",
    "error",
    "source",
    "The blob of LUO is too short, or of a version that the next kernel does not know, or its node "
    "lacks the address or the size.",
    'It panics at boot: "The incoming tree failed to initialize properly".',
    "Boot a kernel with the LUO that the handover was made for.",
)
SESSION_BLOCK = Code(
    "HP902",
    "session-block",
    "error",
    "measured",
    "A block of LUO sessions is empty or has more entries than a page, or the chain never ends or "
    "leads out of RAM.",
    'It panics at boot: "Block contains invalid entry count", "The incoming tree failed to '
    'initialize properly".',
    "Do not kexec. An empty block is left behind where a session was refused for its name while "
    "the last block was full: create one more session, or delete one.",
)
FILE_BLOCK = Code(
    "HP903",
    "file-block",
    "error",
    "source",
    "The files of a LUO session cannot be listed: an empty or overfull block, a chain without "
    "end, or another number of files than the session says.",
    "Opening /dev/liveupdate fails with EIO for good. All that LUO preserves stays reserved.",
    "A producer's bug: report it. Do not rely on any session of this handover.",
)
LUO_ABSENT = Code(
    "HP904",
    "luo-page-absent",
    "note",
    "source",
    "A page of LUO's structures is not in the image.",
    "Nothing, if only the capture lacks it.",
    "Capture it, too, to see all that is preserved.",
)
FILE_BROKEN = Code(
    "HP905",
    "luo-file-broken",
    "error",
    "source",
    "A preserved file cannot be restored: its structure or the array of its folios is damaged.",
    "Retrieving the file fails, and its memory stays reserved.",
    "A producer's bug: report it.",
)
FOLIO_UNMARKED = Code(
    "HP906",
    "folio-not-preserved",
    "error",
    "source",
    "No preserved block of the tracker starts at a folio of a preserved file.",
    'It warns in kho_restore_page(), logs "Unable to restore folio", and retrieving the file '
    "fails with EIO. The memory may have been used by then.",
    "A producer's bug: report it.",
)
FOLIO_ODD = Code(
    "HP907",
    "folio-order",
    "warning",
    "source",
    "The folios of a preserved file do not fit it: one is larger or smaller in the tracker than "
    "its place in the file, begins where another one is, or the file is longer than all of them. "
    "Or so many entries are not a folio that the rest of the array is not read.",
    "It restores the folio as the tracker says. Where another one is, retrieving the file fails; "
    "where none is, the file has zeros.",
    "A producer's bug: report it.",
)
OWNED_TWICE = Code(
    "HP908",
    "owned-twice",
    "error",
    "source",
    "Two owners have the same page.",
    "It restores the page for the first and refuses it to the other, or both use it.",
    "A producer's bug: report it.",
)
NOT_SERIALIZED = Code(
    "HP909",
    "luo-not-serialized",
    "note",
    "measured",
    "LUO has not written its sessions yet. It does so inside reboot(KEXEC).",
    "Nothing: this is not yet what it will read.",
    "For sessions and files, dump the memory after liveupdate_reboot(), or early in the next "
    "kernel.",
)
LUO_RELEASED = Code(
    "HP910",
    "luo-released",
    "note",
    "measured",
    "The running kernel has taken LUO's blob and freed its page; something else is there now.",
    "Nothing: it reads the outgoing handover.",
    "Normal for the incoming handover of a running kernel.",
)
NOBODY_KNOWN = Code(
    "HP911",
    "owner-unknown",
    "note",
    "source",
    "The tracker marks memory of which hwpkho knows no owner.",
    "It keeps the memory reserved until somebody restores it. If nobody does, it is lost until a "
    "cold boot.",
    "Look for a driver that preserves memory and publishes no subtree, or leaks it.",
)
LUO_UNMARKED = Code(
    "HP912",
    "luo-not-preserved",
    "error",
    "source",
    "A page of LUO's structures is not marked preserved.",
    "It may use the page for something else before it reads it.",
    "A producer's bug: report it.",
)
OTHER_ABI = Code(
    "HP913",
    "posted-abi",
    "note",
    "source",
    "LUO names the versions of its parts, or has a header of features, as patches on the list do.",
    'Linux 7.3 compares the whole name with "luo-v5" and panics at boot over any other.',
    "Boot a kernel with the same patches.",
)
UNKNOWN_FILE = Code(
    "HP914",
    "luo-file-unknown",
    "warning",
    "source",
    "A preserved file has a handler that hwpkho does not know.",
    "Without that handler it cannot list the session: opening /dev/liveupdate fails with EIO.",
    "Check that the next kernel has the handler, in the same version.",
)
LUO_FDT = Code(
    "HP915",
    "luo-fdt",
    "note",
    "source",
    "The blob of LUO is a device tree, as kernels before luo-v5 wrote it.",
    "A kernel of that version reads it. One with KHO version 4 (Linux 7.2 and later) panics at "
    "boot.",
    "Boot a kernel of the version that wrote it. hwpkho reads luo-v5 only: it cannot show these "
    "sessions and files.",
)
SUBTREE_UNREAD = Code(
    "HP916",
    "subtree-unread",
    "note",
    "source",
    "What a subtree leads to cannot be read to its end.",
    "Nothing, if only the capture lacks it.",
    "Capture it, too, to see all that is preserved.",
)
NO_FILES = Code(
    "HP917",
    "session-no-files",
    "warning",
    "source",
    "A LUO session counts files and points to no block of them.",
    "It warns, and the session has no files. What they were stays reserved.",
    "A producer's bug: report it.",
)
ORDER_UNKNOWN = Code(
    "HP918",
    "preserved-order-unknown",
    "error",
    "source",
    "These PFNs are memory of a preserved file, in a folio of unknown order: the tracker does not "
    "mark it, or the input lacks the part that would.",
    "A page that is a folio of its own stays fenced off. In a larger folio it is handed back to "
    "the owner, and to the allocator when the file is closed.",
    "Give an image with the whole tracker, or do not carry this file over.",
    needs_map=True,
    pfns_are="in a preserved file ({where}), in a folio of unknown order",
)
FLB_PAGE = Code(
    "HP919",
    "flb-page",
    "error",
    "source",
    "The page of FLBs (what several files share) says that it has more entries than fit.",
    "It looks for names behind the end of the page, and takes what it finds there for an FLB.",
    "A producer's bug: report it.",
)
CONTAINED = Code(
    "HP920",
    "preserved-contained",
    "warning",
    "measured",
    "These PFNs are memory of a preserved file, each a folio of its own.",
    'It logs "get hwpoison page: Ignored", flags and counts the page. Access fails with SIGBUS or '
    "EIO, and the page does not go back to the allocator.",
    "The guest has lost the page: tell it, or restart it.",
    needs_map=True,
    pfns_are="in a preserved file ({where}), each a folio of its own",
)
REACHABLE = Code(
    "HP921",
    "preserved-reachable",
    "error",
    "measured",
    "These PFNs are memory of a preserved file, inside a larger folio.",
    'It logs "get hwpoison page: Ignored" and flags the page, but not the folio: read() and '
    "write() go through it, a huge mapping reaches it without a signal, and it goes back to the "
    "allocator with its folio when the file is closed.",
    "Do not carry this file over: stop the guest, or move it to another machine, first.",
    needs_map=True,
    pfns_are="in a larger folio of a preserved file ({where}), which stays in use",
)
BEYOND_END = Code(
    "HP922",
    "preserved-beyond-end",
    "error",
    "measured",
    "These PFNs are in the last folio of a preserved file, beyond the end of the file.",
    "It flags the page. Nothing reaches it through the file, but it goes back to the allocator "
    "with its folio when the file is closed.",
    "Do not carry this file over, or never close it.",
    needs_map=True,
    pfns_are="beyond the end of a preserved file ({where}), in its last folio",
)
LUO_POISONED = Code(
    "HP923",
    "luo-page-poisoned",
    "error",
    "source",
    "These PFNs hold LUO's own structures.",
    "It reads the bad cell during the live update: a machine check in kernel mode there costs the "
    "session or the machine.",
    "Cancel the live update; pages that are allocated anew will be others.",
    needs_map=True,
    pfns_are="on a page that the live update reads ({where})",
)
LUO_BLOB_POISONED = Code(
    "HP924",
    "luo-blob-poisoned",
    "warning",
    "measured",
    "This PFN holds the blob of LUO.",
    "Early boot reads the bad cell. By the time of the replay the page is free, or has another "
    "owner.",
    "Cold-boot rather than kexec.",
    needs_map=True,
    pfns_are="on the page of the {where}: early boot reads the bad cell",
)
NEVER_PRESERVED = Code(
    "HP925",
    "never-preserved",
    "warning",
    "measured",
    "Bad pages are in scratch, and the machine preserves files with LUO.",
    "Preserving a file first moves its pages out of scratch. A bad page cannot be moved: the ioctl "
    "tries for ever and logs nothing.",
    "Do not preserve a file with such a page: take it out of the guest first.",
)
PRESERVED_ELSEWHERE = Code(
    "HP926",
    "preserved-in-use",
    "warning",
    "measured",
    "These PFNs are memory that another subtree preserves, or an owner that hwpkho does not know.",
    'It logs "get hwpoison page: Ignored": the page is flagged and counted, and its owner gets it '
    "back. vm.panic_on_unrecoverable_memory_failure does not apply.",
    "Move what uses the page, or accept it: sound lists contain such pages.",
    needs_map=True,
    pfns_are="preserved memory ({where}): the bad {cells} in use",
)
SESSION_TWICE = Code(
    "HP927",
    "session-twice",
    "error",
    "source",
    "Two LUO sessions have the same name.",
    'It logs "Failed to insert session" and takes none after the first: opening /dev/liveupdate '
    "fails with EIO for good. All that LUO preserves stays reserved.",
    "A producer's bug: report it. Do not rely on any session of this handover.",
)
TOKEN_TWICE = Code(
    "HP928",
    "token-twice",
    "warning",
    "source",
    "Two files of a LUO session have the same token.",
    "It gives the first one to whoever asks for the token. The other cannot be retrieved, and is "
    "discarded when the session is finished.",
    "A producer's bug: report it.",
)

CODES = (
    LUO_REFUSED,
    SESSION_BLOCK,
    FILE_BLOCK,
    LUO_ABSENT,
    FILE_BROKEN,
    FOLIO_UNMARKED,
    FOLIO_ODD,
    OWNED_TWICE,
    NOT_SERIALIZED,
    LUO_RELEASED,
    NOBODY_KNOWN,
    LUO_UNMARKED,
    OTHER_ABI,
    UNKNOWN_FILE,
    LUO_FDT,
    SUBTREE_UNREAD,
    NO_FILES,
    ORDER_UNKNOWN,
    FLB_PAGE,
    CONTAINED,
    REACHABLE,
    BEYOND_END,
    LUO_POISONED,
    LUO_BLOB_POISONED,
    NEVER_PRESERVED,
    PRESERVED_ELSEWHERE,
    SESSION_TWICE,
    TOKEN_TWICE,
)
