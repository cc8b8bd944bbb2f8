"""Models that are no plain VAE: a condition beside x, and several latent vectors."""

import keras
import numpy as np
import tensorflow as tf

import kvae
from kvae.contract import Signature
from kvae.models.public_methods import HierarchyPublicMethods
from tests import small
from tests.models.test_new_family import BOTTOM, FEATURES, TOP, Ladder

CLASSES = 3


def make_conditional(event_shape=(6,), latent_dim=2, **kwargs):
    """Return a small conditional model."""
    condition = kvae.conditions.Classes(CLASSES)
    return small.make_conditional(event_shape, latent_dim, condition=condition, **kwargs)


def examples(rows=40, event_shape=(6,)):
    """Return x and a class for each row."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(rows, *event_shape)).astype("float32")
    return {"x": x, "condition": rng.integers(CLASSES, size=rows)}


@keras.saving.register_keras_serializable(package="tests_export")
class Hierarchy(Ladder):
    """The hierarchy of `tests/models/test_new_family.py` with a signature of its own, `encode`."""

    def signatures(self):
        x = {"x": ((FEATURES,), tf.float32)}
        return [*super().signatures(), Signature("encode", x, self.tensor_functions()["encode"])]

    def tensor_functions(self):
        def encode(x):
            moments = {}
            for name, latent in self.infer({"x": x}, None).items():
                moments[f"{name}_mean"] = latent.posterior.mean()
                moments[f"{name}_stddev"] = latent.posterior.stddev()
            return moments

        return {**super().tensor_functions(), "encode": encode}

    def encode(self, x):
        found = self.run("encode", self.named_inputs().check_x(x))
        return {name: (found[f"{name}_mean"], found[f"{name}_stddev"]) for name in SHAPES}

    def public_methods(self):
        return HierarchyPublicMethods(self)


SHAPES = {"z2": (TOP,), "z1": (BOTTOM,)}
