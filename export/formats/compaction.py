"""What a converted `.tflite` file holds and does not need, left out.

The converter gives every tensor a buffer of its own, empty or not, and a description of its
quantization, empty or not; and names all of the thousand tensors of a training step. In a model of
some thousand weights that is a quarter of the file. Each signature has the scales of the int8
weights once more, a number for each unit or channel: in a wide layer more bytes than the weights.
And its writer aligns the weights to 4 bytes, where the format asks for 16.
"""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from .transposition import share_transposed

__all__ = ["compacted"]

IDENTIFIER = b"TFL3"
ALIGNMENT = 16  # `force_align` of Buffer.data in the schema


class _Aligned(schema.BufferT):
    """A buffer whose bytes start at a multiple of `ALIGNMENT`."""

    def Pack(self, builder: Any) -> int:  # noqa: N802, the name in flatbuffers
        builder.Prep(ALIGNMENT, len(self.data))
        return super().Pack(builder)


class _Once(schema.QuantizationParametersT):
    """A quantization that several tensors have, written once: a table may be referred to often."""

    _place: int | None = None

    def Pack(self, builder: Any) -> int:  # noqa: N802
        place = super().Pack(builder) if self._place is None else self._place
        self._place = place
        return place


def compacted(content: bytes, training: tuple[str, ...] = ()) -> bytes:
    """Return a `.tflite` file that computes the same and is smaller.

    Outputs keep their bits, those of `training` aside: a product with a kernel that the step
    transposes is another routine of LiteRT, whose sums differ in the last digit of float32.

    Args:
        content: the file.
        training: signatures that train. Their inner tensors lose their names; elsewhere they stay:
            tools that draw or profile a model show them. And they use the weights of the others
            where they need them transposed.
    """
    # Typed as a generated class whose every field may be None.
    model: Any = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    _take_in(model, content)
    without = {s.subgraphIndex for s in model.signatureDefs if s.signatureKey.decode() in training}
    for index in without:
        share_transposed(model, index)
    for index, graph in enumerate(model.subgraphs):
        outer = {*graph.inputs, *graph.outputs}
        for number, tensor in enumerate(graph.tensors):
            if _is_empty(model.buffers[tensor.buffer]):
                tensor.buffer = 0  # the empty buffer of every file
            if _says_nothing(tensor.quantization):
                tensor.quantization = None
            if index in without and number not in outer:
                tensor.name = None
    _share_quantizations(model)
    _drop_unused(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def _take_in(model: Any, content: bytes) -> None:
    """Read the buffers whose bytes stand behind the model, where ai-edge-quantizer puts some."""
    for buffer in model.buffers:
        if buffer.offset > 1:  # 1 marks a buffer that a writer has not placed yet
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0


def _is_empty(buffer: Any) -> bool:
    return buffer.data is None or not len(buffer.data)


def _says_nothing(quantization: Any) -> bool:
    """Return whether a tensor is not quantized and has no recorded range."""
    return quantization is not None and not any(
        value is not None and len(value)
        for value in (quantization.scale, quantization.min, quantization.max)
    )


def _share_quantizations(model: Any) -> None:
    """Give tensors of equal quantizations one object."""
    known: dict[tuple[Any, ...], _Once] = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            found = tensor.quantization
            if found is None or found.details is not None:
                continue
            lists = (found.min, found.max, found.scale, found.zeroPoint)
            key = (found.quantizedDimension, *(_bytes(each) for each in lists))
            tensor.quantization = known.setdefault(key, _Once(**vars(found)))


def _bytes(numbers: Any) -> bytes | None:
    return None if numbers is None else np.asarray(numbers).tobytes()


def _drop_unused(model: Any) -> None:
    """Leave out the buffers that nothing refers to, and align the others."""
    users = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    users += model.metadata or []
    used = sorted({0, *(user.buffer for user in users)})
    place = {old: new for new, old in enumerate(used)}
    for user in users:
        user.buffer = place[user.buffer]
    kept = [model.buffers[index] for index in used]
    model.buffers = [each if _is_empty(each) else _Aligned(each.data) for each in kept]
