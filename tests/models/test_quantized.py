"""QuantizedVAE: the ELBO of codes, the second fit, and what is refused."""

import keras
import numpy as np
import pytest

import kvae
from kvae.callbacks import NonFiniteError
from tests.conformance.cases.quantized import make_quantized

priors, layers = kvae.priors, kvae.layers


@pytest.fixture(scope="module")
def x():
    return kvae.data.digits()[0][:256]


@pytest.fixture(scope="module")
def trained(x):
    keras.utils.set_random_seed(0)
    model = make_quantized(prior=priors.AutoregressiveCodes((2, 2), 6, 16, 8))
    model.compile(keras.optimizers.Adam(1e-2))
    first = model.fit(x, epochs=15, verbose=0).history
    before = model.evaluate(x, verbose=0, return_dict=True)
    weights = [v.numpy() for v in model.encoder.weights + model.quantizer.weights]
    second = keras.callbacks.History()
    old = model
    model = old.fit_prior(
        x, epochs=30, optimizer=keras.optimizers.Adam(1e-2), verbose=0, callbacks=[second]
    )
    assert not old.prior.fitted
    second = second.history
    kept = [v.numpy() for v in model.encoder.weights + model.quantizer.weights]
    assert all((a == b).all() for a, b in zip(weights, kept, strict=True))
    return model, first, before, second


def test_what_needs_importance_weights_says_what_compares_codes(trained, x):
    with pytest.raises(ValueError, match=r"a density q.*Received: codes.*by elbo or score"):
        kvae.evaluation.log_likelihood(trained[0], x[:3])


def test_it_learns_and_uses_its_codes(trained):
    _, first, _, _ = trained
    assert first["nll"][-1] < 0.8 * first["nll"][0]
    assert first["perplexity"][-1] > 3.0
    assert {"commitment", "commitment_weight", "kl", "elbo"} <= first.keys()


def test_the_kl_is_that_of_a_uniform_prior_until_it_is_fitted(trained, x):
    model, _, before, second = trained
    assert before["kl"] == pytest.approx(4 * np.log(6), rel=1e-5)
    after = model.evaluate(x, verbose=0, return_dict=True)
    assert after["kl"] < before["kl"] - 0.2
    assert after["kl"] == pytest.approx(second["loss"][-1], rel=0.05)
    assert after["elbo"] == pytest.approx(-(after["nll"] + after["kl"]), rel=1e-5)


def test_the_score_is_that_of_the_codes(trained, x):
    model, *_ = trained
    codes = model.encode(x)
    assert codes.dtype == np.int32
    assert codes.shape == (256, 2, 2)
    params = model.decoder(model.quantizer.vectors(codes)).numpy().astype("float64")
    nll = np.sum(np.logaddexp(0.0, params) - x * params, axis=(1, 2, 3))
    kl = -np.asarray(model.prior.log_prob(codes))
    np.testing.assert_allclose(model.score(x), nll + kl, rtol=1e-4)
    np.testing.assert_allclose(model.elbo(x, seed=0), -(nll + kl), rtol=1e-4)
    np.testing.assert_allclose(model.decode(codes), model.reconstruct(x), atol=1e-6)


def test_draws_are_those_of_the_fitted_prior(trained, x):
    model, *_ = trained
    np.testing.assert_allclose(model.sample(20, seed=1)[:3], model.sample(3, seed=1), atol=1e-6)
    used = np.bincount(model.encode(x).ravel(), minlength=6) / x[..., 0].size * 16
    found = model.run("sample", np.stack([np.arange(4000), np.zeros(4000)], 1).astype("int32"))
    drawn = np.bincount(found["codes"].ravel().astype(int), minlength=6) / found["codes"].size
    np.testing.assert_allclose(drawn, used, atol=0.05)


def test_it_is_saved_with_its_fitted_prior(trained, x, tmp_path):
    model, *_ = trained
    model.save(tmp_path / "codes.keras")
    again = keras.saving.load_model(tmp_path / "codes.keras")
    np.testing.assert_allclose(again.score(x), model.score(x), rtol=1e-6)
    np.testing.assert_array_equal(again.encode(x), model.encode(x))
    np.testing.assert_allclose(again.sample(4, seed=2), model.sample(4, seed=2), atol=1e-6)
    assert np.isfinite(again.fit(x, verbose=0).history["loss"][0])


@pytest.mark.slow
def test_training_is_the_same_with_and_without_xla(x):
    ended = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(1)
        model = make_quantized()
        model.compile("adam", jit_compile=jit_compile)
        history = model.fit(x, verbose=0, shuffle=False).history
        ended.append([history["loss"][0], history["perplexity"][0]])
    np.testing.assert_allclose(ended[0], ended[1], rtol=1e-4)


def test_a_prior_that_diverges_is_reported(x):
    model = make_quantized(prior=priors.AutoregressiveCodes((2, 2), 6, 8, 4))
    model.compile("adam")
    before = model.prior.get_weights()
    with pytest.raises(NonFiniteError, match=r"prior to be finite.*is what it was before"):
        model.fit_prior(x, optimizer=keras.optimizers.SGD(1e38), epochs=3, verbose=0)
    assert not model.prior.fitted
    for old, new in zip(before, model.prior.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_bad_input_is_refused_in_one_sentence(x):
    model = make_quantized()
    with pytest.raises(ValueError, match=r"Expected codes to hold whole numbers in \[0, 5\]"):
        model.decode(np.full((1, 2, 2), 6))
    with pytest.raises(ValueError, match=r"Expected codes to have shape \(batch, 2, 2\)"):
        model.decode(np.zeros((1, 3, 2), int))
    with pytest.raises(ValueError, match=r"Expected a prior with weights.*UniformCodes"):
        model.fit_prior(x)
    with pytest.raises(ValueError, match="draws=None for a model of codes: x determines them"):
        model.compile("adam", loss=kvae.losses.NegativeELBO(draws=3))
    with pytest.raises(ValueError, match="one latent vector"):
        kvae.diagnose(model, x)


def test_a_row_of_codes_is_no_latent_vector(rng):
    """A grid of one axis, as of a sequence: its codes are names, not coordinates."""
    layers = keras.layers
    model = kvae.QuantizedVAE(
        keras.Sequential([keras.Input((8, 3)), layers.Conv1D(4, 3, strides=2, padding="same")]),
        kvae.layers.VectorQuantizer(6, 4),
        keras.Sequential([keras.Input((4, 4)), layers.UpSampling1D(2), layers.Dense(6)]),
        kvae.layers.IndependentNormal((8, 3)),
    )
    x = rng.normal(size=(60, 8, 3)).astype("float32")
    assert model.encode(x[:2]).shape == (2, 4)
    for analysis in (
        lambda: kvae.diagnose(model, x),
        lambda: kvae.evaluation.active_units(model, x),
        lambda: kvae.interpolate(model, x[:1], x[1:2]),
        lambda: kvae.nearest(model, x, x),
    ):
        with pytest.raises(ValueError, match=r"one latent vector.*codes \(4,\) of whole numbers"):
            analysis()


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="Expected quantizer to be a"):
        make_quantized_with(quantizer="vq")
    with pytest.raises(ValueError, match=r"grid \(2, 2\) of 6 codes.*\(\(4, 4\), 6\)"):
        make_quantized(prior=priors.UniformCodes((4, 4), 6))
    with pytest.raises(ValueError, match="Expected prior to be a"):
        make_quantized(prior=priors.StandardNormal(2))
    with pytest.raises(ValueError, match="grid of vectors of 3 elements"):
        make_quantized_with(encoder=kvae.networks.grid_encoder((8, 8, 1), 5))
    with pytest.raises(ValueError, match="Expected decoder to take"):
        make_quantized_with(decoder=kvae.networks.grid_decoder((4, 4, 3), (8, 8, 1), (8,)))


def make_quantized_with(**parts):
    quantizer, likelihood = layers.VectorQuantizer(6, 3), layers.IndependentBernoulli((8, 8, 1))
    return kvae.QuantizedVAE(
        **{
            "encoder": kvae.networks.grid_encoder((8, 8, 1), 3),
            "quantizer": quantizer,
            "decoder": kvae.networks.grid_decoder((2, 2, 3), (8, 8, 1)),
            "likelihood": likelihood,
            **parts,
        }
    )


def test_importance_weighted_bounds_are_refused():
    model = make_quantized()
    with pytest.raises(ValueError, match="codes, which x determines"):
        model.compile("adam", loss=kvae.losses.ImportanceWeightedELBO(4))


@pytest.mark.slow
def test_a_resumed_training_is_the_uninterrupted_one(x, tmp_path):
    def trained(folder, *ends):
        for epochs in ends:
            keras.utils.set_random_seed(4)
            model = make_quantized()
            model.compile("adam", jit_compile=False)
            checkpoint = kvae.callbacks.Checkpoint(tmp_path / folder, every="epoch")
            model.fit(x, epochs=epochs, verbose=0, callbacks=[checkpoint])
        return [np.array(v) for v in model.weights]

    for one, other in zip(trained("whole", 4), trained("resumed", 2, 4), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_of_zero_weight_do_not_move_the_codebook(x):
    model = make_quantized()
    model.compile("adam", run_eagerly=True)
    weight = np.r_[np.ones(16), np.zeros(16)].astype("float32")
    changed = x[:32].copy()
    changed[16:] = 1.0 - changed[16:]
    uses = []
    for data in (x[:32], changed):
        keras.utils.set_random_seed(2)
        model = make_quantized()
        model.quantizer.restart = 0.0
        model.compile("sgd", jit_compile=False)
        model.train_on_batch(data, sample_weight=weight)
        uses.append(np.asarray(model.quantizer.uses))
    np.testing.assert_allclose(uses[0], uses[1], atol=1e-6)
    assert uses[0].sum() == pytest.approx(0.01 * 16 * 4, rel=1e-5)


@pytest.mark.parametrize("prior", ["gaussian_mixture", priors.AutoregressiveCodes((2, 2), 6, 8, 8)])
def test_a_prior_in_the_place_of_the_optimizer_is_refused(trained, x, prior):
    with pytest.raises(ValueError, match="Expected an optimizer: a QuantizedVAE trains the prior"):
        trained[0].fit_prior(x, prior)
