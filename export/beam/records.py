"""TensorFlow's records of examples as Arrow tables, without TensorFlow.

A TFRecord file usually holds `tf.train.Example` messages: named features, each a list of floats, of
integers or of bytes. Their layout has not changed since 2015, so it is written down here, and a
worker that reads them needs protobuf alone.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any

import pyarrow as pa
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["table_of_examples"]

LISTS = (("bytes_list", "TYPE_BYTES"), ("float_list", "TYPE_FLOAT"), ("int64_list", "TYPE_INT64"))


def table_of_examples(records: Sequence[tuple[str, bytes]], schema: Any) -> Any:
    """Return the features of examples as a table of the columns of a schema.

    Args:
        records: pairs of the file it comes from and a serialized `tf.train.Example`.
        schema: `pyarrow.Schema`, a field for each feature wanted: a number, string or binary, or a
            list of them; a fixed-size list asks for that many values.

    Raises:
        ValueError: If a record is no example, lacks a feature, or has another kind or number of
            values in it.

    Example:
        >>> import pyarrow as pa
        >>> from kvae.export.beam.records import table_of_examples
        >>> example = tf.train.Example()
        >>> example.features.feature["x"].float_list.value.extend([0.25, 0.5])
        >>> example.features.feature["id"].int64_list.value.append(7)
        >>> record = example.SerializeToString()
        >>> schema = pa.schema({"id": pa.int64(), "x": pa.list_(pa.float32(), 2)})
        >>> table_of_examples([("rows.tfrecord", record)], schema).to_pylist()
        [{'id': 7, 'x': [0.25, 0.5]}]
    """
    examples = [(path, _parsed(path, record)) for path, record in records]
    columns = [_column(examples, field) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(examples: Sequence[tuple[str, Any]], field: Any) -> Any:
    """Return one feature of every example as an Arrow array of the field's type."""
    kind = field.type
    listed = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)
    size = None if pa.types.is_list(kind) else kind.list_size if listed else 1
    rows: list[Any] = []
    for path, features in examples:
        if field.name not in features:
            raise ValueError(
                f"Expected a feature {field.name!r} in every example. Received: an example of "
                f"{path} with {sorted(features)}"
            )
        values = _values(features[field.name])
        if size is not None and len(values) != size:
            raise ValueError(
                f"Expected the feature {field.name!r} of every example to have {size} values. "
                f"Received: {len(values)}, in an example of {path} with {_told(features)}"
            )
        rows.append(values)
    flat = _array(chain.from_iterable(rows), kind.value_type if listed else kind, field.name)
    if not listed:
        return flat
    if size is not None:
        return pa.FixedSizeListArray.from_arrays(flat, type=kind)
    offsets = [0]
    for values in rows:
        offsets.append(offsets[-1] + len(values))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat, type=kind)


def _array(values: Iterable[Any], kind: Any, name: str) -> Any:
    try:
        return pa.array(list(values), kind)
    except pa.ArrowException as error:
        raise ValueError(
            f"Expected the feature {name!r} to hold values of {kind}. Received: {error}"
        ) from None


def _parsed(path: str, record: bytes) -> Any:
    """Return the features of a serialized example by name."""
    try:
        return _message().FromString(record).features.feature
    except Exception as error:  # the class differs between protobuf's implementations
        raise ValueError(
            f"Expected records that are tf.train.Example messages in {path}. Received: {error}"
        ) from None


def _values(feature: Any) -> Sequence[Any]:
    kind = feature.WhichOneof("kind")
    return getattr(feature, kind).value if kind else []


def _told(features: Any) -> str:
    """Say what an example holds, for people to find it by: its features of one value."""
    single = {name: _values(feature) for name, feature in sorted(features.items())}
    return ", ".join(f"{k}={v[0]!r:.40}" for k, v in single.items() if len(v) == 1) or "no name"


@cache
def _message() -> Any:
    """Return the class of tensorflow.Example, in a pool of its own.

    TensorFlow registers the same names in protobuf's common pool, where they may stand only once.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name="example.proto", package="tensorflow", syntax="proto3"
    )
    field = descriptor_pb2.FieldDescriptorProto
    feature = descriptor_pb2.DescriptorProto(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, (name, kind) in enumerate(LISTS, 1):
        title = name.title().replace("_", "")
        values = file.message_type.add(name=title)
        values.field.add(name="value", number=1, label=field.LABEL_REPEATED, type=kind)
        feature.field.add(
            name=name,
            number=number,
            label=field.LABEL_OPTIONAL,
            type=field.TYPE_MESSAGE,
            type_name=f".tensorflow.{title}",
            oneof_index=0,
        )
    file.message_type.append(feature)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=field.LABEL_OPTIONAL, type=field.TYPE_STRING)
    kinds = {"label": field.LABEL_OPTIONAL, "type": field.TYPE_MESSAGE}
    entry.field.add(name="value", number=2, type_name=".tensorflow.Feature", **kinds)
    kinds["label"] = field.LABEL_REPEATED
    features.field.add(
        name="feature", number=1, type_name=".tensorflow.Features.FeatureEntry", **kinds
    )
    example = file.message_type.add(name="Example")
    kinds["label"] = field.LABEL_OPTIONAL
    example.field.add(name="features", number=1, type_name=".tensorflow.Features", **kinds)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))
