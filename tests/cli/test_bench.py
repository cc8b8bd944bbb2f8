import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

import kvae
from kvae.cli.main import app
from kvae.export.bundles.machine import machine
from kvae.export.bundles.measure import thread_counts
from kvae.export.bundles.measure_process import interleaved
from tests.helpers import run_python
from tests.small import make_vae


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "bundle"
    data = np.random.default_rng(0).uniform(size=(64, 6)).astype("float32")
    kvae.export.bundle(make_vae((6,), 2), path, data=data, signatures=["decode"], measure=False)
    return path


def test_bench_times_every_preset_and_signature_for_each_number_of_threads(bundle):
    done = CliRunner().invoke(app, ["bench", str(bundle), "--json"])
    assert done.exit_code == 0, done.output
    results = json.loads(done.output)
    assert [file["preset"] for file in results["files"]] == ["float32", "int8"]
    for file in results["files"]:
        told = {(each["signature"], each["threads"]) for each in file["latency"]}
        assert told == {("decode", threads) for threads in thread_counts()}
        for each in file["latency"]:
            assert 0.0 < each["p50_ms"] <= each["p95_ms"]
    assert results["machine"] == machine()


def test_bench_prints_tables_and_changes_nothing(bundle):
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    done = CliRunner().invoke(app, ["bench", str(bundle)])
    assert done.exit_code == 0, done.output
    assert "Time of one call" in done.output
    rows = re.findall(r"decode +\S +(?:float32|int8) +\S +[12]", done.output)
    assert len(rows) == 2 * len(thread_counts())
    assert "Memory of a process" in done.output
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before


def test_bench_refuses_a_folder_that_is_not_a_bundle(tmp_path):
    done = CliRunner().invoke(app, ["bench", str(tmp_path)])
    assert done.exit_code == 2
    assert "it is not a bundle" in " ".join(done.stderr.split())


def test_bench_does_not_load_tensorflow(bundle, tmp_path):
    code = (
        "import sys, pathlib\n"
        "from kvae.cli import bench\n"
        "bench.bench(pathlib.Path(sys.argv[1]), False, None, True)\n"
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    assert run_python(code, tmp_path, bundle).splitlines()[-1] == "False False"


def test_contenders_alternate():
    order = []
    contenders = {name: {"call": lambda name=name: order.append(name)} for name in "ab"}
    times = interleaved(contenders, rounds=3, calls=2, seconds=60.0)
    assert "".join(order) == "aaaaabbbbb" * 3  # three untimed calls, two timed calls
    assert {name: len(values["call"]) for name, values in times.items()} == {"a": 6, "b": 6}


def test_slow_functions_make_few_calls():
    called = []
    times = interleaved({"a": {"call": lambda: called.append(1)}}, 1, 1000, seconds=0.0)
    assert len(times["a"]["call"]) == 3
    assert len(called) == 6
