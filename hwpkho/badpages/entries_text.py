"""Writes the entries of a ``hwpkho.list/1``, which say who named which pages, as JSON text."""

from __future__ import annotations

from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING

from hwpkho.badpages import mentions as columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hwpkho.badpages.model import Mention

#: Entries written at once: their text fits into a processor's cache.
_PIECE = 4096


def entries_text(mentions: Sequence[Mention]) -> Iterator[str]:
    """Yield the text of ``json.dumps``, without the brackets, some thousand entries at a time.

    There may be a million, so it is made from columns, in a fifth of the time.
    """
    said = columns.of(mentions)
    short = lru_cache(maxsize=64)(_quoted)  # there are few kinds and sources
    for at in range(0, len(said), _PIECE):
        part = said[at : at + _PIECE]
        rows = zip(
            part.first,
            part.last,
            map(short, part.kind),
            map(_quoted, part.when),
            map(short, part.source),
            _places(part.where),
            strict=True,
        )
        text = ",".join(
            [
                f'{{"first":{first},"last":{last},"kind":{kind},"when":{when},'
                f'"source":{source},"where":{where}}}'
                for first, last, kind, when, source, where in rows
            ]
        )
        yield f",{text}" if at else text


def _places(where: Sequence[str | None]) -> Iterable[str]:
    if not isinstance(where, columns.Places):
        return map(_quoted, where)
    whole = [_quoted(label) for label in where.labels]
    begun = [label.removesuffix('"') for label in whole]
    places = zip(where.label, where.number, strict=True)
    return [whole[i] if number < 0 else f'{begun[i]}{number}"' for i, number in places]


def _quoted(word: str | None) -> str:
    return "null" if word is None else encode_basestring_ascii(word)
