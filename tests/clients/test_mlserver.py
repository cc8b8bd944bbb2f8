"""MLServer, started on loopback, answers V2 requests with what Keras says."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.export.signatures import find
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
    """The address of a running MLServer that serves `vae` by the files of examples/serving."""
    python = servers_python("mlserver")
    folder = tmp_path_factory.mktemp("mlserver")
    for name in ("saved_model_runtime.py", "model-settings.json"):
        shutil.copy(ROOT / "examples/serving" / name, folder)
    kvae.export.saved_model(vae, folder / "serving/1", signatures=["decode", "sample"])
    http, grpc, metrics = free_ports(3)
    settings = {
        "host": "127.0.0.1",
        "http_port": http,
        "grpc_port": grpc,
        "metrics_port": metrics,
        "parallel_workers": 0,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    log = folder / "log"
    with open(log, "w") as output:
        command = [python, "-c", "from mlserver.cli import main; main()", "start", str(folder)]
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
    try:
        address = f"http://127.0.0.1:{http}"
        wait_until_ready(f"{address}/v2/models/vae/ready", process, log)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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
