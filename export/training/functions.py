"""The signatures `train`, `save`, `restore` and `reset` as traced functions.

They share the variables of the other signatures, so that what was learned is used at once. The
loss is the sum of the model's own terms, as in `fit`, and of the pull to the shipped weights.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.contract import Batch, Term
from kvae.contract.term import total
from kvae.models import LatentModel
from kvae.sums import ordered_sum
from kvae.threefry import counted_noise

from ..conversion.gradients import builtin_gradients
from ..result import ExportError
from .chosen import chosen_weights
from .plan import Plan

__all__ = ["NAMES", "TrainingFunctions", "pull_to", "terms_of"]

NAMES = ("train", "save", "restore", "reset")
# float32 ends at 3.4e38. A comparison with NaN is false.
LARGEST = 3e38


def terms_of(model: Any, objective: Any, inputs: dict[str, Any], seed: Any) -> tuple[Any, Batch]:
    """Return the terms of the loss of a batch in training, and the batch.

    Args:
        model: a `LatentModel`.
        objective: what it minimizes.
        inputs: tensors (B, ...) by name.
        seed: two int32.
    """
    unpacked, weight = model.named_inputs().unpack(inputs)
    unpacked, weight = model.loss_inputs(unpacked, weight)
    batch = Batch(unpacked, weight, 1.0, model.step(), training=True)
    before, model.objective = model.objective, objective
    try:
        return model.loss_terms(unpacked, seed, batch), batch
    finally:
        model.objective = before


def pull_to(shipped: Sequence[Any], values: Sequence[Any], weight: float) -> list[Term]:
    """Return the term that draws weights back to the shipped ones; none where its weight is zero.

    Args:
        shipped: their values in the file.
        values: their present values.
        weight: of 1/2 |w - w_shipped|^2.
    """
    if not weight:
        return []
    squares = [_half_square(*pair) for pair in zip(shipped, values, strict=True)]
    return [Term("pull", ordered_sum(squares), weight, unit="")]


def _half_square(shipped: Any, value: Any) -> Any:
    """Return 1/2 |shipped - value|^2 with a gradient to `value`.

    The gradient is written out, and the difference is in this order, because the converter would
    add two constants of the size of the weights to the file: the gradient of the sum, and the
    negative of `shipped`.
    """

    @tf.custom_gradient
    def function(value: Any) -> Any:
        difference = shipped - value
        return 0.5 * tf.reduce_sum(tf.square(difference)), lambda up: -up * difference

    return function(value)


class TrainingFunctions:
    """The traced functions that train a model on a device.

    Args:
        model: the model in float32, whose variables the functions train. Tracing changes nothing.
        objective: what it minimizes.
        plan: which weights, and how.

    Attributes:
        functions: the concrete function of each signature.
        weights: the trained weights, Keras variables.
        state: their `tf.Variable`s, those of the optimizer, and the number of steps, in the order
            of the vector that `save` returns.

    Raises:
        ExportError: If the model cannot be trained inside a file; it says why.
        ValueError: If it has no weights that `trainable` names.
    """

    def __init__(self, model: LatentModel, objective: Any, plan: Plan):
        self.model, self.objective, self.plan = model, objective, plan
        self.optimizer = plan.optimizer
        self.weights = chosen_weights(model, plan.trainable)
        self.shipped = [np.asarray(weight) for weight in self.weights]
        variables = [weight.value for weight in self.weights]
        # They begin as the weights, whose bytes the file holds anyhow, and count as zero until the
        # first step: zeros would make the file larger by the size of the weights.
        self._slots = [
            [tf.Variable(value, trainable=False) for _ in range(self.optimizer.slots)]
            for value in self.shipped
        ]
        self._count = tf.Variable(0.0, trainable=False)
        slots = [slot for each in zip(*self._slots, strict=True) for slot in each]
        self.state = [*variables, *slots, self._count]
        self.functions = self._traced()

    @property
    def state_size(self) -> int:
        """Number of elements of the vector that `save` returns."""
        return sum(variable.shape.num_elements() for variable in self.state)

    @property
    def weights_size(self) -> int:
        """Number of trained weights, the first elements of that vector."""
        return sum(value.size for value in self.shipped)

    def specs(self) -> dict[str, tf.TensorSpec]:
        """Return the inputs of `train` by name."""
        named = self.model.named_inputs().specs
        score = {each.name: each for each in self.model.signatures()}.get("score")
        taken = score.inputs if score else {"x": (named["x"].shape, tf.float32)}
        specs = {
            name: tf.TensorSpec((self.plan.batch_size, *shape), dtype, name=name)
            for name, (shape, dtype) in taken.items()
        }
        specs["seed"] = tf.TensorSpec((2,), tf.int32, name="seed")
        specs["learning_rate"] = tf.TensorSpec((), tf.float32, name="learning_rate")
        return specs

    def _traced(self) -> dict[str, Any]:
        vector = tf.TensorSpec((self.state_size,), tf.float32, name="state")
        specs: dict[str, dict[str, Any]] = {
            "train": self.specs(),
            "save": {},
            "restore": {"state": vector},
            "reset": {},
        }
        return {
            name: tf.function(getattr(self, f"_{name}"), autograph=False).get_concrete_function(
                **specs[name]
            )
            for name in NAMES
        }

    # -- the functions -----------------------------------------------------------------------

    def _train(self, *, seed: Any, learning_rate: Any, **inputs: Any) -> dict[str, Any]:
        """Take one step; return the loss and its terms before it."""
        variables = [weight.value for weight in self.weights]
        with counted_noise(), builtin_gradients():
            terms, batch = self._terms(inputs, seed)
            loss = total(terms, batch)
            try:
                # One, and unknown to the converter: it would store the gradients of the loss to
                # all elements of the batch, which are constants, in the file.
                one = learning_rate * 0.0 + 1.0
                gradients = tf.gradients(loss, variables, grad_ys=one)
            except LookupError as error:
                raise ExportError(f"The signature train cannot be made: {error}") from error
        gradients = [
            tf.zeros_like(value) if gradient is None else tf.convert_to_tensor(gradient)
            for gradient, value in zip(gradients, variables, strict=True)
        ]
        square = ordered_sum([tf.reduce_sum(tf.square(gradient)) for gradient in gradients])
        norm = tf.sqrt(square)
        finite = (tf.abs(loss) < LARGEST) & (square < LARGEST)
        factor = self.optimizer.clip_norm / tf.maximum(norm, self.optimizer.clip_norm)
        self._update([gradient * factor for gradient in gradients], learning_rate, finite)
        outputs = {
            "loss": loss,
            **{term.name: batch.reduce(term.values) for term in terms},
            "gradient_norm": norm,
            "applied": tf.cast(finite, tf.int32),
        }
        return {name: tf.identity(tensor, name=name) for name, tensor in outputs.items()}

    def _terms(self, inputs: Any, seed: Any) -> tuple[list[Term], Batch]:
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        terms, batch = terms_of(self.model, self.objective, inputs, seed)
        assigned = [
            op.inputs[0].name
            for op in graph.get_operations()[before:]
            if op.type.startswith("Assign") and op.type.endswith("VariableOp")
        ]
        if assigned:
            captured = {inner.name: outer for outer, inner in graph.captures}
            paths = {id(v.value.handle): v.path for v in self.model.variables}
            names = {paths.get(id(captured.get(name)), "a state of its own") for name in assigned}
            raise ExportError(
                "A model whose training updates weights that no gradient trains (dropout, batch "
                "normalization, an optimal scale) cannot be trained in a file. Received: "
                f"{', '.join(sorted(names))}"
            )
        others = sorted({term.group for term in terms} - {"model"})
        if others:
            raise ExportError(
                f"A {type(self.model).__name__} cannot be trained in a file: its training needs a "
                f"second optimizer, for the terms of {', '.join(others)}."
            )
        values = [tf.convert_to_tensor(weight.value) for weight in self.weights]
        return [*terms, *pull_to(self.shipped, values, self.optimizer.pull)], batch

    def _update(self, gradients: list[Any], rate: Any, finite: Any) -> None:
        """Assign the new values, or the old ones where the step is not finite."""
        count = self._count + 1.0
        started = tf.minimum(count - 1.0, 1.0)
        assigned: list[tuple[Any, Any, Any]] = [(self._count, count, self._count.value())]
        for weight, gradient, slots in zip(self.weights, gradients, self._slots, strict=True):
            old = tf.convert_to_tensor(weight.value)
            states = [started * slot for slot in slots]
            new, new_states = self.optimizer.step(old, gradient, states, rate, count)
            if weight.constraint is not None:
                new = weight.constraint(new)
            assigned.append((weight.value, new, old))
            for slot, state in zip(slots, new_states, strict=True):
                assigned.append((slot, state, slot.value()))
        for variable, new, old in assigned:
            variable.assign(tf.where(finite, new, old))

    def _save(self) -> dict[str, Any]:
        """Return the state as one vector."""
        flat = [tf.reshape(variable, [-1]) for variable in self.state]
        return {"state": tf.identity(tf.concat(flat, axis=0), name="state")}

    def _restore(self, *, state: Any) -> dict[str, Any]:
        """Take a vector that `save` returned."""
        sizes = [variable.shape.num_elements() for variable in self.state]
        parts = tf.split(state, sizes)  # a slice would do as well; of one operation
        for variable, part in zip(self.state, parts, strict=True):
            variable.assign(tf.reshape(part, variable.shape))
        return {"done": tf.identity(tf.constant(1), name="done")}

    def _reset(self) -> dict[str, Any]:
        """Put the shipped weights back, and forget the optimizer's state."""
        for weight, value in zip(self.weights, self.shipped, strict=True):
            weight.value.assign(tf.constant(value))
        for slots, value in zip(self._slots, self.shipped, strict=True):
            for slot in slots:
                slot.assign(tf.constant(value))
        self._count.assign(0.0)
        return {"done": tf.identity(tf.constant(1), name="done")}
