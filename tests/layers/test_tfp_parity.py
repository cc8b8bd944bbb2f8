"""Every layer that TFP has gives TFP's numbers for TFP's flat parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given, settings
from hypothesis import strategies as st

import kvae
from tests.penalties import exact_kl

tfd, tfpl, layers = tfp.distributions, tfp.layers, kvae.layers

ROWS = 6  # parameter vectors in one example
# float32 agrees to some 1e-6 relative; TFP's own cancellations are in both.
TOLERANCE = 1e-5

# The raw scale goes down to -87 only: below, TFP's scale is no normal float32 and ours is floored.
LOWEST_RAW = -87.0
# Above, TFP's rate comes near the end of float32 and ours is bounded.
HIGHEST_LOG_RATE = 78.0


def loc_and_raw(size):
    """Bounds of the blocks [loc, raw scale]."""
    return [-1e4] * size + [LOWEST_RAW] * size, [1e4] * (2 * size)


def unbounded(size):
    return [-1e4] * size, [1e4] * size


def mixture_bounds(components, component):
    low, high = component
    return [-1e4] * components + low * components, [1e4] * components + high * components


def real(x):
    return x


def count(x):
    return np.floor(np.abs(x))


def share(x):
    return np.abs(x) / np.maximum(np.max(np.abs(x)), 1.0)


def one_hot(x):
    return np.eye(x.shape[-1], dtype="float32")[np.argmax(x, axis=-1)]


@dataclass(frozen=True)
class Pair:
    """One layer, here and in TFP.

    Attributes:
        layer: ours.
        tfp: params -> distribution, by TFP's static `new`.
        bounds: least and greatest value of each parameter.
        event: numbers -> values in the support.
        kl: whether TFP has the KL between two of them.
    """

    layer: Any
    tfp: Callable[[Any], Any]
    bounds: tuple[list[float], list[float]]
    event: Callable[[np.ndarray], np.ndarray] = real
    kl: bool = False


PAIRS = {
    "IndependentNormal": Pair(
        layers.IndependentNormal(3, min_scale=0.0),
        lambda p: tfpl.IndependentNormal.new(p, 3),
        loc_and_raw(3),
        kl=True,
    ),
    "IndependentNormal-image": Pair(
        layers.IndependentNormal((2, 2, 2), min_scale=0.0),
        lambda p: tfpl.IndependentNormal.new(p, (2, 2, 2)),
        loc_and_raw(8),
        kl=True,
    ),
    "MultivariateNormalTriL": Pair(
        layers.MultivariateNormalTriL(3),
        lambda p: tfpl.MultivariateNormalTriL.new(p, 3),
        unbounded(9),
        kl=True,
    ),
    "IndependentBernoulli": Pair(
        layers.IndependentBernoulli((2, 3)),
        lambda p: tfpl.IndependentBernoulli.new(p, (2, 3)),
        unbounded(6),
        event=share,
        kl=True,
    ),
    "IndependentLogistic": Pair(
        layers.IndependentLogistic((2, 2), min_scale=0.0),
        lambda p: tfpl.IndependentLogistic.new(p, (2, 2)),
        loc_and_raw(4),
    ),
    "IndependentPoisson": Pair(
        layers.IndependentPoisson((2, 2)),
        lambda p: tfpl.IndependentPoisson.new(p, (2, 2)),
        ([-1e4] * 4, [HIGHEST_LOG_RATE] * 4),
        event=count,
    ),
    "OneHotCategorical": Pair(
        layers.OneHotCategorical(5),
        lambda p: tfpl.OneHotCategorical.new(p, 5),
        unbounded(5),
        event=one_hot,
        kl=True,
    ),
    "CategoricalMixtureOfOneHotCategorical": Pair(
        layers.CategoricalMixtureOfOneHotCategorical(4, 3),
        lambda p: tfpl.CategoricalMixtureOfOneHotCategorical.new(p, 4, 3),
        unbounded(15),
        event=one_hot,
    ),
    "MixtureNormal": Pair(
        layers.MixtureNormal(3, 2, min_scale=0.0),
        lambda p: tfpl.MixtureNormal.new(p, 3, [2]),
        mixture_bounds(3, loc_and_raw(2)),
    ),
    "MixtureNormal-image": Pair(
        layers.MixtureNormal(2, (2, 1, 2), min_scale=0.0),
        lambda p: tfpl.MixtureNormal.new(p, 2, (2, 1, 2)),
        mixture_bounds(2, loc_and_raw(4)),
    ),
    "MixtureLogistic": Pair(
        layers.MixtureLogistic(3, min_scale=0.0),
        lambda p: tfpl.MixtureLogistic.new(p, 3),
        mixture_bounds(3, loc_and_raw(1)),
    ),
    "MixtureSameFamily": Pair(
        layers.MixtureSameFamily(2, layers.MultivariateNormalTriL(2)),
        lambda p: tfpl.MixtureSameFamily.new(p, 2, tfpl.MultivariateNormalTriL(2)),
        mixture_bounds(2, unbounded(5)),
    ),
}


def statistics(make, x_shape, params_size, kl, dtype="float32"):
    """Return a traced (params, x) -> the numbers to compare, computed in `dtype`."""

    def compute(params, x):
        params, x = tf.cast(params, dtype), tf.cast(x, dtype)
        distribution = make(params)
        found = {
            "log_prob": distribution.log_prob(x),
            "mean": distribution.mean(),
            "stddev": distribution.stddev(),
        }
        if kl:
            found["kl"] = tfd.kl_divergence(distribution, make(tf.reverse(params, [0])))
        return found

    return tf.function(
        compute,
        input_signature=[
            tf.TensorSpec((ROWS, params_size)),
            tf.TensorSpec((ROWS, *x_shape)),
        ],
    )


def assert_same_where_finite(name, ours, theirs):
    ours, theirs = np.asarray(ours, "float64"), np.asarray(theirs, "float64")
    assert ours.shape == theirs.shape, name
    # Beyond 1e38 the square inside a density leaves float32, where TFP was asked in float64.
    finite = np.isfinite(theirs) & (np.abs(theirs) < 1e38)
    ours, theirs = ours[finite], theirs[finite]
    error = np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))
    assert np.all(error <= TOLERANCE), (name, ours, theirs)


@st.composite
def numbers(draw, size):
    """Rows of numbers of all magnitudes up to 1e4, or of one magnitude, zeros and ends among them.

    Hypothesis chooses a seed, not every number: 200 examples are 200 different sets of rows.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    magnitude = draw(st.sampled_from([None, 1e-3, 1.0, 10.0, 100.0, 1e4]))
    if magnitude is None:
        magnitude = 10.0 ** rng.uniform(-3, 4, (ROWS, size))
    ends = rng.choice([-1.0, 0.0, 1.0], (ROWS, size))
    unit = np.where(rng.uniform(size=(ROWS, size)) < 0.1, ends, rng.uniform(-1, 1, (ROWS, size)))
    return (magnitude * unit).astype("float32")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_layer_gives_tfps_numbers_wherever_tfp_is_finite(name):
    pair = PAIRS[name]
    low, high = (np.array(bound, "float32") for bound in pair.bounds)
    layer, size, event_shape = pair.layer, len(low), pair.layer.event_shape
    ours = statistics(layer.distribution, event_shape, size, pair.kl)
    # TFP's normal takes x / s - loc / s, which loses digits in float32 where ours keeps them.
    dtype = "float64" if name.startswith(("IndependentNormal", "MixtureNormal")) else "float32"
    theirs = statistics(pair.tfp, event_shape, size, pair.kl, dtype)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(params=numbers(size), x=numbers(int(np.prod(event_shape))))
    def agree(params, x):
        params = np.clip(params, low, high)
        x = pair.event(x.reshape(ROWS, *event_shape)).astype("float32")
        found, expected = ours(params, x), theirs(params, x)
        for key, value in expected.items():
            assert_same_where_finite(f"{name} {key}", found[key], value)
        assert not np.any(np.isnan(found["log_prob"])), (name, params, x)

    agree()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["IndependentNormal", "MultivariateNormalTriL"])
def test_exact_kl_to_the_standard_normal_is_tfps(name):
    pair = PAIRS[name]
    low, high = (np.array(bound, "float32") for bound in pair.bounds)
    prior = kvae.priors.StandardNormal(3)
    normal = tfd.MultivariateNormalDiag(tf.zeros(3), tf.ones(3))
    if name == "IndependentNormal":
        normal = tfd.Independent(tfd.Normal(tf.zeros(3), tf.ones(3)), 1)
    signature = [tf.TensorSpec((ROWS, len(low)))]
    ours = tf.function(
        lambda p: exact_kl(prior, pair.layer.distribution(p)), input_signature=signature
    )
    theirs = tf.function(
        lambda p: tfd.kl_divergence(pair.tfp(p), normal), input_signature=signature
    )

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(params=numbers(len(low)))
    def agree(params):
        params = np.clip(params, low, high)
        assert_same_where_finite(name, ours(params), theirs(params))

    agree()


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        ("IndependentNormal", ((4, 2),)),
        ("IndependentNormal", ()),
        ("IndependentLogistic", ([3],)),
        ("IndependentBernoulli", ((4, 2),)),
        ("IndependentPoisson", (3,)),
        ("MultivariateNormalTriL", (16,)),
        ("OneHotCategorical", (7,)),
        ("CategoricalMixtureOfOneHotCategorical", (7, 3)),
        ("MixtureSameFamily", (5, 6)),
        ("MixtureNormal", (5, (2, 2))),
        ("MixtureNormal", (5,)),
        ("MixtureLogistic", (5, [1])),
    ],
)
def test_params_size_is_tfps_and_a_plain_int(cls, arguments):
    ours = getattr(layers, cls).params_size(*arguments)
    assert ours == getattr(tfpl, cls).params_size(*arguments)
    assert type(ours) is int


@pytest.mark.parametrize(
    ("cls", "size", "arguments"),
    [
        ("IndependentNormal", 4, (2, True)),
        ("IndependentLogistic", 4, (2, True)),
        ("IndependentPoisson", 2, (2, True)),
        ("IndependentBernoulli", 2, (2, tf.int32, True)),
        ("MultivariateNormalTriL", 5, (2, True)),
        ("OneHotCategorical", 2, (2, tf.int32, True)),
        ("CategoricalMixtureOfOneHotCategorical", 9, (2, 3)),
        ("MixtureNormal", 15, (3, 2, True)),
        ("MixtureLogistic", 15, (3, 2, True)),
    ],
)
def test_new_takes_tfps_positional_arguments(cls, size, arguments):
    params = np.linspace(-1.0, 1.0, 3 * size, dtype="float32").reshape(3, size)
    ours = getattr(layers, cls).new(params, *arguments)
    theirs = getattr(tfpl, cls).new(params, *arguments)
    assert ours.dtype == theirs.dtype
    assert ours.event_shape == theirs.event_shape
    np.testing.assert_allclose(ours.mean(), theirs.mean(), rtol=1e-6)


def test_new_names_the_arguments_when_there_are_too_many():
    with pytest.raises(TypeError, match="event_shape, validate_args"):
        layers.IndependentNormal.new(np.zeros((1, 4)), 2, False, "name", 1)


@pytest.mark.parametrize("name", ["sample", "mean", "stddev", "variance"])
def test_convert_to_tensor_fn_takes_tfps_methods(name):
    method = getattr(tfd.Distribution, name)
    assert layers.MixtureNormal(2, 1, method).convert_to_tensor_fn == name
    assert layers.IndependentPoisson(1, method).convert_to_tensor_fn == name
    assert layers.OneHotCategorical(2, method).convert_to_tensor_fn == name


def test_a_lambda_as_convert_to_tensor_fn_is_refused():
    with pytest.raises(ValueError, match="Expected convert_to_tensor_fn to be one of sample, mean"):
        layers.MixtureNormal(2, 1, lambda s: s.sample(10))
