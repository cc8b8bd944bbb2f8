"""`fit` and `evaluate` with every form of data, and what they report."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from tests import penalties
from tests.helpers import dtype_policy
from tests.models.streams import Batches
from tests.small import make_vae as small_vae
from tests.small import narrow

OWN_LOGS = {"loss", "nll", "kl", "elbo", "kl_weight"}
FLOAT32 = 1e-5  # the order of float32 additions


def batches(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays).batch(16)


def fixed_vae(**compile_arguments):
    """The same VAE each time: same weights, same draws."""
    keras.utils.set_random_seed(0)
    vae = small_vae(seed=5)
    vae.compile(
        **{"optimizer": keras.optimizers.SGD(1e-3), "run_eagerly": True} | compile_arguments
    )
    return vae


@pytest.fixture(scope="module")
def scorer():
    """A compiled VAE whose evaluation makes no draws; tests do not train it."""
    vae = small_vae(convert_to_tensor_fn="mean")
    vae.compile(optimizer="sgd", jit_compile=False)
    return vae


def terms(vae, x, target=None):
    """The nll and kl of each example at the posterior mean."""
    q = vae.posterior(x)
    nll = -vae.likelihood(q.mean()).log_prob(x if target is None else target)
    return np.asarray(nll), np.asarray(
        penalties.values(vae.posterior_layer.regularizer, q, q.mean())
    )


# 40 examples in batches of 16 leave a short last one.
FEEDS = {
    "fit(x, x)": lambda vae, x, **kw: vae.fit(x, x, batch_size=16, shuffle=False, **kw),
    "fit(x, copy of x)": lambda vae, x, **kw: vae.fit(
        x, x.copy(), batch_size=16, shuffle=False, **kw
    ),
    "float64": lambda vae, x, **kw: vae.fit(
        x.astype("float64"), batch_size=16, shuffle=False, **kw
    ),
    "a tensor": lambda vae, x, **kw: vae.fit(tf.constant(x), batch_size=16, shuffle=False, **kw),
    "a list": lambda vae, x, **kw: vae.fit(x.tolist(), batch_size=16, shuffle=False, **kw),
    "tf.data of x": lambda vae, x, **kw: vae.fit(
        tf.data.Dataset.from_tensor_slices(x).batch(16), **kw
    ),
    "tf.data of (x,)": lambda vae, x, **kw: vae.fit(batches(x), **kw),
    "tf.data of (x, x)": lambda vae, x, **kw: vae.fit(batches(x, x), **kw),
    "tf.data of (x, x, weights)": lambda vae, x, **kw: vae.fit(
        batches(x, x, np.ones(len(x))), **kw
    ),
    "PyDataset of (x,)": lambda vae, x, **kw: vae.fit(Batches(x, size=16), shuffle=False, **kw),
    "PyDataset of (x, x)": lambda vae, x, **kw: vae.fit(
        Batches(x, x, size=16), shuffle=False, **kw
    ),
    "sample_weight of ones": lambda vae, x, **kw: vae.fit(
        x, sample_weight=np.ones(len(x)), batch_size=16, shuffle=False, **kw
    ),
}


@pytest.fixture(scope="module")
def expected_history(grey):
    vae = fixed_vae()
    history = vae.fit(grey, batch_size=16, shuffle=False, epochs=2, verbose=0).history
    return history, vae.get_weights()


@pytest.mark.parametrize("feed", FEEDS)
def test_every_form_of_data_trains_the_same(feed, grey, expected_history):
    vae = fixed_vae()
    history = FEEDS[feed](vae, grey, epochs=2, verbose=0).history
    expected, weights = expected_history
    assert set(history) == OWN_LOGS
    for name, values in expected.items():
        assert history[name] == pytest.approx(values, rel=FLOAT32)
    for found, wanted in zip(vae.get_weights(), weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=FLOAT32, atol=1e-6)


def test_shuffling_changes_the_order_and_not_the_examples(grey):
    """In each epoch anew; the narrow posterior leaves nothing else to chance."""
    seen = []

    class Recorder(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["nll"])

    vae = narrow(small_vae())
    vae.compile(optimizer=keras.optimizers.SGD(0.0), jit_compile=False)
    logs = vae.fit(grey, batch_size=20, epochs=2, verbose=0, callbacks=[Recorder()]).history
    nll, _ = terms(vae, grey)
    assert logs["nll"] == pytest.approx([nll.mean()] * 2, rel=FLOAT32)
    firsts = [seen[0], seen[2]]  # running means: the first batch of each epoch
    assert firsts[0] != pytest.approx(firsts[1], rel=FLOAT32)
    assert firsts[0] != pytest.approx(nll[:20].mean(), rel=FLOAT32)


def test_a_denoising_vae_reads_x_and_is_scored_on_y(scorer, grey, rng):
    """The input may lie outside the likelihood's support, the target may not."""
    noisy = grey + rng.normal(size=grey.shape).astype("float32")
    nll, kl = terms(scorer, noisy, grey)
    for arguments in ((noisy, grey), (batches(noisy, grey),), (Batches(noisy, grey, size=16),)):
        logs = scorer.evaluate(
            *arguments, batch_size=16 if len(arguments) == 2 else None, verbose=0, return_dict=True
        )
        assert logs["nll"] == pytest.approx(nll.mean(), rel=FLOAT32)
        assert logs["kl"] == pytest.approx(kl.mean(), rel=FLOAT32)
    vae = fixed_vae()
    assert np.isfinite(vae.fit(noisy, grey, verbose=0).history["loss"][0])


def test_logs_are_the_terms_of_the_elbo_with_and_without_validation(grey):
    vae = fixed_vae()
    history = vae.fit(grey, validation_data=grey, verbose=0).history
    assert set(history) == OWN_LOGS | {f"val_{name}" for name in OWN_LOGS}
    for prefix in ("", "val_"):
        said = {name: history[prefix + name][0] for name in OWN_LOGS}
        assert said["elbo"] == pytest.approx(-(said["nll"] + said["kl"]), rel=FLOAT32)
        assert said["loss"] == pytest.approx(
            said["nll"] + said["kl_weight"] * said["kl"], rel=FLOAT32
        )
    assert set(vae.evaluate(grey, verbose=0, return_dict=True)) == OWN_LOGS
    assert vae.metrics_names[0] == "loss"
    assert len(vae.evaluate(grey, verbose=0)) == len(OWN_LOGS)


VALIDATION = {
    "x": lambda x, w: x,
    "(x,)": lambda x, w: (x,),
    "(x, x)": lambda x, w: (x, x),
    "(x, x, weights)": lambda x, w: (x, x, w),
    "tf.data": lambda x, w: batches(x),
    "PyDataset": lambda x, w: Batches(x, x, size=16),
}


@pytest.mark.parametrize("form", VALIDATION)
def test_validation_data_may_come_in_any_form(form, grey):
    keras.utils.set_random_seed(0)
    vae = small_vae(convert_to_tensor_fn="mean")
    vae.compile(optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
    held_out = grey[:23]
    data = VALIDATION[form](held_out, np.ones(23))
    history = vae.fit(grey, validation_data=data, epochs=2, verbose=0).history
    nll, kl = terms(vae, held_out)
    assert history["val_loss"] == pytest.approx([np.mean(nll + kl)] * 2, rel=FLOAT32)


def test_a_validation_split_holds_out_the_last_examples(grey):
    vae = small_vae(convert_to_tensor_fn="mean")
    vae.compile(optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
    weights = np.linspace(0.5, 1.5, len(grey))
    history = vae.fit(grey, validation_split=0.25, sample_weight=weights, verbose=0).history
    nll, kl = terms(vae, grey[30:])
    assert history["val_nll"][0] == pytest.approx(np.mean(weights[30:] * nll), rel=FLOAT32)
    assert history["val_kl"][0] == pytest.approx(np.mean(weights[30:] * kl), rel=FLOAT32)


def test_sample_weight_weighs_nll_and_kl(scorer, grey):
    """Keras' reduction of a weighted loss: sum of weight times loss over the number of examples."""
    weights = np.random.default_rng(7).uniform(size=len(grey))
    nll, kl = terms(scorer, grey)
    logs = scorer.evaluate(grey, sample_weight=weights, batch_size=16, verbose=0, return_dict=True)
    assert logs["nll"] == pytest.approx(np.mean(weights * nll), rel=FLOAT32)
    assert logs["kl"] == pytest.approx(np.mean(weights * kl), rel=FLOAT32)
    assert logs["loss"] == pytest.approx(np.mean(weights * (nll + kl)), rel=FLOAT32)


def test_an_example_of_weight_zero_does_not_train(grey):
    """A batch of eight, half of it at weight two and half at zero, is a batch of four."""
    ended = []
    for x, weights in ((grey[:8], np.repeat([2.0, 0.0], 4)), (grey[:4], None)):
        keras.utils.set_random_seed(0)
        vae = narrow(small_vae())
        vae.compile(optimizer=keras.optimizers.SGD(1e-3), run_eagerly=True)
        vae.fit(x, sample_weight=weights, batch_size=8, epochs=3, shuffle=False, verbose=0)
        ended.append(vae.get_weights())
    for found, expected in zip(*ended, strict=True):
        np.testing.assert_allclose(found, expected, rtol=FLOAT32, atol=1e-6)


def test_evaluate_weighs_a_short_last_batch_by_its_examples(scorer, grey):
    nll, kl = terms(scorer, grey)
    for batch_size in (1, 16, 39, 40, 64):
        logs = scorer.evaluate(grey, batch_size=batch_size, verbose=0, return_dict=True)
        assert logs["nll"] == pytest.approx(nll.mean(), rel=FLOAT32)
        assert logs["loss"] == pytest.approx((nll + kl).mean(), rel=FLOAT32)


def test_on_batch_methods_report_the_same_logs(scorer, grey):
    nll, kl = terms(scorer, grey)
    weights = np.linspace(0.0, 1.0, len(grey))
    logs = scorer.test_on_batch(grey, return_dict=True)
    assert logs["loss"] == pytest.approx(np.mean(nll + kl), rel=FLOAT32)
    scorer.reset_metrics()
    logs = scorer.test_on_batch(grey, sample_weight=weights, return_dict=True)
    assert logs["loss"] == pytest.approx(np.mean(weights * (nll + kl)), rel=FLOAT32)


def test_compiled_metrics_compare_the_data_with_the_likelihoods_mean(grey):
    vae = small_vae(convert_to_tensor_fn="mean")
    vae.compile(
        optimizer=keras.optimizers.SGD(0.0),
        metrics=[keras.metrics.MeanSquaredError(name="mse")],
        jit_compile=False,
    )
    history = vae.fit(grey, validation_data=grey[:10], epochs=2, verbose=0).history
    assert set(history) == {p + n for p in ("", "val_") for n in (*OWN_LOGS, "mse")}
    expected = np.mean((grey[:10] - vae.reconstruct(grey[:10])) ** 2)
    assert history["val_mse"] == pytest.approx([expected] * 2, rel=1e-4)
    assert vae.evaluate(grey, verbose=0, return_dict=True).keys() == {*OWN_LOGS, "mse"}


def test_callbacks_see_the_logs_and_act_on_them(grey, tmp_path):
    vae = fixed_vae()
    path = tmp_path / "best.keras"
    callbacks = [
        keras.callbacks.EarlyStopping("val_elbo", mode="max", patience=1, min_delta=1e6),
        keras.callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=1e6, factor=0.1),
        keras.callbacks.TerminateOnNaN(),
    ]
    history = vae.fit(grey, validation_data=grey, epochs=9, verbose=0, callbacks=callbacks)
    assert len(history.epoch) == 2, "stopped early: no gain of a million nats"
    assert float(vae.optimizer.learning_rate) == pytest.approx(1e-4)
    header = (tmp_path / "log.csv").read_text().splitlines()[0]
    assert {"elbo", "val_elbo", "kl_weight"} <= set(header.split(","))
    best = keras.saving.load_model(path)
    assert best.encode(grey)[0].shape == (len(grey), 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        {"jit_compile": True},
        {"jit_compile": "auto"},
        {"steps_per_execution": 3, "jit_compile": False},
    ],
    ids=["xla", "auto", "three steps an execution"],
)
def test_training_lowers_the_loss_however_it_is_compiled(arguments, digits):
    vae = small_vae(seed=5)
    vae.compile(optimizer=keras.optimizers.Adam(1e-2), **arguments)
    history = vae.fit(digits[0][:384], batch_size=64, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] - 5.0  # nats
    assert set(history) == OWN_LOGS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "jit_compile"), [("mixed_bfloat16", True), ("mixed_float16", False)]
)
def test_mixed_precision_trains_in_float32_terms(policy, jit_compile, digits):
    with dtype_policy(policy):
        vae = small_vae(seed=5)
    vae.compile(optimizer=keras.optimizers.Adam(1e-2), jit_compile=jit_compile)
    scaled = isinstance(vae.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    data = {"validation_data": digits[1][:64], "batch_size": 64}
    history = vae.fit(digits[0][:384], epochs=5, verbose=0, **data).history
    assert history["loss"][-1] < history["loss"][0] - 5.0
    assert np.all(np.isfinite(history["val_elbo"]))
    assert all(weight.dtype == "float32" for weight in vae.trainable_weights)
    assert vae.reconstruct(digits[1][:64]).dtype == np.float32
    assert all(np.all(np.isfinite(part)) for part in vae.encode(digits[1][:64]))


def test_the_same_seed_trains_the_same_model_twice(grey):
    ended = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        vae = small_vae()
        vae.compile(optimizer="adam", jit_compile=False)
        vae.fit(grey, epochs=2, batch_size=20, verbose=0)
        ended.append(vae.get_weights())
    for first, second in zip(*ended, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_generator_of_unknown_length_is_counted_in_steps(grey):
    spec = tf.TensorSpec((None, 8, 8, 1))
    endless = tf.data.Dataset.from_generator(lambda: iter([grey]), output_signature=spec).repeat()
    history = fixed_vae().fit(endless, steps_per_epoch=3, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2


class Changing(Batches):
    """Batches of 16 counts, each in another dtype."""

    def __getitem__(self, index):
        (x,) = super().__getitem__(index)
        return (x.astype(["uint8", "int64", "float64"][index]),)

    def __iter__(self):
        return (self[index] for index in range(len(self)))


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("form", ["PyDataset", "generator", "iterable"])
def test_batches_of_a_stream_may_differ_in_dtype(form):
    """Keras casts batches to the dtypes of the first: 300 was 44."""
    x = np.repeat([[3.0], [300.0], [70000.0]], 16, axis=0)
    changing = Changing(x, size=16)
    stream = {"PyDataset": changing, "generator": iter(changing), "iterable": Iterated(changing)}
    vae = small_vae(1, likelihood=kvae.layers.IndependentPoisson(1), convert_to_tensor_fn="mean")
    vae.compile(optimizer="sgd", jit_compile=False)
    found = vae.evaluate(stream[form], verbose=0, return_dict=True)
    wanted = vae.evaluate(x, batch_size=16, verbose=0, return_dict=True)
    assert found == pytest.approx(wanted, rel=FLOAT32)


class Iterated:
    """What iterates over a source of batches and is nothing else."""

    def __init__(self, source):
        self.source = source

    def __iter__(self):
        return iter(self.source)


class Seen(keras.callbacks.ProgbarLogger):
    """What the progress bar is told: the last batch of each epoch and evaluation."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        pass

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(batch + 1)

    on_test_batch_end = on_train_batch_end

    def on_epoch_end(self, epoch, logs=None):
        pass

    on_test_begin = on_test_end = on_train_end = lambda self, logs=None: None


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras, at each end
@pytest.mark.parametrize("count", [3, 16, 20])
def test_batches_of_unknown_number_are_counted(grey, count):
    def some():
        for _ in range(count):
            yield grey[:8]

    spec = tf.TensorSpec((None, *grey.shape[1:]), tf.float32)
    data = tf.data.Dataset.from_generator(some, output_signature=spec)
    vae = small_vae()
    vae.compile(optimizer="sgd", jit_compile=False)
    wanted = [16, 20] if count == 20 else [count]
    bar = Seen()
    vae.fit(data, epochs=2, verbose=0, callbacks=[bar])
    assert bar.seen == wanted * 2
    bar = Seen()
    vae.evaluate(data, verbose=0, callbacks=[bar])
    assert bar.seen == wanted


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("form", ["generator", "tf.data"])
@pytest.mark.parametrize("case", ["skipped steps", "gradient accumulation"])
def test_batches_are_counted_where_the_optimizer_does_not(grey, case, form):
    optimizer = keras.optimizers.SGD(1e-3, gradient_accumulation_steps=2)
    if case == "skipped steps":  # the gradients overflow, so that no step is taken
        optimizer = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(1e-3), initial_scale=2.0**127
        )
    spec, bar = tf.TensorSpec((None, *grey.shape[1:]), tf.float32), Seen()
    data, steps = (grey[:8] for _ in range(12)), 3
    if form == "tf.data":
        three = tf.data.Dataset.from_generator(
            lambda: (grey[:8] for _ in range(3)), output_signature=spec
        )
        data, steps = three, None
    vae = small_vae()
    vae.compile(optimizer=optimizer, jit_compile=False, steps_per_execution=2)
    vae.fit(data, steps_per_epoch=steps, epochs=3, verbose=0, callbacks=[bar])
    assert bar.seen == [2, 3] * 3


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_generator_that_runs_out_ends_the_training_by_a_step_of_ones_own(grey):
    class Own(kvae.VAE):
        def train_step(self, data):
            with tf.GradientTape() as tape:
                likelihood = self.likelihood(self.posterior(data[0]).mean())
                loss = -tf.reduce_mean(likelihood.log_prob(data[0]))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss}

    made = small_vae()
    vae = Own(made.encoder, made.posterior_layer, made.decoder, made.likelihood_layer)
    vae.compile("sgd", jit_compile=False, run_eagerly=True)
    logs = vae.fit((grey[:8] for _ in range(8)), steps_per_epoch=5, epochs=4, verbose=0).history
    assert len(logs["loss"]) == 2
    assert int(vae.optimizer.iterations) == 8


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_step_of_ones_own_that_updates_at_every_second_batch_trains_to_the_end(grey):
    """A step may leave out updates; each batch counts all the same."""

    class Own(kvae.VAE):
        def train_step(self, data):
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls % 2:
                weights = self.trainable_variables
                self.optimizer.apply(
                    [tf.zeros_like(tf.convert_to_tensor(each)) for each in weights], weights
                )
            return {"loss": tf.constant(1.0)}

    made, bar = small_vae(), Seen()
    vae = Own(made.encoder, made.posterior_layer, made.decoder, made.likelihood_layer)
    vae.compile("sgd", jit_compile=False, run_eagerly=True)
    data = (grey[:8] for _ in iter(int, 1))
    vae.fit(data, steps_per_epoch=4, epochs=3, verbose=0, callbacks=[bar])
    assert vae.calls == 12
    three = tf.data.Dataset.from_generator(
        lambda: (grey[:8] for _ in range(3)),
        output_signature=tf.TensorSpec((None, *grey.shape[1:]), tf.float32),
    )
    bar.seen.clear()
    vae.fit(three, verbose=0, callbacks=[bar])
    assert bar.seen == [1, 2, 3]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_batches_are_counted_where_scoring_draws_nothing(grey):
    spec = tf.TensorSpec((None, *grey.shape[1:]), tf.float32)
    data = tf.data.Dataset.from_generator(
        lambda: (grey[:8] for _ in range(3)), output_signature=spec
    )
    vae, bar = small_vae(convert_to_tensor_fn="mean"), Seen()
    vae.compile(optimizer="sgd", jit_compile=False, steps_per_execution=2)
    vae.evaluate(data, verbose=0, callbacks=[bar])
    assert bar.seen == [2, 3]


def test_endless_data_need_a_number_of_batches(grey):
    vae = small_vae()
    vae.compile(optimizer="sgd", jit_compile=False)
    endless = batches(grey).repeat()
    with pytest.raises(ValueError, match="Expected steps_per_epoch with endless x"):
        vae.fit(endless, verbose=0)
    with pytest.raises(ValueError, match="Expected validation_steps with endless validation_data"):
        vae.fit(grey, validation_data=endless, verbose=0)
    with pytest.raises(ValueError, match="Expected steps with endless x"):
        vae.evaluate(endless, verbose=0)
    with pytest.raises(ValueError, match="Expected steps with endless x"):
        vae.predict(endless, verbose=0)
    vae.fit(endless, steps_per_epoch=2, validation_data=endless, validation_steps=1, verbose=0)
    assert len(vae.predict(endless, steps=2, verbose=0)) == 32


def test_array_methods_say_that_streams_are_for_fit(scorer, grey):
    for stream in (batches(grey), iter([grey])):
        with pytest.raises(ValueError, match="Streams of batches are for fit, evaluate and pred"):
            scorer.encode(stream)


@pytest.mark.parametrize("freq", [0, -1, 1.5, None])
def test_validation_freq_is_a_number_of_epochs(scorer, grey, freq):
    with pytest.raises(ValueError, match="Expected validation_freq to be a positive integer"):
        scorer.fit(grey, validation_data=grey, validation_freq=freq, verbose=0)


def test_a_callback_may_compile_the_model_anew_at_the_end(grey):
    class Anew(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.model.compile("sgd", jit_compile=False)

    vae = small_vae()
    vae.compile("adam", jit_compile=False)
    history = vae.fit(grey[:8], verbose=0, callbacks=[Anew()])
    assert len(history.history["loss"]) == 1
    assert isinstance(vae.optimizer, keras.optimizers.SGD)


def test_predict_on_batch_returns_the_structure_of_a_step_of_ones_own(grey):
    class Own(kvae.VAE):
        def predict_step(self, data):
            x = data[0] if isinstance(data, tuple) else data
            return {"x": x, "total": tf.reduce_sum(x)[tf.newaxis]}

    made = small_vae()
    vae = Own(made.encoder, made.posterior_layer, made.decoder, made.likelihood_layer)
    vae.compile("sgd", jit_compile=False)
    found = vae.predict_on_batch(grey[:3])
    np.testing.assert_array_equal(found["x"], grey[:3])
    assert found["total"].shape == (1,)


def test_logs_of_a_step_of_ones_own_may_have_the_names_of_kvae(grey):
    """Keras puts the metrics of these names in their place, which such a step does not feed."""
    logs = {"loss": 3.0, "nll": 2.0, "kl": 1.0, "elbo": -3.0, "kl_weight": 0.5}

    class Own(kvae.VAE):
        def train_step(self, data):
            return {name: tf.constant(value) for name, value in logs.items()}

        test_step = train_step

    made = small_vae()
    vae = Own(made.encoder, made.posterior_layer, made.decoder, made.likelihood_layer)
    vae.compile("sgd", jit_compile=False)
    found = vae.fit(grey[:32], batch_size=8, validation_data=grey[:16], verbose=0).history
    assert found == {name: [value] for name, value in logs.items()} | {
        f"val_{name}": [value] for name, value in logs.items()
    }
    assert vae.evaluate(grey[:16], verbose=0, return_dict=True) == logs


def test_a_subclass_makes_metrics_and_layers_before_the_model_is_built(grey):
    class Own(kvae.VAE):
        def __init__(self, *args, **kwargs):
            self.steps, self.dense = keras.metrics.Sum(name="steps"), keras.layers.Dense(1)
            super().__init__(*args, **kwargs)

        def train_step(self, data):
            self.steps.update_state(1.0)
            return super().train_step(data)

    made = small_vae()
    vae = Own(made.encoder, made.posterior_layer, made.decoder, made.likelihood_layer)
    vae.compile("sgd", jit_compile=False)
    assert vae.fit(grey[:32], batch_size=8, verbose=0).history["loss"][0] > 1.0
    assert float(vae.steps.result()) == 4.0
