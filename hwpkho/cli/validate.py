"""``hwpkho validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from hwpkho.base import output as outputs
from hwpkho.cli import case_options, common, offers, screen, values
from hwpkho.cli.report_file import reports
from hwpkho.codes import names
from hwpkho.commands import validate
from hwpkho.errors import UsageError
from hwpkho.judging import accept
from hwpkho.judging.options import NoKho
from hwpkho.report.validate.registry import REPORTS

if TYPE_CHECKING:
    from hwpkho.judging.case_result import FailOn
    from hwpkho.judging.options import ValidateOptions

EPILOG = """\b
Examples:
  hwpkho validate vmcore --memmap /proc/iomem
  hwpkho validate dump.elf debugfs-kho/ --memmap dmesg.txt --next-cmdline 'memmap=1M$0x10000000'
  hwpkho validate bad-pages.txt --memmap dmesg.txt --max-per-gib 16
  hwpkho validate vmcore --memmap iomem.txt --ignore HP410 --baseline accepted.toml
  hwpkho validate --batch captures/ --format junit=junit.xml --format sarif=hwpkho.sarif
  hwpkho validate vmcore --memmap iomem.txt --format html -o report.html
  hwpkho validate --batch cases.jsonl --json --jobs 2 | jq .summary

Exit codes: 0 fine; 1 findings at or above --fail-on; 2 wrong usage; 3 input unreadable, malformed
or ambiguous, or a map of another architecture. With several cases, the worst."""


@click.command(epilog=EPILOG)
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@case_options.judged
@click.option(
    "--against",
    multiple=True,
    metavar="LIST",
    help="Known bad pages of the same machine: its EFI table should have a bit for each "
    "(repeatable).",
)
@click.option(
    "--no-kho",
    type=click.Choice(get_args(NoKho)),
    default="warn",
    show_default=True,
    help="What a dump of a kernel without KHO counts as.",
)
@click.option(
    "--select",
    type=values.Words(names.matching),
    multiple=True,
    metavar="CODES",
    shell_complete=offers.words(offers.codes, listed=True),
    help="Count only these findings: HP301,HP6,duplicate.",
)
@click.option(
    "--ignore",
    type=values.Words(names.matching),
    multiple=True,
    metavar="CODES",
    shell_complete=offers.words(offers.codes, listed=True),
    help="Do not count these findings.",
)
@click.option("--baseline", metavar="FILE", help="File of accepted findings, each with a reason.")
@click.option(
    "--write-baseline",
    metavar="FILE",
    help="Write a baseline that accepts today's findings, JSON if FILE ends in .json, else TOML; "
    "needs --reason.",
)
@click.option("--reason", metavar="TEXT", help="Reason for --write-baseline.")
@click.option(
    "--batch",
    metavar="DIR|MANIFEST",
    help="Judge many cases: a folder with one folder per case, or a file with one JSON line per "
    "case.",
)
@click.option(
    "--outside",
    is_flag=True,
    help="Let cases of --batch read outside its folder, also through links.",
)
@click.option(
    "--jobs",
    type=values.Count(1, 1024),
    metavar="N",
    help="Number of processes. Default: one per CPU.",
)
@click.option(
    "--format",
    "formats",
    type=values.OneOfPlaced(REPORTS),
    multiple=True,
    help="Form of the report. Default: text. With =FILE, also write this form to FILE "
    "(repeatable).",
)
@common.json_flag
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Show all runs and findings, and all cases of a batch, including those that are fine.",
)
@click.option(
    "-o", "--output", metavar="FILE", help="Write the report to FILE instead of standard output."
)
@click.option("-f", "--force", is_flag=True, help="Overwrite FILE.")
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    against: tuple[str, ...],
    no_kho: NoKho,
    fail_on: FailOn,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    baseline: str | None,
    write_baseline: str | None,
    reason: str | None,
    batch: str | None,
    jobs: int | None,
    formats: tuple[str, ...],
    output: str | None,
    *,
    judging: ValidateOptions,
    outside: bool,
    as_json: bool,
    everything: bool,
    force: bool,
) -> None:
    """Judge what the next kernel will do with a list.

    INPUT is what decode reads, or a list of PFNs. Several INPUTs are of one machine at one moment.
    """
    if as_json and "formats" not in common.given():  # --json counts before a configuration
        formats = tuple(name for name in formats if "=" in name)
    beside = (*against, *filter(None, [baseline]))
    to = reports(
        formats, output, as_json=as_json, force=force, everything=everything, beside=beside
    )
    if bool(inputs) == (batch is not None):
        raise UsageError("give either INPUT or --batch" if inputs else "no INPUT given")
    if (*inputs, *judging.memmaps).count("-") > 1:
        raise UsageError("standard input can be read only once")
    if outside and batch is None:
        raise UsageError("--outside is for --batch")
    if "jobs" in common.given() and batch is None:
        raise UsageError("--jobs is for --batch")
    if (write_baseline is None) != (reason is None):
        raise UsageError("--write-baseline and --reason belong together")
    if reason is not None and not reason.strip():
        raise UsageError("--reason is empty; say why the findings are accepted")
    accepted = accept.acceptance(select, ignore, baseline, fail_on)
    judging = judging._replace(against=against, no_kho=no_kho)
    if batch is not None:
        from hwpkho.cli.batch import run as run_batch

        ctx.exit(
            run_batch(batch, judging, accepted, to, jobs, write_baseline, reason, outside=outside)
        )
    to.check([*inputs, *judging.memmaps, *against, *filter(None, [baseline])], write_baseline)
    if write_baseline is not None:
        accept.check_place(write_baseline, accepted)
    result = validate.run(inputs, judging, accepted)
    if result.validation is not None and result.validation.which_handover:
        screen.say(f"hwpkho: {result.validation.which_handover}")
    with outputs.together() as writing:
        if write_baseline is not None:
            entries = accept.as_entries([result], reason or "", batch=False)
            accept.write_entries(writing, write_baseline, entries, accepted)
        with to.open(writing, batch=False) as writers:
            writers.add(result)
            writers.finish(())
    ctx.exit(result.exit)
