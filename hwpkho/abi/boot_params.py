"""Where x86's struct boot_params, the zero page, has the setup header; a bzImage has it there, too.

Source: arch/x86/include/uapi/asm/bootparam.h, Documentation/arch/x86/boot.rst.
"""

from __future__ import annotations

#: Offset of the header's magic, and what is there.
HEADER, HEADER_MAGIC = 0x202, b"HdrS"
#: Offset of setup_data: the physical address of its first entry, 64 bits.
SETUP_DATA = 0x250
