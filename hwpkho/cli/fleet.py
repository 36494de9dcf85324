"""``hwpkho fleet``: a data set of many machines' cases."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import click

from hwpkho.badpages.registry import Asked
from hwpkho.cli import options
from hwpkho.errors import UsageError
from hwpkho.inputs.case import CaseOptions
from hwpkho.judging import accept
from hwpkho.judging.limits import Limits
from hwpkho.judging.options import ValidateOptions

if TYPE_CHECKING:
    from hwpkho.abi.role import Role
    from hwpkho.judging.case_result import FailOn

EPILOG = """\b
Examples:
  hwpkho fleet add fleet/ --batch nightly.jsonl --memmap /proc/iomem
  hwpkho fleet add fleet/ --names '{taken_at}/{host}.txt' lists/*/*.txt

\b
Needs pyarrow and duckdb: pip install 'hwpkho[fleet]'

\b
Exit codes: 0 fine; 2 wrong usage; 3 no data set, or one of another version."""

ADD_EPILOG = """\b
Examples:
  hwpkho fleet add fleet/ --batch nightly.jsonl
  hwpkho fleet add fleet/ captures/host17 --memmap iomem.txt --names 'captures/{host}'
  hwpkho fleet add fleet/ --names '{host}-{taken_at}.txt' lists/*.txt

\b
Exit codes: 0 added, also where cases could not be judged: they are rows, too; 2 wrong usage;
3 no data set, one of another version, or a manifest that cannot be read."""


@click.group(epilog=EPILOG)
def command() -> None:
    """Gather the cases of many machines in a data set.

    A data set is a folder of Parquet files: a row a case, a row a run of bad pages, a row a
    finding. Any program that reads Parquet can read it.
    """


@command.command("add", epilog=ADD_EPILOG)
@click.argument("dataset")
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@click.option(
    "--batch",
    metavar="DIR|MANIFEST",
    help="A folder with one folder a case, or a file with one JSON line a case.",
)
@click.option(
    "--names",
    "pattern",
    metavar="PATTERN",
    help="How cases are named: '{host}/{taken_at}.txt'; * is anything.",
)
@click.option(
    "--outside",
    is_flag=True,
    help="Let cases of --batch read outside its folder, and have absolute paths.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Number of processes. Default: one per CPU.",
)
@options.handover
@options.role
@options.efi_table
@options.judging
@options.json_flag
def add(
    dataset: str,
    cases: tuple[str, ...],
    batch: str | None,
    pattern: str | None,
    jobs: int | None,
    page_size: int | None,
    root_fdt: int | None,
    kho_scratch: tuple[int, int] | str | None,
    arch: str | None,
    role: Role | None,
    efi_table: int | None,
    memmap: tuple[str, ...],
    map_name: str | None,
    boot: str | None,
    iomem_of: Literal["running", "next"],
    next_cmdline: str | None,
    consumer_kho: str,
    consumer_efi: str,
    max_pages: int | None,
    max_fraction: float | None,
    max_per_gib: int | None,
    max_scratch: float | None,
    base: str,
    form: str | None,
    fail_on: FailOn,
    *,
    outside: bool,
    as_json: bool,
) -> None:
    """Judge cases and add their rows to DATASET.

    CASE is a file, or a folder that holds one case. The same capture twice is one; a call that was
    interrupted is given again and goes on where it ended.
    """
    if bool(cases) == (batch is not None):
        raise UsageError("give either CASE or --batch" if cases else "no CASE given")
    if outside and batch is None:
        raise UsageError("--outside is for --batch")
    if "-" in memmap:
        raise UsageError("--memmap -: standard input can be read only once")
    judging = ValidateOptions(
        CaseOptions(page_size, root_fdt, kho_scratch, arch, efi_table=efi_table),
        Asked(int(base), form, boot=boot),
        role,
        memmap,
        map_name,
        boot,
        iomem_of,
        next_cmdline,
        consumer_kho,
        consumer_efi,
        Limits(max_pages, max_fraction, max_per_gib, max_scratch),
        options.given() - {"batch", "pattern", "outside", "jobs", "dataset", "cases"},
    )
    from hwpkho.fleet import add as adding
    from hwpkho.fleet import identity, places
    from hwpkho.report import fleet as report

    names = identity.names(pattern) if pattern is not None else None
    how = adding.How(judging, accept.acceptance(fail_on=fail_on), names, jobs)
    todo, about = adding.jobs(cases, batch, outside=outside)
    done = report.watched(adding.add(places.at(dataset), todo, about, how), about)
    for line in report.remarks(done):
        click.echo(f"hwpkho: {line}", err=True)
    sys.stdout.write(report.added_json(done) if as_json else report.added(done))
