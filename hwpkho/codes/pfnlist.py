"""HP6xx: the list against itself and against the memory map."""

from __future__ import annotations

from hwpkho.codes import Code

NO_MEMMAP = Code(
    "HP600",
    "no-memmap",
    "note",
    "policy",
    "No memory map was given: only the handover's structure was judged.",
    "Unknown: without a map hwpkho cannot tell what the listed pages are.",
    "Give --memmap with the machine's map in any form.",
)
NOT_RAM = Code(
    "HP601",
    "not-ram",
    "error",
    "measured",
    "These PFNs are in no range of the memory map.",
    'It logs "non struct page pfn: Ignored" (error -16), does not count the page, and drops it '
    "from the list it hands on.",
    "The list is of another machine or page size, or is damaged. Do not trust it.",
    needs_map=True,
    pfns_are="in no range of the memory map; the next kernel forgets {them}",
)
HANDOVER_PAGE = Code(
    "HP602",
    "handover-poisoned",
    "error",
    "measured",
    "These PFNs hold the handover itself: root FDT, blob, array or scratch array.",
    'It must read the bad cell to get the list; then it logs "reserved kernel page: Ignored".',
    "Have the producer move its page (unpublish and publish again), or cold-boot.",
    needs_map=True,
    pfns_are="on a page of the handover itself ({where})",
)
IN_USE = Code(
    "HP603",
    "in-use",
    "warning",
    "measured",
    "These PFNs are RAM that is in use: by the next kernel, as the first MiB of x86, or by a "
    "reservation.",
    'It logs "unhandlable page … reserved kernel page: Ignored": the page is flagged and counted, '
    "but stays in use. With vm.panic_on_unrecoverable_memory_failure it may panic.",
    "Move what uses the page, or accept it: sound lists contain such pages.",
    needs_map=True,
    pfns_are="in use ({where}): the bad {cells} in use",
)
IN_SCRATCH = Code(
    "HP604",
    "in-scratch",
    "warning",
    "measured",
    "These PFNs are inside a scratch area.",
    "It recovers a page that is still free, but early boot may have used the bad cell before the "
    "replay.",
    "If the page fails on access, place scratch elsewhere (kho_scratch=).",
    needs_map=True,
    pfns_are="inside scratch: early boot may use {them} before the replay",
)
FIRMWARE = Code(
    "HP605",
    "firmware-memory",
    "warning",
    "source",
    "These PFNs are memory that the map assigns to firmware.",
    'It does not own the page; if the page has a struct page it logs "reserved kernel page: '
    'Ignored".',
    "The kernel cannot take the page out of use: have the DIMM replaced.",
    needs_map=True,
    pfns_are="in firmware memory ({where})",
)
RETIRED = Code(
    "HP606",
    "already-retired",
    "note",
    "source",
    "The memory map excludes these PFNs as unusable already.",
    "It never uses them.",
    "None needed.",
    needs_map=True,
    pfns_are="already excluded by the map ({where})",
)
DEVICE = Code(
    "HP607",
    "device-memory",
    "note",
    "source",
    "These PFNs are persistent, soft-reserved or special-purpose memory.",
    "It leaves the page to the device's driver.",
    "Use the device's own list of bad blocks (ndctl, daxctl, cxl).",
    needs_map=True,
    pfns_are="in device memory ({where})",
)
DUPLICATE = Code(
    "HP608",
    "duplicate",
    "note",
    "measured",
    "These PFNs are in the list more than once.",
    'It logs "already poisoned page" for the repeat and counts the page once: harmless.',
    "None needed.",
)
TRANSIENT = Code(
    "HP609",
    "chunk-poisoned",
    "warning",
    "measured",
    "These PFNs hold a chunk or tracker page of the handover.",
    "Early boot reads the bad cell. By the time of the replay the page is free and is recovered.",
    "Have the producer move the page.",
    needs_map=True,
    pfns_are="on a {where} page of the handover: early boot reads the bad cell",
)
SECTION_HOLE = Code(
    "HP610",
    "section-hole",
    "warning",
    "measured",
    "These PFNs are outside RAM, but in a memory section that RAM fills in part.",
    "They have a struct page: it flags and counts them, though there is no memory behind them.",
    "Check whether the list is of another machine.",
    needs_map=True,
    pfns_are="outside RAM, but with a struct page: flagging {them} has no effect",
)
EARLY_BOOT = Code(
    "HP611",
    "early-boot",
    "note",
    "measured",
    "These PFNs are replayed, but lie in the lowest 32 MiB of RAM outside scratch, where early "
    "boot allocates.",
    'For pages that early boot still holds it logs "unhandlable page … Ignored": flagged, counted '
    "and handed on, but still in use. That happened to 43 of 2,500 random PFNs, all in this "
    "memory.",
    "None needed. After the kexec look for Ignored in the kernel log.",
    needs_map=True,
    routine=True,
)
ENTRY_UNUSABLE = Code(
    "HP612",
    "entry-unusable",
    "warning",
    "policy",
    "An entry of the input says that memory is bad, but names no page, or not for certain: no "
    "address, a count, a device's own address, a number or a row that is damaged or cut off.",
    "Nothing: this is about the input.",
    "Look at the entry; get the page from another source, such as the kernel log.",
)
LIKE_ADDRESSES = Code(
    "HP613",
    "addresses-not-pfns",
    "warning",
    "policy",
    "The numbers of the list look like addresses: all of them begin a page, or no PFN of the list "
    "is in the memory map, but as addresses all of its numbers would be.",
    "It takes the numbers as PFNs, and finds no memory there.",
    "Divide the numbers by the page size (drop the last three hex digits with 4 KiB pages).",
)
LOG_LOWER_BOUND = Code(
    "HP614",
    "log-lower-bound",
    "note",
    "policy",
    "The list was read from a log, which is a lower bound: it lacks pages whose messages were "
    "lost, rotated away or never written.",
    "Nothing: this is about the input.",
    "Compare with the running kernel, if it still runs: list --from kpageflags /proc/kpageflags.",
)
SOURCES_DISAGREE = Code(
    "HP615",
    "sources-disagree",
    "warning",
    "policy",
    "One source calls memory bad; another reports only corrected errors of it, so that it works.",
    "Nothing: this is about the inputs.",
    "Look at the times: corrected errors often come before an uncorrected one. If the source that "
    "calls the memory bad is the older one, ask whether the DIMM was replaced.",
)
KINDS_DIFFER = Code(
    "HP616",
    "kinds-differ",
    "note",
    "policy",
    "Sources give pages different kinds: one saw an error, another that the page was taken out of "
    "use, or they saw it taken out in different ways.",
    "Nothing: this is about the inputs.",
    "None needed: the page is in the list once. merge --provenance shows who said what.",
)
MASK_SHORT = Code(
    "HP619",
    "mask-short",
    "warning",
    "source",
    "A mask of a BadRAM pattern has no bits above 31: the pattern is read below 4 GiB. (A mask "
    "that ends higher, but below bit 51, is read below its own end.)",
    "Nothing: this is about the input. GRUB takes out the same places of each further 4 GiB.",
    "Write masks of 64 bits (0xffffffff in front), or give memory above by patterns of its own.",
)
NO_BCD_OBJECT = Code(
    "HP620",
    "bcd-not-set",
    "warning",
    "source",
    "A bcdedit command sets nothing: it lacks {badmemory}, or it failed.",
    "Nothing: this is about the input. Windows uses these pages.",
    "bcdedit /set {badmemory} badmemorylist with all PFNs in one call; check with /enum.",
)
SEVERAL_MACHINES = Code(
    "HP622",
    "several-machines",
    "warning",
    "policy",
    "A log names bad pages of several machines, as the files of a log server do.",
    "Nothing: this is about the input. A list is of one machine: on another its PFNs are good "
    "pages, which would be taken out of use there.",
    "Give the lines of one machine: grep for its name, or take its own log.",
)
DOLLAR_EATEN = Code(
    "HP623",
    "dollar-eaten",
    "warning",
    "source",
    "The shell or GRUB expands the $ of a memmap= as a variable: the kernel does not get it.",
    "Nothing: it is not told of these pages, and uses them.",
    "Escape the $ as the message says; look at /proc/cmdline after the next boot.",
)

CODES = (
    NO_MEMMAP,
    NOT_RAM,
    HANDOVER_PAGE,
    IN_USE,
    IN_SCRATCH,
    FIRMWARE,
    RETIRED,
    DEVICE,
    DUPLICATE,
    TRANSIENT,
    SECTION_HOLE,
    EARLY_BOOT,
    ENTRY_UNUSABLE,
    LIKE_ADDRESSES,
    LOG_LOWER_BOUND,
    SOURCES_DISAGREE,
    KINDS_DIFFER,
    MASK_SHORT,
    NO_BCD_OBJECT,
    SEVERAL_MACHINES,
    DOLLAR_EATEN,
)
