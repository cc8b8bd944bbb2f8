"""Seeds made of seeds: the same with and without XLA."""

import numpy as np
import pytest
import tensorflow as tf

from kvae.noise import fold_in
from kvae.threefry import counted_noise


@pytest.mark.parametrize("seed", [[5, 6], [-5, 6], [5, -6], [-5, -6], [2**31 - 1, -(2**31)]])
def test_a_seed_of_a_seed_is_the_same_under_xla(seed):
    compiled = tf.function(fold_in, jit_compile=True, autograph=False)
    found = fold_in(seed, 3)
    np.testing.assert_array_equal(compiled(tf.constant(seed), tf.constant(3)), found)
    # The numbers that models drew by before.
    np.testing.assert_array_equal(tf.random.experimental.stateless_fold_in(seed, 3), found)


def test_on_devices_it_is_made_of_their_words():
    with counted_noise():
        found = fold_in([5, -6], 3)
    assert found.shape == (2,)
    assert not np.array_equal(found, fold_in([5, -6], 3))
