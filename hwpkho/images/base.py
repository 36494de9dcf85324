"""What a source of physical memory is.

A source answers one question: which bytes are at this physical address? It never guesses: what
the image leaves out is *absent*, which is not the same as zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import align_up
from hwpkho.images.words import WORD, words_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Problem
    from hwpkho.images.files import FileBytes

    #: :meth:`Source.read`, or one of its sisters.
    Read = Callable[[int, int], memoryview | None]

#: Smallest alignment of a page on any kernel with KHO, bytes.
MIN_PAGE = 4096
_CHUNK = 1 << 20


class ImageFormat(NamedTuple):
    """A format of memory images.

    Attributes:
        name: A short name.
        about: What it is, in a few words.
        magics: With one of these a file of the format begins; up to 16 bytes each.
        open: Opens such a file; InputError where the image is damaged.
        proves: Tells of a file's first bytes, up to 64, whether no page of memory begins so by
            chance; None: the magics alone do.
    """

    name: str
    about: str
    magics: tuple[bytes, ...]
    open: Callable[[FileBytes], Source]
    proves: Callable[[bytes], bool] | None = None


class Source(ABC):
    """Physical memory of one machine at one moment, read from an image.

    Attributes:
        name: The image as the user named it, for messages.
        arch: A name of ``ARCHES`` where the image records it, else None.
        vmcoreinfo: The text of a VMCOREINFO note, empty where there is none.
        page_size_hint: The page size (bytes) that the image states, None where it states none.
        handover_note: JSON as in a ``handover.json``, which cores written by hwpkho carry; empty
            where there is none.
        capture_note: JSON of a capture (:mod:`hwpkho.images.capture_note`), empty where none.
        to_load: Whether this is what a boot loader is to put into memory: made somewhere, it does
            not prove that the machine has memory there.
        nodename: Name of the machine where the image records it, else empty.
        taken_at: When it was taken where the image records that: seconds since 1970, UTC.
        problems: What is wrong with the image itself, as far as it could be read all the same.
        elsewhere: Ranges of memory, bytes, ends exclusive, that other files of the same dump hold:
            the image is a part of one (makedumpfile --split). Empty for all others.
        partial: Whether the machine may have memory beyond what is shown: the image is a piece of
            it, or was cut off.
    """

    name: str
    arch: str | None = None
    vmcoreinfo: bytes = b""
    page_size_hint: int | None = None
    handover_note: bytes = b""
    capture_note: bytes = b""
    to_load: bool = False
    nodename: str = ""
    taken_at: int | None = None
    problems: Sequence[Problem] = ()
    elsewhere: Sequence[Range] = ()
    partial: bool = False

    @abstractmethod
    def read(self, phys: int, size: int) -> memoryview | None:
        """Return ``size`` bytes at physical address ``phys``, or None if any of them is absent.

        ``size`` is chosen by the caller and never taken unchecked from the input. Raises
        InputError only where the image itself is damaged at that place.
        """

    def peek(self, phys: int, size: int) -> memoryview | None:
        """As :meth:`read`, for bytes that are only looked through and decide nothing themselves."""
        return self.read(phys, size)

    def look(self, phys: int, size: int) -> memoryview | None:
        """As :meth:`read`, for bytes that may turn out to be nobody's: they count where
        :meth:`keep` says so.
        """
        return self.read(phys, size)

    def keep(self, phys: int, size: int) -> None:
        """Say that the bytes of a :meth:`look` are what they seemed to be."""
        del phys, size  # only who records what was read wants to know

    def hold(self, phys: int, size: int) -> None:
        """Say that of the bytes of a :meth:`look` only that they are there matters."""
        del phys, size

    def place(self, _phys: int) -> tuple[str, int] | None:
        """Return which file holds the byte at a physical address, printable, and at what offset.

        None where no file holds it as it is.
        """
        return None

    @abstractmethod
    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """Yield each physical address, a multiple of 4096, whose bytes begin with a magic.

        Ascending and distinct. Costs at most one pass over the distinct bytes of the image, and
        does not touch its holes. Each of ``magics`` is 4 to 8 bytes.
        """

    def find_words(self, word: bytes) -> Iterator[int]:
        """Yield each physical address, a multiple of 8, of whose 8 bytes ``word`` is made.

        Ascending and distinct; as :meth:`find_pages` in what it costs. Nothing is found on a
        device that has no end.
        """
        for start, size in self.extents():
            begin = align_up(start, WORD)
            for at in range(begin, start + size, _CHUNK):
                data = self.peek(at, min(_CHUNK, start + size - at))
                for offset in words_in(bytes(data or b""), word):
                    yield at + offset

    def end(self) -> int | None:
        """Return where memory ends, bytes; None where the image does not show it."""
        if self.partial:
            return None
        ends = (start + size for start, size in self.extents())
        return max(chain(ends, (end for _, end in self.elsewhere)), default=0)

    @abstractmethod
    def extents(self) -> Iterator[tuple[int, int]]:
        """Yield ``(phys, size)`` of everything present: ascending, disjoint, merged, bytes."""

    def data(self) -> Iterator[tuple[int, int]]:
        """As :meth:`extents`, without what is known to be a hole of the file, and reads as zeros.

        Those may be cut off at both ends only, and pieces that touch are not merged. Bytes of a
        file that are shown at several addresses are yielded once: no memory is stored so.
        """
        return self.extents()

    @abstractmethod
    def close(self) -> None:
        """Give back what the source holds; reading afterwards is an error."""
