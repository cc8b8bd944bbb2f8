"""An encoder of a table reads classes as one-hot vectors and counts by their logarithm."""

import numpy as np
import pytest

import kvae
from tests.helpers import dtype_policy

COLUMNS = ["count", 3, "number", 2]


def by_hand(x, known):
    """The same, one element at a time."""
    parts = [x[:, 2] * known[:, 2], np.log1p(x[:, 0] * known[:, 0])]
    parts += [(x[:, 1] == k) * known[:, 1] for k in range(3)]
    parts += [(x[:, 3] == k) * known[:, 3] for k in range(2)]
    return np.stack(parts, axis=1)


@pytest.fixture
def rows(rng):
    return np.column_stack(
        [
            rng.poisson(9, 20),
            rng.integers(3, size=20),
            rng.normal(size=20),
            rng.integers(2, size=20),
        ]
    ).astype("float32")


def test_without_missing_values(rows):
    layer = kvae.networks.TableInputs(COLUMNS)
    np.testing.assert_allclose(layer(rows), by_hand(rows, np.ones_like(rows)), rtol=1e-6)
    assert layer.compute_output_shape((None, 4)) == (None, 7)


def test_missing_values_are_zero_and_the_mask_follows(rows, rng):
    known = (rng.uniform(size=rows.shape) < 0.5).astype("float32")
    layer = kvae.networks.TableInputs(COLUMNS)
    seen = layer(np.concatenate([rows * known, known], axis=1))
    np.testing.assert_allclose(seen, np.hstack([by_hand(rows, known), known]), rtol=1e-6)
    assert layer.compute_output_shape((None, 8)) == (None, 11)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_classes_and_counts_are_read_in_float32_under_a_mixed_policy(policy):
    with dtype_policy(policy):
        layer = kvae.networks.TableInputs(["count", 3000])
        found = layer(np.array([[1e5, 2049.0], [0.0, 257.0]], "float32"))
    assert found.dtype == policy.removeprefix("mixed_")
    found = np.asarray(found, "float32")
    np.testing.assert_allclose(found[:, 0], [np.log(100_001.0), 0.0], rtol=4e-3)
    assert [np.flatnonzero(row[1:]).tolist() for row in found] == [[2049], [257]]


def test_another_width_is_refused():
    with pytest.raises(ValueError, match=r"shape \(batch, 4\), or \(batch, 8\)"):
        kvae.networks.TableInputs(COLUMNS).build((None, 5))


@pytest.mark.parametrize("columns", [[], ["text"], [0], [2.5]])
def test_bad_columns_are_refused(columns):
    with pytest.raises(ValueError, match="Expected columns to"):
        kvae.networks.TableInputs(columns)


def test_for_data_takes_columns_and_missing_values():
    encoder, decoder = kvae.networks.for_data(4, 6, 3, 9, columns=COLUMNS, missing=True)
    assert (encoder.input_shape, decoder.output_shape) == ((None, 8), (None, 9))
    shapes = {"columns": COLUMNS, "condition_dim": 5}
    assert len(kvae.networks.for_data(4, 6, 3, 9, **shapes)[0].inputs) == 2
    with pytest.raises(ValueError, match=r"for tables. Received: 'sequence'"):
        kvae.networks.for_data((9, 4), 6, 3, (9, 4), columns=COLUMNS)


def test_the_kind_of_networks_can_be_given():
    encoder, _ = kvae.networks.for_data((8, 8, 1), 6, 3, (8, 8, 1), kind="mlp", missing=True)
    assert encoder.input_shape == (None, 8, 8, 2)
    assert [type(layer).__name__ for layer in encoder.layers[1:]][:2] == ["Flatten", "Dense"]
    with pytest.raises(ValueError, match="Expected kind to be one of 'conv', 'mlp'"):
        kvae.networks.for_data((8, 8, 1), 6, 3, (8, 8, 1), kind="gru")
