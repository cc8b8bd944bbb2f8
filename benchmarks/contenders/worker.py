"""The process of a contender of `train_speed.py`: build once, train an epoch on request.

A contender is a script with a function `make(net, x, batch_size, variant)` that returns a function
which trains one epoch. It runs in a separate process with the Python of its environment. It reads
requests from standard input and writes JSON lines to standard output.
"""

import argparse
import json
import os
import resource
import sys
import time

import numpy as np

HIDDEN, FILTERS = (500, 500), (32, 64)
LATENT = {"mlp": 50, "conv": 16}
LEARNING_RATE = 1e-3
WARM_UP = 2  # epochs


def cpu_seconds():
    """Return the processor seconds of this process and of its finished children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_gibibytes():
    """Return the peak resident memory in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def serve(make, prepare=None):
    """Serve requests until the driver closes the pipe."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--net", choices=tuple(LATENT), default="mlp")
    parser.add_argument("--data", required=True)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--variant", default="")
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # redirects progress bars to standard error

    def answer(**values):
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    started = time.perf_counter()
    x = np.load(options.data)
    try:
        epoch = make(options.net, x, options.batch_size, options.variant)
    except ImportError as error:
        return answer(missing=str(error))
    for _ in range(WARM_UP):
        epoch()
    answer(ready=time.perf_counter() - started, peak=peak_gibibytes())
    for _ in sys.stdin:
        cpu, wall = cpu_seconds(), time.perf_counter()
        epoch()
        wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
        answer(wall=wall, cpu=cpu, peak=peak_gibibytes())
    return None
