"""The tests of the Beam transforms, in the environment that has Apache Beam."""

import os
import subprocess

import pytest

from tests.clients.servers import beam_python
from tests.helpers import ROOT


@pytest.mark.slow
def test_the_tests_of_beam_pass_in_its_environment(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]  # those of the run that this test is part of
    command = [beam_python(), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # The folder's own tests, and of the docstrings' examples those that Beam runs.
    tested = ["tests/beam", "tests/test_doctests.py", "-k", "beam"]
    done = subprocess.run(
        [*command, f"--basetemp={tmp_path / 'basetemp'}", *tested],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert "skipped" not in done.stdout.splitlines()[-1]
