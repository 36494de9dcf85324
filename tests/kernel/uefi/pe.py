"""Makes an EFI application of flat code: pe.py CODE > FILE.EFI

The code begins with its entry point, reads and writes only itself, and needs no relocation: so one
section holds all of it. Source: UEFI 2.10, 2.1.1; Microsoft's "PE Format".
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

_PAGE = 4096
_DIRECTORIES = 16
_COFF = struct.Struct("<4sHHIIIHH")
_OPTIONAL = struct.Struct("<HBBIIIIIQIIHHHHHHIIIIHHQQQQII")
_SECTION = struct.Struct("<8sIIIIIIHHI")
_AT = 64  # of the header behind the stub for DOS
_X86_64, _EXECUTABLE, _LARGE, _PE32_PLUS, _EFI_APPLICATION = 0x8664, 2, 0x20, 0x20B, 10
_CODE_RWX = 0xE000_0020


def application(code: bytes) -> bytes:
    """Return the file."""
    size = -(-len(code) // _PAGE) * _PAGE
    options = _OPTIONAL.size + 8 * _DIRECTORIES
    head = bytearray(_PAGE)
    head[:2] = b"MZ"
    struct.pack_into("<I", head, 60, _AT)
    flags = _EXECUTABLE | _LARGE
    _COFF.pack_into(head, _AT, b"PE\0\0", _X86_64, 1, 0, 0, 0, options, flags)
    at = _AT + _COFF.size
    _OPTIONAL.pack_into(
        head, at, _PE32_PLUS, 0, 0, size, 0, 0, _PAGE, _PAGE, 0, _PAGE, _PAGE, 0, 0, 0, 0, 0, 0, 0,
        _PAGE + size, _PAGE, 0, _EFI_APPLICATION, 0, 0, 0, 0, 0, 0, _DIRECTORIES,
    )  # fmt: skip
    at += options
    _SECTION.pack_into(head, at, b".text", size, _PAGE, size, _PAGE, 0, 0, 0, 0, _CODE_RWX)
    return bytes(head) + code.ljust(size, b"\0")


if __name__ == "__main__":
    sys.stdout.buffer.write(application(Path(sys.argv[1]).read_bytes()))
