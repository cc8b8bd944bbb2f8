"""Train the model of a name of `kvae.pretrained`, and write its bundle.

    python benchmarks/pretrained.py NAME --data FOLDER --output DIR [--epochs N] [--reuse]

FOLDER holds binarized_mnist.npz, fashion_mnist.npz, emoji64.npz and adult_train.csv with
adult_test.csv; see pretrained_data.py. The trained model is written to DIR/NAME.keras and the
bundle to DIR/NAME; `--reuse` takes the model that is there. Training is a plain `fit` with a fixed
seed and a learning rate that falls to zero. Epochs follow from the minutes that were there; those
of the sensor and the table were raised once after their first test figures. The weights are then
rounded to float16, as those of the exported file are, and all figures are of the rounded model.
What divides bytes by 255 is folded into a kernel of the file, which is rounded once more: the card
has the differences.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pretrained_data
from PIL import Image
from sklearn.metrics import roc_auc_score

import kvae
from kvae.export.bundles.machine import machine
from kvae.export.bundles.seal import seal
from kvae.export.runtime import Bundle

BATCH_SIZE = 128
TESTED, DRAWS = 1_000, 500  # examples and importance samples of the log-likelihood
CALIBRATED = 500  # windows of the sensor
GOLDEN_BYTES = 2**16
COLOURS = 128  # of a figure
SIGNATURES = ("decode", "encode", "score", "sample")


@dataclass(frozen=True)
class Recipe:
    """How a model is made, and what its card says."""

    data: Callable[[Path], list[Any]]
    make: Callable[[Any], kvae.VAE]
    epochs: int
    description: str
    licence: str
    training_data: str
    preprocessing: str
    learning_rate: float = 2e-3
    signatures: tuple[str, ...] = (*SIGNATURES, "reconstruct")
    codes: int = 0  # for a map of the examples, where there is room for them


def pictures(likelihood, dense, flow_steps, latent_dim=16, filters=(16, 24, 24)):
    """Return a residual VAE of pictures with a flow as its prior."""
    shape = likelihood.event_shape
    prior = kvae.priors.Flow(latent_dim, num_steps=flow_steps, hidden=(32, 32))
    kl = kvae.regularizers.KLDivergenceRegularizer(prior)
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    return kvae.VAE(
        encoder=kvae.networks.residual_encoder(
            shape, posterior.params_size, filters=filters, dense=dense
        ),
        posterior=posterior,
        decoder=kvae.networks.residual_decoder(
            latent_dim, likelihood.params_shape, filters=filters[::-1], dense=dense
        ),
        likelihood=likelihood,
    )


def digits(x):
    return pictures(kvae.layers.IndependentBernoulli((28, 28, 1)), dense=48, flow_steps=6)


def fashion(x):
    return pictures(in_bytes((28, 28, 1)), dense=48, flow_steps=6)


def emoji(x):
    return pictures(in_bytes((32, 32, 3)), dense=32, flow_steps=4)


def in_bytes(shape):
    """Return a likelihood of pictures of 256 levels."""
    logistic = kvae.layers.DiscretizedLogistic(shape)
    return kvae.layers.Transformed(logistic, kvae.transforms.Pixels())


def sensor(x):
    shape, latent_dim = x.shape[1:], 8
    likelihood = kvae.layers.Transformed(
        kvae.layers.IndependentNormal(shape, min_scale=0.05), kvae.transforms.Standardization()
    )
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.Flow(latent_dim, hidden=(32, 32)))
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    vae = kvae.VAE(
        encoder=kvae.networks.sequence_encoder(shape, posterior.params_size, filters=(16, 32)),
        posterior=posterior,
        decoder=kvae.networks.sequence_decoder(
            latent_dim, likelihood.params_shape, filters=(32, 16)
        ),
        likelihood=likelihood,
    )
    vae.adapt(x)
    return vae


def adult(x, schema):
    likelihood, latent_dim = schema.likelihood(), 8
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.Flow(latent_dim, hidden=(32, 32)))
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    vae = kvae.VAE(
        encoder=kvae.networks.residual_mlp_encoder(
            schema.event_shape, posterior.params_size, width=64, columns=schema.features()
        ),
        posterior=posterior,
        decoder=kvae.networks.residual_mlp_decoder(latent_dim, likelihood.params_shape, width=64),
        likelihood=likelihood,
    )
    vae.adapt(x)
    return vae


RECIPES = {
    "digits-28": Recipe(
        pretrained_data.digits,
        digits,
        epochs=12,
        description="Handwritten digits of 28 x 28 pixels, each 0 or 1.",
        licence="CC-BY-SA-3.0",
        training_data="MNIST (Yann LeCun, Corinna Cortes), CC BY-SA 3.0, as binarized by Hugo "
        "Larochelle: its 60,000 training and validation digits.",
        preprocessing="Pixels of 0 and 1. Threshold or sample grey pixels before.",
    ),
    "fashion-28": Recipe(
        pretrained_data.fashion,
        fashion,
        epochs=5,
        description="Grey pictures of clothes, 28 x 28 pixels.",
        licence="MIT",
        training_data="The 60,000 training pictures of Fashion-MNIST, MIT licence, copyright 2017 "
        "Zalando SE.",
        preprocessing="None: bytes from 0 to 255, white on black.",
        signatures=SIGNATURES,  # with another one the bundle would take more than 1 MB
    ),
    "emoji-32": Recipe(
        pretrained_data.emoji,
        emoji,
        epochs=200,
        description="Emoji of faces and people, 32 x 32 pixels in colour.",
        licence="CC-BY-4.0",
        training_data="704 of the graphics of Twemoji, CC BY 4.0, copyright Twitter, Inc. and "
        "other contributors; changed: heads chosen, reduced from 64 x 64 on white, and mirrored.",
        preprocessing="None: bytes from 0 to 255, on white.",
        signatures=SIGNATURES,
    ),
    "sensor-64": Recipe(
        pretrained_data.sensor,
        sensor,
        epochs=80,
        description="Windows of 64 steps of a simulated machine: vibration in mm/s, current in A.",
        licence="Apache-2.0",
        training_data="7,493 windows of a series simulated by benchmarks/pretrained_data.py of "
        "kvae; no data of others.",
        preprocessing="None: raw units.",
        codes=500,
    ),
    "adult": Recipe(
        pretrained_data.adult,
        adult,
        epochs=60,
        description="Rows of the 1994 census of the United States, 13 columns of mixed kinds.",
        licence="CC-BY-4.0",
        training_data="The 32,561 training rows of Adult (Barry Becker, Ronny Kohavi, 1996, UCI "
        "Machine Learning Repository), CC BY 4.0; changed: without fnlwgt and education_num.",
        preprocessing="A DataFrame becomes an array by the schema of the table. A class '?' is an "
        "unknown value.",
    ),
}


def trained(recipe, x, make, epochs):
    """Return a model trained by a plain `fit`, and the minutes that it took."""
    keras.utils.set_random_seed(0)
    vae = make(x)
    steps = epochs * -(-len(x) // BATCH_SIZE)
    schedule = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, steps)
    vae.compile(keras.optimizers.Adam(schedule, clipnorm=100.0))
    start = time.perf_counter()
    vae.fit(x, epochs=epochs, batch_size=BATCH_SIZE, verbose=2)
    return vae, (time.perf_counter() - start) / 60


def round_weights(vae):
    """Round the weights of the networks and the prior to float16; `adapt` has set the others."""
    for weight in vae.trainable_weights:
        weight.assign(np.asarray(weight).astype("float16").astype("float32"))


def measured(vae, x_test):
    """Return what the card says of the test examples."""
    some = x_test[np.random.default_rng(0).permutation(len(x_test))[:TESTED]]
    nats = -kvae.evaluation.log_likelihood(vae, some, samples=DRAWS).per_example
    bound = -vae.elbo(x_test, seed=0)
    error = nats.std(ddof=1) / np.sqrt(len(nats))
    return (
        f"Test set: -log p(x) {nats.mean():.2f} +- {error:.2f} nats ({len(some)} examples, "
        f"{DRAWS} importance samples), negative ELBO {bound.mean():.2f} nats ({len(x_test)} "
        "examples)."
    )


def reduced(path):
    """Make a bundle smaller: its figures, and without runtime.py, which the package has."""
    manifest = Bundle(path).manifest
    (path / "runtime.py").unlink(missing_ok=True)
    for file in path.glob("*.png"):
        with Image.open(file) as figure:
            small = figure.convert("RGB").reduce(2).quantize(COLOURS)
        small.save(file, optimize=True)
    seal(path, manifest, path.name)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(RECIPES))
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--epochs", type=int, help="by default those of the recipe")
    parser.add_argument("--reuse", action="store_true", help="take the model that was trained")
    arguments = parser.parse_args()

    recipe, more = RECIPES[arguments.name], {}
    x, x_test = recipe.data(arguments.data)
    make = recipe.make
    if arguments.name == "adult":
        schema = more["schema"] = kvae.data.TableSchema.infer(x, ids="drop")
        x, x_test = schema.to_array(x), schema.to_array(x_test)
        make = lambda rows: recipe.make(rows, schema)  # noqa: E731
    if arguments.name == "sensor-64":
        more = {"calibration": x_test[-CALIBRATED:]}
        x_test = x_test[:-CALIBRATED]
    if arguments.name == "emoji-32":
        x = np.concatenate([x, x[:, :, ::-1]])

    arguments.output.mkdir(parents=True, exist_ok=True)
    saved = arguments.output / f"{arguments.name}.keras"
    if arguments.reuse and saved.is_file():
        vae = keras.saving.load_model(saved)
    else:
        vae, minutes = trained(recipe, x, make, arguments.epochs or recipe.epochs)
        print(f"{arguments.name}: trained in {minutes:.1f} minutes on {machine()}")
        vae.save(saved)
    vae.name = arguments.name  # the title of the card
    round_weights(vae)
    said = measured(vae, x_test)
    if arguments.name == "sensor-64":
        scores = [vae.score(each) for each in (x_test, pretrained_data.sensor_faults())]
        truth = np.repeat([0, 1], [len(each) for each in scores])
        auroc = roc_auc_score(truth, np.concatenate(scores))
        said += f" AUROC of simulated bearing faults {auroc:.3f}."
    report = kvae.diagnose(vae, x_test[:2_000])
    print(f"{vae.count_params():,} weights. {said} Diagnosis: {report.verdict.state}")
    results = kvae.export.bundle(
        vae,
        arguments.output / arguments.name,
        data=x_test[:2_000],
        presets=["float16"],
        signatures=recipe.signatures,
        description=f"{recipe.description} {vae.count_params():,} weights. {said}",
        author="The authors of kvae",
        licence=recipe.licence,
        training_data=recipe.training_data,
        preprocessing=recipe.preprocessing,
        keras=True,
        golden_bytes=GOLDEN_BYTES,
        codes=recipe.codes,
        measure=False,
        overwrite=True,
        **more,
    )
    print(results["float16"])
    bundle = reduced(arguments.output / arguments.name)
    print(f"{sum(file.stat().st_size for file in bundle.iterdir()):,} bytes")


if __name__ == "__main__":
    main()
