"""What the contract promises of the array methods, of draws and of the methods of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.noise import standard_normal
from kvae.threefry import seed_rows
from kvae.threefry import standard_normal as row_normals
from tests.small import kl, make_vae

FLOAT32 = 1e-5


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(1)
    model = make_vae()
    model.compile(optimizer="sgd", jit_compile=False)
    return model


def test_a_call_outside_training_is_deterministic_and_adds_no_loss(vae, grey):
    first, second = vae(grey), vae(grey)
    np.testing.assert_array_equal(first, second)
    assert vae.losses == []
    params = vae.decoder(vae.encode(grey)[0])
    np.testing.assert_allclose(first, params, atol=1e-5)
    assert not np.array_equal(vae(grey, training=True), vae(grey, training=True))


def test_the_score_is_nll_plus_kl_at_the_posterior_mean(vae, grey):
    mean, stddev = (part.astype("float64") for part in vae.encode(grey))
    logits = np.asarray(vae.decoder(mean.astype("float32")), "float64")
    nll = np.sum(np.logaddexp(0.0, logits) - grey * logits, axis=(1, 2, 3))
    divergence = 0.5 * np.sum(mean**2 + stddev**2 - 1.0 - 2.0 * np.log(stddev), axis=1)
    found = vae.score(grey, terms=True)
    np.testing.assert_allclose(found["nll"], nll, rtol=FLOAT32)
    np.testing.assert_allclose(vae.score(grey), nll + divergence, rtol=FLOAT32)


@pytest.mark.parametrize("kind", ["mean", "draw"])
def test_row_i_of_sample_depends_on_i_and_the_seed_alone(vae, kind):
    many = vae.sample(7, seed=3, kind=kind)
    np.testing.assert_allclose(vae.sample(3, seed=3, kind=kind), many[:3], atol=1e-6)
    np.testing.assert_allclose(vae.sample(7, seed=3, kind=kind, batch_size=2), many, atol=1e-6)
    assert np.abs(vae.sample(7, seed=4, kind=kind) - many).max() > 1e-3


@pytest.mark.parametrize("kind", ["mean", "draw"])
def test_without_a_seed_each_call_draws_anew_in_a_sequence_that_can_be_repeated(kind):
    sequences = []
    for _ in range(2):
        keras.utils.set_random_seed(2)
        model = make_vae(5)
        sequences.append([model.sample(6, kind=kind) for _ in range(3)])
        assert np.abs(np.diff(sequences[-1], axis=0)).max(axis=(1, 2)).min() > 1e-3
    np.testing.assert_allclose(*sequences, atol=1e-6)


def test_sample_decodes_normals_of_the_row(vae):
    many = vae.sample(7, seed=3)
    z = row_normals(seed_rows(tf.range(7), 3), 2).numpy()
    np.testing.assert_allclose(many, vae.decode(z), atol=1e-6)


def test_sample_returns_means_or_draws(vae):
    means, draws = vae.sample(500, seed=0), vae.sample(500, seed=0, kind="draw")
    assert set(np.unique(draws)) == {0.0, 1.0}
    # 500 draws of a pixel: a standard error of at most 0.022.
    np.testing.assert_allclose(draws.mean(axis=0), means.mean(axis=0), atol=0.12)
    with pytest.raises(ValueError, match="Expected kind to be one of 'mean', 'draw'"):
        vae.sample(2, kind="median")


def test_a_prior_that_cannot_be_made_of_normals_still_samples(grey):
    @keras.saving.register_keras_serializable(package="tests")
    class Laplace(kvae.priors.Prior):
        def make_distribution(self, condition=None):
            from tensorflow_probability import distributions as tfd

            return tfd.Independent(tfd.Laplace(tf.zeros(self.event_shape), 1.0), 1)

    regularizer = kvae.regularizers.KLDivergenceRegularizer(Laplace(2))
    vae = make_vae(
        posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=regularizer)
    )
    many = vae.sample(5, seed=3)
    np.testing.assert_allclose(vae.sample(2, seed=3), many[:2], atol=1e-6)
    np.testing.assert_allclose(vae.sample(5, seed=3, batch_size=2), many, atol=1e-6)
    assert vae.latent_specs()["z"].normals is None
    assert "sample" not in {signature.name for signature in vae.signatures()}
    np.testing.assert_array_equal(vae.sample(4, seed=1), vae.sample(4, seed=1))


def test_evaluate_draws_by_its_seed_and_leaves_training_alone(vae, grey):
    state = vae.posterior_layer.seed_generator.state.numpy()
    before = vae.evaluation_seed_generator.state.numpy()
    first, again, other = (
        vae.evaluate(grey, verbose=0, return_dict=True, seed=seed)["nll"] for seed in (1, 1, 2)
    )
    assert first == again != other
    np.testing.assert_array_equal(vae.posterior_layer.seed_generator.state.numpy(), state)
    np.testing.assert_array_equal(vae.evaluation_seed_generator.state.numpy(), before)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_validation_does_not_change_what_training_draws(jit_compile, grey):
    ended = []
    for held_out in (None, grey[:10]):
        keras.utils.set_random_seed(0)
        vae = make_vae()
        vae.compile(optimizer=keras.optimizers.SGD(1e-3), jit_compile=jit_compile)
        logs = vae.fit(grey, validation_data=held_out, epochs=2, verbose=0, shuffle=False).history
        ended.append(logs["loss"])
    assert ended[0] == pytest.approx(ended[1], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "layer",
    ["MultivariateNormalDiag", "MultivariateNormalTriL", "IndependentNormal"],
)
def test_the_first_epoch_is_the_same_with_and_without_xla(layer, grey):
    losses = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(0)
        posterior = getattr(kvae.layers, layer)(2, activity_regularizer=kl())
        vae = make_vae(posterior=posterior)
        vae.compile(optimizer=keras.optimizers.Adam(1e-3), jit_compile=jit_compile)
        losses.append(vae.fit(grey, batch_size=8, epochs=1, verbose=0).history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=FLOAT32)


def test_noise_is_normal_and_the_same_with_xla():
    found = standard_normal((100_000, 3), [3, 4]).numpy()
    compiled = tf.function(standard_normal, jit_compile=True, autograph=False)
    np.testing.assert_allclose(compiled((100_000, 3), [3, 4]), found, rtol=1e-4, atol=1e-5)
    # Standard errors: 0.003 of a mean, 0.005 of a square, 0.03 of a fourth power.
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=0.015)
    np.testing.assert_allclose(np.mean(found**2, axis=0), 1.0, atol=0.025)
    np.testing.assert_allclose(np.mean(found**4, axis=0), 3.0, atol=0.16)
    assert np.abs(np.corrcoef(found.T) - np.eye(3)).max() < 0.015


def test_a_frozen_model_fits_and_keeps_its_weights(grey):
    vae = make_vae()
    before = vae.get_weights()
    vae.trainable = False
    vae.compile(optimizer="adam")
    assert np.isfinite(vae.fit(grey, verbose=0).history["loss"][0])
    for found, expected in zip(vae.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_kerass_own_export_points_to_kvaes(vae, tmp_path):
    with pytest.raises(TypeError, match=r"Expected kvae\.export\.saved_model\(vae"):
        vae.export(tmp_path / "served")
    assert list(tmp_path.iterdir()) == []


def test_a_whole_model_as_h5_is_refused(vae, tmp_path):
    with pytest.raises(ValueError, match=r"Expected filepath to end in \.keras.*weights\.h5"):
        vae.save(tmp_path / "vae.h5")
    assert list(tmp_path.iterdir()) == []


def test_discrete_posteriors_are_refused_before_training(grey):
    posterior = kvae.layers.OneHotCategorical(
        3,
        activity_regularizer=kvae.regularizers.KLDivergenceRegularizer(
            kvae.priors.StandardNormal(3), use_exact_kl=False
        ),
    )
    vae = make_vae(latent_dim=3, posterior=posterior)
    vae.compile(optimizer="adam")
    with pytest.raises(ValueError, match="carry a gradient"):
        vae.fit(grey, verbose=0)


def test_a_float32_copy_of_a_half_precision_model_has_its_weights(grey):
    from tests.helpers import dtype_policy

    with dtype_policy("mixed_bfloat16"):
        vae = make_vae()
    copy = vae.float32_copy()
    assert copy is not vae
    assert copy.decoder.compute_dtype == "float32"
    # bfloat16 keeps eight bits.
    np.testing.assert_allclose(copy.reconstruct(grey), vae.reconstruct(grey), atol=0.02)
    full = make_vae()
    assert full.float32_copy() is full


@pytest.mark.parametrize("seed", [2**32, -(2**31) - 1, 2**62, 1.5, float("nan"), "one", [0]])
def test_seeds_that_other_ones_are_taken_for_are_refused(vae, grey, seed):
    """TensorFlow keeps 32 bits of 2**32, which are those of 0, and int() makes 1 of 1.5."""
    message = "Expected seed to be an integer from -2147483648 to 2147483647"
    for draw in (
        lambda: vae.sample(2, seed=seed),
        lambda: vae.elbo(grey, seed=seed),
        lambda: vae.evaluate(grey, seed=seed, verbose=0),
        lambda: kvae.diagnose(vae, grey, seed=seed),
        lambda: kvae.evaluation.log_likelihood(vae, grey, samples=2, seed=seed),
        lambda: kvae.regularizers.MaximumMeanDiscrepancy(kvae.priors.StandardNormal(2), seed=seed),
    ):
        with pytest.raises(ValueError, match=message):
            draw()


def test_seeds_at_both_ends_draw(vae):
    drawn = [vae.sample(1, seed=seed) for seed in (-(2**31), -1, 0, np.int64(2**31 - 1))]
    assert all(np.any(drawn[0] != other) for other in drawn[1:])
