"""The subtree LUO: a structure that begins with a compatible string, see :mod:`hwpkho.abi.luo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwpkho.abi import luo as abi
from hwpkho.abi.kho import LUO
from hwpkho.base.escape import printable
from hwpkho.handover.subtrees.base import SubtreeReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hwpkho.abi.spans import Span
    from hwpkho.handover.luo.model import LuoTree
    from hwpkho.handover.problems import Report
    from hwpkho.handover.reach import Reach
    from hwpkho.images.base import Source

_REUSED = "the kernel has freed and reused it"


class LuoReader(SubtreeReader):
    """See the module. The kernel frees the incoming blob in early_initcall (luo_early_startup)."""

    name = LUO
    kind = "luo"
    freed = abi.SIZE
    dangles = True

    def read(
        self, raw: bytes, _source: Source, _page_size: int | None, _report: Report
    ) -> dict[str, Any]:
        """Return its compatible string."""
        blob = abi.Luo.parse(raw)
        return {"compatible": printable(blob.compatible)}

    def follow(self, raw: bytes, phys: int | None, reach: Reach) -> LuoTree:
        """Return the sessions, their files, and the files' memory."""
        from hwpkho.handover.luo import walk  # imported only for a handover with LUO

        return walk.walk(raw, phys, reach)

    def spans(self, raw: bytes) -> Sequence[Span]:
        """Return the parts of the blob."""
        return abi.Luo.parse(raw).spans()

    def shown(self, details: Mapping[str, Any]) -> str:
        """Return its compatible string."""
        return str(details["compatible"])

    def released(self, raw: bytes) -> bool:
        """Tell whether these bytes are not a LUO blob."""
        return not abi.looks_like(raw)

    def newer(self, copied: bytes, there: bytes) -> str | None:
        """Return why memory may differ from a copy: LUO fills in its blob inside reboot(KEXEC)."""
        try:
            before, now = abi.Luo.parse(copied), abi.Luo.parse(there)
        except ValueError:
            return _REUSED
        same = before == now._replace(sessions_pa=before.sessions_pa, flbs_pa=before.flbs_pa)
        if same and not before.sessions_pa:
            return "LUO was not serialized yet"
        return None


READER = LuoReader()
