"""What does not fit is refused in words that name the row."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from kvae.export.beam import (
    BundleHandler,
    Encode,
    ReadFromParquet,
    ReadFromTFRecord,
    RunSignature,
    Score,
    WriteToParquet,
)
from kvae.export.runtime import BundleError
from tests.beam.pipelines import run, table_of


def with_rows(*rows, kind=None):
    return pa.table({"x": pa.array(rows, kind or pa.list_(pa.float64()))})


ROW = [0.5] * 64
BAD_ROWS = [
    (pa.table({"y": [1.0]}), r"Expected the columns \['x'\] for the input x. Received: \['y'\]"),
    (
        with_rows(ROW, ROW[1:], ROW),
        r"hold 64 numbers in every row, .* x of shape \(8, 8, 1\). Received: 63 in row 1",
    ),
    (with_rows(ROW, ROW, []), "Received: 0 in row 2"),
    (with_rows(ROW, None), "Received: no list in row 1"),
    (with_rows(ROW, [*ROW[1:], None]), "Received: a missing number in row 1"),
    (with_rows(ROW, ROW, [*ROW[1:], np.nan]), r"Expected finite numbers.*Received: nan in row 2"),
    (with_rows([*ROW[1:], -np.inf]), "Received: -inf in row 0"),
    (with_rows([*ROW[1:], 1e300]), r"numbers of float32.*Received: 1e\+300 in row 0"),
    (with_rows(["a"] * 64, kind=pa.list_(pa.string())), r"flat lists of 64.*list<.*string>"),
    (
        with_rows([[0.5] * 8] * 8, kind=pa.list_(pa.list_(pa.float64()))),
        r"Expected the column 'x' to hold flat lists of 64 numbers.*Received: list<.*list<",
    ),
    (pa.table({"x": ["seven"]}), "flat lists of 64 numbers.*Received: string"),
    (pa.table({"x": [0.5]}), r"or 64 columns of numbers, for the input x.*'x' of double"),
]


@pytest.mark.parametrize(("table", "words"), BAD_ROWS, ids=[words for _, words in BAD_ROWS])
def test_rows_that_do_not_fit(bulk, table, words):
    handler = BundleHandler(bulk.bundle, "score")
    with pytest.raises(ValueError, match=words):
        handler.run_inference([table], handler.load_model())


def test_columns_of_numbers_that_do_not_fit(bulk):
    handler = BundleHandler(bulk.bundle, "decode", columns={"z": ["a", "b"]})
    model = handler.load_model()
    with pytest.raises(ValueError, match=r"'b' to hold 2 numbers.*a missing number in row 1"):
        handler.run_inference([pa.table({"a": [0.0, 1.0], "b": [0.0, None]})], model)
    with pytest.raises(ValueError, match=r"Expected the column 'b' to hold numbers.*string"):
        handler.run_inference([pa.table({"a": [0.0], "b": ["c"]})], model)
    with pytest.raises(ValueError, match="Received: inf in row 1 of a table"):
        handler.run_inference([pa.table({"a": [0.0, 1.0], "b": [0.0, np.inf]})], model)
    with pytest.raises(ValueError, match=r"Expected the columns \['a', 'b'\].*\['a'\]"):
        handler.run_inference([pa.table({"a": [0.0]})], model)
    handler = BundleHandler(bulk.bundle, "decode", columns={"z": ["a", "b", "c"]})
    with pytest.raises(ValueError, match=r"or 2 columns of numbers.*'a' of int64, 'b' of int64"):
        handler.run_inference([pa.table({"a": [0], "b": [1], "c": [2]})], model)


def test_a_bad_row_is_named_by_its_file_and_nothing_is_written(bulk, tmp_path):
    good = table_of(bulk.x)
    lists = good["x"].to_pylist()
    lists[433] = [*lists[433][:-1], None]
    bad = good.set_column(2, "x", pa.array(lists, pa.list_(pa.float32())))
    pq.write_table(good, tmp_path / "rows-0.parquet")
    pq.write_table(bad, tmp_path / "rows-1.parquet", row_group_size=150)
    with pytest.raises(Exception, match=r"a missing number in row 433 of .*rows-1.parquet"):
        run(
            ReadFromParquet(tmp_path / "rows-*.parquet", rows=64),
            Score(bulk.bundle),
            WriteToParquet(tmp_path / "out"),
        )
    assert not list(tmp_path.glob("out*.parquet"))


def test_files_that_differ_are_refused(bulk, tmp_path):
    table = table_of(bulk.x[:5])
    pq.write_table(table, tmp_path / "rows-0.parquet")
    words = table.set_column(0, "id", pa.array(["a", "b", "c", "d", "e"]))
    pq.write_table(words, tmp_path / "rows-1.parquet")
    with pytest.raises(Exception, match="Expected tables of one schema in all files, id: "):
        run(
            ReadFromParquet(tmp_path / "rows-*.parquet"),
            Score(bulk.bundle),
            WriteToParquet(tmp_path / "out"),
        )


def test_what_is_not_there_is_said(bulk, tmp_path):
    with pytest.raises(Exception, match=r"none-\*.parquet"):
        run(ReadFromParquet(tmp_path / "none-*.parquet"))
    pq.write_table(table_of(bulk.x[:5]), tmp_path / "rows.parquet")
    with pytest.raises(Exception, match=r"Expected the columns \['y'\] in .*rows.parquet"):
        run(ReadFromParquet(tmp_path / "rows.parquet", columns=["id", "y"]))
    with pytest.raises(ValueError, match="Expected rows to be a positive integer"):
        ReadFromParquet("rows.parquet", rows=0)


def test_the_bundle_is_checked_before_the_pipeline_runs(bulk, tmp_path):
    with pytest.raises(ValueError, match=r"Expected signature to be one of .*'score'.*'dream'"):
        RunSignature(bulk.bundle, "dream")
    with pytest.raises(ValueError, match="Received: signature='score_64'"):
        RunSignature(bulk.bundle, "score_64")
    with pytest.raises(ValueError, match=r"for the inputs \['x'\] of 'score'.*\['y'\]"):
        RunSignature(bulk.bundle, "score", columns={"y": "x"})
    with pytest.raises(BundleError, match="Expected a folder that holds a bundle"):
        Score(tmp_path / "nothing")
    with pytest.raises(BundleError, match="Expected preset to be one of"):
        Encode(bulk.bundle, preset="int8")


def test_an_output_does_not_replace_a_column(bulk):
    table = table_of(bulk.x[:2], nll=[0.0, 0.0])
    handler = BundleHandler(bulk.bundle, "score")
    with pytest.raises(ValueError, match="Expected rows without a column 'nll'"):
        handler.run_inference([table], handler.load_model())
    handler = BundleHandler(bulk.bundle, "score", carry=["id", "y"])
    with pytest.raises(ValueError, match=r"Expected the columns \['y'\]. Received"):
        handler.run_inference([table], handler.load_model())


BAD_SCHEMAS = [
    ({"y": pa.float32()}, r"Expected a feature 'y'.*rows.tfrecord with \['id', 'word', 'x'\]"),
    ({"x": pa.float32()}, "'x' of every example to have 1 values. Received: 2.*id=7"),
    ({"x": pa.list_(pa.float32(), 3)}, "to have 3 values. Received: 2"),
    ({"word": pa.int64()}, "Expected the feature 'word' to hold values of int64"),
]


@pytest.mark.parametrize(("fields", "words"), BAD_SCHEMAS, ids=[words for _, words in BAD_SCHEMAS])
def test_examples_that_do_not_fit(tmp_path, fields, words):
    example = tf.train.Example()
    example.features.feature["id"].int64_list.value.append(7)
    example.features.feature["word"].bytes_list.value.append(b"seven")
    example.features.feature["x"].float_list.value.extend([0.25, 0.5])
    with tf.io.TFRecordWriter(str(tmp_path / "rows.tfrecord")) as writer:
        writer.write(example.SerializeToString())
    with pytest.raises(Exception, match=words):
        run(ReadFromTFRecord(tmp_path / "rows.tfrecord", pa.schema(fields)))


def test_records_that_are_no_examples(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "rows.tfrecord")) as writer:
        writer.write(b"\xff no example")
    with pytest.raises(Exception, match=r"records that are tf.train.Example messages in .*rows"):
        run(ReadFromTFRecord(tmp_path / "rows.tfrecord", pa.schema({"x": pa.float32()})))
