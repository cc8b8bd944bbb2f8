"""The entrance for data: names, the one form of a batch, and sources of batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kvae.contract import Domain, InputSpec
from kvae.contract.failures import explained
from kvae.training.inputs import Inputs, TrainingData
from kvae.training.inputs.arrays import ArrayFeed

PLAIN = Inputs({"x": InputSpec((3,))})
CONDITIONAL = Inputs(
    {
        "x": InputSpec((3,)),
        "condition": InputSpec((2,), domain=Domain(0.0, 1.0)),
        "observed": InputSpec((3,), domain=Domain(0.0, 1.0, integer=True), required=False),
        "target": InputSpec((3,), required=False),
    }
)


@pytest.fixture
def x():
    return np.arange(60.0, dtype="float32").reshape(20, 3)


@pytest.fixture
def condition():
    return np.linspace(0.0, 1.0, 40, dtype="float32").reshape(20, 2)


def batches(dataset):
    return [tuple(np.asarray(part) for part in batch) for batch in dataset]


def test_batches_come_in_order_with_a_short_last_one(x):
    found = batches(PLAIN.source(x, batch_size=8))
    assert [len(batch[0]) for batch in found] == [8, 8, 4]
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in found]), x)


def test_every_example_comes_once_an_epoch_in_another_order(x):
    data = TrainingData.of(PLAIN, x, batch_size=8)
    first, second = (np.concatenate([batch[0] for batch in batches(data.x)]) for _ in range(2))
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(epoch[:, 0]), x[:, 0])
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, x)


def test_inputs_targets_and_weights_stay_with_their_examples(x, condition):
    weights = np.arange(20.0)
    data = TrainingData.of(CONDITIONAL, {"x": x, "condition": condition}, -x, weights, batch_size=8)
    for inputs, targets, weight in data.x:
        np.testing.assert_array_equal(targets, -inputs["x"])
        np.testing.assert_array_equal(weight * 3.0, inputs["x"][:, 0])
        np.testing.assert_allclose(inputs["condition"][:, 0] * 39, weight * 2.0, rtol=1e-6)
    for inputs, targets, _ in batches(PLAIN.source(x, sample_weight=weights, batch_size=8)):
        np.testing.assert_array_equal(targets, inputs)


def test_the_autotuner_is_off_in_every_pipeline(x):
    """With it on, Keras' fit can stand still for tens of seconds at an epoch's end."""
    own = tf.data.Dataset.from_tensor_slices(x).batch(8)
    for given in (x, own, Restartable(x)):
        assert PLAIN.source(given).options().autotune.enabled is False


class Restartable:
    """An iterable of batches that starts anew each time, as a data loader does."""

    def __init__(self, x, size=8):
        self.x, self.size, self.passes = x, size, 0

    def __len__(self):
        return -(-len(self.x) // self.size)

    def __iter__(self):
        self.passes += 1
        for start in range(0, len(self.x), self.size):
            yield self.x[start : start + self.size]


def test_an_iterable_starts_anew_in_each_epoch(x):
    dataset = PLAIN.source(Restartable(x.astype("float64")))
    assert dataset.cardinality() == 3
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate([batch[0] for batch in batches(dataset)]), x)


def test_a_generator_is_not_advanced_before_it_is_used(x):
    drawn = []

    def generate():
        drawn.append(1)
        yield x

    source = PLAIN.source(generate())
    assert not drawn
    (batch,) = next(source)
    np.testing.assert_array_equal(batch, x)


def test_a_pipeline_is_checked_by_shape_before_it_runs(x):
    def fails():
        raise AssertionError("the pipeline ran")
        yield x

    spec = tf.TensorSpec((None, 4), tf.float32)
    dataset = tf.data.Dataset.from_generator(fails, output_signature=spec)
    with pytest.raises(ValueError, match=r"Expected x to have shape \(batch, 3\)"):
        PLAIN.source(dataset)
    text = tf.data.Dataset.from_tensor_slices([["a", "b", "c"]]).batch(1)
    with pytest.raises(ValueError, match=r"Expected x to hold numbers. Received: string"):
        PLAIN.source(text)


def test_a_pipeline_of_unknown_shape_is_checked_when_it_runs(x):
    def source(x):
        spec = tf.TensorSpec(None, tf.float32)
        return PLAIN.source(
            tf.data.Dataset.from_generator(lambda: iter([x]), output_signature=spec)
        )

    message = r"shape \(batch, 3\)\. Received: shape \[20"
    for wrong in (x[:, :2], x[:, :, None]):
        with pytest.raises(ValueError, match=message), explained():
            batches(source(wrong))
    assert source(x).element_spec[0].shape == (None, 3)
    np.testing.assert_array_equal(batches(source(x))[0][0], x)


@pytest.mark.parametrize("kind", ["arrays", "tf.data", "generator", "PyDataset", "iterable"])
def test_every_source_gives_batches_of_one_form(x, condition, kind):
    given = {"x": x, "condition": condition, "observed": np.ones_like(x), "target": -x}
    weight = np.ones(20, "float32")
    structure = ({name: given[name] for name in given if name != "target"}, -x, weight)
    sources = {
        "arrays": lambda: CONDITIONAL.source(given, sample_weight=weight),
        "tf.data": lambda: CONDITIONAL.source(
            tf.data.Dataset.from_tensor_slices((given, None, weight)).batch(20)
        ),
        "generator": lambda: CONDITIONAL.source(iter([(given, None, weight)])),
        "PyDataset": lambda: CONDITIONAL.source(One((given, None, weight))),
        "iterable": lambda: CONDITIONAL.source(Listed([(given, None, weight)])),
    }
    found = next(iter(sources[kind]())) if kind != "PyDataset" else sources[kind]()[0]
    tf.nest.assert_same_structure(found, structure)
    for part, expected in zip(tf.nest.flatten(found), tf.nest.flatten(structure), strict=False):
        np.testing.assert_array_equal(np.asarray(part)[: len(expected)], expected[: len(part)])


class One(keras.utils.PyDataset):
    """One batch."""

    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch


class Listed:
    """An iterable that is neither a list nor an iterator."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


NAMES = {
    "missing": (lambda x, c: x, "'x', 'condition'", "'x'"),
    "unknown": (lambda x, c: {"x": x, "condition": c, "label": c}, "'x', 'condition'", "'label'"),
    "none": (lambda x, c: {}, "'x', 'condition'", "none"),
}


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize("kind", ["arrays", "tf.data", "generator", "PyDataset", "iterable"])
def test_names_that_are_unknown_or_missing_are_refused(x, condition, kind, case):
    make, expected, received = NAMES[case]
    given = make(x, condition)
    if kind == "tf.data" and case == "none":
        given, received = {"condition": condition}, "'condition'"  # tf.data holds no empty dict
    sources = {
        "arrays": lambda: CONDITIONAL.source(given),
        "tf.data": lambda: CONDITIONAL.source(tf.data.Dataset.from_tensor_slices(given).batch(5)),
        "generator": lambda: next(CONDITIONAL.source(iter([given]))),
        "PyDataset": lambda: CONDITIONAL.source(One(given))[0],
        "iterable": lambda: CONDITIONAL.source(Listed([given])),
    }
    with pytest.raises(ValueError, match=f"Expected inputs named {expected}.*Received.*{received}"):
        sources[kind]()


def test_how_to_give_several_inputs_is_said(x):
    message = r"Received: 'x'\. Give them by name: \{'x': \.\.\., 'condition': \.\.\.\}\."
    with pytest.raises(ValueError, match=message):
        CONDITIONAL.check(x)


def test_a_target_is_given_once(x, condition):
    with pytest.raises(ValueError, match="Expected the target once"):
        CONDITIONAL.check({"x": x, "condition": condition, "target": x}, -x)


def test_inputs_of_unequal_lengths_are_refused(x, condition):
    unequal = {"x": x, "condition": condition[:7]}
    with pytest.raises(ValueError, match=r"condition .* each of the 20 examples of x.*\(7, 2\)"):
        CONDITIONAL.check(unequal)
    dataset = tf.data.Dataset.from_tensors(unequal)
    message = r"condition .* of the 20 examples of x in a batch.* 7"
    with pytest.raises(ValueError, match=message), explained():
        batches(CONDITIONAL.source(dataset))


def test_a_condition_outside_its_domain_is_named(x, condition):
    given = {"x": x, "condition": condition + 1.0}
    message = r"condition to hold numbers in \[0, 1\].*\[1, 2\]"
    with pytest.raises(ValueError, match=message):
        CONDITIONAL.check(given)
    with pytest.raises(ValueError, match=message), explained():
        list(CONDITIONAL.source(tf.data.Dataset.from_tensors(given)))


def test_x_is_checked_as_its_own_target_where_there_is_none(x):
    inputs = Inputs(
        {"x": InputSpec((3,)), "target": InputSpec((3,), domain=Domain(0.0, 9.0), required=False)}
    )
    inputs.check(x, x[:, :] * 0.1)
    for act in (inputs.check, inputs.check_x):
        with pytest.raises(ValueError, match=r"x to hold numbers in \[0, 9\].*\[0, 59\]"):
            act(x)


def test_a_target_is_asked_for_where_x_cannot_be_its_own(x):
    inputs = Inputs({"x": InputSpec((3,)), "target": InputSpec((5,), required=False)})
    with pytest.raises(ValueError, match=r"inputs named 'x', 'target'.*Received: 'x'"):
        inputs.check(x)
    np.testing.assert_array_equal(inputs.check_x(x), x)
    assert inputs.batch(x, np.zeros((20, 5)))[1].shape == (20, 5)


def test_a_batch_is_unpacked_as_tensors_by_name_in_the_models_dtype(x, condition):
    named = {"x": x.astype("uint8"), "condition": condition}
    for batch in ((named,), named, (named, -x), (named, -x, np.ones(20))):
        tensors, weight = CONDITIONAL.unpack(batch)
        assert set(tensors) == {"x", "condition", "target"}
        assert {tensor.dtype for tensor in tensors.values()} == {tf.float32}
        has_target = isinstance(batch, tuple) and len(batch) > 1
        np.testing.assert_array_equal(tensors["target"], -x if has_target else x)
        assert (weight is not None) == (isinstance(batch, tuple) and len(batch) == 3)


def test_arrays_given_twice_are_gathered_once(x, monkeypatch):

    gathered = []
    gather = ArrayFeed.gather
    monkeypatch.setattr(
        ArrayFeed,
        "gather",
        lambda self, batch: gathered.append(gather(self, batch)) or gathered[-1],
    )
    data = TrainingData.of(PLAIN, x, sample_weight=np.ones(20), validation_split=0.5)
    batches(data.x)
    assert len(gathered[0]) == 2  # x, which is the target too, and the weights


def test_targets_beside_a_stream_are_refused(x):
    dataset = tf.data.Dataset.from_tensors(x)
    for y, weight in ((x, None), (None, np.ones(20))):
        with pytest.raises(ValueError, match=r"part of the batches.*Received: x of type"):
            PLAIN.source(dataset, y, weight)


@pytest.mark.parametrize("given", ["file.npy", 3.0, None, object()])
def test_what_is_no_data_is_refused(given):
    with pytest.raises(ValueError, match=r"Expected .*x.* Received:|inputs named 'x'"):
        PLAIN.source(given)


def test_a_distributed_dataset_is_refused(x):
    dataset = tf.data.Dataset.from_tensors(x)
    distributed = tf.distribute.MirroredStrategy(["CPU:0"]).experimental_distribute_dataset(dataset)
    with pytest.raises(ValueError, match=r"Dataset itself, which fit distributes. Received"):
        PLAIN.source(distributed)


def test_the_same_sizes_tell_the_same_run(x):
    data = TrainingData.of(PLAIN, x, batch_size=8, shuffle=False)
    assert data.sizes == {"batches": 3, "batch_size": 8, "examples": 20, "shuffle": False}
    dataset = tf.data.Dataset.from_tensor_slices(x).batch(8)
    assert TrainingData.of(PLAIN, dataset).sizes == {"batches": 3}
    assert TrainingData.of(PLAIN, dataset.repeat()).sizes == {"batches": None}
    assert TrainingData.of(PLAIN, dataset.repeat(), steps_per_epoch=7).sizes == {"batches": 7}
    assert TrainingData.of(PLAIN, One(x)).sizes == {"batches": 1}
    assert TrainingData.of(PLAIN, iter([x])).sizes == {"batches": None}
