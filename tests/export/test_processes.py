"""The process that tries an exported file."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from kvae.export import ExportError
from kvae.export.key import Key
from kvae.export.verification.processes import in_child, run_script
from tests.helpers import ROOT

INPUTS = {Key("decode"): {"z": np.zeros((1, 2), "float32")}}
PARENT = """
import sys
from pathlib import Path
from types import SimpleNamespace
sys.path.insert(0, sys.argv[1])
from kvae.export.verification.processes import in_child
in_child(SimpleNamespace(__file__=sys.argv[2]), Path("model"), {})
"""


def script(folder, text):
    path = folder / "script.py"
    path.write_text(text)
    return SimpleNamespace(__file__=str(path))


def test_a_process_that_fails_is_reported_with_its_error(tmp_path):
    failing = script(tmp_path, "print('LiteRtStatusErrorNotFound')\nraise ValueError('no model')\n")
    with pytest.raises(ExportError, match=r"model does not run: ValueError: no model$"):
        in_child(failing, tmp_path / "model", INPUTS)


def test_a_process_that_crashes_is_reported_with_its_status(tmp_path):
    crashing = script(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    with pytest.raises(ExportError, match=r"does not run: the process ended with status -11$"):
        in_child(crashing, tmp_path / "model", INPUTS)


def test_the_process_sees_no_gpu(tmp_path):
    told = tmp_path / "told"
    text = f"import os\nopen({str(told)!r}, 'w').write(os.environ['CUDA_VISIBLE_DEVICES'])\n"
    run_script(script(tmp_path, text), [], "script")
    assert told.read_text() == "-1"


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_the_process_ends_with_its_parent(tmp_path):
    told = tmp_path / "pid"
    text = f"import os, time\nopen({str(told)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    sleeping = script(tmp_path, text)
    command = [sys.executable, "-c", PARENT, str(ROOT), sleeping.__file__]
    parent = subprocess.Popen(command)
    while not (told.exists() and told.read_text()):
        assert parent.poll() is None
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    child = int(told.read_text())
    for _ in range(200):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("the child still runs")
