"""``hwpkho fleet``: a data set of many machines' cases."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from hwpkho.base import output as outputs
from hwpkho.base.escape import printable
from hwpkho.base.options import option
from hwpkho.cli import case_options, common, drawn, offers, screen, values
from hwpkho.cli.groups import Group
from hwpkho.errors import UsageError
from hwpkho.fleet.questions import QUESTIONS
from hwpkho.judging import accept

if TYPE_CHECKING:
    from hwpkho.judging.case_result import FailOn
    from hwpkho.judging.options import ValidateOptions

EPILOG = """\b
Examples:
  hwpkho fleet add fleet/ --batch nightly.jsonl --memmap /proc/iomem
  hwpkho fleet add fleet/ --names '{taken_at}/{host}.txt' lists/*/*.txt
  hwpkho fleet ask fleet/ lost --since 2026-11-01
  hwpkho fleet shell fleet/ > views.sql && duckdb -init views.sql

Needs pyarrow and duckdb: pip install 'hwpkho[fleet]'

Exit codes: 0 fine; 2 wrong usage; 3 no data set, or one of another version."""

ADD_EPILOG = """\b
Examples:
  hwpkho fleet add fleet/ --batch nightly.jsonl
  hwpkho fleet add fleet/ captures/host17 --memmap iomem.txt --names 'captures/{host}'
  hwpkho fleet add fleet/ --names '{host}-{taken_at}.txt' lists/*.txt

Exit codes: 0 added, even if some cases could not be judged (they become rows); 2 wrong usage;
3 no data set, one of another version, or a manifest that cannot be read."""


_LISTED = "\n".join(f"  {q.name:<9} {q.about}" for q in QUESTIONS.values())

_LIMITED = " or ".join(q.name for q in QUESTIONS.values() if "max_pages" in q.needs)

_ASK_EXAMPLES = """\b
Examples:
  hwpkho fleet ask fleet/ summary
  hwpkho fleet ask fleet/ lost --since 2026-11-28
  hwpkho fleet ask fleet/ summary --format html -o fleet.html
  hwpkho fleet ask fleet/ policy --max-pages 64 --csv > refused.csv
  hwpkho fleet ask fleet/ --sql "SELECT release, max(pages) FROM hosts GROUP BY release"

Exit codes: 0 answered, even if nothing was found; 2 wrong usage; 3 no data set, one of another
version, or a file in it that is damaged or not hwpkho's."""

ASK_EPILOG = f"\b\nQuestions:\n{_LISTED}\n\n{_ASK_EXAMPLES}"

SHELL_EPILOG = """\b
Examples:
  hwpkho fleet shell fleet/ > views.sql
  duckdb -init views.sql

Exit codes: 0 printed; 2 wrong usage; 3 no data set, or one of another version."""


@click.group(cls=Group, epilog=EPILOG)
def command() -> None:
    """Gather the cases of many machines in a data set, and ask it.

    A data set is a folder of Parquet files: one row per case, per run of bad pages and per
    finding. Any program that reads Parquet can read it.
    """


@command.command("add", epilog=ADD_EPILOG)
@click.argument("dataset")
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@click.option(
    "--batch",
    metavar="DIR|MANIFEST",
    help="A folder with one folder per case, or a file with one JSON line per case.",
)
@click.option(
    "--names",
    "pattern",
    metavar="PATTERN",
    help="How cases are named, such as '{host}/{taken_at}.txt'; * matches anything.",
)
@click.option(
    "--outside",
    is_flag=True,
    help="Let cases of --batch read outside its folder, and have absolute paths.",
)
@click.option(
    "--jobs",
    type=values.Count(1, 1024),
    metavar="N",
    help="Number of processes. Default: one per CPU.",
)
@case_options.judged
@common.json_flag
def add(
    dataset: str,
    cases: tuple[str, ...],
    batch: str | None,
    pattern: str | None,
    jobs: int | None,
    fail_on: FailOn,
    *,
    judging: ValidateOptions,
    outside: bool,
    as_json: bool,
) -> None:
    """Judge cases and add their rows to DATASET.

    CASE is a file, or a folder that holds one case. A capture that is added twice counts once.
    After an interruption, repeat the call: it goes on.
    """
    if bool(cases) == (batch is not None):
        raise UsageError("give either CASE or --batch" if cases else "no CASE given")
    if outside and batch is None:
        raise UsageError("--outside is for --batch")
    if "-" in judging.memmaps:
        raise UsageError("--memmap -: standard input can be read only once")
    own = {"batch", "pattern", "outside", "jobs", "dataset", "cases"}
    judging = judging._replace(given=judging.given - own)
    from hwpkho.fleet import add as adding
    from hwpkho.fleet import identity, places
    from hwpkho.report import fleet as report

    names = identity.names(pattern) if pattern is not None else None
    how = adding.How(judging, accept.acceptance(fail_on=fail_on), names, jobs)
    todo, about = adding.jobs(cases, batch, outside=outside)
    quiet = screen.settings().detail < 0
    done = report.watched(adding.add(places.at(dataset), todo, about, how), about, quiet=quiet)
    for line in report.remarks(done):
        screen.say(f"hwpkho: {line}")
    shown = screen.of(sys.stdout)
    sys.stdout.write(report.added_json(done) if as_json else report.added(done, shown))


@command.command("ask", epilog=ASK_EPILOG)
@click.argument("dataset")
@click.argument("question", required=False, shell_complete=offers.words(lambda: QUESTIONS))
@click.option(
    "--since",
    metavar="TIME",
    help="Only captures from this time on (2026-11-28); of two compared captures, the later "
    "counts.",
)
@click.option("--host", metavar="NAME", help="Only this host.")
@click.option(
    "--max-pages",
    type=values.Count(0, (1 << 63) - 1),
    metavar="N",
    help=f"Limit on distinct pages, for the question {_LIMITED}.",
)
@click.option("--sql", metavar="QUERY", help="A query of your own, instead of QUESTION.")
@click.option("--limit", type=values.Count(0), metavar="N", help="Show at most N rows.")
@common.json_flag
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--parquet", "as_parquet", is_flag=True, help="Write a Parquet file.")
@drawn.format_option("fleet ask")
@drawn.output_options
def ask(
    dataset: str,
    question: str | None,
    since: str | None,
    host: str | None,
    max_pages: int | None,
    sql: str | None,
    limit: int | None,
    formats: tuple[str, ...],
    output: str | None,
    *,
    as_json: bool,
    as_csv: bool,
    as_parquet: bool,
    force: bool,
) -> None:
    """Ask DATASET a QUESTION, or run a query with --sql."""
    from hwpkho.fleet import ask as asking
    from hwpkho.fleet import places

    if (question is None) == (sql is None):
        raise UsageError("give either QUESTION or --sql" if sql else _no_question())
    if as_json + as_csv + as_parquet > 1:
        raise UsageError("give one of --json, --csv and --parquet")
    if dataset in QUESTIONS and question not in QUESTIONS and question is not None:
        shown = printable(question)
        raise UsageError(f"DATASET stands before the question: fleet ask {shown} {dataset}")
    if "max_pages" not in common.given() and not _needs_limit(question):
        max_pages = None  # a setting is for other calls
    _check_ask(question, since, host, max_pages)
    if as_parquet:
        outputs.check_terminal("Parquet", outputs.STDOUT if output is None else output)
    if force and output in (None, outputs.STDOUT) and not any("=" in each for each in formats):
        raise UsageError("--force is for -o FILE")
    others = as_json or as_csv or as_parquet
    to = drawn.read("fleet ask", formats, output, force=force, others=others)
    to.check(dataset)
    wanted = asking.Wanted(question, sql, host, _moment(since), max_pages, limit)
    from hwpkho.report.fleet_answer import forms

    with asking.ask(places.at(dataset), wanted) as answer, to.writing(answer, ()) as writing:
        if as_parquet:
            with writing.file(to.path, force=force) as file:
                forms.parquet(answer, file)
        elif to.own is None:
            if as_json or as_csv:
                pieces = (forms.json_text if as_json else forms.csv_text)(answer)
            else:
                pieces = forms.text(answer, to.shown())
            to.print(writing, pieces)


def _no_question() -> str:
    return f"no QUESTION given; there are: {', '.join(QUESTIONS)}"


def _check_ask(
    question: str | None, since: str | None, host: str | None, max_pages: int | None
) -> None:
    given = {"since": since, "host": host, "max_pages": max_pages}
    if question is not None:
        from hwpkho.fleet import questions

        questions.check(questions.question(question), given, option)
        return
    for name, value in given.items():
        if value is not None:
            raise UsageError(f"{option(name)} is for a QUESTION, not for --sql")


def _needs_limit(question: str | None) -> bool:
    """Tell whether a question needs --max-pages. Raises UsageError for an unknown one."""
    from hwpkho.fleet import questions

    return question is not None and "max_pages" in questions.question(question).needs


def _moment(since: str | None) -> datetime | None:
    from hwpkho.fleet import identity

    if since is None:
        return None
    try:
        found = identity.moment(since)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    return datetime.fromtimestamp(found / 1_000_000, UTC).replace(tzinfo=None)


@command.command("shell", epilog=SHELL_EPILOG)
@click.argument("dataset")
def shell(dataset: str) -> None:
    """Print SQL that makes the views of DATASET in a plain duckdb."""
    from hwpkho.fleet import ask as asking
    from hwpkho.fleet import places

    for piece in asking.views(places.at(dataset)):
        sys.stdout.write(piece)
