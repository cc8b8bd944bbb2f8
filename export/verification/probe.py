"""The reference that an exported model is compared with: the model's public methods.

Only what no public method gives (the likelihood's parameters, the latent variables of a draw) is
taken from the tensor functions that the file wraps.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.contract import Domain, InputSpec, Signature
from kvae.contract.input_spec import fits
from kvae.models import LatentModel

from .copied import check_copy
from .precision import in_float32
from .reference import ROWS, Reference

__all__ = ["examples_of", "reference_of"]

SEED = 40503
STEPS = 9  # points of a path that is interpolated
Arrays = dict[str, np.ndarray]


def examples_of(
    model: LatentModel, signatures: Iterable[Signature], data: Any = None, rows: int = ROWS
) -> Arrays:
    """Return examples as valid arrays by the names of the model's inputs.

    Args:
        model: the model.
        signatures: what will be exported.
        data: examples (examples, *event_shape), or a dict of arrays by input; None for stand-ins:
            draws from the prior for x, draws from the domains of the other inputs.
        rows: number of stand-ins.

    Raises:
        ValueError: If `data` are not valid, or the model cannot draw stand-ins for them.
    """
    named = model.named_inputs()
    taken = {name for signature in signatures for name in signature.inputs}
    required = {name for name, spec in named.specs.items() if spec.required} - {"target"}
    wanted = [name for name in named.specs if name in taken | required]
    given: Arrays = {}
    if data is not None:
        checked = named.check_x(data)
        given = checked if isinstance(checked, dict) else {"x": checked}
        rows = len(given["x"])
    rng = np.random.default_rng(SEED)
    for name in wanted:
        if name not in given and name != "x":
            drawn = _drawn(named.domain(name), (rows, *named.specs[name].shape), rng)
            given[name] = drawn.astype(named.specs[name].dtype)
    if "x" not in given:
        given["x"] = _stand_in(model, rows, given, rng)
    return given


@in_float32()
def reference_of(
    model: LatentModel,
    signatures: Sequence[Signature],
    data: Any = None,
    source: LatentModel | None = None,
) -> Reference:
    """Return inputs for the signatures and what the public methods of the model make of them.

    Args:
        model: the model in float32, of which `signatures` are some.
        signatures: what will be exported.
        data: see `examples_of`.
        source: what `model` is the float32 copy of.

    Raises:
        ExportError: If `model` computes something else than its source.
    """
    examples = examples_of(model, signatures, data)
    rows = np.arange(2 * ROWS, dtype="int32")
    values = {name: array[rows % ROWS % len(array)] for name, array in examples.items()}
    needed = {name for signature in signatures for name in signature.inputs}
    latents = _latents(model, values) if needed - values.keys() - {"seed"} else {}
    for name, array in values.items():
        if model.named_inputs().domain(name).describe().get("missing"):
            values[name] = _with_gaps(array)
    seeds = np.stack([rows, np.full_like(rows, SEED)], axis=1)
    share = np.linspace(0.0, 1.0, STEPS, dtype="float32")[rows % STEPS][:, None]
    values |= {**latents, "seed": seeds, "t": share}
    ends = rows // STEPS * STEPS  # one pair for each path of STEPS points
    for name, value in latents.items():
        values |= {f"{name}_a": value[ends], f"{name}_b": value[::-1][ends]}
    public = model.public_methods()
    inputs: dict[str, Arrays] = {}
    expected: dict[str, Arrays] = {}
    for signature in signatures:
        _check_inputs(signature, values)
        # Examples are repeated for the second half of the latent variables.
        count = ROWS if "x" in signature.inputs else 2 * ROWS
        given = {
            name: values[name][:count].astype(dtype.as_numpy_dtype)
            for name, (_, dtype) in signature.inputs.items()
        }
        outputs = signature.function(**{k: tf.constant(v) for k, v in given.items()})
        found = {key: np.asarray(value) for key, value in outputs.items()}
        inputs[signature.name] = given
        expected[signature.name] = found | public.outputs(signature.name, given)
    reference = Reference(inputs, expected)
    if source is not None and source is not model:
        check_copy(source, reference)
    return reference


def _check_inputs(signature: Signature, values: Mapping[str, Any]) -> None:
    unknown = sorted(signature.inputs.keys() - values.keys())
    if unknown:
        raise ValueError(
            f"Expected the inputs of the signature {signature.name!r} to be out of "
            f"{', '.join(sorted(values))}. Received: {', '.join(unknown)}"
        )


def _stand_in(model: Any, rows: int, others: Arrays, rng: Any) -> np.ndarray:
    """Return draws of x, for want of examples.

    They are what the model decodes where that can be data (grey pixels), else draws from the
    likelihood (counts, classes). Where x is not what the model decodes, its domain is drawn from.
    """
    named, event = model.named_inputs(), model.example_likelihood().layer.event_shape
    spec, domain = named.specs["x"], named.domain("x")
    if not fits(event, spec.shape):
        return _drawn(domain, (rows, *_known(spec)), rng).astype("float32")
    condition = {name: others[name] for name in ("condition",) if name in others}
    try:
        decoded = model.sample(rows, seed=0, **condition)
    except NotImplementedError as error:
        raise ValueError(
            f"Expected data, examples of x: this {type(model).__name__} cannot draw them ({error})"
        ) from error
    try:
        domain.check(decoded, "x")
        return decoded
    except ValueError:
        drawn = model.sample(rows, seed=0, kind="draw", **condition)
        return domain.as_data(np.asarray(drawn, "float32"))


def _latents(model: LatentModel, inputs: Arrays) -> Arrays:
    """Return values of each latent group: draws from the prior, then draws from posteriors.

    Where the prior cannot be drawn from, they are all draws from posteriors.
    """
    tensors, _ = model.named_inputs().unpack(inputs)
    posterior = {
        name: np.asarray(latent.value if latent.codes is None else latent.codes)
        for name, latent in model.infer(tensors, [0, 1]).items()
    }
    condition = {name: tensors[name] for name in ("condition",) if name in tensors}
    keys = tf.stack([tf.range(2 * ROWS), tf.zeros(2 * ROWS, tf.int32)], axis=1)
    try:
        prior = model.tensor_functions()["sample"](seed=keys, **condition)
    except NotImplementedError:
        prior = posterior
    return {
        name: np.concatenate([np.asarray(prior[name])[:ROWS], value[ROWS:]])
        for name, value in posterior.items()
    }


def _with_gaps(array: np.ndarray) -> np.ndarray:
    """Return an array whose every other row misses a third of its elements: NaN."""
    flat = np.array(array, "float32").reshape(len(array), -1)
    row, column = np.indices(flat.shape)
    flat[(row % 2 == 1) & ((row // 2 + column) % 3 == 0)] = np.nan
    return flat.reshape(array.shape)


def _drawn(domain: Domain, shape: tuple[int, ...], rng: Any) -> np.ndarray:
    """Return draws from a domain: uniform where it has bounds, else normal ones made valid."""
    if domain.columns:
        widths = [column.width for _, column in domain.columns]
        parts = [
            _drawn(column, (*shape[:-1], width), rng)
            for (_, column), width in zip(domain.columns, widths, strict=True)
        ]
        return np.concatenate(parts, axis=-1)
    if domain.one_hot:
        return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    if np.isfinite([domain.low, domain.high]).all():
        if domain.integer:
            return rng.integers(int(domain.low), int(domain.high) + 1, size=shape)
        return rng.uniform(domain.low, domain.high, size=shape)
    return domain.as_data(rng.normal(size=shape))


def _known(spec: InputSpec) -> tuple[int, ...]:
    return tuple(int(size or 1) for size in spec.shape)
