"""Makes hwpkho one file that runs with nothing but python3: ``make zipapp``.

The file is a zip archive with a line for the kernel before it. It holds hwpkho and what it always
needs, unpacked from wheels; order, times and modes of its members are fixed, so that the same
wheels make the same bytes, on any machine and with any Python.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

#: Runs with every Python there is, to tell an old one what is missing.
MAIN = """\
import sys
if sys.version_info < (3, 11):
    sys.exit("hwpkho: needs Python 3.11 or later; this is %d.%d, %s"
             % (sys.version_info[0], sys.version_info[1], sys.executable))
if __name__ == "__main__":
    from hwpkho.cli.entry import program
    program()
"""
#: As hatchling dates the members of a wheel. No SOURCE_DATE_EPOCH: the file in a Debian package is
#: the one that stands beside it.
_TIME = (2020, 2, 2, 0, 0, 0)


def members(wheels: list[Path]) -> dict[str, bytes]:
    """Return what the archive holds, by its path: modules, data, metadata and licences.

    A wheel's list of its own files is left out, and what it puts beside its modules: scripts, and
    manual pages, which are in the package as well. Raises ValueError where a wheel is not of pure
    Python, or two hold the same path.
    """
    found = {"__main__.py": MAIN.encode()}
    for wheel in wheels:
        if not wheel.name.endswith("-none-any.whl"):
            raise ValueError(f"{wheel.name}: not a wheel of pure Python")
        with ZipFile(wheel) as archive:
            for name in archive.namelist():
                top = name.split("/")[0]
                if top.endswith(".data") or name.endswith(("/", ".dist-info/RECORD")):
                    continue
                if name in found:
                    raise ValueError(f"{wheel.name}: {name} is in another wheel, too")
                found[name] = archive.read(name)
    return found


def build(wheels: list[Path]) -> bytes:
    """Return the file: the line that names python3, then the archive. Raises as members() does."""
    held = members(wheels)
    out = io.BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for name in sorted(held):
            member = ZipInfo(name, _TIME)
            member.external_attr = 0o100644 << 16
            member.create_system = 3  # Unix, also where it is made elsewhere
            member.compress_type = ZIP_DEFLATED
            archive.writestr(member, held[name])
    return b"#!/usr/bin/env python3\n" + out.getvalue()


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheels", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    try:
        given.output.write_bytes(build(given.wheels))
        given.output.chmod(0o755)
    except (ValueError, OSError) as error:
        print(f"zipapp: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
