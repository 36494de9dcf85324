"""``hwpkho check``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hwpkho.cli import common, options, screen
from hwpkho.cli.groups import OfMachine
from hwpkho.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

EPILOG = """\b
Examples:
  hwpkho check
  hwpkho check --save /var/lib/hwpkho/before.json && systemctl kexec
  hwpkho check --since /var/lib/hwpkho/before.json
  hwpkho check --nagios
  hwpkho check --root sosreport-host/ --json | jq .forgotten

Exit codes: 0 fine, and everything was seen; 1 something bad was seen; 2 wrong usage; 3 something
could not be looked at. With --nagios: 0 ok, 1 warning, 2 critical, 3 unknown."""


@click.command(cls=OfMachine, epilog=EPILOG)
@common.root
@click.option(
    "--save",
    metavar="FILE",
    help="Write today's bad pages to FILE, for --since after the kexec.",
)
@common.since
@click.option(
    "-f", "--force", is_flag=True, help="Let --save overwrite a file that check did not write."
)
@common.page_size
@common.arch
@options.next_kernel
@click.option("--nagios", is_flag=True, help="Print and exit as a monitoring plugin does.")
@common.json_flag
@click.pass_context
def command(
    ctx: click.Context,
    root: str | None,
    save: str | None,
    since: str | None,
    page_size: int | None,
    arch: str | None,
    next_cmdline: str | None,
    consumer_kho: str,
    consumer_efi: str,
    *,
    force: bool,
    nagios: bool,
    as_json: bool,
) -> None:
    """Show the bad pages of the running kernel, and what becomes of each at the next kexec.

    Nothing is changed and nothing is sent. Most of what is looked at needs root.
    """
    from hwpkho.commands import check, check_saved
    from hwpkho.report.check import json, text, words

    if nagios and as_json:
        raise UsageError("--nagios and --json exclude each other")
    if force and save is None:
        raise UsageError("--force is for --save")
    if save is not None:
        if save == "-":
            raise UsageError("--save needs a file; standard output is for the report")
        check_saved.check_place(save, force=force)
    check_options = check.CheckOptions(
        root, page_size, arch, consumer_kho, consumer_efi, next_cmdline, since
    )
    checked = check.check(check_options)
    if save is not None:
        check_saved.save(checked, save, force=force)
    pieces: Iterable[str]
    if as_json:
        pieces = json.pieces(checked)
    elif nagios:
        pieces = (f"{line}\n" for line in (*words.nagios(checked), *text.details(checked)))
    else:
        pieces = (f"{line}\n" for line in text.report(checked, screen.of(sys.stdout)))
    for piece in pieces:
        sys.stdout.write(piece)
    if checked.exit_code == 3 and as_json:
        click.echo(f"hwpkho: unknown: {words.summary(checked)}", err=True)
    ctx.exit(words.NAGIOS[checked.status] if nagios else checked.exit_code)
