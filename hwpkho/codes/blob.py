"""HP3xx: the hwpoison blob, its preserved vmalloc and the array."""

from __future__ import annotations

from hwpkho.codes import Code

COUNT_BEYOND = Code(
    "HP301",
    "count-beyond-array",
    "error",
    "measured",
    "count is larger than the array's capacity (total_pages * page size / 8).",
    "The consumer reads past the vmalloc area: a panic on this and on every following boot.",
    "Never kexec with it. Cold-boot the machine; report the producer.",
)
BLOB_VERSION = Code(
    "HP302",
    "blob-version",
    "error",
    "measured",
    "The blob's version or compatible is not one that the proposed consumer knows.",
    "The list is dropped; the machine boots and the poison is forgotten.",
    "Kexec only into a kernel whose consumer speaks this version.",
)
BLOB_SHORT = Code(
    "HP303",
    "blob-short",
    "error",
    "measured",
    "The blob is shorter than its structure.",
    "The list is dropped.",
    "A producer's bug: report it.",
)
BLOB_DAMAGED = Code(
    "HP304",
    "blob-damaged",
    "error",
    "measured",
    "The fdt-v1 blob is no valid FDT, or count or pfns is missing or of the wrong length.",
    "The list is dropped.",
    "Memory was overwritten or the producer is at fault; do not trust this list.",
)
PAD = Code(
    "HP305",
    "pad-not-zero",
    "warning",
    "measured",
    "The struct-v1 padding is not zero.",
    "Nothing: it is not checked today.",
    "A later version may give the field a meaning; find out who wrote it.",
)
FLAGS = Code(
    "HP306",
    "flags-unknown",
    "warning",
    "measured",
    "The vmalloc flags have bits that no producer writes.",
    "They are ignored.",
    "Find out who wrote them.",
)
ORDER = Code(
    "HP307",
    "order-beyond",
    "error",
    "measured",
    "The vmalloc order is beyond the page allocator's largest.",
    "Up to 31 it is restored like any other, or dropped where total_pages does not fit; from 32 on "
    "the order wraps: the list is dropped or the kernel crashes.",
    "A producer's bug: report it.",
)
FIRST_ZERO = Code(
    "HP308",
    "first-zero",
    "error",
    "measured",
    "The vmalloc has pages but no first chunk.",
    "The list is dropped.",
    "A producer's bug: report it.",
)
CHAIN_CYCLE = Code(
    "HP309",
    "chunk-cycle",
    "error",
    "measured",
    "A chunk's next leads back to a chunk that was already visited.",
    "A page cannot be restored twice: the list is dropped.",
    "Memory was overwritten or the producer is at fault.",
)
CHUNK_NOWHERE = Code(
    "HP310",
    "chunk-nowhere",
    "error",
    "measured",
    "A chunk address is no page-aligned address inside the machine's memory.",
    "A chunk outside RAM crashes the next kernel; what is read at an odd address decides else.",
    "Do not kexec with it.",
)
CHUNK_ABSENT = Code(
    "HP311",
    "chunk-absent",
    "error",
    "source",
    "A chunk page is not in the image: the capture left it out, or there is no such memory.",
    "Nothing if only the capture lacks it; a crash if the machine does.",
    "Capture the page too, or judge against a memory map.",
)
TOTAL_PAGES = Code(
    "HP312",
    "total-pages",
    "error",
    "measured",
    "The pages that the chunks list do not add up to total_pages.",
    "The array is not restored and the list dropped.",
    "A producer's bug or overwritten memory.",
)
HOLE = Code(
    "HP313",
    "chunk-hole",
    "warning",
    "measured",
    "A chunk goes on after a zero entry; the kernel stops at the first zero of each chunk.",
    "What stands behind it is not seen: the list is dropped where the pages do not add up then.",
    "Memory was overwritten or the producer is at fault.",
)
PAGE_TWICE = Code(
    "HP314",
    "array-page-twice",
    "error",
    "measured",
    "One array page is listed twice, or two entries overlap.",
    "A page cannot be restored twice: the list is dropped.",
    "A producer's bug: report it.",
)
ARRAY_ABSENT = Code(
    "HP315",
    "array-absent",
    "error",
    "source",
    "An array page that holds live entries is not in the image.",
    "Nothing if only the capture lacks it; a crash if the machine does.",
    "Capture the page too, or judge against a memory map.",
)
ARRAY_UNALIGNED = Code(
    "HP316",
    "array-unaligned",
    "note",
    "measured",
    "An array entry is not page aligned.",
    "It is rounded down.",
    "No producer writes such an entry: find out who did.",
)
EXTRA_CHUNK = Code(
    "HP317",
    "chunk-extra",
    "note",
    "measured",
    "The chain differs from what a producer writes: an extra empty chunk, or a full last chunk "
    "without the empty one after it.",
    "Nothing: both replay.",
    "None needed.",
)
EMPTY = Code(
    "HP318",
    "list-empty",
    "warning",
    "measured",
    "The list is empty but published.",
    "The proposed consumer then publishes a null header: fdt-v1 panics at boot, with struct-v1 a "
    "later debugfs read oopses.",
    "Do not publish an empty list, or fix the consumer first.",
)
CONSUMED = Code(
    "HP319",
    "list-consumed",
    "note",
    "measured",
    "The incoming list was replayed and its pages were freed: what they hold now says nothing.",
    "The outgoing list is the one that counts.",
    "Normal in a second kernel; read the outgoing handover.",
)
LIST_UNREACHED = Code(
    "HP320",
    "list-unreached",
    "warning",
    "source",
    "The array lies in memory that the input does not hold.",
    "Nothing: this is about the capture.",
    "Give the memory image as well.",
)
BLOB_SIZE = Code(
    "HP321",
    "blob-size-odd",
    "note",
    "measured",
    "The registered size of the blob is not what the producer registers.",
    "Nothing, as long as it is large enough.",
    "None needed.",
)
CHUNK_OUTSIDE = Code(
    "HP322",
    "chunk-outside-ram",
    "error",
    "measured",
    "A chunk lies outside RAM.",
    "The next kernel reads it and panics at boot.",
    "Do not kexec with it.",
)
ARRAY_OUTSIDE = Code(
    "HP323",
    "array-outside-ram",
    "error",
    "source",
    "An array page lies outside RAM.",
    "Restoring a page that has no struct page fails or crashes.",
    "Do not kexec with it.",
)
NOTHING_LEFT = Code(
    "HP325",
    "nothing-left",
    "error",
    "measured",
    "The fdt-v1 list is empty, or none of its PFNs can be recorded: every one is no RAM.",
    "The consumer has nothing to publish in its turn, takes a null pointer for its header, and "
    "panics at boot.",
    "Do not kexec with it: have the producer unpublish an empty list, or encode it as struct-v1.",
)

CODES = (
    COUNT_BEYOND,
    BLOB_VERSION,
    BLOB_SHORT,
    BLOB_DAMAGED,
    PAD,
    FLAGS,
    ORDER,
    FIRST_ZERO,
    CHAIN_CYCLE,
    CHUNK_NOWHERE,
    CHUNK_ABSENT,
    TOTAL_PAGES,
    HOLE,
    PAGE_TWICE,
    ARRAY_ABSENT,
    ARRAY_UNALIGNED,
    EXTRA_CHUNK,
    EMPTY,
    CONSUMED,
    LIST_UNREACHED,
    BLOB_SIZE,
    CHUNK_OUTSIDE,
    ARRAY_OUTSIDE,
    NOTHING_LEFT,
)
