"""The values of the schedules, in eager and graph mode, and the step that drives them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kvae
from kvae.regularizers import schedules
from tests.penalties import penalty
from tests.small import narrow

STEPS = 400

# Each schedule beside the same function in NumPy, for start 0.2 and end 1.5.
CASES = {
    "constant": (schedules.Constant(0.7), lambda t: 0.7 + 0.0 * t),
    "linear": (schedules.Linear(STEPS, 0.2, 1.5), lambda t: 0.2 + 1.3 * t / STEPS),
    "falling": (schedules.Linear(STEPS, 1.5, 0.2), lambda t: 1.5 - 1.3 * t / STEPS),
    "cosine": (
        schedules.Cosine(STEPS, 0.2, 1.5),
        lambda t: 0.2 + 1.3 * np.sin(0.5 * np.pi * t / STEPS) ** 2,
    ),
    "sigmoid": (
        schedules.Sigmoid(STEPS, 0.2, 1.5, steepness=8.0),
        lambda t: 0.2 + 1.3 * 0.5 * (1.0 + np.tanh(4.0 * (t / STEPS - 0.5)) / np.tanh(2.0)),
    ),
    "cyclical": (
        schedules.Cyclical(period=100, cycles=4, ratio=0.5, start=0.2, end=1.5),
        lambda t: np.where(
            t >= 350, 1.5, 0.2 + 1.3 * np.interp(t % 100, [0, 50, 100], [0.0, 1.0, 1.0])
        ),
    ),
}
every_schedule = pytest.mark.parametrize(("schedule", "expected"), CASES.values(), ids=CASES)


@every_schedule
@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_values_follow_the_formula_and_then_stay(schedule, expected, mode):
    function = schedule
    if mode != "eager":
        function = tf.function(
            lambda step: schedule(step), jit_compile=mode == "xla", autograph=False
        )
    steps = np.array([0, 1, 49, 50, 99, 100, 150, 250, 349, 350, 399, STEPS])
    found = [float(function(tf.constant(step, tf.int64))) for step in steps]
    # Six digits: a float32 cosine or hyperbolic tangent of a number below four.
    np.testing.assert_allclose(found, expected(steps), atol=1e-6)
    for late in (STEPS + 1, 10**12):
        assert float(function(tf.constant(late, tf.int64))) == pytest.approx(
            expected(np.array(STEPS)), abs=1e-6
        )


@every_schedule
def test_config_makes_the_same_schedule_again(schedule, expected):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert again == schedule
    assert repr(again) == repr(schedule)


def test_steps_are_counted_in_whole_numbers():
    """2^25 - 3 is no float32: a schedule that cast the step first would stand still."""
    cyclical = schedules.Cyclical(period=2, cycles=2**24, ratio=1.0)
    assert [float(cyclical(2**25 - 4 + step)) for step in (0, 1)] == [0.0, 0.5]


def test_steps_says_when_the_end_is_reached():
    assert schedules.Constant(1.0).steps == 0
    assert schedules.Linear(30).steps == 30
    cyclical = schedules.Cyclical(period=10, cycles=3, ratio=0.25)
    assert cyclical.steps == 23  # 20 and the rise of 2.5, rounded up
    assert float(cyclical(22)) < 1.0
    assert float(cyclical(23)) == 1.0


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: schedules.Linear(0), "steps"),
        (lambda: schedules.Linear(2.5), "steps"),
        (lambda: schedules.Linear(10, start=-1.0), "start"),
        (lambda: schedules.Cosine(10, end=float("nan")), "end"),
        (lambda: schedules.Sigmoid(10, steepness=0.0), "steepness"),
        (lambda: schedules.Cyclical(0), "period"),
        (lambda: schedules.Cyclical(10, cycles=0), "cycles"),
        (lambda: schedules.Cyclical(10, ratio=1.5), "ratio"),
        (lambda: schedules.Constant("much"), "value"),
        (lambda: kvae.regularizers.TotalCorrelation(10, weight="beta"), "weight"),
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=rf"Expected {name} .*Received: {name}="):
        make()


def test_a_scheduled_penalty_asks_for_the_step():
    kl = kvae.regularizers.KLDivergenceRegularizer(
        kvae.priors.StandardNormal(2), weight=schedules.Linear(10)
    )
    posterior = kvae.layers.MultivariateNormalDiag(2).distribution(np.zeros((1, 4)))
    with pytest.raises(ValueError, match="Expected step"):
        penalty(kl, posterior, posterior.mean())


def scheduled_vae(make_vae, schedule, **compile_arguments):
    vae = make_vae(weight=schedule)
    vae.compile(optimizer=keras.optimizers.Adam(1e-3), **compile_arguments)
    return vae


@pytest.mark.parametrize(
    "compile_arguments",
    [{}, {"steps_per_execution": 4}, {"jit_compile": True}, {"run_eagerly": True}],
    ids=["graph", "steps_per_execution", "xla", "eager"],
)
def test_fit_drives_the_weight_batch_by_batch(make_vae, grey, compile_arguments):
    vae = scheduled_vae(make_vae, schedules.Linear(10), **compile_arguments)
    history = vae.fit(grey[:32], batch_size=4, epochs=2, verbose=0).history
    # Steps 0..7 of the first epoch, 8 and 9, then six at the end in the second.
    np.testing.assert_allclose(history["kl_weight"], [0.35, (0.8 + 0.9 + 6.0) / 8], rtol=1e-6)
    assert int(vae.posterior_layer.step()) == 16


def test_the_loss_uses_the_weight_of_the_step(make_vae, grey):
    vae = narrow(scheduled_vae(make_vae, schedules.Linear(4, 0.5, 2.5)))
    for weight in (0.5, 1.0, 1.5, 2.0, 2.5, 2.5):
        logs = vae.train_on_batch(grey[:8], return_dict=True)
        vae.reset_metrics()
        assert logs["kl_weight"] == pytest.approx(weight)
        assert logs["loss"] == pytest.approx(logs["nll"] + weight * logs["kl"], rel=1e-5)


def called_three_times(posterior, kind):
    """Return a functional model that calls a posterior layer three times, and data for it."""
    x = np.random.default_rng(0).normal(size=(16, 3, 4)).astype("float32")
    inputs = keras.Input((3, 4))
    if kind == "TimeDistributed":
        z = keras.layers.TimeDistributed(posterior)(inputs)
    else:
        z = keras.layers.add([posterior(inputs[:, i]) for i in range(3)])
    return keras.Model(inputs, keras.layers.Dense(1)(z)), x


@pytest.mark.parametrize("kind", ["shared", "TimeDistributed"])
@pytest.mark.parametrize(
    "compile_arguments",
    [{}, {"steps_per_execution": 2}, {"jit_compile": True}, {"run_eagerly": True}],
    ids=["graph", "steps_per_execution", "xla", "eager"],
)
def test_a_layer_that_a_model_calls_several_times_counts_each_step_once(kind, compile_arguments):
    kl = kvae.regularizers.KLDivergenceRegularizer(
        kvae.priors.StandardNormal(2), weight=schedules.Linear(10)
    )
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    model, x = called_three_times(posterior, kind)
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(0.0), **compile_arguments)
    y = np.zeros((16, 3, 1) if kind == "TimeDistributed" else (16, 1))
    model.fit(x, y, batch_size=4, verbose=0)
    assert int(posterior.step()) == 4
    model.evaluate(x, y, verbose=0)
    assert int(posterior.step()) == 4
    for step in (4, 5):  # all calls of a step have its weight
        model(x, training=True)
        losses = [float(loss) for loss in posterior.losses]
        each = [
            posterior.distribution(x[:, i]).kl_divergence(kl.prior.distribution()) for i in range(3)
        ]
        np.testing.assert_allclose(losses, 0.1 * step * np.mean(each, axis=1), rtol=1e-5)
    assert int(posterior.step()) == 6


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_layer_that_is_called_for_its_point_and_in_training_counts_one_step(run_eagerly):
    class Both(keras.Model):
        def __init__(self, posterior):
            super().__init__()
            self.posterior, self.dense = posterior, keras.layers.Dense(4)

        def call(self, x, training=None):
            params = self.dense(x)
            point = self.posterior(params, training=False)
            return point + self.posterior(params, training=training)

    kl = kvae.regularizers.KLDivergenceRegularizer(
        kvae.priors.StandardNormal(2), weight=schedules.Linear(10)
    )
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
    model, x = Both(posterior), np.zeros((16, 3), "float32")
    model.compile("sgd", loss="mse", run_eagerly=run_eagerly)
    for epochs in (1, 2):
        model.fit(x, np.zeros((16, 2)), batch_size=4, verbose=0)
        assert int(posterior.step()) == 4 * epochs


def test_evaluation_does_not_count_as_training(make_vae, grey):
    vae = scheduled_vae(make_vae, schedules.Linear(10))
    with pytest.warns(UserWarning, match="Training ended after 3 steps"):
        vae.fit(grey[:12], batch_size=4, verbose=0, validation_data=grey)
    assert int(vae.posterior_layer.step()) == 3
    assert vae.evaluate(grey, verbose=0, return_dict=True)["kl_weight"] == pytest.approx(0.3)
    assert int(vae.posterior_layer.step()) == 3


def test_a_loaded_model_goes_on_where_it_was(make_vae, grey, tmp_path):
    vae = scheduled_vae(make_vae, schedules.Cosine(100))
    with pytest.warns(UserWarning, match=r"after 5 steps \(batches\), 95 before the schedules"):
        vae.fit(grey[:20], batch_size=4, verbose=0)
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    assert int(again.posterior_layer.step()) == 5
    with pytest.warns(UserWarning, match=r"after 6 steps \(batches\), 94 before the schedules"):
        logs = again.fit(grey[:4], batch_size=4, verbose=0).history
    assert logs["kl_weight"][0] == pytest.approx(np.sin(0.5 * np.pi * 0.05) ** 2, rel=1e-4)


def test_steps_left_tells_how_far_training_fell_short():
    kl = kvae.regularizers.KLDivergenceRegularizer(
        kvae.priors.StandardNormal(2), weight=schedules.Linear(30)
    )
    total = kl + kvae.regularizers.TotalCorrelation(100, schedules.Cosine(50))
    assert kl.steps_left(10) == 20
    assert total.steps_left(10) == 40
    assert total.steps_left(tf.constant(50, tf.int64)) == 0
    assert total.steps_left(60) == 0
    assert kvae.regularizers.TotalCorrelation(100).steps_left(0) == 0
