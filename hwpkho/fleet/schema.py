"""The columns of a data set's tables, shared by all that write or read them.

Their types are common to Arrow, Parquet, DuckDB and Spark: integers are signed, times have no zone
and are UTC. ``day`` is not a column of the files but the folder that a file is in.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from hwpkho.base.arch import ARCHES
from hwpkho.base.escape import printable
from hwpkho.judging.rulings import VERDICTS

#: Increased when a column changes or is removed. Other versions are neither read nor written.
VERSION = 1
SCHEMA = f"hwpkho.fleet/{VERSION}"
#: Key of :data:`SCHEMA` in the metadata of a Parquet file.
METADATA_KEY = "hwpkho.schema"

#: ``time`` is a timestamp in microseconds, ``big`` an unsigned 64-bit number as decimal(20).
Type = Literal["text", "int", "bool", "time", "big"]
Table = Literal["hosts", "pages", "findings"]


class Column(NamedTuple):
    """A column.

    Attributes:
        name: Its name.
        type: Its type.
        about: Its meaning, with unit.
        required: Whether it is never null.
    """

    name: str
    type: Type
    about: str
    required: bool = False


def of_verdict(verdict: str) -> str:
    """Return the name of the column of ``hosts`` that counts the pages with a verdict."""
    return f"pages_{verdict.replace('-', '_')}"


_KEY = (
    Column("case_id", "text", "The capture: 32 hex digits of its host, time and content.", True),
    Column("part", "text", "The write that the row came with: 32 hex digits.", True),
    Column("host", "text", "The machine, printable."),
    Column("taken_at", "time", "When the capture was taken, UTC; null if not known."),
)

TABLES: dict[Table, tuple[Column, ...]] = {
    "hosts": (
        *_KEY,
        Column("host_from", "text", "What names the host: manifest, names, capture or case.", True),
        Column("time_from", "text", "Source of the time: manifest, names or capture."),
        Column("case_name", "text", "Name of the case: line, folder or file.", True),
        Column("boot_id", "text", "Boot of the kernel that was captured."),
        Column("kexec_count", "int", "Kexecs since the last cold boot, of the handover."),
        Column("release", "text", "Release of the kernel that was captured."),
        Column("arch", "text", f"{' or '.join(ARCHES.names())}."),
        Column("page_size", "int", "Bytes."),
        Column("sources", "text", "What was read: image, debugfs, efi-table, or a form of list."),
        Column("outcome", "text", "What the next kernel does with the list; null for a bare list."),
        Column("code", "text", "Code of the finding that decided the outcome."),
        Column("efi_outcome", "text", "What it does with the EFI table of poisoned memory."),
        Column("efi_code", "text", "Code of the finding that decided that outcome."),
        Column("ok", "bool", "Whether it was judged and no finding counts.", True),
        Column("exit", "int", "What hwpkho validate would exit with: 0 to 3.", True),
        Column("error", "text", "Why the case could not be judged."),
        Column("remark", "text", "What the manifest or name gives that cannot be used."),
        Column("pages", "int", "Distinct pages of the list; null if it could not be read."),
        Column("list_hash", "text", "Equal for equal lists: 32 hex digits; null if unread."),
        *(Column(of_verdict(v), "int", f"Pages with verdict {v}.", True) for v in VERDICTS),
        Column("errors", "int", "Findings that are errors.", True),
        Column("warnings", "int", "Findings that are warnings.", True),
        Column("notes", "int", "Findings that are notes.", True),
        Column("scratch_bytes", "int", "Bytes of scratch; null if not known."),
        Column("tool_version", "text", "Version of the hwpkho that judged it.", True),
        Column("content_hash", "text", "SHA-256 of the inputs; null if not read."),
        Column("judgement", "text", "Hash of the maps and options it was judged by.", True),
        Column("added_at", "time", "When it was added, UTC; the latest of a case counts.", True),
    ),
    "pages": (
        *_KEY,
        Column("page_size", "int", "Bytes that a PFN stands for.", True),
        Column("first_pfn", "int", "First PFN of the run; null from 2^63 on."),
        Column("last_pfn", "int", "Last PFN, inclusive; null likewise."),
        Column("pages", "int", "Pages of the run.", True),
        Column("kind", "text", "poisoned, soft-offlined, uncorrected, excluded; null: not known."),
        Column("verdict", "text", "What becomes of the pages if the next kernel takes the list."),
        Column("code", "text", "Code of the finding that reports it."),
        Column("region", "text", "The memory there, by the memory map or the handover."),
        Column("owner", "text", "The preserved file that has the pages."),
        Column("node", "int", "NUMA node by the machine's SRAT."),
        Column("dimm", "text", "The DIMM's label, as the machine's own driver decoded it."),
        Column("dimm_serial", "text", "Its serial number by SMBIOS."),
        Column("dimm_confidence", "text", "decoded, firmware, smbios, node or unknown.", True),
        Column("source", "text", "What names the pages: handover, efi-table or a form.", True),
    ),
    "findings": (
        *_KEY,
        Column("code", "text", "Code, as hwpkho explain takes it.", True),
        Column("severity", "text", "error, warning or note.", True),
        Column("certainty", "text", "measured, source or policy.", True),
        Column("message", "text", "One printable line.", True),
        Column("first_pfn", "int", "First PFN concerned; null from 2^63 on."),
        Column("last_pfn", "int", "Last PFN concerned, inclusive; null likewise."),
        Column("phys", "big", "Physical address concerned, bytes."),
    ),
}  # fmt: skip

#: The folder of rows without a time, as Hive, Spark and DuckDB spell null.
NO_DAY = "__HIVE_DEFAULT_PARTITION__"


def other_version(schema: object) -> str:
    """Return the message for a data set, or a file of one, that has another version."""
    found = printable(schema)[:60] if isinstance(schema, str) else "of no known version"
    return (
        f"is {found}, this hwpkho reads and writes {SCHEMA}: use the hwpkho that wrote it, or add "
        "the captures to a new data set"
    )
