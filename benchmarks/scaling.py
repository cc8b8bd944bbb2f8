"""How long does an epoch take with several workers on one machine?

One process, two and four workers on loopback train the same VAE with the same global batches, in
turns with as many independent processes, each of which trains on as many examples as a worker and
exchanges nothing. The table contains the median seconds per epoch, the ratio to one process and the
ratio to the independent processes. The workers share the cores of this machine: only the second
ratio is due to the exchange, and neither shows how training scales over machines.

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
    parser.add_argument("--steps-per-execution", type=int, default=4, help="of all contenders")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    args = parser.parse_args(argv)
    if "SCALING_WORKER" in os.environ:
        return work(args)

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(
        f"{args.examples} x 784 in batches of {args.batch_size}, {args.hidden} hidden units, "
        f"{args.steps_per_execution} steps per execution, {args.rounds} rounds"
    )
    contenders = [
        (count, exchange)
        for count in args.workers
        for exchange in ((False, True) if count > 1 else (False,))
    ]
    seconds = {contender: [] for contender in contenders}
    for _ in range(args.rounds):
        for contender in contenders:
            seconds[contender] += run(*contender, sys.argv[1:] if argv is None else argv)
    medians = {contender: np.median(taken) for contender, taken in seconds.items()}
    first = medians[contenders[0]]
    print(f"{'processes':<28}{'s per epoch':>12}{'to the first':>14}{'to independent':>16}")
    for (count, exchange), median in medians.items():
        kind = "one process" if count == 1 else "workers" if exchange else "independent processes"
        label = kind if count == 1 else f"{count} {kind}"
        print(
            f"{label:<28}{median:>12.3f}{median / first:>14.2f}"
            f"{median / medians[count, False]:>16.2f}"
        )


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
    # What an independent process trains on is a worker's part of the examples and of each batch.
    parts = int(os.environ["SCALING_PARTS"])
    x = np.random.default_rng(0).integers(0, 2, (args.examples // parts, 784), "uint8")
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
        vae.compile(
            optimizer="adam", steps_per_execution=args.steps_per_execution, jit_compile=False
        )
    batch_size = args.batch_size // parts
    vae.fit(x, batch_size=batch_size, epochs=args.epochs, verbose=0, callbacks=[Clock()])


def run(count, exchange, arguments):
    """Return the seconds of each epoch of the first of `count` processes.

    Args:
        count: number of processes.
        exchange: whether they are the workers of one training.
        arguments: those of the command line.
    """
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
        environment["SCALING_PARTS"] = "1" if exchange else str(count)
        if exchange:
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
            raise SystemExit(f"A run with {count} processes failed.")
    finally:
        for process in processes:
            process.kill()
    return [float(line) for line in output.splitlines()]


if __name__ == "__main__":
    main()
