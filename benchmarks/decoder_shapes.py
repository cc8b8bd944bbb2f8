"""How long does decode with batch size 1 take in LiteRT for decoders of other shapes?

Seven decoders of other kernels, channels and dense layers are trained for some steps on pictures.
LiteRT (float32, int8, int8-full), ONNX Runtime and OpenVINO (float32) run each in turns on one and
on two threads. The table contains the time as a part of that of ONNX Runtime on as many threads,
and what int8 costs in size and in PSNR.

    python benchmarks/decoder_shapes.py [--data emoji64.npz] [--rounds 10] [--only "28x28 3x3"]
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
from decoder_latency import THREADS, onnx_runtime, openvino

import kvae
from kvae.cli.terminal import quiet_native_logs
from kvae.export.bundles.machine import machine
from kvae.export.bundles.measure_process import interleaved

PRESETS = ("float32", "int8", "int8-full")
# name: shape of a picture, kernel size, filters, units of the first dense layer
SHAPES = {
    "28x28x1, dense": ((28, 28, 1), None, (500, 500), None),
    "28x28x1, 3x3, 64 and 32": ((28, 28, 1), 3, (64, 32), 256),
    "28x28x1, 3x3, 128 and 64": ((28, 28, 1), 3, (128, 64), 256),
    "28x28x1, 4x4, 256 and 128, 12,544 units": ((28, 28, 1), 4, (256, 128), 256),
    "32x32x3, 4x4, 128, 64, 32": ((32, 32, 3), 4, (128, 64, 32), 256),
    "64x64x3, 4x4, 256, 128, 64, 32": ((64, 64, 3), 4, (256, 128, 64, 32), 256),
    "128x128x3, 3x3, 256, 128, 64, 32, 16": ((128, 128, 3), 3, (256, 128, 64, 32, 16), 256),
}
LATENT_DIM = 32


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="8-bit pictures (n, height, width, 3), x of .npz")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--steps", type=int, default=60, help="of training")
    parser.add_argument("--only", nargs="+", choices=SHAPES, default=list(SHAPES))
    arguments = parser.parse_args()
    rows = []
    for name in arguments.only:
        pictures = load(arguments.data, SHAPES[name][0])
        rows.append(measure(name, pictures, arguments))
        print(f"  {name}: done", flush=True)
    print(f"\n{machine()}; {arguments.rounds} rounds of {arguments.calls} calls, medians.\n")
    print(
        "| decoder | parameters | ONNX Runtime, ms | LiteRT float32 | OpenVINO float32 | int8 | "
        "int8-full | int8 size | int8, int8-full PSNR |"
    )
    print("|" + " --- |" * 9)
    print("\n".join(rows))


def load(path, shape):
    """Return pictures (n, *shape) with values in [0, 1]: of a file, or sprites."""
    if path:
        with np.load(path) as arrays:
            x = arrays["x"][:2048]
    else:
        x = kvae.data.sprites(2048, seed=0)[0]
    x = np.asarray(x, "float32") / (255.0 if np.max(x) > 1 else 1.0)
    if x.shape[-1] != shape[-1]:
        x = x.mean(axis=-1, keepdims=True) if shape[-1] == 1 else np.repeat(x, shape[-1], axis=-1)
    return np.clip(keras.ops.convert_to_numpy(keras.ops.image.resize(x, shape[:2])), 0.0, 1.0)


def make(shape, kernel, filters, dense):
    """Return a VAE whose decoder has the given sizes."""
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(LATENT_DIM))
    posterior = kvae.layers.MultivariateNormalDiag(LATENT_DIM, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(shape)
    if kernel is None:
        decoder = kvae.networks.mlp_decoder(LATENT_DIM, likelihood.params_shape, filters)
    elif kernel == 3:
        decoder = kvae.networks.conv_decoder(LATENT_DIM, likelihood.params_shape, filters, dense)
    else:
        decoder = transposed(likelihood.params_shape, kernel, filters, dense)
    return kvae.VAE(
        encoder=kvae.networks.mlp_encoder(shape, posterior.params_size, (128,)),
        posterior=posterior,
        decoder=decoder,
        likelihood=likelihood,
    )


def transposed(shape, kernel, filters, dense):
    """Return a decoder as `kvae.networks.conv_decoder` makes it, with another kernel size."""
    height, width, channels = shape
    start = (height >> len(filters), width >> len(filters), filters[0])
    layers = [
        keras.Input((LATENT_DIM,)),
        keras.layers.Dense(dense, "relu"),
        keras.layers.Dense(int(np.prod(start)), "relu"),
        keras.layers.Reshape(start),
    ]
    for size in filters:
        layers.append(
            keras.layers.Conv2DTranspose(size, kernel, strides=2, padding="same", activation="relu")
        )
    layers.append(keras.layers.Conv2D(channels, 3, padding="same"))
    return keras.Sequential(layers, name="decoder")


def measure(name, pictures, arguments):
    """Return the row of a decoder."""
    keras.utils.set_random_seed(0)
    vae = make(*SHAPES[name])
    vae.compile(optimizer=keras.optimizers.Adam(1e-3), jit_compile=False)
    batch_size = 32
    vae.fit(pictures[: batch_size * arguments.steps], batch_size=batch_size, verbose=0)
    z = np.random.default_rng(0).normal(size=(1, LATENT_DIM)).astype("float32")
    expected, calls, results = vae.decode(z), {}, {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with quiet_native_logs():
            for preset in PRESETS:
                path = folder / f"{preset}.tflite"
                loose = None if preset == "float32" else kvae.export.Tolerance(psnr=20.0)
                results[preset] = kvae.export.tflite(
                    vae,
                    path,
                    preset=preset,
                    signatures=["decode"],
                    data=pictures[:256],
                    tolerance=loose,
                )
                for threads in THREADS:
                    calls[preset, threads] = litert_call(path, threads)
            for contender in (onnx_runtime, openvino):
                found = contender(vae, folder, pictures[:256])
                for threads, (_, _, call) in zip(THREADS, found, strict=True):
                    calls[contender.__name__, threads] = call
        for (contender, _), call in calls.items():
            if contender not in ("int8", "int8-full"):
                assert np.abs(call(z) - expected).max() < 1e-4, contender
        bound = {key: {"decode": lambda call=call: call(z)} for key, call in calls.items()}
        times = interleaved(bound, arguments.rounds, arguments.calls, seconds=2.0)
    median = {key: float(np.median(values["decode"])) for key, values in times.items()}
    peer = [median["onnx_runtime", threads] for threads in THREADS]

    def ratios(contender, faster):
        found = [median[contender, threads] / o for threads, o in zip(THREADS, peer, strict=True)]
        return ", ".join(f"{1 / r:.1f}x" if faster else f"{r:.2f}" for r in found)

    size = results["float32"].size_bytes / results["int8"].size_bytes
    quality = [next(iter(results[p].measured["decode"].values())).psnr for p in PRESETS[1:]]
    return (
        f"| {name} | {vae.decoder.count_params():,} | {peer[0]:.3f}, {peer[1]:.3f} "
        f"| {ratios('float32', False)} | {ratios('openvino', False)} | {ratios('int8', True)} "
        f"| {ratios('int8-full', True)} | {size:.2f}x "
        f"| {quality[0]:.1f}, {quality[1]:.1f} dB |"
    )


def litert_call(path, threads):
    """Return `decode` of a file as a function of z."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    run = interpreter.get_signature_runner("decode")
    return lambda z, kept=interpreter: run(z=z)["mean"]


if __name__ == "__main__":
    main()
