"""What an artefact is tried on, and what Keras says of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kvae.contract import Signature

__all__ = ["ROWS", "Probe", "stand_in"]

ROWS = 64


def stand_in(vae: Any, rows: int) -> np.ndarray:
    """Return decoded draws from the prior, (rows, *event_shape), for want of examples.

    They are the likelihood's means where those can be data (grey pixels), else draws from it
    (counts, classes).
    """
    z = vae.prior.distribution().sample(rows, seed=[0, 0])
    inputs = vae.named_inputs()
    try:
        return inputs.check_x(vae.decode(np.asarray(z, "float32")))
    except ValueError:
        drawn = vae.likelihood(z).sample(seed=[0, 2])
        return inputs.check_x(np.asarray(drawn, "float32"))


@dataclass(frozen=True)
class Probe:
    """Inputs for every signature, and Keras' outputs.

    Attributes:
        inputs: arrays (rows, ...) by signature and input. Of latent vectors the first half are
            draws from the prior, the second half draws from posteriors.
        expected: arrays (rows, ...) by signature and output.
    """

    inputs: dict[str, dict[str, np.ndarray]]
    expected: dict[str, dict[str, np.ndarray]]

    @classmethod
    def of(cls, vae: Any, signatures: list[Signature], data: Any = None) -> "Probe":
        """Make the inputs and run the signatures in Keras.

        Args:
            vae: the `kvae.VAE`.
            signatures: what will be exported.
            data: examples, (examples, *event_shape); by default decoded prior draws stand in.
        """
        prior = vae.prior.distribution().sample(ROWS, seed=[0, 0]).numpy().astype("float32")
        x = stand_in(vae, ROWS) if data is None else vae.named_inputs().check_x(data)
        x = np.asarray(x[np.arange(ROWS) % len(x)], "float32")
        posterior = vae.posterior(tf.constant(x)).sample(seed=[0, 1]).numpy().astype("float32")
        z = np.concatenate([prior, posterior])
        rows = np.arange(len(z), dtype="int32")
        values = {
            "z": z,
            "x": x,
            "z_a": z,
            "z_b": z[::-1].copy(),
            "t": (rows[:, None] / (len(z) - 1)).astype("float32"),
            "seed": np.stack([rows * 40503, rows], axis=1).astype("int32"),
        }
        inputs, expected = {}, {}
        for signature in signatures:
            inputs[signature.name] = {name: values[name] for name in signature.inputs}
            tensors = {name: tf.constant(values[name]) for name in signature.inputs}
            expected[signature.name] = {
                name: np.asarray(value) for name, value in signature.function(**tensors).items()
            }
        return cls(inputs, expected)
