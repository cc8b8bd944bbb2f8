"""MLServer, started on loopback, answers V2 requests with what Keras says."""

import json
import shutil
import subprocess
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.export.runtime import SCHEMA
from kvae.export.signatures import find
from tests.clients.domains import what_keras_says
from tests.clients.mlserver import documented_lines, infer, started
from tests.clients.raw_models import RAW_MODELS
from tests.clients.servers import servers_python
from tests.conformance.cases.quantized import make_quantized
from tests.export.families import examples, make_conditional
from tests.small import SIGNATURES, make_vae

pytestmark = pytest.mark.slow

ENDS = np.zeros((3, 5), "float32")


@pytest.fixture(scope="module")
def vae():
    return make_vae(latent_dim=5, networks="conv")


@pytest.fixture(scope="module")
def server(vae, tmp_path_factory):
    """The address of an MLServer that the lines of docs/serving.md have started."""
    python = servers_python("mlserver")
    folder = tmp_path_factory.mktemp("mlserver")
    kvae.export.saved_model(vae, folder / "serving/1")
    with started(folder, python) as address:
        yield address


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
        (
            {"signature": "interpolate"},
            {"z_a": ENDS, "z_b": ENDS[:1], "t": np.zeros((1, 1), "float32")},
            "Expected inputs with the same number of rows. Received: {",
        ),
    ],
    ids=["signature", "name", "shape", "dtype", "rows"],
)
def test_a_bad_request_is_refused_in_words(server, parameters, inputs, words):
    status, said = infer(server, parameters=parameters, **inputs)
    assert status == 400
    assert words in json.loads(said)["error"]


@pytest.mark.parametrize(
    ("signature", "inputs", "words"),
    [
        ("decode", {"z": np.full((1, 5), np.nan, "float32")}, "Expected z to be finite"),
        ("encode", {"x": np.full((1, 8, 8, 1), np.nan, "float32")}, "Expected x to be finite"),
        ("sample", {"seed": np.array([[0.5, 7.0]])}, "Expected data of seed that fit its"),
        ("sample", {"seed": np.array([[2.0**31, 7.0]])}, "Expected data of seed that fit its"),
    ],
    ids=["a null code", "null pixels", "a fraction", "beyond the datatype"],
)
def test_numbers_that_keras_refuses_are_refused(server, signature, inputs, words):
    status, said = infer(
        server, parameters={"signature": signature}, datatypes={"seed": "INT32"}, **inputs
    )
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


def test_the_metadata_describe_every_signature_in_raw_units(server, vae):
    with urllib.request.urlopen(f"{server}/v2/models/vae", timeout=60) as response:
        said = json.load(response)
    assert said["versions"] == ["1"]
    assert said["inputs"] == [{"name": "z", "datatype": "FP32", "shape": [-1, 5]}]
    assert {tensor["name"] for tensor in said["outputs"]} == {"mean", "logits"}
    assert all(tensor["shape"] == [-1, 8, 8, 1] for tensor in said["outputs"])
    more = said["parameters"]
    assert more["label"] == "stable"
    assert more["model"]["schema"] == SCHEMA
    assert more["model"]["inputs"]["x"]["domain"] == vae.likelihood_layer.domain.describe()
    assert more["signatures"].keys() == {*SIGNATURES, "serving_default"}
    score = more["signatures"]["score"]
    assert score["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 8, 8, 1]}]
    assert more["signatures"]["sample"]["inputs"][0]["datatype"] == "INT32"


@pytest.mark.thorough
def test_a_condition_is_an_input_of_its_own(tmp_path):
    model, data = make_conditional(), examples(5)
    kvae.export.saved_model(model, tmp_path / "serving/1", data=data)
    inputs = {"x": data["x"], "condition": data["condition"].astype("int32")}
    with started(tmp_path, servers_python("mlserver")) as address:
        found = infer(address, parameters={"signature": "score"}, **inputs)["score"]
        inputs["condition"] = inputs["condition"] + 3
        status, said = infer(address, parameters={"signature": "score"}, **inputs)
    np.testing.assert_allclose(found.ravel(), model.score(data), rtol=1e-4)
    assert status == 400
    with pytest.raises(ValueError, match="Expected condition to hold") as error:
        model.score(inputs)
    assert json.loads(said)["error"] == str(error.value)


def test_codes_outside_the_codebook_are_refused(tmp_path):
    model = make_quantized()
    kvae.export.saved_model(model, tmp_path / "serving/1", signatures=["decode"])
    codes = np.array([[[0, 1], [5, 2]]], "int32")
    wrong = np.where(codes == 5, 6, codes)
    with started(tmp_path, servers_python("mlserver")) as address:
        found = infer(address, codes=codes)["mean"]
        status, said = infer(address, codes=wrong)
    np.testing.assert_allclose(found, model.decode(codes), atol=1e-5)
    assert status == 400
    with pytest.raises(ValueError, match="Expected codes to hold") as error:
        model.decode(wrong)
    assert json.loads(said)["error"] == str(error.value)


@pytest.mark.parametrize("kind", RAW_MODELS)
def test_raw_data_score_as_in_keras(raw_models, tmp_path, kind):
    made = raw_models[kind]
    shutil.copytree(made.served, tmp_path / "serving/1")
    with started(tmp_path, servers_python("mlserver")) as address:
        parts = [
            infer(address, parameters={"signature": "score"}, x=part)["score"]
            for part in np.array_split(made.x, 20)
        ]
    made.check(np.concatenate(parts).ravel())
