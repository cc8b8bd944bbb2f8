"""The environments that `.ci/install-servers` and `.ci/install-beam` make."""

import os
import subprocess
from pathlib import Path

from tests.clients.needed import need
from tests.helpers import ROOT

__all__ = ["beam_python", "servers_python"]


def servers_python(package):
    """Return the Python that has `package`, or skip (fail where clients are required).

    It is that of .venv-servers, or the one that KVAE_SERVERS_PYTHON names.
    """
    return _python_with(package, "servers")


def beam_python():
    """Return the Python of .venv-beam, or the one that KVAE_BEAM_PYTHON names, likewise."""
    return _python_with("apache_beam", "beam")


def _python_with(package, name):
    default = str(ROOT / f".venv-{name}/bin/python")
    python = os.environ.get(f"KVAE_{name.upper()}_PYTHON", default)
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    there = (
        Path(python).is_file() and not subprocess.run([python, "-c", code], check=False).returncode
    )
    return need(python if there else None, f"Python package {package}", f"Run: .ci/install-{name}")
