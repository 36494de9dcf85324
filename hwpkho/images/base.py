"""The interface of a source of physical memory.

A source returns the bytes at a physical address. It does not guess: what the image leaves out is
*absent*, which is not the same as zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from hwpkho.base.addresses import align_up
from hwpkho.images.words import WORD, words_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hwpkho.base.ranges import Range
    from hwpkho.codes import Problem
    from hwpkho.images.files import FileBytes

    #: :meth:`Source.read`, :meth:`Source.peek` or :meth:`Source.look`.
    Read = Callable[[int, int], memoryview | None]

#: Smallest alignment of a page on any kernel with KHO, bytes.
MIN_PAGE = 4096
_CHUNK = 1 << 20


class ImageFormat(NamedTuple):
    """A format of memory images.

    Attributes:
        name: A short name.
        about: A few words for people.
        magics: A file of the format begins with one of these, of up to 16 bytes.
        open: Opens such a file; InputError where the image is damaged.
        proves: Returns whether a file's first bytes, up to 64, prove the format, so that they are
            not the beginning of raw memory by chance. None: a magic is proof enough.
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
        page_size_hint: The page size (bytes) that the image records, None where it does not.
        handover_note: The ``handover.json`` that cores written by hwpkho contain as a note; empty
            where there is none.
        capture_note: JSON of a capture (:mod:`hwpkho.images.capture_note`), empty where none.
        to_load: Whether the image is meant to be loaded by a boot loader. It then does not show
            which memory the machine has.
        nodename: Name of the machine where the image records it, else empty.
        taken_at: When the image was taken, seconds since 1970, UTC; None where not recorded.
        problems: Problems of the image itself that do not keep it from being read.
        elsewhere: Ranges of memory, bytes, ends exclusive, that are in other files of the same dump
            (makedumpfile --split); empty for an image that is not split.
        partial: Whether the machine may have more memory than the image shows: it is only a piece,
            or was cut off.
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

        Callers must not pass an unchecked ``size`` from the input. Raises InputError only where the
        image has two contents for that place, or cannot be read there.
        """

    def peek(self, phys: int, size: int) -> memoryview | None:
        """As :meth:`read`, for bytes that are only searched: a capture need not keep them."""
        return self.read(phys, size)

    def look(self, phys: int, size: int) -> memoryview | None:
        """As :meth:`read`, for bytes that may not belong to a handover after all.

        A capture keeps them only after :meth:`keep`.
        """
        return self.read(phys, size)

    def keep(self, phys: int, size: int) -> None:
        """Confirm that the bytes of an earlier :meth:`look` belong to a handover."""
        del phys, size  # only a Recorder needs to know

    def hold(self, phys: int, size: int) -> None:
        """Declare that the bytes of a :meth:`look` must be present, with whatever content."""
        del phys, size

    def place(self, _phys: int) -> tuple[str, int] | None:
        """Return the file, printable, and the offset in it of the byte at a physical address.

        None where it is absent or no file has it uncompressed.
        """
        return None

    @abstractmethod
    def find_pages(self, *magics: bytes) -> Iterator[int]:
        """Yield each physical address, a multiple of 4096, whose bytes begin with a magic.

        Ascending and distinct. Costs at most one pass over the distinct bytes of the image and
        skips its holes. Each of ``magics`` has 4 to 8 bytes. Raises InputError where the image
        cannot be searched.
        """

    def find_words(self, word: bytes) -> Iterator[int]:
        """Yield each physical address, a multiple of 8, where the 8 bytes of ``word`` are.

        Ascending and distinct, at the cost of :meth:`find_pages`. Yields nothing for a device
        without an end.
        """
        for start, size in self.extents():
            begin = align_up(start, WORD)
            for at in range(begin, start + size, _CHUNK):
                data = self.peek(at, min(_CHUNK, start + size - at))
                for offset in words_in(bytes(data or b""), word):
                    yield at + offset

    def end(self) -> int | None:
        """Return the end (exclusive) of memory, bytes; None where the image does not show it."""
        if self.partial:
            return None
        ends = (start + size for start, size in self.extents())
        return max(chain(ends, (end for _, end in self.elsewhere)), default=0)

    @abstractmethod
    def extents(self) -> Iterator[tuple[int, int]]:
        """Yield ``(phys, size)`` of everything present: ascending, disjoint, merged, bytes."""

    def data(self) -> Iterator[tuple[int, int]]:
        """As :meth:`extents`, without holes of the file, which read as zeros.

        Holes may be left out at both ends of a piece only, and pieces that touch are not merged.
        File bytes that appear at several addresses are yielded once: no dumper stores memory so.
        """
        return self.extents()

    def holds(self, phys: int, size: int) -> bool:
        """Tell whether any of the ``size`` bytes at ``phys`` is present."""
        return any(start < phys + size and phys < start + n for start, n in self.extents())

    def closed(self, areas: Iterable[tuple[int, int]] = ()) -> Closed:
        """Close the image; return what can be asked of it afterwards.

        ``areas`` are ``(phys, size)``, bytes, of which :meth:`Closed.holds` can be asked.
        """
        held = frozenset(area for area in areas if self.holds(*area))
        self.close()
        return Closed(self.to_load, held)

    @abstractmethod
    def close(self) -> None:
        """Close the image; reading afterwards is an error."""


class Closed(NamedTuple):
    """What can be asked of an image that is closed.

    Attributes:
        to_load: See :attr:`Source.to_load`.
        held: Those of the areas named when it was closed, ``(phys, size)`` in bytes, of which it
            holds something.
    """

    to_load: bool
    held: frozenset[tuple[int, int]]

    def holds(self, phys: int, size: int) -> bool:
        """See :meth:`Source.holds`; only areas that were named when it was closed count."""
        return (phys, size) in self.held
