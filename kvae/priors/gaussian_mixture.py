"""A learned mixture of Gaussians as the prior."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae import checks
from kvae.priors.prior import SCALE_FLOOR, VectorPrior, floored_scale
from kvae.special_functions import one_hot, softplus_inverse

__all__ = ["GaussianMixture", "pick_component"]


@keras.saving.register_keras_serializable(package="kvae")
class GaussianMixture(VectorPrior):
    """p(z) = sum_k pi_k N(z; m_k, diag(s_k^2)), with learned weights, means and scales.

    It starts near N(0, I): means drawn from N(0, I / 2), scales of sqrt(1/2). The KL to it has no
    closed form and is estimated by Monte Carlo.

    Args:
        event_shape: int d, the number of latent dimensions.
        num_components: int K, the number of Gaussians.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If a size is not a positive integer.

    Example:
        >>> prior = kvae.priors.GaussianMixture(2, num_components=10)
        >>> prior.distribution().sample(5).shape
        TensorShape([5, 2])
        >>> kvae.regularizers.KLDivergenceRegularizer(prior)
        KLDivergenceRegularizer(prior='GaussianMixture(2)', weight=1.0)

    References:
        Dilokthanakul et al.: Deep Unsupervised Clustering with Gaussian Mixture Variational
        Autoencoders, 2016, https://arxiv.org/abs/1611.02648 (there with an encoder of the
        component; here the mixture stands alone, as "MoG" in section 4 of
        https://arxiv.org/abs/1705.07120)
    """

    def __init__(self, event_shape: Any, num_components: int = 10, **kwargs: Any):
        super().__init__(event_shape, **kwargs)
        self.num_components = checks.positive_int("num_components", num_components)

    def build(self, input_shape: Any = None) -> None:
        """Create the mixture's weights."""
        shape = (self.num_components, self.latent_dim)
        self.logits = self.add_float32_weight(shape[:1], "zeros", "logits")
        spread = keras.initializers.RandomNormal(stddev=0.5**0.5)
        self.loc = self.add_float32_weight(shape, spread, "loc")
        constant = keras.initializers.Constant(softplus_inverse(0.5**0.5 - SCALE_FLOOR))
        self.raw_scale = self.add_float32_weight(shape, constant, "raw_scale")
        super().build(input_shape)

    def scale(self) -> Any:
        """Return the standard deviations of the components, shape (K, d)."""
        return floored_scale(self.raw_scale)

    def make_distribution(self, condition: Any = None) -> Any:
        """Return `tfd.MixtureSameFamily` of event shape (d,)."""
        normals = tfd.Normal(tf.convert_to_tensor(self.loc), self.scale())
        return tfd.MixtureSameFamily(
            tfd.Categorical(tf.convert_to_tensor(self.logits)), tfd.Independent(normals, 1)
        )

    @property
    def normals(self) -> int:
        """How many standard normals `from_normal` turns into one draw."""
        return self.latent_dim + 2 * self.num_components

    def from_normal(self, normal: Any, condition: Any = None) -> Any:
        """Return draws made of given standard normals, (batch, d)."""
        if not self.built:
            self.build()
        noise, race = tf.split(normal, [self.latent_dim, 2 * self.num_components], axis=-1)
        chosen = pick_component(race, tf.nn.softmax(self.logits))
        return chosen @ self.loc + (chosen @ self.scale()) * noise

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this prior again."""
        return {**super().get_config(), "num_components": self.num_components}


def pick_component(normal: Any, weights: Any) -> Any:
    """Return one-hot draws of a component, made of given standard normals.

    Half the squared length of two normals is exponential with rate 1. The first of K arrivals
    with rates pi_k is k with probability pi_k.

    Args:
        normal: independent standard normals, (batch, 2 K).
        weights: probabilities of the components, (K,).

    Returns:
        float tensor (batch, K), one at the component and zero elsewhere.
    """
    first, second = tf.split(normal, 2, axis=-1)
    arrival = (first * first + second * second) / tf.maximum(weights, 1e-30)
    return one_hot(tf.argmin(arrival, axis=-1), weights.shape[-1])
