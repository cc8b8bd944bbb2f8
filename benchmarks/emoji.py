"""Do residual networks model colour pictures better than plain convolutions in the same time?

    python benchmarks/emoji.py --data emoji64.npz [--minutes 8] [--output FOLDER]

DATA holds `x`, uint8, (pictures, height, width, channels); a tenth of them is held out. Both
contenders have the same likelihood, a logistic rounded to 256 levels, the same latent dimensions,
optimizer and batches. They train in turns of a few batches. The minutes are of processor time,
which other programs on the machine change less than the time on the clock; the first turn of each,
in which the step is traced, is not counted. The score is minus the ELBO in bits per dimension, an
upper bound on the length of a code. The residual VAE is then exported in float32 and in int8; the
output gives the time of `decode` in LiteRT and the PSNR against Keras.
"""

import argparse
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

import kvae
from kvae.export.bundles.machine import machine

NETWORKS = {
    "convolutional": (kvae.networks.conv_encoder, kvae.networks.conv_decoder),
    "residual": (kvae.networks.residual_encoder, kvae.networks.residual_decoder),
}
FILTERS = (32, 64, 128)
LEVELS = 256


def read(path, seed):
    """Return training and held-out pictures in [0, 1]."""
    with np.load(path) as arrays:
        pictures = arrays["x"]
    order = np.random.default_rng(seed).permutation(len(pictures))
    x = (pictures[order] / (LEVELS - 1)).astype("float32")
    cut = len(x) // 10
    return x[cut:], x[:cut]


def make_vae(name, shape, latent_dim):
    """Return an uncompiled VAE with the networks of a name."""
    encoder, decoder = NETWORKS[name]
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(latent_dim))
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    likelihood = kvae.layers.DiscretizedLogistic(shape, LEVELS)
    return kvae.VAE(
        encoder=encoder(shape, posterior.params_size, filters=FILTERS),
        posterior=posterior,
        decoder=decoder(latent_dim, likelihood.params_shape, filters=FILTERS[::-1]),
        likelihood=likelihood,
    )


def train(models, x, arguments):
    """Train every model for the same processor time, in turns; return the steps of each."""
    spent, steps, turns = (dict.fromkeys(models, 0) for _ in range(3))
    order = np.random.default_rng(arguments.seed)
    for model in models.values():
        model.compile(keras.optimizers.Adam(arguments.learning_rate, clipnorm=100.0))
    while min(spent.values()) < 60.0 * arguments.minutes:
        for name, model in models.items():
            if spent[name] >= 60.0 * arguments.minutes:
                continue
            rows = order.permutation(len(x))[: arguments.turn * arguments.batch_size]
            start = time.process_time()
            logs = model.fit(x[rows], batch_size=arguments.batch_size, verbose=0).history
            spent[name] += time.process_time() - start if turns[name] else 0.0
            turns[name] += 1
            steps[name] += -(-len(rows) // arguments.batch_size)
            bits = kvae.layers.bits_per_dimension(-logs["elbo"][0], x.shape[1:])
            print(f"{name}, {steps[name]} steps, {spent[name]:.0f} s: {bits:.3f}", flush=True)
    return steps


def exported(vae, x, folder):
    """Return milliseconds of `decode` and PSNR of each preset."""
    found = {}
    for preset in ("float32", "int8"):
        try:
            result = kvae.export.tflite(
                vae, folder / f"{preset}.tflite", preset=preset, data=x, overwrite=True
            )
        except kvae.export.ExportError as error:
            found[preset] = str(error)
            continue
        psnr = result.measured["decode"]["mean"].psnr
        size = result.size_bytes / 1e6
        found[preset] = f"{size:.1f} MB, {result.latency_ms['decode']:.1f} ms, {psnr:.1f} dB"
    return found


def draw(models, x, folder):
    """Save reconstructions, means of draws from the prior, and interpolations."""
    for name, model in models.items():
        figures = {
            "reconstructions": kvae.pictures.reconstructions(model, x[:12]),
            "samples": kvae.pictures.samples(model, rows=3, columns=12),
            "interpolations": kvae.pictures.interpolations(model, x[:6], steps=12),
        }
        for what, figure in figures.items():
            figure.savefig(folder / f"{name}_{what}.png", dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="an .npz file with uint8 pictures in x")
    parser.add_argument("--minutes", type=float, default=8.0, help="of processor time for each")
    parser.add_argument("--output", type=Path, help="folder for pictures and exported files")
    parser.add_argument("--latent-dim", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--turn", type=int, default=40, help="batches of a turn")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(arguments.seed)
    x_train, x_test = read(arguments.data, arguments.seed)
    shape = x_train.shape[1:]
    models = {name: make_vae(name, shape, arguments.latent_dim) for name in NETWORKS}
    steps = train(models, x_train, arguments)

    print(f"\n{machine()}; {vars(arguments)}")
    print(f"{len(x_train)} pictures {shape} for training, {len(x_test)} held out:\n")
    print("| | weights | steps | bits per dimension | standard error |")
    print("| --- | ---: | ---: | ---: | ---: |")
    scores = {}
    for name, model in models.items():
        nats = -np.asarray(model.elbo(x_test, seed=arguments.seed))
        scores[name] = bits = kvae.layers.bits_per_dimension(nats, shape)
        error = bits.std(ddof=1) / np.sqrt(len(bits))
        cells = (name, f"{model.count_params():,}", steps[name], f"{bits.mean():.3f}")
        print(f"| {' | '.join(map(str, cells))} | {error:.3f} |")
    gain = scores["convolutional"] - scores["residual"]
    print(
        f"\nconvolutional minus residual, picture by picture: {gain.mean():.3f} +- "
        f"{gain.std(ddof=1) / np.sqrt(len(gain)):.3f} bits per dimension\n"
    )

    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for preset, found in exported(models["residual"], x_test[:64], folder).items():
            print(f"residual, {preset}: {found}")
        if arguments.output:
            draw(models, x_test, folder)
            for name, model in models.items():
                model.save(folder / f"{name}.keras")


if __name__ == "__main__":
    main()
