"""`nats_per_element`, computed in float16 as a GPU computes it (google-ai-edge/LiteRT#9249)."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

import kvae
from kvae.layers.event_mean import LONGEST, event_mean
from tests.small import make_vae

PICTURE = (128, 128, 3)
FLOAT, HALF = tf.float32.as_datatype_enum, tf.float16.as_datatype_enum


def in_half_precision(concrete, x):
    """Return the outputs of a traced function whose every float32 is a float16.

    A mean becomes a sum in float16 and a division, the least that a device can do.
    """
    frozen = convert_variables_to_constants_v2(concrete)
    source, target = frozen.graph.as_graph_def(), tf.compat.v1.GraphDef()
    for node in source.node:
        new = target.node.add()
        new.CopyFrom(node)
        for attribute in new.attr.values():
            if attribute.type == FLOAT:
                attribute.type = HALF
            types = [HALF if each == FLOAT else each for each in attribute.list.type]
            if types:
                attribute.list.type[:] = types
            if attribute.tensor.dtype == FLOAT:
                value = tf.make_ndarray(attribute.tensor)
                half = np.clip(value, -65504, 65504).astype("float16")
                attribute.tensor.CopyFrom(tf.make_tensor_proto(half))
        if node.op == "Mean":
            operation = frozen.graph.get_operation_by_name(node.name)
            before, after = operation.inputs[0].shape, operation.outputs[0].shape
            share = np.float16(before.num_elements() / after.num_elements())
            new.op, new.name = "Sum", f"{node.name}/sum"
            count = target.node.add(op="Const", name=f"{node.name}/count")
            count.attr["dtype"].type = HALF
            count.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(share))
            quotient = target.node.add(op="RealDiv", name=node.name)
            quotient.input.extend([new.name, count.name])
            quotient.attr["T"].type = HALF
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(target, name="")
        with tf.compat.v1.Session(graph=graph) as session:
            feed = {frozen.inputs[0].name: x.astype("float16")}
            names = [tensor.name for tensor in frozen.outputs]
            values = session.run(names, feed)
    return dict(zip(sorted(concrete.structured_outputs), values, strict=True))


def test_the_nats_per_element_of_a_picture_fit_into_half_precision(rng):
    keras.utils.set_random_seed(0)
    vae = make_vae(PICTURE, likelihood=kvae.layers.IndependentNormal(PICTURE), networks="conv")
    x = rng.normal(0.0, 2.0, size=(2, *PICTURE)).astype("float32")
    spec = tf.TensorSpec(x.shape, tf.float32)
    traced = tf.function(vae.tensor_functions()["score"], autograph=False)
    found = in_half_precision(traced.get_concrete_function(spec), x)
    expected = vae.score(x, terms=True)
    assert np.all(np.isinf(found["score"])), "else half precision would do for the sum too"
    assert np.all(expected["score"] > 65504)
    np.testing.assert_allclose(found["nats_per_element"], expected["nats_per_element"], rtol=5e-3)


@pytest.mark.parametrize(
    "likelihood",
    [
        kvae.layers.IndependentBernoulli((4, 3)),
        kvae.layers.MultivariateNormalDiag(12),  # its elements are not taken apart
        kvae.layers.Columns([kvae.layers.IndependentNormal(()) for _ in range(12)]),
        kvae.layers.Transformed(
            kvae.layers.IndependentNormal(12),
            kvae.transforms.Standardization(mean=1.0, stddev=3.0),
        ),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_nats_per_element_are_the_score_over_the_number_of_elements(likelihood, rng):
    keras.utils.set_random_seed(0)
    vae = make_vae(likelihood.event_shape, likelihood=likelihood)
    x = rng.uniform(size=(5, *likelihood.event_shape)).astype("float32")
    found = vae.score(x, terms=True)
    np.testing.assert_allclose(found["nats_per_element"], found["score"] / 12, rtol=1e-5)


def test_elements_that_are_not_observed_count_as_zero(rng):
    keras.utils.set_random_seed(0)
    vae = make_vae((6,), likelihood=kvae.layers.IndependentNormal(6))
    x = rng.normal(size=(5, 6)).astype("float32")
    found = vae.score({"x": x, "observed": rng.uniform(size=x.shape) < 0.5}, terms=True)
    np.testing.assert_allclose(found["nats_per_element"], found["score"] / 6, rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (LONGEST,), (LONGEST + 1,), (49_157,), (3, 300)])
def test_a_mean_over_an_event_is_the_mean(shape, rng):
    values = rng.normal(size=(2, *shape))
    found = event_mean(tf.constant(values), len(shape))
    np.testing.assert_allclose(found, values.reshape(2, -1).mean(axis=1), rtol=1e-10)


@pytest.mark.parametrize("shape", [(49_157,), (256, 256, 3), (200_000,)])
def test_no_sum_of_the_mean_exceeds_half_precision(shape):
    """Every mean is over LONGEST numbers at most."""
    function = tf.function(lambda values: event_mean(values, len(shape)), autograph=False)
    graph = function.get_concrete_function(tf.TensorSpec((1, *shape))).graph
    sizes = [
        operation.inputs[0].shape.num_elements() / operation.outputs[0].shape.num_elements()
        for operation in graph.get_operations()
        if operation.type == "Mean"
    ]
    assert sizes
    assert max(sizes) <= LONGEST
