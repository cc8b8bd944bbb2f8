"""Serve a SavedModel of `kvae.export.saved_model` with MLServer and the V2 inference protocol.

Copy the files of this folder, `runtime.py` of `kvae.export` and the folder `serving` into a folder,
and run `mlserver start` on it (docs/serving.md has the lines). The server needs mlserver and
tensorflow, but not kvae. A request selects the signature in `parameters`, as in
`{"signature": "sample"}`. The default is `serving_default`, which is decode where the model has it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import (
    Datatype,
    InferenceRequest,
    InferenceResponse,
    MetadataModelResponse,
    MetadataTensor,
    Parameters,
    RequestInput,
)
from mlserver.utils import get_model_uri
from runtime import check_domain, check_finite, check_schema

__all__ = ["SavedModelRuntime"]

DEFAULT = "serving_default"
DATATYPES = {"float32": Datatype.FP32, "int32": Datatype.INT32, "uint8": Datatype.UINT8}


class SavedModelRuntime(MLModel):
    """Serves the signatures of the SavedModel at `parameters.uri` of the settings."""

    async def load(self) -> bool:
        """Load the SavedModel and call every signature once; MLServer calls it once.

        The first call of a signature is slow. A server that is ready has made it.
        """
        folder = await get_model_uri(self._settings)
        model = tf.saved_model.load(folder)
        described = Path(folder, "assets.extra", "model.json").read_text("utf-8")
        self.description = json.loads(described)
        check_schema(self.description, "a model.json")
        self.domains = {n: told["domain"] for n, told in self.description["inputs"].items()}
        self.model = model  # keeps the variables of the signatures alive
        self.signatures = model.signatures
        self.inputs, self.outputs = _tensors_of(self.signatures[DEFAULT])
        for function in self.signatures.values():
            specs = function.structured_input_signature[1]
            function(**{n: tf.zeros((1, *spec.shape[1:]), spec.dtype) for n, spec in specs.items()})
        return True

    async def metadata(self) -> MetadataModelResponse:
        """Return the inputs and outputs of the default signature, and in `parameters` the rest.

        That is the label of the version, the description of the model with the domains of its
        inputs, and the inputs and outputs of every signature. All are in the units of the data that
        the model was trained on.
        """
        answer = await super().metadata()
        answer.versions = [self.version] if self.version else None
        extra = self._settings.parameters.extra or {}
        signatures = {}
        for name, function in self.signatures.items():
            sides = zip(("inputs", "outputs"), _tensors_of(function), strict=True)
            signatures[name] = {
                side: [tensor.model_dump(exclude_none=True, mode="json") for tensor in tensors]
                for side, tensors in sides
            }
        answer.parameters = Parameters(
            label=extra.get("label"), model=self.description, signatures=signatures
        )
        return answer

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Run one request; an invalid request returns status 400 with the reason."""
        parameters = (payload.parameters.model_extra or {}) if payload.parameters else {}
        name = parameters.get("signature", DEFAULT)
        if name not in self.signatures:
            raise InferenceError(
                f"Expected signature to be one of {sorted(self.signatures)}. Received: {name!r}"
            )
        function = self.signatures[name]
        outputs = function(**self._tensors(payload, function.structured_input_signature[1]))
        for key, value in outputs.items():
            if not np.all(np.isfinite(value)):
                raise InferenceError(f"The output {key} of {name} is NaN or infinite.")
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output(key, v.numpy()) for key, v in outputs.items()],
        )

    def _tensors(self, payload: InferenceRequest, expected: dict[str, Any]) -> dict[str, tf.Tensor]:
        """Return the inputs by name, with the dtype and shape of the signature."""
        given = {item.name: item for item in payload.inputs}
        if given.keys() != expected.keys():
            raise InferenceError(
                f"Expected the inputs {sorted(expected)}. Received: {sorted(given)}"
            )
        tensors = {}
        for name, spec in expected.items():
            try:
                array = _array(given[name])
            except (OverflowError, TypeError, ValueError) as error:
                raise InferenceError(
                    f"Expected data of {name} that fit its shape and datatype. Received: {error}"
                ) from error
            if array.dtype != spec.dtype.as_numpy_dtype or not spec.shape.is_compatible_with(
                array.shape
            ):
                raise InferenceError(
                    f"Expected {name} to be {spec.dtype.name} of shape {spec.shape}. Received: "
                    f"{array.dtype.name} of shape {array.shape}"
                )
            try:
                if name in self.domains:
                    check_domain(array, self.domains[name], name)
                else:
                    check_finite(array, name)
            except ValueError as error:
                raise InferenceError(str(error)) from error
            tensors[name] = tf.constant(array)
        rows = {name: len(tensor) for name, tensor in tensors.items()}
        if len(set(rows.values())) != 1:
            raise InferenceError(f"Expected inputs with the same number of rows. Received: {rows}")
        return tensors


def _array(item: RequestInput) -> np.ndarray:
    """Return the data of an input, or raise where they are not numbers of its datatype."""
    array = NumpyCodec.decode_input(item)
    if array.dtype.kind in "iu":  # the codec cuts fractions off
        given = np.asarray(item.data.root, "float64").reshape(array.shape)
        if not np.array_equal(array, given):
            raise ValueError(f"numbers that are not whole, or not of {array.dtype}")
    return array


def _tensors_of(function: Any) -> tuple[list[MetadataTensor], list[MetadataTensor]]:
    """Return the inputs and outputs of a signature; an open batch has size -1."""
    inputs, outputs = (
        [
            MetadataTensor(
                name=name,
                datatype=DATATYPES[spec.dtype.name],
                shape=[-1 if size is None else size for size in spec.shape],
            )
            for name, spec in sorted(specs.items())
        ]
        for specs in (function.structured_input_signature[1], function.structured_outputs)
    )
    return inputs, outputs
