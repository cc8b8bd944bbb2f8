"""Write golden files: small models and bundles, with inputs and what was computed of them.

    python -m tests.goldens.make tests/goldens/v2 [FAMILY ...]

What kvae has written once, later versions read: `test_goldens.py` loads every golden file of every
folder with the code of today and compares its outputs. A folder is named after the format, v1, v2
and so on.

Add a golden

- for a new family: one entry of `FAMILIES`, written into the newest folder;
- when a format changes (the schema of the manifest, the configuration that `.keras` files hold, the
  draws of a seed): all families, written into a folder of the next number.

Never overwrite, alter or remove an old one: it stands for the files that users have. If its test
fails, the code is wrong, not the file. This script refuses a family that a folder already holds.
"""

import os
import sys
import zipfile
from pathlib import Path

os.environ.setdefault("SOURCE_DATE_EPOCH", "1764547200")  # the same bundle gives the same bytes

import keras
import numpy as np

import kvae
from tests.conformance.record import record
from tests.small import kl, make_conditional, make_hierarchy, make_vae

__all__ = ["FAMILIES", "PRESETS", "main"]

PRESETS = ["float32", "int8"]
EVENT, ROWS = 4, 12

layers, networks, priors, regularizers = kvae.layers, kvae.networks, kvae.priors, kvae.regularizers


def vae(prior=None, posterior=layers.MultivariateNormalDiag, regularizer=None, **arguments):
    """Return a VAE of rows of four numbers in [0, 1]."""
    regularizer = regularizer or regularizers.KLDivergenceRegularizer
    prior = prior or priors.StandardNormal(2)
    layer = posterior(prior.latent_dim, activity_regularizer=regularizer(prior), **arguments)
    return make_vae(EVENT, prior.latent_dim, posterior=layer)


def fitted():
    """Return a model of `fit_prior`."""
    x = np.random.default_rng(3).uniform(size=(64, EVENT)).astype("float32")
    return vae().fit_prior(x, priors.GaussianMixture(2, num_components=2), draws=2)


def with_missing():
    """Return a VAE of numbers of which some are missing."""
    return kvae.VAE(
        networks.mlp_encoder(2 * EVENT, 4, (8,)),
        layers.MultivariateNormalDiag(2, activity_regularizer=kl()),
        networks.mlp_decoder(2, (2 * EVENT,), (8,)),
        layers.IndependentNormal(EVENT, min_scale=0.1),
        missing=True,
    )


def standardized():
    """Return a VAE of raw data."""
    map_ = kvae.transforms.Standardization([9.0] * EVENT, [2.0] * EVENT)
    likelihood = layers.Transformed(layers.IndependentNormal(EVENT, min_scale=0.1), map_)
    return make_vae(EVENT, 2, likelihood=likelihood)


def of_classes():
    """Return a conditional model of three classes, which may be missing."""
    condition = kvae.conditions.Classes(3, drop=0.2)
    return make_conditional(EVENT, condition=condition, hidden=(8,))


def quantized(quantizer):
    """Return a model of a (2, 2) grid of codes."""
    shape, likelihood = (4, 4, 1), layers.IndependentBernoulli((4, 4, 1))
    return kvae.QuantizedVAE(
        networks.grid_encoder(shape, quantizer.dim, filters=(4,)),
        quantizer,
        networks.grid_decoder((2, 2, quantizer.dim), likelihood.params_shape, filters=(4,)),
        likelihood,
    )


def rows(rng):
    return {"x": rng.uniform(size=(ROWS, EVENT))}


def pictures(rng):
    return {"x": rng.uniform(size=(ROWS, 4, 4, 1))}


FAMILIES = {
    "vae": (vae, rows),
    "vae-vamp": (lambda: vae(priors.VampPrior(2, EVENT, 3)), rows),
    "vae-mixture": (lambda: vae(priors.GaussianMixture(2, 3)), rows),
    "vae-flow": (lambda: vae(priors.Flow(2, 2, (8,)), layers.InverseAutoregressiveFlow), rows),
    "vae-sphere": (lambda: vae(priors.UniformSphere(3), layers.PowerSpherical), rows),
    "vae-full-covariance": (lambda: vae(posterior=layers.MultivariateNormalTriL), rows),
    "vae-standardized": (standardized, lambda rng: {"x": rng.normal(9.0, 2.0, (ROWS, EVENT))}),
    "vae-missing": (
        with_missing,
        lambda rng: {"x": np.where(rng.uniform(size=(ROWS, EVENT)) < 0.3, np.nan, rows(rng)["x"])},
    ),
    "fitted-prior": (fitted, rows),
    "autoencoder": (
        lambda: vae(posterior=layers.Deterministic, regularizer=regularizers.NegativeLogPrior),
        rows,
    ),
    "conditional": (
        of_classes,
        lambda rng: {**rows(rng), "condition": rng.integers(3, size=ROWS).astype("int32")},
    ),
    "given-condition": (lambda: of_classes().given(1), rows),
    "hierarchical": (lambda: make_hierarchy((2, 3), (EVENT,), started=False), rows),
    "factor": (lambda: kvae.FactorVAE(**vae().parts(), discriminator_units=4), rows),
    "quantized": (lambda: quantized(layers.VectorQuantizer(6, 2)), pictures),
    "quantized-finite-scalar": (lambda: quantized(layers.FiniteScalarQuantizer([3, 2])), pictures),
}
# Of which there is a bundle, and its signatures; files are as small as that allows.
PLAIN = ("decode", "encode", "score")
BUNDLES = {
    "vae": (*PLAIN, "reconstruct", "sample", "interpolate"),
    "vae-missing": PLAIN,
    "fitted-prior": PLAIN,
    "autoencoder": PLAIN,
    "conditional": (*PLAIN, "sample"),
    "hierarchical": ("score", "reconstruct", "sample"),
    "factor": PLAIN,
    "quantized": (*PLAIN, "sample"),
    "quantized-finite-scalar": PLAIN,
}
COMPILED = ("vae", "factor")  # with one optimizer, and with two


def made(family):
    """Return a model of a family, perhaps compiled and trained for a step, and its data."""
    keras.utils.set_random_seed(1)
    make, data = FAMILIES[family]
    rng = np.random.default_rng(2)
    inputs = {
        name: value.astype("float32") if value.dtype.kind == "f" else value
        for name, value in data(rng).items()
    }
    model = make()
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1 * rng.normal(size=weight.shape))
    if family in COMPILED:
        model.compile(optimizer="adam", run_eagerly=True)
        model.fit(inputs["x"], batch_size=ROWS, verbose=0)
    return model, inputs


def deflate(path):
    """Compress the members of a `.keras` file: its HDF5 part is mostly zeros."""
    with zipfile.ZipFile(path) as archive:
        members = {entry: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in members.items():
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)


def main(folder, *families):
    """Write the golden files of families, by default of all, into a folder of a format's number."""
    for family in families or FAMILIES:
        target = Path(folder, family)
        target.mkdir(parents=True)  # an error where there is one
        model, inputs = made(family)
        model.save(target / "model.keras")
        deflate(target / "model.keras")
        np.savez(target / "inputs.npz", **inputs)
        np.savez(target / "outputs.npz", **record(model, inputs))
        if family in BUNDLES:
            kvae.export.bundle(
                model,
                target / "bundle",
                data=inputs if len(inputs) > 1 else inputs["x"],
                presets=PRESETS,
                signatures=BUNDLES[family],
                measure=False,
            )
        size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
        print(f"{family}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
