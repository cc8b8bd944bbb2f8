"""The help of every command on a terminal of 80 columns."""

import pytest
import typer
from typer.testing import CliRunner

from kvae.cli.main import app

COMMANDS = typer.main.get_command(app).commands


def shown(*arguments):
    done = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "80"})
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_written_in_full(name):
    lines = shown(name).splitlines()
    assert max(map(len, lines)) <= 80
    words = set(" ".join(lines).replace(",", " ").split())
    for each in COMMANDS[name].params:
        assert words.issuperset(option for option in each.opts if option.startswith("-"))


def test_every_command_is_described_in_one_line():
    text = shown()
    assert "..." not in text.split("Commands:")[1]
    assert all(f"\n  {name} " in text for name in COMMANDS)
