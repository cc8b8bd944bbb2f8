"""Models that are no plain VAE: a condition beside x, and several latent vectors."""

import keras
import numpy as np
import tensorflow as tf

import kvae
from kvae.contract import Domain, InputSpec, Signature
from kvae.models.batches import BatchedFunction
from kvae.models.public_methods import HierarchyPublicMethods
from kvae.outputs import decoded
from kvae.threefry import seed_rows
from tests.models.test_new_family import BOTTOM, FEATURES, TOP, Ladder
from tests.small import make_vae

CLASSES = 3


@keras.saving.register_keras_serializable(package="tests_export")
class Conditional(kvae.VAE):
    """p(x|z, c) and q(z|x, c): embeddings of the class c are added to z and to q's parameters."""

    def build(self, input_shape):
        size = self.posterior_layer.params_size
        self.shift = keras.layers.Embedding(CLASSES, self.latent_dim, name="shift")
        self.lean = keras.layers.Embedding(CLASSES, size, name="lean")
        for layer in (self.shift, self.lean):
            layer.build((None,))
        super().build(input_shape)

    def float32_copy(self, replace=None):
        copied = super().float32_copy(replace)
        for name in ("shift", "lean"):
            getattr(copied, name).set_weights(getattr(self, name).get_weights())
        return copied

    def input_specs(self):
        domain = Domain(0, CLASSES - 1, integer=True, hint="Classes count from 0.")
        return {**super().input_specs(), "condition": InputSpec((), "int32", domain)}

    def _posterior_params(self, inputs, training):
        return super()._posterior_params(inputs, training) + self.lean(inputs["condition"])

    def generate(self, latents, condition=None, training=False):
        shifted = latents["z"] + self.shift(condition)
        return super().generate({"z": shifted}, training=training)

    def signatures(self):
        class_input = {"condition": ((), tf.int32)}
        functions = self.tensor_functions()
        return [
            Signature(each.name, {**each.inputs, **class_input}, functions[each.name])
            for each in super().signatures()
        ]

    def decode(self, z, batch_size=None, condition=None):
        inputs = {"z": np.asarray(z, "float32"), "condition": np.asarray(condition)}
        return decoded(self.run("decode", inputs, batch_size))

    def sample(self, n, seed=None, batch_size=None, kind="mean", condition=None):
        chosen = self._draw_seed(seed)
        rows = seed_rows(tf.range(n), chosen[0]).numpy()
        condition = np.asarray(condition)
        if kind == "mean":
            return decoded(self.run("sample", {"seed": rows, "condition": condition}, batch_size))
        function = BatchedFunction(self.tensor_functions()["generate"])
        return function({"rows": rows, "condition": condition}, batch_size, seed=chosen)["draw"]


def make_conditional(event_shape=(6,), latent_dim=2, **kwargs):
    """Return a small conditional model whose classes differ."""
    vae = make_vae(event_shape, latent_dim, **kwargs)
    model = Conditional(vae.encoder, vae.posterior_layer, vae.decoder, vae.likelihood_layer)
    rng = np.random.default_rng(1)
    for layer in (model.shift, model.lean):
        layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return model


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
