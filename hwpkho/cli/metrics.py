"""``hwpkho metrics``."""

from __future__ import annotations

import click

from hwpkho.base import output as outputs
from hwpkho.cli import common, options
from hwpkho.cli.groups import OfMachine
from hwpkho.errors import UsageError

EPILOG = """\b
Examples:
  hwpkho metrics
  hwpkho metrics -o /var/lib/prometheus/node-exporter/hwpkho.prom
  hwpkho metrics --since /var/lib/hwpkho/before.json | promtool check metrics

Exit codes: 0 the metrics were written, whatever they say; 2 wrong usage; 3 there is no such tree,
or FILE cannot be written."""


@click.command(cls=OfMachine, epilog=EPILOG)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write to FILE, atomically; a FILE that metrics wrote is replaced.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite whatever FILE is.")
@common.root
@common.since
@common.page_size
@common.arch
@options.next_kernel
def command(
    output: str | None,
    root: str | None,
    since: str | None,
    page_size: int | None,
    arch: str | None,
    next_cmdline: str | None,
    consumer_kho: str,
    consumer_efi: str,
    *,
    force: bool,
) -> None:
    """Print what check finds as metrics, for Prometheus and its node exporter.

    A value that is not known has no sample.
    """
    from hwpkho.commands import check
    from hwpkho.report.check import metrics_file

    if force and output is None:
        raise UsageError("--force is for -o FILE")
    path = outputs.STDOUT if output is None else output
    metrics_file.check_place(path, force=force, inputs=(since,) if since else ())
    check_options = check.CheckOptions(
        root, page_size, arch, consumer_kho, consumer_efi, next_cmdline, since
    )
    metrics_file.write(check.check(check_options), path, force=force)
