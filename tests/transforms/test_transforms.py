"""Transforms: inverse, derivative, domain, what they learn from data, and saving."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.contract import Domain

transforms = kvae.transforms

CASES = {
    "rescaling": (lambda: transforms.Rescaling(-0.1, 2.0), (-50.0, 50.0)),
    "pixels": (lambda: transforms.Pixels(), (0.0, 255.0)),
    "standardization": (
        lambda: transforms.Standardization([1e4, -3.0], [10.0, 0.5]),
        (-10.0, 10.0),
    ),
    "log": (lambda: transforms.Log(0.5), (0.0, 1e3)),
    "logit": (lambda: transforms.Logit(-2.0, 7.0), (-2.0, 7.0)),
    "arcsinh": (lambda: transforms.Arcsinh([1e2, -3.0], [10.0, 0.5]), (-1e5, 1e5)),
    "chain": (
        lambda: transforms.Chain(
            [transforms.Log(), transforms.Rescaling(3.0), transforms.Standardization(1.0, 2.0)]
        ),
        (0.0, 1e3),
    ),
}
every = pytest.mark.parametrize("name", CASES)


def points(name, rng, n=50):
    return tf.constant(rng.uniform(*CASES[name][1], size=(n, 2)), tf.float64)


@every
def test_inverse_undoes_forward(name, rng):
    transform, x = CASES[name][0](), points(name, rng)
    np.testing.assert_allclose(transform.inverse(transform.forward(x)), x, rtol=1e-9, atol=1e-9)


@every
def test_log_derivative_is_that_of_forward(name, rng):
    transform, x = CASES[name][0](), points(name, rng)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = transform.forward(x)
    slope = tape.gradient(y, x)
    expected = np.log(np.abs(slope))
    found = np.broadcast_to(transform.log_derivative(x), x.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@every
def test_ends_of_the_data_stay_finite_in_float32(name):
    transform = CASES[name][0]()
    ends = np.repeat(np.array(CASES[name][1], "float32")[:, None], 2, axis=1)
    y = transform.forward(tf.constant(ends))
    assert np.all(np.isfinite(y))
    assert np.all(np.isfinite(transform.log_derivative(tf.constant(ends))))


@every
def test_config_is_plain_and_makes_the_same_transform_again(name, rng):
    transform, x = CASES[name][0](), tf.cast(points(name, rng), tf.float32)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(transform)))
    again = keras.saving.deserialize_keras_object(config)
    np.testing.assert_array_equal(again(x), transform(x))


@pytest.mark.parametrize(
    ("make", "domain"),
    [
        (lambda: transforms.Pixels().domain(Domain(0.0, 1.0)), Domain(0.0, 255.0, integer=True)),
        (lambda: transforms.Pixels(4).domain(Domain()), Domain(0.0, 15.0, integer=True)),
        (lambda: transforms.Rescaling(-2.0, 1.0).domain(Domain(0.0, 1.0)), Domain(0.0, 0.5)),
        (lambda: transforms.Log().domain(Domain()), Domain(low=0.0)),
        (lambda: transforms.Logit(2.0, 3.0).domain(Domain()), Domain(2.0, 3.0)),
        (lambda: CASES["chain"][0]().domain(Domain()), Domain(low=0.0)),
    ],
)
def test_domain_is_that_of_the_raw_data(make, domain):
    assert make() == domain


@pytest.mark.parametrize(
    "make",
    [
        lambda: transforms.Log().domain(Domain(0.0, 1.0)),
        lambda: transforms.Standardization().domain(Domain(0.0, 1.0)),
        lambda: transforms.Rescaling(2.0).domain(Domain(0.0, integer=True)),
        lambda: transforms.Pixels().domain(Domain(0.25, 1.0)),
        lambda: transforms.Rescaling(0.0),
        lambda: transforms.Rescaling(np.inf),
        lambda: transforms.Pixels(17),
        lambda: transforms.Log(0.0),
        lambda: transforms.Logit(1.0, 1.0),
        lambda: transforms.Logit(0.0, 1.0, margin=0.5),
        lambda: transforms.Standardization(mean=1.0),
        lambda: transforms.Standardization(mean=1.0, stddev=0.0),
        lambda: transforms.Standardization(mean=[1.0, 2.0], stddev=1.0),
        lambda: transforms.Chain([]),
        lambda: transforms.Chain([keras.layers.Rescaling(2.0)]),
        lambda: transforms.Chain([transforms.Standardization(), transforms.Standardization()]),
    ],
)
def test_what_cannot_be_used_is_refused(make):
    with pytest.raises(ValueError, match=r"Expected .* Received"):
        make()


@pytest.mark.parametrize("shift", [0.1, 1.0, 5.0])
def test_amounts_below_zero_never_come_out_of_a_logarithm(shift):
    transform = transforms.Log(shift)
    y = tf.constant([-100.0, np.log(shift) - 1e-3, np.log(shift) + 1.0])
    np.testing.assert_allclose(transform.inverse(y), [0.0, 0.0, shift * (np.e - 1.0)], rtol=1e-5)
    layer = kvae.layers.Transformed(kvae.layers.IndependentNormal(2), transform)
    draws = layer.distribution(tf.zeros((1, 4))).sample(500, seed=(0, 1))
    layer.domain.check(draws.numpy(), "draws")
    assert np.any(draws == 0.0)
    layer.domain.check(np.asarray(layer.neutral_value()), "the neutral value")


@pytest.mark.parametrize("sizes", [[1000], [1, 999], [400, 350, 250]])
def test_standardization_learns_the_moments_of_all_batches(rng, sizes):
    x = rng.normal([1e6, 0.0, -3.0], [1.0, 0.1, 10.0], size=(1000, 3))
    standardization = transforms.Standardization()
    for batch in np.split(x, np.cumsum(sizes)[:-1]):
        standardization.update_state(batch)
    np.testing.assert_allclose(standardization.mean, x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(standardization.stddev, x.std(axis=0), rtol=1e-6)


def test_standardization_of_images_is_per_channel(rng):
    x = rng.normal([1.0, 5.0], [2.0, 3.0], size=(40, 8, 8, 2))
    standardization = transforms.Standardization()
    standardization.adapt(x)
    np.testing.assert_allclose(standardization.mean, x.mean(axis=(0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(standardization.stddev, x.std(axis=(0, 1, 2)), rtol=1e-5)


def test_elements_that_are_not_observed_are_left_out(rng):
    x = rng.normal(size=(200, 3))
    observed = rng.uniform(size=x.shape) < 0.5
    standardization = transforms.Standardization()
    standardization.adapt(np.where(observed, x, np.nan), observed)
    mean = [x[observed[:, column], column].mean() for column in range(3)]
    stddev = [x[observed[:, column], column].std() for column in range(3)]
    np.testing.assert_allclose(standardization.mean, mean, rtol=1e-5)
    np.testing.assert_allclose(standardization.stddev, stddev, rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 7.3, 1e6 + 0.1])
def test_a_constant_column_is_only_centred(value):
    standardization = transforms.Standardization()
    standardization.adapt(np.full((50, 1), value))
    np.testing.assert_allclose(standardization(tf.constant([[value + 1.0]])), 1.0, atol=0.1)


@pytest.mark.parametrize("x", [[[np.nan]], [[np.inf]]])
def test_data_that_are_not_finite_are_refused(x):
    with pytest.raises(ValueError, match="Expected data whose observed values are finite"):
        transforms.Standardization().adapt(np.array(x))


@pytest.mark.parametrize("make", [transforms.Standardization, transforms.Arcsinh])
def test_a_column_without_an_observed_value_is_refused_and_named(make):
    observed = np.array([[True, False, False], [True, False, False]])
    transform = make()
    with pytest.raises(ValueError, match=r"Expected x with .* Received: none in columns 1, 2$"):
        transform.adapt(np.ones((2, 3)), observed)
    assert not transform.is_adapted


def test_a_chain_names_the_columns_of_the_transform_that_learns():
    given = transforms.Standardization(mean=0.0, stddev=1.0)
    transform = transforms.Chain([given, transforms.Arcsinh()])
    with pytest.raises(ValueError, match=r"Received: none in column 2$"):
        transform.adapt(np.ones((4, 3)), np.tile([True, True, False], (4, 1)))


@pytest.mark.parametrize("make", [transforms.Standardization, transforms.Arcsinh])
@pytest.mark.parametrize("observed", [None, [True, False, True]], ids=["NaN", "unobserved"])
def test_refused_data_do_not_set_the_width(make, observed):
    transform = make()
    x = np.array([[1.0, np.nan, 2.0]] * 3)
    with pytest.raises(ValueError, match="Received: "):
        transform.adapt(x, None if observed is None else np.tile(observed, (3, 1)))
    transform.adapt(np.array([[1.0, 2.0], [3.0, 5.0]]))
    assert transform.is_adapted


@pytest.mark.parametrize("make", [transforms.Standardization, transforms.Arcsinh])
def test_what_was_learned_stands_where_other_data_are_refused(make, rng):
    x = rng.normal(3.0, 2.0, size=(20, 2))
    transform = make()
    transform.adapt(x[:10])
    before = transform(x).numpy()
    with pytest.raises(ValueError, match=r"Received: none in column 0$"):
        transform.adapt(x, np.tile([False, True], (20, 1)))
    np.testing.assert_array_equal(transform(x), before)
    transform.update_state(x[10:])  # goes on from the data of the first call
    whole = make()
    whole.adapt(x)
    np.testing.assert_allclose(transform(x), whole(x), rtol=1e-5)


def test_what_was_learned_before_is_forgotten():
    standardization = transforms.Standardization()
    standardization.adapt(np.array([[100.0], [200.0]]))
    standardization.adapt(np.array([[1.0], [3.0]]))
    np.testing.assert_allclose(standardization.mean, [2.0])
    np.testing.assert_allclose(standardization.stddev, [1.0])


def test_arcsinh_learns_the_middle_of_the_data_whatever_the_outliers(rng):
    x = np.stack([rng.normal(5.0, 2.0, 5000), np.repeat([3.0], 5000)], axis=1)
    x[:50, 0] = 1e6
    layer = transforms.Arcsinh()
    layer.adapt(x)
    np.testing.assert_allclose(layer.center, [5.0, 3.0], atol=0.1)
    np.testing.assert_allclose(layer.width, [2.0, 1.0], atol=0.1)  # of equal values: 1
    y = layer.forward(tf.constant(x, tf.float32)).numpy()
    np.testing.assert_allclose(y[:, 0].mean(), 0.0, atol=1e-4)
    np.testing.assert_allclose(y[:, 0].std(), 1.0, atol=1e-4)
    assert np.all(y[:, 1] == 0.0)


def test_arcsinh_takes_the_standard_deviation_where_most_values_are_equal(rng):
    x = np.where(np.arange(1000) < 900, 0.0, rng.normal(size=1000))[:, None]
    layer = transforms.Arcsinh()
    layer.adapt(x)
    np.testing.assert_allclose(layer.width, np.std(x, axis=0), rtol=1e-5)


def test_arcsinh_of_batches_is_that_of_the_whole(rng):
    x = rng.normal(size=(300, 2))
    whole, batches = transforms.Arcsinh(), transforms.Arcsinh()
    whole.adapt(x)
    for part in np.split(x, 3):
        batches.update_state(part)
    np.testing.assert_array_equal(whole(x), batches(x))


def test_arcsinh_refuses_a_width_without_a_center():
    with pytest.raises(ValueError, match="Expected center and width together"):
        transforms.Arcsinh(width=1.0)
