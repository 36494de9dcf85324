"""Text forms of memory maps: real logs and listings, and what the world does to text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from hwpkho.errors import InputError
from hwpkho.memmap import read_memmap
from tests.support.examples import crossed
from tests.support.mapfiles import (
    FIXTURES,
    READABLE,
    REFUSED,
    SEVERAL,
    TRUTH,
    named,
    plain,
    primary,
    read_text,
    rows,
    text_of,
    unstamped,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hwpkho.memmap.model import Map

#: Where truth.json speaks of a map in words.
SPOKEN = {"Xen-e820 RAM map": "xen_e820", "Initial Xen-e820 RAM map": "xen_e820_initial"}

E820 = "01-dmesg-e820/surface-book.txt"
E820_GAPS = "01-dmesg-e820/qemu-7.3.4-q35.txt"
E820_OLD = "01b-dmesg-e820-old/ubuntu-i386-28.txt"
EFI_OLD = "02-dmesg-efi/apple-efi110-type-attr-partial.txt"
EFI = "02-dmesg-efi/qemu-7.3.4-ovmf.txt"
EFI_ARM64 = "02b-dmesg-efi-arm64/qemu-arm64-7.3.4.txt"
SHELL = "03-efi-shell/thinkpad-e14-utf16.txt"
GRUB = "04-grub/qemu-ovmf-lsefimmap.txt"
UBOOT = "05-uboot/efidebug-memmap-sample.txt"
BDINFO = "05-uboot/qemu-bdinfo-arm64.txt"
IOMEM = "06-proc-iomem/qemu-arm64-6.1.txt"
XEN = "08-xen-freebsd-esxi/xen-4.17-bios-dom0.txt"
FREEBSD = "08-xen-freebsd-esxi/freebsd-arm64-efi-table.txt"


def same(map_: Map, entries: list[list[Any]], *, attributes: bool) -> None:
    if attributes:
        assert rows(map_) == entries
    else:
        assert plain(rows(map_)) == plain(entries)


@pytest.mark.parametrize("name", READABLE)
def test_every_real_map_is_read_as_it_is_known(name: str, subtests: pytest.Subtests) -> None:
    truth = TRUTH[name]
    memmap = read_memmap([str(FIXTURES / name)])
    shown = primary(memmap)
    told = any(len(e) > 3 for e in truth["entries"])
    same(shown, truth["entries"], attributes=told)
    assert shown.name == SPOKEN.get(truth.get("primary"), truth.get("primary", shown.name))
    for spoken, entries in truth.get("others", {}).items():
        with subtests.test(spoken):
            other = named(memmap, SPOKEN.get(spoken, spoken.split(" ")[0]))
            same(other, entries, attributes=any(len(e) > 3 for e in entries))
    assert len({m.name for m in memmap.maps}) == len(memmap.maps)


@pytest.mark.parametrize("name", SEVERAL)
def test_boots_that_differ_are_named_and_can_be_chosen(
    name: str, subtests: pytest.Subtests
) -> None:
    path = str(FIXTURES / name)
    with pytest.raises(InputError, match=r"boot 0 .*boot 1 .*--boot"):
        read_memmap([path])
    boots = TRUTH[name]["boots"]
    for number, maps in enumerate(boots):
        options = [str(number), *(["last"] if number == len(boots) - 1 else [])]
        for option in options:
            with subtests.test(option):
                memmap = read_memmap([path], boot=option)
                assert {m.boot for m in memmap.maps} == {number}
                known = {map_name: plain(entries) for map_name, entries in maps.items()}
                assert {x: plain(rows(named(memmap, x))) for x in known} == known


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_map_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read_memmap([str(FIXTURES / name)])
    message = str(caught.value)
    assert "\n" not in message
    assert name.rsplit("/", 1)[1] in message


def each_line(change: Callable[[str], str]) -> Callable[[str], bytes]:
    return lambda text: "\n".join(map(change, text.split("\n"))).encode()


def prefixed(prefix: str, encoding: str = "utf-8") -> Callable[[str], bytes]:
    def change(text: str) -> bytes:
        lines = (prefix + line for line in unstamped(text).split("\n"))
        return "\n".join(lines).encode(encoding, "replace")

    return change


def mail(width: int, quote: str = "") -> Callable[[str], bytes]:
    """Break lines at blanks as a mail program does."""

    def change(text: str) -> bytes:
        lines: list[str] = []
        for line in text.split("\n"):
            parts = textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
            lines += parts or [""]
        return "\n".join(quote + line for line in lines).encode()

    return change


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "UTF-16LE with mark": lambda t: b"\xff\xfe" + t.encode("utf-16-le"),
    "UTF-16BE with mark": lambda t: b"\xfe\xff" + t.encode("utf-16-be"),
    "UTF-16LE": lambda t: t.encode("utf-16-le"),
    "UTF-16BE": lambda t: t.encode("utf-16-be"),
    "UTF-8 with mark": lambda t: b"\xef\xbb\xbf" + t.encode(),
    "CR LF": lambda t: t.replace("\n", "\r\n").encode(),
    "CR CR LF": lambda t: t.replace("\n", "\r\r\n").encode(),
    "CR": lambda t: t.replace("\n", "\r").encode(),
    "no-break spaces": lambda t: t.replace(" ", "\u00a0").encode(),
    "no-break spaces, latin-1": lambda t: t.replace(" ", "\u00a0").encode("latin-1", "replace"),
    "NULs": lambda t: bytes(5000) + t.encode().replace(b"\n", b"\n\0"),
    "escapes": lambda t: (
        "\x1b[2J\x1b[01;01H" + t.replace("\n", "\x1b[0m\n\x1b[1;32m") + "\x1b]0;title\x07"
    ).encode(),
    "trailing blanks": each_line(lambda line: line.ljust(200)),
    "double spaced": each_line(lambda line: line + "\n"),
    "quoted": each_line(lambda line: "> " + line),
    "quoted twice": each_line(lambda line: ">> " + line),
    "indented": each_line(lambda line: "    " + line),
    "each line twice": each_line(lambda line: f"{line}\n{line}"),
    "mail, 72 columns": mail(72),
    "mail, 76 columns": mail(76),
    "mail, 64 columns, quoted": mail(64, "> "),
}


HANDLED = [
    E820, E820_GAPS, E820_OLD, EFI_OLD, EFI, EFI_ARM64, SHELL, GRUB, UBOOT, BDINFO, IOMEM, XEN,
    FREEBSD,
]  # fmt: skip


@pytest.mark.parametrize(("name", "how"), crossed(HANDLED, ENCODINGS, 5))
def test_no_handling_of_text_changes_a_map(name: str, how: str, tmp_path: Path) -> None:
    if name == IOMEM and how.startswith("mail"):
        pytest.skip("blanks tell the levels of /proc/iomem")
    memmap = read_text(tmp_path / "log", ENCODINGS[how](text_of(name)))
    told = any(len(e) > 3 for e in TRUTH[name]["entries"])
    same(primary(memmap), TRUTH[name]["entries"], attributes=told)


PREFIXES = (
    "",
    " ",
    "[    0.000000]",
    "[ 0.000000] ",
    "[    0.000000][    T0] ",
    "[    0.000000] [      T0] ",
    "<6>[    0.000000] ",
    "kern  :info  : [Fri Apr  7 10:11:12 2023] ",
    "[Thu May  9 13:41:42 2019] ",
    "Jun  3 10:11:12 host kernel: ",
    "Jun  3 10:11:12 host kernel: [    0.000000] ",
    "févr. 03 10:11:12 host kernel: ",
    "2月 03 10:11:12 host kernel: [    0.000000] ",
    "[    0.893358] kernel: ",
    "[    0.893358] host kernel: ",
    "10:11:12 host kernel: ",
    "2023-12-01T11:43:58.591595Z INFO kernel: [    0.000000] ",
    "1840 17:54:41.413121  <6>[    0.000000] ",
    "[\u00a0\u00a0\u00a0 0.000000] ",
)


@pytest.mark.parametrize(("name", "prefix"), crossed(HANDLED[:6], PREFIXES, 3))
def test_every_logger_s_prefix_is_seen_through(name: str, prefix: str, tmp_path: Path) -> None:
    memmap = read_text(tmp_path / "log", prefixed(prefix)(text_of(name)))
    told = any(len(e) > 3 for e in TRUTH[name]["entries"])
    same(primary(memmap), TRUTH[name]["entries"], attributes=told)


def test_a_latin_1_month_is_no_obstacle(tmp_path: Path) -> None:
    data = prefixed("févr. 03 10:11:12 hôte kernel: ", "latin-1")(text_of(E820))
    same(primary(read_text(tmp_path / "log", data)), TRUTH[E820]["entries"], attributes=False)
