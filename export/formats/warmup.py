"""Requests that TensorFlow Serving replays before a new version takes traffic.

The first call of each signature is slow, because TensorFlow then places and optimizes its graph. A
server that finds the file `assets.extra/tf_serving_warmup_requests` in a SavedModel sends what is
in it through the model first. The file is a TFRecord of `tensorflow.serving.PredictionLog`
messages. All their fields are bytes with a length in front, which is little enough to write here
and spares the package `tensorflow-serving-api`; the tests read it back with that package.

References:
    SavedModel Warmup, TensorFlow Serving, https://www.tensorflow.org/tfx/serving/saved_model_warmup
    Encoding, Protocol Buffers, https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

__all__ = ["FILE", "prediction_log", "write_warmup"]

FILE = "assets.extra/tf_serving_warmup_requests"

# Field numbers in tensorflow_serving/apis: prediction_log.proto, predict.proto and model.proto.
PREDICT_LOG, REQUEST = 6, 1
MODEL_SPEC, INPUTS = 1, 2
SIGNATURE_NAME = 3
MAP_KEY, MAP_VALUE = 1, 2
LENGTH_DELIMITED = 2


def write_warmup(saved_model: Path, requests: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write one warm-up request for each signature into the folder of a SavedModel.

    Args:
        saved_model: folder of the SavedModel.
        requests: inputs by name, by signature; arrays (rows, ...).

    Example:
        >>> from kvae.export.formats.warmup import FILE, write_warmup
        >>> write_warmup(folder, {"decode": {"z": np.zeros((1, 2), np.float32)}})
        >>> (folder / FILE).is_file()
        True
    """
    path = saved_model / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests.items():
            writer.write(prediction_log(signature, inputs))


def prediction_log(signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    r"""Return a serialized `tensorflow.serving.PredictionLog` that holds one request.

    The name of the model stays empty: it is the server's to give.

    Args:
        signature: name of the signature to call.
        inputs: its inputs by name.

    Example:
        >>> from kvae.export.formats.warmup import prediction_log
        >>> prediction_log("f", {})
        b'2\x07\n\x05\n\x03\x1a\x01f'
    """
    request = _field(MODEL_SPEC, _field(SIGNATURE_NAME, signature.encode()))
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(INPUTS, _field(MAP_KEY, name.encode()) + _field(MAP_VALUE, tensor))
    return _field(PREDICT_LOG, _field(REQUEST, request))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | LENGTH_DELIMITED]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Return base-128 digits, the lowest first, with the top bit set on all but the last."""
    digits = []
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
