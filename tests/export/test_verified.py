"""An artefact is handed over only if it says what Keras says; otherwise nothing is left on disk."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

import kvae
from kvae.export.formats import saved_model, tflite
from kvae.export.key import Key
from kvae.export.presets import PRESETS
from kvae.export.signatures import find
from kvae.export.verification import litert
from kvae.export.verification.compare import Output, Tolerance, measure
from kvae.export.verification.probe import reference_of
from kvae.export.verification.processes import in_session
from kvae.export.verification.reference import Reference
from tests.helpers import dtype_policy, relative, run_python
from tests.small import kl, make_vae

BUDGET = 1e-5  # what kvae promises for float32


@keras.saving.register_keras_serializable(package="tests")
class IncompleteGamma(keras.layers.Layer):
    """An operation that TFLite has only through Flex."""

    def call(self, inputs):
        return tf.math.igamma(1.0 + tf.square(inputs), 2.0)


@keras.saving.register_keras_serializable(package="tests")
class LogOfNegative(keras.layers.Layer):
    """NaN for every input."""

    def call(self, inputs):
        return tf.math.log(-1.0 - tf.square(inputs))


def vae_with(layer):
    """A VAE whose decoder ends in `layer`."""
    outputs = [keras.layers.Dense(64), layer, keras.layers.Reshape((8, 8, 1))]
    return kvae.VAE(
        encoder=kvae.networks.mlp_encoder((8, 8, 1), 4, hidden=(8,)),
        posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl()),
        decoder=keras.Sequential([keras.Input((2,)), *outputs]),
        likelihood=kvae.layers.IndependentBernoulli((8, 8, 1)),
    )


EXPORTS = {"tflite": kvae.export.tflite, "saved_model": kvae.export.saved_model}
export_of = pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
decode_only = {"signatures": ("decode",)}


def test_flex_operations_are_refused_and_named(tmp_path):
    with pytest.raises(kvae.export.ExportError, match=r"no builtin operation.*Igamma"):
        kvae.export.tflite(vae_with(IncompleteGamma()), tmp_path / "vae.tflite")
    assert list(tmp_path.iterdir()) == []


@export_of
def test_a_decoder_that_yields_nan_is_refused(export, tmp_path, digits):
    with pytest.raises(kvae.export.ExportError, match="NaN"):
        export(vae_with(LogOfNegative()), tmp_path / "vae", data=digits[1], **decode_only)
    assert list(tmp_path.iterdir()) == []


ALL_EXPORTS = {**EXPORTS, "bundle": kvae.export.bundle, "onnx": kvae.export.onnx}


@pytest.mark.parametrize("export", ALL_EXPORTS.values(), ids=ALL_EXPORTS)
def test_weights_that_are_not_finite_are_refused_before_any_work(export, tmp_path):
    vae = make_vae()
    weight = vae.encoder.weights[0]
    weight.assign(np.full(weight.shape, np.inf))
    with pytest.raises(ValueError, match=f"to have finite weights.*infinity in {weight.path}"):
        export(vae, tmp_path / "vae")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def reference(monkeypatch):
    """Change what Keras is taken to say: `reference(change)`, change(array) -> array."""
    original = tflite.reference_of

    def change_by(change):
        def reference_of(*args):
            reference = original(*args)
            expected = {**reference.expected["decode"]}
            expected["mean"] = change(expected["mean"].copy())
            return dataclasses.replace(reference, expected={"decode": expected})

        for module in (tflite, saved_model):
            monkeypatch.setattr(module, "reference_of", reference_of)

    return change_by


def one_pixel(mean):
    """In the last posterior draw alone, by twice the budget; Bernoulli means are below one."""
    mean[-1, 3, 4, 0] += 2 * BUDGET
    return mean


@pytest.mark.slow
@export_of
def test_one_pixel_in_one_row_that_disagrees_is_enough_to_refuse(export, vae, tmp_path, reference):
    reference(one_pixel)
    with pytest.raises(
        kvae.export.ExportError, match=r"mean of decode .* differs .* by 2\.\d*e-05"
    ):
        export(vae, tmp_path / "vae", **decode_only)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_export_leaves_the_good_file_that_stood_there(vae, tmp_path, reference):
    path = tmp_path / "vae.tflite"
    kvae.export.tflite(vae, path)
    before = path.read_bytes()
    reference(one_pixel)
    with pytest.raises(kvae.export.ExportError, match="differs"):
        kvae.export.tflite(vae, path, overwrite=True)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["vae.tflite"]


def test_a_file_that_gives_nan_or_another_shape_is_refused():
    expected = np.zeros((128, 8, 8, 1), "float32")
    reference = Reference({"decode": {"z": np.zeros((128, 2))}}, {"decode": {"mean": expected}})
    tolerance = Tolerance(error=BUDGET)

    def output(values):
        return Output("LiteRT", Key("decode"), "mean", values)

    good = measure(reference, [output(expected + 1e-6)], tolerance)
    assert good["decode"]["mean"].error == pytest.approx(1e-6, rel=1e-3)
    nan = expected.copy()
    nan[7, 0, 0, 0] = np.nan
    for found, words in (
        (nan, "NaN"),
        (expected[..., 0], "shape"),
        (expected + np.inf, "infinite"),
    ):
        with pytest.raises(kvae.export.ExportError, match=words):
            measure(reference, [output(found)], tolerance)
    with pytest.raises(kvae.export.ExportError, match="missing"):
        measure(reference, [], tolerance)


def encoded(found, expected, stddev, preset):
    """Return how the mean of `encode` compares, by the tolerance of a preset."""
    reference = Reference(
        {"encode": {"x": np.zeros((len(expected), 4))}},
        {"encode": {"mean": expected, "stddev": stddev}},
    )
    outputs = {"mean": found, "stddev": stddev}
    return measure(
        reference,
        [Output("LiteRT", Key("encode"), name, values) for name, values in outputs.items()],
        PRESETS[preset].tolerance,
    )["encode"]["mean"]


@pytest.mark.parametrize("preset", ["float16", "int8-weights", "int8"])
def test_codes_of_a_deterministic_encoder_are_held_to_decibels(preset, rng):
    expected = rng.normal(size=(64, 3)).astype("float32")
    none = np.zeros_like(expected)
    near = encoded(expected * (1.0 + 1e-4), expected, none, preset)
    assert near.stddevs is None
    assert near.psnr > 60.0
    with pytest.raises(kvae.export.ExportError, match=r"mean of encode .* \(tolerance psnr\)"):
        encoded(-expected, expected, none, preset)


def test_a_stddev_of_zero_leaves_the_other_codes_held(rng):
    expected = rng.normal(size=(64, 3)).astype("float32")
    stddev = np.full_like(expected, 0.1)
    stddev[0, 0] = 0.0
    assert encoded(expected + 0.05, expected, stddev, "int8").stddevs == pytest.approx(0.5)
    with pytest.raises(kvae.export.ExportError, match=r"\(tolerance codes\)"):
        encoded(expected + 1.0, expected, stddev, "int8")


def test_an_output_that_is_constant_and_exact_is_not_refused():
    expected = np.full((64, 3), 0.5, "float32")
    reference = Reference({"decode": {"z": np.zeros((64, 2))}}, {"decode": {"mean": expected}})
    output = Output("LiteRT", Key("decode"), "mean", expected)
    assert measure(reference, [output], PRESETS["int8"].tolerance)["decode"]["mean"].psnr == 300.0


def test_every_number_is_the_worst_of_all_runtimes():
    """The one with the largest error of an element may be the better one by every mean."""

    def compared(signature, name, expected, *found):
        reference = Reference(
            {signature: {"x": np.zeros((len(expected), 2), "float32")}},
            {signature: {name: expected}},
        )
        outputs = [Output(f"engine {i}", Key(signature), name, v) for i, v in enumerate(found)]
        return measure(reference, outputs, Tolerance())[signature][name]

    scores = np.linspace(0.0, 1000.0, 64, dtype="float32")
    once = scores.copy()
    once[0] += 3.5
    nats = compared("score", "score", scores, scores - 3.0, once)
    assert nats.largest == pytest.approx(3.5)
    assert (nats.rms, nats.bias) == pytest.approx((3.0, -3.0))
    assert nats.psnr == pytest.approx(20.0 * np.log10(1000.0 / 3.0), abs=1e-3)
    codes = np.zeros((100, 1), "int32")
    often, far = codes.copy(), codes.copy()
    often[:10], far[0] = 1, 5
    for found in ((often, far), (far, often)):
        assert compared("encode", "codes", codes, *found).equal == pytest.approx(0.9)
        assert compared("encode", "codes", codes, *found).largest == 5.0


def test_a_saved_model_whose_variables_only_python_finds_is_refused(vae, tmp_path):
    """A Keras model hung on a tf.Module loads in Python and not where servers load it."""
    module = tf.Module()
    module.network = vae.decoder
    decode = tf.function(
        lambda z: {"mean": vae.likelihood_layer.mean(vae.decoder(z))},
        input_signature=[tf.TensorSpec((None, 2), tf.float32, name="z")],
    )
    tf.saved_model.save(module, str(tmp_path / "bad"), signatures={"decode": decode})
    inputs = {Key("decode", None): {"z": np.zeros((3, 2), "float32")}}
    with pytest.raises(kvae.export.ExportError, match="as servers load it"):
        in_session(tmp_path / "bad", inputs)


@export_of
def test_a_path_that_cannot_be_written_is_refused_before_any_work(
    export, vae, tmp_path, monkeypatch
):
    for module in (tflite, saved_model):
        monkeypatch.setattr(module, "reference_of", None)  # any work would fail otherwise
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(
        FileExistsError, match=r"Expected path to be free\. Received: path='.*taken'"
    ):
        export(vae, taken)
    with pytest.raises(FileNotFoundError, match=r"Expected the folder of path to exist\. Received"):
        export(vae, tmp_path / "no" / "such" / "folder")
    with pytest.raises(NotADirectoryError, match=r"Expected the parent of path to be a folder"):
        export(vae, taken / "vae")
    assert taken.read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("export", [kvae.export.tflite, kvae.export.onnx])
def test_a_file_does_not_replace_a_folder(export, vae, tmp_path, monkeypatch):
    monkeypatch.setattr(type(vae), "float32_copy", None)  # any work would fail otherwise
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "thesis").write_text("mine")
    with pytest.raises(IsADirectoryError, match="Expected path to be a file"):
        export(vae, tmp_path / "project", overwrite=True)
    assert (tmp_path / "project" / "thesis").read_text() == "mine"


@export_of
def test_what_cannot_be_exported_is_refused(export, tmp_path, make_vae, monkeypatch):
    with pytest.raises(ValueError, match=r"Expected vae .*LatentModel. Received: Sequential"):
        export(keras.Sequential([]), tmp_path / "vae")
    with pytest.raises(ValueError, match=r"Expected x .*\(batch, 8, 8, 1\).*Received.*\(5, 9\)"):
        export(make_vae(), tmp_path / "vae", data=np.zeros((5, 9)))
    assert list(tmp_path.iterdir()) == []


def tril(latent_dim):
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(latent_dim))
    return kvae.layers.MultivariateNormalTriL(latent_dim, activity_regularizer=kl)


KINDS = {
    "conv-28x20": lambda: make_vae((28, 20, 1), 3, networks="conv"),
    "conv-7x5x3-normal": lambda: make_vae(
        (7, 5, 3), 3, networks="conv", likelihood=kvae.layers.IndependentNormal((7, 5, 3))
    ),
    "mlp-7x5-tril": lambda: make_vae((7, 5, 1), 3, posterior=tril(3)),
    "mlp-flat-normal": lambda: make_vae(6, 2, likelihood=kvae.layers.IndependentNormal(6)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_any_size_network_and_likelihood_exports_within_the_budget(kind, tmp_path, rng):
    vae = KINDS[kind]()
    result = kvae.export.tflite(vae, tmp_path / "vae.tflite")
    assert 0.0 <= max(result.error_prior, result.error_posterior) <= result.max_error <= BUDGET
    z = rng.normal(size=(5, vae.latent_dim)).astype("float32")  # not those it was checked on
    for run in (litert.run_interpreter, litert.run_compiled):
        assert relative(run(result.path, "decode", {"z": z})["mean"], vae.decode(z)) < BUDGET
    weights = sum(weight.nbytes for weight in vae.decoder.get_weights())
    assert result.size_bytes == result.path.stat().st_size > weights, "the weights are inside"
    signature = result.signatures["decode"]
    assert signature["inputs"] == {"z": {"shape": [1, vae.latent_dim], "dtype": "float32"}}
    event = list(vae.likelihood_layer.event_shape)
    assert signature["outputs"]["mean"] == {"shape": [1, *event], "dtype": "float32"}
    assert result.latency_ms["decode"] > 0.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.path = None
    for said in (str(result.path), "float32", "MB", "LiteRT"):
        assert said in str(result)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_decoder_trained_in_mixed_precision_exports_in_float32(policy, digits, tmp_path, rng):
    with dtype_policy(policy):
        vae = make_vae(networks="conv")
    vae.compile(optimizer="adam", jit_compile=False)
    vae.fit(digits[0][:64], epochs=1, verbose=0)
    result = kvae.export.tflite(vae, tmp_path / "vae.tflite", data=digits[1])
    assert result.max_error <= BUDGET
    z = rng.normal(size=(5, 2)).astype("float32")
    mean = litert.run_interpreter(result.path, "decode", {"z": z})["mean"]
    assert mean.dtype == np.float32
    # Keras itself decodes with 8 bits (bfloat16) or 11 bits (float16) of precision.
    assert relative(mean, vae.decode(z)) < 0.02
    # The same weights in float32 are what the file holds.
    reference = make_vae(networks="conv")
    reference.set_weights(vae.get_weights())
    assert relative(mean, reference.decode(z)) < BUDGET


class Encoder(keras.Model):
    """One with an argument that Keras cannot write down."""

    def __init__(self, function):
        super().__init__()
        self.function, self.dense = function, keras.layers.Dense(4)

    def build(self, input_shape):
        self.dense.build(input_shape)
        super().build(input_shape)

    def call(self, x):
        return self.function(self.dense(x))


def test_a_network_that_cannot_be_copied_is_named():
    with dtype_policy("mixed_bfloat16"):
        made = make_vae((6,))
        encoder = Encoder(lambda x: 2.0 * x)
        vae = kvae.VAE(encoder, made.posterior_layer, made.decoder, made.likelihood_layer)
        vae(np.zeros((1, 6), "float32"))
    with pytest.raises(ValueError, match=rf"Keras makes of their configuration.*{encoder.name}"):
        vae.float32_copy()


@pytest.mark.parametrize("before", [True, False])
def test_references_are_computed_without_tf32(before, vae):
    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    (decode,) = find(vae, ["decode"])
    seen = []

    def function(**inputs):
        seen.append(enabled())
        return decode.function(**inputs)

    tf.config.experimental.enable_tensor_float_32_execution(before)
    try:
        reference_of(vae, [dataclasses.replace(decode, function=function)])
        assert seen == [False]
        assert enabled() is before
        with pytest.raises(ValueError, match="Expected x"):
            reference_of(vae, [decode], np.zeros((5, 9)))
        assert enabled() is before
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)  # as TensorFlow begins


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
@pytest.mark.parametrize(("part", "signature"), [("encoder", "encode"), ("decoder", "decode")])
def test_a_copy_that_is_another_model_is_refused(policy, part, signature, rng):
    with dtype_policy(policy):
        vae = make_vae((6,), likelihood=kvae.layers.IndependentNormal(6))
    x = rng.normal(size=(40, 6)).astype("float32")
    copy = vae.float32_copy()
    signatures = find(copy, ["encode", "decode", "reconstruct"])
    assert reference_of(copy, signatures, x, vae).inputs.keys() == {s.name for s in signatures}
    last = getattr(copy, part).weights[-1]  # a bias
    last.assign(last + 3.0)
    with pytest.raises(kvae.export.ExportError, match=f"another model: .* of {signature} differs"):
        reference_of(copy, find(copy, [signature]), x, vae)


ON_LITERT_ALONE = """
import sys
for module in ("tensorflow", "keras", "tf_keras", "tensorflow_probability", "kvae"):
    sys.modules[module] = None
import numpy as np
from ai_edge_litert.interpreter import Interpreter

model, z, mean = sys.argv[1:]
decode = Interpreter(model_path=model).get_signature_runner("decode")
np.save(mean, np.concatenate([decode(z=row[None])["mean"] for row in np.load(z)]))
"""


def test_the_file_runs_where_tensorflow_cannot_be_imported(tflite_result, conv_vae, tmp_path, rng):
    z = rng.normal(size=(7, 5)).astype("float32")
    np.save(tmp_path / "z.npy", z)
    run_python(
        ON_LITERT_ALONE, tmp_path, tflite_result.path, tmp_path / "z.npy", tmp_path / "mean.npy"
    )
    assert relative(np.load(tmp_path / "mean.npy"), conv_vae.decode(z)) < BUDGET


def test_a_saved_model_takes_any_batch_and_a_tflite_file_one(
    saved_model_result, tflite_result, conv_vae, rng
):
    functions = tf.saved_model.load(str(saved_model_result.path)).signatures
    for name in ("decode", "serving_default"):
        for batch in (1, 3, 70):
            z = rng.normal(size=(batch, 5)).astype("float32")
            mean = functions[name](z=tf.constant(z))["mean"]
            assert relative(mean, conv_vae.decode(z)) < BUDGET
    assert saved_model_result.signatures["decode"]["inputs"]["z"]["shape"] == [None, 5]
    assert tflite_result.signatures["decode"]["inputs"]["z"]["shape"] == [1, 5]
    assert saved_model_result.max_error <= BUDGET
    assert saved_model_result.size_bytes > saved_model_result.weight_bytes


def test_the_file_holds_builtin_operations_only(tflite_result):
    """Flex and custom operations, which need a delegate to run, carry a name of their own."""
    model = schema.ModelT.InitFromPackedBuf(tflite_result.path.read_bytes())
    builtin = vars(schema.BuiltinOperator)
    codes = [(code.builtinCode, code.customCode) for code in model.operatorCodes]
    assert len(codes) > 3
    assert all(code != builtin["CUSTOM"] and not custom for code, custom in codes)


NOTHING_HEAVY = """
import sys
import kvae
import kvae.export
kvae.export.ExportResult
assert "VAE" in dir(kvae) and "tflite" in dir(kvae.export)
heavy = {"tensorflow", "keras", "tf_keras", "tensorflow_probability", "matplotlib", "sklearn"}
print(sorted(heavy & set(sys.modules)))
"""


def test_importing_kvae_and_its_exporter_loads_nothing_heavy(tmp_path):
    assert run_python(NOTHING_HEAVY, tmp_path).strip() == "[]"


@pytest.mark.thorough
def test_the_score_of_small_scales_is_exported(rng, tmp_path):
    """With TFLite's own softplus the likelihood's term would be off by 0.3%."""
    shape = (6,)
    likelihood = kvae.layers.IndependentLaplace(shape, min_scale=0.0)
    vae = make_vae(shape, likelihood=likelihood)
    kernel, bias = vae.decoder.layers[-1].get_weights()
    bias[shape[0] :] = -11.0  # the raw scales: softplus(-11) = 1.7e-5
    kernel[:, shape[0] :] *= 0.2
    vae.decoder.layers[-1].set_weights([kernel, bias])
    x = rng.normal(size=(64, *shape)).astype("float32")
    assert np.max(likelihood.named_parameters(vae.decoder(x[:, :2]))["scale"]) < 1e-3
    result = kvae.export.tflite(vae, tmp_path / "x.tflite", signatures=("score",), data=x)
    assert result.max_error < BUDGET
