"""MLServer as docs/serving.md starts it, on free ports of the loopback, and V2 requests to it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from tests.helpers import ROOT, free_ports

__all__ = ["documented_lines", "infer", "started"]

START_SECONDS = 240
V2 = {"float32": "FP32", "int32": "INT32", "uint8": "UINT8"}


@contextlib.contextmanager
def started(folder, python):
    """Run the lines of docs/serving.md that start MLServer for a block, and give its address.

    Only the ports differ from those in the lines.

    Args:
        folder: a folder with the SavedModel, `serving/1`.
        python: a Python that has MLServer.
    """
    (folder / "examples").symlink_to(ROOT / "examples")
    http, grpc, metrics = free_ports(3)
    log = folder / "log"
    with open(log, "w") as output:
        process = subprocess.Popen(
            ["bash", "-e", "-c", documented_lines()[0]],
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),  # for the line that asks where kvae.export lies
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "MLSERVER_HOST": "127.0.0.1",
                "MLSERVER_HTTP_PORT": str(http),
                "MLSERVER_GRPC_PORT": str(grpc),
                "MLSERVER_METRICS_PORT": str(metrics),
            },
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{http}"
        wait_until_ready(f"{address}/v2/models/vae/ready", process, log)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def documented_lines():
    """Return the shell lines of the section on MLServer: those that start it, and a request."""
    page = (ROOT / "docs" / "serving.md").read_text("utf-8")
    section = page.split("\n## MLServer\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


def wait_until_ready(url, process, log):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, f"MLServer ended:\n{log.read_text()[-3000:]}"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"MLServer is not ready:\n{log.read_text()[-3000:]}")


def infer(server, *, parameters=None, datatypes=None, **inputs):
    """Send one V2 request to the model vae; NaN is null there.

    `datatypes` are those that the request names, by input, where they are not those of the arrays.

    Returns its outputs by name, or the status and the words of an error.
    """
    body = {
        "id": "a-request",
        "inputs": [
            {
                "name": name,
                "shape": list(value.shape),
                "datatype": (datatypes or {}).get(name) or V2[value.dtype.name],
                "data": [None if np.isnan(each) else each for each in value.ravel().tolist()],
            }
            for name, value in inputs.items()
        ],
    }
    if parameters:
        body["parameters"] = parameters
    request = urllib.request.Request(
        f"{server}/v2/models/vae/infer",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    assert answer["id"] == "a-request"
    assert answer["model_name"] == "vae"
    assert {output["datatype"] for output in answer["outputs"]} == {"FP32"}
    return {
        output["name"]: np.reshape(np.array(output["data"], "float32"), output["shape"])
        for output in answer["outputs"]
    }
