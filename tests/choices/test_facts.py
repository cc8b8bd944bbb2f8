"""What is read of an array to choose a model for it."""

import numpy as np
import pytest

from kvae.choices.facts import SAMPLE_ELEMENTS, facts_of
from kvae.choices.likelihoods import part_for


@pytest.mark.parametrize("shape", [(500, 128, 128, 1), (3, 1500, 1500, 1)])
def test_the_sample_of_pictures_is_bounded_by_its_elements(shape):
    x = np.zeros(shape, "uint8")
    x[-1] = 255
    size = int(np.prod(shape[1:]))
    sample = facts_of(x).sample
    assert size <= sample.size < max(2 * SAMPLE_ELEMENTS, 2 * size)
    np.testing.assert_array_equal(sample[0], x[0])


def test_rows_of_a_table_are_sampled_by_their_number():
    x = np.arange(60_000.0)[:, None]
    np.testing.assert_array_equal(facts_of(x).sample, x[::3])


def test_the_shift_of_a_logarithm_is_that_of_the_amounts(rng):
    x = np.exp(rng.normal(0.0, 2.0, (500, 2)))
    layer = part_for(facts_of(x), "IndependentNormal", "log").layer
    logarithm = layer.args[1].args[0][0]
    assert logarithm.args == (float(f"{np.quantile(x, 0.05):.1g}"),)
