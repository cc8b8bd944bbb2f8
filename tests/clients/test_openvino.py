"""OpenVINO reads the SavedModel and the ONNX files: its loaders share no code with TensorFlow."""

import importlib.util
import os
import subprocess

import numpy as np
import pytest

import kvae
from kvae.export.signatures import find
from kvae.export.verification.probe import reference_of
from tests.clients.needed import need
from tests.clients.servers import servers_python
from tests.helpers import relative
from tests.small import SIGNATURES, make_vae

SCRIPT = """
import sys
import numpy as np
import openvino

model, source, target = sys.argv[1:]
core = openvino.Core()
# Processors with matrix units compute in bfloat16 by default.
compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
with np.load(source) as inputs:
    results = compiled(dict(inputs))
np.savez(target, **{output.any_name: value for output, value in results.items()})
"""


def run_openvino(python, model, folder):
    """Run a model on in.npz of a folder; the outputs stand in its out.npz."""
    files = (model, folder / "in.npz", folder / "out.npz")
    environment = {**os.environ, "OPENVINO_TELEMETRY_ENABLED": "0"}
    subprocess.run([python, "-c", SCRIPT, *map(str, files)], check=True, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize("networks", ["mlp", "conv"])
def test_openvino_decodes_what_keras_decodes(tmp_path, rng, networks):
    python = servers_python("openvino")
    vae = make_vae(latent_dim=5, networks=networks)
    kvae.export.saved_model(vae, tmp_path / "1", signatures=["decode"])
    z = rng.normal(size=(9, 5)).astype("float32")
    np.savez(tmp_path / "in.npz", z=z)

    run_openvino(python, tmp_path / "1", tmp_path)

    with np.load(tmp_path / "out.npz") as outputs:
        np.testing.assert_allclose(outputs["mean"], vae.decode(z), atol=1e-5)
        logits = vae.decoder.predict(z, verbose=0)
        np.testing.assert_allclose(outputs["logits"], logits, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "signature",
    [
        name if name == "score" else pytest.param(name, marks=pytest.mark.thorough)
        for name in SIGNATURES
    ],
)
def test_openvino_runs_every_onnx_file(tmp_path, signature):
    python = servers_python("openvino")
    need(importlib.util.find_spec("tf2onnx"), "tf2onnx", "Run: pip install tf2onnx onnxruntime")
    vae = make_vae(latent_dim=5, networks="conv")
    kvae.export.onnx(vae, tmp_path / "vae.onnx", signature=signature)
    reference = reference_of(vae, find(vae, [signature]))
    np.savez(tmp_path / "in.npz", **reference.inputs[signature])
    run_openvino(python, tmp_path / "vae.onnx", tmp_path)
    with np.load(tmp_path / "out.npz") as outputs:
        assert set(outputs) == reference.expected[signature].keys()
        for name, expected in reference.expected[signature].items():
            assert relative(outputs[name], expected) < 1e-5, name
