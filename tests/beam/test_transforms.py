"""Rows through a pipeline say what Keras says of them."""

import pickle
import shutil
import threading

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from kvae.export import runtime
from kvae.export.beam import (
    BundleHandler,
    Encode,
    ReadFromParquet,
    RunSignature,
    Score,
    WriteToParquet,
)
from tests.beam.conftest import keras_scores
from tests.beam.pipelines import lists, read, run, table_of
from tests.helpers import ROOT, relative, run_python

# float32 sums of 64 terms against float64: the exporter promises 1e-5 of the largest value.
TOLERANCE = 1e-5


def array(table, column):
    """Return a column of lists as an array (rows, size)."""
    return np.stack(table.column(column).to_numpy())


@pytest.fixture(scope="module")
def parquet(bulk, tmp_path_factory):
    """The rows in two files, of row groups of 90 and of 300 rows."""
    folder = tmp_path_factory.mktemp("parquet")
    table = table_of(bulk.x)
    pq.write_table(table.slice(0, 200), folder / "rows-0.parquet", row_group_size=90)
    pq.write_table(table.slice(200), folder / "rows-1.parquet", row_group_size=300)
    return folder


def test_scores_are_those_of_keras_and_the_other_columns_stay(bulk, parquet, tmp_path):
    run(
        ReadFromParquet(str(parquet / "rows-*.parquet"), rows=128),
        Score(bulk.bundle),
        WriteToParquet(tmp_path / "scored"),
    )
    found = read(tmp_path, "scored-*.parquet")
    score, nll = keras_scores(bulk.vae, bulk.x)
    assert found.column_names == ["id", "word", "score", "nll", "nats_per_element"]
    assert found["id"].to_pylist() == list(range(500))
    assert found["word"].to_pylist() == [f"row {number}" for number in range(500)]
    assert relative(found["score"].to_numpy(), score) < TOLERANCE
    assert relative(found["nll"].to_numpy(), nll) < TOLERANCE
    assert not found.schema.metadata


def test_reconstructions_are_what_predict_says(bulk, parquet, tmp_path):
    run(
        ReadFromParquet(str(parquet / "rows-*.parquet")),
        RunSignature(bulk.bundle, "reconstruct", carry=["id"]),
        WriteToParquet(tmp_path / "out"),
    )
    found = read(tmp_path, "out-*.parquet")
    predicted = bulk.vae.predict(bulk.x, verbose=0)
    assert found.column_names == ["id", "mean"]
    assert relative(array(found, "mean"), predicted.reshape(500, -1)) < TOLERANCE


def test_posteriors_are_what_encode_says_and_inputs_may_be_carried(bulk, parquet, tmp_path):
    run(
        ReadFromParquet([parquet / "rows-1.parquet", parquet / "rows-0.parquet"], ["id", "x"]),
        Encode(bulk.bundle, carry=["id", "x"]),
        Score(bulk.bundle, num_threads=2),
        WriteToParquet(tmp_path / "out"),
    )
    found = read(tmp_path, "out-*.parquet")
    mean, stddev = bulk.vae.encode(bulk.x)
    assert found.column_names == ["id", "mean", "stddev", "score", "nll", "nats_per_element"]
    assert relative(array(found, "mean"), mean) < TOLERANCE
    assert relative(array(found, "stddev"), stddev) < TOLERANCE
    assert relative(found["score"].to_numpy(), keras_scores(bulk.vae, bulk.x)[0]) < TOLERANCE


def test_several_inputs_and_columns_of_numbers(bulk, rng):
    z_a, z_b = rng.normal(size=(2, 30, 2)).astype("float32")
    t = rng.uniform(size=30)  # float64, as tables often have it
    rows = pa.table(
        {"start": lists(z_a), "e0": z_b[:, 0], "e1": z_b[:, 1], "t": t, "id": range(30)}
    )
    columns = {"z_a": "start", "z_b": ["e0", "e1"]}
    handler = BundleHandler(bulk.bundle, "interpolate", columns=columns)
    (found,) = handler.run_inference([rows], handler.load_model())
    share = t[:, None].astype("float32")
    expected = np.asarray(bulk.vae.decode((1 - share) * z_a + share * z_b))
    assert found.column_names == ["id", "mean"]
    assert relative(array(found, "mean"), expected.reshape(30, -1)) < TOLERANCE


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.large_list(pa.float32())], ids=str)
def test_lists_of_any_kind_are_read(bulk, kind):
    table = table_of(bulk.x[:3])
    handler = BundleHandler(bulk.bundle, "encode")
    other = table.set_column(2, "x", pa.array(array(table, "x").tolist(), kind))
    # cut out of a longer one: an offset in Arrow's arrays
    other = pa.concat_tables([other, other]).combine_chunks().slice(2, 3)
    model = handler.load_model()
    expected = bulk.vae.encode(bulk.x[[2, 0, 1]])[0]
    (found,) = handler.run_inference([other], model)
    assert found["id"].to_pylist() == [2, 0, 1]
    assert relative(array(found, "mean"), expected) < TOLERANCE


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_tfrecords_are_read_without_tensorflow(bulk, tmp_path, compression):
    path = tmp_path / ("rows.tfrecord" + (".gz" if compression else ""))
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for number, x in enumerate(bulk.x):
            example = tf.train.Example()
            feature = example.features.feature
            feature["id"].int64_list.value.append(number)
            feature["word"].bytes_list.value.append(f"row {number}".encode())
            feature["x"].float_list.value.extend(x.ravel())
            feature["more"].float_list.value.extend([0.5] * (number % 3))
            writer.write(example.SerializeToString())
    code = (
        "import sys, pyarrow as pa\n"
        "sys.modules['tensorflow'] = sys.modules['keras'] = None  # any import of them now fails\n"
        "from kvae.export.beam import ReadFromTFRecord, Score, WriteToParquet\n"
        "from tests.beam.pipelines import run\n"
        "schema = pa.schema({'id': pa.int64(), 'word': pa.string(),\n"
        "    'x': pa.list_(pa.float32(), 64), 'more': pa.list_(pa.float32())})\n"
        "run(ReadFromTFRecord(sys.argv[1], schema, rows=150), Score(sys.argv[2]),\n"
        "    WriteToParquet('out'))\n"
    )
    run_python(code, tmp_path, path, bulk.bundle)
    found = read(tmp_path, "out-*.parquet")
    assert found["word"].to_pylist() == [f"row {number}" for number in range(500)]
    assert [len(row) for row in found["more"].to_pylist()] == [n % 3 for n in range(500)]
    assert relative(found["score"].to_numpy(), keras_scores(bulk.vae, bulk.x)[0]) < TOLERANCE


def test_the_largest_batch_that_there_are_rows_for_runs(bulk, monkeypatch):
    handler = BundleHandler(bulk.bundle, "encode")
    model = handler.load_model()
    calls = []
    run_rows = runtime._Engine.run

    def noted(self, name, inputs):
        calls.append((name, len(inputs["x"])))
        return run_rows(self, name, inputs)

    monkeypatch.setattr(runtime._Engine, "run", noted)
    (found,) = handler.run_inference([table_of(bulk.x[:150])], model)
    assert calls == [("encode_64", 64)] * 2 + [("encode", 1)] * 22
    assert relative(array(found, "mean"), bulk.vae.encode(bulk.x[:150])[0]) < TOLERANCE


def test_threads_may_share_a_model(bulk):
    handler = BundleHandler(bulk.bundle, "encode")
    model = handler.load_model()
    table = table_of(bulk.x)
    (expected,) = handler.run_inference([table], model)
    found = []

    def work():
        found.extend(handler.run_inference([table] * 10, model))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert all(each.equals(expected) for each in found)


def test_what_a_runner_ships_needs_no_code_but_names(bulk):
    """Plain pickle refuses lambdas and local functions; Beam's own would take them along."""
    handler = pickle.loads(pickle.dumps(BundleHandler(bulk.bundle, "score")))
    (found,) = handler.run_inference([table_of(bulk.x[:5])], handler.load_model())
    assert relative(found["score"].to_numpy(), keras_scores(bulk.vae, bulk.x[:5])[0]) < TOLERANCE


def test_a_worker_with_another_bundle_is_refused(bulk, tmp_path):
    path = shutil.copytree(bulk.bundle, tmp_path / "bundle")
    handler = BundleHandler(path, "score")
    files = {name: (path / name).read_bytes() for name in runtime.Bundle(path).names}
    files["README.md"] = b"Another one."
    (path / "README.md").write_bytes(b"Another one.")
    (path / runtime.SUMS).write_text(runtime.sums_of(files))
    with pytest.raises(runtime.BundleError, match="not the one that the pipeline was made with"):
        handler.load_model()


def test_no_rows_give_a_file_without_rows(bulk, tmp_path):
    pq.write_table(table_of(bulk.x[:1]).slice(1), tmp_path / "rows.parquet")
    run(
        ReadFromParquet(tmp_path / "rows.parquet"),
        Score(bulk.bundle),
        WriteToParquet(tmp_path / "out"),
    )
    assert pq.read_table(tmp_path / "out-00000-of-00001.parquet").num_rows == 0


def test_rows_are_dealt_to_as_many_files_as_wanted(bulk, parquet, tmp_path):
    run(
        ReadFromParquet(parquet / "rows-*.parquet", rows=50),
        Score(bulk.bundle),
        WriteToParquet(tmp_path / "out", num_shards=3),
    )
    files = sorted(tmp_path.glob("out-*.parquet"))
    assert [file.name for file in files] == [f"out-0000{n}-of-00003.parquet" for n in range(3)]
    assert read(tmp_path, "out-*.parquet")["id"].to_pylist() == list(range(500))


def test_a_file_without_rows_has_the_columns_of_the_others(tmp_path):
    import apache_beam as beam

    table = pa.table({"id": [1, 2]})
    run(beam.Create([table]), WriteToParquet(tmp_path / "out", num_shards=3))
    files = sorted(tmp_path.glob("out-*.parquet"))
    assert sorted(pq.read_table(file).num_rows for file in files) == [0, 0, 2]
    assert all(pq.read_schema(file).equals(table.schema) for file in files)


def test_tables_of_any_source_run(bulk, tmp_path):
    """Rows that are dictionaries become tables by Beam's own means."""
    rows = [{"id": number, "x": x.ravel().tolist()} for number, x in enumerate(bulk.x[:20])]
    run(
        beam.Create(rows),
        beam.BatchElements(8, 8),
        beam.Map(lambda batch: pa.Table.from_pylist(batch)),
        Score(bulk.bundle),
        WriteToParquet(tmp_path / "out"),
    )
    found = read(tmp_path, "out-*.parquet")
    assert relative(found["score"].to_numpy(), keras_scores(bulk.vae, bulk.x[:20])[0]) < TOLERANCE


@pytest.mark.slow
def test_several_processes_say_the_same(bulk, parquet, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    run(
        ReadFromParquet(parquet / "rows-*.parquet"),
        Score(bulk.bundle),
        WriteToParquet(tmp_path / "out"),
        direct_num_workers=2,
        direct_running_mode="multi_processing",
    )
    found = read(tmp_path, "out-*.parquet")
    assert relative(found["score"].to_numpy(), keras_scores(bulk.vae, bulk.x)[0]) < TOLERANCE
