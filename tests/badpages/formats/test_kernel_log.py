"""Bad pages in kernel logs: what the kernel took out, what was reported, boots, wrappings."""

from __future__ import annotations

import io
import itertools
import json
import quopri
import textwrap
import time
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwpkho.badpages.formats.kernel_log import FORM
from hwpkho.badpages.logs import reader, timeline
from hwpkho.badpages.registry import Asked
from hwpkho.base.garbage import uncollected
from hwpkho.errors import InputError, UsageError
from hwpkho.images.files import HeldBytes
from tests.support import neighbours
from tests.support.examples import much
from tests.support.measure import within
from tests.support.neighbours import SAMPLES, pages, said

FOLDERS = ("dmesg-hwpoison", "edac-dmesg", "ghes-cper", "node-problem-detector", "pstore")
TRUTHS = [truth for folder in FOLDERS for truth in neighbours.samples(folder)]
MF = "Memory failure: 0x{:x}: recovery action for dirty LRU page: Recovered"
#: A page dump, with an address behind "page:" or not.
DUMP = (
    "page:{} refcount:0 mapcount:0 mapping:0000000000000000 index:0x20ffd pfn:0x{:x}\n"
    "memcg:ffff0000dd6d9000\nanon flags: 0x17ffffc0800000({}|node=0|zone=2|lastcpupid=0x1fffff)\n"
    "raw: 0017ffffc0800000 dead000000000100 dead000000000122 0000000000000000\n"
    "page dumped because: migration failure\n"
)
#: The line of a dump that names its page ends with its number.
_BROKEN_DUMP = (
    "[   10.000000] page: refcount:1 mapcount:0 mapping:0000000000000000 index:0x0 pfn:{}\n"
    "[   10.000001] flags: 0xfffffc0800000(hwpoison|node=0|zone=1)\n"
)
BANNER = "[    0.000000] Linux version 6.12.0 (build@host1) #1 SMP"


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_samples(truth, cli) -> None:
    neighbours.check(cli, truth, "kernel-log")


def read(text: str | bytes, boot: str | None = None):
    data = text if isinstance(text, bytes) else text.encode()
    return FORM.read(HeldBytes("log", memoryview(data)), Asked(boot=boot))


def kinds(text: str | bytes, boot: str | None = None) -> set[tuple[int, str]]:
    found = read(text, boot)
    return {(p, m.kind) for m in found.mentions for p in range(m.first, m.last + 1)}


QUOTED = b"Content-Transfer-Encoding: quoted-printable\n\n"

WRAPPINGS = {
    "syslog": lambda t: "".join(f"Feb 23 03:28:16 host1 kernel: {x}\n" for x in t.splitlines()),
    "journal-iso": lambda t: "".join(
        f"2026-01-02T03:04:05+0100 host1 kernel: {x}\n" for x in t.splitlines()
    ),
    "levels": lambda t: "".join(f"<3>{x}\n" for x in t.splitlines()),
    "caller": lambda t: t.replace("] ", "][  T123] ", 1),
    "mail": lambda t: "".join(f"> > {x}\n" for x in t.splitlines()),
    "crlf": lambda t: t.replace("\n", "\r\n"),
    "export": lambda t: "".join(f"PRIORITY=3\nMESSAGE={x}\n\n" for x in t.splitlines()),
    "json": lambda t: "".join(
        json.dumps({"_TRANSPORT": "kernel", "MESSAGE": x}) + "\n" for x in t.splitlines()
    ),
    "string": lambda t: json.dumps(
        {
            "Output": "[    9.000000] usb 1-1: new device\r\n" * 200 + t.replace("\n", "\r\n"),
        }
    ),
    "one-line": lambda t: " ".join(t.splitlines()) + "\n",
    "utf-16": lambda t: t.encode("utf-16"),
    "nuls before": lambda t: bytes(100_000) + t.encode(),
    "nuls between": lambda t: bytes(3).join(x.encode() + b"\n" for x in t.splitlines()),
    "nuls behind": lambda t: t.encode() + bytes(100_000),
    "web": lambda t: "<pre>" + t.replace("\n", "<br>\n") + "</pre>\n",
}


@pytest.mark.parametrize("how", WRAPPINGS)
@pytest.mark.parametrize("sample", ["dmesg-hwpoison/05", "dmesg-hwpoison/19", "ghes-cper/08"])
def test_wrappings(sample, how, tmp_path, cli) -> None:
    text = (SAMPLES / f"{sample}.txt").read_text()
    want = json.loads((SAMPLES / f"{sample}.truth.json").read_text())
    got = said(cli, tmp_path, WRAPPINGS[how](text))
    assert got.code == 0, got.err
    assert pages(got.json["pfns"]) == pages(want["pfns"])


@pytest.mark.parametrize("width", [50, 60, 72])
@pytest.mark.parametrize("sample", ["dmesg-hwpoison/03", "edac-dmesg/05", "ghes-cper/08"])
def test_broken_by_a_mail_program(sample, width) -> None:
    text = (SAMPLES / f"{sample}.txt").read_text()
    wrapped = "\n".join(
        part
        for line in text.splitlines()
        for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
    )
    assert kinds(wrapped) == kinds(text)


def test_a_number_that_a_terminal_broke() -> None:
    assert kinds("[ 1.000000] Memory failure: 0x10\n2f01: recovery action for x: Failed\n") == {
        (0x102F01, "poisoned")
    }
    full = _BROKEN_DUMP.format("0x0000000000000009\n01")
    assert kinds(full) == {(9, "poisoned")}
    panic = "[    2.000000] Kernel panic - not syncing: Memory failure on page 7f0\n01\n"
    broken = read(f"{MF.format(9)}\n{panic}")
    assert (broken.pfns.tolist(), broken.problems[0].code) == ([9], "HP612")


@pytest.mark.each
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MCE 0x318: recovery action for dirty LRU page: Recovered", {(0x318, "poisoned")}),
        (
            "Memory failure: 0x9: Killing qemu:7 due to hardware memory corruption",
            {(9, "poisoned")},
        ),
        (
            "Memory failure: 0x9: Sending SIGBUS to a:1 due to hardware memory corruption",
            {(9, "poisoned")},
        ),
        ("Memory failure: 0x9: recovery action for reserved page: Ignored", {(9, "poisoned")}),
        (
            "Memory failure: 0x9: recovery action for already poisoned page: Failed",
            {(9, "poisoned")},
        ),
        ("Memory failure: 0x9: recovery action for non struct page pfn: Ignored", set()),
        (
            (
                "Memory failure: 0x9: Sending SIGBUS to a:1 due to hardware memory corruption\n"
                "Memory failure: 0x9: recovery action for non struct page pfn: Recovered"
            ),
            set(),
        ),
        ("Memory failure: 0x9: memory outside kernel control", set()),
        # 2.6.32 to 3.x.
        ("MCE 0x9: dirty LRU page recovery: Recovered", {(9, "poisoned")}),
        ("MCE 0x9: reserved kernel page recovery: Failed", {(9, "poisoned")}),
        ("MCE 0x9: Memory outside kernel control", set()),
        (
            "MCE 0x9: Killing a.out:7 early due to hardware memory corruption",
            {(9, "poisoned")},
        ),
        (
            "MCE 0x9: dirty LRU page recovery: Recovered\nMCE: Page was already unpoisoned 0x9",
            set(),
        ),
        (
            "Memory failure: buffer overflow when queuing memory failure at 0x9",
            {(9, "uncorrected")},
        ),
        # The colon is lost, the number is not.
        ("Memory failure: 0x9 recovery action for dirty LRU page: Recovered", {(9, "poisoned")}),
        (MF.format(9) + "\nUnpoison: Software-unpoisoned page 0x?", {(9, "poisoned")}),
        ("mcelog: Offlining page 9000\nUnpoison: Software-unpoisoned page 0x9", set()),
        (
            (
                "Soft offline: 0x9: invalidated\nmcelog: Offlining page 9000\n"
                "mcelog: Offlining page 9000 failed: Device or resource busy"
            ),
            {(9, "soft-offlined")},
        ),
        (  # of the processor: what its address register holds is no place in memory
            (
                "[Hardware Error]: CPU 1: Machine Check Exception: 5 Bank 0: be00000000800400\n"
                "mce: [Hardware Error]: TSC 1 ADDR 9440"
            ),
            set(),
        ),
        ("Soft offline: 0x9: thp split failed", set()),
        ("soft offline: 0x9 page already poisoned", {(9, "soft-offlined")}),
        ("soft_offline: 0x9: invalidated", {(9, "soft-offlined")}),
        # 5.10 to 5.18.
        ("soft_offline_page: 0x9 page already poisoned", {(9, "soft-offlined")}),
        ("soft_offline_page: 0x9: unknown page type: 1000 ()", set()),
        # vm.memory_failure_recovery=0; and the sysctl of 7.x, which panics after the flag is set.
        ("Kernel panic - not syncing: Memory failure on page 1a2b", {(0x1A2B, "uncorrected")}),
        (
            "Kernel panic - not syncing: Memory failure from trap 18 on page 9\nCPU: 3 PID: 7",
            {(9, "uncorrected")},
        ),
        (
            "Kernel panic - not syncing: Memory failure: 0x9: unrecoverable page",
            {(9, "poisoned")},
        ),
        ("Soft offline: 0x9: invalidated\nUnpoison: 0x9: software-unpoisoned page", set()),
        (MF.format(9) + "\nUnpoison: Software-unpoisoned free page 0x9", set()),
        (MF.format(9) + "\nMCE: Software-unpoisoned page 0x9", set()),
        (MF.format(9) + "\nUnpoison: Page was already unpoisoned 0x9", set()),
        (MF.format(9) + "\nUnpoison: 0x9: someone maps the hwpoison page", {(9, "poisoned")}),
        (MF.format(9) + "\nMemory failure: 0x9: just unpoisoned", set()),
        (
            "EDAC MC0: UE page 0x9, offset 0x0, grain 0\nUnpoison: Software-unpoisoned page 0x9",
            {(9, "uncorrected")},
        ),
        ("EDAC MC0: UE page 0x9, offset 0x0, grain 4096, row 0, labels", {(9, "uncorrected")}),
        (
            "EDAC MC0: 2 UE x on y ( page:0x11 offset:0x10 grain:8192)",
            {(0x10, "uncorrected"), (0x11, "uncorrected")},
        ),
        ("EDAC MC0: 1 UE x on y ( page:0x9 offset:0x0 grain:-3841)", {(9, "uncorrected")}),
        (
            "EDAC MC0: 1 UE x on y (page:0x0 offset:0x0 grain:32 -  SystemAddress:0x9000 z)",
            {(9, "uncorrected")},
        ),
        ("EDAC MC0: 1 CE x on y ( page:0x9 offset:0x0 grain:32 syndrome:0x0)", {(9, "corrected")}),
        (
            (
                "mcelog: Offlining page 9000\nmcelog: Offlining page a000\n"
                "mcelog: Offlining page a000 failed: Invalid argument"
            ),
            {(9, "soft-offlined")},
        ),
        (
            (
                "[Hardware Error]: CPU 1: Machine Check Exception: 5 Bank 7: be00000001010090\n"
                "mce: [Hardware Error]: TSC 1 ADDR 9440 MISC 86"
            ),
            {(9, "uncorrected")},
        ),
        (
            (
                "EDAC sbridge MC1: CPU 1: Machine Check Event: 0 Bank 11: 8c00004f000800c2\n"
                "EDAC sbridge MC1: ADDR 9000\nEDAC sbridge MC1: MISC 900040004001e8c"
            ),
            {(9, "corrected")},
        ),
        (  # AMD's decoder up to 3.13
            (
                "[Hardware Error]: CPU:0\tMC4_STATUS[Over|UE|MiscV|-|AddrV|UECC]: "
                "0xfc00200000080a13\n[Hardware Error]: \tMC4_ADDR: 0x0000000000009440"
            ),
            {(9, "uncorrected")},
        ),
        (  # a bus error of I/O: no memory
            (
                "[Hardware Error]: CPU 1: Machine Check Exception: 5 Bank 6: be00000000000e0b\n"
                "mce: [Hardware Error]: TSC 1 ADDR 9440"
            ),
            set(),
        ),
        (
            "mce: Uncorrected hardware memory error in user-access at 9440",
            {(9, "uncorrected")},
        ),
        (
            (
                "{1}[Hardware Error]:  Error 0, type: fatal\n"
                "{1}[Hardware Error]:   section_type: memory error\n"
                "{1}[Hardware Error]:   physical_address: 0x0000000000009000\n"
            ),
            {(9, "uncorrected")},
        ),
        (
            (
                "{1}[Hardware Error]: event severity: corrected\n"
                "{1}[Hardware Error]:   physical_address: 0xffffffffffffffff\n"
            ),
            set(),
        ),
        (
            (
                "{1}[Hardware Error]:   physical_address: 0x0000000000009000\n"
                "EDAC MC0: 1 UE x on y ( page:0x9 offset:0x0 grain:32)"
            ),
            {(9, "uncorrected")},
        ),
        (
            (
                "[Hardware Error]: severity: 1, fatal\n"
                "[Hardware Error]: section: 0, severity: 2, corrected\n"
                "[Hardware Error]: section_type: memory error\n"
                "[Hardware Error]: physical_address: 0x0000000000009000"
            ),
            {(9, "corrected")},
        ),
        (
            "Injecting memory failure for pfn 0x9 at process virtual address 0x1000\n" + BANNER,
            set(),
        ),
    ],
)
def test_what_lines_say(text, found) -> None:
    assert kinds(text + "\n") == found


@pytest.mark.parametrize(
    "text",
    [
        "Memory failure: 0x1a2b",
        "Memory failure: 0x (",
        "Memory failure: 0x1a?b: recovery action for dirty LRU page: Recovered",
        "Memory failure: 0x12345678901234567: recovery action for dirty LRU page: Failed",
        "Memory failure: : recovery action for dirty LRU page: Recovered",
        "Memory failure: (nil): already hardware poisoned",
        "Memory failure: buffer overflow when queuing memory failure at",
        "Soft offline: 0x (",
        "Memory failure: 0xXXXXX: already poisoned",
        "Memory failure: 0x77001: ",
        "Kernel panic - not syncing: Memory failure on page ",
        "Soft offline: 0x1a2b",
        "EDAC MC0: UE - no information available: x",
        "EDAC MC0: 1 UE x on y ( page:0x0 offset:0x0 grain:32)",
        "{1}[Hardware Error]: event severity: recoverable",
        "{1}[Hardware Error]: event severity: fatal\n{1}[Hardware Error]: section_type: memory er",
        "[Hardware Error]: CPU:2 (17:31:0) MC17_STATUS[-|UE|MiscV|AddrV|-|TCC|SyndV|UECC]: 0x",
        "[Hardware Error]: CPU 1: Machine Check Exception: 5 Ban",
        "{1}[Hardware Error]:Error 0, type: fatal\n{1}[Hardware Error]: section_type: memory error",
        (
            "{1}[Hardware Error]: event severity: fatal\n"
            "{1}[Hardware Error]:   physical_address: 0x00000000000090"
        ),
        "{1}[Hardware Error]:   physical_address: 0x0000000000009000",
        (
            "{1}[Hardware Error]: event severity: fatal\n"
            "{1}[Hardware Error]:   physical_address: 0xffffffffffffffff"
        ),
        "MCE: Killing qemu:7 due to hardware memory corruption fault at 7f0000001000",
        (
            "[Hardware Error]: CPU:2 (17:31:0) MC17_STATUS[Over|UE|MiscV|AddrV|-|TCC|SyndV|UECC]: "
            "0xfc002000000b011b\n[Hardware Error]: Error Addr: 0x0000000000009000\n"
            "[Hardware Error]: IPID: 0x0000009600050f00, Syndrome: 0x0"
        ),
        "[Hardware Error]: CPU 1: Machine Check Exception: 5 Bank 7: ba00000001010090",
    ],
)
def test_bad_and_no_page_named(text, tmp_path, cli) -> None:
    """Alone it is refused; beside a page it is said."""
    got = said(cli, tmp_path, text + "\n")
    assert got.code == 3
    assert "line" in got.err
    got = said(cli, tmp_path, f"{MF.format(0x123)}\n{text}\n")
    assert (got.code, got.json["pfns"]) == (0, [0x123])
    assert "HP612" in {p["code"] for p in got.json["problems"]}


_MCE = "[Hardware Error]: "
_STATUS = f"{_MCE}CPU 1: Machine Check: 0 Bank 7: be00000001010090\n{_MCE}TSC 1 "
_AMD = f"{_MCE}CPU:0 (15:1:2) MC4_STATUS[-|UE|-|-|AddrV|UECC]: 0xb400200000080a13\n{_MCE}MC4_ADDR: "
_SMCA = (
    f"{_MCE}CPU:2 (17:31:0) MC17_STATUS[-|UE|MiscV|AddrV|-|-|SyndV|UECC]: 0xbc002000000b011b\n"
    f"{_MCE}Error Addr: 0x0000000000009440\n{_MCE}IPID: "
)


@pytest.mark.slow
@pytest.mark.parametrize("around", ["{}\n", "> {}\n", '{{"MESSAGE":"{}","PRIORITY":"0"}}\n'])
@pytest.mark.parametrize(
    "broken",
    [
        f"{_STATUS}ADDR 94~40 MISC 86", f"{_STATUS}ADDR 94~40",
        f"{_STATUS}MISC 86 ADDR 94~40", f"{_STATUS}ADDR 9440 MISC 8~6",
        f"{_STATUS}ADDR 94~40 SYND1 1 SYND2 2", f"{_AMD}0x00000000000094~40",
        f"{_SMCA}0x00000096~00050f00, Syndrome: 0x0",
        "mce: Uncorrected hardware memory error in user-access at 94~40",
        "mce: Uncorrected hardware memory error in user-access ~at 9440",
        *(f"[    1.000000] x\nmce: Uncorrected hardware memory error in {at}" for at in
          ("u~ser-access at 9440", "user-acc~ess at 9440", "user-access a~t 9440")),
        "mcelog: Off~lining page 9440", "mcelog[7]: Offlining pa~ge 9440",
        "mce: Uncorrected hardware memory error in user-access at ~9440",
        "mcelog: Offlining page 94~40", "mcelog: Offlining page ~9440",
        "mcelog: Offlining page 94~40 failed: Invalid argument",
        # Two CPUs print at once on a serial console.
        f"{_STATUS}ADDR 94[   12.400000] BUG: x~40 MISC 86", f"{_STATUS}ADDR 94<4>[   12.4] x~40",
        f"{_AMD}0x00000000000094[   12.400000] x40", f"{_AMD}0x0000000000009<4>[   12.4] x~440",
        f"{_SMCA}0x00000096<6>[   13.0] x~00050f00, Syndrome: 0x0",
        "mce: Uncorrected hardware memory error in user-access at 94[   13.000000] x40",
        "mcelog: Offlining page 94<4>[   12.4] x40",
    ],
)  # fmt: skip
def test_a_register_that_is_broken_names_no_page(broken, around, tmp_path, cli, subtests) -> None:
    """By a terminal or mail program. In a log that is read from its end, too."""
    text = "".join(around.format(line) for line in broken.split("\n"))
    halves = text.replace("~", "\n> " if around.startswith(">") else "\n")
    with subtests.test("alone"):
        got = said(cli, tmp_path, halves)
        assert got.code == 3
        assert "broken at the end of" in got.err
    stamped = [f"2026-01-02T03:0{9 - n}:00Z host1 kernel: {MF.format(n)}\n" for n in range(8)]
    if "{" not in around and "\n" not in broken:
        with subtests.test("newest first"):
            found = read("".join(stamped[:4]) + halves + "".join(stamped[4:]))
            assert sorted(found.pfns.tolist()) == [*range(8)]
            assert "HP612" in {p.code for p in found.problems}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "pages"),
    [
        # No rest: a stamp, a word, what is not below; of 16 digits there is none.
        (f"{_STATUS}ADDR 9440\n[   12.0] a\n", {9}),
        (f"{_STATUS}ADDR 9440\nadded 40\n", {9}),
        (f"40\n{_STATUS}ADDR 9440\n", {9}),
        (f"{_STATUS.replace('be', 'b4')}ADDR 9440 MISC 8\n6\n", {9}),  # no MISC
        (f"{_STATUS}ADDR 94\n40\n{_MCE}ADDR 9440\n", {9}),  # said again
        (f"{_AMD}0x0000000000009440\n12\n", {9}),
        ("mcelog: Offlining page 9000\nMemory failure: 0x9: just unpoisoned\n", set()),
        (  # Newest first: the rest is below the entry before.
            "".join(
                f"Jan  1 00:0{9 - n}:00 host1 mcelog: Offlining page {page}\n"
                for n, page in enumerate(("8000", "12345\n6000", "9000", "a000", "b000"))
            ),
            {8, 9, 10, 11},
        ),
    ],
)  # fmt: skip
def test_a_register_that_is_whole(text, pages) -> None:
    assert {pfn for pfn, _ in kinds(text)} == pages


_EVENT = (
    f"{{1}}{_MCE}Hardware error from APEI Generic Hardware Error Source: 4",
    f"{{1}}{_MCE}event severity: recoverable", f"{{1}}{_MCE} Error 0, type: recoverable",
    f"{{1}}{_MCE}  section_type: memory error",
    f"{{1}}{_MCE}  physical_address: 0x0000000000009440",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "lines",
    [
        (MF.format(9),), ("Soft offline: 0x9: page already poisoned",), _EVENT,
        ("mcelog: Offlining page 9440",),
        ("mce: Uncorrected hardware memory error in user-access at 9440",),
        (f"mce: {_MCE}CPU 1: Machine Check Exception: 5 Bank 7: be00000001010090",
         f"mce: {_MCE}TSC 2a5d3f1b8c ADDR 9440 MISC 86 PPIN 1a2b3c4d5e6f"),
        tuple(f"{_AMD}0x0000000000009440".split("\n")),
        tuple(f"{_SMCA.replace('17:31', '19:31')}0x000000b000000000, Syndrome: 0x0".split("\n")),
        (("EDAC MC0: 1 UE memory read error on CPU_SrcID#0_Ha#0_Chan#1_DIMM#0 (channel:1 slot:0 "
         "page:0x9 offset:0x0 grain:32 syndrome:0x0 - area:DRAM err_code:0101:0090 socket:0)"),),
    ],
)  # fmt: skip
def test_a_mail_with_wrapped_lines_hides_no_page(lines) -> None:
    """Wherever its lines are broken: the page is named, or there is a problem."""
    wrong = []
    for host, width, quote in itertools.product(range(1, 30), (70, 78), ("", "> ")):
        stamped = [f"May 10 01:40:38 {'h' * host} kernel: [   12.345678] {line}" for line in lines]
        wrapped = (
            quote + part
            for line in stamped
            for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
        )
        text = "\n".join(wrapped) + "\n"
        try:
            found = read(text)
        except InputError:
            continue
        pages = {pfn for m in found.mentions if m.kind != "corrected" for pfn in (m.first, m.last)}
        if pages != {9} and (pages or len(found.problems) < 2):
            wrong.append((text, pages))
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("> Memory\n> failure: 0x9: recovery action for x: Ignored\n", {9}),
        *((f"{MF.format(9)[:at]}{between}{MF.format(9)[at:]}\n", {9})
          for at in (1, 8, 13, 14) for between in ("\n", "<4>[   12.4] ", "login: ")),
        ("Memory failure: 0\nx9: recovery action for x: Ignored\n", {9}),
        ("Soft\noffline: 0x9: page\nalready poisoned\n", {9}),
        ("EDAC\nMC0: 1 UE x on y (page:0x9 offset:0x0 grain:32)\n", {9}),
        (f"{_STATUS.replace('Machine ', f'Machine{chr(10)}')}ADDR 9440\n", {9}),
        (f"{_STATUS.replace('0 Bank', f'0{chr(10)}Bank')}ADDR 9440\n", {9}),
        *((f"{_AMD.replace(at, f'{chr(10)}{at.strip()}')}0x0000000000009440\n", {9})
          for at in (" (15:", " MC4_STATUS")),
        ("\n".join(_EVENT).replace("memory error", "memory e<4>[   12.4] rror") + "\n", {9}),
        # Other programs' lines.
        (f"{MF.format(9)}\nfailure: 0x8 is no page\nBank 7: be is x\nADDR 8000\n", {9}),
        (f"{MF.format(9)}\nOfflining\nCPU 3\nUE 8 is on\nOfflining\n", {9}),
    ],
)  # fmt: skip
def test_what_is_left_of_a_broken_message(text, pages) -> None:
    found = read(text)
    assert {pfn for m in found.mentions for pfn in (m.first, m.last)} == pages
    assert [p.code for p in found.problems] == ["HP614"]


@pytest.mark.slow
def test_what_looks_broken_takes_no_time(subtests) -> None:
    lines = ("UE on ", "UE on x (", "Bank 7: be ", "MC4_STATUS[", "Offlining ", "+0800 error: ")
    for line in (*lines, "0x9: recovery action for ", "Uncorrected error(s): "):
        with subtests.test(line):
            text = (
                MF.format(9)
                + "\n"
                + (line * 300 + "\n") * (much(1 << 16, 1 << 19) // len(line) // 300)
            )
            within(len(text) / (1 << 20), lambda: kinds(text))  # noqa: B023


@pytest.mark.slow
def test_a_soft_offlining_whose_result_is_cut_off(tmp_path, cli, subtests) -> None:
    for result, code in (
        *(("", 3), (" p", 3), (" page alre", 3), (" page already poison", 3), (" inval", 3)),
        *((" page is in use", 0), (" isolation failed", 0), (" invalidated", 0)),
    ):
        with subtests.test(result):
            text = f"Soft offline: 0x9:{result}\n[    2.000000] eth0: up\n"
            assert said(cli, tmp_path, text).code == code


@pytest.mark.slow
def test_a_status_that_is_interrupted(tmp_path, cli, subtests) -> None:
    for at in ("x", "xb", "xbc0020", "xbc002000000b011"):
        text = _SMCA.replace(f"0{at}", f"0{at[:-1]}<6>[   13.0] x\n{at[-1:]}", 1)
        with subtests.test(at):
            assert said(cli, tmp_path, f"{text}0x000000b000000000, Syndrome: 0x0\n").code == 3


@pytest.mark.slow
def test_the_family_of_a_processor_is_in_another_line(tmp_path, cli, subtests) -> None:
    """If it is in none, the address may be of a memory channel."""
    for family in ("", "(19:31:0) "):
        with subtests.test(family):
            text = _SMCA.split(_MCE + "IPID")[0].replace("CPU:2 (17:31:0) ", f"\n{family}")
            assert said(cli, tmp_path, text).code == 3


@pytest.mark.parametrize(
    "stamp", ["1764480001.00000{} host1 kernel: ", "[    1.00000{} <    0.1>] "]
)
def test_a_stamp_is_no_part_of_a_number_that_was_cut(stamp, tmp_path, cli) -> None:
    said = [MF.format(9), "Kernel panic - not syncing: Memory failure on page ", "CPU: 3"]
    path = tmp_path / "log"
    path.write_text("".join(f"{stamp.format(n)}{line}\n" for n, line in enumerate(said)))
    got = cli("list", "--pfns", path)
    assert got.out == "0x9\n"
    assert "line 2: Memory failure: the number is cut off" in got.err


@pytest.mark.parametrize(
    "line",
    [
        "mce: Uncorrected hardware memory error in user-access at 1c5e0b7400",
        (
            "mce: [Hardware Error]: CPU 1: Machine Check Exception: 5 Bank 1: bd80000000100134\n"
            "mce: [Hardware Error]: TSC 0 ADDR 1c5e0b7400"
        ),
        "a-1 [0] d..1 2.000000: cxl_poison: memdev=mem0 trace_type=List hpa=0x1c5e0b7400",
    ],
)
def test_a_number_at_the_end_of_a_log_may_be_cut_off(line) -> None:
    assert [p.code for p in read(line).problems] == ["HP612", "HP614"]
    assert [p.code for p in read(line + "\n").problems] == ["HP614"]
    assert read(line).pfns.tolist() == [0x1C5E0B7]


def test_a_page_that_is_good_again_and_that_another_log_names(tmp_path, cli, subtests) -> None:
    """As in the two files of a rotated log, in whatever order they are given."""
    older, newer = tmp_path / "kern.log.1", tmp_path / "kern.log"
    older.write_text(f"{MF.format(9)}\n")
    put_back = "Unpoison: Software-unpoisoned page 0x9\nUnpoison: Software-unpoisoned page 0x7\n"
    newer.write_text(put_back)
    for order in ((older, newer), (newer, older)):
        with subtests.test(order[0].name):
            got = cli("list", "--pfns", *order)
            assert (got.out, got.code) == ("0x9\n", 0)
            assert "kern.log: line 1: an Unpoison puts page 0x9 and 1 more back into use" in got.err
    texts = (f"{MF.format(7)}\n{older.read_text()}{put_back}", f"{put_back}{BANNER}\n")
    notes = [note.text for text in texts for note in read(text, "last").notes]
    assert [note for note in notes if "Unpoison" in note] == []
    edac = "EDAC MC0: 1 UE x on y ( page:0x9 offset:0x0 grain:32)\n"
    assert any("not name as poisoned" in note.text for note in read(edac + put_back).notes)


@pytest.mark.parametrize(
    "line",
    [
        "Unpoison: Software-unpoisoned page 0x7",
        "MCE: Software-unpoisoned page 0x77",
        '{"MESSAGE":"Unpoison: Software-unpoisoned page 0x77',
        "Unpoison: Software-unpoison",
        "Unpoison: 0x77",
        "Unpoison: 0x8: software-unpoisoned page Unpoison: Software-unpoisoned page 0x77",
        " " * 1600 + "Unpoison: Software-unpoisoned page 0x77",
    ],
)
def test_a_page_that_is_good_again_at_the_end_of_a_log_may_be_another(line, subtests) -> None:
    """Without a line end the number may be cut off: the page stays."""
    log = f"{MF.format(0x77)}\n{MF.format(0x77001)}\n{line}"
    found = read(log)
    assert [p.code for p in found.problems] == ["HP612", "HP614"]
    assert "stays listed" in found.problems[0].message
    assert found.pfns.tolist() == [0x77, 0x77001]
    if "page 0x77" in line:
        assert read(f"{log}\n").pfns.tolist() == [0x77001]
        assert read(f"{log}\n{MF.format(0x77)}\nfoo\n").pfns.tolist() == [0x77, 0x77001]
        for rest in ("0\n01\n", "> 001\n[    1.000000] foo\n", "001</pre>\n"):
            with subtests.test(repr(rest)):
                broken = read(f"{log}\n{rest}")
                assert [p.code for p in broken.problems] == ["HP614"]
                assert broken.pfns.tolist() == [0x77]
        for rest in ("00", "001", "0" * 15 + "\n"):
            with subtests.test(repr(rest)):
                doubtful = read(f"{log}\n{rest}")
                assert "stays listed" in doubtful.problems[0].message
                assert doubtful.pfns.tolist() == [0x77, 0x77001]


def test_boots_and_which_of_them_counts(tmp_path, cli) -> None:
    boots = "".join(f"{BANNER}\n[    9.000000] {MF.format(pfn)}\n" for pfn in (1, 2, 3))
    log = f"[  500.000000] {MF.format(0)}\n{boots}"
    assert [{p for p, _ in kinds(log, b)} for b in (None, "0", "1", "last")] == [
        {0, 1, 2, 3}, {0}, {1}, {3},
    ]  # fmt: skip
    assert "4 boots, and all count" in read(log).notes[0].text
    assert "4 boots; only boot 3 counts" in read(log, "last").notes[0].text
    with pytest.raises(UsageError, match="--boot 4: log has boots 0 to 3"):
        read(log, "4")
    got = said(cli, tmp_path, log, "--boot", "2")
    assert got.json["pfns"] == [2]
    assert said(cli, tmp_path, log, "--boot", "7").code == 2
    (tmp_path / "log").write_text(log)
    judged = cli("validate", "--json", "--boot", "2", tmp_path / "log")
    assert judged.json["rests_on"][0].endswith("log: 4 boots; only boot 2 counts")
    # A later kernel's first line is a boot, also where it says nothing of memory.
    assert kinds(log + BANNER + "\n", "last") == set()


def test_boots_without_a_first_line() -> None:
    back = f"[  500.000000] {MF.format(1)}\n[    3.000000] {MF.format(2)}\n"
    assert kinds(back, "last") == {(2, "poisoned")}
    marked = f"{MF.format(1)}\n-- Boot {'ab' * 16} --\n{BANNER}\n{MF.format(2)}\n"
    assert kinds(marked, "1") == {(2, "poisoned")}
    journal = "".join(
        json.dumps({"_BOOT_ID": i * 32, "MESSAGE": MF.format(int(i, 16))}) + "\n" for i in "aab"
    )
    assert kinds(journal, "0") == {(0xA, "poisoned")}
    assert kinds(journal, "last") == {(0xB, "poisoned")}


_STAMPS = {
    "short": "Nov 28 17:20:{:02} host1 kernel: {}",
    "precise": "Nov 28 17:20:07.0000{:02} host1 kernel: {}",
    "iso": "2026-11-28T17:20:{:02}+0000 host1 kernel: {}",
    "unix": "1764480000.0000{:02} host1 kernel: {}",
    "unix, no host": "1764480000.0000{:02} kernel: {}",
    "monotonic, no host": "[  300.0000{:02}] kernel: {}",
    "delta, another boot": "[  300.0000{:02} <    0.000001*>] host1 kernel: {}",
    "delta, first": "[  300.0000{:02}                ] host1 kernel: {}",
    "delta": "[  300.0000{:02} <    0.000001>] host1 kernel: {}",
    "pretty": '{{\n\t"MESSAGE" : "{1}",\n\t"__REALTIME_TIMESTAMP" : "17644800000000{0:02}"\n}}',
    "monotonic": "[  300.0000{:02}] host1 kernel: {}",
    "human": "[Sat Nov 28 17:20:{:02} 2026] {}",
    "json": '{{"__REALTIME_TIMESTAMP":"17644800000000{:02}","MESSAGE":"{}"}}',
    "export": "__REALTIME_TIMESTAMP=17644800000000{:02}\nPRIORITY=3\nMESSAGE={}\n",
    "verbose": (
        "Sat 2026-11-28 17:20:07.0000{0:02} UTC [s=c0f;i={0:x};b="
        + "a" * 32
        + ";m=7;t=644b9f3c00{0:02x};x=1]"
        "\n    PRIORITY=3\n    MESSAGE={1}\n    _HOSTNAME=host1"
    ),
    "printk": "Nov 28 17:20:03 host1 kernel: [    1.0000{:02}] {}",
}
_STEPS = (
    MF.format(1), "Unpoison: Software-unpoisoned page 0x1", MF.format(1),
    MF.format(2), "Unpoison: Software-unpoisoned page 0x2",
)  # fmt: skip


@pytest.mark.parametrize("how", _STAMPS)
def test_the_newest_entry_may_stand_first(how, subtests) -> None:
    """journalctl -r: what is last in time counts."""
    entries = [_STAMPS[how].format(n, step) for n, step in enumerate(_STEPS, 1)]
    for newest, order in (("last", entries), ("first", entries[::-1])):
        with subtests.test(newest):
            found = read("\n".join(order) + "\n")
            assert found.pfns.tolist() == [1]
            place = order.index(entries[2]) if order is not entries else 0
            lines = entries[0].count("\n") + 1
            offset = (
                entries[0].split("\n").index(next(x for x in entries[0].split("\n") if MF[:9] in x))
            )
            assert found.mentions[0].where in (
                f"line {place * lines + offset + 1}",
                f"line {2 * lines + offset + 1}",
            )
            assert not found.notes
            ends = {found.mentions[0].when for found in (found, read("\n".join(entries) + "\n"))}
            assert len(ends) == 1, "the time of a line does not depend on the order"


def test_a_log_of_dmesg_may_be_upside_down() -> None:
    """As tac leaves it: printk's clock only falls. Boots with a message each are rarely so many."""
    said = [BANNER, "one", MF.format(1), *_STEPS, "two"]
    lines = [f"[ {n * 100:4}.000000] {line}" for n, line in enumerate(said)]
    found = read("\n".join(lines[::-1]) + "\n")
    assert (found.pfns.tolist(), found.mentions[0].where) == ([1], "line 4")
    assert not found.notes
    few = read("\n".join(lines[2:4][::-1]) + "\n")
    assert str(few.notes[0]).startswith("log: 2 boots")


@pytest.mark.parametrize(
    "made",
    [lambda t: t.encode("utf-16"), lambda t: t.replace("\n", "\r").encode(),
     lambda t: QUOTED + quopri.encodestring(t.encode())],
    ids=["utf-16", "cr", "mail"],
)  # fmt: skip
def test_the_newest_entry_may_stand_first_in_any_text(made) -> None:
    entries = [_STAMPS["printk"].format(n, step) for n, step in enumerate(_STEPS, 1)]
    assert read(made("\n".join(entries[::-1]) + "\n")).pfns.tolist() == [1]


def test_a_clock_that_was_set_back_is_no_order() -> None:
    log = (
        f"Nov 28 17:20:03 host1 kernel: [    1.000000] {MF.format(1)}\n"
        "Nov 28 09:20:03 host1 kernel: [    9.000000] Unpoison: Software-unpoisoned page 0x1\n"
    )
    assert kinds(log) == set()


def test_boots_of_a_journal_whose_newest_entry_stands_first() -> None:
    entries = [
        json.dumps(
            {"__REALTIME_TIMESTAMP": f"176448000000000{n}", "_BOOT_ID": i * 32, "MESSAGE": text}
        )
        for n, (i, text) in enumerate(
            [("a", MF.format(1)), ("a", MF.format(2)), ("b", MF.format(3)), ("b", MF.format(4))]
        )
    ]
    backwards = "\n".join(entries[::-1]) + "\n"
    assert {p for p, _ in kinds(backwards, "0")} == {1, 2}
    assert {p for p, _ in kinds(backwards, "last")} == {3, 4}


def test_a_journal_in_its_export_format() -> None:
    entry = (
        "__CURSOR=s=1\n__REALTIME_TIMESTAMP=176732280000000{}\n__MONOTONIC_TIMESTAMP=7\n"
        "_BOOT_ID={}\nPRIORITY=3\n_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=kernel\nMESSAGE={}\n\n"
    )
    text = "".join(entry.format(n, i * 32, MF.format(n)) for n, i in ((1, "a"), (2, "b")))
    found = read(text)
    assert [m.when for m in found.mentions] == ["2026-01-02T03:00:00Z"] * 2
    assert "2 boots" in found.notes[0].text
    assert read(text, "last").pfns.tolist() == [2]


def test_a_message_of_several_lines_in_the_export_format(tmp_path, cli, subtests) -> None:
    """It stands behind its length, in binary."""
    said = MF.format(9).encode()
    for message in (said.ljust(77), said.ljust(300) + b"\n"):
        with subtests.test(f"{len(message)} bytes"):
            text = b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1764480000000000\nMESSAGE\n"
            text += len(message).to_bytes(8, "little") + message + b"\n\n"
            path = tmp_path / "journal"
            path.write_bytes(text)
            (entry,) = cli("list", "--json", path).json["entries"]
            assert (entry["first"], entry["when"]) == (9, "2025-11-30T05:20:00Z")


def test_a_journal_in_its_export_format_whose_newest_entry_stands_first() -> None:
    entry = "__REALTIME_TIMESTAMP=17673228{}0000000\n_BOOT_ID={}\nMESSAGE={}\nPRIORITY=3\n\n"
    steps = [(n, boot * 32, MF.format(n)) for n, boot in ((1, "a"), (2, "a"), (3, "b"))]
    backwards = "".join(entry.format(*step) for step in reversed(steps))
    assert [(m.first, m.when) for m in read(backwards, "last").mentions] == [
        (3, "2026-01-02T03:00:30Z")
    ]
    assert [m.when for m in read(backwards, "0").mentions] == [
        "2026-01-02T03:00:10Z", "2026-01-02T03:00:20Z",
    ]  # fmt: skip


def test_a_journal_with_all_fields(subtests: pytest.Subtests) -> None:
    """journalctl -o verbose: time and boot stand above the fields, in the cursor."""
    entry = (
        "Fri 2026-01-02 04:00:{0}.000000 CET [s=0f;i=2a;b={1};m=7;t={2:x};x=1]\n"
        "    _TRANSPORT=kernel\n    MESSAGE={3}\n    _HOSTNAME=host1\n"
    )
    steps = [
        (f"{n}0", boot * 32, (1767322800 + 10 * n) * 10**6, MF.format(n))
        for n, boot in ((1, "a"), (2, "a"), (3, "b"))
    ]
    entries = [entry.format(*step) for step in steps]
    mark = f"-- Boot {'b' * 32} --\n"
    for order, text in (
        ("newest last", "".join(entries)),
        ("newest first", "".join(entries[::-1])),
        ("boots marked", "".join((*entries[:2], mark, entries[2]))),
    ):
        with subtests.test(order):
            assert [(m.first, m.when) for m in read(text, "last").mentions] == [
                (3, "2026-01-02T03:00:30Z")
            ]
            assert [m.when for m in read(text, "0").mentions] == [
                "2026-01-02T03:00:10Z", "2026-01-02T03:00:20Z",
            ]  # fmt: skip


@pytest.mark.parametrize("how", ["export", "verbose"])
def test_entries_at_the_edges_of_what_is_read_at_once(how, subtests) -> None:
    entries = [_STAMPS[how].format(n, MF.format(n)) + "\n" for n in range(1, 100)]
    for newest, order in (("last", entries), ("first", entries[::-1])):
        with subtests.test(newest):
            found = read(f"    X={'x' * 900}\n".join(order))
            assert len(found.mentions) == 99
            assert None not in {m.when for m in found.mentions}


@pytest.mark.parametrize("field", ["_TRANSPORT=kernel\nMESSAGE=ok\n", "    _TRANSPORT=kernel\n"])
def test_a_journal_that_says_nothing_of_memory(field, tmp_path, cli) -> None:
    got = said(cli, tmp_path, field)
    assert (got.code, got.json["form"], got.json["pfns"]) == (0, "kernel-log", [])


def test_a_journal_in_json_of_many_lines(subtests: pytest.Subtests) -> None:
    entries = [
        json.dumps(
            {
                "_HOSTNAME": "host1", "MESSAGE": MF.format(n), "_BOOT_ID": boot * 32,
                "__REALTIME_TIMESTAMP": "1767322800000000",
            },
            indent="\t",
        )
        for n, boot in ((1, "a"), (2, "a"), (3, "b"))
    ]  # fmt: skip
    for order in (entries, entries[:2]):
        with subtests.test(f"{len(order)} entries"):
            found = read("\n".join(order) + "\n", "0")
            assert [(m.first, m.when) for m in found.mentions] == [
                (1, "2026-01-02T03:00:00Z"), (2, "2026-01-02T03:00:00Z"),
            ]  # fmt: skip
    assert kinds("\n".join(entries) + "\n", "last") == {(3, "poisoned")}


def test_a_message_of_a_journal_may_be_bytes(subtests: pytest.Subtests) -> None:
    """journalctl -o json writes it so where it has an escape sequence."""
    message = list(b"\x1b[1m" + MF.format(9).encode() + b"\x1b[0m")
    for indent in (None, 1):
        with subtests.test(f"indent {indent}"):
            text = json.dumps({"MESSAGE": message}, indent=indent)
            assert kinds(f"{text}\n") == {(9, "poisoned")}


def test_pieces_of_pstore_in_any_order(subtests: pytest.Subtests) -> None:
    parts = [f"Panic#1 Part{n}\n<3>[  {400 - n}.000000] {line}\n" for n, line in (
        (1, "Unpoison: Software-unpoisoned page 0x7"), (2, MF.format(7)), (3, MF.format(8)),
    )]  # fmt: skip
    for order, mark in (((0, 1, 2), ""), ((2, 1, 0), ""), ((0, 1, 2), "> > "), ((0, 1, 2), "<3>")):
        with subtests.test(f"{mark}{order}"):
            text = "".join(parts[i] for i in order)
            found = read("".join(f"{mark}{line}\n" for line in text.splitlines()))
            assert found.pfns.tolist() == [8]
            assert not found.notes


@pytest.mark.parametrize(
    ("line", "when"),
    [
        ("[ 1234.567890] {}", "boot+1234.567890"),
        ("2026-01-02T03:04:05.678901+01:00 host1 kernel: {}", "2026-01-02T03:04:05.678901+01:00"),
        ("2026-01-02T03:04:05+0100 host1 kernel: [    1.000000] {}", "2026-01-02T03:04:05+01:00"),
        ("[Tue May 10 01:40:38 2016] {}", "2016-05-10T01:40:38"),
        ("[ 1234.567890 <    0.000123>] {}", "boot+1234.567890"),
        ("1767322800.123456 host1 kernel: {}", "2026-01-02T03:00:00Z"),
        ("Feb 23 03:28:16 host1 kernel: {}", None),
        ('{{"__REALTIME_TIMESTAMP":"1767322800000000","MESSAGE":"{}"}}', "2026-01-02T03:00:00Z"),
    ],
)
def test_when_and_where(line, when) -> None:
    text = f"{BANNER}\n{line.format(MF.format(9))}\n{line.format(MF.format(9))}\n"
    (mention,) = read(text).mentions
    assert (mention.when, mention.where, mention.source) == (when, "line 2", "log")


@pytest.mark.parametrize(
    "lost",
    ["** 12 printk messages dropped **", "ghes_print_estatus: 3 callbacks suppressed",
     "CPU:3 [LOST 12 EVENTS]", "CPU:3 [12 EVENTS DROPPED]"],
)  # fmt: skip
def test_a_log_is_a_lower_bound(lost, tmp_path, cli) -> None:
    path = tmp_path / "dmesg"
    path.write_text(f"{BANNER}\n{lost}\n{MF.format(9)}\n")
    got = cli("list", "--json", path)
    (problem,) = got.json["problems"]
    assert (problem["code"], problem["severity"]) == ("HP614", "note")
    assert f'"{lost}"' in problem["message"]
    got = cli("validate", "--json", path)
    assert "HP614" in {f["code"] for f in got.json["findings"]}


def test_a_kernel_log_whose_command_line_has_memmap(tmp_path, cli) -> None:
    log = f"{BANNER}\n[    0.000000] Command line: ro memmap=4K$0x5000\n{MF.format(9)}\n"
    got = said(cli, tmp_path, log)
    assert (got.json["form"], got.json["pfns"]) == ("kernel-log", [9])
    assert "form memmap lists it" in got.err


HOSTS = {
    "syslog": "Nov 28 10:00:0{n} {host} kernel: [ 10{n}.000000] {said}",
    "syslog in another language": "M\u00e4r 28 10:00:0{n} {host} kernel: {said}",
    "rfc 3339": "2026-11-28T10:00:0{n}.123456+01:00 {host} kernel: {said}",
    "short-monotonic": "[   10{n}.000000] {host} kernel: {said}",
    "short-full": "Sat 2026-11-28 10:00:0{n} CET {host} kernel: {said}",
    "json": '{{"_HOSTNAME" : "{host}", "MESSAGE" : "{said}"}}',
    "export": "__REALTIME_TIMESTAMP=176448000000000{n}\nMESSAGE={said}\n_HOSTNAME={host}\n",
    "verbose": "Sat 2026-11-28 10:00:0{n} CET [s=0;i=2;b=abc;m=7;t=644b9f3c000{n};x=1]\n"
    "    MESSAGE={said}\n    _HOSTNAME={host}",
}


def _of_hosts(how, *hosts):
    return "".join(
        HOSTS[how].format(n=n, host=host, said=MF.format(0x100 + n)) + "\n"
        for n, host in enumerate(hosts)
    )


@pytest.mark.parametrize("how", HOSTS)
def test_a_log_of_several_machines(how, tmp_path, cli) -> None:
    got = said(cli, tmp_path, _of_hosts(how, "alpha", "beta", "alpha.example"))
    assert got.json["pfns"] == [[0x100, 0x102]]
    (problem,) = (p for p in got.json["problems"] if p["code"] == "HP622")
    assert problem["severity"] == "warning"
    assert problem["message"].endswith("bad pages of 2 machines: alpha, beta")
    second = _of_hosts(how, "alpha", "beta").splitlines()
    assert "Memory failure" in second[int(problem["where"].removeprefix("line ")) - 1]
    assert "HP622" in got.err


@pytest.mark.parametrize("how", HOSTS)
def test_a_machine_that_gets_its_name_late_is_one(how, tmp_path, cli) -> None:
    got = said(cli, tmp_path, _of_hosts(how, "localhost", "Alpha.example", "alpha"))
    assert "HP622" not in {p["code"] for p in got.json["problems"]}


def test_clocks_that_go_back_are_those_of_another_machine() -> None:
    one, other = (_of_hosts("short-monotonic", *hosts) for hosts in (["a"] * 9, ["b"]))
    assert read(one + other).notes == ()
    assert "2 boots, and all count" in read(one + one).notes[0].text


def test_machines_by_their_addresses(subtests: pytest.Subtests) -> None:
    for hosts, codes in (
        (("10.0.0.1", "10.0.0.2"), {"HP614", "HP622"}),
        (("10.0.0.1",), {"HP614"}),
    ):
        with subtests.test(str(hosts)):
            assert {p.code for p in read(_of_hosts("syslog", *hosts)).problems} == codes


def test_what_stands_in_front_of_messages_and_is_no_host(tmp_path, cli) -> None:
    text = "".join(
        f"{head} kernel: {MF.format(n)}\n"
        for n, head in enumerate(
            ("2026-11-28T10:00:00 INFO", "2026-11-28T10:00:00 WARNING", "[    0.893358]", "<3>", "")
        )
    )
    got = said(cli, tmp_path, text)
    assert "HP622" not in {p["code"] for p in got.json["problems"]}


def test_machines_of_boots_that_do_not_count_do_not_count(tmp_path, cli, subtests) -> None:
    one, other = (_of_hosts("syslog", host) for host in ("alpha", "beta"))
    banner = f"Nov 28 11:00:00 beta kernel: {BANNER}\n"
    for boot, codes in ((None, {"HP622", "HP614"}), ("0", {"HP614"}), ("last", {"HP614"})):
        with subtests.test(f"boot {boot}"):
            found = read(one + banner + other, boot)
            assert {p.code for p in found.problems} == codes


def test_names_of_machines_are_escaped_and_few_are_shown(tmp_path, cli) -> None:
    text = "".join(_of_hosts("json", f"\x9bh{n}") for n in range(40))
    (problem,) = (p for p in read(text).problems if p.code == "HP622")
    assert problem.message == "bad pages of 40 machines: \\x9bh0, \\x9bh1, \\x9bh2 and 37 more"


@given(st.lists(st.tuples(st.integers(1, 6), st.sampled_from("pusnbed")), max_size=40))
def test_order_of_time(steps) -> None:
    """What the log says last of a page counts."""
    lines = {
        "p": MF,
        "u": "Unpoison: 0x{:x}: software-unpoisoned page",
        "s": "Soft offline: 0x{:x}: invalidated",
        "n": "Memory failure: 0x{:x}: recovery action for non struct page pfn: Ignored",
        "b": BANNER.replace("{", "{{").replace("}", "}}"),
        "e": "EDAC MC0: 1 UE x on y ( page:0x{:x} offset:0x0 grain:32)",
        "d": DUMP.replace("({}", "(hwpoison").replace("page:{}", "page:"),
    }
    want: set[tuple[int, str]] = set()
    for pfn, step in steps:
        if step == "u":
            want -= {(pfn, "poisoned"), (pfn, "soft-offlined")}
        elif step in "psed":
            kind = {"p": "poisoned", "d": "poisoned", "s": "soft-offlined", "e": "uncorrected"}[
                step
            ]
            want.add((pfn, kind))
    assert kinds("".join(lines[s].format(p) + "\n" for p, s in steps) + BANNER + "\n") == want


@given(st.binary(max_size=400), st.integers(0, 12))
def test_any_bytes_between_lines(noise, at) -> None:
    text = (SAMPLES / "dmesg-hwpoison" / "01.txt").read_bytes().splitlines(keepends=True)
    data = b"".join([*text[:at], noise, *text[at:]])
    try:
        found = read(data)
    except InputError:
        return
    assert all(m.where for m in found.mentions)


def test_millions_of_pages_are_no_log(monkeypatch) -> None:
    from hwpkho.badpages.logs import timeline

    monkeypatch.setattr(timeline, "MAX_MENTIONS", 100)
    out = io.StringIO()
    for pfn in range(200):
        out.write(MF.format(pfn) + "\n")
    with pytest.raises(InputError, match="log: more than 100 entries"):
        read(out.getvalue())


@pytest.mark.parametrize(
    "text",
    [
        "Injecting memory failure for pfn 0x9 at process virtual address 0x7f0000000000",
        "Soft offlining pfn 0x9 at process virtual address 0x7f0000000000",
        "RAS: Soft-offlining pfn: 0x9",
    ],
)
def test_what_was_asked_for_is_no_page_but_a_log(text, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text + "\n")
    assert (got.code, got.json["form"], got.json["pfns"]) == (0, "kernel-log", [])


@pytest.mark.parametrize(
    "text",
    [
        "mce: Uncorrected hardware memory error in user-access at 9440",
        (
            "CPU 4: Machine Check Exception:                5 Bank 7: be00000001010090\n"
            "TSC 1234 ADDR 9440 MISC 86"
        ),
    ],
)
def test_machine_checks_alone_are_a_log(text, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text + "\n")
    assert (got.code, got.json["form"], got.json["pfns"]) == (0, "kernel-log", [9])


def test_diff_says_first_what_will_be_handed_out_again(tmp_path, cli) -> None:
    log, listed, handover = (tmp_path / name for name in ("dmesg", "list", "handover"))
    log.write_text(f"{MF.format(9)}\n{MF.format(0x19)}\n")
    listed.write_text("0x9\n")
    made = cli("encode", listed, "-o", handover, "--at", "0x60000000", "--no-scratch")
    assert made.code == 0, made.err
    got = cli("diff", log, handover)
    again = "1 page is known bad and not in the handover: will be handed out again"
    assert (got.code, got.out.splitlines()[0]) == (1, again)
    assert "handed out" not in cli("diff", log, listed).out
    assert "handed out" not in cli("diff", handover, log).out


@pytest.mark.parametrize("line", ["Panic#1 Part{}", MF.replace("{:x}", "{}"), BANNER])
def test_long_logs_take_no_longer_for_each_line(line) -> None:
    """Pieces, pages and boots: none is looked for among all that were before."""
    few = much(250, 1000)
    short, long = ("".join(line.format(n) + "\n" for n in range(size)) for size in (few, 8 * few))

    def taken(text: str) -> float:
        start = time.process_time()
        read(text)
        return time.process_time() - start

    # The least of several: other work on the machine only adds.
    assert min(taken(long) for _ in range(2)) < 8 * 4 * min(taken(short) for _ in range(3))


def test_more_boots_than_a_machine_has_are_refused(tmp_path, cli, monkeypatch) -> None:
    most = much(1 << 10, timeline.MAX_BOOTS)
    monkeypatch.setattr(timeline, "MAX_BOOTS", most)
    piece = "Panic#{} Part1\n<3>[  300.000000] Memory failure: 0x77003: recovery action\n"
    got = said(cli, tmp_path, "".join(piece.format(i % 2) for i in range(most + 2)))
    assert (got.code, got.out) == (3, "")
    assert f"more than {most} boots" in got.err


_POWER = "MCE: CPU12: machine check (Severe) {} UE Load/Store {}[Recovered]\n"
_OLD_POWER = (
    "Severe Machine check interrupt [Recovered]\n  Initiator: CPU\n  Error type: {} [Load/Store]\n"
)


def _of_tasks(*names: str) -> str:
    """Return dumps of the pages 8 and 9, the second of which is bad, line by line in turn."""
    dumps = [DUMP.format("", 8, "lru"), DUMP.format("", 9, "hwpoison")]
    rows = zip(*(dump.splitlines() for dump in dumps), strict=True)
    callers = [f"[    1.000000][{name:>6}] " if name else "" for name in names]
    return "".join(f"{c}{x}\n" for row in rows for c, x in zip(callers, row, strict=True))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MCE: Unable to find user space address 9 in foo\n", {(9, "poisoned")}),
        ("Memory failure: Unable to find user space address 9 in foo\n", {(9, "poisoned")}),
        (
            "Memory failure: 0: recovery action for reserved kernel page: Ignored\n",
            {(0, "poisoned")},
        ),
        (_POWER.format("", "DAR: 00007fffa1b2c000 paddr: 0000000000009440 "), {(9, "uncorrected")}),
        (
            _POWER.format("Host", "")
            + "MCE: CPU12: NIP: [c0000000000a1b2c] memcpy+0x1c/0x70 paddr: 0000000000009440\n"
            "MCE: CPU12: Initiator CPU\n",
            {(9, "uncorrected")},
        ),
        (
            _OLD_POWER.format("UE")
            + "    Effective address: 00003fff9c5d0000\n    Physical address:  0000000000009440\n",
            {(9, "uncorrected")},
        ),
        (_OLD_POWER.format("SLB") + "    Effective address: 00003fff9c5d0000\n", set()),
        (
            "MCE: CPU1: machine check (Warning)  SLB Multihit DAR: 0000000000009440 [Recovered]\n",
            set(),
        ),
        (
            "  4c494e5558726c7a bad mem addr 0x0000000000009ff8 - 0x000000000000a008 reserved\n",
            {(9, "excluded"), (10, "excluded")},
        ),
        ("  5555555555555555 bad mem addr 0000009000 - 000000a000 reserved\n", {(9, "excluded")}),
        (f"{MF.format(9)}\nmce: Memory error not recovered\n", {(9, "poisoned")}),
        (DUMP.format("ffffea0001fc0040", 9, "hwpoison"), {(9, "poisoned")}),
        (DUMP.format("", 9, "locked|dirty|hwpoison"), {(9, "poisoned")}),
        (DUMP.format("", 8, "lru") + DUMP.format("", 9, "hwpoison"), {(9, "poisoned")}),
        (
            f"Unpoison: Software-unpoisoned page 0x9\n{DUMP.format('', 9, 'hwpoison')}",
            {(9, "poisoned")},
        ),
        (
            "BUG: Bad page state in process foo  pfn:7f001\n"
            + DUMP.format("ffffea0001fc0040", 9, "hwpoison").replace(" pfn:0x9", ""),
            {(0x7F001, "poisoned")},
        ),
        (_of_tasks("T12", "C3"), {(9, "poisoned")}),
        (
            "\n".join([DUMP.format("", 9, "hwpoison").splitlines()[0]] * 2)
            + "\nflags: 0x17ffffc0800000(hwpoison|node=0)\n" * 2,
            {(9, "poisoned")},
        ),
    ],
)
def test_other_messages_of_kernels(text, found) -> None:
    stamped = "".join(f"[   12.345678] {line}\n" for line in text.splitlines())
    logs = (text, stamped, f"{BANNER}\n{stamped}")
    assert [kinds(log) for log in logs] == [found] * 3
    assert FORM.sign.search(text.encode())
    assert [p.code for p in read(stamped).problems] == ["HP614"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (_POWER.format("", "DAR: 00007fffa1b2c000 "), "without a physical address"),
        (_POWER.format("", "") * 2, "without a physical address"),
        (
            _OLD_POWER.format("UE") + "    Physical address:  00000000000094?0\n",
            "without a physical",
        ),
        (
            "  5555555555555555 bad mem addr 0x0000000000009?00 - 0x00000000000a000 reserved\n",
            "damaged",
        ),
        (
            "  5555555555555555 bad mem addr 0x000000000000a000 - 0x000000000000a000 reserved\n",
            "is not a range",
        ),
        ("mce: Memory error not recovered\n", "not recovered, without a page"),
        ("mce: [Hardware Error]: CPU 1: Machine Check Exception: 5 Bank 1: bd800000001", "bit 63"),
        ("[ 1.0] mce: [Hardware Error]: CPU 1: Machine Check Exception: 5 Bank 1:\nbd8\n", "cut"),
        (
            "[    1.000000] Memory failure: -0x9: recovery action for huge page: Ignored\n",
            "damaged",
        ),
        (_of_tasks("", ""), "several dumps are mixed up"),
        (DUMP.format("", 9, "hwpoison").partition("\n")[2], "no line above it names the page"),
        (DUMP.format("", 9, "lru") + "flags: 0x17ffffc0800000(hwpoison|node=0)\n", "no line above"),
        (
            (
                f"{DUMP.format('', 9, 'x').partition('memcg')[0]}page dumped because: x\n"
                "flags: 0x17ffffc0800000(hwpoison|node=0)\n"
            ),
            "no line above",
        ),
        (DUMP.format("ffffea0001fc0040", 9, "hwpoison").replace(" pfn:0x9", ""), "has no PFN"),
        (DUMP.format("", 9, "hwpoison").replace("memcg", "x\n" * 30 + "memcg"), "no line above"),
    ],
)
def test_other_messages_that_name_no_page(text, why, tmp_path, cli) -> None:
    got = said(cli, tmp_path, text)
    assert got.code == 3
    assert why in got.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (DUMP.format("", 9, "locked|swapbacked"), set()),
        (DUMP.format("", 9, "not_hwpoison|xhwpoison"), set()),
        (
            DUMP.format("", 0x7F009, "head|hwpoison").replace(
                "\nmemcg", "\nhead: order:9 mapcount:1 entire_mapcount:0 pincount:0\nmemcg"
            ),
            {(0x7F000, "poisoned")},
        ),
        (
            f"{DUMP.format('', 9, 'hwpoison')}bad because of flags: 0x400(hwpoison)",
            {(9, "poisoned")},
        ),
        (DUMP.format("", 9, "hwpoison").replace("index", "\n> index"), {(9, "poisoned")}),
        (DUMP.format("", 9, "hwpoison").replace("|node", "|\nnode"), {(9, "poisoned")}),
        (_BROKEN_DUMP.format("0x7f0\n01"), {(0x7F001, "poisoned")}),
        (_BROKEN_DUMP.format("0x\n> 7f001"), {(0x7F001, "poisoned")}),
        (_BROKEN_DUMP.format("0x9").replace("son|", "\nson|"), {(9, "poisoned")}),
        (
            DUMP.format("", 9, "hwpoison") + "Unpoison: Software-unpoisoned page 0x9\n" + BANNER,
            set(),
        ),
    ],
)
def test_page_dumps(text, found) -> None:
    assert kinds(text + "\n") == found


_HEAD, _, _FLAGS = _BROKEN_DUMP.format("0x9").partition("\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cut", "why"),
    [
        (f"{_HEAD}\n{_FLAGS.partition('hwpoison')[0]}", "0x9: a page dump whose flags are cut off"),
        (f"{_HEAD}\n{_FLAGS.partition('oison')[0]}\n", "0x9: a page dump whose flags are cut off"),
        (f"{_HEAD}\n{_FLAGS.partition('oison')[0]}\n{_HEAD[:14]} usb 1-1\n{BANNER}\n", "cut off"),
        (_HEAD, "0x9: a page dump without its flags"),
        (f"{_HEAD}\n[   10.000000] memcg:ffff0000dd6d9000\n", "0x9: a page dump without its flags"),
        (f"{_HEAD}\n{_FLAGS[:30]}", "0x9: a page dump without its flags"),
        (f"{_HEAD}\n{_HEAD[:14]} page dumped because: x\n", "0x9: a page dump without its flags"),
        (f"{_HEAD}\n{_FLAGS.replace('hwp', 'p')}", ""),
        (f"{_HEAD}\n{BANNER}\n", ""),
        (_FLAGS.partition("oison")[0], ""),
    ],
)
def test_a_page_dump_that_is_cut_off(cut, why) -> None:
    found = read(f"{MF.format(7)}\n{cut}")
    message = next((p.message for p in found.problems if p.code == "HP612"), "")
    assert why in message
    assert bool(why) == bool(message)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "first"),
    [("22 mapcount:1", 0x1C000000), ("1\n8 mapcount:1", 0), ("23 mapcount:1", 0), ("999 x:1", 0)],
)
def test_an_order_that_no_folio_has_is_damaged(order, first) -> None:
    """It must not name another page, or page 0."""
    pfn = 0x1C0_7F009
    found = read(
        DUMP.format("", pfn, "hwpoison").replace("\nmemcg", f"\nhead: order:{order}\nmemcg")
    )
    assert found.pfns.tolist() == [first or pfn]
    why = found.problems[0].message
    assert why.startswith(f"0x{pfn:x}: a page dump of a folio")
    assert ("damaged" in why) == (not first)


def test_blanks_behind_a_status_that_is_cut_off_take_no_time() -> None:
    line = "[Hardware Error]: " + "MC1_STATUS[|UE|" * 8 + " " * 3900 + "x\n"
    within(0.3, lambda: read(MF.format(9) + "\n" + line * 32))


def test_an_event_that_is_none_with_the_next_line_joined() -> None:
    found = read(f"x mc_event\nfoo bar\n{MF.format(9)}\n")
    assert [(p.message, p.where) for p in found.problems[:1]] == [
        ("mc_event: it is cut off behind its name", "line 1")
    ]
    assert [m.first for m in found.mentions] == [9]


def test_what_other_programs_printed_into_a_log_is_told() -> None:
    text = f"{MF.format(9)}\nh check[1]: offset\tlen\tflags\n"
    text += 'h check[1]:     "media_errors":[\nh check[1]:     "media_errors":[]\n'
    notes = [note.text for note in read(text).notes if "give that alone" in note.text]
    assert [note.partition(" has ")[0] for note in notes] == ["page-types", "cxl list"]
    assert not read(f"{MF.format(9)}\nfoo: memmap=1M$0x100000 with flags 3\n").notes


def test_that_a_screen_wrapped_lines_is_noted() -> None:
    stamps = [f"[ {n:4}.000000] " for n in range(1, 9)]
    lines = [f"{stamp}{'-' * n} {MF.format(n << 20)}" for n, stamp in enumerate(stamps, 1)]
    wrapped = [part for line in lines for part in (line[:80], line[80:])]
    quiet = [f"{stamp}EDAC MC0: none" for stamp in stamps]
    whole, found = (read("".join(f"{x}\n" for x in (*text, *quiet))) for text in (lines, wrapped))
    assert [m.first for m in found.mentions] == [n << 20 for n in range(1, 9)]
    assert [m.where for m in found.mentions] == [m.where for m in whole.mentions]
    assert not whole.notes
    assert "".join(map(str, found.notes)) == (
        "log: a screen wrapped lines of this log at 80 columns; they are joined, and numbers of "
        "lines count them as joined"
    )


@pytest.mark.slow
def test_what_was_read_is_freed_at_once() -> None:
    """As a cycle it would stay until Python's collector comes."""
    with uncollected():
        log = timeline.Timeline("log", "kernel-log", Asked())
        found, gone = reader.of_text(f"{MF.format(9)}\n".encode(), log), weakref.ref(log)
        del log
        assert (len(found.mentions), gone()) == (1, None)
