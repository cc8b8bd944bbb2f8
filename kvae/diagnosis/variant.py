"""Variants of one VAE for an ablation: one part removed, or another weight of the KL.

All variants share networks, data, optimizer and seed. Each is trained as a functional Keras model
of kvae's layers, in which the decoder receives the sample or the posterior mean, with the losses
that the variant keeps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kvae import checks
from kvae.evaluation.gaussian_vector import one_latent_vector
from kvae.layers import IndependentBernoulli, MultivariateNormalDiag
from kvae.losses import NegativeLogLikelihood
from kvae.models import VAE
from kvae.networks import conv_decoder, conv_encoder, mlp_decoder, mlp_encoder
from kvae.priors import StandardNormal
from kvae.regularizers import KLDivergenceRegularizer
from kvae.streams import Stream, generator
from kvae.sums import ordered_sum

__all__ = ["VARIANTS", "Variant", "train_variant", "variants_with"]


@dataclass(frozen=True)
class Variant:
    """The parts of a VAE that a variant keeps.

    Attributes:
        sampling: whether the decoder receives a sample of the posterior; otherwise its mean.
        reconstruction: whether the loss includes the reconstruction term. Without it the decoder
            is not trained.
        beta: weight of the KL.

    Example:
        >>> kvae.diagnosis.Variant(beta=0.0)
        Variant(sampling=True, reconstruction=True, beta=0.0)
    """

    sampling: bool = True
    reconstruction: bool = True
    beta: float = 1.0


def variants_with(betas: Sequence[float]) -> dict[str, Variant]:
    """Return the full VAE, four variants without one of its parts, and one variant for each beta.

    Args:
        betas: weights of the KL other than 1, which the full VAE has.

    Returns:
        The variants by name.

    Example:
        >>> list(kvae.diagnosis.variants_with([4.0]))
        ['full', 'no sampling', 'autoencoder', 'no KL', 'KL alone', 'beta 4']
    """
    return {
        "full": Variant(),
        "no sampling": Variant(sampling=False),
        "autoencoder": Variant(sampling=False, beta=0.0),
        "no KL": Variant(beta=0.0),
        "KL alone": Variant(reconstruction=False),
        **{f"beta {beta:g}": Variant(beta=beta) for beta in betas},
    }


VARIANTS = variants_with([0.25, 4.0, 16.0])
NETWORKS: dict[str, tuple[Any, Any]] = {
    "mlp": (mlp_encoder, mlp_decoder),
    "conv": (conv_encoder, conv_decoder),
}


def train_variant(
    variant: Variant,
    x: np.ndarray,
    latent_dim: int = 8,
    hidden: int = 128,
    epochs: int = 40,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
    networks: str = "mlp",
) -> VAE:
    """Train one variant on images and return it as a `VAE`.

    Args:
        variant: the parts of a VAE to keep.
        x: images in [0, 1], (examples, *event_shape).
        latent_dim: number of latent dimensions.
        hidden: units of each of the two hidden layers of encoder and decoder, or of the dense
            layer of convolutional networks.
        epochs: passes over the data.
        batch_size: examples per step. The incomplete batch at the end of an epoch is skipped.
        learning_rate: of Adam.
        seed: int, sets Keras' global seed.
        networks: "mlp", or "conv" for convolutional networks.

    Returns:
        The trained `VAE`, not compiled.

    Raises:
        ValueError: If `x` does not hold such images, or a number is not positive.

    Example:
        >>> variant = kvae.diagnosis.VARIANTS["KL alone"]
        >>> kvae.diagnosis.train_variant(variant, x_test[:64], latent_dim=2, epochs=1).latent_dim
        2
    """
    epochs = checks.positive_int("epochs", epochs)
    batch_size = min(checks.positive_int("batch_size", batch_size), len(x))
    checks.choice("networks", networks, tuple(NETWORKS))
    keras.utils.set_random_seed(seed)
    kl = KLDivergenceRegularizer(StandardNormal(latent_dim), weight=variant.beta)
    posterior = MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    likelihood = IndependentBernoulli(x.shape[1:])
    make_encoder, make_decoder = NETWORKS[networks]
    size = {"dense": hidden} if networks == "conv" else {"hidden": (hidden, hidden)}
    encoder = make_encoder(x.shape[1:], posterior.params_size, **size)
    decoder = make_decoder(latent_dim, likelihood.params_shape, **size)

    params = encoder.output
    z = posterior(params)  # adds the KL to the losses of the model
    if not variant.sampling:
        z = params[:, :latent_dim] + 0.0 * z  # the mean; the KL stays in the graph
    trained = keras.Model(encoder.input, decoder(z) if variant.reconstruction else z)
    vae = VAE(encoder=encoder, posterior=posterior, decoder=decoder, likelihood=likelihood)
    x = one_latent_vector(vae).check(x)
    loss = NegativeLogLikelihood(likelihood) if variant.reconstruction else None
    epoch = _epoch(trained, loss, keras.optimizers.Adam(learning_rate), x)
    rng = generator(seed, Stream.ABLATION)
    for _ in range(epochs):
        order = rng.permutation(len(x))[: len(x) // batch_size * batch_size]
        epoch(tf.constant(order.reshape(-1, batch_size)))
    return vae


def _epoch(model: keras.Model, loss: Any, optimizer: Any, x: np.ndarray) -> Any:
    """Return a function that takes one optimizer step for each row of indices into `x`.

    A variant trains for seconds. Tracing what `fit` runs takes three times as long as tracing and
    running this loop.
    """
    optimizer.build(model.trainable_variables)
    data = tf.constant(x, "float32")

    def step(place: Any, batches: Any) -> Any:
        batch = tf.gather(data, batches[place])
        with tf.GradientTape() as tape:
            output = model(batch, training=True)
            total = ordered_sum(model.losses)  # the KL
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
