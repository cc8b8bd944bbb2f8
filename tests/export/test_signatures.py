"""What the signatures compute, here and in the exported files."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.export.signatures import find
from kvae.export.verification import litert
from kvae.models.paths import spherical
from tests.small import SIGNATURES, make_vae

ROWS = 6


@pytest.fixture
def z(rng):
    return rng.normal(size=(ROWS, 5)).astype("float32")


@pytest.fixture
def x(digits):
    return digits[1][:ROWS]


@pytest.fixture(scope="module")
def run(tflite_result, saved_model_result):
    """Run a signature in every place: outputs by place and name."""
    functions = tf.saved_model.load(str(saved_model_result.path)).signatures

    def run_everywhere(signature, **inputs):
        served = functions[signature](**{name: tf.constant(v) for name, v in inputs.items()})
        return {
            "Interpreter": litert.run_interpreter(tflite_result.path, signature, inputs),
            "CompiledModel": litert.run_compiled(tflite_result.path, signature, inputs),
            "SavedModel": {name: value.numpy() for name, value in served.items()},
        }

    return run_everywhere


def eager(vae, signature, **inputs):
    function = find(vae, [signature])[0].function
    outputs = function(**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy() for name, value in outputs.items()}


def assert_close(everywhere, output, expected, atol=1e-5):
    """1e-5 is what float32 promises."""
    for place, outputs in everywhere.items():
        np.testing.assert_allclose(outputs[output], expected, atol=atol, rtol=1e-5, err_msg=place)


def numpy_slerp(a, b, t):
    """A rotation in the plane of both vectors, by orthonormal axes, in float64."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    length_a, length_b = np.linalg.norm(a), np.linalg.norm(b)
    along = a / length_a
    across = b - (b @ along) * along
    across /= np.linalg.norm(across)
    angle = t * np.arctan2(b @ across, b @ along)
    return ((1 - t) * length_a + t * length_b) * (np.cos(angle) * along + np.sin(angle) * across)


def test_decode_encode_and_reconstruct_say_what_the_model_says(conv_vae, run, z, x):
    decoded, encoded = run("decode", z=z), run("encode", x=x)
    mean, stddev = conv_vae.encode(x)
    assert_close(decoded, "mean", conv_vae.decode(z))
    assert_close(decoded, "logits", conv_vae.decoder.predict(z, verbose=0), atol=1e-4)
    assert_close(encoded, "mean", mean)
    assert_close(encoded, "stddev", stddev)
    assert_close(run("reconstruct", x=x), "mean", conv_vae.reconstruct(x))


def test_score_is_the_negative_elbo_at_the_posterior_mean(conv_vae, run, x):
    mean, stddev = (value.astype("float64") for value in conv_vae.encode(x))
    logits = conv_vae.decoder.predict(mean.astype("float32"), verbose=0).astype("float64")
    # log sigmoid(l) = -log(1 + exp(-l)); grey pixels count as probabilities.
    nll = np.sum(np.logaddexp(0.0, logits) - x * logits, axis=(1, 2, 3))
    kl = 0.5 * np.sum(mean**2 + stddev**2 - 1.0 - 2.0 * np.log(stddev), axis=1)
    scores = run("score", x=x)
    # Sums of 64 terms, tens of nats in float32.
    assert_close(scores, "nll", nll, atol=1e-3)
    assert_close(scores, "score", nll + kl, atol=1e-3)
    assert kl.min() > 0.05  # else the second check would add nothing


def test_score_tells_an_anomaly(run, x, rng):
    noise = rng.permuted(x.reshape(ROWS, -1), axis=1).reshape(x.shape)
    for outputs in (run("score", x=x), run("score", x=noise)):
        assert set(outputs["Interpreter"]) == {"score", "nll", "nats_per_element"}
    usual = run("score", x=x)["Interpreter"]["score"].mean()
    assert run("score", x=noise)["Interpreter"]["score"].mean() > usual


def test_same_seed_gives_the_same_sample_everywhere(conv_vae, run, rng):
    seed = rng.integers(-(2**31), 2**31, size=(64, 2)).astype("int32")
    expected, found = eager(conv_vae, "sample", seed=seed), run("sample", seed=seed)
    assert_close(found, "z", expected["z"], atol=1e-4)
    assert_close(found, "mean", expected["mean"], atol=1e-4)
    assert_close(found, "mean", conv_vae.decode(expected["z"]), atol=1e-4)
    assert len(np.unique(expected["z"])) == expected["z"].size


def test_linear_interpolation(conv_vae, run, z):
    t = np.linspace(0.0, 1.0, ROWS, dtype="float32")[:, None]
    found = run("interpolate", z_a=z, z_b=z[::-1].copy(), t=t)
    assert_close(found, "mean", conv_vae.decode((1 - t) * z + t * z[::-1]))


def test_spherical_interpolation(conv_vae, run, z):
    t = np.linspace(0.0, 1.0, ROWS, dtype="float32")[:, None]
    found = run("interpolate_spherical", z_a=z, z_b=z[::-1].copy(), t=t)
    path = np.array([numpy_slerp(*row) for row in zip(z, z[::-1], t, strict=True)], "float32")
    assert_close(found, "mean", conv_vae.decode(path))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_spherical_against_numpy(rng, share):
    a, b = rng.normal(size=(2, 200, 16)).astype("float32") * 3.0
    t = np.full((200, 1), share, "float32")
    expected = [numpy_slerp(*row, share) for row in zip(a, b, strict=True)]
    np.testing.assert_allclose(spherical(a, b, t), expected, atol=1e-5)


def test_spherical_of_equally_long_vectors_is_the_well_known_formula(rng):
    a, b = rng.normal(size=(2, 50, 8))
    a, b = (3.0 * each / np.linalg.norm(each, axis=1, keepdims=True) for each in (a, b))
    angle = np.arccos(np.sum(a * b, axis=1, keepdims=True) / 9.0)
    expected = (np.sin(0.7 * angle) * a + np.sin(0.3 * angle) * b) / np.sin(angle)
    np.testing.assert_allclose(spherical(a, b, np.full((50, 1), 0.3)), expected, atol=1e-6)


def test_spherical_stays_between_the_lengths_of_its_ends_also_near_opposite_vectors():
    """Two dimensions, where two draws are often nearly opposite."""
    angle = np.pi - np.geomspace(1e-6, 1.0, 200).astype("float32")
    a = np.tile(np.array([[1.0, 0.0]], "float32"), (200, 1))
    b = 2.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for share in (0.1, 0.4, 0.5, 0.8):
        path = spherical(a, b, np.full((200, 1), share, "float32")).numpy()
        assert np.linalg.norm(path, axis=1).max() < 2.5
        expected = [numpy_slerp(*row, share) for row in zip(a, b, strict=True)]
        line = (1 - share) * a + share * b
        turned = (np.pi - angle)[:, None] > 0.0501
        either = np.where((np.pi - angle)[:, None] < 0.0499, line, path)
        np.testing.assert_allclose(path, np.where(turned, expected, either), atol=1e-5)


def test_spherical_of_nearly_equal_vectors_is_the_line_between(rng):
    a = rng.normal(size=(50, 8)).astype("float32")
    b = a + 1e-4 * rng.normal(size=(50, 8)).astype("float32")
    t = rng.uniform(size=(50, 1)).astype("float32")
    np.testing.assert_allclose(spherical(a, b, t), (1 - t) * a + t * b, atol=1e-5)


def test_spherical_of_equal_opposite_and_zero_vectors_is_finite(run):
    one, zero = np.array([1.0, -2.0, 0.5, 0.0, 3.0], "float32"), np.zeros(5, "float32")
    pairs = [(one, one), (one, -one), (one, zero), (zero, one), (zero, zero), (one, 1e4 * one)]
    z_a, z_b = (np.array(side) for side in zip(*pairs, strict=True))
    for share in (0.0, 0.5, 1.0):
        t = np.full((len(pairs), 1), share, "float32")
        path = spherical(z_a, z_b, t).numpy()
        assert np.isfinite(path).all()
        np.testing.assert_allclose(path[0], one, atol=1e-5)
        for outputs in run("interpolate_spherical", z_a=z_a, z_b=z_b, t=t).values():
            assert np.isfinite(outputs["mean"]).all()
    # Ends are reached whatever lies between: relative, as one of the vectors is 4e4 long.
    for t, end in ((0.0, z_a), (1.0, z_b)):
        reached = spherical(z_a, z_b, np.full((len(pairs), 1), t, "float32"))
        np.testing.assert_allclose(reached, end, rtol=1e-5, atol=1e-5)


def test_every_signature_stays_within_the_float32_budget(tflite_result, saved_model_result):
    for result in (tflite_result, saved_model_result):
        assert set(result.measured) == set(SIGNATURES)
        for signature, outputs in result.measured.items():
            assert set(outputs) == set(result.signatures[signature]["outputs"])
            assert all(measured.error <= 1e-5 for measured in outputs.values()), signature


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(1, 4, 64), (3,), (200,)])
def test_other_batch_sizes_agree_with_decode(conv_vae, z, tmp_path, sizes):
    result = kvae.export.tflite(conv_vae, tmp_path / "sizes.tflite", batch_sizes=sizes)
    names = {size: "decode" if size == 1 else f"decode_{size}" for size in sizes}
    assert set(result.signatures) == set(names.values())
    for size, name in names.items():
        assert result.signatures[name]["inputs"]["z"]["shape"] == [size, 5]
        found = litert.run_interpreter(result.path, name, {"z": z})["mean"]
        np.testing.assert_allclose(found, conv_vae.decode(z), atol=1e-5)


def test_unknown_signature_is_refused_by_name(vae, tmp_path):
    with pytest.raises(ValueError, match=r"Expected signatures to be one of 'decode'.*'dream'"):
        kvae.export.tflite(vae, tmp_path / "x.tflite", signatures=["dream"])


@pytest.mark.parametrize("export", ["tflite", "saved_model", "bundle"])
def test_one_text_in_the_place_of_a_list_is_refused(vae, tmp_path, export):
    with pytest.raises(ValueError, match=r"signatures to be a list of names, such as \['decode'\]"):
        getattr(kvae.export, export)(vae, tmp_path / "x", signatures="decode")
    assert list(tmp_path.iterdir()) == []


def test_one_preset_in_the_place_of_a_list_is_refused(vae, tmp_path):
    with pytest.raises(ValueError, match="presets to be a list of names"):
        kvae.export.bundle(vae, tmp_path / "x", presets="float32")


@pytest.mark.parametrize("export", ["tflite", "saved_model", "bundle"])
def test_a_file_without_signatures_is_refused(vae, tmp_path, export):
    with pytest.raises(ValueError, match=r"Expected at least one signature.*signatures=\[\]"):
        getattr(kvae.export, export)(vae, tmp_path / "x", signatures=[])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("export", ["tflite", "bundle"])
@pytest.mark.parametrize("batch_sizes", [8, [], None, 1.5])
def test_batch_sizes_are_a_list(vae, tmp_path, export, batch_sizes):
    with pytest.raises(ValueError, match="batch_sizes to be a list of positive integers"):
        getattr(kvae.export, export)(vae, tmp_path / "x", batch_sizes=batch_sizes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"signatures": ["nope"]}, {"data": np.zeros((0, 8, 8, 1))}])
def test_a_refused_saved_model_leaves_no_folder_of_versions(vae, tmp_path, wrong):
    """TensorFlow Serving would poll it as a model without versions."""
    with pytest.raises(ValueError, match=r"Expected|Received"):
        kvae.export.saved_model(vae, tmp_path / "new/1", **wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("networks", ["mlp", "conv"])
def test_signatures_share_one_set_of_weights(tmp_path, networks):
    vae = large_vae(networks)
    weights = 4 * (vae.encoder.count_params() + vae.decoder.count_params())
    assert weights >= 4 * 500_000
    result = kvae.export.tflite(vae, tmp_path / "all.tflite", signatures=SIGNATURES)
    assert weights <= result.size_bytes <= 1.15 * weights
    assert result.weight_bytes == weights
    assert result.path.stat().st_size == result.size_bytes


@pytest.mark.slow
@pytest.mark.parametrize("networks", ["mlp", "conv"])
def test_a_decoder_alone_is_little_more_than_its_weights(tmp_path, networks):
    vae = large_vae(networks)
    weights = 4 * vae.decoder.count_params()
    assert weights >= 4 * 500_000
    result = kvae.export.tflite(vae, tmp_path / "decoder.tflite")
    assert weights <= result.size_bytes <= 1.02 * weights


def large_vae(networks):
    """An untrained VAE whose decoder has at least 500,000 parameters."""
    keras.utils.set_random_seed(0)
    if networks == "mlp":
        posterior, likelihood = parts(8, (64,))
        encoder = kvae.networks.mlp_encoder((64,), posterior.params_size, hidden=(64,))
        decoder = kvae.networks.mlp_decoder(8, likelihood.params_shape, hidden=(640, 720))
    else:
        posterior, likelihood = parts(8, (16, 16, 1))
        encoder = kvae.networks.conv_encoder((16, 16, 1), posterior.params_size, filters=(4,))
        decoder = kvae.networks.conv_decoder(
            8, likelihood.params_shape, filters=(96, 192), dense=192
        )
    vae = kvae.VAE(encoder=encoder, posterior=posterior, decoder=decoder, likelihood=likelihood)
    for weight in vae.weights:  # the converter leaves out biases that are zero
        weight.assign(0.05 * keras.random.normal(weight.shape))
    return vae


def parts(latent_dim, event_shape):
    vae = make_vae(event_shape, latent_dim)
    return vae.posterior_layer, vae.likelihood_layer


@pytest.mark.parametrize("write", [kvae.export.tflite, kvae.export.saved_model, kvae.export.onnx])
def test_columns_may_have_any_name_that_keras_takes(write, rng, tmp_path):
    names = ["body height (cm)", "Größe", "1st", "a:0", "_%"]
    columns = [kvae.layers.IndependentNormal(name=name) for name in names]
    vae = make_vae((len(names),), likelihood=kvae.layers.Columns(columns))
    x = rng.normal(size=(4, len(names))).astype("float32")
    vae(x)
    result = write(vae, tmp_path / "model", data=x)
    expected = {f"{name}_{parameter}" for name in names for parameter in ("loc", "scale")}
    assert set(result.measured[next(iter(result.measured))]) == {"mean", *expected}
    assert result.max_error < 1e-5
