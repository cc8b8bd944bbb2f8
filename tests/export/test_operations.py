"""What TFLite cannot hold is refused before the converter starts; lost weights are noticed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import kvae
from kvae.export.conversion import operations
from kvae.export.conversion.graph import Graph
from kvae.export.key import Key
from kvae.export.signatures import find, trace
from tests.small import make_vae


@pytest.fixture
def no_converter(monkeypatch):
    def forbidden(*_, **__):
        raise AssertionError("the converter was started")

    monkeypatch.setattr(Graph, "_converted", forbidden)


@keras.saving.register_keras_serializable(package="tests")
def gammas(params):
    """A density of TFP's own, which takes TensorFlow's lgamma."""
    return tfd.Independent(tfd.Gamma(tf.exp(params), 1.0), 1)


def test_a_density_of_tfps_gamma_functions_is_refused_before_conversion(no_converter, tmp_path):
    vae = make_vae((4,), likelihood=kvae.layers.DistributionLambda(gammas, params_shape=4))
    with pytest.raises(kvae.export.ExportError) as caught:
        kvae.export.tflite(vae, tmp_path / "x.tflite", signatures=("decode", "encode", "score"))
    said = str(caught.value)
    assert all(word in said for word in ("score", "DistributionLambda", "Lgamma"))
    assert "signatures=['decode', 'encode']" in said
    assert list(tmp_path.iterdir()) == []


def test_signatures_for_a_batch_size_are_named_without_it():
    concrete = {}
    keys = Key("decode"), Key("score", 8), Key("decode", 8)
    for key, op in zip(keys, (tf.math.exp, tf.math.lgamma, tf.exp), strict=True):
        concrete[key] = tf.function(op).get_concrete_function(tf.TensorSpec((1, 2)))
    with pytest.raises(kvae.export.ExportError, match=r"signatures=\['decode'\]"):
        operations.check_builtin(make_vae((3,)), concrete)


def test_operations_on_weights_alone_are_no_obstacle(tmp_path):
    """They are computed at conversion: TFLite has no Lgamma, and needs none here."""
    weight = tf.Variable([2.5, 3.5])

    @tf.function(autograph=False)
    def function(x):
        tf.math.lgamma(x)  # leads nowhere
        return x * tf.math.lgamma(weight)

    concrete = function.get_concrete_function(tf.TensorSpec((1, 2)))
    operations.check_builtin(make_vae((3,)), {Key("decode"): concrete})

    @tf.function(autograph=False)
    def inside(x):
        return tf.cond(tf.reduce_all(x > 0.0), lambda: tf.math.lgamma(x), lambda: x)

    concrete = inside.get_concrete_function(tf.TensorSpec((1, 2)))
    with pytest.raises(kvae.export.ExportError, match="Lgamma"):
        operations.check_builtin(make_vae((3,)), {Key("decode"): concrete})


def test_the_weights_of_a_decoder_are_those_of_its_network():
    vae = make_vae(networks="conv", latent_dim=3)
    function = trace(find(vae, ["decode"])[0], 1)
    kernels = sum(weight.size for weight in vae.decoder.get_weights() if weight.ndim > 1)
    assert kernels < vae.decoder.count_params()
    assert operations.weights_read([function, function]) == 4 * kernels, "zeros need no room"
    rng = np.random.default_rng(0)
    vae.decoder.set_weights([rng.normal(size=weight.shape) for weight in vae.decoder.get_weights()])
    assert operations.weights_read([function, function]) == 4 * vae.decoder.count_params()


def test_a_network_whose_biases_are_zeros_is_exported(tmp_path):
    """The converter leaves them out, and their 18 kB are more than the rest of such a file."""
    hidden = kvae.networks.mlp_decoder(2, (2000,), hidden=(2500,))
    vae = make_vae((2000,))
    vae = kvae.VAE(vae.encoder, vae.posterior_layer, hidden, vae.likelihood_layer)
    result = kvae.export.tflite(vae, tmp_path / "x.tflite", signatures=["decode"])
    assert result.size_bytes > 4 * 2000 * 2500


def test_a_file_that_lost_its_weights_is_refused(monkeypatch, tmp_path):
    vae = make_vae(networks="conv")
    monkeypatch.setattr(Graph, "_converted", lambda *_: b"TFL3" * 8)
    with pytest.raises(kvae.export.ExportError, match="lost"):
        kvae.export.tflite(vae, tmp_path / "x.tflite")
    assert list(tmp_path.iterdir()) == []
