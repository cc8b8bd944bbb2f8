"""What docs/bulk.md says to type does what it says."""

import json
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from kvae.cli.main import app
from kvae.cli.run_folder import VERSION
from tests.beam.conftest import keras_scores
from tests.beam.pipelines import read, table_of
from tests.helpers import ROOT, relative, run_python

PAGE = (ROOT / "docs" / "bulk.md").read_text("utf-8")
TOLERANCE = 1e-5


@pytest.fixture
def folder(bulk, tmp_path):
    """A folder with what the page supposes: the bundle, Parquet files and a TFRecord file."""
    shutil.copytree(bulk.bundle, tmp_path / "bundle")
    table = table_of(bulk.x)
    pq.write_table(table.slice(0, 300), tmp_path / "rows-0.parquet")
    pq.write_table(table.slice(300), tmp_path / "rows-1.parquet")
    with tf.io.TFRecordWriter(str(tmp_path / "rows.tfrecord")) as writer:
        for number, x in enumerate(bulk.x):
            example = tf.train.Example()
            example.features.feature["id"].int64_list.value.append(number)
            example.features.feature["x"].float_list.value.extend(x.ravel())
            writer.write(example.SerializeToString())
    return tmp_path


@pytest.mark.slow
def test_the_blocks_run_in_order(bulk, folder):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    run_python("\n".join(blocks), folder)
    scored = read(folder, "scored/part-*.parquet")
    assert scored.column_names == ["id", "word", "score", "nll", "nats_per_element"]
    assert relative(scored["score"].to_numpy(), keras_scores(bulk.vae, bulk.x)[0]) < TOLERANCE
    encoded = read(folder, "encoded/part-*.parquet")
    found = np.stack(encoded["mean"].to_numpy())
    assert relative(found, bulk.vae.encode(bulk.x)[0]) < TOLERANCE


def said(folder, line):
    folder_of = {"bundle": folder / "bundle", "rows-*.parquet": folder / "rows-*.parquet"}
    words = line.replace("'", "").split()[1:]
    arguments = [str(folder_of.get(word, word)) for word in words]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})


def test_the_command_scores_as_well(bulk, folder, monkeypatch):
    monkeypatch.chdir(folder)
    (line,) = re.findall(r"`(kvae score .*?)`", PAGE)
    done = said(folder, line)
    assert done.exit_code == 0, done.output
    assert "The results are in scored/part-*.parquet" in done.output
    scored = read(folder, "scored/part-*.parquet")
    assert relative(scored["score"].to_numpy(), keras_scores(bulk.vae, bulk.x)[0]) < TOLERANCE


def test_the_command_says_what_is_wrong(folder, monkeypatch):
    monkeypatch.chdir(folder)
    done = said(folder, "kvae score bundle rows-*.parquet --beam -o out --signature dream")
    assert done.exit_code == 2
    assert "Expected signature to be one of" in done.output
    done = said(folder, "kvae score bundle rows-*.parquet --beam -o out --signature interpolate")
    assert "Expected a signature with one input" in done.output
    done = said(folder, "kvae score bundle rows-*.parquet --beam -o out --column y")
    assert "Expected the columns ['y'] for the input x" in done.output
    assert not list(folder.glob("out*.parquet"))


def test_the_command_takes_a_run_folder_for_its_bundle(bulk, folder, monkeypatch):
    monkeypatch.chdir(folder)
    run = folder / "run"
    run.mkdir()
    shutil.move(folder / "bundle", run / "bundle")
    state = {"version": VERSION, "status": "finished", "job": "anomaly"}
    (run / "run.json").write_text(json.dumps(state))
    done = said(folder, "kvae score run rows-*.parquet --beam -o out")
    assert done.exit_code == 0, done.output
    scored = read(folder, "out-*.parquet")
    assert relative(scored["score"].to_numpy(), keras_scores(bulk.vae, bulk.x)[0]) < TOLERANCE
    (run / "run.json").write_text(json.dumps({**state, "results": {"series": {"length": 8}}}))
    done = said(folder, "kvae score run rows-*.parquet --beam -o again")
    assert done.exit_code == 2
    assert "windows of a series" in done.output
