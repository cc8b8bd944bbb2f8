"""Wrong batches and weights are refused, whatever form the data have and wherever they are passed.

The first batches are valid, so that what is wrong comes in the middle of a run.
"""

import numpy as np
import pytest
import tensorflow as tf

from tests.models.streams import STREAMS
from tests.small import make_vae

EVENT = (8, 8, 1)
FORMS = ["arrays", *STREAMS]
WEIGHTED_METHODS = ["fit", "evaluate", "validation_data"]
METHODS = [*WEIGHTED_METHODS, "predict"]


def cases(kinds, methods):
    """Return one NaN in every form to every method; the other kinds in three forms to `fit`."""
    return [
        (kind, form, method)
        for kind in kinds
        for form in FORMS
        for method in methods
        if kind == "one NaN" or (method == "fit" and form in ("arrays", "tf.data", "generator"))
    ]


@pytest.fixture(scope="module")
def vae():
    model = make_vae()
    model.compile(optimizer="adam", run_eagerly=True)
    return model


@pytest.fixture(autouse=True)
def _weights_stay_finite(vae):
    yield
    assert all(np.all(np.isfinite(weight)) for weight in vae.get_weights())


def good(n=24):
    return np.random.default_rng(3).uniform(size=(n, *EVENT)).astype("float32")


def with_one(value):
    """Return valid images but for one pixel in the third batch."""
    x = good()
    x[20, 3, 4, 0] = value
    return x


BAD_DATA = {
    "8-bit pixels": (255.0 * good(), r"x to hold numbers in \[0, 1\].*values in \[.*, 25\d"),
    "one NaN": (with_one(np.nan), r"x to hold numbers in \[0, 1\].*NaN or infinite"),
    "one infinite": (with_one(np.inf), r"x to hold numbers in \[0, 1\].*NaN or infinite"),
    "one negative": (with_one(-0.5), r"x to hold numbers in \[0, 1\].*values in \[-0.5, "),
}


def passed_to(method, vae, form, *arrays):
    """Pass arrays in a form to a method."""
    make = STREAMS.get(form)
    if method == "validation_data":
        data = arrays if make is None else make(*arrays)
        return vae.fit(good(), validation_data=data, verbose=0)
    arguments = (make(*arrays),) if make is not None else arrays[:2]
    if make is None and len(arrays) == 3:
        return getattr(vae, method)(*arguments, sample_weight=arrays[2], verbose=0)
    return getattr(vae, method)(*arguments, verbose=0)


@pytest.mark.parametrize(("kind", "form", "method"), cases(BAD_DATA, METHODS))
def test_bad_values_are_refused(vae, kind, form, method):
    x, message = BAD_DATA[kind]
    with pytest.raises(ValueError, match=message):
        passed_to(method, vae, form, x)


@pytest.mark.parametrize("method", ["evaluate", "validation_data"])
@pytest.mark.parametrize("form", ["arrays", "tf.data", "generator"])
def test_bad_targets_are_refused(vae, form, method):
    with pytest.raises(ValueError, match=r"y to hold numbers in \[0, 1\].*NaN or infinite"):
        passed_to(method, vae, form, good(), with_one(np.nan))


@pytest.mark.parametrize("method", ["fit", "predict"])
@pytest.mark.parametrize("form", FORMS)
def test_bad_shapes_are_refused(vae, form, method):
    with pytest.raises(ValueError, match=r"shape \(batch, 8, 8, 1\).*Received.* 7, 8, 1"):
        passed_to(method, vae, form, good()[:, 1:])


def one_weight(value):
    weights = np.ones(24, "float32")
    weights[20] = value
    return weights


BAD_WEIGHTS = {
    "one NaN": (one_weight(np.nan), "NaN or infinite"),
    "one infinite": (one_weight(np.inf), "NaN or infinite"),
    "one negative": (one_weight(-1.0), r"in \[0, inf\]. Received: values in \[-1, 1\]"),
    "all zero": (np.zeros(24, "float32"), "a weight above 0.*only zeros"),
    "2-D": (np.ones((24, 1), "float32"), r"shape \((24|8|batch),\).*, 1\)"),
}


@pytest.mark.parametrize(("kind", "form", "method"), cases(BAD_WEIGHTS, WEIGHTED_METHODS))
def test_bad_weights_are_refused(vae, kind, form, method):
    weights, message = BAD_WEIGHTS[kind]
    with pytest.raises(ValueError, match=f"Expected sample_weight to .*{message}"):
        passed_to(method, vae, form, good(), good(), weights)


@pytest.mark.parametrize("kind", BAD_WEIGHTS)
def test_bad_weights_of_one_batch_are_refused(vae, kind):
    weights, message = BAD_WEIGHTS[kind]
    for method in (vae.train_on_batch, vae.test_on_batch):
        with pytest.raises(ValueError, match=f"Expected sample_weight to .*{message}"):
            method(good(), sample_weight=weights)


def test_a_mapped_file_of_weights_is_checked(vae, tmp_path):
    weights = np.memmap(tmp_path / "w", "float32", "w+", shape=(24,))
    weights[:] = one_weight(np.nan)
    x = np.memmap(tmp_path / "x", "float32", "w+", shape=(24, *EVENT))
    with pytest.raises(ValueError, match=r"sample_weight to .*NaN or infinite"):
        vae.fit(x, sample_weight=weights, verbose=0)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_generator_of_8_bit_pixels_does_not_train_a_compiled_model(jit_compile):
    """Loss was -2,035,051: the Bernoulli's logits grow without bound."""
    vae = make_vae()
    vae.compile(optimizer="adam", jit_compile=jit_compile)
    before = vae.get_weights()
    with pytest.raises(ValueError, match=r"x to hold numbers in \[0, 1\].*values in \["):
        vae.fit(STREAMS["generator"](255.0 * good()), verbose=0)
    for weight, expected in zip(vae.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize("form", STREAMS)
def test_an_empty_stream_is_refused(vae, form):
    empty = STREAMS[form](good(0))
    for method in (vae.fit, vae.evaluate, vae.predict):
        with pytest.raises(ValueError, match="Expected x to hold at least one batch"):
            method(empty, verbose=0)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_pipeline_that_turns_out_empty_is_refused(vae):
    empty = tf.data.Dataset.from_tensor_slices(good()).filter(lambda _: False).batch(8)
    with pytest.raises(ValueError, match="Expected x to hold at least one batch"):
        vae.fit(empty, verbose=0)
    scored = "Expected data with at least one batch to score"
    with pytest.raises(ValueError, match=scored):
        vae.evaluate(empty, verbose=0)
    with pytest.raises(ValueError, match=scored):
        vae.fit(good(), validation_data=empty, verbose=0)


@pytest.mark.parametrize("form", STREAMS)
def test_what_belongs_in_the_batches_is_refused_beside_them(vae, form):
    for arguments in ({"y": good()}, {"sample_weight": np.ones(24)}):
        with pytest.raises(ValueError, match="part of the batches"):
            vae.fit(STREAMS[form](good()), **arguments, verbose=0)
    with pytest.raises(ValueError, match="Expected validation_data where x is a stream"):
        vae.fit(STREAMS[form](good()), validation_split=0.5, verbose=0)


def steps_taken(model):
    return int(model.optimizer.iterations.value)


def some(count):
    return (good() for _ in range(count))


@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # Keras, at each end
def test_a_generator_that_would_be_read_again_is_refused_before_training(vae):
    """Keras trains the second epoch on the batches that it looked at to learn their shapes."""
    before = steps_taken(vae)
    with pytest.raises(
        ValueError, match="Expected x that can be read 3 times, such as a data loader"
    ):
        vae.fit(some(4), epochs=3, verbose=0)
    again = "Expected validation_data that can be read 2 times"
    with pytest.raises(ValueError, match=again):
        vae.fit(good(), validation_data=some(4), epochs=2, verbose=0)
    with pytest.raises(ValueError, match=again):
        vae.fit(good(), validation_data=some(4), epochs=4, validation_freq=2, verbose=0)
    with pytest.raises(ValueError, match=again):
        vae.fit(good(), validation_data=some(4), epochs=4, validation_freq=[1, 4, 5], verbose=0)
    assert steps_taken(vae) == before
    vae.fit(some(4), epochs=3, initial_epoch=2, verbose=0)
    vae.fit(good(), validation_data=some(4), epochs=3, validation_freq=[3], verbose=0)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("count", [6, 7])
def test_training_ends_with_the_batches_of_a_generator(vae, count):
    """An epoch without a batch would have a loss of 0, the best of all."""
    before = steps_taken(vae)
    history = vae.fit(some(count), steps_per_epoch=3, epochs=5, verbose=0).history
    assert len(history["loss"]) == -(-count // 3)
    assert min(history["loss"]) > 1.0
    assert steps_taken(vae) - before == count


def test_a_generator_is_drawn_from_as_keras_does(vae):
    """`steps_per_epoch` batches an epoch, in their order, and none before `fit` begins."""
    drawn = []

    def generate():
        for number in range(20):
            drawn.append(number)
            yield np.full((8, *EVENT), number / 20, "float32")

    source = generate()
    assert not drawn
    history = vae.fit(source, steps_per_epoch=3, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2
    assert drawn[:6] == list(range(6))
