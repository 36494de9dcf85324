"""A tar archive read as a folder: files are opened by name, and nothing is extracted to disk.

Members whose path leads out of the archive, links, devices and FIFOs are left out and counted. Of
two members with one name the later one counts, as for tar: a file before a link is left out, too.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from typing import TYPE_CHECKING

from hwpkho.base import tar, unpacking
from hwpkho.base.addresses import human_bytes
from hwpkho.base.counting import counted
from hwpkho.base.escape import printable
from hwpkho.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: The most members of an archive; a sosreport has some ten thousand.
MAX_MEMBERS = 1 << 17
#: Limits for one archive: characters in all paths, folders included, and pieces of sparse files.
_MAX_NAMES, _MAX_PIECES = 32 << 20, 1 << 18
_MAX_DEPTH, _MAX_PATH = 64, 4096
_MAX_HELD = 8
_PIECE = 1 << 20
#: Members without content of their own: how they are counted, and what is said of one.
_WITHOUT = {
    "link": (
        ("link", "links"),
        "is a link, not followed in an archive; tar -h packs the file that it leads to",
    ),
    "other": (
        ("device or the like", "devices and the like"),
        "is a device or the like, expected a file",
    ),
}
_REPLACED = (
    "file of which a later member has the name",
    "files of which a later member has the name",
)
_IN_A_FOLDERS_PLACE = "file in a folder's place", "files in a folder's place"
_OUTSIDE = "name that leads out of it", "names that lead out of it"


class Archive:
    """The members of a tar archive, by path.

    Attributes:
        shown: Its name for messages, printable.
        left_out: Which members were left out, in the singular and the plural → how many.
    """

    def __init__(self, descriptor: int, shown: str) -> None:
        """Read the headers; :meth:`close` closes ``descriptor``.

        Raises InputError where a header is damaged or the archive exceeds a limit.
        """
        self.shown = shown
        self.left_out: Counter[tuple[str, str]] = Counter()
        self._descriptor = descriptor
        self._files: dict[str, tar.Member] = {}
        self._folders: dict[str, set[str]] = {"": set()}
        self._without: dict[str, dict[str, str]] = {}
        self._held: dict[str, int] = {}
        self._names = pieces = 0
        size = os.fstat(descriptor).st_size

        def read(offset: int, count: int) -> bytes:
            return os.pread(descriptor, count, offset)

        for number, member in enumerate(tar.members(read, size, shown)):
            if number == MAX_MEMBERS:
                raise InputError(f"{shown}: tar archive: more than {MAX_MEMBERS} members")
            self._add(member)
            pieces += len(member.pieces or ())
            if self._names > _MAX_NAMES or pieces > _MAX_PIECES:
                what = "names are longer" if self._names > _MAX_NAMES else "files have more holes"
                raise InputError(f"{shown}: tar archive: its {what} than those of any machine")
        last = size // tar.BLOCK * tar.BLOCK - tar.BLOCK
        self._ends = not any(read(last, tar.BLOCK))
        for path in [p for p in self._files if p in self._folders]:
            self.left_out[_IN_A_FOLDERS_PLACE] += 1
            del self._files[path]

    def _add(self, member: tar.Member) -> None:
        parts = _parts(member.path)
        if parts is None:
            self.left_out[_OUTSIDE] += 1
            return
        if member.target:
            # A hard link is another name of a member before it; any other link may lead anywhere.
            same = self._files.get("/".join(_parts(member.target) or ()))
            member = member if same is None else same
        path = "/".join(parts)
        self._names += len(path)
        if member.kind in _WITHOUT:
            what, why = _WITHOUT[member.kind]
            self.left_out[what] += 1
            folder, _, name = path.rpartition("/")
            self._without.setdefault(folder, {})[name] = why
            if self._files.pop(path, None) is not None:
                self._folders[folder].remove(name)
                self.left_out[_REPLACED] += 1
            return
        for depth in range(len(parts) if member.kind == "folder" else len(parts) - 1):
            folder = "/".join(parts[: depth + 1])
            if folder not in self._folders:
                self._folders[folder] = set()
                self._names += len(folder)
        for depth in range(len(parts)):
            self._folders["/".join(parts[:depth])].add(parts[depth])
        if member.kind == "file" and parts:
            if path in self._files:
                self.left_out[_REPLACED] += 1
            self._files[path] = member

    def close(self) -> None:
        """Close the archive's descriptor and those it holds of members."""
        for descriptor in (self._descriptor, *self._held.values()):
            os.close(descriptor)
        self._held.clear()

    def is_folder(self, path: str) -> bool:
        """Tell whether ``path``, inside the archive, is a folder; "" is the archive itself."""
        return path in self._folders

    def is_file(self, path: str) -> bool:
        """Tell whether ``path``, inside the archive, is a file."""
        return path in self._files

    def exists(self, path: str) -> bool:
        """Tell whether ``path`` is a file, a folder, or a member without content such as a link."""
        return path in self._files or path in self._folders or bool(self._why(path))

    def without_content(self, path: str) -> list[str]:
        """Return the names of links, devices and the like in a folder, which do not open."""
        return [n for n in self._without.get(path, ()) if n not in self._folders.get(path, ())]

    def _why(self, path: str) -> str | None:
        """Return what is said of a member without content; None for any other path."""
        folder, _, name = path.rpartition("/")
        return self._without.get(folder, {}).get(name)

    def files(self) -> Iterable[str]:
        """Return the paths of all files."""
        return self._files.keys()

    def is_empty(self) -> bool:
        """Tell whether there are files and all of them have 0 bytes."""
        return bool(self._files) and not any(member.real for member in self._files.values())

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, sorted. Raises OSError where ``path`` is not a folder."""
        if path not in self._folders:
            code = errno.ENOTDIR if path in self._files else errno.ENOENT
            raise OSError(code, os.strerror(code), path)
        return sorted(self._folders[path])

    def notes(self) -> list[str]:
        """Return notes for the user: what was left out, and whether the archive may be cut off."""
        cut = f"{self.shown}: has no tar end mark: it may be cut off"
        said = [] if self._ends else [cut]
        if not self.left_out:
            return said
        counts = ", ".join(counted(n, *what) for what, n in sorted(self.left_out.items()))
        return [*said, f"{self.shown}: left out of this archive: {counts}"]

    def open(self, path: str) -> int:
        """Return a new descriptor of a file's content, positioned at its beginning.

        Raises OSError where there is no such file, InputError where it is a link or a device, or
        larger than :func:`hwpkho.base.unpacking.limit`.
        """
        member = self._files.get(path)
        if member is None:
            if (why := self._why(path)) and path not in self._folders:
                raise InputError(f"{self.shown}/{printable(path)}: {why}")
            code = errno.EISDIR if path in self._folders else errno.ENOENT
            raise OSError(code, os.strerror(code), path)
        if path in self._held:
            # A dup would share the file position with every other reader.
            return os.open(f"/proc/self/fd/{self._held[path]}", os.O_RDONLY | os.O_CLOEXEC)
        most = unpacking.limit(os.fstat(self._descriptor).st_size)
        if member.real > most:
            raise InputError(
                f"{self.shown}/{path}: {member.real} bytes are more than {human_bytes(most)}; "
                f"{unpacking.LIMIT}=SIZE raises that limit"
            )
        descriptor = self._copied(member, path)
        if member.real > unpacking.IN_MEMORY:
            if len(self._held) >= _MAX_HELD:
                os.close(self._held.pop(next(iter(self._held))))
            self._held[path] = os.dup(descriptor)
        return descriptor

    def _copied(self, member: tar.Member, path: str) -> int:
        pieces = self._content(member)
        if member.real <= unpacking.IN_MEMORY:
            return unpacking.in_memory(pieces, member.real)
        return unpacking.to_file(pieces, f"{self.shown}/{path}", member.real)

    def _content(self, member: tar.Member) -> Iterator[tuple[int, bytes]]:
        """Yield ``(offset in the file, bytes)`` of everything but the holes."""
        at = member.at
        for start, size in member.pieces or ((0, member.size),):
            for skip in range(0, size, _PIECE):
                data = os.pread(self._descriptor, min(_PIECE, size - skip), at + skip)
                yield start + skip, data
            at += size


def _parts(path: str) -> list[str] | None:
    """Split a member's path; None where it leads out of the archive, or is too long or deep."""
    if len(path) > _MAX_PATH:
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path or len(parts) > _MAX_DEPTH:
        return None
    return parts
