"""The variational autoencoder as a Keras model."""

from typing import Any

import keras
import tensorflow as tf

from kvae.layers import DistributionLayer
from kvae.models.latent_model import LatentModel, floats
from kvae.priors import Prior, StandardNormal
from kvae.regularizers import KLDivergenceRegularizer
from kvae.regularizers.regularizer import weighted_mean
from kvae.training.distribute import shared

__all__ = ["VAE"]


@keras.saving.register_keras_serializable(package="kvae")
class VAE(LatentModel):
    """A variational autoencoder, trained by `compile` and `fit` like any Keras model.

    It maximizes the evidence lower bound, summed over the event and averaged over the batch, in
    nats:

        ELBO = E_q[log p(x|z)] - KL(q(z|x) || p(z)),        loss = nll + kl_weight * kl + others.

    `fit` and `evaluate` report `loss`, `nll`, `kl`, `elbo` (with a weight of one, whatever
    `kl_weight` is) and `kl_weight`. Metrics given to `compile` compare the data with the
    likelihood's mean.

    Args:
        encoder: `keras.Model` (batch, *event_shape) -> the posterior's parameters.
        posterior: distribution layer over the latent vector, with a
            `KLDivergenceRegularizer` as its `activity_regularizer`.
        decoder: `keras.Model` (batch, latent_dim) -> the likelihood's parameters.
        likelihood: distribution layer over the data.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the four parts do not fit each other.

    Example:
        >>> kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
        >>> posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
        >>> likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
        >>> vae = kvae.VAE(
        ...     encoder=kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size),
        ...     posterior=posterior,
        ...     decoder=kvae.networks.mlp_decoder(2, likelihood.params_shape),
        ...     likelihood=likelihood,
        ... )
        >>> vae.compile(optimizer="adam")
        >>> x_train, x_test = kvae.data.digits()
        >>> history = vae.fit(x_train[:64], epochs=1, verbose=0)
        >>> sorted(history.history)
        ['elbo', 'kl', 'kl_weight', 'loss', 'nll']
        >>> vae.sample(3, seed=0).shape
        (3, 8, 8, 1)

    References:
        Kingma, Welling: Auto-Encoding Variational Bayes, 2014, https://arxiv.org/abs/1312.6114
    """

    def __init__(
        self,
        encoder: keras.Model,
        posterior: DistributionLayer,
        decoder: keras.Model,
        likelihood: DistributionLayer,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, layer in (("posterior", posterior), ("likelihood", likelihood)):
            if not isinstance(layer, DistributionLayer):
                raise ValueError(
                    f"Expected {name} to be a kvae distribution layer. Received: {layer!r}"
                )
        if len(posterior.event_shape) != 1:
            raise ValueError(
                "Expected posterior to have events of shape (latent_dim,). Received: event_shape="
                f"{posterior.event_shape}"
            )
        self.encoder = encoder
        self.posterior_layer = posterior
        self.decoder = decoder
        self.likelihood_layer = likelihood
        self.latent_dim = posterior.event_shape[0]
        terms = posterior.regularizer.terms if posterior.regularizer is not None else ()
        kls = [term for term in terms if isinstance(term, KLDivergenceRegularizer)]
        absent = KLDivergenceRegularizer(StandardNormal(self.latent_dim), weight=0.0)
        self._kl = kls[0] if kls else absent
        if self.prior.event_size != self.latent_dim:
            raise ValueError(
                f"Expected the prior to have the posterior's {self.latent_dim} dimensions. "
                f"Received: {type(self.prior).__name__}({self.prior.event_size})"
            )
        self.prior.bind(self.posterior)
        self.trackers = [
            keras.metrics.Mean(name=name) for name in ("loss", "nll", "kl", "elbo", "kl_weight")
        ]
        if encoder.built:
            self.build(encoder.input_shape)

    # -- structure ---------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Build and check the parts for data of shape (batch, *event_shape)."""
        if not self.encoder.built:
            self.encoder.build(input_shape)
        params_shape = self.encoder.compute_output_shape(input_shape)
        _check_fit("encoder", params_shape, self.posterior_layer, "posterior")
        if not self.posterior_layer.built:
            self.posterior_layer.build(params_shape)
        latent_shape = (None, self.latent_dim)
        if not self.decoder.built:
            self.decoder.build(latent_shape)
        elif tuple(self.decoder.input_shape) != latent_shape:
            raise ValueError(
                f"Expected decoder to take inputs of shape (batch, {self.latent_dim}), the "
                "posterior's event. Received: a decoder with input shape "
                f"{self.decoder.input_shape}"
            )
        params_shape = self.decoder.compute_output_shape(latent_shape)
        _check_fit("decoder", params_shape, self.likelihood_layer, "likelihood")
        if not self.likelihood_layer.built:
            self.likelihood_layer.build(params_shape)
        self.built = True

    @property
    def prior(self) -> Prior:
        """The prior over the latent vector."""
        return self._kl.prior

    def kl_divergence(self, posterior: Any, z: Any) -> Any:
        """Return KL(posterior || prior) of each example in nats, shape (batch,).

        Args:
            posterior: what `posterior(x)` returned.
            z: draws from it, (batch, latent_dim), used where the KL has no closed form.
        """
        return self._kl.divergence(posterior, z)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return the likelihood's parameters, shape (batch, *params_shape)."""
        z = self.posterior_layer(self.encoder(x, training=training), training=training)
        return self.decoder(z, training=training)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this model again."""
        return {
            "name": self.name,
            "dtype": self.dtype_policy,
            "encoder": self.encoder,
            "posterior": self.posterior_layer,
            "decoder": self.decoder,
            "likelihood": self.likelihood_layer,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "VAE":
        """Return the model that `get_config` described, with fresh weights."""
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(part, custom_objects)
                if isinstance(part, dict)
                else part
                for name, part in config.items()
            }
        )

    # -- training ----------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Any]:
        """The five trackers of the ELBO, then the metrics given to `compile`."""
        own = {tracker.name for tracker in self.trackers}
        return [*self.trackers, *(m for m in super().metrics if m.name not in own)]

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of the optimizer on one batch; called by `fit`."""
        x, target, sample_weight = _unpack(data)
        with tf.GradientTape() as tape:
            terms = self._elbo_terms(x, target, sample_weight, training=True)
            # Under tf.distribute each replica adds its share of the global batch's mean.
            scaled = self.optimizer.scale_loss(terms["loss"] * terms["share"])
        variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self._report(x, target, sample_weight, terms)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Score one batch; called by `evaluate`."""
        x, target, sample_weight = _unpack(data)
        terms = self._elbo_terms(x, target, sample_weight, training=False)
        return self._report(x, target, sample_weight, terms)

    def predict_step(self, data: Any) -> Any:
        """Reconstruct one batch; called by `predict`."""
        x = _unpack(data)[0]
        _, filled = shared(x)
        return self._reconstruct(filled)[: tf.shape(x)[0]]

    def _elbo_terms(self, x: Any, target: Any, sample_weight: Any, training: bool) -> Any:
        """Return the batch means of nll and kl in nats, the loss, and the decoder's output."""
        examples = tf.shape(x)[0]
        share, x, target, sample_weight = shared(x, target, sample_weight)
        posterior_params = self.encoder(x, training=training)
        posterior = self.posterior_layer.distribution(posterior_params)
        step = self.posterior_layer.step()
        z = self.posterior_layer(
            posterior_params,
            training=training,
            sample_weight=sample_weight,
            distribution=posterior,  # a flow knows the density of its own draws alone
        )
        likelihood_params = self.decoder(z, training=training)
        log_prob = self.likelihood_layer.log_prob(likelihood_params, target, training=training)

        nll = weighted_mean(-log_prob, sample_weight)
        kl = weighted_mean(
            self._kl.divergence(posterior, tf.cast(z, posterior.dtype)), sample_weight
        )
        penalties = [tf.cast(loss, nll.dtype) for loss in self.losses]  # kl_weight * kl and others
        return {
            "loss": tf.add_n([nll, *penalties]),
            "nll": nll,
            "kl": kl,
            "elbo": -(nll + kl),
            "kl_weight": self._kl.weight_at(step),
            "share": share,
            "params": likelihood_params[:examples],
        }

    def _report(self, x: Any, target: Any, sample_weight: Any, terms: Any) -> dict[str, Any]:
        examples = tf.shape(x)[0]
        for tracker in self.trackers:
            tracker.update_state(terms[tracker.name], sample_weight=examples)
        return self.compute_metrics(x, target, terms["params"], sample_weight)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Update the metrics given to `compile` with the data and the likelihood's mean."""
        if len(self.metrics) > len(self.trackers):
            y_pred = self.likelihood_layer.mean(y_pred)
        return super().compute_metrics(x, x if y is None else y, y_pred, sample_weight)


def _check_fit(
    network: str, shape: tuple[int | None, ...], layer: DistributionLayer, role: str
) -> None:
    """Raise if the output of a network is not what the distribution layer after it reads."""
    accepted = {layer.params_shape, (layer.params_size,)}
    if tuple(shape)[1:] not in accepted:
        expected = " or ".join(str((None, *params)) for params in sorted(accepted, key=len))
        raise ValueError(
            f"Expected {network} to emit the parameters of the {role}, "
            f"{type(layer).__name__}({layer.event_shape}): output shape {expected}. Received: "
            f"{shape}. Give the {network} {role}.params_size or {role}.params_shape."
        )


def _unpack(data: Any) -> tuple[Any, Any, Any]:
    """Return x, the target (x itself by default) and the sample weights, as float tensors."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    x = floats(x)
    return x, x if y is None else floats(y), sample_weight
