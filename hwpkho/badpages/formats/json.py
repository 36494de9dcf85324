"""Lists as JSON: ``hwpkho.list/1``, and hwpkho's other documents that contain PFNs."""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Any, BinaryIO

from hwpkho.abi.role import which_counts
from hwpkho.badpages.formats.text import BOM
from hwpkho.badpages.kinds import BAD, KINDS
from hwpkho.badpages.model import BadPages, Mention
from hwpkho.base.arch import ARCHES, page_sizes
from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.base.listing import MAX_PFNS, Listing, joined
from hwpkho.base.pfnset import pfn_set
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.badpages.registry import Asked, Carried, Writing
    from hwpkho.images.files import FileBytes

SCHEMA = "hwpkho.list/1"

_PFN_END = 1 << 64
#: The most bytes of a document.
_MAX_SIZE = 1 << 29
_BLOCK = 1 << 20


class _NoListError(Exception):
    """A document has no list that can be used; the message says why."""


def parse(data: bytes | memoryview, source: str) -> BadPages:
    """Read a document; ``source`` is its name for messages.

    Raises InputError for anything but a hwpkho document with PFNs, naming the item that is wrong,
    and for more than :data:`~hwpkho.base.listing.MAX_PFNS` entries, ranges counted in full.
    """
    from hwpkho.base import jsontext  # slow to import, and rarely needed

    document = jsontext.load(data, source)
    schema = document.get("schema") if isinstance(document, dict) else None
    read = _DOCUMENTS.get(schema) if isinstance(schema, str) else None
    if read is None:
        if schema is None:
            what = "JSON without a schema"
        elif isinstance(schema, str) and schema.startswith("hwpkho."):
            what = f"schema {printable(repr(schema)[:60])}"
        else:
            what = "a schema of another program"
        raise InputError(f"{source}: {what} holds no PFNs; expected one of {', '.join(_DOCUMENTS)}")
    try:
        items, page_size, arch = read(document)
        mentions = document.get("entries") if schema == SCHEMA else None
    except _NoListError as error:
        raise InputError(f"{source}: {error}") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        found = (
            f"no {printable(str(error.args[0]))}" if isinstance(error, KeyError) else "malformed"
        )
        raise InputError(f"{source}: {found}: expected a {schema}"[:160]) from error
    if page_size is not None and (type(page_size) is not int or page_size not in page_sizes()):
        raise InputError(f"{source}: page_size {page_size!r} is not one of {page_sizes()}"[:160])
    known = arch if isinstance(arch, str) and arch in ARCHES else None
    pfns = _from_items(items, source)
    said = tuple(_mentions(mentions or [], source))
    _check_named(said, pfns, source)
    return BadPages(source, pfns, page_size, known, "json", mentions=said)


def _mentions(entries: Any, source: str) -> Iterator[Mention]:
    """Yield the mentions of a ``hwpkho.list/1``, from its ``entries``."""
    if not isinstance(entries, list):
        raise InputError(f"{source}: the entries are not a list")
    for index, entry in enumerate(entries):
        where = f"{source}: item {index} of the entries"
        if not isinstance(entry, dict):
            raise InputError(f"{where} is not an object")
        first, last, kind = entry.get("first"), entry.get("last"), entry.get("kind")
        if type(first) is not int or type(last) is not int or not 0 <= first <= last < _PFN_END:
            raise InputError(f"{where}: first and last are not PFNs")
        if kind not in (None, *KINDS):
            raise InputError(f"{where}: kind is not one of {', '.join(KINDS)}")
        texts = [entry.get(name) for name in ("when", "source", "where")]
        if not all(text is None or isinstance(text, str) for text in texts):
            raise InputError(f"{where}: when, source and where must be text or null")
        yield Mention(first, last, kind, *(text and printable(text) for text in texts))


def _check_named(mentions: Iterable[Mention], pfns: Listing, source: str) -> None:
    """Raise InputError where an entry calls pages bad that are not in ``pfns``."""
    listed = None
    for m in mentions:
        if m.kind in BAD:
            listed = pfn_set(pfns) if listed is None else listed
            if listed.pages(m.first, m.last) <= m.last - m.first:
                raise InputError(
                    f"{source}: an entry says that PFN 0x{m.first:x} to 0x{m.last:x} is "
                    f"{m.kind}, but pfns lacks some of it"
                )


def _from_items(items: Any, source: str) -> Listing:
    if not isinstance(items, list):
        raise InputError(f"{source}: the PFNs are not a list")
    found = _all_pairs(items)
    if found is not None and found.count <= MAX_PFNS:
        return found
    count = 0
    for index, item in enumerate(items):
        pair = item if isinstance(item, list) else (item, item)
        if len(pair) != 2 or not all(type(n) is int and 0 <= n < _PFN_END for n in pair):
            raise InputError(
                f"{source}: item {index} of the PFNs is neither a PFN nor [first, last]"
            )
        low, high = pair
        if high < low:
            raise InputError(f"{source}: item {index}: the range ends before it starts")
        count += high - low + 1
        if count > MAX_PFNS:
            raise InputError(f"{source}: item {index} makes the list longer than {MAX_PFNS} PFNs")
    raise AssertionError(f"{source}: every item is a PFN after all")


def _all_pairs(items: list[Any]) -> Listing | None:
    """Return items that are all PFNs or ``[first, last]``; None where one is neither."""
    types = set(map(type, items))
    try:
        if types <= {int}:
            return Listing(array("Q", items))
        if types <= {int, list}:
            pairs = items if types == {list} else [x if type(x) is list else (x, x) for x in items]
            if set(map(len, pairs)) == {2}:
                first, last = ([pair[i] for pair in pairs] for i in (0, 1))
                if set(map(type, first)) | set(map(type, last)) == {int}:
                    return Listing(array("Q", first), array("Q", last))
    except (ValueError, OverflowError):
        pass  # the caller checks them one by one, to name the item
    return None


def _of_list(document: dict[str, Any]) -> tuple[Any, Any, Any]:
    return document["pfns"], document.get("page_size"), document.get("arch")


def _of_decode(document: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return the list of the handover that the next kernel reads."""
    handovers = document["handovers"]
    if not any(h["hwpoison"] for h in handovers):
        raise _NoListError("no handover with a hwpoison subtree")
    place = which_counts([(h["role"], bool(h["hwpoison"] or h.get("unread"))) for h in handovers])
    if place is None:
        raise _NoListError("several handovers, and nothing shows which one counts")
    best = handovers[place]
    if best["hwpoison"] is None and best.get("unread"):
        raise _NoListError("the root FDT of the handover that counts is damaged")
    if best["hwpoison"] is None or best["hwpoison"]["pfns"] is None:
        raise _NoListError("the handover's PFNs are null")
    return best["hwpoison"]["pfns"], best["page_size"], best.get("arch")


def _of_validate(document: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return the validated list; its arch may be a default, so it counts as unknown."""
    return [[r["first"], r["last"]] for r in document["runs"]], document.get("page_size"), None


#: Schema → function that returns (items, page size, architecture) of a document.
_DOCUMENTS = {
    SCHEMA: _of_list,
    "hwpkho.decode/1": _of_decode,
    "hwpkho.validate/1": _of_validate,
    "hwpkho.merge/1": _of_list,
}

#: The schema of a document that contains PFNs.
_OURS = late(rb'"schema"\s*:\s*"(?:' + "|".join(map(re.escape, _DOCUMENTS)).encode() + rb')"')

_FORM_KEY = late(rb'"form"\s*:\s*"([a-z0-9-]+)"')


class Json:
    """The form, see the module."""

    name = "json"
    about = "`hwpkho.list/1`, or any hwpkho document that holds PFNs"
    extra = None
    carries: frozenset[Carried] = frozenset(
        ("order", "page size", "architecture", "kind", "when", "where")
    )
    options: frozenset[str] = frozenset()
    takes = frozenset(("arch",))
    binary = False
    bare = False
    names_dimms = False

    def sniff(self, head: bytes, /) -> bool | re.Pattern[bytes]:
        """Tell whether it is a JSON object with one of these schemas, in ``head`` or later."""
        if head.removeprefix(BOM).lstrip()[:1] != b"{":
            return False
        return True if _OURS.search(head) else _OURS

    def read(self, file: FileBytes, _asked: Asked, /) -> BadPages:
        """See :func:`parse`. Also raises InputError for more than 512 MiB, or a NUL byte."""
        if file.size > _MAX_SIZE:
            raise InputError(
                f"{file.shown}: a list of {file.size} bytes is longer than {_MAX_SIZE}"
            )
        for at in range(0, file.size, _BLOCK):  # do not load the hole of a sparse file
            nul = bytes(file.read(at, min(_BLOCK, file.size - at))).find(b"\0")
            if nul >= 0:
                raise InputError(
                    f"{file.shown}: not a JSON document: a NUL byte at offset {at + nul}"
                )
        return parse(file.read(0, file.size), file.shown)

    def write(self, pages: BadPages, out: BinaryIO, _how: Writing, /) -> None:
        """Write a ``hwpkho.list/1``; nothing is lost, and ranges are not expanded."""
        out.writelines(part.encode("ascii") for part in build(pages))


def build(
    pages: BadPages,
    written: str | None = None,
    dimms: Sequence[dict[str, object]] | None = None,
) -> Iterator[str]:
    """Yield the ``hwpkho.list/1`` of a list in parts.

    ``written`` is the text of the list in another form, None without one; ``dimms`` says on which
    DIMMs the pages are, None where that was not asked for.
    """
    import json

    from hwpkho.badpages.entries_text import entries_text
    from hwpkho.base.version import __version__

    def text(value: object) -> str:
        return json.dumps(value, separators=(",", ":"))

    loss = pages.loss._asdict() if pages.loss else None
    head = {
        "schema": SCHEMA,
        "tool": {"name": "hwpkho", "version": __version__},
        "page_size": pages.page_size,
        "arch": pages.arch,
        "form": pages.origin,
        "problems": [{**p._asdict(), "phys": None} for p in pages.problems],
        "loss": loss,
        "written": written,
        **({} if dimms is None else {"dimms": dimms}),
    }
    yield text(head)[:-1] + ',"entries":['
    yield from entries_text(pages.mentions)
    yield '],"pfns":['
    runs = pages.pfns.runs()
    yield from joined(str(a) if a == b else f"[{a},{b}]" for a, b in runs)
    yield "]}\n"


def form_in(head: bytes) -> str | None:
    """Return the ``form`` of a document of :func:`build` that begins with ``head``."""
    found = _FORM_KEY.search(head)
    return found[1].decode() if found else None


FORM = Json()
