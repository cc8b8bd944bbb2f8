"""One battery over every model."""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests.conformance.case import ModelCase, N
from tests.conformance.cases import collect
from tests.conformance.record import encoded
from tests.helpers import assert_same_in_float32, dtype_policy, relative

every_model = pytest.mark.parametrize("case", collect(ModelCase))


@every_model
def test_one_step_moves_every_weight_and_keeps_it_finite(case):
    model, x = case.make(), case.arrays()
    model.compile(optimizer=keras.optimizers.SGD(1e-2), run_eagerly=True)
    trained = [weight for _, own in model.update_groups().values() for weight in own]
    before = [np.array(weight) for weight in trained]
    logs = model.train_on_batch(x, return_dict=True)
    assert all(np.isfinite(value) for value in logs.values())
    for weight, old in zip(trained, before, strict=True):
        assert np.all(np.isfinite(weight)), weight.path
        assert not np.array_equal(weight, old), weight.path


@every_model
def test_a_frozen_model_fits_and_its_state_tree_holds_every_variable(case):
    model, x = case.make(), case.arrays()
    model.trainable = False
    model.compile(optimizer="adam", run_eagerly=True)
    before = [np.array(weight) for weight in model.weights]
    logs = model.fit(x, batch_size=N, verbose=0).history
    assert all(np.all(np.isfinite(values)) for values in logs.values())
    for weight, expected in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, expected, err_msg=weight.path)
    tree = model.get_state_tree("numpy_array")
    expected = [np.array(variable) for variable in model.variables]
    for variable in model.variables:
        variable.assign(variable + 1)
    model.set_state_tree(tree)
    for variable, value in zip(model.variables, expected, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)


@pytest.mark.slow
@every_model
def test_it_is_exported_after_fit(case, tmp_path):
    """`saved_model` compares every signature with Keras before it returns."""
    if not case.exported:
        pytest.skip("kvae.export does not take all signatures of this model")
    model, x = case.make(), case.arrays()
    model.compile(optimizer="adam", run_eagerly=True)
    model.fit(x, verbose=0)
    assert kvae.export.saved_model(model, tmp_path / "model", data=x).max_error < 1e-5


@every_model
def test_a_copy_trains_by_itself(case):
    model, x = case.make(), case.arrays()
    model.compile(optimizer="adam", run_eagerly=True)
    model.train_on_batch(x)
    before = [np.array(weight) for weight in model.weights]
    again = copy.deepcopy(model)
    for weight, expected in zip(again.weights, before, strict=True):
        np.testing.assert_array_equal(weight, expected, err_msg=weight.path)
    again.train_on_batch(x)
    assert int(again.optimizer.iterations) == 2
    for weight, expected in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, expected, err_msg=weight.path)
    assert not np.array_equal(again.trainable_weights[0], model.trainable_weights[0])


@every_model
def test_training_goes_the_same_way_eager_and_with_xla(case, monkeypatch):
    """Draws come from the layer's seed alone, so three steps end with the same weights.

    Three steps of SGD pass on the difference in the order of float32 additions, no more. The graph
    without XLA is that of the two replicas in `test_training.py`. What TFP draws is another number
    in each: there the point of the posterior takes its place.
    """
    monkeypatch.setattr(
        kvae.layers.DistributionLayer, "draw", lambda layer, posterior, *_: layer.point(posterior)
    )
    x, start, ended = case.arrays(), case.make().get_weights(), []
    for kwargs in ({"jit_compile": True}, {"run_eagerly": True}):
        keras.utils.set_random_seed(0)
        model = case.make()
        model.set_weights(start)
        model.compile(optimizer=keras.optimizers.SGD(1e-3), **kwargs)
        logs = [model.train_on_batch(x, return_dict=True) for _ in range(3)]
        ended.append((logs, model.trainable_weights))
    (found_logs, found_weights), (expected_logs, expected_weights) = ended
    assert found_logs[0] == pytest.approx(expected_logs[0], rel=1e-5)
    for found, expected in zip(found_weights, expected_weights, strict=True):
        assert relative(found, expected) < 1e-5, expected.path


@every_model
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_policies_train_to_finite_logs(case, policy):
    x = case.arrays()
    with dtype_policy(policy):
        model = case.make()
        model.compile(optimizer="adam", run_eagerly=True)
        logs = model.fit(x, batch_size=N, verbose=0).history
    assert all(np.all(np.isfinite(values)) for values in logs.values())
    assert all(weight.dtype == "float32" for weight in model.trainable_weights)


@every_model
def test_config_makes_the_same_model_again(case):
    model, x = case.make(), case.arrays()
    serialized = keras.saving.serialize_keras_object(model)
    again = keras.saving.deserialize_keras_object(serialized, safe_mode=True)
    again.set_weights(model.get_weights())
    expected = encoded(model, x)
    for key, found in encoded(again, x).items():
        assert_same_in_float32(found, expected[key])


@every_model
def test_methods_have_the_data_shapes_even_for_one_example(case):
    model, x = case.make(), case.arrays(1)
    shape = case.inputs()["x"][:1].shape
    found, specs = model.encode(x), model.latent_specs()
    if isinstance(found, np.ndarray):
        assert found.shape == (1, *specs["codes"].shape)
        latents = found
    else:
        groups = found if isinstance(found, dict) else {"z": found}
        for name, spec in specs.items():
            mean, stddev = groups[name]
            assert mean.shape == stddev.shape == (1, *spec.shape)
        means = {name: mean for name, (mean, _) in groups.items()}
        latents = means if isinstance(found, dict) else means["z"]
        inputs = tf.nest.map_structure(tf.constant, x)
        assert isinstance(model.posterior(inputs).mean(), tf.Tensor)
    assert model.decode(latents).shape == shape
    assert model.reconstruct(x).shape == shape
    assert model.sample(1).shape == shape
    if any(spec.kind == "deterministic" for spec in specs.values()):
        with pytest.raises(ValueError, match="a deterministic encoder has no ELBO"):
            model.elbo(x)
        return
    elbo = model.elbo(x)
    assert isinstance(elbo, np.ndarray)
    assert elbo.shape == (1,)


@every_model
def test_it_prints(case):
    model = case.make()
    assert type(model).__name__ in repr(model)
    model.summary(print_fn=print)
