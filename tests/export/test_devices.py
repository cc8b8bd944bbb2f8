"""What is measured on a device, and how it is added to a bundle."""

import json
import os
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import kvae
from kvae.cli.main import app
from kvae.export import runtime
from kvae.export.bundles import measure as measuring
from kvae.export.bundles.devices import save
from kvae.export.bundles.machine import machine
from kvae.export.bundles.measure import BRIEF, measure, thread_counts
from tests.helpers import ROOT, run_python
from tests.small import make_vae

SIGNATURES = ["decode", "encode", "score"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle of two presets and its results, measured when it was written."""
    path = tmp_path_factory.mktemp("devices") / "bundle"
    data = np.random.default_rng(0).uniform(size=(64, 6)).astype("float32")
    presets = ["float32", "int8", "int8-full"]
    results = kvae.export.bundle(
        make_vae((6,), 2), path, data=data, presets=presets, signatures=SIGNATURES
    )
    return path, results


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "bundle")


def content(root):
    return {path.name: path.read_bytes() for path in sorted(root.iterdir())}


def test_a_bundle_holds_time_and_memory_of_every_file(made):
    path, results = made
    bundle = runtime.Bundle(path)
    (device,) = bundle.manifest["devices"]
    assert device["name"] == device["machine"] == machine()
    assert device["versions"].keys() == {"ai-edge-litert", "kvae", "numpy", "python"}
    assert [file["preset"] for file in device["files"]] == list(results)
    for file in device["files"]:
        signatures = bundle.artefact(file["preset"])["signatures"]
        told = {(each["signature"], each["threads"]) for each in file["latency"]}
        assert told == {(name, threads) for name in signatures for threads in thread_counts()}
        for each in file["latency"]:
            assert 0.0 < each["p50_ms"] <= each["p95_ms"]
            assert each["calls"] >= 3
            if each["threads"] == 1:
                latency = results[file["preset"]].latency_ms
                assert latency[each["signature"]] == each["p50_ms"]
        if os.path.exists("/proc/self/status"):
            assert 0 < file["base_bytes"] < file["peak_bytes"] < 2**30


def test_the_card_shows_devices_with_a_column_for_each_preset_and_threads(made):
    card = (made[0] / "README.md").read_text("utf-8")
    assert f"### {machine()}" in card
    header = next(line for line in card.splitlines() if line.startswith("| signature | float32"))
    assert [cell.strip() for cell in header.split("|")[2:-1]] == [
        f"{preset}, {threads} thread{'s' * (threads > 1)}"
        for preset in ("float32", "int8", "int8-full")
        for threads in thread_counts()
    ]


def test_the_memory_of_a_process_does_not_hold_tensorflow(made, tmp_path):
    """A TensorFlow that cannot be imported lies before the real one."""
    for name in ("tensorflow", "keras", "tensorflow_probability"):
        (tmp_path / f"{name}.py").write_text("raise SystemError('imported')\n")
    code = (
        "import pathlib, sys\n"
        "from kvae.export.bundles.measure import BRIEF, measure\n"
        "device = measure(pathlib.Path(sys.argv[1]), 'here', BRIEF)\n"
        "print(device['name'], len(device['files']))\n"
    )
    env = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    assert run_python(code, tmp_path, made[0], env=env).strip() == "here 3"


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_the_memory_of_the_model_is_seen(tmp_path):
    """A decoder with 8 MB of weights takes these 8 MB at least."""
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder((1000,), 4, (16,)),
        posterior=make_vae((6,), 2).posterior_layer,
        decoder=kvae.networks.mlp_decoder(2, (1000,), (2000,)),
        likelihood=kvae.layers.IndependentBernoulli(1000),
    )
    for weight in vae.decoder.weights:  # the converter leaves out biases of zeros
        weight.assign(0.01 * np.random.default_rng(0).normal(size=weight.shape))
    kvae.export.bundle(vae, tmp_path / "b", presets=["float32"], signatures=["decode"])
    manifest = runtime.Bundle(tmp_path / "b").manifest
    (file,) = manifest["devices"][0]["files"]
    assert file["peak_bytes"] - file["base_bytes"] > manifest["artefacts"][0]["size_bytes"] > 8e6


def device(name, **changed):
    return {"name": name, "machine": "m", "date": "2024-01-01T00:00:00Z", "versions": {}} | {
        "files": [
            {
                "preset": "float32",
                "base_bytes": None,
                "peak_bytes": None,
                "latency": [
                    {"signature": "decode", "threads": 1, "calls": 3, "p50_ms": 1.25, "p95_ms": 2.5}
                ],
            }
        ],
        **changed,
    }


def test_a_device_is_added_and_the_same_one_replaced(copy):
    before = content(copy)
    save(copy, device("Pi | 5"))
    save(copy, device("phone", machine="other"))
    save(copy, device("Pi | 5", machine="again"))
    bundle = runtime.Bundle(copy)
    bundle.check()
    told = [(each["name"], each["machine"]) for each in bundle.manifest["devices"]]
    assert told == [(machine(), machine()), ("Pi | 5", "again"), ("phone", "other")]
    after = content(copy)
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"README.md", "manifest.json", runtime.SUMS}
    card = after["README.md"].decode()
    assert card.count("### Pi | 5\n") == 1
    assert "again" in card
    assert "1.250 / 2.500" in card
    manifest = json.loads(after["manifest.json"])
    old = json.loads(before["manifest.json"])
    differs = {name for name in manifest if manifest[name] != old[name]}
    assert differs == {"devices", "sha256"}
    assert kvae.export.verify(copy).keys() == {"float32", "int8", "int8-full"}


def test_a_device_is_added_through_a_link(copy, tmp_path):
    (tmp_path / "link").symlink_to(copy)
    save(tmp_path / "link", device("Pi"))
    assert (tmp_path / "link").is_symlink()
    assert runtime.Bundle(copy).manifest["devices"][-1]["name"] == "Pi"


@pytest.mark.parametrize(
    "wrong",
    [device("two\nlines"), device("b", date=""), device("a" * runtime.MANIFEST_BYTES)],
    ids=["name", "date", "size"],
)
def test_an_entry_that_could_not_be_read_is_not_written(copy, tmp_path, wrong):
    before = content(copy)
    with pytest.raises(runtime.BundleError, match=r"devices|at most"):
        save(copy, wrong)
    assert content(copy) == before
    assert list(tmp_path.iterdir()) == [copy]


@pytest.mark.parametrize("name", ["model-int8.tflite", "README.md"])
def test_a_damaged_bundle_is_not_sealed_again(copy, tmp_path, name):
    with open(copy / name, "ab") as file:
        file.write(b" ")
    before = content(copy)
    with pytest.raises(runtime.BundleError, match="altered"):
        save(copy, device("Pi"))
    assert content(copy) == before
    assert list(tmp_path.iterdir()) == [copy]


def test_measure_uses_as_many_threads_as_there_are_cores(monkeypatch):
    monkeypatch.setattr(measuring.os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert thread_counts() == [1]


def test_signatures_of_many_rows_are_not_timed(tmp_path):
    vae, path = make_vae((6,), 2), tmp_path / "bundle"
    kvae.export.bundle(vae, path, presets=["float32"], signatures=["decode"], batch_sizes=[1, 8])
    (file,) = runtime.Bundle(path).manifest["devices"][0]["files"]
    assert {each["signature"] for each in file["latency"]} == {"decode"}


def run(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments], env={"NO_COLOR": "1"})


def test_bench_saves_under_the_name_of_the_device(copy, monkeypatch):
    monkeypatch.setattr("kvae.cli.bench.measure", lambda path, name: measure(path, name, BRIEF))
    done = run("bench", copy, "--save", "--device", "Pi 5", "--json")
    assert done.exit_code == 0, done.output
    bundle = runtime.Bundle(copy)
    bundle.check()
    assert bundle.manifest["devices"][1] == json.loads(done.output)
    assert "### Pi 5" in (copy / "README.md").read_text("utf-8")


def test_bench_prints_what_it_has_saved(copy, monkeypatch):
    monkeypatch.setattr("kvae.cli.bench.measure", lambda path, name: measure(path, name, BRIEF))
    done = run("bench", copy, "--save")
    assert done.exit_code == 0, done.output
    assert "Memory of a process" in done.output
    (told,) = runtime.Bundle(copy).manifest["devices"]
    assert told["name"] == machine()


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "\x1b[31m"])
def test_bench_refuses_a_name_that_is_none_before_it_measures(copy, monkeypatch, name):
    monkeypatch.setattr("kvae.cli.bench.measure", None)
    before = content(copy)
    done = run("bench", copy, "--save", "--device", name)
    assert done.exit_code == 2
    assert "Expected --device to be" in " ".join(done.stderr.split())
    assert content(copy) == before
