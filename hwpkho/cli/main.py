"""The command line: finds the command, and turns errors into one line and an exit code.

A command is a module ``hwpkho.cli.NAME`` with a ``command``, and a line in ``COMMANDS``. Only the
module of the command that runs is imported, so that a call pays only for what it uses.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from hwpkho.base import kept
from hwpkho.base.escape import printable
from hwpkho.base.options import of_command
from hwpkho.cli import endings, helping, pager, screen, streams
from hwpkho.cli.groups import Group
from hwpkho.errors import HwpkhoError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The help options, for which no settings are read: help must come even if hwpkho.toml is wrong.
HELP = frozenset(("-h", "--help"))
#: Name → one line for ``hwpkho --help``, in the order of use.
COMMANDS = {
    "decode": "Decode a KHO handover.",
    "encode": "Make a handover from a list of PFNs.",
    "validate": "Judge what the next kernel will do with a list.",
    "merge": "Merge lists.",
    "diff": "Compare lists: what was lost, what was added.",
    "check": "Show what becomes of a machine's bad pages at the next kexec.",
    "metrics": "Print what check finds as metrics for Prometheus.",
    "watch": "Print each new bad page of a running machine.",
    "capture": "Save the pages that decode needs into a small ELF core.",
    "list": "Show the bad pages that logs, databases and lists name.",
    "formats": "List the forms in which bad pages are read and written.",
    "memmap": "Read and show a memory map of any form.",
    "fleet": "Gather the cases of many machines in a data set, and ask it.",
    "explain": "Explain a finding and what to do about it.",
    "schema": "Print the JSON Schema of a document.",
    "config": "Show what hwpkho.toml and the environment set.",
    "man": "Show a manual page.",
    "completion": "Print a script that completes the command line in a shell.",
    "version": "Show the version, and what this installation can do.",
    "help": "Show the help of a command.",
}
#: Commands whose output goes through a pager if it is longer than the terminal. Output is held back
#: until it is known to fit, so watch, which prints events as they happen, is not one.
PAGED = frozenset(COMMANDS) - {"watch"}

EPILOG = """\b
Examples:
  hwpkho decode vmcore
  hwpkho decode --pfns /sys/kernel/debug/kho memory.elf
  hwpkho encode list.txt --ram 0x60000000:64M --no-scratch -o handover.elf

Exit codes: 0 fine; 1 findings, differences or errors in what was decoded;
2 wrong usage; 3 input unreadable, malformed or ambiguous."""


class _ReaderGoneError(Exception):
    """The reader of standard output has gone.

    Not BrokenPipeError, for which click exits with 1; here that means findings.
    """


@contextmanager
def _reader() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _ReaderGoneError from error


class LazyGroup(Group):
    """The group of all commands, each imported when it is called."""

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        """Parse the arguments; --help and --version print here."""
        more.setdefault("terminal_width", helping.width(screen.width(sys.stdout)))
        with _reader():
            return super().make_context(*args, **more)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command, with its settings and a pager."""
        from hwpkho.cli import settings  # help and version need none

        if not HELP.intersection(ctx.args) and ctx.default_map is None:
            ctx.default_map = settings.Defaults(ctx, load, COMMANDS)

        def paged() -> bool:
            return screen.settings().pager and ctx.invoked_subcommand in PAGED

        with _reader(), pager.on_terminal(paged):
            try:
                return super().invoke(ctx)
            except HwpkhoError:
                from hwpkho.cli import common  # few calls fail

                common.say_left_out()  # that may be the cause
                raise

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names in the order of use."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return its command."""
        return load(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@cache
def load(name: str) -> click.Command:
    """Import and return a command, with the options of every command added."""
    command: click.Command = import_module(f"hwpkho.cli.{name}").command
    _everywhere(command)
    return command


def _everywhere(command: click.Command) -> None:
    command.params += screen.OPTIONS
    command.context_class = helping.Context
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _everywhere(each)


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    metavar="FILE",
    help="Read settings from FILE, not the nearest hwpkho.toml; 'none' reads none. See hwpkho "
    "config.",
)
def main(config: str | None) -> None:
    """Decode, make and judge the list of poisoned pages that Linux hands over a kexec."""


_everywhere(main)


def run() -> None:
    """Entry point of the ``hwpkho`` program."""
    streams.prepare()
    try:
        with endings.raised():
            code = _run()
    except endings.EndedError as end:
        code = _complain(end.message, end.code)
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except (HwpkhoError, OSError):
            _discard_stdout()  # reported already; Python would exit with 120 at its own flush
    sys.exit(code)


def _run() -> int:
    if sys.stdout is None:  # Python sets None if the descriptor is closed: >&-
        return _complain("standard output is closed", 3)
    try:
        # A block of its own: an error that a signal caused must not be reported below.
        with endings.raised(), kept.for_call(), of_command(_taken):
            code: int = main.main(prog_name="hwpkho", standalone_mode=False) or 0
        sys.stdout.flush()
    except HwpkhoError as error:
        code = _complain(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = error.exit_code
    except click.ClickException as error:
        code = _complain(error.format_message(), error.exit_code)
    except click.Abort:
        code = 130
    except (BrokenPipeError, _ReaderGoneError):
        _discard_stdout()
        code = 141
    except OSError as error:
        _discard_stdout()
        name = f"{printable(str(error.filename))}: " if error.filename else ""
        code = _complain(f"{name}{error.strerror or error}", 3)
    except MemoryError:
        code = _complain("out of memory", 3)
    return code


def _taken(parameter: str, value: str | None) -> bool:
    """Tell whether the running command has an option ``parameter`` that accepts ``value``."""
    ctx = click.get_current_context(silent=True)
    kinds = [param.type for param in ctx.command.params if param.name == parameter] if ctx else []
    return any(
        value is None or not isinstance(kind, click.Choice) or value in kind.choices
        for kind in kinds
    )


def _discard_stdout() -> None:
    """Discard what could not be written: Python would try to write it again at exit, and fail."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, code: int) -> int:
    click.echo(f"hwpkho: {printable(' '.join(message.split()))}", err=True)
    return code
