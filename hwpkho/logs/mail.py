"""Decodes quoted-printable and base64 text of mails.

``=3D`` is an equals sign, ``=`` at a line's end joins it with the next one (RFC 2045, 6.7). Text is
decoded below a header that declares it, up to the end of that part of the mail. Without a header it
is decoded only where it is plainly quoted-printable: in any other text ``=20`` is a number.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, a2b_qp
from itertools import islice

from hwpkho.base.late import late

#: A header may continue on a line that begins with a blank.
_ENCODED = (
    rb"content-transfer-encoding:[ \t]*(?:\r?\n[ \t]+)?(?:quoted-printable|(base64))[ \t]*\r?\n"
)
_HEADER = late(rb"^" + _ENCODED, re.IGNORECASE | re.MULTILINE)
_BOUNDARY = late(rb'\bboundary="?([^"\s;]{1,70})', re.IGNORECASE)
#: Where a body begins: behind an empty line.
_BODY = late(rb"^\r?\n", re.MULTILINE)
#: Where a part may end: at a boundary, where the next mail of a mailbox begins, or at the header of
#: one that was appended.
_END = late(
    rb'^(?:--([^"\s;]{1,72})|From \S[^\n]{0,200}[0-9]{4}\r?\n|(?i:' + _ENCODED + rb"))",
    re.MULTILINE,
)
#: Lines of base64, each of whole groups of four characters, below blank ones. No group is
#: possessive: Python before 3.11.5 goes on behind what a failed repeat of one had taken.
_BASE64 = late(
    rb"(?:[ \t]*\r?\n)*"
    rb"(?:(?=[^\n]{4})(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=))?\r?\n)*"
)
_PADDED = late(rb"=[ \t]+(?=\r{0,2}(?:\n|$))")
#: How mails and mailboxes begin. Other texts are not searched further: it would double the time.
_MAIL = late(rb"From \S|[A-Z][A-Za-z-]{1,40}:[ \t]")
#: What no quoted-printable text has: any other equals sign, or a line of more than 76 characters;
#: here two more are tolerated.
_OTHERWISE = late(rb"=(?![0-9A-F]{2}|[ \t]*\r{0,2}(?:\n|$))|[^\r\n]{78}[^ \t\r\n]")
#: What shows such text without a header: an encoded equals sign in front of 0x or of what is not a
#: hex digit, or between blanks; two of them behind different words; or a line with a blank that is
#: broken near column 76 and goes on.
_PLAINLY = late(
    rb"=3D(?:0x|[G-Zg-z/\[<(%{\"'])|[ \t]=3D[ \t]"
    rb"|\b(\w{1,20})=3D[^=\r\n]{1,40}\b(?!\1=)\w{1,20}=3D"
    rb"|^(?=[^\n]{0,74}[ \t])[^\n]{59,74}[^\n<>!]=[ \t]{0,8}\r{0,2}\n(?=[^\r\n-])",
    re.MULTILINE,
)
#: Boundaries that are known: a mailbox has those of all its mails.
_MAX_ENDS = 1 << 16
#: Bytes up to which a broken line is joined.
_LONGEST = 1 << 16


class Unquoting:
    """Decodes encoded parts of a text that comes in blocks of whole lines."""

    def __init__(self) -> None:
        self._inside = self._header = self._base64 = False
        self._mail: bool | None = None  # known from the first block on
        self._ends: set[bytes] = set()
        self._begun = b""  # the beginning of a line that the next block continues
        #: Whether anything was decoded.
        self.decoded = False

    def feed(self, block: bytes) -> bytes:
        """Return a block decoded; a line that the next block continues is held back till then."""
        begun, self._begun = self._begun, b""
        if self._mail is None:
            plainly = _is_plainly_quoted(block)
            self._mail = plainly or bool(_MAIL.match(block) or _HEADER.search(block))
        if not self._mail:
            return block
        if b"oundary=" in block or b"BOUNDARY=" in block:
            found = islice(_BOUNDARY.finditer(block), _MAX_ENDS - len(self._ends))
            self._ends.update(match[1] for match in found)
        headers = b"ncoding:" in block or b"NCODING:" in block
        if self._inside or self._header or (headers and _HEADER.search(block)):
            text = begun + self._parts(block)
        elif _is_plainly_quoted(block):
            text = begun + _decoded(block)
        else:
            return begun + block
        self.decoded = True
        cut = text.rfind(b"\n") + 1
        if len(text) - cut > _LONGEST:
            return text  # without a line end: the line goes on
        self._begun = text[cut:]
        return text[:cut]

    @property
    def cut(self) -> bool:
        """Whether a line is broken and does not go on, so far."""
        return bool(self._begun)

    def rest(self) -> bytes:
        """Return the line that is still held back, at the end of the text."""
        return self._begun + b"\n" if self._begun else b""

    def _parts(self, block: bytes) -> bytes:
        """Return a block whose parts between a header and a boundary are decoded."""
        done: list[bytes] = []
        at = 0
        while at < len(block):
            if self._inside and self._base64:
                run = _BASE64.match(block, at)
                end = run.end() if run else at
                text = b"".join(map(a2b_base64, block[at:end].split(b"\n")))
                self._inside = end == len(block)
                done.append(text if self._inside or text[-1:] in b"\n" else text + b"\n")
                at = end
            elif self._inside:
                end = self._end(block, at)
                done.append(_decoded(block[at:end]))
                self._inside, at = end == len(block), end
            elif self._header:
                body = _BODY.search(block, at)
                end = body.end() if body else len(block)
                done.append(block[at:end])
                self._inside, self._header, at = body is not None, body is None, end
            else:
                header = _HEADER.search(block, at)
                end = header.end() if header else len(block)
                done.append(block[at:end])
                self._header, at = header is not None, end
                self._base64 = header is not None and header[1] is not None
        return b"".join(done)

    def _end(self, block: bytes, at: int) -> int:
        """Return the offset at which the part that is being decoded ends, or the block does."""
        for match in _END.finditer(block, at):
            mark = match[1]
            if mark is None or mark in self._ends or mark.removesuffix(b"--") in self._ends:
                return match.start()
        return len(block)


def _is_plainly_quoted(block: bytes) -> bool:
    # Most texts have no equals sign; the search takes longer than reading them.
    return b"=" in block and not _OTHERWISE.search(block) and bool(_PLAINLY.search(block))


def _decoded(text: bytes) -> bytes:
    return a2b_qp(_PADDED.sub(b"=", text))
