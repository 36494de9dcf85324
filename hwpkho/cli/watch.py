"""``hwpkho watch``."""

from __future__ import annotations

import signal
import sys

import click

from hwpkho.cli import common, options
from hwpkho.cli.groups import OfMachine
from hwpkho.cli.values import Fraction

EPILOG = """\b
Examples:
  hwpkho watch
  hwpkho watch | jq 'select(.event == "page" and .fate != "replay")'
  journalctl -kf -n0 -o short-monotonic | hwpkho watch -
  hwpkho watch - --root sosreport-host/ < console.log

Exit codes: 0 the log has ended, or SIGTERM or SIGINT came; 2 wrong usage; 3 the log cannot be read,
or there is no such tree."""


@click.command(cls=OfMachine, epilog=EPILOG)
@click.argument("log", default="/dev/kmsg", metavar="[LOG]")
@click.option(
    "--interval",
    type=Fraction(0.1, 86400),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between looks at the counters, and least time between looks at the whole machine.",
)
@common.root
@common.page_size
@common.arch
@options.next_kernel
@click.pass_context
def command(
    ctx: click.Context,
    log: str,
    interval: float,
    root: str | None,
    page_size: int | None,
    arch: str | None,
    next_cmdline: str | None,
    consumer_kho: str,
    consumer_efi: str,
) -> None:
    """Print a JSON line for each new bad page, with what becomes of it at the next kexec.

    LOG is the kernel log to follow: /dev/kmsg, or '-' for lines on standard input.
    """
    from hwpkho.commands import watch
    from hwpkho.commands.check import CheckOptions
    from hwpkho.report import watch as report

    check_options = CheckOptions(root, page_size, arch, consumer_kho, consumer_efi, next_cmdline)
    watching = watch.Watch(watch.WatchOptions(log, check_options, interval))
    before = [
        (number, signal.signal(number, lambda *_: watching.stop()))
        for number in (signal.SIGTERM, signal.SIGINT)
    ]
    try:
        for event in watching.events():
            sys.stdout.write("".join(report.lines(event, watch.now())))
            sys.stdout.flush()
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    ctx.exit(0)
