"""Imports go one way, and public names are what they say."""

import importlib
import inspect
import subprocess
import sys

import kvae
from tests.helpers import ROOT

LINT = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"


def test_imports_go_one_way():
    command = [sys.executable, "-c", LINT, "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_public_name_is_there():
    for name in kvae.__all__:
        value = getattr(kvae, name)
        if inspect.ismodule(value):
            for inner in value.__all__:
                assert hasattr(value, inner), f"kvae.{name}.{inner}"


def test_an_unknown_name_is_an_attribute_error():
    for module in ("kvae", "kvae.export"):
        loaded = importlib.import_module(module)
        assert not hasattr(loaded, "no_such_thing")
