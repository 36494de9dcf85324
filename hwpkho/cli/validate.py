"""``hwpkho validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from hwpkho.cases import CaseOptions
from hwpkho.cli import options
from hwpkho.commands import validate as job
from hwpkho.rules.policy import Limits

if TYPE_CHECKING:
    from hwpkho.model.handover import Role


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@options.handover
@options.role
@options.judging
@options.json_flag
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    page_size: int | None,
    root_fdt: int | None,
    kho_scratch: tuple[int, int] | str | None,
    arch: str | None,
    role: Role | None,
    memmap: tuple[str, ...],
    map_name: str | None,
    boot: str | None,
    iomem_of: Literal["running", "next"],
    next_cmdline: str | None,
    consumer_kho: str,
    max_pages: int | None,
    max_fraction: float | None,
    max_per_gib: int | None,
    base: str,
    fail_on: job.FailOn,
    *,
    as_json: bool,
) -> None:
    """Say what replaying a list would do, against a memory map."""
    judged = job.validate(
        inputs,
        job.ValidateOptions(
            CaseOptions(page_size, root_fdt, kho_scratch, arch),
            int(base),
            role,
            memmap,
            map_name,
            boot,
            iomem_of,
            next_cmdline,
            int(consumer_kho[1:]),
            Limits(max_pages, max_fraction, max_per_gib),
        ),
    )
    code = job.exit_code(judged, fail_on)
    from hwpkho.render import validate_json

    click.echo(validate_json.document(judged, ok=code == 0), nl=False)
    ctx.exit(code)
