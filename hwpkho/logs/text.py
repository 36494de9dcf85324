"""Logs as line readers get them: clean text in blocks of whole lines.

A log is what a machine wrote, then what terminals, loggers, mail programs and editors made of it:
UTF-16 from the EFI shell or PowerShell, CR CR LF and cursor movements from a serial console, NULs
from a crash, NO-BREAK SPACEs from a web page, a string with escaped line ends from a cloud.
"""

from __future__ import annotations

import codecs
import re
from itertools import islice
from typing import TYPE_CHECKING

from hwpkho.base.late import late
from hwpkho.logs.framed import unframed
from hwpkho.logs.mail import Unquoting
from hwpkho.logs.wrapped import Unwrapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A block without any line end is taken for a line when it reaches this size, bytes.
_MAX_UNBROKEN = 1 << 20

#: The most NULs in front of a text, and the bytes of it that are then looked at.
_MAX_NULS = 64 << 20
_ENOUGH = 1 << 12
#: How ``journalctl -o export`` begins. A message of several lines stands behind its length there,
#: eight bytes in binary.
_EXPORT = b"__CURSOR="
_LENGTH = late(rb"(?<=\nMESSAGE)\n[\0-\xff]{4}\0{4}")
#: Control characters that no text contains.
_CONTROLS = late(rb"[\x01-\x06\x0e-\x1a\x1c-\x1f\x7f]")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

#: Cursor positioning begins a new piece of a line; every other escape sequence is dropped
#: (ECMA-48: CSI, OSC up to BEL or ST, two-character escapes).
_CURSOR = late(rb"\x1b\[[0-9;]*[HfABCDEFGd]")
_ESCAPE = late(
    rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,512}(?:\x07|\x1b\\)|[ -/]{0,8}[0-~])"
)
#: What puts the cursor at a row and column; an escape sequence that the end of a piece may cut.
_PLACED = late(rb"\x1b\[[0-9;]*[Hf]")
_BEGUN = late(rb"\x1b(?:\[[0-9;?]{0,16})?$")
#: Blanks and hyphens of web pages and word processors, in UTF-8: U+00A0, U+2000 to U+200A, U+202F,
#: U+205F, U+3000; U+2010 to U+2014, U+2212; and invisible ones: U+200B, U+2060, U+FEFF.
_FANCY = late(
    rb"[\xc2\xe2\xe3\xef](?:(?<=\xc2)\xa0|(?<=\xe2)(?:\x80[\x80-\x8b\x90-\x94\xaf]|\x81[\x9f\xa0]"
    rb"|\x88\x92)|(?<=\xe3)\x80\x80|(?<=\xef)\xbb\xbf)"
)
_INVISIBLE = frozenset((b"\xe2\x80\x8b", b"\xe2\x81\xa0", b"\xef\xbb\xbf"))
#: A web page saved as it is: tags that end a line, those that only colour it, and characters.
_WEB_TAGS = late(rb"<(?:br|BR|/)")
_WEB_CHARACTERS = late(rb"&(?:nbsp|#160|#xa0|gt|lt);")
_WEB_LINE = late(rb"</?(?:br|p|div|pre|li|tr|table|blockquote)\b[^<>\n]{0,400}>", re.IGNORECASE)
_WEB_TAG = late(
    rb"</?(?:span|font|b|i|u|em|strong|code|tt|samp|small|a|td|mark)\b[^<>\n]{0,400}>",
    re.IGNORECASE,
)
_WEB_CHARACTER = late(rb"&(?:nbsp|#160|#xa0|lt|gt|amp|quot|#45|#x2d);", re.IGNORECASE)
_CHARACTERS = {b"lt": b"<", b"gt": b">", b"amp": b"&", b"quot": b'"', b"#45": b"-", b"#x2d": b"-"}
#: journalctl -o json writes a message as bytes where a character of it cannot be printed.
_MESSAGE_BYTES = late(rb'"MESSAGE"\s*:\s*\[\s*([0-9]{1,3}(?:\s*,\s*[0-9]{1,3}){0,65535})\s*\]')
_CR_LF = late(rb"\r+\n")
#: A whole log as a string of JSON (``aws ec2 get-console-output``, Ansible) or of Python: one line,
#: in which its line ends are escaped. No message has so many.
_ESCAPED_END = late(rb"\\n")
_MANY_ENDS, _LONG = 8, 1024
#: Where a string of JSON begins or ends.
_QUOTE = late(rb"(?<!\\)\"")


def utf16_of(head: bytes) -> str | None:
    """Return ``utf-16-le`` or ``utf-16-be`` where ``head`` is plainly such text, else None.

    It is with a byte order mark, or where nearly every second byte of the first 2 KiB is NUL.
    """
    for mark, name in _BOMS[1:]:
        if head.startswith(mark):
            return name
    sample = head[:2048]
    pairs = len(sample) // 2
    if pairs < 16:
        return None
    for name, odd in (("utf-16-le", 1), ("utf-16-be", 0)):
        nuls = sample[odd : pairs * 2 : 2].count(0)
        others = sample[1 - odd : pairs * 2 : 2].count(0)
        if nuls > pairs * 0.9 and not others:
            return name
    return None


def is_text_with_nuls(pieces: Iterable[bytes]) -> bool:
    """Tell whether a file, in pieces of at most 64 KiB, is text except for NULs.

    A log gets a block of NULs where its machine crashed, a hole where it was truncated while its
    writer had it open, and single NULs from a serial line. A journal's export is text, too.
    """
    said = b""
    for piece in islice(pieces, _MAX_NULS >> 16):
        said += piece.replace(b"\0", b"")
        if len(said) >= _ENOUGH:
            break
    return b"\n" in said and (said.startswith(_EXPORT) or not _CONTROLS.search(said))


def blocks(
    pieces: Iterable[bytes],
    unquoting: Unquoting | None = None,
    unwrapping: Unwrapping | None = None,
) -> Iterator[bytes]:
    """Yield the text of ``pieces`` as clean UTF-8 blocks of whole lines, ended by LF.

    Quoted-printable mails are decoded, and lines that a screen wrapped are joined; ``unquoting``
    and ``unwrapping`` tell afterwards whether there were any.
    """
    unquoting, unwrapping = unquoting or Unquoting(), unwrapping or Unwrapping()
    for block in _whole_lines(unframed(pieces)):
        if (block := unquoting.feed(block)) and (block := unwrapping.feed(clean(block))):
            yield block
    if (rest := unquoting.rest()) and (rest := unwrapping.feed(clean(rest))):
        yield rest
    if rest := unwrapping.rest():
        yield rest


def _whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks of whole lines; UTF-16 becomes UTF-8."""
    it = iter(pieces)
    head = next(it, b"")
    decoder: codecs.IncrementalDecoder | None = None
    encoding = utf16_of(head)
    if encoding:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
    elif head.startswith(codecs.BOM_UTF8):
        head = head[len(codecs.BOM_UTF8) :]
    bare_cr = b"\r" in head and b"\n" not in head
    carry = b""
    for piece in _chain(head, it):
        if decoder:
            piece = decoder.decode(piece).lstrip("\ufeff").encode("utf-8", "replace")
            bare_cr = bare_cr or (not carry and b"\r" in piece and b"\n" not in piece)
        if bare_cr:
            piece = piece.replace(b"\r", b"\n")
        cut = piece.rfind(b"\n") + 1
        if not cut and len(carry) + len(piece) > _MAX_UNBROKEN:
            cut = len(piece)
        if cut:
            yield b"".join((carry, memoryview(piece)[:cut]))
            carry = b""
        carry += piece[cut:]
    if carry:
        yield carry + b"\n"


def rows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield ``pieces`` of a screen's log, with a line end wherever the cursor is placed.

    A program that draws a screen over a serial line writes no other line ends.
    """
    begun = b""
    for piece in pieces:
        piece = begun + piece
        cut = _BEGUN.search(piece, max(0, len(piece) - 32))
        begun = cut[0] if cut else b""
        piece = piece[: len(piece) - len(begun)]
        yield _PLACED.sub(b"\n", piece) if b"\x1b" in piece else piece
    if begun:
        yield begun


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def clean(block: bytes) -> bytes:
    """Return ``block`` without NULs, escape sequences and CRs at line ends; blanks made plain.

    Tags of a web page become line ends or vanish, its character entities become characters; escaped
    line ends of a log that is one string become line ends.
    A lone CR stays: what follows it on a terminal overwrites what was before.
    """
    if b"\0" in block:
        block = _LENGTH.sub(b"=", block).replace(b"\0", b"")
    if _ESCAPED_END.search(block) and block.count(b"\\n") >= _MANY_ENDS:
        block = b"\n".join(map(_unescaped, block.split(b"\n")))
    if b'"MESSAGE"' in block:
        block = _MESSAGE_BYTES.sub(_message, block)
    if b"\x1b" in block:
        block = _ESCAPE.sub(b"", _CURSOR.sub(b"\r", block))
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
        if b"\r\n" in block:
            block = _CR_LF.sub(b"\n", block)
    if (b"<" in block and _WEB_TAGS.search(block)) or (
        b"&" in block and _WEB_CHARACTERS.search(block)
    ):
        block = _WEB_TAG.sub(b"", _WEB_LINE.sub(b"\n", block))
        block = _WEB_CHARACTER.sub(lambda m: _CHARACTERS.get(m[0][1:-1].lower(), b" "), block)
    return block if block.isascii() else _plain(block)


def _unescaped(line: bytes) -> bytes:
    """Return a long line with the line ends that are escaped in it, if it has many."""
    if len(line) < _LONG or line.count(b"\\n") < _MANY_ENDS:
        return line
    if line.lstrip()[:1] in (b"{", b"[", b'"'):
        line = _QUOTE.sub(b"\n", line)
    line = line.replace(b"\\n", b"\n")
    for _ in range(2):  # CR CR LF, as on a serial console
        line = line.replace(b"\\r\n", b"\n")
    return line


def _message(match: re.Match[bytes]) -> bytes:
    """Return a journal's message in bytes as a JSON string, without escapes and line ends."""
    numbers = [int(word) for word in match[1].split(b",")]
    if max(numbers) > 255:
        return match[0]
    text = _ESCAPE.sub(b"", bytes(numbers)).decode("utf-8", "replace")
    plain = "".join(c if c.isprintable() and c not in '"\\' else " " for c in text)
    return b'"MESSAGE":"' + plain.encode() + b'"'


def _plain(block: bytes) -> bytes:
    """Return ``block`` with fancy blanks and hyphens made plain."""
    block = _FANCY.sub(_stand_in, block)
    if b"\xa0" in block and not _is_utf8(block):
        block = block.replace(b"\xa0", b" ")
    return block


def _stand_in(match: re.Match[bytes]) -> bytes:
    char = match[0]
    if char in _INVISIBLE:
        return b""
    hyphen = char == b"\xe2\x88\x92" or b"\xe2\x80\x90" <= char <= b"\xe2\x80\x94"
    return b"-" if hyphen else b" "


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


class Ending:
    """Shows whether an input ends within a line: it was cut off, as a command ends its last line.

    Attributes:
        block: The last block of clean text; the caller sets it.
        mails: Decodes the input: a mail may end where a line of it is broken.
    """

    def __init__(self) -> None:
        self.block = b""
        self.mails = Unquoting()
        self._last = b"\n"

    def watch(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield ``pieces`` and remember how they end."""
        for piece in pieces:
            self._last = piece[-4:] or self._last
            yield piece

    @property
    def line(self) -> str | None:
        """The line within which the input ends; None where it ends with a line end."""
        ended = self._last.rstrip(b"\0")[-1:] in b"\r\n" and not self.mails.cut
        if ended or not self.block:
            return None
        return self.block.rstrip(b"\n").rsplit(b"\n", 1)[-1][-4096:].decode("utf-8", "replace")
