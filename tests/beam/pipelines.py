"""Rows into files, files through a pipeline, and files back into rows."""

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions

__all__ = ["FN_API", "lists", "read", "run", "table_of"]

# What DirectRunner uses for such a pipeline, without its try to download another runner first.
FN_API = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def lists(x):
    """Return arrays (rows, ...) as a column of fixed-size lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(x)), int(np.prod(x.shape[1:])))


def table_of(x, **columns):
    """Return a table of ids from 0, a column of words, and the rows of `x` as lists."""
    ids = np.arange(len(x))
    words = [f"row {number}" for number in ids]
    return pa.table({"id": ids, "word": words, "x": lists(x), **columns})


def run(*steps, runner=FN_API, **options):
    """Run the transforms one after the other."""
    with beam.Pipeline(runner=runner, options=PipelineOptions(**options)) as pipeline:
        out = pipeline
        for step in steps:
            out = out | step


def read(folder, pattern):
    """Return the rows of all files as one table, sorted by id."""
    tables = [pq.read_table(path) for path in sorted(folder.glob(pattern))]
    return pa.concat_tables(tables).sort_by("id")
