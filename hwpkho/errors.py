"""What hwpkho raises. Anything else that escapes the library is a bug.

The tree is small on purpose: a caller either hands over bytes that cannot be read or judged
(:class:`InputError`, or :class:`ReadError` once they were being read), or asks for something that
makes no sense (:class:`UsageError`). What is
wrong *inside* a readable handover is no exception but a :class:`hwpkho.codes.Problem`.
"""

from __future__ import annotations


class HwpkhoError(Exception):
    """Base of all errors of this library; ``exit_code`` is what the command line exits with."""

    exit_code = 3


class InputError(HwpkhoError):
    """The input is unreadable, malformed, ambiguous or contradicts itself.

    The message is one line: what is wrong, where (file, file offset, line number or physical
    address) and what was expected.
    """


class ReadError(HwpkhoError):
    """A file that was opened well became shorter while it was read, or its disk fails.

    No InputError: what is read past a damaged part of an input must not read past this.
    """


class UsageError(HwpkhoError):
    """The request itself is wrong: contradicting options, an unknown name, a missing argument."""

    exit_code = 2
