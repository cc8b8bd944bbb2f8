"""What a synthesizer's VAE models: frequent values as classes, the others by their rank."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import kvae
from kvae.estimators.table_encoding import NumberEncoding, TableEncoding
from tests.estimators.tables import people

RANDOM = np.random.default_rng(0)
COLUMNS = {
    "continuous": RANDOM.lognormal(size=500),
    "spike": np.where(RANDOM.random(500) < 0.8, 0.0, RANDOM.normal(size=500)),
    "spikes with gaps": np.where(RANDOM.random(500) < 0.1, np.nan, RANDOM.geometric(0.2, 500)),
    "few values": RANDOM.choice([1.5, 2.0, 7.0], 500),
    "one value": np.where(RANDOM.random(500) < 0.5, np.nan, 3.0),
    "one rare value": np.append(np.tile(np.arange(25.0), 20), 99.0),
    "whole": RANDOM.integers(0, 400, 500).astype(float),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_values_come_back(name):
    x = COLUMNS[name]
    encoding = NumberEncoding.fit(x)
    encoded = encoding.forward(x)
    assert encoded.shape == (len(x), encoding.width)
    np.testing.assert_allclose(encoding.inverse(encoded), x, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(np.isnan(encoded).all(axis=1), np.isnan(x))


def test_values_that_are_not_frequent_become_standard_normal():
    x = COLUMNS["continuous"]
    normal = NumberEncoding.fit(x).forward(x)[:, 0]
    assert stats.kstest(normal, "norm").pvalue > 0.99  # as many knots as half of the rows


@pytest.mark.parametrize(
    "draws",
    [stats.lognorm(1.0), stats.lognorm(2.0), stats.lomax(2.0), stats.t(3)],
    ids=["lognormal 1", "lognormal 2", "lomax", "t"],
)
def test_long_tails_come_back_as_they_were(draws):
    """Between the last two of 256 points of equal shares lie 0.4% of all rows."""
    x = draws.rvs(50_000, random_state=np.random.default_rng(5))
    normals = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    found = NumberEncoding.fit(x).inverse(normals[:, None])
    np.testing.assert_allclose(found.mean(), x.mean(), rtol=0.02, atol=0.02)
    np.testing.assert_allclose(found.std(), x.std(), rtol=0.08)
    np.testing.assert_allclose(np.quantile(found, 0.999), np.quantile(x, 0.999), rtol=0.03)


def test_rounded_numbers_of_a_small_table_keep_their_order():
    x = np.round(RANDOM.normal(5.8, 0.8, 120), 1)
    counts = np.unique(x, return_counts=True)[1]
    assert counts.max() >= 0.05 * len(x)  # a share from which on a value may be a class
    assert NumberEncoding.fit(x).frequent == ()


def test_a_spike_of_a_small_table_is_a_class():
    x = np.concatenate([np.zeros(12), np.arange(1.0, 61.0)])
    assert NumberEncoding.fit(x).frequent == (0.0,)


def test_any_draw_becomes_a_value_inside_the_range():
    x = COLUMNS["spike"]
    encoding = NumberEncoding.fit(x)
    draws = np.stack([RANDOM.integers(0, 2, 200), 9.0 * RANDOM.normal(size=200)], axis=1)
    found = encoding.inverse(draws)
    assert x.min() <= found.min() < found.max() <= x.max()
    np.testing.assert_array_equal(found[draws[:, 0] == 0], 0.0)


def test_beyond_the_range_the_map_goes_on_and_comes_back():
    x = COLUMNS["continuous"]
    encoding = NumberEncoding.fit(x, beyond=True)
    points = np.array([x.min() - 3.0, 1.0, x.max() + 5.0])
    np.testing.assert_allclose(encoding.inverse(encoding.forward(points)), points, rtol=1e-9)
    assert TableEncoding.from_config(_config(encoding)).numbers == [encoding]


def _config(encoding):
    frame = pd.DataFrame({"x": COLUMNS["continuous"]})
    schema = kvae.data.TableSchema.infer(frame, within_range=False)
    fitted = TableEncoding.fit(schema, frame.to_numpy())
    assert fitted.numbers == [encoding]
    return json.loads(json.dumps(fitted.get_config()))


def test_the_derivative_is_that_of_the_map_also_beyond_the_range():
    x = COLUMNS["continuous"]
    encoding = NumberEncoding.fit(x)
    points = np.array([-1.0, 0.3, 1.0, 2.5, x.max() + 5.0]) + 1.234e-3
    step = 1e-7
    ends = [encoding.forward(points + each)[:, 0] for each in (-step, step)]
    expected = np.log((ends[1] - ends[0]) / (2 * step))
    np.testing.assert_allclose(encoding.log_derivative(points), expected, atol=1e-4)
    assert encoding.log_derivative(np.array([np.nan]))[0] == 0.0
    spike = NumberEncoding.fit(COLUMNS["spike"])
    assert spike.log_derivative(np.zeros(1))[0] == 0.0


def test_a_table_is_encoded_by_its_columns_and_comes_back_after_json():
    frame = people(300, 0)
    schema = kvae.data.TableSchema.infer(frame)
    x = schema.to_array(frame)
    encoding = TableEncoding.fit(schema, x)
    again = TableEncoding.from_config(json.loads(json.dumps(encoding.get_config())))
    for each in (encoding, again):
        encoded = each.forward(x)
        assert encoded.shape[1] == len(each.features()) == sum(each.widths)
        np.testing.assert_allclose(each.inverse(encoded), x, rtol=1e-5, atol=1e-3)
    assert each.likelihood().event_shape == (encoded.shape[1],)
