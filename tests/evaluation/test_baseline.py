"""The best factorized Bernoulli."""

import numpy as np
import pytest

import kvae


def test_it_is_the_likelihood_under_the_pixel_means(rng):
    x_train, x_test = rng.uniform(size=(500, 3, 2)), rng.uniform(size=(40, 3, 2))
    mean = (x_train.sum(axis=0) + 0.5) / 501
    expected = np.mean(
        [
            sum(
                x * np.log(m) + (1 - x) * np.log(1 - m)
                for x, m in zip(row.ravel(), mean.ravel(), strict=True)
            )
            for row in x_test
        ]
    )
    found = kvae.evaluation.factorized_bernoulli(x_train, x_test)
    assert found == pytest.approx(expected, rel=1e-12)


def test_no_other_factorized_bernoulli_fits_its_training_data_better(rng):
    x = (rng.uniform(size=(4000, 5)) < [0.1, 0.3, 0.5, 0.7, 0.95]).astype("float32")
    best = kvae.evaluation.factorized_bernoulli(x, x)
    for shift in (-0.05, 0.03):
        mean = np.clip(x.mean(axis=0) + shift, 0.01, 0.99)
        other = np.mean(np.sum(x * np.log(mean) + (1 - x) * np.log1p(-mean), axis=1))
        assert best > other


@pytest.mark.parametrize("wrong", [255.0, np.nan])
@pytest.mark.parametrize("name", ["x_train", "x_test"])
def test_numbers_outside_of_the_domain_are_refused(rng, name, wrong):
    """A sum of logarithms of them would look like a log-likelihood."""
    arrays = {each: rng.uniform(size=(9, 3)) for each in ("x_train", "x_test")}
    arrays[name][0, 0] = wrong
    with pytest.raises(ValueError, match=rf"Expected {name} to hold numbers in \[0, 1\]"):
        kvae.evaluation.factorized_bernoulli(**arrays)


def test_a_pixel_that_is_zero_in_training_has_a_finite_likelihood_in_the_test():
    found = kvae.evaluation.factorized_bernoulli(np.zeros((10, 4)), np.ones((1, 4)))
    assert np.isfinite(found)
    assert found == pytest.approx(4 * np.log(0.5 / 11))


@pytest.mark.parametrize(
    ("x_train", "x_test"), [((3, 4), (3, 5)), ((0, 4), (3, 4)), ((3, 4), (0, 4)), ((3, 4), (3,))]
)
def test_examples_have_to_have_one_shape(x_train, x_test):
    with pytest.raises(ValueError, match=r"Expected x_train and x_test .* Received"):
        kvae.evaluation.factorized_bernoulli(np.zeros(x_train), np.zeros(x_test))
