import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

import kvae
from kvae.cli.bench import interleaved
from kvae.cli.main import app
from kvae.export.bundles.machine import machine
from tests.helpers import run_python
from tests.small import make_vae


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "bundle"
    data = np.random.default_rng(0).uniform(size=(64, 6)).astype("float32")
    kvae.export.bundle(make_vae((6,), 2), path, data=data, signatures=["decode"])
    return path


def test_bench_times_every_preset_on_one_and_two_threads(bundle):
    done = CliRunner().invoke(app, ["bench", str(bundle), "--json"])
    assert done.exit_code == 0, done.output
    results = json.loads(done.output)
    rows = results["decoders"]
    assert {(row["preset"], row["threads"]) for row in rows} == {
        (preset, threads) for preset in ("float32", "int8") for threads in (1, 2)
    }
    for row in rows:
        low, high = row["quartiles_ms"]
        assert 0.0 < low <= row["median_ms"] <= high
        assert row["size_bytes"] == (bundle / f"model-{row['preset']}.tflite").stat().st_size
    assert results["machine"] == machine()


def test_bench_prints_a_table(bundle):
    done = CliRunner().invoke(app, ["bench", str(bundle)])
    assert done.exit_code == 0, done.output
    assert "Latency of decode" in done.output
    assert len(re.findall(r"(?:float32|int8) +\S +[12]", done.output)) == 4


def test_bench_refuses_a_folder_that_is_not_a_bundle(tmp_path):
    done = CliRunner().invoke(app, ["bench", str(tmp_path)])
    assert done.exit_code == 2
    assert "it is not a bundle" in " ".join(done.stderr.split())


def test_bench_does_not_load_tensorflow(bundle, tmp_path):
    code = (
        "import sys, pathlib\n"
        "from kvae.cli import bench\n"
        "bench.bench(pathlib.Path(sys.argv[1]), True)\n"
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    assert run_python(code, tmp_path, bundle).splitlines()[-1] == "False False"


def test_contenders_alternate():
    order = []
    times = interleaved(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3, calls=2
    )
    assert "".join(order) == "aaaaabbbbb" * 3  # three untimed calls, two timed calls
    assert {name: len(values) for name, values in times.items()} == {"a": 6, "b": 6}
