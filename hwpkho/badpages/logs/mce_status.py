"""What a machine check's registers say about an address.

An error that AMD calls deferred is uncorrected, as Intel's UCNA is: the data is lost, though nobody
has used it yet. Where its address is usable the kernel takes the page out by memory_failure(), and
EDAC logs it as UE.

Source: Intel SDM volume 3, 17.3 (MCi_STATUS, MCi_MISC) and 17.9 (error codes); AMD PPR, MCA;
arch/x86/kernel/cpu/mce/core.c (mce_is_memory_error, mce_usable_address, uc_decode_notifier),
arch/x86/kernel/cpu/mce/severity.c (mce_severity_amd),
arch/x86/kernel/cpu/mce/amd.c (smca_get_bank_type; a UMC's address is one of the channel).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hwpkho.badpages.logs.timeline import Timeline
    from hwpkho.badpages.logs.when import Place
    from hwpkho.badpages.model import Kind

_UC, _MISCV, _ADDRV, _DEFERRED = 1 << 61, 1 << 59, 1 << 58, 1 << 44
_INTEL, AMD, _HYGON = 0, 2, 9
#: Vendors whose memory controllers tell an address of their own, normalized.
NORMALIZING = (AMD, _HYGON)
#: MCi_MISC of Intel: how many low bits of the address do not count, and what the address is.
_LSB, _MODE_SHIFT, _MODE, _LINEAR, _PHYSICAL = 0x3F, 6, 7, 1, 2
_MAX_LSB = 30
#: Hardware of a memory controller in MCA_IPID.
_UMC = 0x96


@dataclass(slots=True)
class Record:
    """One machine check as far as its lines are read, or a row of rasdaemon's database.

    Attributes:
        status: MCi_STATUS.
        addr: MCi_ADDR.
        misc: MCi_MISC.
        ipid: MCA_IPID of AMD.
        vendor: 0 Intel, 2 AMD, as in the kernel's line ``PROCESSOR``.
        uncorrected: What words say of it, where there is no status.
        smca: Whether the processor has MCA_IPID: which bank it is only that tells.
        channel: Whether words say that a bank is of a memory controller with an address of its own.
        time: Seconds since 1970.
    """

    status: int | None = None
    addr: int | None = None
    misc: int | None = None
    ipid: int | None = None
    vendor: int | None = None
    uncorrected: bool | None = None
    smca: bool = False
    channel: bool = False
    time: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was read that counts."""
        return self.status is None and self.addr is None and self.uncorrected is None


class Found(NamedTuple):
    """What a machine check of memory says.

    Attributes:
        bad: Whether it was not corrected; None where nothing tells.
        address: In bytes; None where it tells no physical one.
        extent: Bytes that the address is about, a power of two.
        why: Why it tells none, printable; empty where it tells one.
    """

    bad: bool | None
    address: int | None
    extent: int = 1
    why: str = ""

    @property
    def kind(self) -> Kind:
        """The kind of bad page."""
        return "uncorrected" if self.bad else "corrected"


def assess(record: Record) -> Found | None:
    """Return what a machine check says; None for one that is not about memory, or says nothing."""
    status, bad = record.status, record.uncorrected
    addr, misc = record.addr, record.misc
    if status is not None:
        amd = record.vendor in NORMALIZING or record.smca or record.ipid is not None
        bad = bool(status & _UC) or (amd and bool(status & _DEFERRED))
        if not of_memory(status & 0xFFFF):
            return None
        addr = addr if status & _ADDRV else None
        misc = misc if status & _MISCV else None
    elif record.empty:
        return None
    umc = record.channel or (record.ipid or 0) >> 32 & 0xFFF == _UMC
    if umc or (record.smca and record.ipid is None):
        what = "with a memory-channel address, not a physical address"
        return Found(bad, None, why=what)
    extent = 1 if misc is None else _extent(record, misc)
    if not addr or extent is None:
        return Found(bad, None, why="without a physical address")
    return Found(bad, addr, extent)


def settle(log: Timeline, place: Place, record: Record) -> None:
    """Add what a machine check names to the log's list."""
    found = assess(record)
    if found is None:
        return
    if found.address is None:
        if found.bad:
            log.unusable(place, f"an uncorrected machine check {found.why}")
    elif found.bad is None:
        log.unsettled(place, found.address, found.extent)
    else:
        log.addresses(place, found.address, found.kind, extent=found.extent, epoch=record.time)


def of_memory(code: int) -> bool:
    """Tell whether an error code can be about memory: its controller, a cache, a bus to memory.

    Others are about the processor or I/O, whatever their address register holds. A code of which
    that is not known counts.
    """
    code &= 0xEFFF  # bit 12 says how errors are counted
    if code & 0x0800:
        return not code >> 2 & 3  # what the bus was used for: memory
    # 2 to 7: of the processor itself; 0x400 and above likewise; 0x10 to 0x1f: of a TLB.
    return not (2 <= code <= 7 or 0x0010 <= code <= 0x001F or code & 0x0400)


def _extent(record: Record, misc: int) -> int | None:
    """Return how many bytes an address is about; None where it is no physical one."""
    if record.vendor in NORMALIZING or record.ipid is not None:
        return 1
    lsb, mode = misc & _LSB, misc >> _MODE_SHIFT & _MODE
    if mode == _LINEAR:
        return None
    if mode != _PHYSICAL:
        return 1
    return 1 << lsb if lsb <= _MAX_LSB else None
