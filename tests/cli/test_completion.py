"""Completion of commands, options and values in the shell."""

import os
import subprocess
import sys

import pytest
import typer

from kvae.choices.likelihoods import TRANSFORMS
from kvae.cli.main import app
from kvae.exploration.interpolation import PATHS
from kvae.export.presets import PRESETS
from kvae.export.training.chosen import TRAINABLE
from kvae.export.training.optimizer import METHODS
from kvae.networks.for_data import NETWORKS


def completions(*words):
    """Return what bash would be given after these words."""
    environment = {
        **os.environ,
        "_KVAE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    command = [sys.executable, "-c", "from kvae.cli.main import app; app(prog_name='kvae')"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("kvae", "dia"), {"diagnose"}),
        (("kvae", "train", "digits", "--lat"), {"--latent-dim"}),
        (("kvae", "train", "digits", "--job", "a"), {"anomaly"}),
        (("kvae", "export", "run", "--preset", "int8-"), {"int8-weights", "int8-full"}),
    ],
)
def test_words_are_completed(words, expected):
    assert set(completions(*words)) == expected


def test_the_help_of_an_option_names_what_it_is_completed_to():
    completed = 0
    for command in typer.main.get_command(app).commands.values():
        context = typer.Context(command)
        for parameter in command.params:
            items = parameter.shell_complete(context, "")
            names = [item.value for item in items if item.type == "plain"]
            assert all(name in parameter.help for name in names), (command.name, parameter.name)
            completed += bool(names)
    assert completed >= 8


@pytest.mark.parametrize(
    ("command", "option", "source"),
    [
        ("train", "transform", TRANSFORMS),
        ("train", "networks", NETWORKS),
        ("train", "trainable", TRAINABLE),
        ("interpolate", "path", PATHS),
        ("export", "preset", PRESETS),
        ("export", "trainable", TRAINABLE),
        ("export", "optimizer", METHODS),
    ],
)
def test_an_option_is_completed_to_all_that_it_takes(command, option, source):
    """The command line writes them out: completion imports no TensorFlow."""
    found = typer.main.get_command(app).commands[command]
    (parameter,) = (each for each in found.params if each.name == option)
    items = parameter.shell_complete(typer.Context(found), "")
    assert {item.value for item in items} == set(source)
