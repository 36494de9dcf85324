"""HP518 to HP529, HP569: lost lines of a memory map, and PFNs that they leave unjudged.

Part of the 5xx family: :mod:`hwpkho.codes.memmap` registers these with its own.
"""

from __future__ import annotations

from hwpkho.codes import Code

# A table: one line of facts, then the sentences.
# fmt: off
MESSAGES_LOST = Code(
    "HP518", "map-messages-lost", "warning", "source",
    "The log itself says that it lost messages within the map.",
    "Nothing: it had the whole map; only the log lacks it.",
    "Get the log again with a larger log_buf_len, or from the journal; PFNs there are not judged.",
)
HEAD_LOST = Code(
    "HP519", "map-head-lost", "warning", "source",
    "The map's first lines are not in the input.",
    "Nothing: the kernel had the whole map.",
    "Get the whole log (journalctl -k -b, a larger log_buf_len); PFNs below its first line are not "
    "judged.",
)
OVERLAPPING = Code(
    "HP520", "map-lines-mixed", "warning", "source",
    "Ranges of the map overlap. No kernel prints that: lines of two maps are mixed, or one is "
    "damaged.",
    "Nothing: it resolves overlaps before it prints the map.",
    "Give the log of one boot as it was written, not sorted; PFNs there are not judged.",
)
NOT_THE_MAP = Code(
    "HP521", "map-only-part", "warning", "source",
    "The input holds only some lines of a map: none of them is RAM, or, of /proc/iomem, all of "
    "them are, as after grep.",
    "Nothing: the kernel had the whole map.",
    "Give the whole map.",
)
FIRMWARE_DISAGREES = Code(
    "HP522", "map-differs-from-extended", "warning", "source",
    "The firmware's map and the extended map (setup_data) of one boot do not describe the same "
    "memory, though the second is made of the first: lines of one of them are lost.",
    "Nothing: it had both maps whole.",
    "Get the whole log. What only one of the maps has, hwpkho takes from that one.",
)
GAP_FILLED = Code(
    "HP523", "map-gap-filled", "note", "source",
    "Another map of the machine describes the memory of the map's lost lines.",
    "It goes by its own map.",
    "None needed if both maps are of one machine and one boot.",
)
IN_GAP = Code(
    "HP524", "pfn-in-map-gap", "error", "source",
    "The map's lines for these PFNs are lost or damaged.",
    "Unknown: this map does not show what the memory is.",
    "Get the map again to judge these PFNs. This says nothing against the list.",
    pfns_are="where lines of the map are lost ({where}): hwpkho cannot judge {them}",
)
LINE_MISSING = Code(
    "HP569", "map-line-missing", "warning", "source",
    "The kernel that printed this e820 map has a line for every address, [mem] or [gap], and one "
    "of them is not in the input.",
    "Nothing: it had the whole map.",
    "Get the whole log (journalctl -k -b), not what grep left of it; PFNs there are not judged.",
)

CODES = (
    MESSAGES_LOST, HEAD_LOST, OVERLAPPING, NOT_THE_MAP, FIRMWARE_DISAGREES, GAP_FILLED, IN_GAP,
    LINE_MISSING,

)
