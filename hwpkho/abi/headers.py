"""The fixed-size structures of handovers and EFI tables, each declared once.

Source: include/linux/kho/abi/kexec_handover.h, arch/x86/include/uapi/asm/setup_data.h, the
proposed include/linux/kho/abi/hwpoison.h, include/linux/kho/abi/{luo,block,memfd}.h,
include/linux/efi.h and the postings that add LINUX_EFI_POISONED_MEMORY to it. Integers have the
byte order of the machine that wrote them; the architectures with KHO are little endian.

No other module uses construct.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from construct import Bytes, Int16ul, Int32sl, Int32ul, Int64ul, Struct

from hwpkho.base.counting import counted

if TYPE_CHECKING:
    from construct import Construct, Container

#: ``struct kho_vmalloc``, 16 bytes.
KHO_VMALLOC = Struct(
    "first" / Int64ul, "total_pages" / Int32ul, "flags" / Int16ul, "order" / Int16ul
)

#: ``struct kho_hwpoison_metadata``, 32 bytes, packed.
HWPOISON = Struct("version" / Int32ul, "pad" / Int32ul, "count" / Int64ul, "pfns" / KHO_VMALLOC)

#: ``struct kho_kexec_metadata``, 73 bytes, packed.
KEXEC_METADATA = Struct("version" / Int32ul, "release" / Bytes(65), "kexec_count" / Int32ul)

#: ``struct kho_data``, the payload of x86 setup_data type 10, 32 bytes, packed.
KHO_DATA = Struct(
    "fdt_addr" / Int64ul, "fdt_size" / Int64ul, "scratch_addr" / Int64ul, "scratch_size" / Int64ul
)

#: ``struct setup_data`` without its payload, 16 bytes.
SETUP_DATA = Struct("next" / Int64ul, "type" / Int32ul, "len" / Int32ul)

#: Head of a chunk of bitmaps of the kho-v1 tracker, 16 bytes.
BITMAP_CHUNK = Struct("next" / Int64ul, "order" / Int32ul, "num_elms" / Int32ul)

#: ``struct linux_efi_poisoned_memory`` of layout ``list``: a node without its entries, 16 bytes.
EFI_POISONED_NODE = Struct("size" / Int32sl, "count" / Int32sl, "next" / Int64ul)

#: The same of layout ``bitmap``, 16 bytes; the bitmap follows.
EFI_POISONED_BITMAP = Struct("version" / Int32ul, "unit_size" / Int32ul, "size" / Int64ul)

#: The same of layout ``bitmap-base``, 24 bytes; the bitmap follows.
EFI_POISONED_BITMAP_BASE = Struct(
    "version" / Int32ul, "unit_size" / Int32ul, "phys_base" / Int64ul, "size" / Int64ul
)

#: The fields behind the compatible string of ``struct luo_ser``, 24 bytes.
LUO_FIELDS = Struct("liveupdate_num" / Int64ul, "sessions_pa" / Int64ul, "flbs_pa" / Int64ul)

#: Head of a block of sessions, of a block of files (``next``, ``count``) and of the page of FLBs
#: (``pgcnt``, ``count``), 16 bytes.
LUO_HEAD = Struct("first" / Int64ul, "count" / Int64ul)

#: ``struct memfd_luo_ser``, 48 bytes, packed.
MEMFD_LUO = Struct(
    "pos" / Int64ul,
    "size" / Int64ul,
    "seals" / Int32ul,
    "flags" / Int32ul,
    "nr_folios" / Int64ul,
    "folios" / KHO_VMALLOC,
)

#: ``efi_config_table_64_t``, 24 bytes.
EFI_CONFIG_ENTRY = Struct("guid" / Bytes(16), "table" / Int64ul)


@cache
def _size(header: Construct[Any, Any]) -> int:
    """Return the size of a header in bytes; construct's sizeof() computes it anew each time."""
    size: int = header.sizeof()
    return size


def parse(header: Construct[Any, Any], raw: bytes | memoryview) -> Container[Any]:
    """Read ``header`` from exactly its own size of bytes; ValueError for any other length."""
    data = bytes(raw)
    if len(data) != _size(header):
        raise ValueError(f"{counted(len(data), 'byte')} where the structure has {_size(header)}")
    container: Container[Any] = header.parse(data)
    return container


def build(header: Construct[Any, Any], **fields: object) -> bytes:
    """Return the bytes of ``header`` with these field values.

    Raises construct's error for a field that is missing or does not fit.
    """
    raw: bytes = header.build(fields)
    return raw
