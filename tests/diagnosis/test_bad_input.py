"""Invalid input is refused with a clear message; imprecise estimates carry a note."""

import numpy as np
import pytest

import kvae
from tests.small import make_vae


def test_too_few_examples(trained_vae, digits):
    with pytest.raises(ValueError, match=r"at least 50 examples.* Received: 49 examples"):
        kvae.diagnose(trained_vae, digits[1][:49])


def test_constant_data(trained_vae):
    with pytest.raises(ValueError, match="examples that differ"):
        kvae.diagnose(trained_vae, np.full((100, 8, 8, 1), 0.5, "float32"))


def test_wrong_shape(trained_vae):
    with pytest.raises(ValueError, match=r"Expected x .*to have shape"):
        kvae.diagnose(trained_vae, np.zeros((100, 7, 8, 1), "float32"))


def test_codes_that_are_not_finite(digits):
    vae = make_vae()
    dense = vae.encoder.get_layer("encoder_params")
    dense.kernel.assign(np.full(dense.kernel.shape, np.nan))
    with pytest.raises(ValueError, match="Expected vae to have posteriors with finite means"):
        kvae.diagnose(vae, digits[1])


def test_few_examples_are_noted_and_widen_the_intervals(trained_vae, digits):
    few, many = (kvae.diagnose(trained_vae, digits[0][:n]) for n in (60, 1000))
    assert any("60 examples" in note for note in few.notes)
    assert few.kl.stderr > 2.0 * many.kl.stderr


def test_a_model_without_training_is_untrained(digits):
    assert kvae.diagnose(make_vae(), digits[1]).verdict.state == "untrained"


def test_information_near_its_maximum_is_noted(digits):
    from tests.small import narrow

    report = kvae.diagnose(narrow(make_vae()), digits[1])
    assert any("log 359" in note for note in report.notes)
    assert report.mutual_information.value == pytest.approx(np.log(359), abs=1e-3)
    assert report.marginal_kl.low == 0.0  # only an upper bound is known


def test_diagnosis_changes_no_weight(trained_vae, digits):
    before = [np.array(weight) for weight in trained_vae.weights]
    kvae.diagnose(trained_vae, digits[1])
    for weight, old in zip(trained_vae.weights, before, strict=True):
        np.testing.assert_array_equal(np.array(weight), old)


def test_a_single_latent_dimension(digits):
    report = kvae.diagnose(make_vae(latent_dim=1), digits[1])
    assert len(report.dimensions) == 1
    report.plot()
