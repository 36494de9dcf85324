"""What dmidecode prints of a machine's DIMMs."""

from __future__ import annotations

DMIDECODE = """\
# dmidecode 3.5
Getting SMBIOS data from sysfs.

Handle 0x1100, DMI type 17, 92 bytes
Memory Device
\tArray Handle: 0x1000
\tSize: 16 GB
\tLocator: A1
\tBank Locator: P0 CH0
\tSerial Number: 35A2F1C0

Handle 0x1101, DMI type 17, 92 bytes
Memory Device
\tSize: 16384 MB
\tLocator: A2
\tBank Locator: P0 CH1
\tSerial Number: {second}

Handle 0x1102, DMI type 17, 92 bytes
Memory Device
\tSize: No Module Installed
\tLocator: A3
\tBank Locator: P0 CH2
\tSerial Number: NO DIMM

Handle 0x2000, DMI type 20, 35 bytes
Memory Device Mapped Address
\tStarting Address: 0x00000000000
\tEnding Address: 0x003FFFFFFFF
\tRange Size: 16 GB
\tPhysical Device Handle: 0x1100
\tPartition Row Position: 1
{more}
Handle 0x2001, DMI type 20, 35 bytes
Memory Device Mapped Address
\tStarting Address: 0x00400000000
\tEnding Address: 0x007FFFFFFFF
\tPhysical Device Handle: 0x1101
"""


def listing(second: str = "35A2F1C1", more: str = "") -> str:
    """Return it for two DIMMs; ``second`` is the serial number of one, ``more`` stands below."""
    return DMIDECODE.format(second=second, more=more)
