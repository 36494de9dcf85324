"""Quoted-printable mails as logs, and texts that only look like them."""

from __future__ import annotations

import base64
import quopri
from typing import Any

import pytest

from hwpkho.logs.text import Ending, blocks
from tests.support.measure import within

TEXT = (
    b"Command line: root=UUID=1 memmap=64K$0x18690000\n"
    b"[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] device reserved\n"
    b"[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x00000000bffd8fff] System RAM\n"
)
QUOTED = quopri.encodestring(TEXT)
HEADER = b"DKIM-Signature: v=1; d=x=\nContent-Transfer-Encoding: quoted-printable\n\n"


def _read(text: bytes, size: int = 1 << 16) -> bytes:
    return b"".join(blocks(text[at : at + size] for at in range(0, len(text), size)))


@pytest.mark.parametrize("size", [70, 1 << 16])
def test_a_mail_is_decoded_below_its_header(size: int) -> None:
    assert _read(HEADER + QUOTED, size) == HEADER + TEXT
    mime = b'Content-Type: multipart/mixed; boundary="_b"\n\n--_b\n' + HEADER + QUOTED
    after = b"--_b\nContent-Transfer-Encoding: 7bit\n\nx=20\nefi: =3D\n"
    assert _read(mime + after, size) == mime[: -len(QUOTED)] + TEXT + after
    assert _read(HEADER + QUOTED + b"From x 2026\nx=20\n", size).endswith(b"From x 2026\nx=20\n")


@pytest.mark.parametrize("size", [130, 1 << 16])
@pytest.mark.parametrize("end", [b"", b"\n", b"\nbye\n", b"--_b\n"])
def test_mails_one_behind_the_other_have_their_own_encodings(size: int, end: bytes) -> None:
    header = b"From: a@b\nContent-Transfer-Encoding:\n base64\n\n"
    coded = header + base64.encodebytes(TEXT) + end
    assert _read(coded + HEADER + QUOTED, size) == header + TEXT + end + HEADER + TEXT
    assert _read(HEADER + QUOTED + coded, size) == HEADER + TEXT + header + TEXT + end


@pytest.mark.parametrize(
    "text",
    [QUOTED, QUOTED.replace(b"\n", b"\r\n"), QUOTED.replace(b"=\n", b"= \n"),
     b"\n".join(QUOTED.split(b"\n")[1:])],
)  # fmt: skip
def test_what_is_plainly_quoted_printable_is_decoded(text: bytes) -> None:
    assert _read(text).endswith(TEXT.partition(b"\n")[2])


@pytest.mark.parametrize(
    "text",
    [b"badram=3D000000,FFFFF000\n", b"a=20\n", b"GRUB_CMDLINE_LINUX=\nnext\n",
     b"// comes in C++20, but is supported " + b"x" * 30 + b" -std >=\n// C++11.\n",
     b"x=3D0x1 y=z\n",
     b"efi: x=3D0x1 " + b"y" * 90 + b"\n", b"addr=3D001000\naddr=3D002000\naddr=3D003000\n"],
)  # fmt: skip
def test_numbers_behind_an_equals_sign_stay(text: bytes) -> None:
    assert _read(text) == text


def test_a_line_that_never_ends_costs_no_memory() -> None:
    text = HEADER + b"abc =\n" * 50_000
    assert max(map(len, blocks(text[at : at + 4096] for at in range(0, len(text), 4096)))) < 1 << 17


@pytest.mark.parametrize(("end", "line"), [(b"=\n", "abc"), (b"", "abc"), (b"\n", None)])
def test_a_mail_that_ends_where_a_line_is_broken(end: bytes, line: str | None) -> None:
    ending = Ending()
    for block in blocks(ending.watch([HEADER + b"abc" + end]), ending.mails):
        ending.block = block
    assert ending.line == line


def test_each_mail_of_a_mailbox_has_its_own_boundary() -> None:
    mail = (
        b"From a Mon Jan  1 2026\nContent-Type: multipart/mixed; Boundary=b%d\n\n--b%d\n"
        + HEADER
        + b"a=3Db\n--b%d--\nmemmap=64K$0x18690000\n"
    )
    text = _read(b"".join(mail % (n, n, n) for n in range(40)))
    assert (text.count(b"memmap=64K$"), text.count(b"\na=b\n")) == (40, 40)


def test_many_parts_cost_no_time() -> None:
    marks = b"From a 2026\n" + b"".join(b"boundary=z%d\n" % n for n in range(16))
    header = HEADER.partition(b"\n")[2]
    text = marks + (header + b"a\n--z1\n") * 10_000
    within(2, lambda: _read(text))


def test_a_long_setting_of_a_mail(tmp_path: Any, cli: Any) -> None:
    path = tmp_path / "grub"
    pages = ",".join(f"{n << 14:#x},0xfffffffffffff000" for n in range(1, 9001))
    path.write_bytes(HEADER + quopri.encodestring(f'GRUB_BADRAM="{pages}"\n'.encode()))
    assert cli("list", "--pfns", path).out.count("\n") == 9000


def test_an_e820_in_a_mail(tmp_path: Any, cli: Any) -> None:
    path = tmp_path / "mail"
    path.write_bytes(QUOTED)
    got = cli("memmap", "--json", path)
    assert [e["type"] for e in got.json["maps"][0]["entries"]] == ["reserved", "usable"]
    line = b"Memory failure: 0x1234: recovery action for dirty LRU page: Recovered\n"
    path.write_bytes(quopri.encodestring(b"[    7.000000] " + line))
    assert cli("list", "--pfns", path).out == "0x1234\n"
