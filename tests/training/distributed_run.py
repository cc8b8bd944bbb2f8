"""A run of `fit` by one of several workers: `python -m tests.training.distributed_run FOLDER`.

With TF_CONFIG it is a worker of that cluster; with REPLICAS it mirrors on as many logical CPUs.
"""

import json
import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kvae
from kvae.training import replicated
from tests.small import make_vae, narrow

BATCH_SIZE, BATCHES, EPOCHS = 16, 8, 13  # 104 steps
SHORT = 3  # epochs of a run that is broken off
EXAMPLES = BATCH_SIZE * (BATCHES - 1) + 1  # of the last batch all replicas but one get nothing
VALIDATION = BATCH_SIZE + 3
STEPS = (2, 4)  # batches an execution
STOPPED = BATCHES + 2  # steps of a run that is resumed in the middle of an epoch

REGULARIZERS = {
    "each example": kvae.regularizers.KLDivergenceRegularizer,
    "capacity": kvae.regularizers.Capacity,
    "free bits": lambda prior: kvae.regularizers.FreeBits(prior, free_bits=0.5),
}


class Losses(keras.callbacks.Callback):
    """Each step's mean loss so far in the epoch, of all replicas; kills a worker if told to.

    Or it stops the training after a step.
    """

    def __init__(self, dying_step, last_step):
        super().__init__()
        self.dying_step, self.last_step = dying_step, last_step
        self.steps, self.seen, self.early = [], [], {}

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(int(self.model.optimizer.iterations.numpy()))
        self.steps.append(float(self.model.trackers.metrics[0].result()))
        if self.seen[-1] == self.dying_step:
            os.kill(os.getpid(), signal.SIGKILL)
        self.model.stop_training = self.seen[-1] == self.last_step

    def on_epoch_end(self, epoch, logs=None):
        if epoch == SHORT - 1:
            self.early = {
                f"early/{i:02}": variable.value.numpy()
                for i, variable in enumerate(self.model.variables + self.model.optimizer.variables)
            }


def make_model(weight, **compile_arguments):
    """A VAE without noise: what is left to compare is the arithmetic."""
    vae = narrow(make_vae(weight=weight))
    vae.compile(optimizer=keras.optimizers.Adam(1e-3), metrics=["mse"], **compile_arguments)
    return vae


def train(
    strategy, epochs=EPOCHS, checkpoints=None, dying_step=None, last_step=None, **compile_arguments
):
    """Return what a run under `strategy` came to, as arrays by name."""
    keras.utils.set_random_seed(5)
    images, _ = kvae.data.digits()
    x, held_out = images[:EXAMPLES], images[-VALIDATION:]
    with strategy.scope():
        vae = make_model(kvae.regularizers.schedules.Linear(steps=BATCHES), **compile_arguments)
    losses = Losses(dying_step, last_step)
    callbacks = [losses]
    if checkpoints:
        callbacks.append(kvae.callbacks.Checkpoint(checkpoints, every=3))
    history = vae.fit(
        x,
        sample_weight=np.linspace(0.5, 1.5, EXAMPLES),
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=held_out,
        validation_freq=SHORT,
        verbose=0,
        callbacks=callbacks,
    ).history
    found = {f"history/{name}": np.array(values) for name, values in history.items()}
    found.update(losses.early)
    found["steps"], found["seen"] = np.array(losses.steps), np.array(losses.seen)
    for i, variable in enumerate(vae.trainable_variables):
        found[f"weights/{i:02}"] = variable.value.numpy()
    found["predicted"] = vae.predict(held_out, batch_size=BATCH_SIZE, verbose=0)
    found["encoded"] = vae.encode(held_out)[0]
    return found


def several_steps(strategy, folder=None):
    """Return what runs with several batches an execution came to; one of them is interrupted."""
    found = {}
    for steps in STEPS:
        run = train(strategy, SHORT, steps_per_execution=steps)
        found.update({f"{steps}/{name}": value for name, value in run.items()})
    if folder is not None:
        settings = {"checkpoints": folder / "stopped", "steps_per_execution": STEPS[0]}
        train(strategy, SHORT, last_step=STOPPED, **settings)
        run = train(strategy, SHORT, **settings)
        found.update({f"resumed/{name}": value for name, value in run.items()})
    return found


def collectives(strategy, make_regularizer):
    """Return how many collectives the graphs of training and evaluation have.

    Of each: in the loop of the steps, then after it.
    """
    traced, trace = [], replicated._traced
    replicated._traced = lambda function: traced.append(trace(function)) or traced[-1]
    try:
        with strategy.scope():
            posterior = kvae.layers.MultivariateNormalDiag(
                2, activity_regularizer=make_regularizer(kvae.priors.StandardNormal(2))
            )
            vae = make_vae(posterior=posterior)
            vae.compile(optimizer="adam", steps_per_execution=2)
        x = kvae.data.digits()[0][:BATCH_SIZE]
        vae.fit(x, batch_size=4, verbose=0)
        vae.evaluate(x, batch_size=4, verbose=0)
    finally:
        replicated._traced = trace
    graphs = [each.graph for function in traced for each in function._list_all_concrete_functions()]
    counts = []
    for graph in map(tf.Graph.as_graph_def, graphs):
        inner = [node for function in graph.library.function for node in function.node_def]
        counts += [
            sum(node.op.startswith("Collective") for node in part) for part in (inner, graph.node)
        ]
    return np.array(counts)


def draws(strategy):
    """Return one draw of a standard normal posterior in each local replica."""
    with strategy.scope():
        layer = kvae.layers.MultivariateNormalDiag(3, seed=1)
    params = tf.concat([tf.zeros((4, 3)), tf.ones((4, 3))], axis=1)
    values = strategy.run(tf.function(lambda: layer(params, training=True)))
    return np.stack([value.numpy() for value in strategy.experimental_local_results(values)])


def main(folder):
    if "TF_CONFIG" in os.environ:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    else:
        replicas, index = int(os.environ["REPLICAS"]), 0
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * replicas,
        )
        strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(replicas)])
    dying = json.loads(os.environ.get("DYING", "{}"))  # index of a worker -> step
    epochs = int(os.environ.get("EPOCHS", EPOCHS))
    checkpoints = folder / "run" if epochs == SHORT else None
    found = train(strategy, epochs, checkpoints, dying.get(str(index)))
    found["draws"] = draws(strategy)
    if epochs == EPOCHS and "TF_CONFIG" in os.environ:
        found.update(several_steps(strategy, folder))
        for name, make_regularizer in REGULARIZERS.items():
            found[f"collectives/{name}"] = collectives(strategy, make_regularizer)
    np.savez(folder / f"worker-{index}.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
