"""HP5xx: the memory map. HP50x to HP54x are about forms of maps and reading them."""

from __future__ import annotations

from hwpkho.codes import Code
from hwpkho.codes.memmap_forms import CODES as _FORM_CODES
from hwpkho.codes.memmap_gaps import CODES as _GAP_CODES
from hwpkho.codes.memmap_view import CODES as _VIEW_CODES

# fmt: off - a table: one line of facts, then the sentences
DAMAGED = Code(
    "HP501",
    "map-line-damaged",
    "error",
    "source",
    "A line of the map is damaged and cannot be read.",
    "Nothing: the kernel had the whole line.",
    "Get the log again, or choose another map or boot with --map or --boot.",
)
REVERSED = Code(
    "HP502",
    "range-reversed",
    "error",
    "source",
    "A range of the map ends before it starts.",
    "No kernel prints such a line.",
    "Get the map again: this one was edited or damaged.",
)
BEYOND = Code(
    "HP503",
    "range-beyond-2-64",
    "error",
    "source",
    "A range of the map reaches past 2^64.",
    "No kernel prints such a line.",
    "Get the map again: this one was edited or damaged.",
)
EMPTY_RANGE = Code(
    "HP504",
    "range-empty",
    "note",
    "source",
    "A range of the map has no bytes.",
    "It skips the range.",
    "None needed.",
)
REPEATED = Code(
    "HP505",
    "line-repeated",
    "note",
    "source",
    "A line of the map is repeated.",
    "Nothing: two logging paths wrote the same line.",
    "None needed; hwpkho counts it once.",
)
PAGES_MISMATCH = Code(
    "HP506",
    "range-size-mismatch",
    "warning",
    "source",
    "A line states another size than its range has.",
    "Nothing: it uses start and number of pages.",
    "Get the map again: this one was edited or damaged.",
)
CUT = Code(
    "HP507",
    "map-cut",
    "warning",
    "source",
    "The last line of the map is cut off.",
    "Nothing: the kernel had the whole map.",
    "Get the whole log; the lines after it are missing.",
)
LOST_LINES = Code(
    "HP508",
    "map-lines-lost",
    "warning",
    "source",
    "The line numbers of the map have gaps: lines are missing.",
    "Nothing: the kernel had the whole map.",
    "Get the whole log; PFNs where the missing lines may lie are not judged.",
)
IOMEM_ZEROS = Code(
    "HP509",
    "iomem-unprivileged",
    "warning",
    "source",
    "/proc/iomem was read without CAP_SYS_ADMIN: every address is 0.",
    "It hides addresses from unprivileged readers.",
    "Read it as root.",
)
SAME_BOOTS = Code(
    "HP510",
    "boots-equal",
    "note",
    "source",
    "The log holds several boots whose maps are equal.",
    "Nothing: this is about the log.",
    "None needed; --boot chooses another one.",
)
SAME_TABLE = Code(
    "HP511",
    "table-repeated",
    "note",
    "source",
    "The input holds the same table twice.",
    "Nothing: this is about the input.",
    "None needed; hwpkho uses it once.",
)
RUNTIME_ONLY = Code(
    "HP513",
    "efi-runtime-only",
    "warning",
    "source",
    "The EFI map lists runtime regions only, as a kernel started by kexec prints them.",
    "It takes its RAM from the e820 table; this map says nothing about RAM.",
    "Give another map.",
)
FILES_DISAGREE = Code(
    "HP514",
    "files-disagree",
    "warning",
    "source",
    "Two files disagree about what is RAM.",
    "It uses its own map.",
    "Check that both files are of one machine and one boot.",
)
OUT_OF_ORDER = Code(
    "HP515",
    "map-unsorted",
    "note",
    "source",
    "The e820 map is not in ascending order.",
    "It sorts the table before it prints it; from 7.0 on it calls this a firmware bug.",
    "None needed: the order does not matter here.",
)
PAGE_COUNT_ONLY = Code(
    "HP516",
    "attributes-unknown",
    "note",
    "source",
    "The EFI map was printed without attributes.",
    "It looks at them (write-back, specific purpose) before it takes a range for RAM.",
    "hwpkho assumed write-back memory. Give a map with attributes (efi=debug) if you can.",
)
NO_MAP_IN_LOG = Code(
    "HP517",
    "log-without-map",
    "note",
    "source",
    "A kernel log was given beside another map, and holds no map itself.",
    "arm64 prints its map only with efi=debug, and every log loses its beginning in time.",
    "None needed: hwpkho uses the other map.",
)
CODES = (
    DAMAGED,
    REVERSED,
    BEYOND,
    EMPTY_RANGE,
    REPEATED,
    PAGES_MISMATCH,
    CUT,
    LOST_LINES,
    IOMEM_ZEROS,
    SAME_BOOTS,
    SAME_TABLE,
    RUNTIME_ONLY,
    FILES_DISAGREE,
    OUT_OF_ORDER,
    PAGE_COUNT_ONLY,
    NO_MAP_IN_LOG,
    *_GAP_CODES,
    *_FORM_CODES,
    *_VIEW_CODES,
)
