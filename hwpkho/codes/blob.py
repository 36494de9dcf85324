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
    field="count",
)
BLOB_VERSION = Code(
    "HP302",
    "blob-version",
    "error",
    "measured",
    "The blob's version or compatible is not one that the proposed consumer knows.",
    "It boots, but drops the list and hands the poisoned pages out again.",
    "Kexec only into a kernel whose consumer speaks this version.",
)
BLOB_SHORT = Code(
    "HP303",
    "blob-short",
    "error",
    "measured",
    "The blob is shorter than its structure.",
    "It drops the list.",
    "A producer's bug: report it.",
)
BLOB_DAMAGED = Code(
    "HP304",
    "blob-damaged",
    "error",
    "measured",
    "The fdt-v1 blob is no valid FDT or not aligned to 8 bytes, or count or pfns is missing or of "
    "the wrong length.",
    "It drops the list.",
    "Something overwrote the memory, or the producer has a bug. Do not trust this list.",
)
PAD = Code(
    "HP305",
    "pad-not-zero",
    "warning",
    "measured",
    "The struct-v1 padding is not zero.",
    "Nothing: today's consumer does not check it.",
    "A later version may give the field a meaning; find out who wrote it.",
    field="_pad",
)
FLAGS = Code(
    "HP306",
    "flags-unknown",
    "warning",
    "measured",
    "The vmalloc flags have bits set that no producer writes.",
    "It ignores them.",
    "Find out who wrote them.",
    field="pfns.flags",
)
ORDER = Code(
    "HP307",
    "order-beyond",
    "error",
    "measured",
    "The vmalloc order is beyond the page allocator's largest.",
    "Up to order 31 it restores the list as usual, or drops it if total_pages does not fit. From "
    "32 on the order wraps: the list is dropped or the kernel crashes.",
    "A producer's bug: report it.",
    field="pfns.order",
)
FIRST_ZERO = Code(
    "HP308",
    "first-zero",
    "error",
    "measured",
    "The vmalloc has pages but no first chunk.",
    "It drops the list.",
    "A producer's bug: report it.",
    field="pfns.first",
)
CHAIN_CYCLE = Code(
    "HP309",
    "chunk-cycle",
    "error",
    "measured",
    "A chunk's next leads back to a chunk that was already visited.",
    "It cannot restore a page twice: it drops the list.",
    "Something overwrote the memory, or the producer has a bug.",
)
CHUNK_NOWHERE = Code(
    "HP310",
    "chunk-nowhere",
    "error",
    "measured",
    "A chunk's address is not page aligned, or lies outside the machine's memory.",
    "A chunk outside RAM crashes the next kernel. At an unaligned address the outcome depends on "
    "whatever bytes are there.",
    "Do not kexec with it.",
)
CHUNK_ABSENT = Code(
    "HP311",
    "chunk-absent",
    "error",
    "source",
    "A chunk's page is not in the image: the capture left it out, or the machine has no such "
    "memory.",
    "Nothing if only the capture lacks it; it crashes if the machine has no such memory.",
    "Capture the page too, or judge against a memory map.",
)
TOTAL_PAGES = Code(
    "HP312",
    "total-pages",
    "error",
    "measured",
    "The pages that the chunks list do not add up to total_pages.",
    "It does not restore the array, and drops the list.",
    "Something overwrote the memory, or the producer has a bug.",
    field="pfns.total_pages",
)
HOLE = Code(
    "HP313",
    "chunk-hole",
    "warning",
    "measured",
    "A chunk has entries behind a zero entry; the kernel stops at the first zero of each chunk.",
    "It does not see the entries behind the zero, and drops the list if the pages do not add up "
    "then.",
    "Something overwrote the memory, or the producer has a bug.",
)
PAGE_TWICE = Code(
    "HP314",
    "array-page-twice",
    "error",
    "measured",
    "An array page is listed twice, or two entries overlap.",
    "It cannot restore a page twice: it drops the list.",
    "A producer's bug: report it.",
)
ARRAY_ABSENT = Code(
    "HP315",
    "array-absent",
    "error",
    "source",
    "An array page that holds live entries is not in the image.",
    "Nothing if only the capture lacks it; it crashes if the machine has no such memory.",
    "Capture the page too, or judge against a memory map.",
)
ARRAY_UNALIGNED = Code(
    "HP316",
    "array-unaligned",
    "note",
    "measured",
    "An entry of a chunk is not page aligned.",
    "It rounds the address down.",
    "No producer writes such an entry: find out who did.",
)
EXTRA_CHUNK = Code(
    "HP317",
    "chunk-extra",
    "note",
    "measured",
    "The chain differs from what a producer writes: an extra empty chunk, or a full last chunk "
    "without the empty one after it.",
    "Nothing: both are replayed.",
    "None needed.",
)
EMPTY = Code(
    "HP318",
    "list-empty",
    "warning",
    "measured",
    "The list is empty, but published all the same.",
    "The proposed consumer mishandles an empty list and publishes a null header: with fdt-v1 it "
    "panics at boot, with struct-v1 a later read in debugfs oopses.",
    "Do not publish an empty list, or fix the consumer first.",
    field="count",
)
CONSUMED = Code(
    "HP319",
    "list-consumed",
    "note",
    "measured",
    "The running kernel has replayed the incoming list, or refused the whole handover, and freed "
    "the list's pages: they no longer hold it.",
    "Nothing: the next kernel reads the outgoing list.",
    "Normal after a kexec. Read the outgoing handover. The pages of a refused list are in it only "
    "if they failed again.",
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
    "The blob is registered with a size that no known producer uses.",
    "Nothing, as long as it is large enough.",
    "None needed.",
)
CHUNK_OUTSIDE = Code(
    "HP322",
    "chunk-outside-ram",
    "error",
    "measured",
    "A chunk is outside RAM.",
    "It reads the chunk and panics at boot.",
    "Do not kexec with it.",
)
ARRAY_OUTSIDE = Code(
    "HP323",
    "array-outside-ram",
    "error",
    "source",
    "An array page is outside RAM.",
    "The page has no struct page: restoring it fails or crashes.",
    "Do not kexec with it.",
)
NOTHING_LEFT = Code(
    "HP325",
    "nothing-left",
    "error",
    "measured",
    "The fdt-v1 list is empty, or none of its PFNs is RAM, so that none can be recorded.",
    "The consumer has nothing to publish itself, uses a null pointer as its header, and panics at "
    "boot.",
    "Do not kexec with it. Have the producer unpublish an empty list, or encode it as struct-v1.",
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
