"""HP6xx: the list against itself and against the memory map."""

from __future__ import annotations

from hwpkho.codes import Code

NO_MEMMAP = Code(
    "HP600",
    "no-memmap",
    "note",
    "policy",
    "No memory map was given: the structure alone was judged.",
    "Nothing: what its pages are was not looked at.",
    "Give --memmap with the machine's map in any form.",
)
NOT_RAM = Code(
    "HP601",
    "not-ram",
    "error",
    "measured",
    "PFNs that no memory of the map has.",
    '"non struct page pfn: Ignored", error -16: not counted, and forgotten by the next list.',
    "The list belongs to another machine, another page size, or is damaged. Do not trust it.",
)
HANDOVER_PAGE = Code(
    "HP602",
    "handover-poisoned",
    "error",
    "measured",
    "PFNs on which the handover itself lies: root FDT, blob, array or scratch array.",
    'The next kernel must read the bad cell to get the list; then "reserved kernel page: Ignored".',
    "The producer should move its page: unpublish and publish again, or cold-boot.",
)
IN_USE = Code(
    "HP603",
    "in-use",
    "warning",
    "measured",
    "PFNs of RAM that somebody sits on: the next kernel, the first MiB of x86, a reservation, or "
    "preserved memory of another subtree.",
    '"unhandlable page … reserved kernel page: Ignored": flagged and counted, but the bad cell '
    "stays in use; with vm.panic_on_unrecoverable_memory_failure it may panic.",
    "Move what sits there, or accept it: honest lists hold such pages.",
)
IN_SCRATCH = Code(
    "HP604",
    "in-scratch",
    "warning",
    "measured",
    "PFNs inside a scratch area.",
    "Recovered if still free, but early boot may have used the bad cell before any replay.",
    "Place scratch elsewhere (kho_scratch=) if the page fails on access.",
)
FIRMWARE = Code(
    "HP605",
    "firmware-memory",
    "warning",
    "source",
    "PFNs of memory that the map gives to firmware.",
    'Not owned by the kernel; with a struct page "reserved kernel page: Ignored".',
    "The kernel cannot take it out of use: have the DIMM replaced.",
)
RETIRED = Code(
    "HP606",
    "already-retired",
    "note",
    "source",
    "PFNs that the map excludes as unusable already.",
    "Nothing to do.",
    "None needed.",
)
DEVICE = Code(
    "HP607",
    "device-memory",
    "note",
    "source",
    "PFNs of persistent, soft-reserved or special-purpose memory.",
    "Only the driver of the device knows them.",
    "Use the device's own list of bad blocks (ndctl, daxctl, cxl).",
)
DUPLICATE = Code(
    "HP608",
    "duplicate",
    "note",
    "measured",
    "PFNs that stand more than once in the list.",
    '"already poisoned page" at the repeat, counted once: harmless.',
    "None needed.",
)
TRANSIENT = Code(
    "HP609",
    "chunk-poisoned",
    "warning",
    "measured",
    "PFNs of a chunk or tracker page of the handover.",
    "Free again by the time of the replay and recovered; but early boot reads the bad cell.",
    "The producer should move the page.",
)
SECTION_HOLE = Code(
    "HP610",
    "section-hole",
    "warning",
    "measured",
    "PFNs outside RAM, but in a memory section that RAM fills in part.",
    "They have a struct page: flagged and counted, though no memory is behind them.",
    "The list may belong to another machine: check it.",
)
EARLY_BOOT = Code(
    "HP611",
    "early-boot",
    "note",
    "measured",
    "PFNs that replay, but lie in the lowest 32 MiB of RAM outside scratch, where early boot "
    "allocates.",
    'What early boot still holds is "unhandlable page … Ignored": flagged, counted and carried on, '
    "but the bad cell stays in use. Of 2,500 random PFNs that happened to 43, in this memory.",
    "None needed; after the kexec look for Ignored in the kernel log.",
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
)
