"""How every ELF file begins.

Source: include/uapi/linux/elf.h (ELFMAG).
"""

from __future__ import annotations

MAGIC = b"\x7fELF"
