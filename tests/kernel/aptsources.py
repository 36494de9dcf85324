"""Prints the machine's own Debian archive as apt sources: as they are, and with SUITE beside them.

Usage: aptsources.py SUITE. No address is written here: it is taken from what the machine has.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_APT = Path("/etc/apt")
_RELEASE = re.compile(r"(?:stable|oldstable|testing|[a-z]+)")
_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<parts>.+)"
)


def stanzas() -> Iterator[dict[str, str]]:
    """Yield the entries for binary packages, of both forms, in the newer one's terms."""
    for path in sorted(_APT.glob("sources.list.d/*.sources")):
        for block in re.split(r"\n\s*\n", path.read_text()):
            lines = [x for x in block.splitlines() if x and not x.startswith("#")]
            fields: dict[str, str] = {}
            key = ""
            for line in lines:
                if line[0] in " \t":
                    fields[key] += "\n" + line
                elif ":" in line:
                    key, _, value = line.partition(":")
                    fields[key] = value.strip()
            if "deb" in fields.get("Types", "").split() and fields.get("Enabled") != "no":
                yield fields
    for path in [_APT / "sources.list", *sorted(_APT.glob("sources.list.d/*.list"))]:
        for line in path.read_text().splitlines() if path.exists() else ():
            match = _LINE.match(line.strip())
            if match:
                fields = {"URIs": match["uri"], "Suites": match["suite"]}
                fields["Components"] = match["parts"]
                for option in (match["options"] or "").split():
                    if option.startswith("signed-by="):
                        fields["Signed-By"] = option.partition("=")[2]
                yield fields


def main(suite: str) -> int:
    """Print the stanzas; 1 where the machine has no entry for a Debian release."""
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    for fields in stanzas():
        releases = [s for s in fields.get("Suites", "").split() if _RELEASE.fullmatch(s)]
        if "debian" not in fields.get("URIs", "") or not releases:
            continue
        signed = fields.get("Signed-By") or (str(keyring) if keyring.exists() else "")
        for wanted in (releases[0], suite):
            print("Types: deb")
            print("URIs:", fields["URIs"])
            print("Suites:", wanted)
            print("Components: main")
            if signed:
                print("Signed-By:", signed)
            print()
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
