"""Free bits, capacity, sums and Monte Carlo against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from kvae.regularizers import Capacity, FreeBits, KLDivergenceRegularizer, Sum, TotalCorrelation
from tests.penalties import penalty, values

tfd = tfp.distributions
PRIOR = kvae.priors.StandardNormal(4)


@pytest.fixture
def normal(rng):
    """Return the moments of six posteriors over four dimensions, and the posteriors."""
    mean = rng.normal(size=(6, 4)).astype("float32")
    stddev = rng.uniform(0.2, 1.5, size=(6, 4)).astype("float32")
    return mean, stddev, tfd.MultivariateNormalDiag(mean, stddev)


def kl_of_each_dimension(mean, stddev):
    mean, stddev = mean.astype("float64"), stddev.astype("float64")
    return 0.5 * (mean**2 + stddev**2 - 1.0) - np.log(stddev)


@pytest.mark.parametrize("groups", [None, 4, 2, 1])
def test_free_bits_raise_the_mean_kl_of_each_group(normal, groups):
    mean, stddev, posterior = normal
    kl = kl_of_each_dimension(mean, stddev).mean(axis=0).reshape(groups or 4, -1).sum(axis=1)
    free = float(np.sort(kl)[0] * 0.5 + kl.max() * 0.5)  # some groups below, some above
    found = penalty(FreeBits(PRIOR, free, groups, weight=3.0), posterior, posterior.mean())
    assert float(found) == pytest.approx(3.0 * np.maximum(kl, free).sum(), rel=1e-5)


def test_free_bits_send_no_gradient_to_a_group_below_them(normal):
    mean, stddev, _ = normal
    kl = kl_of_each_dimension(mean, stddev).mean(axis=0)
    free = float(np.sort(kl)[1:3].mean())  # two dimensions below, two above
    loc = tf.Variable(mean)
    with tf.GradientTape() as tape:
        posterior = tfd.MultivariateNormalDiag(loc, stddev)
        value = penalty(FreeBits(PRIOR, free), posterior, posterior.mean())
    gradient = np.asarray(tape.gradient(value, loc))
    np.testing.assert_array_equal(gradient[:, kl < free], 0.0)
    np.testing.assert_allclose(gradient[:, kl > free], mean[:, kl > free] / 6, rtol=1e-5)


def test_no_free_bits_is_the_plain_kl(normal):
    *_, posterior = normal
    expected = penalty(KLDivergenceRegularizer(PRIOR), posterior, posterior.mean())
    assert float(penalty(FreeBits(PRIOR, 0.0), posterior, posterior.mean())) == pytest.approx(
        float(expected), rel=1e-6
    )


def test_free_bits_for_independent_normals_are_the_same(normal):
    mean, stddev, posterior = normal
    independent = tfd.Independent(tfd.Normal(mean, stddev), 1)
    penalties = [penalty(FreeBits(PRIOR, 0.3), q, q.mean()) for q in (posterior, independent)]
    assert float(penalties[0]) == pytest.approx(float(penalties[1]), rel=1e-6)


@pytest.mark.parametrize(
    ("prior", "posterior"),
    [
        (PRIOR, tfd.MultivariateNormalTriL(tf.zeros([6, 4]), tf.eye(4, batch_shape=[6]))),
        (kvae.priors.GaussianMixture(4, 3), tfd.MultivariateNormalDiag(tf.zeros([6, 4]))),
    ],
    ids=["full covariance", "mixture"],
)
def test_a_kl_that_is_no_sum_over_dimensions_has_one_group_only(prior, posterior):
    z = posterior.sample(seed=[0, 0])
    with pytest.raises(ValueError, match=r"Expected groups=1.*Received: groups=4"):
        penalty(FreeBits(prior, 0.3), posterior, z)
    kl = KLDivergenceRegularizer(prior)
    mean = float(tf.reduce_mean(values(kl, posterior, z)))
    for free in (mean - 0.5, mean + 0.5):
        found = float(penalty(FreeBits(prior, max(free, 0.0), groups=1), posterior, z))
        assert found == pytest.approx(max(mean, free, 0.0), rel=1e-5, abs=1e-6)


def test_groups_have_to_divide_the_dimensions():
    with pytest.raises(ValueError, match="Expected groups to divide the 4 latent dimensions"):
        FreeBits(PRIOR, 0.3, groups=3)


@pytest.mark.parametrize("capacity", [0.0, 1.0, 50.0])
def test_capacity_is_the_distance_of_the_kl_to_it(normal, capacity):
    mean, stddev, posterior = normal
    kl = kl_of_each_dimension(mean, stddev).sum(axis=1).mean()
    found = penalty(Capacity(PRIOR, capacity, weight=20.0), posterior, posterior.mean())
    assert float(found) == pytest.approx(20.0 * abs(kl - capacity), rel=1e-5)


def test_capacity_follows_its_schedule(normal):
    mean, stddev, posterior = normal
    kl = kl_of_each_dimension(mean, stddev).sum(axis=1).mean()
    schedule = kvae.regularizers.schedules.Linear(100, 0.0, 25.0)
    regularizer = Capacity(PRIOR, schedule, weight=2.0)
    assert regularizer.needs_step
    assert regularizer.steps_left(40) == 60
    for step in (0, 40, 200):
        found = penalty(regularizer, posterior, posterior.mean(), step=tf.constant(step, tf.int64))
        assert float(found) == pytest.approx(2.0 * abs(kl - min(step, 100) / 4), rel=1e-5)


@pytest.mark.parametrize("make", [lambda: FreeBits(PRIOR, 0.4, 2), lambda: Capacity(PRIOR, 1.5)])
def test_weights_choose_the_examples_of_a_batch_penalty(normal, make):
    """Weight 2 on half of the batch and 0 on the rest is that half alone, as for the plain KL."""
    mean, stddev, posterior = normal
    weight = np.array([2.0, 0.0, 2.0, 0.0, 2.0, 0.0])
    half = tfd.MultivariateNormalDiag(mean[::2], stddev[::2])
    found = penalty(make(), posterior, posterior.mean(), sample_weight=weight)
    assert float(found) == pytest.approx(float(penalty(make(), half, half.mean())), rel=1e-5)


def test_weight_zero_removes_a_penalty_even_if_it_is_not_a_number():
    posterior = tfd.MultivariateNormalDiag([[np.inf, 0.0, 0.0, 0.0]], tf.ones([1, 4]))
    for regularizer in (
        KLDivergenceRegularizer(PRIOR, weight=0.0),
        FreeBits(PRIOR, weight=0.0),
        TotalCorrelation(100, weight=0.0),
        kvae.regularizers.MaximumMeanDiscrepancy(PRIOR, weight=0.0),
        kvae.regularizers.DisentangledInferredPrior(weight=0.0),
    ):
        assert float(penalty(regularizer, posterior, posterior.loc)) == 0.0


def test_a_model_without_weight_trains_on_the_reconstruction_alone(make_vae, grey):
    vae = make_vae(weight=0.0)
    vae.compile(optimizer="adam")
    logs = vae.fit(grey, verbose=0).history
    assert logs["loss"] == pytest.approx(logs["nll"], rel=1e-6)
    assert logs["kl"][0] > 0.0


def test_a_sum_adds_its_terms(normal):
    *_, posterior = normal
    z = posterior.sample(seed=[0, 1])
    terms = [
        KLDivergenceRegularizer(PRIOR, weight=0.5),
        TotalCorrelation(100, weight=5.0),
        kvae.regularizers.DisentangledInferredPrior(weight=2.0),
    ]
    expected = sum(float(penalty(term, posterior, z)) for term in terms)
    added = terms[0] + terms[1] + terms[2]
    for total in (added, Sum(terms), kvae.regularizers.get(terms)):
        assert isinstance(total, Sum)
        assert total.parts == tuple(terms)
        assert float(penalty(total, posterior, z)) == pytest.approx(expected, rel=1e-6)


def test_a_sum_takes_regularizers_only():
    with pytest.raises(ValueError, match="Expected parts to be kvae regularizers"):
        Sum([])
    with pytest.raises(ValueError, match="Expected parts to be kvae regularizers"):
        Sum([keras.regularizers.L2(0.1)])
    with pytest.raises(TypeError):
        KLDivergenceRegularizer(PRIOR) + 1.0


def test_a_model_finds_the_kl_in_a_sum(make_vae, grey):
    total = TotalCorrelation(40, weight=3.0) + KLDivergenceRegularizer(
        kvae.priors.StandardNormal(2), weight=0.25
    )
    vae = make_vae(posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=total))
    vae.compile(optimizer="adam")
    logs = vae.evaluate(grey, verbose=0, return_dict=True)
    assert logs["kl_weight"] == 0.25
    mean, stddev = vae.encode(grey)
    expected = kl_of_each_dimension(mean, stddev).sum(axis=1).mean()
    assert logs["kl"] == pytest.approx(expected, rel=1e-4)
    assert logs["loss"] != pytest.approx(logs["nll"] + 0.25 * logs["kl"], rel=1e-6)


def test_terms_that_share_a_learned_prior_share_it_after_loading(make_vae, grey, tmp_path):
    prior = kvae.priors.GaussianMixture(2, 3)
    total = KLDivergenceRegularizer(prior) + kvae.regularizers.MaximumMeanDiscrepancy(
        prior, weight=10.0
    )
    vae = make_vae(posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=total))
    vae.compile(optimizer="adam")
    vae.fit(grey, verbose=0)
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    kl, mmd = again.posterior_layer.regularizer.parts
    assert kl.prior is mmd.prior
    for found, expected in zip(again.get_weights(), vae.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_monte_carlo_agrees_with_the_closed_form(normal):
    *_, posterior = normal
    z = posterior.sample(100_000, seed=[0, 2])
    exact = KLDivergenceRegularizer(PRIOR)
    estimate = KLDivergenceRegularizer(PRIOR, use_exact_kl=False)
    found = values(estimate, posterior, z)  # the mean over the draws
    # A draw's log ratio has a standard deviation near its mean: 1% is three standard errors.
    np.testing.assert_allclose(found, values(exact, posterior, z[0]), rtol=0.01)
