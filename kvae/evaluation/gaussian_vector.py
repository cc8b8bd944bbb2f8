"""The view of a model that diagnosis, exploration and evaluation use.

They analyse models with one latent vector. `one_latent_vector`, `one_encoded_vector` and
`one_gaussian_vector` check this once and return a `LatentVector`; apart from it, these packages use
only the public array methods of a model (`encode`, `decode`, `reconstruct`, `sample`, `elbo`).
"""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kvae import checks
from kvae.contract import Domain
from kvae.contract.closed_form import is_on_sphere, kl_per_element
from kvae.contract.input_spec import target_of
from kvae.models.latent_model import LatentModel
from kvae.priors import StandardNormal

# The draw that comes with an inferred posterior is not used: a posterior may have no point.
ANY_SEED = (0, 0)

WITH_MOMENTS = (
    "Expected vae to have a posterior with a mean and a standard deviation, such as "
    "kvae.layers.MultivariateNormalDiag."
)

__all__ = [
    "LatentVector",
    "built_model",
    "one_encoded_vector",
    "one_gaussian_vector",
    "one_latent_vector",
]


@dataclass(frozen=True, eq=False)
class LatentVector:
    """A model with one latent vector z: p(x, z) = p(x|z) p(z), q(z|x).

    Attributes:
        latent_dim: number of latent dimensions.
        event_shape: shape of one example.
        domain: values that an example may have.
        standard_normal_prior: whether p(z) is a standard normal.
        diagonal_posterior: whether q(z|x) is a normal with independent dimensions.
        on_sphere: whether q(z|x) is a density on the unit sphere.
        model: the model itself, for what it says of its parts and its training.
        name: name of the latent group.

    Example:
        >>> from kvae.evaluation.gaussian_vector import one_gaussian_vector
        >>> vector = one_gaussian_vector(vae)
        >>> vector.latent_dim, vector.event_shape, vector.standard_normal_prior
        (2, (8, 8, 1), True)
        >>> vector.decoded(np.zeros((3, 2), "float32")).shape
        TensorShape([3, 8, 8, 1])
    """

    latent_dim: int
    event_shape: tuple[int, ...]
    domain: Domain
    standard_normal_prior: bool
    diagonal_posterior: bool
    on_sphere: bool
    model: LatentModel
    name: str

    def posterior(self, x: Any) -> Any:
        """Return q(z|x), batch (batch,), event (latent_dim,); None of a deterministic encoder."""
        inputs, _ = self.model.named_inputs().unpack(x)
        return self.model.infer(inputs, ANY_SEED)[self.name].posterior

    def example_posterior(self) -> Any:
        """Return q(z|x) of one example of zeros; None of a deterministic encoder."""
        return self.model.example_latents()[self.name].posterior

    def draw(self, x: Any, seed: Any, draws: int | None = None) -> tuple[Any, Any]:
        """Return draws z ~ q(z|x), (batch, latent_dim), and KL(q(z|x) || p(z)) in nats, (batch,).

        With `draws` K the draws are (K, batch, latent_dim). The KL is the model's own: in closed
        form, or estimated at the draws.
        """
        inputs, _ = self.model.named_inputs().unpack(x)
        latent = self.model.infer(inputs, seed, draws)[self.name]
        return latent.value, latent.kl()

    def scale_factors(self, x: Any) -> Any:
        """Return the factors L of the covariances L L^T of normal q(z|x), (batch, d, d), or None.

        None where the posterior is no normal with a full covariance.
        """
        return self.posterior(tf.convert_to_tensor(x)).parameters.get("scale_tril")

    def log_prob(self, z: Any, x: Any) -> Any:
        """Return log p(x|z) in nats, (batch,)."""
        return self.model.generate({self.name: z}).log_prob(x)

    def likelihood(self, z: Any) -> Any:
        """Return p(x|z), batch shape (batch,), event shape `event_shape`."""
        return self.model.generate({self.name: z}).distribution()

    def decoded(self, z: Any) -> Any:
        """Return what stands for x at `z`, the likelihood's mean: (batch, *event_shape)."""
        return self.model.generate({self.name: z}).center()

    def prior(self) -> Any:
        """Return p(z), batch shape (), event shape (latent_dim,)."""
        prior = self.model.example_latents()[self.name].prior
        return prior[0] if prior.batch_shape.rank else prior  # at one given condition

    def check(self, x: Any) -> Any:
        """Return `x` as an array; raise if it does not hold examples of this model.

        A dict of arrays by name where there are several inputs.
        """
        return self.model.named_inputs().check_x(x)


def built_model(model: Any, finite: bool = True) -> LatentModel:
    """Return `model`, or raise a ValueError if it is no built `LatentModel`.

    Args:
        model: a `kvae.VAE`.
        finite: whether its weights have to be finite.

    Example:
        >>> from kvae.evaluation.gaussian_vector import built_model
        >>> built_model(vae) is vae
        True
    """
    if not isinstance(model, LatentModel):
        received = repr(model)
        hint = ""
        if isinstance(model, keras.Model):
            received = f"a {type(model).__name__} model"
            hint = (
                " Assemble one from the parts of your model: kvae.VAE(encoder=..., posterior=..., "
                "decoder=..., likelihood=...), where encoder returns the parameters of the "
                "distribution layer posterior, and decoder those of likelihood"
            )
        raise ValueError(f"Expected vae to be a kvae.VAE. Received: {received:.200}.{hint}")
    if not model.built:
        raise ValueError(
            f"Expected vae to be built. Received: {model.name!r}, which has no weights yet; call "
            "its build((None, *event_shape)) first"
        )
    if finite:
        checks.finite_weights("vae", model)
    return model


def one_latent_vector(model: Any, finite: bool = True) -> LatentVector:
    """Return the view of a built model with one latent vector.

    Args:
        model: a `kvae.VAE`.
        finite: whether its weights have to be finite.

    Raises:
        ValueError: If `model` is not such a model. The message says what is needed.

    Example:
        >>> from kvae.evaluation.gaussian_vector import one_latent_vector
        >>> one_latent_vector(vae).latent_dim
        2
    """
    model = built_model(model, finite)
    groups = model.latent_specs()
    first = next(iter(groups.values()))
    if len(groups) != 1 or len(first.shape) != 1 or first.kind == "codes":
        shapes = ", ".join(
            f"{name} {spec.shape}{' of whole numbers' if spec.kind == 'codes' else ''}"
            for name, spec in groups.items()
        )
        raise ValueError(
            "Expected vae to have one latent vector, such as a kvae.VAE. Received: a "
            f"{type(model).__name__} with the latent groups {shapes}"
        )
    ((name, spec),) = groups.items()
    specs = model.named_inputs().specs
    if "condition" in specs:
        raise ValueError(
            "Expected vae to be a model without a condition: take it at one, as in "
            f"vae.given(condition). Received: a {type(model).__name__}, whose latent space depends "
            "on the condition"
        )
    target = target_of(specs)
    posterior = model.example_latents()[name].posterior
    return LatentVector(
        latent_dim=spec.shape[0],
        event_shape=tuple(int(size or 0) for size in target.shape),
        domain=target.domain,
        standard_normal_prior=isinstance(model.prior, StandardNormal),
        diagonal_posterior=posterior is not None
        and kl_per_element(posterior, posterior) is not None,
        on_sphere=posterior is not None and bool(is_on_sphere(posterior)),
        model=model,
        name=name,
    )


def one_encoded_vector(model: Any, finite: bool = True) -> LatentVector:
    """Return the view of a built model whose `encode` gives one code for each example.

    That is the mean of the posterior, or what a deterministic encoder emits.

    Args:
        model: a `kvae.VAE`.
        finite: whether its weights have to be finite.

    Raises:
        ValueError: If `model` is not such a model. The message says what is needed.

    Example:
        >>> from kvae.evaluation.gaussian_vector import one_encoded_vector
        >>> one_encoded_vector(vae).latent_dim
        2
    """
    vector = one_latent_vector(model, finite)
    posterior = vector.example_posterior()
    try:
        if posterior is not None:
            posterior.mean()
            posterior.stddev()
    except NotImplementedError:
        raise ValueError(
            f"{WITH_MOMENTS} Received: a {type(model).__name__} whose posterior is a "
            f"{type(posterior).__name__}"
        ) from None
    return vector


def one_gaussian_vector(model: Any, finite: bool = True) -> LatentVector:
    """Return the view of a built model whose posterior has a mean and a standard deviation.

    The analyses that use it treat the posterior as a normal with these moments.

    Args:
        model: a `kvae.VAE`.
        finite: whether its weights have to be finite.

    Raises:
        ValueError: If `model` is not such a model. The message says what is needed.

    Example:
        >>> from kvae.evaluation.gaussian_vector import one_gaussian_vector
        >>> one_gaussian_vector(vae).diagonal_posterior
        True
    """
    vector = one_encoded_vector(model, finite)
    if vector.example_posterior() is None:
        raise ValueError(
            f"{WITH_MOMENTS} Received: a {type(model).__name__} with a deterministic encoder, "
            "whose codes have neither noise nor a KL. Train it with such a posterior; as it is, "
            "kvae.evaluation.active_units, kvae.interpolate, kvae.traverse, kvae.nearest and "
            "kvae.attribute_vector take it, and vae.fit_prior gives it a prior to sample from."
        )
    return vector
