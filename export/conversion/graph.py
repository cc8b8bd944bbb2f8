"""The traced functions of a model, and the TFLite files that they become.

`tf.lite.TFLiteConverter` is deprecated upstream in favour of converters for other frameworks, yet
it is the only one that reads TensorFlow graphs: it is named in this module alone. Check before
replacing it: several signatures that share their weights, builtin operations only.
"""

import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from kvae.special_functions import builtin_only

from ..key import Key
from ..result import ExportError
from ..signatures import ExportModule, describe, find, trace
from ..training.functions import TrainingFunctions
from ..training.plan import Plan
from .operations import check_builtin, weights_read
from .phases import by_phases

__all__ = ["Graph"]


class Graph:
    """The signatures of a model, traced once and converted to float32 once.

    A context: files that the converter reads are removed when it ends.

    Args:
        vae: the built model.
        signatures: names of signatures.
        batch_sizes: batch sizes of each.
        plan: how the file trains its weights; None where it does not.

    Attributes:
        functions: the traced function of each key.
        module: their variables.
        training: the functions that train, or None.

    Raises:
        ExportError: If a function needs an operation that TFLite does not have.
    """

    def __init__(
        self,
        vae: Any,
        signatures: Sequence[str],
        batch_sizes: Sequence[int],
        plan: Plan | None = None,
    ):
        # LiteRT's kernels for transposed convolutions are slow. Phases hold copies of the weights,
        # which cannot be trained.
        model = vae.float32_copy(replace=by_phases if plan is None else None)
        wanted = find(model, signatures)
        self.training: TrainingFunctions | None = None
        state = None if plan is None else plan.state(model)
        within = None if state is None else state.read
        with builtin_only():
            self.functions = {
                Key(signature.name, size): trace(signature, size, within)
                for signature in wanted
                for size in batch_sizes
            }
            if plan is not None and state is not None:
                self.training = TrainingFunctions(model, vae.objective, plan, state)
        check_builtin(vae, self.functions)
        self.module = ExportModule(self.functions.values())
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> "Graph":
        return self

    def __exit__(self, *_: Any) -> None:
        self._folder.cleanup()

    @property
    def descriptions(self) -> dict[Key, dict[str, Any]]:
        """Shapes and dtypes of the inputs and outputs of each function."""
        return {key: describe(function) for key, function in self.functions.items()}

    def least_bytes(self, keys: Sequence[Key], weight_bytes: int) -> int:
        """Return how large a file of some functions is at least, with weights of a size."""
        return weights_read([self.functions[key] for key in keys]) * weight_bytes // 4

    @cached_property
    def float32(self) -> bytes:
        """The `.tflite` file of all functions in float32."""
        level = logging.get_verbosity()
        if self.training is not None:
            # The loader says that gradients were not saved; the functions hold them.
            logging.set_verbosity(logging.ERROR)
        try:
            converter = self._converter(self._names)
            converter.experimental_enable_resource_variables = self.training is not None
            return self._converted(converter)
        finally:
            logging.set_verbosity(level)

    def calibrated(
        self,
        keys: Sequence[Key],
        inputs: Mapping[Key, dict[str, np.ndarray]],
        int8_io: bool = False,
    ) -> bytes:
        """Return a `.tflite` file that computes in int8, with ranges taken from inputs.

        Args:
            keys: the functions it holds.
            inputs: arrays (rows, ...) by key and name; every row is run.
            int8_io: whether inputs and outputs are int8 as well.
        """
        converter = self._converter([str(key) for key in keys])
        # The converter's calibrator keeps the true minimum and maximum of every tensor.
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: _rows({key: inputs[key] for key in keys})
        if int8_io:
            converter.inference_input_type = tf.int8
            converter.inference_output_type = tf.int8
        return self._converted(converter)

    @cached_property
    def _saved(self) -> str:
        path = str(Path(self._folder.name, "module"))
        signatures = {str(key): function for key, function in self.functions.items()}
        options = None
        if self.training is not None:
            signatures |= self.training.functions
            # The gradients are in the graph; those of the operations need not be saved.
            options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        module = ExportModule(signatures.values())
        tf.saved_model.save(module, path, signatures=signatures, options=options)
        return path

    @property
    def _names(self) -> list[str]:
        return [*map(str, self.functions), *(self.training.functions if self.training else ())]

    def _converter(self, names: Sequence[str]) -> Any:
        converter = tf.lite.TFLiteConverter.from_saved_model(self._saved, signature_keys=names)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter

    def _converted(self, converter: Any) -> bytes:
        try:
            with warnings.catch_warnings():
                # The calibrator makes a tf.lite.Interpreter, which calls itself deprecated.
                warnings.filterwarnings("ignore", "(?s).*tf.lite.Interpreter is deprecated")
                return converter.convert()
        except Exception as error:  # the converter raises its own class and bare RuntimeErrors
            beyond = re.findall(r"^(?:TF Select|Custom) ops: (.+)$", str(error), re.MULTILINE)
            raise ExportError(
                f"The signatures {', '.join(self._names)} do not convert to TFLite's builtin "
                "operations: "
                + (f"they need {', '.join(beyond)}" if beyond else str(error).strip()[:300])
            ) from error


def _rows(inputs: Mapping[Key, dict[str, np.ndarray]]) -> Iterator[tuple[str, Any]]:
    """Yield every row of every signature, prior and posterior draws alike, in batches of its size.

    The last batch is filled with the last row: ranges do not change by it.
    """
    for key, values in inputs.items():
        count, size = len(next(iter(values.values()))), key.batch_size or 1
        for start in range(0, count, size):
            rows = np.minimum(np.arange(start, start + size), count - 1)
            yield str(key), {name: value[rows] for name, value in values.items()}
