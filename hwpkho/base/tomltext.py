"""TOML from elsewhere: one reader for baselines and settings.

Python's own reader is quadratic in the parts of a dotted key: 80 kB of ``a.a.a...`` take it 19
seconds and 6 GiB. So the keys are checked before it runs.
"""

from __future__ import annotations

import re
from typing import Any

from hwpkho.base.escape import printable
from hwpkho.errors import InputError

#: The most parts of a dotted key.
_MAX_PARTS = 8
#: The most keys and brackets, enough for a baseline of 16000 entries. tomllib reads some 150000
#: lines a second.
MAX_KEYS = 100_000
_SHOWN = 200
#: Strings and comments of TOML, as tomllib tells them apart; what is left holds its keys.
_STRINGS = (
    r'"""(?:[^"\\]|\\[\s\S]|"(?!""))*+"{0,5}'
    r"|'''(?:[^']|'(?!''))*+'{0,5}"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+"
)


def load(data: bytes, where: str) -> dict[str, Any]:
    """Return the TOML document in ``data`` (UTF-8, with or without a BOM).

    ``where`` begins each message. Raises InputError for what is not TOML, for more than
    ``MAX_KEYS`` keys and brackets, and for a dotted key of more than 8 parts.
    """
    import tomllib  # 5 ms that few calls need

    try:
        text = data.decode("utf-8-sig")
        _check_keys(text, where)
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not TOML: not UTF-8 at offset 0x{error.start:x}") from error
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{where}: not TOML: {printable(said)[:_SHOWN]}") from error


def _check_keys(text: str, where: str) -> None:
    bare = re.sub(_STRINGS, '"', text)
    if bare.count("=") + bare.count("[") > MAX_KEYS:
        raise InputError(f"{where}: more than {MAX_KEYS} keys and brackets")
    joined = re.sub(r"[ \t]*\.[ \t]*", ".", bare)
    if any(word.count(".") >= _MAX_PARTS for word in re.split(r"[^\w.\"-]+", joined)):
        raise InputError(f"{where}: a dotted key of more than {_MAX_PARTS} parts")
