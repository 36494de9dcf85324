"""What a value of a parameter has to be: checks that raise an error which names the parameter.

They return the value as the rest of hwpkho takes it: an integer of NumPy would wrap in sums, has no
bit_length() and no place in a document.
"""

from __future__ import annotations

import codecs
import inspect
import io
import operator
from collections.abc import Callable, Collection, Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

from hwpkho.base.addresses import PHYS_END
from hwpkho.base.escape import printable
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from typing import TypeAlias

    #: Returns the value; raises TypeError or UsageError where it is none for that parameter.
    Check: TypeAlias = "Callable[[str, Any], Any]"

#: Method of a file → the one that tells whether it can be called.
_ABLE = {"read": "readable", "write": "writable"}
#: So much of a value stands in a message, characters.
_SHOWN = 40


def wrong(name: str, wanted: str, value: object) -> TypeError:
    """Return the error for a value of another type than ``wanted``."""
    return TypeError(f"{name}: expected {wanted}, not {_kind(value)}")


def _kind(value: object) -> str:
    """Return what a value is, for a message: NumPy has a ``bool`` of its own."""
    if is_text(value):
        return "a file open for text"
    if any(hasattr(value, method) for method in _ABLE) and not _open(value):
        return "a closed file"
    if isinstance(value, io.IOBase) and value.readable() != value.writable():
        return f"a file open for {'reading' if value.readable() else 'writing'} only"
    kind = type(value)
    if kind.__module__ == "builtins" or kind.__module__.startswith("_"):
        return kind.__name__
    return f"{kind.__module__}.{kind.__qualname__}"


def _open(file: object) -> bool:
    """Tell whether a file is open, as far as it says so; one that was detached is not."""
    try:
        return getattr(file, "closed", False) is not True
    except ValueError:
        return False


def is_text(file: object) -> bool:
    """Tell whether a file is open for text, whatever it is wrapped in."""
    if isinstance(file, (io.TextIOBase, codecs.StreamReader, codecs.StreamWriter)):
        return True
    return hasattr(file, "read") and isinstance(getattr(file, "encoding", None), str)


def serves(value: object, method: str) -> bool:
    """Tell whether a value is a file, open for bytes, of which ``method`` can be called.

    ``method`` is ``read`` or ``write``; a file needs nothing else.
    """
    if isinstance(value, type) or not callable(getattr(value, method, None)):
        return False
    if is_text(value) or not _open(value) or not takes(getattr(value, method), 1):
        return False
    able = getattr(value, _ABLE[method], None)
    return not (callable(able) and able() is False)


def takes(function: object, count: int) -> bool:
    """Tell whether ``function`` can be called with so many arguments, as far as it says so."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*range(count))
    except ValueError:  # some of C do not say it
        return True
    except TypeError:
        return False
    return True


def one_of(known: Callable[[], Iterable[object]]) -> Check:
    """Return the check for one of the values that are known when it is made."""

    def checked(name: str, value: Any) -> object:
        values = list(known())
        kind = _type_of(value)
        if kind in set(map(type, values)):
            if kind is int:
                value = operator.index(value)
            if value in values:
                return values[values.index(value)]
        else:
            kind = None
        said = f"{name}={shown(value)} is not one of {', '.join(map(repr, values))}"
        raise TypeError(said) if kind is None else UsageError(said)

    return checked


def _type_of(value: object) -> type | None:
    """Return the type whose value this is or stands for; None for other types."""
    if value is None or isinstance(value, bool):
        return type(value)
    if isinstance(value, str):
        return str
    return int if isinstance(value, SupportsIndex) else None


def integer(name: str, value: Any) -> int:
    """Return an integer, as what stands for one in NumPy is, too; True is none."""
    if isinstance(value, bool):
        raise wrong(name, "an integer", value)
    try:
        return operator.index(value)
    except TypeError:
        raise wrong(name, "an integer", value) from None


def number(low: int, high: int | None = None) -> Check:
    """Return the check for an integer from ``low`` to ``high``."""

    def checked(name: str, value: Any) -> int:
        found = integer(name, value)
        _within(name, found, low, high)
        return found

    return checked


def part(name: str, value: Any) -> float:
    """Return a part of a whole, 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise wrong(name, "a number", value)
    _within(name, cast("float", value), 0, 1)
    return float(value)


def of(wanted: str, *types: type) -> Check:
    """Return the check for an object of one of ``types``, which ``wanted`` puts into words."""

    def checked(name: str, value: Any) -> object:
        if not isinstance(value, types):
            raise wrong(name, wanted, value)
        return value

    return checked


def blob(name: str, value: Any) -> bytes:
    """Return bytes, whatever holds them."""
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise wrong(name, "bytes", value)
    return bytes(value)


def optional(one: Check) -> Check:
    """Return the check for None, or what ``one`` takes."""

    def checked(name: str, value: Any) -> object:
        return None if value is None else one(name, value)

    return checked


def many(one: Check, wanted: str) -> Check:
    """Return the check for a collection, no string, of what ``one`` takes."""

    def checked(name: str, value: Any) -> tuple[object, ...]:
        if not isinstance(value, Collection) or isinstance(value, (str, bytes)):
            raise wrong(name, wanted, value)
        return tuple(one(name, each) for each in value)

    return checked


def mapping(keys: Check, values: Check, wanted: str) -> Check:
    """Return the check for a mapping."""

    def checked(name: str, value: Any) -> dict[object, object]:
        if not isinstance(value, Mapping):
            raise wrong(name, wanted, value)
        return {keys(name, key): values(name, each) for key, each in value.items()}

    return checked


def area(name: str, value: Any) -> tuple[int, int]:
    """Return ``(address, bytes)``."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name}: expected (address, bytes), not {shown(value)}")
    return ADDRESS(name, value[0]), ADDRESS(name, value[1])


def _within(name: str, value: float, low: int, high: int | None) -> None:
    if low <= value and (high is None or value <= high):  # NaN is not
        return
    wanted = f"{low} or more" if high is None else f"from {low} to {high}"
    raise UsageError(f"{name}={shown(value)} is not {wanted}")


def shown(value: object) -> str:
    """Return a value as a message shows it."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of thousands of digits
        text = f"{type(value).__name__} with thousands of digits"
    return printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


ADDRESS = number(0, PHYS_END - 1)
FLAG = of("True or False", bool)
TEXT = of("a string", str)
