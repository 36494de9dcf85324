"""memmap= in boot settings: what the kernel gets of it, and what is said of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.neighbours import pages, said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.program import Result

    Cli = Callable[..., Result]

_CUT = "ends in a comma"
_NO_ADDRESS = "an empty value is not a size or address"
_TO_INIT = "stands behind --"
_SHELL = "its $ does not arrive at the kernel: /etc/default/grub needs {} in {} quotes"
_DOUBLE, _SINGLE = _SHELL.format(r"\\\$", "double"), _SHELL.format(r"\$", "single")
_GRUB = r"its $ does not arrive at the kernel: grub.cfg needs \$"
_DEFAULT = "GRUB_CMDLINE_LINUX_DEFAULT={0}quiet memmap=4K{1}$0x9000{0}\n"
_COMMAND = "menuentry 'L' {{\n\tlinux /vmlinuz ro {0}memmap=4K{1}$0x9000{0} quiet\n}}\n"
_ROWS = "memmap=0x8$0x9ff8,\n       0x10$0xaff8,\n       0x8$0xc000"


@pytest.mark.parametrize(
    ("text", "listed", "says"),
    [
        # The list of memtest86+ without its heading continues below.
        (f"{_ROWS}\n", [9, 0xA, 0xB, 0xC], ""),
        (f"{_ROWS},\n", [9, 0xA, 0xB, 0xC], _CUT),
        (f"{_ROWS},\n       \n", [9, 0xA, 0xB, 0xC], _CUT),
        (f"{_ROWS},\n       quiet\n", [9, 0xA, 0xB, 0xC], _CUT),
        (f"{_ROWS},\n\n       0x8$0xd000\n", [9, 0xA, 0xB, 0xC], _CUT),
        (f"{_ROWS} quiet,\n       0x8$0xd000\n", [9, 0xA, 0xB, 0xC], ""),
        (f"# {_ROWS}\nmemmap=4K$0xd000\n", [0xD], ""),
        (_ROWS.replace("\n", "\r\n") + "\r\n", [9, 0xA, 0xB, 0xC], ""),
        ("GRUB_CMDLINE_LINUX='memmap=4K\\$0x9000,\\\n4K\\$0xa000'\n", [9, 0xA], ""),
        (f"memmap=4K$0x1000,\nmemmap=4K$0x2000\n{_ROWS}\n", [1, 2, 9, 0xA, 0xB, 0xC], _CUT),
        ("memmap=4K$0x9000, 4K$0xa000\n", [9], _CUT),
        ("memmap=4K$0x9000,", [9], _CUT),
        ('memmap="4K$0x9000,\n4K$0xa000"\n', [9, 0xA], ""),
        ("memmap=1G@0,\n", [], _CUT),
        # The kernel takes each item by itself.
        ("memmap=4K$0x9000\nmemmap=4K$\n", [9], f"line 2: memmap=4K$: {_NO_ADDRESS}"),
        ("memmap=4K$ memmap=4K$0x9000\n", [9], f"line 1: memmap=4K$: {_NO_ADDRESS}"),
        ("memmap=4K$,4K$0x9000\n", [9], _NO_ADDRESS),
        ("memmap=4K$0x9000,0$0xa000\n", [9], "memmap=0$0xa000: expected"),
        ("memmap=4K$0x9000,4K$0xffffffffffffffff\n", [9], "expected memmap=SIZE$ADDRESS"),
        ("memmap=4K$\nmemmap=4K$x\n", None, f"line 1: memmap=4K$: {_NO_ADDRESS}"),
        # parse_args() stops at --.
        ("ro memmap=4K$0x9000 -- memmap=4K$0xa000\n", [9], f"memmap=4K$0xa000 {_TO_INIT}"),
        ("root=/dev/sda1 -- single memmap=4K$0x9000\n", None, _TO_INIT),
        ("GRUB_CMDLINE_LINUX='-- memmap=4K\\$0x9000'\nmemmap=4K$0xa000\n", [0xA], _TO_INIT),
        ("quiet --- memmap=4K$0x9000 --foo memmap=4K$0xa000\n", [9, 0xA], ""),
        ("A='x -- y' memmap=4K$0x9000 ; y -- x; memmap=4K$0xa000\n", [9, 0xA], ""),
        # The shell, or GRUB behind it, expands $0 unless it is escaped.
        *((_DEFAULT.format('"', "\\" * n), [9], "" if n == 3 else _DOUBLE) for n in range(6)),
        *((_DEFAULT.format("'", "\\" * n), [9], "" if n == 1 else _SINGLE) for n in range(5)),
        *((_COMMAND.format(quote, "\\" * n), [9], "" if n % 2 else _GRUB)
          for n in range(4) for quote in ("", '"')),
        (_COMMAND.format("'", ""), [9], ""),
        ("> memmap=4K$0x9000,\n>        4K$0xa000,\n>        4K$0xb000\n", [9, 0xA, 0xB], ""),
        ("export GRUB_CMDLINE_LINUX+=memmap=4K$0x9000\n", [9], _DOUBLE),
        ("GRUB_CMDLINE_LINUX='ro 'memmap=4K\\\\\\$0x9000' memmap=4K\\$0xa000'\n", [9, 0xA], ""),
        ('GRUB_CMDLINE_LINUX="memmap=4K\\\\\\$0x9000,4K$0xa000"\n', [9, 0xA], "memmap=4K$0xa000: "),
        ("GRUB_CMDLINE_LINUX=\"memmap='4K\\$0x9000'\"\n", [9], ""),
        ('GRUB_CMDLINE_LINUX="$(cat x) memmap=4K$0x9000"\n', [9], ""),
        ("GRUB_CMDLINE_LINUX=memmap=4K$0x9000\nGRUB_CMDLINE_LINUX='memmap=4K\\$0xa000'\n",
         [0xA], ""),
        ("linux vmlinuz memmap=4K$0x9000\n", [9], ""),
        ("linuxefi ($root)/vmlinuz memmap=4K$0x9000\n", [9], _GRUB),
        ("options root=/dev/sda ro memmap=4K$0x9000\n", [9], ""),
    ],
)  # fmt: skip
def test_what_the_kernel_gets(
    text: str, listed: list[int] | None, says: str, tmp_path: Path, cli: Cli
) -> None:
    got = said(cli, tmp_path, text)
    assert got.code == (3 if listed is None else 0), got.err
    assert says in got.err
    if listed is not None:
        assert pages(got.json["pfns"]) == set(listed)
        assert [p["code"] for p in got.json["problems"]] == (
            [] if not says else ["HP623" if "does not arrive" in got.err else "HP612"]
        )
