"""Evaluates the registers of a machine check: is it about memory, how bad, at which address?

A deferred error of AMD counts as uncorrected, like Intel's UCNA: the data is lost, even if nothing
has used it yet. If the address is usable, the kernel calls memory_failure() for the page, and EDAC
logs it as UE.

Source: Intel SDM volume 3, 17.3 (MCi_STATUS, MCi_MISC) and 17.9 (error codes); AMD PPR, MCA;
arch/x86/kernel/cpu/mce/core.c (mce_is_memory_error, mce_usable_address, uc_decode_notifier),
arch/x86/kernel/cpu/mce/severity.c (mce_severity_amd),
arch/x86/kernel/cpu/mce/amd.c (smca_get_bank_type; the address in a UMC bank is a channel address).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from hwpkho.badpages.kinds import Kind
    from hwpkho.badpages.logs.timeline import Timeline
    from hwpkho.badpages.logs.when import Place

_VAL, _UC, _MISCV, _ADDRV, _DEFERRED = 1 << 63, 1 << 61, 1 << 59, 1 << 58, 1 << 44
_INTEL, AMD, _HYGON = 0, 2, 9
#: The registers that a log prints in lines of their own, or last in a line.
Register = Literal["status", "addr", "misc", "ipid"]

#: Vendors whose memory controllers report a normalized address of their own.
NORMALIZING = (AMD, _HYGON)
#: Intel's MCi_MISC: number of undefined low bits of the address, and the address mode.
_LSB, _MODE_SHIFT, _MODE, _LINEAR, _PHYSICAL = 0x3F, 6, 7, 1, 2
_MAX_LSB = 30
#: Hardware ID of a unified memory controller in MCA_IPID.
_UMC = 0x96


@dataclass(slots=True)
class Record:
    """One machine check, as far as its lines have been read, or a row of rasdaemon's database.

    Attributes:
        status: MCi_STATUS.
        addr: MCi_ADDR.
        misc: MCi_MISC.
        ipid: MCA_IPID of AMD.
        vendor: 0 Intel, 2 AMD, as in the kernel's line ``PROCESSOR``.
        uncorrected: Severity by the log's text, where there is no status; None where unknown.
        smca: Whether the processor has MCA_IPID, without which the bank's type is unknown.
        channel: Whether the log's text says that the bank is a memory controller's, whose address
            is a channel address.
        time: Seconds since 1970.
        broken: The registers whose number goes on in another line.
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
    broken: set[Register] = field(default_factory=set)

    @property
    def empty(self) -> bool:
        """Whether neither status nor address nor severity was read."""
        return self.status is None and self.addr is None and self.uncorrected is None


class Found(NamedTuple):
    """The evaluation of a machine check about memory.

    Attributes:
        bad: Whether the error was not corrected; None where unknown.
        address: Physical address in bytes, None where it reports none.
        extent: Bytes affected around the address, a power of two.
        why: Why there is no address, printable; empty where there is one.
    """

    bad: bool | None
    address: int | None
    extent: int = 1
    why: str = ""

    @property
    def kind(self) -> Kind:
        """The kind of bad page; ``corrected`` where ``bad`` is None."""
        return "uncorrected" if self.bad else "corrected"


def assess(record: Record) -> Found | None:
    """Evaluate a machine check; None for one that is not about memory, or without registers."""
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
    counts = misc is not None and not _normalizes(record)
    if record.broken - (set() if counts else {"misc"}):
        return Found(bad, None, why="with a number that is broken at the end of a line")
    return Found(bad, addr, extent)


def settle(log: Timeline, place: Place, record: Record) -> None:
    """Evaluate a machine check and add its page, or a problem, to ``log``."""
    if record.status and not record.status & _VAL:  # its last digits are cut off
        log.unusable(place, "a machine check whose status is damaged: bit 63 (valid) is not set")
        return
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
    """Tell whether an MCA error code can be about memory: its controller, a cache, a bus to it.

    Others are about the processor or I/O, whatever their address register holds. An unknown code
    counts as memory.
    """
    code &= 0xEFFF  # bit 12 is only about corrected error filtering
    if code & 0x0800:
        return not code >> 2 & 3  # bus transaction type: 0 is memory
    # 2 to 7 and 0x400 and above: the processor itself; 0x10 to 0x1f: a TLB.
    return not (2 <= code <= 7 or 0x0010 <= code <= 0x001F or code & 0x0400)


def _normalizes(record: Record) -> bool:
    """Tell whether MCi_MISC says nothing of the address."""
    return record.vendor in NORMALIZING or record.ipid is not None


def _extent(record: Record, misc: int) -> int | None:
    """Return how many bytes an error affects; None where its address is not physical."""
    if _normalizes(record):
        return 1
    lsb, mode = misc & _LSB, misc >> _MODE_SHIFT & _MODE
    if mode == _LINEAR:
        return None
    if mode != _PHYSICAL:
        return 1
    return 1 << lsb if lsb <= _MAX_LSB else None
