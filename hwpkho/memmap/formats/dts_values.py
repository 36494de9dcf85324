"""Property values of device tree sources: cells with expressions, strings, byte strings.

Source: dtc's dtc-lexer.l and dtc-parser.y. Arithmetic is that of dtc: unsigned, 64 bit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwpkho.base.escape import printable
from hwpkho.base.late import late
from hwpkho.memmap.formats.devicetree import Unresolved

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwpkho.errors import InputError

_BLANK = late(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_LABEL = late(r"[A-Za-z_][A-Za-z0-9_]*[ \t]*:(?!:)")
_REFERENCE = late(r"&(?:[A-Za-z_][A-Za-z0-9_]*|\{[^}\n]*\})")
_STRING = late(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BITS = late(r"/bits/\s*(8|16|32|64)(?![0-9])")
_INCBIN = late(r"/incbin/\s*\([^)]*\)")
_BYTES = late(r"\[([^\]]*)\]")
_TOKEN = late(
    r"(?P<number>0[xX][0-9a-fA-F]+(?:[uU]?[lL]{0,2})|[0-9]+(?:[uU]?[lL]{0,2}))(?![A-Za-z0-9_])"
    r"|(?P<char>'(?:[^'\\\n]|\\[^\n]{1,3})')"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<op><<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^~!<>?:(),])"
)
_ESCAPE = late(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}

_U64 = (1 << 64) - 1
_MAX_NESTING = 32
_BINARY = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="),
    ("<<", ">>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_LEVEL = {op: level for level, ops in enumerate(_BINARY) for op in ops}


class _UnknownError(Exception):  # not an error: the value is merely not known
    """The value needs something that is not in the text; ``args[0]`` says what."""


class ValueReader:
    """Reads values out of one source text."""

    def __init__(
        self, text: str, fail: Callable[[int, str], InputError], line_of: Callable[[int], int]
    ) -> None:
        """Read ``text``; ``fail`` makes the error at an offset, ``line_of`` returns its line."""
        self.text, self.fail, self.line_of = text, fail, line_of
        self.at = 0

    @staticmethod
    def number(text: str) -> int | None:
        """Return a literal's value (0x: hexadecimal, leading 0: octal), None where it has none."""
        digits = text.rstrip("uUlL")
        try:
            if digits[:2] in ("0x", "0X"):
                return int(digits, 16) if len(digits) <= 34 else None
            if len(digits) > 24:
                return None
            return int(digits, 8 if len(digits) > 1 and digits.startswith("0") else 10)
        except ValueError:
            return None

    def read(self, at: int) -> tuple[bytes, int]:
        """Return the value at offset ``at`` of the text, and the offset behind its semicolon.

        A value that cannot be computed is an :class:`Unresolved`. Raises InputError where the text
        is not a value.
        """
        self.at = at
        out = bytearray()
        unknown: str | None = None
        while True:
            try:
                self._part(out)
            except _UnknownError as error:
                unknown = unknown or f"line {self.line_of(self.at)}: {error.args[0]}"
            self._blank()
            char = self.text[self.at : self.at + 1]
            self.at += 1
            if char == ";":
                return (Unresolved.at(unknown) if unknown else bytes(out)), self.at
            if char != ",":
                raise self.fail(self.at - 1, "expected , or ; after a value")

    def _blank(self) -> None:
        while True:
            if match := _BLANK.match(self.text, self.at):
                self.at = match.end()
            match = _LABEL.match(self.text, self.at)
            if match is None:
                return
            self.at = match.end()

    def _part(self, out: bytearray) -> None:
        self._blank()
        text = self.text
        bits = 32
        if match := _BITS.match(text, self.at):
            bits = int(match[1])
            self.at = match.end()
            self._blank()
        if text.startswith("<", self.at):
            self.at += 1
            self._cells(out, bits)
        elif match := _STRING.match(text, self.at):
            self.at = match.end()
            out += _ESCAPE.sub(_unescape, match[1]).encode("latin-1") + b"\0"
        elif match := _BYTES.match(text, self.at):
            self.at = match.end()
            try:
                out += bytes.fromhex(_BLANK.sub("", match[1]))
            except ValueError:
                raise self.fail(
                    match.start(), "a byte string holds something other than hex digits"
                ) from None
        elif match := _REFERENCE.match(text, self.at) or _INCBIN.match(text, self.at):
            self.at = match.end()
            raise _UnknownError(f"{printable(match[0][:40])} is not known here")
        elif match := _TOKEN.match(text, self.at):
            self._to_end(0)
            raise _UnknownError(f"{printable(match[0][:40])} needs the preprocessor")
        else:
            raise self.fail(self.at, "expected a value")

    def _to_end(self, nesting: int) -> None:
        """Skip a value that is not understood, up to the comma or semicolon after it."""
        while (match := _TOKEN.match(self.text, self.at)) is not None:
            if match[0] == "," and not nesting:
                return
            nesting += (match[0] == "(") - (match[0] == ")")
            self.at = match.end()
            self._blank()

    def _cells(self, out: bytearray, bits: int) -> None:
        unknown: str | None = None
        while True:
            self._blank()
            if self.text.startswith(">", self.at):
                self.at += 1
                break
            start = self.at
            if match := _REFERENCE.match(self.text, self.at):
                self.at = match.end()
                unknown = unknown or f"the phandle of {printable(match[0][:40])} is not known here"
                continue
            tokens = self._cell_tokens()
            try:
                value = _Expression(tokens).value()
            except _UnknownError as error:
                unknown = unknown or str(error.args[0])
                continue
            high = value >> bits
            if high and high != _U64 >> bits:
                raise self.fail(start, f"0x{value:x} does not fit into a cell of {bits} bits")
            out += (value & ((1 << bits) - 1)).to_bytes(bits // 8, "big")
        if unknown:
            raise _UnknownError(unknown)

    def _cell_tokens(self) -> list[tuple[str, str]]:
        """Return the tokens of one cell: a literal, or all of a parenthesised expression."""
        tokens: list[tuple[str, str]] = []
        nesting = 0
        while True:
            self._blank()
            match = _TOKEN.match(self.text, self.at)
            if match is None:
                raise self.fail(self.at, "expected a cell or >")
            self.at = match.end()
            tokens.append((match.lastgroup or "", match[0]))
            nesting += (match[0] == "(") - (match[0] == ")")
            if nesting < 0 or (not nesting and match.lastgroup == "op" and match[0] != ")"):
                raise self.fail(match.start(), f"{match[0]} outside parentheses")
            called = match.lastgroup == "word" and self.text.startswith("(", self.at)
            if not nesting and not called:
                return tokens


class _Expression:
    """Evaluates one cell by precedence climbing; both branches of ?: are evaluated, as in dtc."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.at = 0
        self.nesting = 0

    def value(self) -> int:
        """Return the value, 0 to 2^64 - 1. Raises _UnknownError for macros and nonsense."""
        result = self._unary()
        if self.at < len(self.tokens):
            raise _UnknownError("an expression is not understood")
        return result

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise _UnknownError("an expression ends early")
        self.at += 1
        return self.tokens[self.at - 1]

    def _peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def _ternary(self) -> int:
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            raise _UnknownError("an expression is nested too deeply")
        result = self._binary(0)
        if self._peek() == "?":
            self.at += 1
            yes = self._ternary()
            if self._next()[1] != ":":
                raise _UnknownError("an expression lacks its :")
            no = self._ternary()
            result = yes if result else no
        self.nesting -= 1
        return result

    def _binary(self, level: int) -> int:
        left = self._unary()
        while (op := self._peek()) in _LEVEL and _LEVEL[op] >= level:
            self.at += 1
            left = _apply(op, left, self._binary(_LEVEL[op] + 1))
        return left

    def _unary(self) -> int:
        signs: list[str] = []
        while self._peek() in ("-", "~", "!", "+"):
            signs.append(self._next()[1])
        kind, text = self._next()
        if kind == "number":
            number = ValueReader.number(text)
            if number is None or number > _U64:
                raise _UnknownError(f"{printable(text[:40])} is not a 64-bit number")
            result = number
        elif kind == "char":
            result = ord(_ESCAPE.sub(_unescape, text[1:-1])[:1] or "\0")
        elif text == "(":
            result = self._ternary()
            if self._next()[1] != ")":
                raise _UnknownError("an expression lacks its )")
        else:
            raise _UnknownError(f"{printable(text[:40])} needs the preprocessor")
        for sign in reversed(signs):
            if sign == "!":
                result = int(not result)
            elif sign != "+":
                result = (-result if sign == "-" else ~result) & _U64
        return result


def _apply(op: str, a: int, b: int) -> int:
    if op in ("/", "%"):
        if not b:
            raise _UnknownError("an expression divides by 0")
        return a // b if op == "/" else a % b
    if op in ("<<", ">>"):
        if b > 63:
            return 0
        return (a << b) & _U64 if op == "<<" else a >> b
    result = {
        "||": int(bool(a or b)), "&&": int(bool(a and b)), "|": a | b, "^": a ^ b, "&": a & b,
        "==": int(a == b), "!=": int(a != b), "<": int(a < b), ">": int(a > b),
        "<=": int(a <= b), ">=": int(a >= b), "+": a + b, "-": a - b, "*": a * b,
    }[op]  # fmt: skip
    return result & _U64


def _unescape(match: re.Match[str]) -> str:
    text = match[1]
    if text[0] == "x" and len(text) > 1:
        return chr(int(text[1:], 16))
    if text[0] in "01234567":
        return chr(int(text, 8) & 0xFF)
    return chr(_ESCAPES.get(text, ord(text)))
