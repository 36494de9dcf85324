"""LUO: a plain structure that begins with its compatible string (include/linux/kho/abi/luo.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.base.escape import printable
from hwpkho.errors import InputError
from hwpkho.handover.subtrees.base import SubtreeReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hwpkho.handover.problems import Report
    from hwpkho.images.base import Source

_MAGIC = b"luo-v"
#: Bytes of the blob, and where ``sessions_pa`` stands in it.
_SIZE, _SESSIONS, _SESSIONS_END = 32, 16, 24
_REUSED = "the kernel has freed and reused it"


class LuoReader(SubtreeReader):
    """See the module. The kernel frees the incoming blob in early_initcall (luo_early_startup)."""

    name = "LUO"
    kind = "luo"
    freed = _SIZE

    def read(
        self, raw: bytes, _source: Source, _page_size: int | None, _report: Report
    ) -> dict[str, Any]:
        """Return its compatible string."""
        text, end, _ = raw[:_SIZE].partition(b"\0")
        if not end or not text.startswith(_MAGIC):
            raise InputError("does not begin with luo-v…")
        return {"compatible": printable(text)}

    def shown(self, details: Mapping[str, Any]) -> str:
        """Return its compatible string."""
        return str(details["compatible"])

    def released(self, raw: bytes) -> bool:
        """Tell whether these bytes are no LUO blob."""
        return not raw.startswith(_MAGIC)

    def newer(self, copied: bytes, there: bytes) -> str | None:
        """Say why memory may differ: LUO fills its blob inside reboot(KEXEC), after any copy."""
        if not copied.startswith(_MAGIC) or len(copied) < _SIZE or self.released(there):
            return _REUSED
        same = copied[:_SESSIONS] == there[:_SESSIONS]
        unset = not any(copied[_SESSIONS:_SESSIONS_END])
        return "LUO was not serialized yet" if same and unset else None


READER = LuoReader()
