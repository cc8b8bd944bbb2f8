"""The methods that take and return NumPy arrays, in batches of bounded memory."""

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kvae import checks, memory
from kvae.contract.plain_array import plain_array
from kvae.models.batches import BatchedFunction
from kvae.models.tensor_functions import TensorFunctions
from kvae.noise import words
from kvae.outputs import decoded
from kvae.threefry import seed_rows
from kvae.training.adapt import check_adapted

__all__ = ["ArrayMethods"]

_NEXT_SEED = threading.Lock()  # Keras reads a generator's counter and raises it in two steps


class ArrayMethods:
    """`reconstruct`, `score`, `elbo` and `sample` of a `LatentModel`, by its tensor functions."""

    named_inputs: Callable[..., Any]
    reconstruction: Callable[..., Any]
    score_terms: Callable[..., dict[str, Any]]
    missing_condition: Callable[[], Any]
    input_specs: Callable[[], dict[str, Any]]
    latent_specs: Callable[[], dict[str, Any]]
    evaluation_seed_generator: Any
    execution: Any
    _functions: dict[tuple[Any, ...], BatchedFunction]

    def reconstruct(
        self, x: Any, batch_size: int | None = None, condition: Any = None
    ) -> np.ndarray:
        """Return the likelihood's mean at the posterior's point, shape (examples, *event_shape).

        Args:
            x: array of shape (examples, *event_shape), or a dict of arrays by name.
            batch_size: examples computed at once.
            condition: what to decode with instead of x["condition"], one for all examples or one
                for each, where the model is conditional.
        """
        x = self.named_inputs().check_x(x)
        if condition is not None:
            examples = len(x["x"] if isinstance(x, dict) else x)
            (new,) = self.conditions(condition, examples).values()
            x = {**x, "new_condition": new}
        return decoded(self.run("reconstruct", x, batch_size))

    def score(self, x: Any, batch_size: int | None = None, terms: bool = False) -> Any:
        """Return the anomaly score of each example in nats, shape (examples,): nll + KL.

        It is the negative ELBO at the point of the posterior, without draws: the number that the
        exported `score` returns.

        Args:
            x: array of shape (examples, *event_shape), or a dict of arrays by name, such as x and
                `target`, which is x itself by default.
            batch_size: examples computed at once.
            terms: whether to return a dict of `score`, its reconstruction term `nll`, and
                `nats_per_element`, the score divided by the number of elements of an example. It
                is a mean that devices with half precision can compute where the sum overflows.

        Example:
            >>> nats = vae.score(x_test)
            >>> nats.shape == (len(x_test),)
            True
        """
        x = self.named_inputs().check_scored(x)
        found = self.run("score", x, batch_size)
        return found if terms else found["score"]

    def elbo(self, x: Any, seed: int | None = None, batch_size: int | None = None) -> np.ndarray:
        """Return the ELBO of each example in nats with one draw of z, shape (examples,).

        Args:
            x: array of shape (examples, *event_shape), or a dict of arrays by name, such as x and
                `target`, which is x itself by default.
            seed: int, makes the draws reproducible.
            batch_size: examples computed at once.
        """
        if any(spec.kind == "deterministic" for spec in self.latent_specs().values()):
            raise ValueError(
                "Expected a posterior with a density q(z|x): a deterministic encoder has no ELBO. "
                f"Take score, which is -log p(x, z). Received: a {type(self).__name__} with a "
                "deterministic encoder"
            )
        x = self.named_inputs().check_scored(x)
        return -self.run("score", x, batch_size, seed=self._draw_seed(seed))["score"]

    def sample(
        self,
        n: int,
        seed: int | None = None,
        batch_size: int | None = None,
        kind: str = "mean",
        condition: Any = None,
    ) -> np.ndarray:
        """Return `n` generated examples, shape (n, *event_shape).

        Example i depends on (i, seed) alone: it is the same for every `n` and `batch_size`, and in
        the exported signature `sample` at the seed (i, seed).

        Args:
            n: number of examples.
            seed: int, makes the draws reproducible. By default every call draws others, in a
                sequence that `keras.utils.set_random_seed` before the model is made repeats.
            batch_size: examples computed at once.
            kind: "mean" for the likelihood's mean at draws from the prior, "draw" for a draw from
                the likelihood there.
            condition: one for all examples or one for each, where the model is conditional. By
                default it is missing, where the model allows that.

        Raises:
            ValueError: If an argument is not of the form above, or if `n` examples do not fit into
                the memory.
        """
        n = checks.positive_int("n", n)
        memory.check_result("n", n, memory.decoded_elements(self))
        checks.choice("kind", kind, ("mean", "draw"))
        rows = seed_rows(tf.range(n), self._row_seed(seed)).numpy()
        arrays = {"seed": rows, **self.conditions(condition, n)}
        if kind == "mean":
            return decoded(self.run("sample", arrays, batch_size))
        return self.run("generate", arrays, batch_size)["draw"]

    def conditions(self, condition: Any, examples: int) -> dict[str, np.ndarray]:
        """Return valid conditions by their name, {} where the model takes none.

        Args:
            condition: one for all examples, or one for each; None for a missing one.
            examples: their number.

        Raises:
            ValueError: If conditions are not valid, of another number, not given although the
                model needs them, or given although it takes none.
        """
        spec = self.named_inputs().specs.get("condition")
        if spec is None and condition is None:
            return {}
        if spec is None:
            raise ValueError(
                f"Expected no condition: a {type(self).__name__} takes none. Received: "
                f"condition={condition!r:.200}"
            )
        condition = self.missing_condition() if condition is None else condition
        given = plain_array(condition, "condition")
        if given.ndim == len(spec.shape):
            given = np.repeat(given[None], examples, axis=0)
        if given.ndim and len(given) != examples:
            raise ValueError(
                "Expected condition to be one condition for all examples or one for each of the "
                f"{examples}. Received: shape {given.shape}"
            )
        return {"condition": spec.check(given, "condition")}

    def run(
        self,
        name: str,
        arrays: Any,
        batch_size: int | None = None,
        fixed: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, np.ndarray]:
        """Run one of the model's tensor functions over arrays in batches; it is traced once.

        Args:
            name: "score", "reconstruct", or another of `tensor_functions`.
            arrays: array (examples, ...), the function's first argument, or a dict of arrays by
                the names of its arguments.
            batch_size: examples computed at once.
            fixed: arguments of the function that are no tensors, such as a number of draws.
            **kwargs: `seed`, where the function takes one.
        """
        check_adapted(self)
        fixed = fixed or {}
        key = (name, *sorted(fixed.items()))
        if key not in self._functions:
            function = functools.partial(self.tensor_functions()[name], **fixed)
            self._functions[key] = BatchedFunction(function, self)
        return self._functions[key](arrays, batch_size, **kwargs)

    def forget_traces(self) -> None:
        """Trace every function again when it is next used: something that is no weight changed."""
        self._functions.clear()
        self.execution.functions.clear()
        self.train_function = self.test_function = self.predict_function = None

    def tensor_functions(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the functions behind the array methods and the signatures, by name."""
        return TensorFunctions(self).by_name()

    def _draw_seed(self, seed: int | None) -> Any:
        """Return a stateless seed of shape (2,), the model's own next one without `seed`."""
        if seed is None:
            with _NEXT_SEED:
                return tf.cast(self.evaluation_seed_generator.next(), tf.int32)
        return tf.constant([checks.seed("seed", seed), 0], tf.int32)

    def _row_seed(self, seed: int | None) -> Any:
        """Return the number that tells the keys (row, number) of a call from those of others.

        It is `seed` itself, else one made of both elements of the model's own next seed, of which
        the first is the same in every call.
        """
        drawn = self._draw_seed(seed)
        return words((), drawn) if seed is None else drawn[0]
