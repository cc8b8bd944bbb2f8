"""Imports go one way, and public names are what they say."""

import ast
import importlib
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

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


def test_the_runtime_of_a_bundle_needs_numpy_and_litert_alone():
    """A copy of the file travels in every bundle, to devices that have nothing else."""
    source = Path(importlib.util.find_spec("kvae.export.runtime").origin).read_text("utf-8")
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            found.add(node.module.split(".")[0])
    assert found - sys.stdlib_module_names == {"numpy", "ai_edge_litert"}
