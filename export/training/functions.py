"""The signatures `train`, `save`, `restore` and `reset` as traced functions.

They share the variables of the other signatures, so that what was learned is used at once. The
loss is the sum of the model's own terms, as in `fit`, and of the pull to the shipped weights.
"""

from typing import Any

import tensorflow as tf

from kvae.contract import Batch, Term
from kvae.contract.input_spec import fits
from kvae.contract.term import total
from kvae.models import LatentModel
from kvae.threefry import counted_noise

from ..conversion.gradients import builtin_gradients
from ..result import ExportError
from .plan import Plan
from .state import State

__all__ = ["NAMES", "TrainingFunctions", "pull_to", "terms_of"]

NAMES = ("train", "save", "restore", "reset")
# float32 ends at 3.4e38. A comparison with NaN is false.
LARGEST = 3e38
LOOPS = ("While", "StatelessWhile")


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


def pull_to(shipped: Any, present: Any, weight: float) -> list[Term]:
    """Return the term that draws weights back to the shipped ones; none where its weight is zero.

    Args:
        shipped: their values in the file, one vector.
        present: their present values.
        weight: of 1/2 |w - w_shipped|^2.
    """
    return [Term("pull", _half_square(shipped, present), weight, unit="")] if weight else []


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


def _gradient(loss: Any, present: Any, upstream: Any) -> Any:
    """Return the gradient of the loss, or raise an ExportError where TFLite has none."""
    graph = tf.compat.v1.get_default_graph()
    before = len(graph.get_operations())
    try:
        gradient = tf.gradients(loss, present, grad_ys=upstream)[0]
    except LookupError as error:
        raise ExportError(f"The signature train cannot be made: {error}") from error
    if any(op.type in LOOPS for op in graph.get_operations()[before:]):
        raise ExportError(
            "A model with a loop on the way to weights that train cannot be trained in a file: "
            "TFLite has no gradient of loops. Layers such as GRU and LSTM have none with "
            "unroll=True."
        )
    return gradient


class TrainingFunctions:
    """The traced functions that train a model on a device.

    Args:
        model: the model in float32, whose weights the functions train. Tracing changes nothing.
        objective: what it minimizes.
        plan: which weights, and how.
        state: the trained weights, which the other signatures read too.

    Attributes:
        functions: the concrete function of each signature.

    Raises:
        ExportError: If the model cannot be trained inside a file; it says why.
    """

    def __init__(self, model: LatentModel, objective: Any, plan: Plan, state: State):
        self.model, self.objective, self.plan, self.state = model, objective, plan, state
        self.optimizer = plan.optimizer
        self.functions = self._traced()

    def specs(self) -> dict[str, tf.TensorSpec]:
        """Return the inputs of `train` by name."""
        named = self.model.named_inputs().specs
        x, target = named["x"], named.get("target")
        if target is not None and not fits(x.shape, target.shape):
            raise ExportError(
                "A model whose x cannot be its own target cannot be trained in a file, which "
                f"learns from x alone. Received: x of shape {x.shape}, a target of {target.shape}"
            )
        score = {each.name: each for each in self.model.signatures()}.get("score")
        taken = score.inputs if score else {"x": (x.shape, tf.float32)}
        specs = {
            name: tf.TensorSpec((self.plan.batch_size, *shape), dtype, name=name)
            for name, (shape, dtype) in taken.items()
        }
        specs["seed"] = tf.TensorSpec((2,), tf.int32, name="seed")
        specs["learning_rate"] = tf.TensorSpec((), tf.float32, name="learning_rate")
        return specs

    def _traced(self) -> dict[str, Any]:
        vector = tf.TensorSpec((sum(self.state.sizes),), tf.float32, name="state")
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
        present = self.state.vector.value()
        with counted_noise(), builtin_gradients():
            with self.state.read(present) as scope:
                terms, batch = self._terms(inputs, seed, scope)
                terms += pull_to(self.state.shipped, present, self.optimizer.pull)
                loss = total(terms, batch)
            # One, and unknown to the converter: it would store the gradients of the loss to all
            # elements of the batch, which are constants, in the file.
            one = learning_rate * 0.0 + 1.0
            gradient = _gradient(loss, present, one)
        square = tf.reduce_sum(tf.square(gradient))
        norm = tf.sqrt(square)
        finite = (tf.abs(loss) < LARGEST) & (square < LARGEST)
        factor = self.optimizer.clip_norm / tf.maximum(norm, self.optimizer.clip_norm)
        self._update(present, gradient * factor, learning_rate, finite)
        outputs = {
            # A loss of one term would be one tensor with it, which has one name in the file. The
            # zero is unknown to the converter, which drops a product with a constant 0.
            "loss": loss + tf.minimum(tf.abs(learning_rate), 0.0),
            **{term.name: batch.reduce(term.values) for term in terms},
            "gradient_norm": norm,
            "applied": tf.cast(finite, tf.int32),
        }
        return {name: tf.identity(tensor, name=name) for name, tensor in outputs.items()}

    def _terms(self, inputs: Any, seed: Any, scope: Any) -> tuple[list[Term], Batch]:
        """Return the model's own terms, or raise if more than gradients would change the model."""
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        known = set(scope.state_mapping)
        terms, batch = terms_of(self.model, self.objective, inputs, seed)
        assigned = [
            variable.path
            for variable in self.model.variables
            if id(variable) in scope.state_mapping and id(variable) not in known
        ]
        if any(
            op.type.startswith("Assign") and op.type.endswith("VariableOp")
            for op in graph.get_operations()[before:]
        ):
            assigned.append("a state of its own")
        if assigned:
            raise ExportError(
                "A model whose training updates weights that no gradient trains (dropout, batch "
                "normalization, an optimal scale) cannot be trained in a file. Received: "
                f"{', '.join(sorted(assigned))}"
            )
        others = sorted({term.group for term in terms} - {"model"})
        if others:
            raise ExportError(
                f"A {type(self.model).__name__} cannot be trained in a file: its training needs a "
                f"second optimizer, for the terms of {', '.join(others)}."
            )
        return list(terms), batch

    def _update(self, present: Any, gradient: Any, rate: Any, finite: Any) -> None:
        """Assign the new values, or the old ones where the step is not finite."""
        state = self.state
        count = state.count + 1.0
        started = tf.minimum(count - 1.0, 1.0)
        old_slots = [slot.value() for slot in state.slots]
        slots = [started * slot for slot in old_slots]
        new, slots = self.optimizer.step(present, gradient, slots, rate, count)
        new = state.constrained(new)
        for variable, value, old in zip(
            state.variables,
            [new, *slots, count],
            [present, *old_slots, state.count.value()],
            strict=True,
        ):
            variable.assign(tf.where(finite, value, old))

    def _save(self) -> dict[str, Any]:
        """Return the state as one vector."""
        vectors = [variable.value() for variable in self.state.variables]
        return {"state": tf.identity(tf.concat(vectors, axis=0), name="state")}

    def _restore(self, *, state: Any) -> dict[str, Any]:
        """Take a vector that `save` returned."""
        parts = tf.split(state, self.state.sizes)  # a slice would do as well; of one operation
        for variable, part in zip(self.state.variables, parts, strict=True):
            variable.assign(part)
        return {"done": tf.identity(tf.constant(1), name="done")}

    def _reset(self) -> dict[str, Any]:
        """Put the shipped weights back, and forget the optimizer's state."""
        for variable in (self.state.vector, *self.state.slots):
            variable.assign(tf.constant(self.state.shipped))
        self.state.count.assign([0.0])
        return {"done": tf.identity(tf.constant(1), name="done")}
