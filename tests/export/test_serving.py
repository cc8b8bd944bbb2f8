"""What TensorFlow Serving expects of a folder, by its published formats; it is not run here."""

import json
import threading

import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.export import runtime
from kvae.export.formats import saved_model as to_saved_model
from kvae.export.formats.warmup import FILE, prediction_log
from tests.small import SIGNATURES


@pytest.fixture(scope="module")
def prediction_log_pb2():
    """The server's own message classes; its descriptors say `tensorflow.serving`."""
    return pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2",
        reason="run: python -m pip install --no-deps tensorflow-serving-api",
    )


@pytest.fixture
def logs(saved_model_result, prediction_log_pb2):
    records = tf.data.TFRecordDataset(str(saved_model_result.path / FILE))
    return [prediction_log_pb2.PredictionLog.FromString(r.numpy()) for r in records]


def test_warm_up_file_lies_where_the_server_looks(saved_model_result):
    assert FILE == "assets.extra/tf_serving_warmup_requests"
    assert (saved_model_result.path / FILE).is_file()


def test_the_description_names_its_schema_and_a_later_one_is_refused(saved_model_result):
    described = json.loads((saved_model_result.path / "assets.extra/model.json").read_text())
    runtime.check_schema(described, "a model.json")
    later = {**described, "schema": described["schema"] + 1}
    words = r"^Expected a model\.json of schema 2\. Received: 3$"
    with pytest.raises(runtime.BundleError, match=words):
        runtime.check_schema(later, "a model.json")


def test_warm_up_requests_are_prediction_logs(logs):
    """Each is a predict_log with a request, of one row, and holds nothing its message lacks."""
    assert {log.WhichOneof("log_type") for log in logs} == {"predict_log"}
    signatures = [log.predict_log.request.model_spec.signature_name for log in logs]
    assert sorted(signatures) == sorted([*SIGNATURES, "serving_default"])
    assert len(logs) <= 1000  # the server takes no more
    for log in logs:
        assert log.DESCRIPTOR.full_name == "tensorflow.serving.PredictionLog"
        request = log.predict_log.request
        assert request.inputs
        assert all(t.tensor_shape.dim[0].size == 1 for t in request.inputs.values())
        # Unknown fields would survive serialization of the message but not of a clean copy.
        clean = type(log)()
        clean.predict_log.request.model_spec.signature_name = request.model_spec.signature_name
        for name, tensor in request.inputs.items():
            clean.predict_log.request.inputs[name].CopyFrom(tensor)
        assert clean.ByteSize() == log.ByteSize()


def test_warm_up_requests_run_as_the_server_runs_them(logs, saved_model_result):
    """Every request names inputs that its signature has, with dtype and shape, and runs."""
    functions = tf.saved_model.load(str(saved_model_result.path)).signatures
    for log in logs:
        request = log.predict_log.request
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        outputs = functions[request.model_spec.signature_name](
            **{name: tf.constant(value) for name, value in inputs.items()}
        )
        assert all(np.isfinite(value.numpy()).all() for value in outputs.values())


@pytest.mark.parametrize("size", [1, 20, 127, 128, 5000, 3_000_000])
def test_long_messages_keep_their_length(prediction_log_pb2, size):
    """Lengths of one, two, three and four bytes."""
    value = np.arange(size, dtype="float32")[None]
    log = prediction_log_pb2.PredictionLog.FromString(prediction_log("decode", {"z": value}))
    request = log.predict_log.request
    assert request.model_spec.signature_name == "decode"
    np.testing.assert_array_equal(tf.make_ndarray(request.inputs["z"]), value)


def test_serving_default_is_decode(saved_model_result, conv_vae, rng):
    z = rng.normal(size=(3, 5)).astype("float32")
    functions = tf.saved_model.load(str(saved_model_result.path)).signatures
    found = functions["serving_default"](z=tf.constant(z))
    assert found.keys() == {"mean", "logits"}
    np.testing.assert_allclose(found["mean"], conv_vae.decode(z), atol=1e-5)


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_the_batch_is_open(saved_model_result, rows):
    functions = tf.saved_model.load(str(saved_model_result.path)).signatures
    assert functions["decode"](z=tf.zeros((rows, 5)))["mean"].shape == (rows, 8, 8, 1)
    assert functions["sample"](seed=tf.zeros((rows, 2), tf.int32))["z"].shape == (rows, 5)


def test_variables_are_written_once(saved_model_result):
    (variables,) = saved_model_result.path.glob("variables/variables.data-*")
    weights = saved_model_result.weight_bytes
    # Beside the weights stands the graph of Python objects, about 100 bytes a variable.
    assert weights <= variables.stat().st_size <= weights + 8192


@pytest.mark.slow
def test_a_new_version_appears_whole_beside_the_old(conv_vae, tmp_path, monkeypatch):
    """A server lists the numbered folders all the time; the check runs before one appears."""
    first = kvae.export.saved_model(conv_vae, tmp_path / "serving/1", signatures=["decode"])
    before = {path: path.stat().st_mtime_ns for path in first.path.rglob("*")}
    seen = []

    def watched(script, artefact, inputs):
        assert (artefact / "saved_model.pb").is_file()
        assert (artefact / FILE).is_file()
        seen.extend(versions(tmp_path / "serving"))
        return in_child(script, artefact, inputs)

    in_child = to_saved_model.in_child
    monkeypatch.setattr(to_saved_model, "in_child", watched)
    kvae.export.saved_model(conv_vae, tmp_path / "serving/2", signatures=["decode"])
    assert seen == [1]
    assert versions(tmp_path / "serving") == [1, 2]
    assert sorted(path.name for path in (tmp_path / "serving").iterdir()) == ["1", "2"]
    assert {path: path.stat().st_mtime_ns for path in first.path.rglob("*")} == before


@pytest.mark.slow
@pytest.mark.parametrize("step", ["reference_of", "in_child"])
def test_a_refused_version_does_not_disturb_another_one_in_the_making(
    conv_vae, tmp_path, monkeypatch, step
):
    """Version 1 is refused at `step`, while version 2 has been checked and is not yet written.

    A server would poll a folder without versions: there is none before the writing begins.
    """
    folder, found = tmp_path / "serving", []
    works, checked = threading.Event(), threading.Event()

    def meanwhile(name, function):
        def stopped(*arguments):
            if threading.current_thread() is other:
                if name == "reference_of":
                    found.append(folder.exists())
                if name == step:
                    works.set()
                    checked.wait(300)
                    raise kvae.export.ExportError("Refused.")
            elif name == "reference_of":
                checked.set()
                other.join()
            return function(*arguments)

        return stopped

    def first():
        with pytest.raises(kvae.export.ExportError, match="Refused"):
            kvae.export.saved_model(conv_vae, folder / "1", signatures=["decode"])
        found.append(folder.exists())

    other = threading.Thread(target=first)
    for name in ("reference_of", "in_child"):
        monkeypatch.setattr(to_saved_model, name, meanwhile(name, getattr(to_saved_model, name)))
    other.start()
    assert works.wait(300)
    kvae.export.saved_model(conv_vae, folder / "2", signatures=["decode"])
    assert found == [False, False]
    assert [path.name for path in folder.iterdir()] == ["2"]


def test_a_version_that_stands_is_not_replaced(saved_model_result, conv_vae):
    with pytest.raises(FileExistsError, match="Expected path to be free"):
        kvae.export.saved_model(conv_vae, saved_model_result.path)


def versions(folder):
    """The versions that a server finds: names that are whole numbers."""
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
