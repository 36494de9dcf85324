"""``hwpkho explain``."""

from __future__ import annotations

import sys

import click

from hwpkho.cli import common, offers, screen
from hwpkho.commands import explain
from hwpkho.errors import UsageError

EPILOG = """\b
Examples:
  hwpkho explain HP301
  hwpkho explain count-beyond-array
  hwpkho explain HP3
  hwpkho explain
  hwpkho explain --json | jq -r '.codes[] | select(.severity == "error").id'

Exit codes: 0 fine; 2 no such code."""


@click.command(epilog=EPILOG)
@click.argument("code", required=False, shell_complete=offers.words(offers.codes))
@common.json_flag
@click.option("--markdown", is_flag=True, help="Print the page docs/codes.md.")
def command(code: str | None, *, as_json: bool, markdown: bool) -> None:
    """Explain a finding: what it means, what the kernel does, what to do about it.

    CODE is an id (HP301) or a name (count-beyond-array). A prefix (HP3) lists its codes,
    a line each; without CODE, all are listed.
    """
    if as_json and markdown:
        raise UsageError("--json and --markdown exclude each other")
    codes = explain.explain(code)
    from hwpkho.report import explain as render

    if as_json:
        text = render.document(codes)
    elif markdown:
        text = render.markdown(codes)
    else:
        text = render.text(codes, screen.of(sys.stdout))
    click.echo(text, nl=False)
