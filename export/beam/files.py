"""The ends of a Beam pipeline: Parquet and TFRecord files as Arrow tables, and tables as Parquet.

A table holds some thousand rows, and a worker holds a few tables at a time, however many rows a
file or a row group of it has. `kvae.export.beam` offers these transforms and says more.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io import filebasedsink, fileio, iobase
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.tfrecordio import ReadAllFromTFRecord

from kvae import checks

from . import tables
from .records import table_of_examples

__all__ = ["ReadFromParquet", "ReadFromTFRecord", "WriteToParquet"]

Pattern = str | Path | Sequence[str | Path]

ROWS = 4096
READ_BYTES = 1 << 20


class ReadFromParquet(beam.PTransform):
    """Reads Parquet files as tables of at most `rows` rows, row groups in parallel.

    Beam's own `ReadFromParquetBatched` holds whole row groups, which may be whole files; this reads
    pages. A table knows where it comes from, so that errors name the row of the file.

    Args:
        pattern: paths or patterns (`data/part-*.parquet`), on any file system that Beam knows.
        columns: names of the columns to read; by default all.
        rows: rows of a table at most.

    Raises:
        ValueError: If `rows` is no positive integer.

    Example:
        >>> import apache_beam as beam
        >>> import pyarrow as pa
        >>> import pyarrow.parquet as pq
        >>> from kvae.export.beam import ReadFromParquet
        >>> pq.write_table(pa.table({"id": [1, 2, 3]}), folder / "rows.parquet")
        >>> with beam.Pipeline(runner="BundleBasedDirectRunner") as pipeline:
        ...     tables = pipeline | ReadFromParquet(str(folder / "*.parquet"), rows=2)
        ...     _ = tables | beam.Map(lambda table: print(table.num_rows))
        2
        1
    """

    def __init__(
        self,
        pattern: Pattern,
        columns: Sequence[str] | None = None,
        rows: int = ROWS,
    ):
        super().__init__()
        self._patterns = _patterns(pattern)
        self._columns = None if columns is None else list(columns)
        self._rows = checks.positive_int("rows", rows)

    def expand(self, pbegin: Any) -> Any:
        """Find the files, spread their row groups over the workers, and read."""
        return (
            _found(pbegin, self._patterns)
            | "RowGroups" >> beam.ParDo(_RowGroups())
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(_ReadRowGroup(self._columns, self._rows))
        )


class ReadFromTFRecord(beam.PTransform):
    """Reads TFRecord files of `tf.train.Example` as tables, without TensorFlow.

    Args:
        pattern: paths or patterns, on any file system that Beam knows; `.gz` is unpacked.
        schema: `pyarrow.Schema` of the features to read: numbers, strings, binaries, or lists of
            them. A fixed-size list (`pyarrow.list_(pyarrow.float32(), 64)`) asks for that many.
        rows: rows of a table at most.

    Raises:
        ValueError: If `rows` is no positive integer. In the pipeline: if an example does not fit
            the schema.

    Example:
        >>> import apache_beam as beam
        >>> import pyarrow as pa
        >>> from kvae.export.beam import ReadFromTFRecord
        >>> example = tf.train.Example()
        >>> example.features.feature["x"].float_list.value.extend([0.25, 0.5])
        >>> with tf.io.TFRecordWriter(str(folder / "rows.tfrecord")) as writer:
        ...     writer.write(example.SerializeToString())
        >>> schema = pa.schema({"x": pa.list_(pa.float32(), 2)})
        >>> with beam.Pipeline(runner="BundleBasedDirectRunner") as pipeline:
        ...     tables = pipeline | ReadFromTFRecord(str(folder / "rows.tfrecord"), schema)
        ...     _ = tables | beam.Map(lambda table: print(table.to_pylist()))
        [{'x': [0.25, 0.5]}]
    """

    def __init__(self, pattern: Pattern, schema: Any, rows: int = ROWS):
        super().__init__()
        self._patterns = _patterns(pattern)
        self._schema = schema
        self._rows = checks.positive_int("rows", rows)

    def expand(self, pbegin: Any) -> Any:
        """Find the files, spread them over the workers, and read their records."""
        return (
            _found(pbegin, self._patterns)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> ReadAllFromTFRecord(with_filename=True)
            | "Batch" >> beam.BatchElements(self._rows, self._rows)
            | "Tables" >> beam.ParDo(_Examples(self._schema))
        )


class WriteToParquet(beam.PTransform):
    """Writes tables to Parquet files `prefix-00000-of-00004.parquet`, all of them or none.

    Args:
        prefix: how the paths begin, on any file system that Beam knows.
        num_shards: number of files; 0 leaves it to the runner, which lets a worker write what it
            has computed. Another number moves all rows between workers, in memory on the
            DirectRunner.

    Example:
        >>> import apache_beam as beam
        >>> import pyarrow as pa
        >>> from kvae.export.beam import WriteToParquet
        >>> with beam.Pipeline(runner="BundleBasedDirectRunner") as pipeline:
        ...     tables = pipeline | beam.Create([pa.table({"id": [1, 2]})])
        ...     _ = tables | WriteToParquet(str(folder / "out"))
        >>> [path.name for path in folder.glob("out-*")]
        ['out-00000-of-00001.parquet']
    """

    def __init__(self, prefix: Any, num_shards: int = 0):
        super().__init__()
        self._sink = _ParquetSink(_absolute(prefix), num_shards)

    def expand(self, pcoll: Any) -> Any:
        """Write the tables; return the paths."""
        return pcoll | "Write" >> iobase.Write(self._sink)


class _RowGroups(beam.DoFn):
    """Yields path, number and first row of every row group of a file."""

    def process(self, metadata: Any) -> Iterator[tuple[str, int, int]]:
        with _open(metadata.path) as stream:
            footer = pq.read_metadata(stream)
        first = 0
        for group in range(footer.num_row_groups):
            yield metadata.path, group, first
            first += footer.row_group(group).num_rows


class _ReadRowGroup(beam.DoFn):
    """Yields the rows of a row group as tables."""

    def __init__(self, columns: list[str] | None, rows: int):
        self._columns = columns
        self._rows = rows

    def process(self, place: tuple[str, int, int]) -> Iterator[Any]:
        path, group, first = place
        with _open(path) as stream:
            file = pq.ParquetFile(stream, buffer_size=READ_BYTES, pre_buffer=False)
            missing = [each for each in self._columns or [] if each not in file.schema_arrow.names]
            if missing:
                raise ValueError(
                    f"Expected the columns {missing} in {path}. Received: {file.schema_arrow.names}"
                )
            for batch in file.iter_batches(self._rows, row_groups=[group], columns=self._columns):
                yield tables.with_origin(pa.Table.from_batches([batch]), path, first)
                first += batch.num_rows


class _Examples(beam.DoFn):
    """Yields a table of each batch of records."""

    def __init__(self, schema: Any):
        self._schema = schema

    def process(self, records: Sequence[tuple[str, bytes]]) -> Iterator[Any]:
        yield table_of_examples(records, self._schema)


class _ParquetSink(filebasedsink.FileBasedSink):
    """Parquet files whose schema is that of the first table; Beam's own wants it beforehand."""

    def __init__(self, prefix: str, num_shards: int):
        super().__init__(
            prefix,
            coder=None,
            file_name_suffix=".parquet",
            num_shards=num_shards,
            compression_type=CompressionTypes.UNCOMPRESSED,  # Parquet compresses its own pages
        )

    def open(self, temp_path: str) -> "_ParquetFile":
        return _ParquetFile(super().open(temp_path))

    def write_record(self, file: "_ParquetFile", table: Any) -> None:
        file.write(tables.without_origin(table))

    def close(self, file: "_ParquetFile") -> None:
        file.close()

    def pre_finalize(self, init_result: Any, writer_results: Any) -> list[Any]:
        """Return the schema of the files that tables came to, for `finalize_write`."""
        paths = list(writer_results)
        super().pre_finalize(init_result, paths)
        schemas = (_schema(path) for path in paths if FileSystems.exists(path))
        return [next((schema for schema in schemas if schema.names), pa.schema([]))]

    def finalize_write(self, init_result: Any, writer_results: Any, schema: Any) -> Any:
        """Give the files their names, and those that no table came to the columns of the others."""
        paths = list(writer_results)
        if self.num_shards and schema.names:  # else a file is made by its first table
            for path in filter(FileSystems.exists, paths):
                if not _schema(path).names:
                    file = self.open(path)
                    file.begin(schema)
                    file.close()
        return super().finalize_write(init_result, paths, schema)


class _ParquetFile:
    """A stream that becomes a Parquet file with its first table."""

    def __init__(self, stream: Any):
        self._stream = stream
        self._writer: Any = None

    def begin(self, schema: Any) -> None:
        self._writer = pq.ParquetWriter(self._stream, schema)

    def write(self, table: Any) -> None:
        if self._writer is None:
            self.begin(table.schema)
        expected = self._writer.schema
        if not table.schema.equals(expected):
            raise ValueError(
                f"Expected tables of one schema in all files, {_told(expected)}. Received: "
                f"{_told(table.schema)}"
            )
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is None:  # no rows at all
            self.begin(pa.schema([]))
        self._writer.close()
        self._stream.close()


def _schema(path: str) -> Any:
    with _open(path) as stream:
        return pq.read_schema(stream)


def _told(schema: Any) -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)


def _patterns(pattern: Pattern) -> list[str]:
    each = [pattern] if isinstance(pattern, (str, Path)) else pattern
    return [_absolute(one) for one in each]


def _absolute(path: str | Path) -> str:
    """Return a path that holds in every process; Beam's patterns know no working folder either."""
    local = FileSystems.get_scheme(str(path)) is None
    return os.path.abspath(path) if local else str(path)


def _found(pbegin: Any, patterns: list[str]) -> Any:
    """Return the files of the patterns; it is an error where one of them matches none."""
    none = fileio.EmptyMatchTreatment.DISALLOW
    return pbegin | "Patterns" >> beam.Create(patterns) | "Match" >> fileio.MatchAll(none)


def _open(path: str) -> Any:
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
