"""Train one VAE on several machines, or with several processes on this machine.

Without TF_CONFIG the script starts the workers on loopback ports, and restarts all of them if one
fails, as a supervisor such as Kubernetes does. With TF_CONFIG it is one worker. Each worker gets
all examples and computes its share of each global batch; the chief writes the checkpoints and the
model.

    python examples/multi_worker.py
    python examples/multi_worker.py --workers 4 --epochs 3 --directory run
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--restarts", type=int, default=1, help="greatest number of restarts")
    parser.add_argument("--examples", type=int, default=1024)
    parser.add_argument("--batch-size", type=int, default=128, help="of all workers together")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--latent-dim", type=int, default=4)
    parser.add_argument(
        "--directory", help="folder for checkpoints and model, shared by all workers"
    )
    args = parser.parse_args(argv)
    if "TF_CONFIG" in os.environ:
        return work(args)
    with tempfile.TemporaryDirectory() as folder:
        args.directory = args.directory or folder
        return supervise(args)


def work(args):
    """Run one worker: build the model in the strategy's scope, and call `fit`."""
    import keras
    import tensorflow as tf

    # Before any other use of TensorFlow: this waits for the other workers.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    import kvae

    keras.utils.set_random_seed(0)
    x_train, x_test = kvae.data.digits()
    x_train = x_train[: args.examples]
    with strategy.scope():
        vae = make_vae(kvae, x_train.shape[1:], args.latent_dim)
        vae.compile(optimizer=keras.optimizers.Adam(1e-3))
    began = time.perf_counter()
    history = vae.fit(
        x_train,
        batch_size=args.batch_size,
        epochs=args.epochs,
        validation_data=x_test,
        verbose=0,
        callbacks=[kvae.callbacks.Checkpoint(Path(args.directory) / "checkpoints")],
    ).history
    seconds = time.perf_counter() - began
    share = args.batch_size // strategy.num_replicas_in_sync
    print(f"trained {args.epochs} epochs in {seconds:.1f} s, {share} examples of each batch")
    print(f"validation ELBO {history['val_elbo'][-1]:.2f} nats, the same in every worker")
    if strategy.extended.should_checkpoint:  # the chief
        vae.save(Path(args.directory) / "vae.keras")
        print("wrote vae.keras (chief)")


def make_vae(kvae, event_shape, latent_dim):
    kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(latent_dim))
    posterior = kvae.layers.MultivariateNormalDiag(latent_dim, activity_regularizer=kl)
    likelihood = kvae.layers.IndependentBernoulli(event_shape)
    return kvae.VAE(
        encoder=kvae.networks.mlp_encoder(event_shape, posterior.params_size),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(latent_dim, likelihood.params_shape),
        likelihood=likelihood,
    )


def supervise(args):
    """Start the workers until all of them finish, and print their output."""
    for _ in range(1 + args.restarts):
        workers = start(args)
        try:
            wait(workers)
        finally:
            for worker in workers:
                worker.kill()
        for index, worker in enumerate(workers):
            output, errors = worker.communicate()
            for line in output.splitlines():
                print(f"worker {index}: {line}")
            if worker.returncode:
                print(f"worker {index}: exit status {worker.returncode}")
                print(errors[-2000:], file=sys.stderr)
        if not any(worker.returncode for worker in workers):
            return
    raise SystemExit("Not all workers finished.")


def start(args):
    """Start one process per worker; TF_CONFIG contains all addresses and its index."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(args.workers)]
    command = [sys.executable, __file__]
    for name, value in vars(args).items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    workers = []
    for index in range(args.workers):
        config = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}}
        environment = {
            **os.environ,
            "TF_CONFIG": json.dumps(config),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "CUDA_VISIBLE_DEVICES": "",  # loopback workers would share one GPU
        }
        workers.append(
            subprocess.Popen(  # noqa: S603
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return workers


def wait(workers):
    """Return when all workers have finished or one has failed: the others cannot continue."""
    while any(worker.poll() is None for worker in workers):
        if any(worker.poll() for worker in workers):
            return
        time.sleep(0.2)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":
    main()
