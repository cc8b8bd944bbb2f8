"""Mixture, VampPrior and flow: densities, draws, and life inside a model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.priors import Flow, GaussianMixture, StandardNormal, VampPrior
from tests.helpers import assert_same_in_float32
from tests.penalties import exact_kl, exact_kl_per_dimension

SHAPE = (6,)


def linear_posterior(event_size=2):
    """Return x (K, 6) -> q(z|x) with fixed numbers, in place of an encoder."""
    kernel = np.random.default_rng(8).normal(size=(6, 2 * event_size)).astype("float32")
    layer = kvae.layers.MultivariateNormalDiag(event_size)
    return lambda x: layer.distribution(x @ kernel)


def shaken(prior, rng, size=None):
    """Return the prior with weights far from their start."""
    if size is None:
        size = 0.15 if isinstance(prior, Flow) else 0.5  # more gives a flow tails beyond any grid
    prior.bind(linear_posterior(prior.latent_dim))
    prior.distribution()
    for weight in prior.trainable_weights:
        weight.assign(weight + size * rng.normal(size=weight.shape))
    return prior


PRIORS = {
    "mixture": lambda: GaussianMixture(2, num_components=4),
    "vamp": lambda: VampPrior(2, SHAPE, num_components=5),
    "flow": lambda: Flow(2, num_steps=4, hidden=(16,)),
}
every_prior = pytest.mark.parametrize("make", PRIORS.values(), ids=PRIORS)


@every_prior
def test_the_density_integrates_to_one(make, rng):
    distribution = shaken(make(), rng).distribution()
    draws = np.asarray(distribution.sample(5_000, seed=[0, 0]))
    axes = [
        np.linspace(a, b, 400)
        for a, b in zip(draws.min(axis=0) - 3.0, draws.max(axis=0) + 3.0, strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(distribution.log_prob(grid.astype("float32")), dtype="float64")
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    assert density.sum() * cell == pytest.approx(1.0, abs=1e-3)


@every_prior
def test_draws_follow_the_density(make, rng):
    """The share of draws in a box is the integral of the density over it."""
    distribution = shaken(make(), rng).distribution()
    draws = np.asarray(distribution.sample(40_000, seed=[0, 1]))
    low, high = np.quantile(draws, [0.2, 0.8], axis=0)
    axes = [low[i] + (high[i] - low[i]) * (np.arange(300) + 0.5) / 300 for i in range(2)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(distribution.log_prob(grid.astype("float32")), dtype="float64")
    expected = density.mean() * np.prod(high - low)
    found = np.mean(np.all((draws >= low) & (draws <= high), axis=1))
    # The standard error of a share of 40,000 draws is at most 0.0025.
    assert found == pytest.approx(expected, abs=0.01)


@every_prior
def test_draws_made_of_normals_are_draws(make, rng):
    """What exported files sample with has the moments of the distribution's own draws."""
    prior = shaken(make(), rng)
    normal = rng.normal(size=(40_000, prior.normals)).astype("float32")
    made = np.asarray(prior.from_normal(normal))
    own = np.asarray(prior.distribution().sample(40_000, seed=[0, 2]))
    assert made.shape == (40_000, 2)
    error = own.std(axis=0) / 200.0
    assert np.all(np.abs(made.mean(axis=0) - own.mean(axis=0)) < 7.0 * error)
    np.testing.assert_allclose(np.cov(made.T), np.cov(own.T), atol=0.05 * own.var(axis=0).max())
    low, high = np.quantile(own, [0.3, 0.7], axis=0)
    shares = [np.mean(np.all((z >= low) & (z <= high), axis=1)) for z in (made, own)]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)


@every_prior
def test_it_has_no_closed_form(make, rng):
    posterior = linear_posterior()(np.zeros((3, 6), "float32"))
    prior = shaken(make(), rng)
    assert exact_kl(prior, posterior) is None
    assert exact_kl_per_dimension(prior, posterior) is None


@every_prior
def test_fitting_it_to_data_finds_their_shape(make, rng):
    """Two lumps, which N(0, I) cannot have: the fit gets within reach of the true entropy."""
    prior = make()
    prior.bind(linear_posterior())
    prior.distribution()
    lumps = rng.choice([-2.0, 2.0], size=(1_000, 1)) * np.array([1.0, -1.0])
    data = tf.constant(lumps + 0.3 * rng.normal(size=(1_000, 2)), tf.float32)
    optimizer = keras.optimizers.Adam(0.03)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            nll = -tf.reduce_mean(prior.distribution().log_prob(data))
        variables = prior.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(nll, variables), variables, strict=True))
        return nll

    first = float(step())
    for _ in range(300):
        last = float(step())
    entropy = np.log(2.0) + np.log(2.0 * np.pi * np.e * 0.3**2)
    gaussian = 0.5 * np.linalg.slogdet(2.0 * np.pi * np.e * np.cov(data.numpy().T))[1]
    assert last < first - 1.0
    assert last < gaussian - 0.2 or make is PRIORS["vamp"]  # its posteriors are wide and fixed
    assert last > entropy - 0.1


def test_a_mixture_is_the_mean_of_its_normals(rng):
    prior = shaken(GaussianMixture(3, num_components=4), rng)
    z = rng.normal(size=(7, 3))
    weights = np.exp(prior.logits) / np.exp(prior.logits).sum()
    scale = np.log1p(np.exp(np.asarray(prior.raw_scale, "float64"))) + 1e-3
    deviation = (z[:, None, :] - np.asarray(prior.loc)) / scale
    normals = np.exp(-0.5 * deviation**2) / (scale * np.sqrt(2.0 * np.pi))
    expected = np.log((weights * normals.prod(axis=-1)).sum(axis=-1))
    np.testing.assert_allclose(
        prior.distribution().log_prob(z.astype("float32")), expected, rtol=1e-5
    )


def test_a_mixture_starts_near_the_standard_normal():
    distribution = GaussianMixture(2, num_components=200).distribution()
    z = np.asarray(distribution.sample(20_000, seed=[0, 3]))
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=0.25)
    np.testing.assert_allclose(z.std(axis=0), 1.0, atol=0.15)


def test_a_flow_undoes_what_it_does_and_knows_its_jacobian(rng):
    prior = shaken(Flow(5, num_steps=5, hidden=(16,)), rng)
    u = tf.constant(rng.normal(size=(4, 5)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(u)
        z, log_det = prior.forward(u)
    jacobian = np.asarray(tape.batch_jacobian(z, u), "float64")
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], rtol=1e-4, atol=1e-4)
    back, inverse_log_det = prior.inverse(z)
    np.testing.assert_allclose(back, u, atol=1e-4)
    np.testing.assert_allclose(inverse_log_det, -log_det, rtol=1e-4, atol=1e-4)


def test_a_flow_moves_every_dimension():
    prior = Flow(3, num_steps=2, hidden=(4,))
    prior.distribution()
    for dense in prior.dense:
        dense.bias.assign(tf.ones_like(dense.bias))
    z, _ = prior.forward(tf.zeros([1, 3]))
    assert np.all(np.abs(z) > 0.5)


def test_a_flow_needs_two_dimensions():
    with pytest.raises(ValueError, match="Expected event_shape to be at least 2"):
        Flow(1)


def test_a_vamp_prior_is_the_mean_of_posteriors_at_its_pseudo_inputs(rng):
    prior = shaken(VampPrior(2, SHAPE, num_components=5), rng)
    z = rng.normal(size=(7, 2)).astype("float32")
    components = linear_posterior()(prior.pseudo_inputs())
    densities = np.exp(components.log_prob(z[:, None, :]), dtype="float64")
    np.testing.assert_allclose(
        prior.distribution().log_prob(z), np.log(densities.mean(axis=1)), rtol=1e-5
    )


def test_pseudo_inputs_stay_in_the_range_of_the_data(rng):
    prior = VampPrior(2, (4, 4, 1), 30, low=-1.0, high=3.0)
    prior.build()
    prior.raw_pseudo_inputs.assign(20.0 * rng.normal(size=(30, 4, 4, 1)))
    inputs = np.asarray(prior.pseudo_inputs())
    assert inputs.shape == (30, 4, 4, 1)
    assert -1.0 <= inputs.min() < 0.0 < 2.0 < inputs.max() <= 3.0
    free = shaken(VampPrior(2, SHAPE, 30, low=None, high=None), rng, size=20.0)
    assert np.abs(free.pseudo_inputs()).max() > 20.0


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-2.0, 3.0), (None, None)])
def test_adapt_starts_the_pseudo_inputs_at_examples(rng, bounds):
    x = rng.uniform(*(bounds if bounds[0] is not None else (-9.0, 9.0)), size=(20, 6))
    prior = VampPrior(2, SHAPE, num_components=4, low=bounds[0], high=bounds[1])
    prior.adapt(x, seed=1)
    width = 0.0 if bounds[0] is None else 0.0101 * (bounds[1] - bounds[0])  # the edge, clipped
    distance = np.abs(np.asarray(prior.pseudo_inputs())[:, None] - x).max(axis=-1)
    assert np.all(distance.min(axis=1) <= width + 1e-5)
    assert len(set(distance.argmin(axis=1))) == 4


def test_vamp_arguments_are_checked(rng):
    with pytest.raises(ValueError, match="Expected low and high"):
        VampPrior(2, SHAPE, low=1.0, high=1.0)
    with pytest.raises(ValueError, match="Expected low and high"):
        VampPrior(2, SHAPE, low=0.0, high=None)
    with pytest.raises(ValueError, match="Expected x to hold at least 50 examples"):
        VampPrior(2, SHAPE).adapt(rng.uniform(size=(49, 6)))
    with pytest.raises(ValueError, match="bound to a posterior"):
        VampPrior(2, SHAPE).distribution()
    with pytest.raises(ValueError, match=r"between low and high.*\[0, 255\], low=0, high=1"):
        VampPrior(2, SHAPE, 2).adapt(np.repeat([[0], [255]], 6, axis=1).astype("uint8"))


def test_adapt_takes_data_that_are_in_the_range_in_float32():
    """As `fit` does: of scikit-learn's MinMaxScaler the maximum may be 1.0000000000000002."""
    prior = VampPrior(2, SHAPE, 2)
    prior.adapt(np.repeat([[0.0], [np.nextafter(1.0, 2.0)]], 6, axis=1))
    np.testing.assert_allclose(prior.pseudo_inputs(), [[0.0] * 6, [1.0] * 6], atol=0.02)


@pytest.mark.parametrize(
    ("layer", "normal"),
    [
        (kvae.layers.IndependentNormal, True),
        (kvae.layers.MultivariateNormalDiag, True),
        (kvae.layers.IndependentLaplace, False),
        (kvae.layers.IndependentLogistic, False),
        (kvae.layers.IndependentStudentT, False),
        (kvae.layers.IndependentBeta, False),
        (kvae.layers.MultivariateNormalTriL, False),
    ],
)
def test_a_vamp_prior_makes_draws_of_normals_where_its_posteriors_are_normals(layer, normal, rng):
    """Mean and deviation alone describe no other family: a Beta would leave [0, 1]."""
    prior, posterior = VampPrior(2, SHAPE, num_components=3), layer(2)
    kernel = rng.normal(size=(6, posterior.params_size)).astype("float32")
    prior.bind(lambda x: posterior.distribution(x @ kernel))
    normals = rng.normal(size=(4, prior.normals)).astype("float32")
    if normal:
        assert prior.from_normal(normals).shape == (4, 2)
    else:
        with pytest.raises(NotImplementedError, match="cannot be sampled from given normals"):
            prior.from_normal(normals)


def model_with(make_vae, prior):
    kl = kvae.regularizers.KLDivergenceRegularizer(prior)
    vae = make_vae(posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl))
    vae.compile(optimizer=keras.optimizers.Adam(1e-2))
    return vae


def test_a_model_counts_the_weights_of_a_vamp_prior_once(make_vae, grey, tmp_path):
    plain = model_with(make_vae, StandardNormal(2))
    vae = model_with(make_vae, VampPrior(2, (8, 8, 1), num_components=3))
    assert len(vae.weights) == len(plain.weights) + 1
    assert len({id(weight) for weight in vae.weights}) == len(vae.weights)
    assert vae.count_params() == plain.count_params() + 3 * 64
    vae.fit(grey, verbose=0)
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras", safe_mode=True)
    assert_same_in_float32(again.elbo(grey, seed=1), vae.elbo(grey, seed=1))
    assert_same_in_float32(again.sample(3, seed=1), vae.sample(3, seed=1))
    assert again.encoder is not vae.encoder
    before = again.prior.raw_pseudo_inputs.numpy()
    again.fit(grey, verbose=0)
    assert np.abs(again.prior.raw_pseudo_inputs.numpy() - before).max() > 0.0
    np.testing.assert_array_equal(vae.prior.raw_pseudo_inputs, before)


def test_the_kl_to_a_vamp_prior_trains_the_encoder_through_the_prior_too(make_vae, grey):
    vae = model_with(make_vae, VampPrior(2, (8, 8, 1), num_components=3))
    z = tf.ones([4, 2])
    with tf.GradientTape() as tape:
        log_prior = tf.reduce_sum(vae.prior.distribution().log_prob(z))
    for gradient in tape.gradient(log_prior, vae.encoder.trainable_variables):
        assert np.abs(gradient).max() > 0.0


def test_a_functional_model_with_a_vamp_prior_binds_it_by_hand(grey):
    prior = VampPrior(2, (8, 8, 1), num_components=3)
    kl = kvae.regularizers.KLDivergenceRegularizer(prior)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    encoder = kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size, hidden=(8,))
    prior.bind(lambda x: posterior.distribution(encoder(x)))
    likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
    decoder = kvae.networks.mlp_decoder(2, likelihood.params_shape, hidden=(8,))
    model = keras.Model(encoder.inputs, decoder(posterior(encoder.outputs[0])))
    model.compile("adam", loss=kvae.losses.NegativeLogLikelihood(likelihood))
    history = model.fit(grey, grey, verbose=0).history
    assert np.isfinite(history["loss"][0])
    assert len({id(weight) for weight in model.weights}) == len(model.weights)


@pytest.mark.parametrize(
    "prior", [lambda: GaussianMixture(2, 3), lambda: Flow(2, 2, (8,))], ids=["mixture", "flow"]
)
def test_a_model_trains_its_prior_and_reloads(make_vae, grey, tmp_path, prior):
    vae = model_with(make_vae, prior())
    before = vae.prior.get_weights()
    vae.fit(grey, verbose=0)
    moved = [np.abs(a - b).max() for a, b in zip(vae.prior.get_weights(), before, strict=True)]
    assert min(moved) > 0.0
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras", safe_mode=True)
    assert_same_in_float32(again.sample(3, seed=1), vae.sample(3, seed=1))
    assert_same_in_float32(again.elbo(grey, seed=1), vae.elbo(grey, seed=1))
    bound = kvae.evaluation.log_likelihood(vae, grey, samples=50)
    assert bound.mean > vae.elbo(grey, seed=1).mean()
