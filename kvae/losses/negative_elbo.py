"""The negative evidence lower bound."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from kvae.contract import Batch, Latent, Term
from kvae.losses.objective import Objective
from kvae.sums import ordered_sum

__all__ = ["NegativeELBO"]


@keras.saving.register_keras_serializable(package="kvae")
class NegativeELBO(Objective):
    """nll + sum over the latent groups of weight * KL, in nats.

        ELBO = E_q[log p(x|z)] - KL(q(z|x) || p(z)).

    The terms are `nll`, and for each latent group those of its KL regularizers (`kl`, `free_bits`,
    `capacity`). With several groups a name is preceded by that of its group, as in `z1_kl`, and
    `kl` is the sum. Where no term with a weight is the KL itself it is reported as `kl` with a
    weight of zero.

    With K draws the mean of the likelihood over them takes the place of that at one; the decoder
    computes K times as much.

    Args:
        draws: int K, draws for each example; by default one.

    Example:
        >>> vae.compile("adam", loss=kvae.losses.NegativeELBO())
        >>> logs = vae.evaluate(x_test[:32], verbose=0, return_dict=True, seed=0)
        >>> abs(logs["loss"] - (logs["nll"] + logs["kl"])) < 1e-3
        True

    References:
        Kingma, Welling: Auto-Encoding Variational Bayes, 2014, https://arxiv.org/abs/1312.6114
    """

    def check(self, model: Any) -> None:
        """Raise if several draws are asked of a model whose x determines its codes."""
        codes = any(spec.kind == "codes" for spec in model.latent_specs().values())
        if codes and self.draws is not None:
            raise ValueError(
                "Expected draws=None for a model of codes: x determines them, there is nothing to "
                f"draw. Received: draws={self.draws} and a {type(model).__name__}"
            )

    def terms(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        latents: Mapping[str, Latent],
        batch: Batch,
    ) -> list[Term]:
        """Return `nll` and the terms of the KL, see `Objective.terms`."""
        if self.draws is None:
            nll = self.nll(self.likelihood(model, inputs, latents, batch), inputs)
        else:
            log_likelihood = self.log_likelihood(model, inputs, latents, batch)
            nll = -tf.reduce_mean(log_likelihood, axis=0)
        terms = [Term("nll", nll)]
        kls = []
        for name, latent in latents.items():
            if not latent.has_kl:
                continue
            kls.append(tf.cast(latent.kl(), nll.dtype))
            prefix = group_prefix(name, latents)
            parts = kl_parts(latent.regularizer) if latent.regularizer is not None else ()
            terms += [part.term(latent, batch, prefix) for part in parts]
        if kls and "kl" not in {term.name for term in terms}:
            terms.append(Term("kl", ordered_sum(kls), 0.0))
        return terms

    def term_names(self, model: Any) -> list[str]:
        """Return the names of the terms, see `Objective.term_names`."""
        regularizers = model.regularizers()
        names = [
            group_prefix(latent, regularizers) + part.name
            for latent, regularizer in regularizers.items()
            for part in (kl_parts(regularizer) if regularizer is not None else ())
        ]
        has_kl = names or any(spec.kind == "codes" for spec in model.latent_specs().values())
        return ["nll", *names, *(["kl"] if has_kl and "kl" not in names else [])]


def kl_parts(regularizer: Any) -> tuple[Any, ...]:
    """Return the parts of a regularizer that are made of the KL to a prior."""
    return tuple(part for part in regularizer.parts if part.is_kl)


def group_prefix(latent: str, latents: Mapping[str, Any]) -> str:
    """Return what precedes the names of a latent group's terms; nothing where it is alone."""
    return "" if len(latents) == 1 else f"{latent}_"
