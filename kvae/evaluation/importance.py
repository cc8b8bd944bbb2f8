"""The log-likelihood of a model, estimated by importance sampling from its posterior."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kvae import checks, memory
from kvae.contract.latent import NO_WEIGHTS
from kvae.evaluation.gaussian_vector import built_model
from kvae.evaluation.target import target_and_known
from kvae.layers.discretized_logistic import bits_per_dimension
from kvae.losses.importance_weighted import log_weights
from kvae.noise import fold_in
from kvae.progress import progress
from kvae.sums import ordered_sum

__all__ = ["LogLikelihood", "log_likelihood"]

ROWS = 2048  # codes decoded at once, at most: their layers stay in a processor's cache
EXAMPLES = 16  # of them at least so many examples, if there are as many
LOW_ESS = 5.0
LOW_SHARE = 0.1
LEAST_SAMPLES = 50  # ten times LOW_ESS: with fewer nobody takes the bound for the likelihood


@dataclass(frozen=True, eq=False)
class LogLikelihood:
    """Estimates of log p(x) by K importance samples; prints as mean and standard error.

    Attributes:
        per_example: the estimate of each example in nats, float64 (examples,).
        effective_samples: effective sample size of the weights w_k of each example, from 1 to K,
            (sum_k w_k)^2 / sum_k w_k^2, (examples,).
        samples: int K.
        dimensions: number of observed elements of each example, (examples,).
        no_bits: why bits per dimension have no meaning; empty where they have one.

    Example:
        >>> found = kvae.evaluation.LogLikelihood(
        ...     np.array([-90.0, -88.0]), np.array([40.0, 60.0]), 100, np.array([784, 784])
        ... )
        >>> print(found)
        -89.00 +- 1.00 nats per example (2 examples, 100 samples), 0.164 bits per dimension
        >>> found.mean, found.stderr
        (-89.0, 1.0)
    """

    per_example: np.ndarray
    effective_samples: np.ndarray
    samples: int
    dimensions: np.ndarray
    no_bits: str = ""

    @property
    def mean(self) -> float:
        """Mean over the examples, in nats per example."""
        return float(self.per_example.mean())

    @property
    def stderr(self) -> float:
        """Standard error of the mean over the examples; NaN of one example.

        It contains the spread of the examples and the noise of their estimates, not their bias.
        """
        count = len(self.per_example)
        return float(self.per_example.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan

    @property
    def low_share(self) -> float:
        """Share of the examples with an effective sample size below 5, see `log_likelihood`."""
        return float(np.mean(self.effective_samples < LOW_ESS))

    @property
    def bits_per_dimension(self) -> float:
        """Bits that an observed element takes: -sum of log2 p(x) / number of observed elements.

        Raises:
            ValueError: If the likelihood is no probability of the data as they are; the message
                says why.
        """
        if self.no_bits:
            raise ValueError(
                "Expected a likelihood that is a probability of the data, such as "
                "kvae.layers.DiscretizedLogistic of 8-bit pixels, for bits per dimension. "
                f"Received: {self.no_bits}"
            )
        return float(bits_per_dimension(-self.per_example.sum(), (int(self.dimensions.sum()),)))

    def __str__(self) -> str:
        bits = "" if self.no_bits else f", {self.bits_per_dimension:.3f} bits per dimension"
        count = len(self.per_example)
        error = f" +- {self.stderr:.2f}" if count > 1 else ""
        examples = "1 example" if count == 1 else f"{count} examples"
        samples = f"{self.samples} samples"
        return f"{self.mean:.2f}{error} nats per example ({examples}, {samples}){bits}"


def log_likelihood(
    vae: Any, x: Any, samples: int = 200, seed: int = 0, batch_size: int | None = None
) -> LogLikelihood:
    """Return the importance-weighted estimate of log p(x) of each example, in nats.

        log 1/K sum_k w_k,    w_k = p(x|z_k) p(z_k) / q(z_k|x),    z_k ~ q(z|x) independent.

    In expectation it is a lower bound of log p(x). With one sample it is the ELBO; it increases
    with K and converges to log p(x). The literature's test log-likelihoods are those of K = 5,000.
    The memory does not grow with K. In a hierarchy z_k is a draw of all layers, and p(z) and q(z|x)
    are products over them. Of missing values it is the log-likelihood of what is observed; of a
    conditional model log p(x|c).

    The estimate is too low by about 1 / (2 ESS) - 1 / (2 K) nats, with the effective sample size
    ESS of the weights. One warning names the share of examples whose effective sample size is below
    5, which miss about 0.1 nats or more, if this share is above 10%: the mean then misses 0.01
    nats. With fewer than 50 samples there is no warning.

    The draws of an example depend on its place and the seed, not on the examples that follow, if
    there are at least 16 and K is at least 128. On a terminal a bar shows the progress.

    Args:
        vae: a built model with a density q(z|x): `kvae.VAE`, `ConditionalVAE`, `FactorVAE`,
            `PairVAE`, `HierarchicalVAE` or a family of your own whose `infer` takes `draws`.
        x: array of shape (examples, *event_shape), or a dict of arrays by name, such as x and
            condition, or x and `target`.
        samples: int K, posterior samples for each example.
        seed: int, seeds the samples.
        batch_size: examples at once; by default chosen by K and what an example takes.

    Raises:
        ValueError: If `vae` is not such a model, or `x` does not fit it.

    Example:
        >>> found = kvae.evaluation.log_likelihood(vae, x_test[:8], samples=20)
        >>> found.per_example.shape
        (8,)
        >>> bool(found.mean > vae.elbo(x_test[:8], seed=0).mean())
        True

    References:
        Burda, Grosse, Salakhutdinov: Importance Weighted Autoencoders, 2016, section 3,
        https://arxiv.org/abs/1509.00519;
        Nowozin: Debiasing Evidence Approximations, 2018, section 2 (the bias),
        https://openreview.net/forum?id=HyZoi-WRb
    """
    model = built_model(vae)
    for spec in model.latent_specs().values():
        if spec.kind in NO_WEIGHTS:
            raise ValueError(NO_WEIGHTS[spec.kind])
    samples = checks.positive_int("samples", samples)
    if samples >= 2**31:  # places of draws are counted in 32 bits
        raise ValueError(f"Expected samples below 2147483648. Received: samples={samples}")
    given = checks.optional_positive_int("batch_size", batch_size)
    x = model.named_inputs().check_scored(x)
    arrays = x if isinstance(x, dict) else {"x": x}
    examples = len(arrays["x"])
    rows = min(ROWS, memory.rows_at_once(model))
    size = min(given or max(EXAMPLES, rows // samples), rows, examples)
    chunks = math.ceil(samples / max(1, rows // size))
    draws = math.ceil(samples / chunks)
    function = _of_a_batch(model, isinstance(x, dict), samples, draws)
    first, second = in_batches(function, arrays, size, seed, "Importance sampling")
    result = of_log_weights(model, arrays, first, second, samples)
    if samples >= LEAST_SAMPLES and result.low_share > LOW_SHARE:
        warnings.warn(
            f"The importance weights of {result.low_share:.0%} of the examples have an effective "
            f"sample size below {LOW_ESS:g} of {samples} samples: their log-likelihoods are "
            "about 0.1 nats or more too low. Take more samples, or a posterior that is nearer "
            "to the true one.",
            stacklevel=2,
        )
    return result


def in_batches(
    function: Callable[[dict[str, Any], Any], Any],
    arrays: dict[str, Any],
    size: int,
    seed: int,
    title: str,
) -> np.ndarray:
    """Return what a function gives for arrays, (..., examples), with a bar on a terminal.

    It is traced once for a call of this: the last batch is filled up to the size of the others.

    Args:
        function: takes tensors (size, ...) by name and a seed of two int32, returns (..., size).
        arrays: checked arrays by name.
        size: examples at once.
        seed: int; each batch gets its own.
        title: of the bar.
    """
    examples, parts, traced = len(arrays["x"]), [], None
    seed = checks.seed("seed", seed)
    starts = range(0, examples, size)
    with progress(title, len(starts)) as begin:
        for start in starts:
            begin(f"example {start + 1} of {examples}")
            places = np.minimum(np.arange(start, start + size), examples - 1)
            batch = {name: tf.convert_to_tensor(array[places]) for name, array in arrays.items()}
            key = fold_in([seed, 0], start)
            if traced is None:  # see `BatchedFunction`: a call would warn of the fifth model
                graph = tf.function(function, autograph=False)
                traced = graph.get_concrete_function(batch, key)
            parts.append(traced(batch, key).numpy()[..., : examples - start])
    return np.concatenate(parts, axis=-1)


def of_log_weights(
    model: Any, arrays: dict[str, Any], first: np.ndarray, second: np.ndarray, samples: int
) -> LogLikelihood:
    """Return the estimates that weights give.

    Args:
        model: the `LatentModel`.
        arrays: checked arrays by name.
        first: log sum w of each example, (examples,).
        second: log sum w^2.
        samples: number of weights of each example.
    """
    per_example, effective = first - math.log(samples), np.exp(2.0 * first - second)
    return LogLikelihood(per_example, effective, samples, *_dimensions(model, arrays))


def _of_a_batch(
    model: Any, named: bool, samples: int, draws: int
) -> Callable[[dict[str, Any], Any], Any]:
    """Return the function from a batch and a seed to log sum w and log sum w^2, (2, B).

    Args:
        model: the `LatentModel`.
        named: whether the model is shown a dict by name.
        samples: K.
        draws: how many of them are computed at once.
    """
    chunks = math.ceil(samples / draws)

    def sums(inputs: Any, chunk: Any, seed: Any) -> tuple[Any, Any]:
        latents = model.infer(inputs, seed, draws=draws)
        weights = tf.cast(ordered_sum(log_weights(model, inputs, latents)), tf.float64)
        if samples % draws:  # the last chunk has a few draws too many
            within = chunk * draws + tf.range(draws) < samples
            weights = tf.where(within[:, None], weights, tf.constant(-np.inf, tf.float64))
        return tuple(tf.reduce_logsumexp(power * weights, axis=0) for power in (1.0, 2.0))

    def add(chunk: Any, inputs: Any, seed: Any, total: Any) -> Any:
        key = fold_in(seed, chunk)
        more = sums(inputs, chunk, key)
        pairs = zip(total, more, strict=True)
        return [tf.reduce_logsumexp(tf.stack(pair), axis=0) for pair in pairs]

    def of_a_batch(batch: dict[str, Any], seed: Any) -> Any:
        inputs, _ = model.named_inputs().unpack(batch if named else batch["x"])
        nothing = tf.fill([inputs["x"].shape[0]], tf.constant(-np.inf, tf.float64))
        if chunks == 1:
            return tf.stack(add(0, inputs, seed, (nothing, nothing)))
        _, *total = tf.while_loop(
            lambda chunk, *_: chunk < chunks,
            lambda chunk, *total: (chunk + 1, *add(chunk, inputs, seed, total)),
            (0, nothing, nothing),
            parallel_iterations=1,
        )
        return tf.stack(total)

    return of_a_batch


def _dimensions(model: Any, arrays: dict[str, Any]) -> tuple[np.ndarray, str]:
    """Return the number of observed elements of each example, and why there are no bits of them."""
    layer = model.example_likelihood().layer
    target, known = target_and_known(model, arrays)
    width = layer.domain.width if layer.domain.one_hot else 1  # elements of one class
    counts = known.reshape(len(known), -1).sum(axis=1) // width
    name = type(layer).__name__
    if layer.density:
        return counts, f"{name}, a density, whose value depends on the unit of the data"
    if not np.all(layer.has_mass(target) | ~known):
        reason = "whose Bernoullis get data that are not all 0 or 1, which is a cross-entropy"
        return counts, f"{name}, {reason}"
    return counts, ""
