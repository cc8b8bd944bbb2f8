"""What does a file that trains cost: bytes, milliseconds and memory, beside one that does not?

    python benchmarks/on_device_cost.py [--calls 15] [--trainable all]

Three models: a dense one of 64 x 3 windows, one with 1-D convolutions of the same windows, as
`AnomalyDetector` makes it, and one with convolutions of 28 x 28 pictures. Each file runs in a
process of its own, on one thread, without TensorFlow: the least time of --calls calls of `score` on
one row and of `train` on 16 rows, with Adam, and how much the memory of the process has grown from
before the file was opened to after the steps (its greatest resident size). The weights are random:
neither time nor memory depends on them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import kvae
from kvae.estimators.detector_model import detector_model
from kvae.export.bundles.machine import machine

BATCH = 16
RUN = """
import json, sys, time
import numpy as np
from ai_edge_litert.interpreter import Interpreter  # so that importing it is not counted
import runtime

def peak():  # in kB; getrusage would tell the peak of the process that started this one
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

def least(call, calls):
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times)

folder, calls = sys.argv[1], int(sys.argv[2])
before = peak()
model = runtime.Model(folder)
shape = model.manifest["model"]["event_shape"]
x = np.random.default_rng(0).uniform(size=[16, *shape]).astype("float32")
found = {"score": least(lambda: model.score(x[:1]), calls), "opened": peak() - before}
if model.training:
    inputs = {"x": x, "seed": np.array([0, 0], "int32"), "learning_rate": np.float32(1e-3)}
    found["step"] = least(lambda: model._started().run("train", inputs), calls)
    found["trained"] = peak() - before
print(json.dumps(found))
"""


def dense():
    """Return a dense model of 64 x 3 windows."""
    return vae_of((64, 3), 4, kvae.layers.IndependentNormal, "mlp", hidden=(64, 64))


def convolutional():
    """Return a convolutional model of 28 x 28 pictures."""
    return vae_of((28, 28, 1), 16, kvae.layers.IndependentBernoulli, "conv")


def vae_of(shape, latent_dim, likelihood, networks, **size):
    prior = kvae.priors.StandardNormal(latent_dim)
    posterior = kvae.layers.MultivariateNormalDiag(
        latent_dim, activity_regularizer=kvae.regularizers.KLDivergenceRegularizer(prior)
    )
    likelihood = likelihood(shape)
    encoder = getattr(kvae.networks, f"{networks}_encoder")(shape, posterior.params_size, **size)
    decoder = getattr(kvae.networks, f"{networks}_decoder")(
        latent_dim, likelihood.params_shape, **size
    )
    return kvae.VAE(encoder, posterior, decoder, likelihood)


def windows():
    """Return the model of windows of an `AnomalyDetector`."""
    model = detector_model((64, 3), 2, 128, "arcsinh", None)
    model.adapt(np.random.default_rng(0).uniform(size=(100, 64, 3)).astype("float32"))
    return model


MODELS = {
    "dense, 64 x 3": dense,
    "1-D convolutions, 64 x 3": windows,
    "convolutions, 28 x 28 x 1": convolutional,
}


def measured(bundle, calls):
    """Return what a fresh process measures of a bundle."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "runtime.py").write_bytes(Path(kvae.export.runtime.__file__).read_bytes())
        command = [sys.executable, "-c", RUN, str(bundle), str(calls)]
        done = subprocess.run(  # noqa: S603 (this script and files it wrote)
            command, cwd=folder, capture_output=True, text=True, check=True
        )
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=15)
    parser.add_argument("--trainable", nargs="+", default=["scale", "heads", "all"])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{machine()}\n")
    print("| model | `trainable` | weights | file, kB | times | `score`, ms | a step, ms | MB |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, make in MODELS.items():
        vae = make()
        plain = None
        for trainable in (None, *options.trainable):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "bundle"
                try:
                    (result,) = kvae.export.bundle(
                        vae,
                        path,
                        presets=["float32"],
                        signatures=["score"],
                        trainable=trainable,
                        training_batch_size=BATCH,
                        measure=False,
                    ).values()
                except ValueError:  # "scale" without a learned scale
                    continue
                found = measured(path, options.calls)
            plain = plain or result.size_bytes
            memory = found.get("trained", found["opened"]) / 1024.0
            cells = [
                name,
                trainable or "none",
                f"{vae.count_params():,}",
                f"{result.size_bytes / 1e3:,.0f}",
                f"{result.size_bytes / plain:.2f}",
                f"{found['score']:.2f}",
                f"{found['step']:.2f}" if "step" in found else "",
                f"{memory:.1f}",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
