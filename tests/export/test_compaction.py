"""What a file holds and does not need is left out."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

import kvae
from kvae.export.conversion.graph import Graph
from kvae.export.formats.compaction import compacted
from kvae.export.formats.quantization import quantized
from tests.small import make_vae

SIGNATURES = ["encode", "score"]


def model_of(content):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def offsets(content):
    """Return where the content of each buffer that has one begins in the file."""
    model, start = schema.Model.GetRootAs(content, 0), np.frombuffer(content, np.uint8)
    found = []
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer.DataLength():
            first = buffer.DataAsNumpy().__array_interface__["data"][0]
            found.append(first - start.__array_interface__["data"][0])
    return found


@pytest.fixture(scope="module")
def converted():
    """A file as the converter writes it."""
    with Graph(make_vae(), SIGNATURES, [1]) as graph:
        return graph.float32


def test_the_file_is_smaller_and_computes_the_same(converted):
    smaller = compacted(converted)
    assert len(smaller) < 0.97 * len(converted)
    x = np.random.default_rng(0).integers(0, 2, (1, 8, 8, 1)).astype("float32")
    for name in SIGNATURES:
        old, new = (
            Interpreter(model_content=content).get_signature_runner(name)(x=x)
            for content in (converted, smaller)
        )
        for key, value in old.items():
            np.testing.assert_array_equal(new[key], value)


def test_weights_stand_at_multiples_of_sixteen_bytes(converted):
    smaller = compacted(converted)
    assert any(offset % 16 for offset in offsets(converted))
    assert offsets(smaller)
    assert not any(offset % 16 for offset in offsets(smaller))


def test_no_buffer_is_empty_but_the_first_and_none_is_unused(converted):
    model = model_of(compacted(converted))
    users = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    users += model.metadata
    assert {user.buffer for user in users} | {0} == set(range(len(model.buffers)))
    assert [index for index, each in enumerate(model.buffers) if each.data is None] == [0]


def test_the_named_signatures_alone_lose_the_names_inside(converted):
    model = model_of(compacted(converted, ("encode",)))
    index = {each.signatureKey.decode(): each.subgraphIndex for each in model.signatureDefs}
    for name, graph in ((name, model.subgraphs[index[name]]) for name in SIGNATURES):
        outer = {*graph.inputs, *graph.outputs}
        inner = [each for number, each in enumerate(graph.tensors) if number not in outer]
        assert all(graph.tensors[number].name for number in outer)
        assert all(bool(each.name) == (name == "score") for each in inner)


def test_weights_that_stand_behind_the_model_are_taken_in():
    """As ai-edge-quantizer writes a file from 256 kB on."""
    shape = (144, 144, 1)
    with Graph(make_vae(shape), ["encode"], [1]) as graph:
        content = quantized(graph.float32, "int8-weights", graph.module.weight_sizes)
    smaller = compacted(content)
    assert any(buffer.offset > 1 for buffer in model_of(content).buffers)
    assert not any(buffer.offset for buffer in model_of(smaller).buffers)
    assert not any(offset % 16 for offset in offsets(smaller))
    x = np.random.default_rng(0).integers(0, 2, (1, *shape)).astype("float32")
    old, new = (
        Interpreter(model_content=each).get_signature_runner("encode")(x=x)
        for each in (content, smaller)
    )
    for key, value in old.items():
        np.testing.assert_array_equal(new[key], value)


def test_the_scales_of_weights_are_held_once_for_all_signatures():
    """Those of a wide layer are more bytes than its int8 weights."""
    shape, names = (40, 40, 1), ["decode", "score", "reconstruct"]
    with Graph(make_vae(shape), names, [1]) as graph:
        content = quantized(graph.float32, "int8-weights", graph.module.weight_sizes)
    smaller = compacted(content)
    scales = [
        tensor.quantization.scale.tobytes()
        for subgraph in model_of(smaller).subgraphs
        for tensor in subgraph.tensors
        if tensor.quantization is not None and len(tensor.quantization.scale) >= 1600
    ]
    assert len(scales) >= len(names)  # a wide layer in each signature
    assert all(smaller.count(each) == 1 < content.count(each) for each in set(scales))
    x = np.eye(40, dtype="float32").reshape(1, *shape)
    for name in names:
        inputs = {"z": np.float32([[0.3, -1.2]])} if name == "decode" else {"x": x}
        old, new = (
            Interpreter(model_content=each).get_signature_runner(name)(**inputs)
            for each in (content, smaller)
        )
        for key, value in old.items():
            np.testing.assert_array_equal(new[key], value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "likelihood",
    [kvae.layers.ContinuousBernoulli, kvae.layers.IndependentNegativeBinomial],
)
def test_a_file_holds_no_constant_of_the_size_of_an_example(likelihood, tmp_path):
    """A polynomial that starts at a tensor of its last coefficient would leave that tensor."""
    shape = (10, 10, 1)
    vae = make_vae(shape, likelihood=likelihood(shape))
    result = kvae.export.tflite(
        vae,
        tmp_path / "score.tflite",
        signatures=["score"],
        data=np.random.default_rng(0).integers(0, 2, (8, *shape)).astype("float32"),
    )
    model = model_of(result.path.read_bytes())
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    held = [t for t in tensors if t.buffer and np.prod(t.shape, dtype=int) == 100]
    # The bias of the decoder's last layer may be one; it is not of the shape of an example.
    assert [list(tensor.shape) for tensor in held if len(tensor.shape) == 4] == []
