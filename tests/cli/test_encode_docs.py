"""The manual page of encode names every option and form."""

from __future__ import annotations

import re

import click
import pytest

from hwpkho.abi.kho import VERSIONS
from hwpkho.cli.encode import command
from hwpkho.encode.targets import registry as targets
from tests.support import FIXTURES

PAGE = (FIXTURES.parent / "man" / "hwpkho-encode.1").read_text("utf-8")
OPTIONS = [name for p in command.params if isinstance(p, click.Option) for name in p.opts]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_there(option):
    assert f"Fl {option[1:]} " in PAGE.replace("\n", " ")


def test_every_form_and_version_is_there():
    named = {name for line in re.findall(r"Fl -to Cm (.*)\n", PAGE) for name in line.split(" | ")}
    assert named >= set(targets.names())
    assert f"Fl -kho Cm {' | '.join(VERSIONS.names())}\n" in PAGE


def test_choices_of_the_command_are_those_of_the_library():
    choices = {
        p.name: list(p.type.choices) for p in command.params if isinstance(p.type, click.Choice)
    }
    assert choices["to"] == targets.names()
    assert choices["kho"] == VERSIONS.names()
