"""Latency of MLServer under several clients, every answer compared with Keras.

Starts MLServer by the lines of docs/serving.md with a model of raw sensor windows, (64, 3) with a
learned scale, and sends requests of one row to `score` and `decode` in turn. A wrong answer, or a
status other than 200, counts as an error.

    nice python -m benchmarks.serving_load --servers .venv-servers/bin/python
"""

import argparse
import os
import platform
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tests.clients.mlserver import infer, started
from tests.clients.raw_models import make_raw_model
from tests.helpers import ROOT

TOLERANCE = 1e-4  # of the score, relative; of what is decoded, relative to its largest value


def requests_of(made, count):
    """Return signatures with their inputs and Keras' answer, one row each, in turn."""
    z = np.random.default_rng(0).normal(size=(len(made.x), 4)).astype("float32")
    decoded = made.vae.decode(z)
    size = float(np.abs(decoded).max())
    for index in range(count):
        row = index // 2 % len(z)
        if index % 2:
            yield "decode", {"z": z[row][None]}, "mean", decoded[row], TOLERANCE * size
        else:
            expected = made.expected[row]
            yield "score", {"x": made.x[row][None]}, "score", expected, TOLERANCE * abs(expected)


def timed(address, request):
    """Send one request; return its signature, its milliseconds and whether the answer is right."""
    signature, inputs, output, expected, allowed = request
    start = time.perf_counter()
    try:
        answer = infer(address, parameters={"signature": signature}, **inputs)
        right = isinstance(answer, dict) and np.all(np.abs(answer[output][0] - expected) <= allowed)
    except OSError:
        right = False
    return signature, 1e3 * (time.perf_counter() - start), bool(right)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", default=str(ROOT / ".venv-servers/bin/python"))
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = make_raw_model("sensor", folder)
        serve = folder / "serve"
        shutil.copytree(made.served, serve / "serving/1")
        waiting = list(requests_of(made, arguments.requests))
        with (
            started(serve, arguments.servers) as address,
            ThreadPoolExecutor(arguments.clients) as pool,
        ):
            start = time.perf_counter()
            found = list(pool.map(lambda request: timed(address, request), waiting))
            seconds = time.perf_counter() - start
    errors = sum(not right for *_, right in found)
    print(f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}")
    print(f"{arguments.clients} clients, {len(found)} requests in {seconds:.1f} s, {errors} errors")
    print("\n| signature | requests | p50 | p95 | p99 |\n| --- | --- | --- | --- | --- |")
    for signature in ("score", "decode"):
        times = [ms for name, ms, _ in found if name == signature]
        p50, p95, p99 = np.percentile(times, [50, 95, 99])
        print(f"| `{signature}` | {len(times)} | {p50:.1f} ms | {p95:.1f} ms | {p99:.1f} ms |")


if __name__ == "__main__":
    main()
