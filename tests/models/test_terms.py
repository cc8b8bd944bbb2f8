"""loss = sum over the terms of weight * mean, for every regularizer, schedule and prior."""

import keras
import numpy as np
import pytest

import kvae
from kvae.regularizers import schedules
from tests.conformance.case import PriorCase, RegularizerCase
from tests.conformance.cases import collect
from tests.small import kl, make_hierarchy, make_vae

FEATURES = 7
FLOAT32 = 1e-5  # sums of a few terms in float32
NOT_TERMS = {"loss", "elbo"}


def model_with(layer_of, latent_dim, bind=None):
    """Return a compiled VAE over vectors whose posterior layer has the given regularizer."""
    posterior = layer_of()
    likelihood = kvae.layers.IndependentBernoulli(FEATURES)
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(FEATURES, posterior.params_size, hidden=(8,)),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(latent_dim, likelihood.params_shape, hidden=(8,)),
        likelihood=likelihood,
    )
    vae.compile(optimizer=keras.optimizers.SGD(1e-3), run_eagerly=True)
    return vae


def x():
    return np.random.default_rng(0).uniform(size=(24, FEATURES)).astype("float32")


def check_sum(logs):
    """Return the names of the terms in the logs; raise if the loss is not their weighted sum."""
    names = [n for n in logs if n not in NOT_TERMS and not n.endswith("_weight")]
    assert {f"{n}_weight" for n in names if n != "nll"} <= logs.keys(), "every weight is logged"
    total = sum(logs.get(f"{name}_weight", 1.0) * logs[name] for name in names)
    assert logs["loss"] == pytest.approx(total, rel=FLOAT32, abs=FLOAT32)
    assert logs["elbo"] == pytest.approx(-(logs["nll"] + logs["kl"]), rel=FLOAT32)
    return set(names)


def check_steps(vae):
    """Check the logs of training and evaluation, with and without sample weights."""
    weight = np.linspace(0.0, 2.0, 24).astype("float32")
    seen = []
    for kwargs in ({}, {"sample_weight": weight}):
        for method in (vae.train_on_batch, vae.test_on_batch):
            vae.reset_metrics()
            seen.append(check_sum(method(x(), return_dict=True, **kwargs)))
    assert all(names == seen[0] for names in seen)
    return seen[0]


@pytest.mark.parametrize("case", collect(RegularizerCase))
def test_the_loss_is_the_sum_of_its_named_terms(case):
    regularizer = case.make()
    parts = regularizer if regularizer.kl_part is not None else kl(case.event_size) + regularizer
    make = case.posterior or (
        lambda **kw: kvae.layers.MultivariateNormalDiag(case.event_size, **kw)
    )
    vae = model_with(lambda: make(activity_regularizer=parts), case.event_size)
    names = check_steps(vae)
    assert {part.name for part in parts.parts} <= names


@pytest.mark.parametrize("case", collect(PriorCase))
def test_the_loss_is_the_sum_of_its_terms_under_every_prior(case):
    prior = case.make()
    if isinstance(prior, kvae.priors.VampPrior):
        prior = kvae.priors.VampPrior(prior.latent_dim, FEATURES, num_components=5)
    regularizer = kvae.regularizers.KLDivergenceRegularizer(prior, weight=0.5)
    make = case.posterior or (
        lambda **kw: kvae.layers.MultivariateNormalDiag(prior.latent_dim, **kw)
    )
    vae = model_with(lambda: make(activity_regularizer=regularizer), prior.latent_dim)
    assert check_steps(vae) == {"nll", "kl"}


SCHEDULES = [
    schedules.Constant(0.7),
    schedules.Linear(4),
    schedules.Cosine(3),
    schedules.Sigmoid(5),
    schedules.Cyclical(3, cycles=2),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_the_loss_is_the_sum_of_its_terms_at_every_step_of_a_schedule(schedule):
    parts = kvae.regularizers.FreeBits(kvae.priors.StandardNormal(3), 0.1, weight=schedule)
    make = kvae.layers.MultivariateNormalDiag
    vae = model_with(lambda: make(3, activity_regularizer=parts), 3)
    for step in range(6):
        vae.reset_metrics()
        logs = vae.train_on_batch(x(), return_dict=True)
        assert check_sum(logs) == {"nll", "free_bits", "kl"}
        assert logs["free_bits_weight"] == pytest.approx(float(schedule(step)), rel=1e-6)


def test_two_kls_have_names_of_their_own_and_a_prior_each():
    other = kvae.regularizers.KLDivergenceRegularizer(
        kvae.priors.GaussianMixture(3, 2), weight=0.25, name="kl_to_mixture"
    )
    vae = model_with(
        lambda: kvae.layers.MultivariateNormalDiag(3, activity_regularizer=kl(3) + other), 3
    )
    assert check_steps(vae) == {"nll", "kl", "kl_to_mixture"}
    with pytest.raises(ValueError, match=r"different names: give the second .* a name=.*kl, kl"):
        kl(3) + kl(3)


def test_weight_decay_of_a_network_is_a_term():
    likelihood = kvae.layers.IndependentBernoulli(FEATURES)
    decay = keras.regularizers.L2(0.1)
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(7, kernel_regularizer=decay)])
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(FEATURES, 4, hidden=(8,)),
        posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl()),
        decoder=decoder,
        likelihood=likelihood,
    )
    vae.compile(optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
    logs = vae.test_on_batch(x(), return_dict=True)
    assert check_sum(logs) == {"nll", "kl", "regularization"}
    expected = 0.1 * np.sum(np.square(decoder.layers[0].kernel))
    assert logs["regularization"] == pytest.approx(expected, rel=FLOAT32)


def squares_of(layer, network, x):
    """Return the sum of squares of a layer's output in a network, a mean over the examples."""
    inner = keras.Model(network.inputs[0], layer.output)
    return float(np.sum(np.square(inner(x)))) / len(x)


@pytest.mark.parametrize("family", ["vae", "pair", "hierarchy"])
def test_losses_of_activities_are_those_of_the_data_whatever_the_prior_reads(family):
    """A VampPrior calls the encoder too."""
    prior = kvae.priors.VampPrior(2, FEATURES, num_components=3)
    if family == "hierarchy":
        vae = make_hierarchy((2, 3), (FEATURES,), top=prior)
    else:
        regularizer = kvae.regularizers.KLDivergenceRegularizer(prior)
        posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=regularizer)
        vae = make_vae((FEATURES,), 2, posterior=posterior)
    data, rows = x(), x()
    if family == "pair":
        vae = kvae.PairVAE(**vae.parts())
        data = {"x": x(), "pair": x()[::-1]}
        rows = np.concatenate(list(data.values()))
    layer = next(each for each in vae.encoder.layers if each.weights)
    layer.activity_regularizer = keras.regularizers.L2(1.0)
    vae.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    logs = vae.test_on_batch(data, return_dict=True)
    expected = squares_of(layer, vae.encoder, rows)
    assert logs["regularization"] == pytest.approx(expected, rel=FLOAT32)


def test_a_layer_that_two_networks_share_is_penalized_once_and_in_each_call():
    """Its weights once, as in `vae.losses`, its activities where it is called."""
    two = {"kernel_regularizer": keras.regularizers.L2(0.1)}
    shared = keras.layers.Dense(6, activity_regularizer=keras.regularizers.L2(1.0), **two)
    encoder = keras.Sequential([keras.Input((6,)), shared, keras.layers.Dense(4)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6), shared])
    posterior = kvae.layers.MultivariateNormalDiag(
        2, convert_to_tensor_fn="mean", activity_regularizer=kl()
    )
    vae = kvae.VAE(encoder, posterior, decoder, kvae.layers.IndependentBernoulli(6))
    vae.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    data = x()[:, :6]
    logs = vae.test_on_batch(data, return_dict=True)
    squares = [
        np.sum(np.square(outputs)) / len(data)
        for outputs in (data @ shared.kernel + shared.bias, decoder(encoder(data)[:, :2]))
    ]
    expected = 0.1 * np.sum(np.square(shared.kernel)) + sum(squares)
    assert logs["regularization"] == pytest.approx(float(expected), rel=FLOAT32)


def test_a_stochastic_posterior_without_a_kl_is_refused():
    for parts in (None, kvae.regularizers.TotalCorrelation(100), "l2"):
        with pytest.raises(ValueError, match=r"Expected posterior to have a KL .* weight=0\.0"):
            model_with(
                lambda parts=parts: kvae.layers.MultivariateNormalDiag(
                    3, activity_regularizer=parts
                ),
                3,
            )


def test_a_kl_without_weight_is_reported_and_not_trained():
    vae = model_with(
        lambda: kvae.layers.MultivariateNormalDiag(3, activity_regularizer=kl(3, 0.0)), 3
    )
    logs = vae.test_on_batch(x(), return_dict=True)
    assert logs["loss"] == pytest.approx(logs["nll"], rel=1e-6)
    assert (logs["kl"] > 0.0, logs["kl_weight"]) == (True, 0.0)
