"""Kernel logs: dmesg, journal, syslog, pstore, node-problem-detector, mails."""

from __future__ import annotations

from hwpkho.badpages.log_form import LogForm
from hwpkho.badpages.signs import Sign
from hwpkho.base.late import late

#: Messages about bad pages, and what shows a kernel log without any such message.
_SIGN = Sign(
    (
        b"Memory failure",
        b"MCE 0x",
        b"Hardware Error]:",
        b"EDAC ",
        b"ffline: 0x",
        b"ffline_page: 0x",
        b"Unpoison: ",
        b"Linux version ",
        b"] ",
        b"][",
        b">[",
        b"kernel: ",
        b"_TRANSPORT",
        b"Uncorrected hardware memory error",
        b"Machine ",
        b"Injecting ",
        b"offlining p",
        b"bad mem addr ",
        b"MCE: ",
        b"Memory error not recovered",
        b"flags: 0x",
    ),
    late(
        rb"Memory failure: *(?:0x|0: |buffer overflow|Unable to find user)"
        rb"|Memory failure (?:from trap -?\d{1,5} )?on page [0-9a-f]"
        rb"|(?<![\w:])MCE 0x[0-9a-fA-F]|\[Hardware Error\]:"
        rb"|EDAC (?:[\w-]{1,16} )?MC\d|[Ss]oft[ _]offline(?:_page)?: 0x|Unpoison: "
        rb"|Uncorrected hardware memory error in user-access|Memory error not recovered"
        rb"|[0-9a-f]{16} bad mem addr (?:0x)?[0-9a-f]|MCE: (?:CPU\d{1,5}: |Unable to find user)"
        rb"|flags: 0x[0-9a-f]{1,16}\([0-9a-z_|]{0,300}\bhwpoison\b"
        rb"|Machine check interrupt \[(?:Not r|R)ecovered"
        rb"|Injecting (?:memory failure|MCE) |Soft[ -]offlining p(?:fn|age)"
        rb"|Machine [Cc]heck[\w ]{0,20}: {1,40}(?:0x)?[0-9a-f]+ Bank \d"
        rb"|Linux version \d+\.\d+\S* ?\(|\[ {0,8}\d{1,9}\.\d{6}\][ \[]|(?m:^)<\d{1,3}>\["
        rb"|\d\d:\d\d(?::\d\d)?\S{0,20} (?:\S{1,64} )?kernel: |\"_TRANSPORT\"\s*:\s*\"kernel\""
        rb"|(?m:^[ \t>|]{0,16}_TRANSPORT=kernel\s*$)"
    ),
)

FORM = LogForm(
    "kernel-log",
    "dmesg, journal, syslog, pstore, node-problem-detector, mails",
    _SIGN,
)
