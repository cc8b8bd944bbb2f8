"""MLServer, started on loopback, answers V2 requests with what Keras says."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.export.signatures import find
from tests.clients.domains import what_keras_says
from tests.clients.servers import servers_python
from tests.helpers import ROOT, free_ports
from tests.small import make_vae

START_SECONDS = 240
V2 = {"float32": "FP32", "int32": "INT32"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def vae():
    return make_vae(latent_dim=5, networks="conv")


@pytest.fixture(scope="module")
def server(vae, tmp_path_factory):
    """The address of an MLServer that the lines of docs/serving.md have started.

    Only the ports differ from those in the lines.
    """
    python = Path(servers_python("mlserver"))
    folder = tmp_path_factory.mktemp("mlserver")
    (folder / "examples").symlink_to(ROOT / "examples")
    kvae.export.saved_model(vae, folder / "serving/1")
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
                "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
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


def infer(server, *, parameters=None, **inputs):
    """Send one V2 request; return its outputs by name, or the status and the words of an error."""
    body = {
        "id": "a-request",
        "inputs": [
            {
                "name": name,
                "shape": list(value.shape),
                "datatype": V2[value.dtype.name],
                "data": value.ravel().tolist(),
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


@pytest.mark.parametrize("rows", [1, 7])
@pytest.mark.parametrize("parameters", [None, {"signature": "decode"}])
def test_decode(server, vae, rng, rows, parameters):
    z = rng.normal(size=(rows, 5)).astype("float32")
    outputs = infer(server, parameters=parameters, z=z)
    assert outputs.keys() == {"mean", "logits"}
    np.testing.assert_allclose(outputs["mean"], vae.decode(z), atol=1e-5)


def test_sample_draws_what_keras_draws(server, vae):
    seed = np.array([[0, 7], [1, 7], [-5, 2**31 - 1]], "int32")
    expected = find(vae, ["sample"])[0].function(seed=tf.constant(seed))
    outputs = infer(server, parameters={"signature": "sample"}, seed=seed)
    np.testing.assert_allclose(outputs["z"], expected["z"], atol=1e-4)
    np.testing.assert_allclose(outputs["mean"], expected["mean"], atol=1e-4)


@pytest.mark.parametrize(
    ("parameters", "inputs", "words"),
    [
        ({"signature": "dream"}, {"z": np.zeros((1, 5), "float32")}, "Expected signature to be"),
        (None, {"x": np.zeros((1, 5), "float32")}, "Expected the inputs ['z']. Received: ['x']"),
        (None, {"z": np.zeros((1, 4), "float32")}, "Expected z to be float32 of shape (None, 5)"),
        (None, {"z": np.zeros((1, 5), "int32")}, "Received: int32 of shape (1, 5)"),
    ],
    ids=["signature", "name", "shape", "dtype"],
)
def test_a_bad_request_is_refused_in_words(server, parameters, inputs, words):
    status, said = infer(server, parameters=parameters, **inputs)
    assert status == 400
    assert words in json.loads(said)["error"]


def test_the_documented_request_is_answered(server, vae):
    line = documented_lines()[1].replace("http://localhost:8080", server)
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=True, timeout=60
    )
    outputs = {output["name"]: output["data"] for output in json.loads(done.stdout)["outputs"]}
    expected = find(vae, ["sample"])[0].function(seed=tf.constant([[1, 7]]))
    np.testing.assert_allclose(outputs["mean"], np.ravel(expected["mean"]), atol=1e-4)


def test_score_is_that_of_keras_and_refuses_data_outside_the_domain(server, vae, digits):
    x = digits[1][:5].astype("float32")
    outputs = infer(server, parameters={"signature": "score"}, x=x)
    np.testing.assert_allclose(outputs["score"].ravel(), vae.score(x), rtol=1e-4)
    status, said = infer(server, parameters={"signature": "score"}, x=255.0 * x)
    assert status == 400
    assert json.loads(said)["error"] == what_keras_says(vae.likelihood_layer.domain, 255.0 * x)


def test_many_requests_at_once_are_all_answered(server, vae, rng):
    z = rng.normal(size=(100, 5)).astype("float32")
    expected = vae.decode(z)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda row: infer(server, z=z[row % 100][None]), range(400)))
    for row, outputs in enumerate(found):
        np.testing.assert_allclose(outputs["mean"][0], expected[row % 100], atol=1e-5)
