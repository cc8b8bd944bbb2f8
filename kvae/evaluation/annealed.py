"""The log-likelihood of a model, estimated by annealed importance sampling from its prior."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks, memory
from kvae.evaluation.gaussian_vector import ANY_SEED, built_model
from kvae.evaluation.importance import LogLikelihood, in_batches, of_log_weights
from kvae.losses import Objective
from kvae.noise import fold_in, standard_normal, uniform

__all__ = ["annealed_importance_sampling"]

ROWS = 2048  # chains at once, at most
PILOT_CHAINS = 4  # that adapt the step sizes
ACCEPTED = 0.65  # share that the step sizes aim at
ADAPTATION = 0.1  # of the logarithm of a step size for each unit of that share
FIRST_STEP = 0.5  # over the fourth root of the latent dimension
STEEPNESS = 4.0  # of the sigmoid of the path
Target = Callable[[Any], tuple[Any, Any]]  # log p(z) and log p(x|z) at z


def annealed_importance_sampling(
    vae: Any,
    x: Any,
    temperatures: int = 500,
    chains: int = 16,
    leapfrogs: int = 10,
    seed: int = 0,
) -> LogLikelihood:
    """Return log p(x) of each example in nats, by chains from the prior to the true posterior.

    Each chain starts at a draw of p(z) and follows the geometric path p(z) p(x|z)^b_t, with b_t
    from 0 to 1 on a sigmoid. At each temperature its weight grows and it makes a transition of
    Hamiltonian Monte Carlo that keeps that distribution:

        log w = sum_t (b_t - b_(t-1)) log p(x|z_(t-1)),      log p(x) is estimated by log mean w.

    The mean of w over chains is p(x) exactly, so that the estimate is a lower bound of log p(x) in
    expectation; it rises with the temperatures and the chains. The encoder plays no part: it is a
    check of `log_likelihood` that does not depend on the posterior, for tens of examples. Each
    example takes temperatures * leapfrogs * chains gradients of the decoder. Step sizes are those
    that accept about 65% of the transitions of four pilot chains for each example; the chains of
    the estimate have other draws, so that it has no bias from the adaptation.

    Args:
        vae: a built model with one latent vector and a prior on all of its space.
        x: array of shape (examples, *event_shape), or a dict of arrays by name, such as x and
            `target`.
        temperatures: int T, steps of the path.
        chains: int, chains for each example.
        leapfrogs: int, leapfrog steps of a transition.
        seed: int, seeds the draws.

    Returns:
        A `LogLikelihood`, whose `samples` are chains.

    Raises:
        ValueError: If `vae` is not such a model, or `x` does not fit it.

    Example:
        >>> found = kvae.evaluation.annealed_importance_sampling(
        ...     vae, x_test[:4], temperatures=20, chains=4, leapfrogs=2
        ... )
        >>> found.per_example.shape, found.samples
        ((4,), 4)

    References:
        Neal: Annealed Importance Sampling, 2001, https://arxiv.org/abs/physics/9803008;
        Wu, Burda, Salakhutdinov, Grosse: On the Quantitative Analysis of Decoder-Based Generative
        Models, 2017, sections 2.3 and 3, https://arxiv.org/abs/1611.04273
    """
    model = built_model(vae)
    _check(model)
    path = _path(checks.positive_int("temperatures", temperatures))
    chains = checks.positive_int("chains", chains)
    leapfrogs = checks.positive_int("leapfrogs", leapfrogs)
    x = model.named_inputs().check_scored(x)
    arrays = x if isinstance(x, dict) else {"x": x}
    examples = len(arrays["x"])
    size = min(examples, max(1, min(ROWS, memory.rows_at_once(model)) // chains))
    pilots = min(PILOT_CHAINS, chains)

    def of_a_batch(batch: dict[str, Any], seed: Any) -> Any:
        """Return the log weight of each chain, (chains, B)."""
        inputs, _ = model.named_inputs().unpack(batch if isinstance(x, dict) else batch["x"])
        seeds = [fold_in(seed, index) for index in range(2)]
        _, steps = _anneal(model, inputs, pilots, path, leapfrogs, seeds[0])
        return _anneal(model, inputs, chains, path, leapfrogs, seeds[1], steps)[0]

    weights = in_batches(of_a_batch, arrays, size, seed, "Annealed importance sampling")
    weights = weights.astype("float64")
    first, second = (np.logaddexp.reduce(power * weights, axis=0) for power in (1.0, 2.0))
    return of_log_weights(model, arrays, first, second, chains)


def _check(model: Any) -> None:
    """Raise unless the model has one latent vector with a density p(z) on all of its space."""
    groups = model.latent_specs()
    shapes = [spec.shape for spec in groups.values() if spec.kind != "codes"]
    if len(groups) != 1 or [len(shape) for shape in shapes] != [1]:
        raise ValueError(
            "Expected vae to have one latent vector for annealed importance sampling. Received: a "
            f"{type(model).__name__} with the latent groups {', '.join(groups)}"
        )
    prior = next(iter(model.example_latents().values())).prior
    if prior is None or isinstance(prior, tfd.SphericalUniform):
        received = "no prior" if prior is None else "a prior on the sphere"
        raise ValueError(
            "Expected vae to have a prior on all vectors for annealed importance sampling, whose "
            f"chains move freely. Received: a {type(model).__name__} with {received}"
        )


def _path(temperatures: int) -> np.ndarray:
    """Return b_0 = 0, ..., b_T = 1, float32."""
    sigmoid = 1.0 / (1.0 + np.exp(-np.linspace(-STEEPNESS, STEEPNESS, temperatures + 1)))
    path = (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])
    return path.astype("float32")


def _anneal(
    model: Any,
    inputs: Mapping[str, Any],
    chains: int,
    path: np.ndarray,
    leapfrogs: int,
    seed: Any,
    steps: Any = None,
) -> tuple[Any, Any]:
    """Return the log weight of each chain, (chains, B), and the step sizes, (T, B).

    Args:
        model: the `LatentModel`.
        inputs: tensors (B, ...) by name.
        chains: chains for each example.
        path: b_0, ..., b_T.
        leapfrogs: see `annealed_importance_sampling`.
        seed: two int32.
        steps: step sizes (T, B); None where they are to be adapted.
    """
    examples: Any = inputs["x"].shape[0]
    tiled = {
        name: tf.tile(value, [chains, *[1] * (len(value.shape) - 1)])
        for name, value in inputs.items()
    }
    target, start = _target_and_start(model, tiled, fold_in(seed, 0))
    powers = tf.constant(path)
    first = tf.fill([examples], tf.cast(FIRST_STEP * start.shape[1] ** -0.25, tf.float32))

    def body(index: Any, z: Any, weight: Any, step: Any, used: Any) -> tuple[Any, ...]:
        step = step if steps is None else steps[index - 1]
        used = used.write(index - 1, step)
        at = _Point.of(target, z, powers[index])
        weight += (powers[index] - powers[index - 1]) * at.log_likelihood
        moved = _transition(
            target,
            at,
            powers[index],
            tf.tile(step, [chains])[:, None],
            leapfrogs,
            fold_in(seed, index),
        )
        share = tf.reduce_mean(tf.reshape(moved[1], [chains, examples]), axis=0)
        return index + 1, moved[0], weight, step * tf.exp(ADAPTATION * (share - ACCEPTED)), used

    count = len(path) - 1
    used = tf.TensorArray(tf.float32, count, element_shape=[examples])
    _, _, weight, _, used = tf.while_loop(
        lambda index, *_: index <= count,
        body,
        (1, start, tf.zeros([chains * examples]), first, used),
        parallel_iterations=1,
    )
    return tf.reshape(weight, [chains, examples]), used.stack()


def _target_and_start(model: Any, inputs: Mapping[str, Any], seed: Any) -> tuple[Target, Any]:
    """Return the functions log p(z) and log p(x|z) of chains, and draws of p(z) to start from.

    Both are float32, whatever the model computes in.

    Args:
        model: the `LatentModel`.
        inputs: tensors (chains * B, ...) by name.
        seed: two int32.
    """
    ((name, spec),) = model.latent_specs().items()
    rows: Any = inputs["x"].shape[0]
    condition = inputs.get("condition")
    prior = model.infer(inputs, ANY_SEED)[name].prior
    if spec.normals is not None:
        normals = standard_normal((rows, spec.normals), seed)
        start = model.draw_prior(normals, condition)[name]
    else:
        start = prior.sample(() if prior.batch_shape.rank else rows, seed=seed)

    def target(z: Any) -> tuple[Any, Any]:
        z = tf.cast(z, start.dtype)
        likelihood = model.generate({name: z}, condition)
        found = prior.log_prob(z), -Objective.nll(likelihood, inputs)
        return tf.cast(found[0], tf.float32), tf.cast(found[1], tf.float32)

    return target, tf.cast(start, tf.float32)


class _Point(NamedTuple):
    """Chains on the way: codes, log p(x|z), log p(z) + b log p(x|z) and its gradient."""

    z: Any
    log_likelihood: Any
    value: Any
    gradient: Any

    @classmethod
    def of(cls, target: Target, z: Any, power: Any) -> "_Point":
        with tf.GradientTape() as tape:
            tape.watch(z)
            log_prior, log_likelihood = target(z)
            value = log_prior + power * log_likelihood
        return cls(z, log_likelihood, value, tape.gradient(value, z))


def _transition(
    target: Target, at: _Point, power: Any, step: Any, leapfrogs: int, seed: Any
) -> tuple[Any, Any]:
    """Return the codes after a transition of Hamiltonian Monte Carlo, and how probable it was.

    Args:
        target: see `_target_and_start`.
        at: where the chains are.
        power: b_t.
        step: step size of each chain, (rows, 1).
        leapfrogs: number of steps.
        seed: two int32.
    """
    momentum = standard_normal(tf.unstack(tf.shape(at.z)), seed)
    before = at.value - 0.5 * tf.reduce_sum(momentum**2, axis=1)

    def leapfrog(index: Any, momentum: Any, *point: Any) -> tuple[Any, ...]:
        z, gradient = point[0], point[3]
        momentum += 0.5 * step * gradient
        moved = _Point.of(target, z + step * momentum, power)
        return index + 1, momentum + 0.5 * step * moved.gradient, *moved

    _, momentum, *moved = tf.while_loop(
        lambda index, *_: index < leapfrogs, leapfrog, (0, momentum, *at), parallel_iterations=1
    )
    after = moved[2] - 0.5 * tf.reduce_sum(momentum**2, axis=1)
    probability = tf.exp(tf.minimum(after - before, 0.0))
    probability = tf.where(tf.math.is_finite(after), probability, tf.zeros_like(probability))
    further = fold_in(seed, 1)
    accepted = uniform(tf.shape(probability), further) < probability
    return tf.where(accepted[:, None], moved[0], at.z), probability
