"""Windows' list of bad memory."""

from __future__ import annotations

import re

import pytest

from tests.support import neighbours
from tests.support.measure import within
from tests.support.neighbours import pages, said


@pytest.mark.parametrize("truth", neighbours.samples("bcdedit"), ids=lambda p: p.name)
def test_samples(truth, cli) -> None:
    neighbours.check(cli, truth, "bcdedit")


_SET = "bcdedit /set {badmemory} badmemorylist "
_ENUM = """C:\\Windows\\system32>bcdedit /enum {badmemory}

RAM-Defekte
-----------
Bezeichner              {badmemory}
badmemorylist           0xb7
                        0xb8
                        0xd8
"""


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        (_ENUM, [0xB7, 0xB8, 0xD8]),
        (_ENUM.encode("utf-16"), [0xB7, 0xB8, 0xD8]),
        ("".join(f"> | {line}\n\n" for line in _ENUM.splitlines()), [0xB7, 0xB8, 0xD8]),
        (
            _ENUM.replace("{badmemory}", "{5189b25c-5558-4bf2-bca4-289b11bd29e2}"),
            [0xB7, 0xB8, 0xD8],
        ),
        (_SET + "0x1\n" + _ENUM, [0xB7, 0xB8, 0xD8]),
        ("BCDEdit.exe -set '{badmemory}' BadMemoryList 0x10 17 & pause\n", [0x10, 17]),
        ("bcdedit /set `{badmemory`} badmemorylist 0x1 `\r\n 0x2\r\n", [1, 2]),
        (_SET + "0x1 ^\n 0x2 ^\n 0x3\nbcdedit /set badmemoryaccess no\n", [1, 2, 3]),
        (_SET + "0x1 0x2\n0x3\n", [1, 2, 3]),
        ("rem " + _SET + "0x1\n:: " + _SET + "0x2\n", []),
        (_SET + "0x1\nbcdedit /deletevalue {badmemory} badmemorylist\n", []),
        ("bcdedit /store D:\\BCD /set {badmemory} badmemorylist 0x5\n", [5]),
        (_SET + "0x1\n" + _SET + "0x2\nAn error has occurred setting the element data.\n", [1]),
        (_SET + "0x1\nThe operation completed successfully.\n", [1]),
    ],
)
def test_commands_and_what_they_print(text, listed, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text)
    assert got.code == 0, got.err
    assert got.json["form"] == "bcdedit"
    assert pages(got.json["pfns"]) == set(listed)


def test_a_pfn_at_the_end_may_be_cut_off(tmp_path, cli) -> None:
    got = said(cli, tmp_path, _ENUM.rstrip("\n"))
    assert [(p["code"], p["where"]) for p in got.json["problems"]] == [("HP612", "line 8")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (_SET + "0xb7-0xc1\n", "not a range"),
        (_SET + "b7\n", "is not a PFN"),
        (re.sub("^", "[10:00:00] ", _ENUM, flags=re.MULTILINE), "behind something else"),
        (_ENUM.replace("  0xb8", "7: 0xb8").replace("  0xB8", "7: 0xB8"), "not a line of"),
        (_SET + "\n", "without PFNs"),
        (_SET + "0x10000000000000000\n", "is not a PFN"),
        (_SET + "99999999999999999999\n", "is not a PFN"),
    ],
)
def test_what_is_refused(text, says, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text)
    assert got.code == 3
    assert says in got.err


def test_a_command_without_the_object_is_said(tmp_path, cli) -> None:
    got = said(cli, tmp_path, "bcdedit /set badmemorylist 0xb7\n" + _SET + "0x1\n")
    assert got.json["pfns"] == [1]
    assert [p["code"] for p in got.json["problems"]] == ["HP620"]


@pytest.mark.parametrize(
    "lines",
    [
        ["a^\n"] * 200_000,
        ["bcdedit " * 8000 + "\n"] * 4,
        ["bcdedit" + " /set {" * 9000 + "\n"] * 4,
        [_SET + "1" + " " * 60_000 + "2\n"] * 4,
    ],
    ids=["joined", "commands", "objects", "blanks"],
)
def test_long_lines_take_no_longer_than_they_are(lines, tmp_path, cli) -> None:
    text = _SET + "0x1\n\n" + "".join(lines)
    got = within(2, lambda: said(cli, tmp_path, text))
    assert got.code == 0, got.err


def test_its_pages_are_of_4_kib_whatever_those_of_the_kernel_are(tmp_path, cli) -> None:
    path = tmp_path / "bcd"
    path.write_text("bcdedit /set {badmemory} badmemorylist 0x20 0x2f 0x31\n")
    assert cli("list", "--pfns", "--page-size", 65536, path).out == "0x2\n0x3\n"
    assert cli("list", "--pfns", "--page-size", 4096, path).out == "0x20\n0x2f\n0x31\n"
