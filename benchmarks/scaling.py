"""How long does an epoch take with several workers on one machine?

One process, two and four workers on loopback train the same VAE with the same global batches, in
turns. The table contains the median seconds per epoch and the ratio to one process. The workers
share the cores of this machine, so the ratio does not show how training scales over machines.

    python benchmarks/scaling.py [--rounds 5]
"""

import argparse
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import time

import numpy as np

WORKERS = (1, 2, 4)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--examples", type=int, default=8192)
    parser.add_argument("--batch-size", type=int, default=512, help="of all workers together")
    parser.add_argument("--epochs", type=int, default=4, help="the first one is not timed")
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    args = parser.parse_args(argv)
    if "SCALING_WORKER" in os.environ:
        return work(args)

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"{args.examples} x 784 in batches of {args.batch_size}, {args.hidden} hidden units")
    seconds = {count: [] for count in args.workers}
    for _ in range(args.rounds):
        for count in args.workers:
            seconds[count] += run(count, sys.argv[1:] if argv is None else argv)
    first = np.median(seconds[args.workers[0]])
    print(f"{'workers':>8}{'s per epoch':>12}{'ratio':>8}")
    for count, taken in seconds.items():
        print(f"{count:>8}{np.median(taken):>12.3f}{np.median(taken) / first:>8.2f}")


def work(args):
    """Train, and print the seconds of each epoch except the first, which traces the graph."""
    import keras
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()
    if "TF_CONFIG" in os.environ:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    import kvae

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            if epoch:
                print(time.perf_counter() - self.began)

    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).integers(0, 2, (args.examples, 784), "uint8")
    with strategy.scope():
        kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(16))
        posterior = kvae.layers.MultivariateNormalDiag(16, activity_regularizer=kl)
        likelihood = kvae.layers.IndependentBernoulli((784,))
        hidden = (args.hidden, args.hidden)
        vae = kvae.VAE(
            encoder=kvae.networks.mlp_encoder((784,), posterior.params_size, hidden),
            posterior=posterior,
            decoder=kvae.networks.mlp_decoder(16, likelihood.params_shape, hidden),
            likelihood=likelihood,
        )
        # Equal settings: a single process would otherwise choose faster ones.
        vae.compile(optimizer="adam", steps_per_execution=1, jit_compile=False)
    vae.fit(x, batch_size=args.batch_size, epochs=args.epochs, verbose=0, callbacks=[Clock()])


def run(count, arguments):
    """Return the seconds of each epoch of the first of `count` workers."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    processes = []
    for index in range(count):
        config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "SCALING_WORKER": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        environment["CUDA_VISIBLE_DEVICES"] = ""
        if count > 1:
            environment["TF_CONFIG"] = json.dumps(config)
        command = [sys.executable, __file__, *arguments]
        pipe = subprocess.PIPE if index == 0 else subprocess.DEVNULL
        processes.append(
            subprocess.Popen(  # noqa: S603
                command, env=environment, stdout=pipe, stderr=subprocess.DEVNULL, text=True
            )
        )
    try:
        output, _ = processes[0].communicate()
        if any(process.wait() for process in processes):
            raise SystemExit(f"A run with {count} workers failed.")
    finally:
        for process in processes:
            process.kill()
    return [float(line) for line in output.splitlines()]


if __name__ == "__main__":
    main()
