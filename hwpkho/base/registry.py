"""The class of all registries: the things of one kind (formats, targets, ...), by name.

Choices in ``--help``, enums in schemas and tables in the documentation come from the registry.
Built-in things are named as ``module:attribute`` and imported when they are first asked for; others
can be registered at run time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

T = TypeVar("T")


class Registry(Generic[T]):
    """Things of one kind by name, in the order in which they are tried and shown.

    Args:
        kind: What they are, for messages: ``memory map``.
        built_in: Name → ``module:attribute``, or ``module`` where the module itself is the thing.
    """

    def __init__(self, kind: str, built_in: Mapping[str, str]) -> None:
        self.kind = kind
        self._lazy = dict(built_in)
        self._loaded: dict[str, T] = {}
        self._all: tuple[T, ...] | None = None

    def register(self, name: str, thing: T, *, before: str | None = None) -> None:
        """Add ``thing`` as ``name``, last or just before the thing called ``before``.

        Raises ValueError for a name that is taken, and KeyError for an unknown ``before``.
        """
        if name in self._lazy:
            raise ValueError(f"{self.kind}: {name} is there already")
        if before is not None and before not in self._lazy:
            raise KeyError(before)
        self._loaded[name], self._all = thing, None
        names = list(self._lazy)
        names.insert(len(names) if before is None else names.index(before), name)
        self._lazy = {n: self._lazy.get(n, "") for n in names}

    def unregister(self, name: str) -> None:
        """Remove what :meth:`register` added. Raises KeyError for an unknown name."""
        del self._lazy[name]
        self._loaded.pop(name, None)
        self._all = None

    def names(self) -> list[str]:
        """Return all names; nothing is imported."""
        return list(self._lazy)

    def __contains__(self, name: object) -> bool:
        return name in self._lazy

    def __getitem__(self, name: str) -> T:
        """Return the thing called ``name``, imported if need be; KeyError for an unknown name."""
        if name not in self._loaded:
            module, _, attribute = self._lazy[name].partition(":")
            thing: Any = import_module(module)
            self._loaded[name] = getattr(thing, attribute) if attribute else thing
        return self._loaded[name]

    def get(self, name: str) -> T | None:
        """Return the thing called ``name``, imported if need be; None for an unknown name."""
        if name not in self:
            return None
        return self[name]

    def __iter__(self) -> Iterator[T]:
        """Yield all of them in order, each imported when its turn comes."""
        if self._all is None and len(self._loaded) == len(self._lazy):
            self._all = tuple(self._loaded[name] for name in self._lazy)
        return iter(self._all or (self[name] for name in self.names()))

    def all(self) -> tuple[T, ...]:
        """Return all of them in order, imported; for callers that iterate often."""
        if self._all is None:
            self._all = tuple(self)
        return self._all

    def __len__(self) -> int:
        return len(self._lazy)
