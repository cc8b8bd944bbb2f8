"""Invalid input is refused with a clear message; imprecise estimates carry a note."""

import json

import keras
import numpy as np
import pytest

import kvae
from tests.small import kl, make_vae


def test_too_few_examples(trained_vae, digits):
    with pytest.raises(ValueError, match=r"at least 50 examples.* Received: 49 examples"):
        kvae.diagnose(trained_vae, digits[1][:49])


def test_constant_data(trained_vae):
    with pytest.raises(ValueError, match="examples that differ"):
        kvae.diagnose(trained_vae, np.full((100, 8, 8, 1), 0.5, "float32"))


def test_wrong_shape(trained_vae):
    with pytest.raises(ValueError, match=r"Expected x .*to have shape"):
        kvae.diagnose(trained_vae, np.zeros((100, 7, 8, 1), "float32"))


def test_a_weight_that_is_not_finite_is_the_state_and_is_named(digits):
    vae = make_vae()
    dense = vae.encoder.get_layer("encoder_params")
    dense.kernel.assign(np.full(dense.kernel.shape, np.nan))
    report = kvae.diagnose(vae, digits[1])
    assert report.verdict.state == "not_finite"
    assert report.verdict.certain
    assert report.verdict.evidence == (f"weights with NaN or infinity: {dense.kernel.path}",)
    assert json.loads(report.to_json())["kl"]["value"] is None
    assert "NaN" not in str(report).split("\n", 2)[2]
    report.plot()


def test_a_posterior_that_is_not_finite_although_the_weights_are(digits):
    vae = make_vae()
    dense = vae.encoder.get_layer("encoder_params")
    dense.kernel.assign(np.full(dense.kernel.shape, 3e38))
    with pytest.raises(ValueError, match="Expected vae to have posteriors with finite means"):
        kvae.diagnose(vae, digits[1])


def test_labels_of_another_length(trained_vae, digits):
    with pytest.raises(
        ValueError, match=r"Expected labels to have shape .* Received: shape \(3,\)"
    ):
        kvae.diagnose(trained_vae, digits[1], labels=[0, 1, 2])


def test_a_page_needs_the_name_of_one(trained_vae, digits, tmp_path):
    with pytest.raises(ValueError, match=r"Expected path to end in .html"):
        kvae.diagnose(trained_vae, digits[1]).save(tmp_path / "report.txt")


@pytest.mark.thorough
def test_few_examples_are_noted_and_widen_the_intervals(trained_vae, digits):
    few, many = (kvae.diagnose(trained_vae, digits[0][:n]) for n in (60, 1000))
    assert any(finding.name == "few_examples" for finding in few.findings)
    assert not any(finding.name == "few_examples" for finding in many.findings)
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


@pytest.mark.thorough
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_draws_that_coincide_are_measured(digits):
    """Without a KL the draws of a flow posterior, of which its moments are, may be one point."""
    keras.utils.set_random_seed(0)
    posterior = kvae.layers.InverseAutoregressiveFlow(2, activity_regularizer=kl(2))
    vae = make_vae(posterior=posterior)
    last = vae.encoder.layers[-1]
    kernel, bias = (np.array(weight) for weight in last.get_weights())
    kernel[:, 2:4], bias[2:4] = 0.0, -25.0  # standard deviations of 1e-11
    last.set_weights([kernel, bias])
    _, stddev = vae.encode(digits[0][:100])
    assert np.any(stddev == 0.0)
    report = kvae.diagnose(vae, digits[0][:100])
    assert any("standard deviations below" in note for note in report.notes)
    assert all(np.isfinite(dimension.kl.value) for dimension in report.dimensions)
