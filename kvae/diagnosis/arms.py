"""The same VAE with one part of it taken away, to see what that part does.

All arms share networks, data, optimizer and seed. They are made of kvae's layers alone: a
functional Keras model in which the decoder sees the sample or the mean, and which has the losses
that the arm leaves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.layers import IndependentBernoulli, MultivariateNormalDiag
from kvae.losses import NegativeLogLikelihood
from kvae.models import VAE
from kvae.networks import mlp_decoder, mlp_encoder
from kvae.priors import StandardNormal
from kvae.regularizers import KLDivergenceRegularizer
from kvae.streams import Stream, generator

__all__ = ["ARMS", "Arm", "arms_with", "train_arm"]


@dataclass(frozen=True)
class Arm:
    """What of a VAE an arm keeps.

    Attributes:
        sampling: whether the decoder sees a sample of the posterior; otherwise its mean.
        reconstruction: whether the reconstruction loss is there; without it nothing trains the
            decoder.
        beta: weight of the KL.

    Example:
        >>> kvae.diagnosis.Arm(beta=0.0)
        Arm(sampling=True, reconstruction=True, beta=0.0)
    """

    sampling: bool = True
    reconstruction: bool = True
    beta: float = 1.0


def arms_with(betas: Sequence[float]) -> dict[str, Arm]:
    """Return the five arms that take a part away each, and a full one for each beta.

    Args:
        betas: weights of the KL beside one.

    Example:
        >>> list(kvae.diagnosis.arms_with([4.0]))
        ['full', 'no sampling', 'autoencoder', 'no KL', 'KL alone', 'beta 4']
    """
    return {
        "full": Arm(),
        "no sampling": Arm(sampling=False),
        "autoencoder": Arm(sampling=False, beta=0.0),
        "no KL": Arm(beta=0.0),
        "KL alone": Arm(reconstruction=False),
        **{f"beta {beta:g}": Arm(beta=beta) for beta in betas},
    }


ARMS = arms_with([0.25, 4.0, 16.0])


def train_arm(
    arm: Arm,
    x: np.ndarray,
    latent_dim: int = 8,
    hidden: int = 128,
    epochs: int = 40,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> VAE:
    """Train one arm on pictures and return it as a `VAE`.

    Args:
        arm: what of a VAE to keep.
        x: pictures in [0, 1], (examples, *event_shape).
        latent_dim: latent dimensions.
        hidden: units of the two hidden layers on either side.
        epochs: passes over the data.
        batch_size: examples a step; what is left over at the end of an epoch waits for another.
        learning_rate: of Adam.
        seed: int, sets Keras' global seed.

    Returns:
        The trained `VAE`, uncompiled.

    Raises:
        ValueError: If `x` holds no such pictures, or a number is not positive.

    Example:
        >>> arm = kvae.diagnosis.ARMS["KL alone"]
        >>> kvae.diagnosis.train_arm(arm, x_test[:64], latent_dim=2, epochs=1).latent_dim
        2
    """
    epochs = checks.positive_int("epochs", epochs)
    batch_size = min(checks.positive_int("batch_size", batch_size), len(x))
    keras.utils.set_random_seed(seed)
    kl = KLDivergenceRegularizer(StandardNormal(latent_dim), weight=arm.beta)
    posterior = MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    likelihood = IndependentBernoulli(x.shape[1:])
    encoder = mlp_encoder(x.shape[1:], posterior.params_size, (hidden, hidden))
    decoder = mlp_decoder(latent_dim, likelihood.params_shape, (hidden, hidden))

    params = encoder.output
    seen = posterior(params)  # its KL joins the losses of the model
    if not arm.sampling:
        seen = params[:, :latent_dim] + 0.0 * seen  # the mean; the KL stays in the graph
    trained = keras.Model(encoder.input, decoder(seen) if arm.reconstruction else seen)
    vae = VAE(encoder=encoder, posterior=posterior, decoder=decoder, likelihood=likelihood)
    x = vae.named_inputs().check_x(x)
    loss = NegativeLogLikelihood(likelihood) if arm.reconstruction else None
    epoch = _epoch(trained, loss, keras.optimizers.Adam(learning_rate), x)
    rng = generator(seed, Stream.ARMS)
    for _ in range(epochs):
        order = rng.permutation(len(x))[: len(x) // batch_size * batch_size]
        epoch(tf.constant(order.reshape(-1, batch_size)))
    return vae


def _epoch(model: keras.Model, loss: Any, optimizer: Any, x: np.ndarray) -> Any:
    """Return a function that takes one step of the optimizer for each row of indices into `x`.

    `fit` would do. But an arm trains for seconds, and tracing what `fit` runs takes three times as
    long as tracing and running this loop.
    """
    optimizer.build(model.trainable_variables)
    data = tf.constant(x, "float32")

    def step(place: Any, batches: Any) -> Any:
        batch = tf.gather(data, batches[place])
        with tf.GradientTape() as tape:
            output = model(batch, training=True)
            total = tf.add_n(model.losses)  # the KL
            if loss is not None:
                total += loss(batch, output)
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return place + 1, batches

    @tf.function(autograph=False)
    def epoch(batches: Any) -> None:
        tf.while_loop(
            lambda place, batches: place < tf.shape(batches)[0],
            step,
            (tf.constant(0), batches),
        )

    return epoch
