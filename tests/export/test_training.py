"""A file that trains its weights on the device."""

import itertools
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

import kvae
from kvae.export import ExportError, Optimizer, runtime
from kvae.export.conversion.graph import Graph
from kvae.export.training.chosen import chosen_weights
from kvae.export.training.plan import Plan
from kvae.export.verification.litert_training import interpreter
from kvae.export.verification.training import keras_steps, litert_steps, steps_of
from kvae.threefry import counted_noise
from tests.goldens.make import with_missing
from tests.helpers import sign
from tests.sensor import machine, trained_sensor
from tests.small import kl, make_vae

pytestmark = pytest.mark.slow  # a conversion takes seconds


@pytest.fixture(scope="module")
def sensor():
    """A VAE of a sensor, trained for a moment."""
    return trained_sensor(machine(np.random.default_rng(0)), epochs=60)


@pytest.fixture(scope="module")
def learner(sensor, tmp_path_factory):
    """A bundle of it that trains its heads, and one file that does not train."""
    path = tmp_path_factory.mktemp("learner") / "bundle"
    kvae.export.bundle(
        sensor,
        path,
        data=machine(np.random.default_rng(1)),
        presets=["float32", "int8-weights"],
        signatures=["score", "encode", "decode"],
        trainable="heads",
        measure=False,
    )
    return path


@pytest.fixture(scope="module")
def file(learner, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "model.tflite"
    path.write_bytes(runtime.Bundle(learner).model("float32"))
    return path


@pytest.fixture
def model(learner):
    return runtime.Model(learner)


# -- the same as in Keras ------------------------------------------------------------------------


def test_two_hundred_steps_are_those_of_keras_in_both_engines(sensor, file):
    with Graph(sensor, ["score"], [1], Plan("heads", Optimizer(), 16)) as graph:
        training = graph.training
        inputs = steps_of(training, {"x": machine(np.random.default_rng(2), gain=1.3)}, 200)
        before = [np.asarray(weight) for weight in sensor.weights]
        losses, weights = keras_steps(training, inputs)
    for weight, value in zip(sensor.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)  # the model itself is not trained
    expected = np.concatenate([weight.reshape(-1) for weight in weights])
    engines = litert_steps(file, inputs)
    assert sorted(engines) == ["LiteRT CompiledModel", "LiteRT Interpreter"]
    assert losses[-1] < losses[0]
    for found in engines.values():
        np.testing.assert_allclose(found["losses"], losses, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found["state"][: len(expected)], expected, atol=1e-4)
        assert found["checks"].all()


def test_the_loss_is_the_sum_of_the_models_own_terms(sensor, file):
    x = machine(np.random.default_rng(3), rows=16)
    found = interpreter(str(file))(
        "train", x=x, seed=np.array([3, 4], "int32"), learning_rate=np.float32(0.1)
    )
    with counted_noise():
        batch = kvae.contract.Batch({"x": x}, training=True)
        terms = sensor.loss_terms({"x": tf.constant(x)}, tf.constant([3, 4]), batch)
    means = {term.name: float(np.mean(term.values)) for term in terms}
    assert means == pytest.approx({name: float(found[name]) for name in means}, rel=1e-5)
    assert float(found["loss"]) == pytest.approx(sum(means.values()), rel=1e-5)
    assert float(found["pull"]) == 0.0  # before the first step
    assert int(found["applied"]) == 1


def test_the_pull_grows_as_the_weights_leave_the_shipped_ones(file):
    run, x = interpreter(str(file)), machine(np.random.default_rng(3), rows=16, gain=3.0)
    step = {"x": x, "seed": np.array([0, 0], "int32"), "learning_rate": np.float32(1e-2)}
    shipped = run("save")["state"]
    for _ in range(5):
        run("train", **step)
    moved = run("save")["state"]
    size = (len(moved) - 1) // 3  # weights, two numbers of Adam for each, and the count
    squares = float(np.sum((moved[:size] - shipped[:size]).astype("float64") ** 2))
    assert float(run("train", **step)["pull"]) == pytest.approx(0.5 * squares, rel=1e-4)


def test_the_optimizer_may_be_plain_descent(sensor, tmp_path):
    optimizer = Optimizer("sgd", momentum=0.0, clip_norm=0.5, pull=0.0)
    result = kvae.export.tflite(
        *(sensor, tmp_path / "sgd.tflite"),
        signatures=["score"],
        trainable="scale",
        optimizer=optimizer,
        training_batch_size=4,
    )
    assert result.training["measured"]["weight_error"] < 1e-4
    assert result.training["weights"] == [
        {"name": result.training["weights"][0]["name"], "shape": []}
    ]
    run = interpreter(str(result.path))
    before = run("save")["state"]
    x = machine(np.random.default_rng(3), rows=4, offset=5.0)
    found = run("train", x=x, seed=np.array([0, 0], "int32"), learning_rate=np.float32(0.1))
    assert float(found["gradient_norm"]) > 0.5
    # One weight: the clipped gradient is 0.5 in size.
    assert abs(run("save")["state"][0] - before[0]) == pytest.approx(0.05, rel=1e-4)
    assert "train (scale)" in str(result)


@pytest.mark.thorough
@pytest.mark.parametrize("networks", ["conv"])
def test_a_convolutional_model_trains_all_its_weights(networks, digits, tmp_path):
    keras.utils.set_random_seed(0)
    vae = make_vae(latent_dim=2, networks=networks)
    result = kvae.export.tflite(
        *(vae, tmp_path / "conv.tflite"),
        signatures=["score"],
        data=digits[1],
        trainable="all",
        training_batch_size=4,
    )
    assert len(result.training["weights"]) == len(vae.trainable_variables)
    assert result.training["measured"]["loss_error"] < 1e-4


@pytest.mark.thorough
def test_a_mixture_prior_trains(tmp_path):
    """Its scales are functions of weights."""
    keras.utils.set_random_seed(0)
    regularizer = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.GaussianMixture(2, 3))
    vae = make_vae(
        4, posterior=kvae.layers.MultivariateNormalDiag(2, activity_regularizer=regularizer)
    )
    result = kvae.export.tflite(
        vae, tmp_path / "mixture.tflite", signatures=["score"], trainable="all"
    )
    assert len(result.training["weights"]) == len(vae.trainable_variables)
    assert result.training["measured"]["weight_error"] < 1e-4


@pytest.mark.thorough
def test_a_loss_of_one_term_trains(tmp_path):
    plain = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2, weight=0.0))
    result = kvae.export.tflite(
        make_vae(4, posterior=plain),
        tmp_path / "one.tflite",
        signatures=["score"],
        trainable="all",
        optimizer=Optimizer(pull=0.0),
    )
    assert result.training["measured"]["loss_error"] < 1e-4


def pixels():
    """A VAE of 8-bit pixels, which are whole numbers in files, and examples in float32."""
    likelihood = kvae.layers.IndependentNormal((4, 4, 1), min_scale=0.1)
    likelihood = kvae.layers.Transformed(likelihood, kvae.transforms.Pixels())
    x = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 1))
    return make_vae((4, 4, 1), likelihood=likelihood), x.astype("float32")


def gaps():
    """A VAE of numbers that may be missing, which NaN stands for, and examples."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 4)).astype("float32")
    return with_missing(), np.where(rng.uniform(size=x.shape) < 0.3, np.float32(np.nan), x)


@pytest.mark.parametrize("make", [pixels, gaps])
def test_data_that_are_no_plain_floats_train(make, tmp_path):
    vae, x = make()
    kvae.export.bundle(
        *(vae, tmp_path / "bundle"),
        data=x,
        presets=["float32"],
        signatures=["score"],
        trainable="heads",
        measure=False,
    )
    model = runtime.Model(tmp_path / "bundle")
    before = model.score(x).mean()
    done = model.adapt(x, steps=20, learning_rate=1e-2, guard_nats=np.inf)
    assert done.skipped == 0
    assert model.score(x).mean() < before


@pytest.mark.thorough
def test_constraints_hold_after_a_step(tmp_path):
    keras.utils.set_random_seed(0)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    positive = {"kernel_constraint": keras.constraints.NonNeg()}
    layers = [keras.layers.Dense(8, "relu"), keras.layers.Dense(4, **positive)]
    vae = kvae.VAE(
        encoder=keras.Sequential([keras.Input((6,)), *layers]),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(2, (6,), hidden=(8,)),
        likelihood=kvae.layers.IndependentBernoulli((6,)),
    )
    result = kvae.export.tflite(
        *(vae, tmp_path / "m.tflite"),
        signatures=["score"],
        trainable="all",
        optimizer=Optimizer("sgd", momentum=0.0),
    )
    assert result.training["measured"]["weight_error"] < 1e-4
    run, rng = interpreter(str(result.path)), np.random.default_rng(0)
    x = rng.integers(0, 2, (16, 6)).astype("float32")
    run("train", x=x, seed=np.array([0, 0], "int32"), learning_rate=np.float32(1.0))
    state, start = run("save")["state"], 0
    for weight in result.training["weights"]:
        values = state[start : start + int(np.prod(weight["shape"]))]
        start += len(values)
        if weight["shape"] == [8, 4]:
            constrained = values
    assert constrained.min() == 0.0  # some would have become negative
    assert (constrained > 0.0).any()


@pytest.mark.parametrize(
    "trainable",
    [
        pytest.param("scale", marks=pytest.mark.thorough),
        pytest.param("heads", marks=pytest.mark.thorough),
        "all",
    ],
)
def test_training_takes_less_than_two_fifths_of_the_file(trainable, tmp_path):
    """The model of docs/on_device_learning.md: 34 thousand weights."""
    shape = (64, 3)
    posterior = kvae.layers.MultivariateNormalDiag(4, activity_regularizer=kl(4))
    decoder = kvae.networks.mlp_decoder(4, shape, hidden=(64, 64))
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(shape, posterior.params_size, hidden=(64, 64)),
        posterior=posterior,
        decoder=keras.Sequential([decoder, kvae.layers.LearnedScale(initial=0.5)]),
        likelihood=kvae.layers.IndependentNormal(shape),
    )
    rng = np.random.default_rng(0)
    for weight in vae.trainable_variables:  # the converter leaves out zeros, such as biases here
        weight.assign(weight + 0.01 * rng.normal(size=weight.shape))
    sizes = [
        kvae.export.tflite(vae, tmp_path / f"{name}.tflite", signatures=["score"], **more)
        for name, more in (("plain", {}), ("trains", {"trainable": trainable}))
    ]
    assert sizes[1].size_bytes <= 1.4 * sizes[0].size_bytes, sizes


@pytest.mark.parametrize(
    "form",
    [
        "dense",
        pytest.param("pictures", marks=pytest.mark.thorough),
        pytest.param("windows", marks=pytest.mark.thorough),
    ],
)
def test_weights_that_do_not_train_are_held_once(form, tmp_path):
    """The gradients to the encoder's head pass through the decoder: its kernels, transposed."""
    keras.utils.set_random_seed(0)
    shape = {"dense": (64,), "pictures": (16, 16, 1), "windows": (32, 3)}[form]
    networks = kvae.networks
    make = {
        "dense": (networks.mlp_encoder, networks.mlp_decoder, {"hidden": (128, 128)}),
        "pictures": (networks.conv_encoder, networks.conv_decoder, {"filters": (16, 32)}),
        "windows": (networks.sequence_encoder, networks.sequence_decoder, {}),
    }
    encoder, decoder, size = make[form]
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    likelihood = kvae.layers.IndependentNormal(shape)
    vae = kvae.VAE(
        encoder=encoder(shape, posterior.params_size, **size),
        posterior=posterior,
        decoder=decoder(2, likelihood.params_shape, **size),
        likelihood=likelihood,
    )
    rng = np.random.default_rng(0)
    for weight in vae.trainable_variables:
        weight.assign(weight + 0.01 * rng.normal(size=weight.shape))
    plain = kvae.export.tflite(vae, tmp_path / "plain.tflite", signatures=["score"])
    result = kvae.export.tflite(
        vae, tmp_path / "trains.tflite", signatures=["score"], trainable="heads"
    )
    assert result.training["measured"]["loss_error"] < 1e-4
    assert result.training["measured"]["weight_error"] < 1e-4
    assert result.size_bytes <= 1.4 * plain.size_bytes
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(result.path.read_bytes(), 0))
    contents = [np.sort(each.data.view("<u4")) for each in model.buffers if large(each)]
    assert len(contents) >= 2
    for one, other in itertools.combinations(contents, 2):
        assert not np.array_equal(one, other)


def large(buffer):
    return buffer.data is not None and len(buffer.data) >= 4096


# -- which weights, and what is refused ----------------------------------------------------------


def test_which_weights_train(sensor):
    assert [weight.name for weight in chosen_weights(sensor, "scale")] == ["raw_scale"]
    assert len(chosen_weights(sensor, "heads")) == 5
    assert len(chosen_weights(sensor, "all")) == len(sensor.trainable_variables) == 9
    with pytest.raises(ValueError, match="LearnedScale or ModulatedScale"):
        chosen_weights(make_vae(), "scale")


def test_a_preset_without_the_digits_is_refused(sensor, tmp_path):
    with pytest.raises(ValueError, match="less than the distance between two numbers of int8"):
        kvae.export.tflite(sensor, tmp_path / "m.tflite", preset="int8", trainable="all")


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: keras.layers.Dropout(0.5), "updates weights that no gradient trains"),
        (lambda: keras.layers.Activation("gelu"), "Erf"),
    ],
)
def test_a_network_that_cannot_be_trained_is_refused_by_name(layer, reason, tmp_path):
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    encoder = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8), layer(), keras.layers.Dense(4)]
    )
    vae = kvae.VAE(
        *(encoder, posterior, kvae.networks.mlp_decoder(2, (6,), hidden=(8,))),
        kvae.layers.NormalLikelihood(6),
    )
    with pytest.raises(ExportError, match=reason):
        kvae.export.tflite(vae, tmp_path / "m.tflite", signatures=["score"], trainable="all")
    assert not (tmp_path / "m.tflite").exists()


def test_a_model_that_needs_a_target_is_refused(tmp_path):
    vae = kvae.VAE(
        kvae.networks.mlp_encoder((6,), 4, hidden=(8,)),
        kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2)),
        kvae.networks.mlp_decoder(2, (4,), hidden=(8,)),
        kvae.layers.IndependentBernoulli((4,)),
    )
    with pytest.raises(ExportError, match=r"x alone\. Received: x of shape \(6,\), a target of"):
        kvae.export.tflite(vae, tmp_path / "m.tflite", trainable="all")


def test_a_loop_is_refused_before_the_conversion(monkeypatch, tmp_path):
    """The converter's own words for the gradient of one are those of its compiler."""
    shape = (6, 2)
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    layers = [keras.layers.GRU(3, return_sequences=True), keras.layers.Dense(2)]
    vae = kvae.VAE(
        kvae.networks.mlp_encoder(shape, 4, hidden=(4,)),
        posterior,
        keras.Sequential([keras.Input((2,)), keras.layers.RepeatVector(6), *layers]),
        kvae.layers.IndependentBernoulli(shape),
    )
    monkeypatch.setattr(Graph, "_converted", None)
    with pytest.raises(ExportError, match=r"no gradient of loops.*unroll=True"):
        kvae.export.tflite(vae, tmp_path / "m.tflite", signatures=["score"], trainable="heads")


def test_an_optimizer_says_what_it_expects():
    with pytest.raises(ValueError, match="method to be one of"):
        Optimizer("newton")
    with pytest.raises(ValueError, match="Expected momentum to be below 1"):
        Optimizer(momentum=1.0)
    with pytest.raises(ValueError, match="Expected pull to be a finite number of at least 0"):
        Optimizer(pull=-1.0)


# -- on the device -------------------------------------------------------------------------------


def test_what_is_learned_is_used_at_once(model, sensor):
    other = machine(np.random.default_rng(5), gain=1.5, offset=0.3)
    before = model.score(other)
    done = model.adapt(other, steps=150, learning_rate=1e-2, guard_nats=np.inf)
    after = model.score(other)
    assert len(done.losses) == 150
    assert done.skipped == 0
    assert after.mean() < before.mean() - 10.0
    model.reset()
    np.testing.assert_array_equal(model.score(other), before)


def test_the_same_seed_learns_the_same(learner):
    x = machine(np.random.default_rng(5), rows=40, gain=1.5)
    runs = []
    for seed in (0, 0, 1):
        model = runtime.Model(learner)
        runs.append(model.adapt(x, steps=10, seed=seed).losses)
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_the_guard_stops_a_model_that_forgets(model):
    other = machine(np.random.default_rng(5), gain=-4.0, offset=6.0)
    golden = model.golden()
    shipped = golden["expected/score/score"].mean()
    seen = []
    done = model.adapt(
        *(other, 400),
        learning_rate=1e-2,
        guard_nats=2.0,
        check_every=5,
        progress=lambda step, loss: seen.append(step),
    )
    assert done.stopped
    assert done.guard > 2.0
    assert len(done.losses) < 400
    assert seen == list(range(1, len(done.losses) + 1))
    # The weights of the last check that passed.
    assert model.forgotten() <= 2.0
    assert model.score(golden["inputs/score/x"]).mean() - shipped <= 2.0


def test_the_guard_counts_from_the_scores_of_the_file(model, learner, tmp_path):
    """Those of Keras differ by rounding, which large scores make larger than what is learned."""
    other = shutil.copytree(learner, tmp_path / "other")
    golden = model.golden()
    golden["expected/score/score"] -= 50.0
    np.savez(other / "golden.npz", **golden)
    sign(other)
    judged = runtime.Model(other)
    assert judged.forgotten() == 0.0
    x = machine(np.random.default_rng(5), rows=40)
    done = judged.adapt(x, steps=20)
    assert (len(done.losses), done.stopped) == (20, False)
    judged.save(tmp_path / "learned")
    model.restore(tmp_path / "learned")
    found = model.score(golden["inputs/score/x"]).mean(dtype="float64")
    model.reset()
    shipped = model.score(golden["inputs/score/x"]).mean(dtype="float64")
    model.restore(tmp_path / "learned")
    for each in (judged, model):  # the other one has known other weights first
        assert each.forgotten() == pytest.approx(found - shipped, rel=1e-9)
    assert found != shipped


def test_what_is_saved_comes_back_and_nothing_else_does(model, learner, tmp_path):
    x = machine(np.random.default_rng(5), rows=40, gain=1.5)
    model.adapt(x, steps=10)
    path = tmp_path / "learned.bin"
    model.save(path)
    assert [each.name for each in tmp_path.iterdir()] == ["learned.bin"]
    again = runtime.Model(learner)
    assert not np.array_equal(again.score(x), model.score(x))
    again.restore(path)
    np.testing.assert_array_equal(again.score(x), model.score(x))

    content = path.read_bytes()
    broken = bytearray(content)
    broken[200] ^= 1
    for wrong in (bytes(broken), content[:-1], content + b"\0", b""):
        path.write_bytes(wrong)
        with pytest.raises(runtime.BundleError, match="damaged"):
            again.restore(path)
    np.testing.assert_array_equal(again.score(x), model.score(x))


def test_what_another_file_has_learned_is_refused(model, tmp_path):
    path = tmp_path / "learned.bin"
    model.save(path)
    model._content += b"\0"  # another file
    with pytest.raises(runtime.BundleError, match="belongs to another model file"):
        model.restore(path)


def test_a_failed_save_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "learned.bin"
    model.save(path)
    old = path.read_bytes()
    model.adapt(machine(np.random.default_rng(5), rows=40), steps=1)

    def fails(*_):
        raise OSError("no space")

    monkeypatch.setattr(runtime.os, "replace", fails)
    with pytest.raises(OSError, match="no space"):
        model.save(path)
    assert path.read_bytes() == old
    assert [each.name for each in tmp_path.iterdir()] == ["learned.bin"]


def test_a_save_does_not_replace_the_model_file(learner, tmp_path):
    bundle = shutil.copytree(learner, tmp_path / "bundle")
    model = runtime.Model(bundle)
    file = bundle / "model-float32.tflite"
    old = file.read_bytes()
    (tmp_path / "soft").symlink_to(file)
    (tmp_path / "hard").hardlink_to(file)
    for path in (file, str(tmp_path / "soft"), tmp_path / "hard"):
        with pytest.raises(ValueError, match="another path than that of the model file"):
            model.save(path)
    assert file.read_bytes() == old
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bundle", "hard", "soft"]


def test_several_threads_may_save_to_one_path(model, learner, tmp_path):
    """What one has written is neither cut short nor renamed by another."""
    path, again = tmp_path / "learned.bin", runtime.Model(learner)
    model.save(path)
    errors, going = [], threading.Event()

    def saves():
        going.wait()
        try:
            for _ in range(50):
                model.save(path)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=saves) for _ in range(4)]
    for thread in threads:
        thread.start()
    going.set()
    while any(thread.is_alive() for thread in threads):
        again.restore(path)
    again.restore(path)
    assert not errors
    assert [each.name for each in tmp_path.iterdir()] == ["learned.bin"]


def test_a_save_follows_no_link_and_is_private(model, tmp_path):
    """Somebody else has put something there before."""
    other, path = tmp_path / "other", tmp_path / "learned.bin"
    other.write_text("precious")
    (tmp_path / "learned.bin.part").symlink_to(other)
    model.save(path)
    assert other.read_text() == "precious"
    assert not path.is_symlink()
    (tmp_path / "learned.bin.part").touch(0o644)
    model.save(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_forked_process_goes_on_with_what_was_learned(model):
    x = machine(np.random.default_rng(5), rows=40, gain=1.5)
    model.adapt(x, steps=10)
    expected = model.score(x)
    model._engine.process = -1  # as it is in a child
    np.testing.assert_array_equal(model.score(x), expected)


def test_an_error_leaves_the_weights_of_the_last_check(model):
    x = machine(np.random.default_rng(5), rows=40, gain=1.5)
    model.adapt(x, steps=5)
    expected = model.score(x)

    def fails(step, loss):
        if step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.adapt(x, steps=20, progress=fails)
    np.testing.assert_array_equal(model.score(x), expected)
    model.adapt(x, steps=1)  # the model can learn again


def test_one_thread_learns_at_a_time_and_others_read(model):
    x = machine(np.random.default_rng(5), rows=40, gain=1.5)
    found = []

    def meanwhile(step, loss):
        if step > 1:
            return
        for change in (lambda: model.adapt(x, steps=1), model.reset):
            with pytest.raises(RuntimeError, match="one adapt, restore or reset"):
                change()
        reader = threading.Thread(target=lambda: found.append(model.score(x)))
        reader.start()
        reader.join()

    done = model.adapt(x, steps=2, progress=meanwhile)
    assert len(done.losses) == 2
    assert np.isfinite(found[0]).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"steps": 2.5},
        {"steps": 1, "check_every": 0},
        {"steps": 1, "seed": 2**31},
        {"steps": 1, "learning_rate": np.nan},
        {"steps": 1, "learning_rate": 1e39},  # infinity in float32
        {"steps": 1, "learning_rate": 1e-50},  # zero in float32
        {"steps": 1, "guard_nats": np.nan},
    ],
    ids=str,
)
def test_arguments_of_adapt_are_checked(model, wrong):
    x = machine(np.random.default_rng(5), rows=40)
    with pytest.raises(ValueError, match="Expected whole numbers"):
        model.adapt(x, **wrong)


LEARNS_AND_SAVES = """
import sys
import numpy as np
import runtime

model = runtime.Model(sys.argv[1])
x = np.load(sys.argv[2])
for seed in range(10**6):
    model.adapt(x, steps=3, seed=seed, guard_nats=np.inf)
    model.save(sys.argv[3])
    print(seed, flush=True)
"""


def test_a_kill_loses_at_most_what_was_learned_since_the_last_save(learner, model, tmp_path):
    (tmp_path / "runtime.py").write_bytes(Path(runtime.__file__).read_bytes())
    x = machine(np.random.default_rng(5), rows=40, gain=1.5)
    np.save(tmp_path / "x.npy", x)
    saved = tmp_path / "learned.bin"
    command = [sys.executable, "-c", LEARNS_AND_SAVES, learner, tmp_path / "x.npy", saved]
    rng = np.random.default_rng(0)
    for _ in range(5):
        with subprocess.Popen(
            list(map(str, command)), cwd=tmp_path, stdout=subprocess.PIPE, text=True
        ) as child:
            first = child.stdout.readline()  # something is saved
            time.sleep(rng.uniform(0.0, 0.1))
            child.kill()
            told = [first, *child.stdout.read().splitlines(keepends=True)]
        whole = [line.split() for line in told if line.endswith("\n")]
        model.restore(saved)
        found = model._state()
        # The last one that was told, or the next one, whose line was not written yet.
        model.reset()
        states = []
        for seed in range(int(whole[-1][0]) + 2):
            model.adapt(x, steps=3, seed=seed, guard_nats=np.inf)
            states.append(model._state())
        assert any(np.array_equal(found, state) for state in states[-2:])
    model.save(saved)
    left = {path.name for path in tmp_path.iterdir()} - {"__pycache__", "runtime.py", "x.npy"}
    assert left == {"learned.bin"}
    assert saved.stat().st_mode & 0o777 == 0o600  # as private as the rows


@pytest.mark.soak
def test_a_hundred_thousand_steps_take_no_memory(model):
    x = machine(np.random.default_rng(5), rows=40, gain=1.5)
    model.adapt(x, steps=1000, guard_nats=np.inf)
    before = resident_bytes()
    for seed in range(100):  # one result holds the losses of all its steps
        done = model.adapt(x, steps=1000, seed=seed, guard_nats=np.inf, check_every=1000)
        assert np.all(np.isfinite(done.losses))
    assert resident_bytes() - before < 2 * 2**20


def resident_bytes():
    """The resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_file_that_does_not_train_says_which_does(learner):
    model = runtime.Model(learner, preset="int8-weights")
    with pytest.raises(ValueError, match=r"presets of this bundle that train: \['float32'\]"):
        model.adapt(machine(np.random.default_rng(5)), steps=1)


def test_rows_that_are_not_finite_are_refused(model):
    x = machine(np.random.default_rng(5), rows=40)
    x[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        model.adapt(x, steps=1)


def test_the_card_and_the_manifest_say_how_it_trains(learner):
    found = runtime.Bundle(learner).artefact("float32")["training"]
    assert found["trainable"] == "heads"
    assert found["measured"]["weight_error"] < 1e-4
    assert "## Learning on the device" in (learner / "README.md").read_text("utf-8")
    kvae.export.verify(learner)
