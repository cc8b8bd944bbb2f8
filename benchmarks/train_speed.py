"""Is `vae.fit(x)` as fast as the best hand-written loop, and as its matrix products allow?

Every contender trains the same networks in a separate process, and they take turns after every
epoch. An epoch during which another program used the processor is discarded, counted and repeated.
`--peers` is the Python of the environment with the other packages (see `requirements-peers.txt`).

    python benchmarks/train_speed.py [--peers PYTHON] [--data mnist.npz] [--rounds 5]
        [--net mlp conv] [--only kvae "raw XLA"] [--write]
    python benchmarks/train_speed.py --stall [--epochs 40] [--seconds 10]

`--write` writes the report to its section of `benchmarks/SPEED.md`.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from contender import FOREIGN_SHARE, Worker, start
from page import replace_section

HERE = Path(__file__).parent
REPORT = HERE / "SPEED.md"
BATCH_SIZE = 128
CONV_EXAMPLES = 100 * BATCH_SIZE  # an epoch has 100 steps
MATRIX_FLOPS = 12 * 2 * 2048**3  # per epoch of contenders/matrix_product.py

# name: script, variant, networks, whether it runs in the environment of --peers
CONTENDERS = {
    "kvae": ("kvae_fit", "", ("mlp", "conv"), False),
    "kvae, bfloat16": ("kvae_fit", "bfloat16", ("mlp", "conv"), False),
    "raw XLA": ("raw_tensorflow", "xla", ("mlp", "conv"), False),
    "raw": ("raw_tensorflow", "", ("mlp", "conv"), False),
    "keras.io style": ("keras_io", "", ("mlp", "conv"), False),
    "tfp.layers diagonal": ("tfp_layers", "diagonal", ("mlp", "conv"), False),
    "tfp.layers TriL": ("tfp_layers", "tril", ("mlp", "conv"), False),
    "torch": ("torch_loop", "", ("mlp", "conv"), True),
    "torch channels_last": ("torch_loop", "channels_last", ("conv",), True),
    "pythae": ("pythae_trainer", "", ("mlp", "conv"), True),
    "JAX scan": ("jax_scan", "", ("mlp", "conv"), True),
    "matrix product": ("matrix_product", "", ("mlp", "conv"), False),
}
# Greatest allowed ratio of the time of kvae to that of a contender.
TARGETS = {
    "mlp": {
        "best raw": 1.10,
        "tfp.layers diagonal": 0.75,
        "tfp.layers TriL": 0.45,
        "torch": 0.62,
        "pythae": 0.65,
        "JAX scan": 1.15,
        "limit": 1.8,
    },
    "conv": {
        "best raw": 1.08,
        "torch": 0.50,
        "torch channels_last": 0.62,
        "pythae": 0.55,
    },
}
BFLOAT16_TARGET = {"conv": 0.80}


def examples(options, net):
    """Return MNIST from an npz file, or generated images of similar sparsity, float32 (n, 784)."""
    count = min(options.examples, CONV_EXAMPLES) if net == "conv" else options.examples
    if options.data:
        with np.load(options.data) as arrays:
            return arrays["x_train"][:count].reshape(-1, 784).astype("float32") / 255.0
    return (np.random.default_rng(0).random((count, 784)) < 0.2).astype("float32")


def flops_per_step(net):
    """Return the floating-point operations of the matrix products and convolutions of a step.

    The backward pass has twice the operations of the forward pass; the gradient of the data is not
    computed.
    """
    if net == "mlp":
        first, others = 784 * 500, 500 * 500 + 500 * 100 + 50 * 500 + 500 * 500 + 500 * 784
    else:
        first = 14 * 14 * 9 * 1 * 32
        others = 7 * 7 * 9 * 32 * 64 + 49 * 64 * 16 + 16 * 32 + 16 * 49 * 64
        # A transposed convolution multiplies once per input element.
        others += 7 * 7 * 9 * 64 * 64 + 14 * 14 * 9 * 64 * 32 + 28 * 28 * 9 * 32
    return 2 * BATCH_SIZE * (2 * first + 3 * others)


def race(net, options):
    """Return the workers after all rounds, and the number of discarded epochs."""
    names = [name for name, (_, _, nets, _) in CONTENDERS.items() if net in nets]
    if options.only:
        names = [name for name in names if name in (*options.only, "matrix product")]
    workers, discarded = [], 0
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, examples(options, net))
        file.flush()
        for name in names:
            if CONTENDERS[name][3] and not options.peers:
                worker = Worker(name, None, "no --peers given")
            else:
                python = options.peers if CONTENDERS[name][3] else sys.executable
                script, variant, _, _ = CONTENDERS[name]
                arguments = {"net": net, "data": file.name, "variant": variant}
                worker = start(name, python, script, arguments | {"batch-size": BATCH_SIZE})
            workers.append(worker)
        running = [worker for worker in workers if not worker.missing]
        for _ in range(options.rounds):
            measured = []
            for worker in running:
                walls, clean = worker.turn(options.most, options.accept_load)
                discarded += len(walls) - clean
                measured.append((worker, walls[-1], clean))
            if all(clean for _, _, clean in measured):
                for worker, wall, _ in measured:
                    worker.walls.append(wall)
            times = ", ".join(
                f"{worker.name} {wall:.2f}{'' if clean else ' (under load)'}"
                for worker, wall, clean in measured
            )
            print(f"  {discarded} discarded so far: {times}", flush=True)
    for worker in running:
        worker.close()
    return workers, discarded


def table(net, workers, discarded, options):
    """Return the report on one network as lines."""
    steps = len(examples(options, net)) / BATCH_SIZE
    scale, unit = (1.0, "s per epoch") if net == "mlp" else (1e3 / steps, "ms per step")
    medians = {w.name: statistics.median(w.walls) for w in workers if w.walls}
    rounds = max((len(worker.walls) for worker in workers), default=0)
    lines = [
        f"{rounds} of {options.rounds} rounds; {discarded} epochs discarded because other programs "
        f"used more than {FOREIGN_SHARE:.0%} of the processor."
        + (" Epochs under load were kept (--accept-load)." if options.accept_load else ""),
        "",
    ]
    if not medians:
        return [*lines, "No round without other load: no results."]
    if "matrix product" in medians:
        rate = MATRIX_FLOPS / medians.pop("matrix product")
        medians["limit"] = flops_per_step(net) * steps / rate
        lines += [
            f"Matrix products run at {rate / 1e9:.0f} GFLOP/s; {flops_per_step(net) / 1e9:.2f} "
            "GFLOP per step give the limit.",
            "",
        ]
    raw = [medians[name] for name in ("raw XLA", "raw") if name in medians]
    if raw:
        medians["best raw"] = min(raw)
    lines += [f"| | {unit} | range | kvae takes | target | GiB |", "|---|---|---|---|---|---|"]
    by_name = {worker.name: worker for worker in workers}
    order = [worker.name for worker in workers if worker.name != "matrix product"]
    for name in [*order, "best raw", "limit"]:
        worker = by_name.get(name)
        if name not in medians:
            if worker:
                lines.append(f"| {name} | missing: {worker.missing} | | | | |")
            continue
        spread = memory = ""
        if worker:
            spread = f"{min(worker.walls) * scale:.2f} to {max(worker.walls) * scale:.2f}"
            memory = f"{worker.peak:.2f}"
        target = TARGETS[net].get(name)
        ratio = medians["kvae"] / medians[name] if "kvae" in medians else None
        if name == "kvae, bfloat16" and ratio:
            ratio, target = 1.0 / ratio, BFLOAT16_TARGET.get(net)
        shown = ""
        if ratio and name != "kvae":
            shown = f"{ratio:.2f} times" if name != "kvae, bfloat16" else f"{ratio:.2f} of float32"
        wanted = f"{target:.2f}" if target else ""
        lines.append(
            f"| {name} | {medians[name] * scale:.2f} | {spread} | {shown} | {wanted} | {memory} |"
        )
    return lines


def stall(options):
    """Return the report on pauses between epochs as lines."""
    lines = [
        f"{options.epochs} epochs of about {options.seconds:g} s. Longest time in which the "
        "process was idle, and longest epoch minus the median epoch.",
        "",
        "| data | autotune | longest idle time, s | longest epoch minus median, s | median, s |",
        "|---|---|---|---|---|",
    ]
    for data in ("array", "tf.data"):
        for autotune in ("off", "on"):
            command = [sys.executable, HERE / "contenders" / "stall.py", "--data", data]
            command += ["--epochs", options.epochs, "--seconds", options.seconds]
            command += ["--autotune", autotune]
            environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
            run = subprocess.run(  # noqa: S603
                list(map(str, command)), env=environment, capture_output=True, text=True
            )
            if run.returncode:
                raise SystemExit(run.stderr)
            measured = json.loads(run.stdout.splitlines()[-1])
            setting = "off (kvae)" if autotune == "off" else "on (Keras' default)"
            lines.append(
                f"| {data} | {setting} | {measured['sleep']:.2f} | {measured['excess']:.2f} "
                f"| {measured['median']:.1f} |"
            )
            print(lines[-1], flush=True)
    return lines


def machine(python):
    """Return the machine and the versions as a line."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    names = ["tensorflow", "keras", "tf-keras", "tensorflow-probability"]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in names]
    if python:
        peers = "torch", "pythae", "jax"
        script = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
        found = subprocess.run([python, "-c", script, *peers], capture_output=True, text=True)  # noqa: S603
        versions += [f"{n} {v}" for n, v in zip(peers, found.stdout.split(), strict=False)]
    return f"{model}, {os.cpu_count()} cores; {', '.join(versions)}."


TITLES = {
    "mlp": "## Dense: 784-500-500, 50 latent dimensions, batch 128, float32, {} examples",
    "conv": "## Convolutions: 28x28x1, 32 and 64 filters of stride 2, 16 latent dimensions",
    "stall": "## Between epochs",
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", help="Python interpreter with torch, pythae and jax")
    parser.add_argument("--data", help="an mnist.npz instead of generated images")
    parser.add_argument("--net", nargs="+", choices=("mlp", "conv"), default=["mlp", "conv"])
    parser.add_argument("--only", nargs="+", choices=tuple(CONTENDERS), metavar="CONTENDER")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--most", type=int, default=6, help="greatest number of epochs per turn until a clean one"
    )
    parser.add_argument("--accept-load", action="store_true", help="keep epochs under other load")
    parser.add_argument("--examples", type=int, default=60_000, help="number of examples")
    parser.add_argument("--stall", action="store_true")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    for part in ["stall"] if options.stall else options.net:
        title = TITLES[part].format(f"{options.examples:,}")
        if part == "stall":
            lines = stall(options)
        else:
            lines = table(part, *race(part, options), options)
        lines = [title, "", machine(options.peers), *lines]
        print("\n".join(lines), flush=True)
        if options.write:
            replace_section(REPORT, part, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
