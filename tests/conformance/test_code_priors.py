"""Every prior over codes: probabilities, draws, configuration."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kvae.noise import standard_normal
from tests.conformance.case import CodePriorCase
from tests.conformance.cases import collect
from tests.helpers import graph_and_xla, relative

FLOAT32 = 1e-5  # the order of float32 additions

every_prior = pytest.mark.parametrize("case", collect(CodePriorCase))
ALL = np.array(list(itertools.product(range(3), repeat=4)), "int32").reshape(-1, 2, 2)


@every_prior
def test_probabilities_of_all_codes_sum_to_one(case):
    log_probs = np.asarray(case.prior().distribution().log_prob(ALL), "float64")
    assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)


@every_prior
def test_draws_have_the_probabilities(case):
    prior, n = case.prior(), 20_000
    drawn = prior.from_normal(standard_normal((n, prior.normals), seed=[0, 3])).numpy()
    assert drawn.dtype == np.int32
    index = drawn.reshape(n, 4) @ [27, 9, 3, 1]
    counts = np.bincount(index, minlength=81)
    expected = n * np.exp(np.asarray(prior.distribution().log_prob(ALL), "float64"))
    chi_squared = np.sum((counts - expected) ** 2 / expected)  # 80 degrees of freedom
    assert chi_squared < 80 + 5 * np.sqrt(160)


@every_prior
def test_config_and_weights_make_the_same_prior(case):
    prior = case.prior()
    serialized = keras.saving.serialize_keras_object(prior)
    again = keras.saving.deserialize_keras_object(serialized, safe_mode=True)
    again.distribution()
    if not again.built:
        again.build()
    again.set_weights(prior.get_weights())
    expected = prior.distribution().log_prob(ALL)
    np.testing.assert_allclose(again.distribution().log_prob(ALL), expected, rtol=1e-6)


@every_prior
def test_eager_graph_and_xla_agree(case):
    prior = case.prior()
    expected = prior.distribution().log_prob(ALL)
    for mode, function in graph_and_xla(lambda c: prior.distribution().log_prob(c)).items():
        assert relative(function(tf.constant(ALL)), expected) < FLOAT32, mode


@every_prior
def test_it_is_no_layer_to_call(case):
    with pytest.raises(TypeError, match="takes no input"):
        case.prior()(ALL)
