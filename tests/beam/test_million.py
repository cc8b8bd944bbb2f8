"""One million rows in bounded memory: a soak test."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.beam.conftest import keras_scores
from tests.beam.pipelines import lists
from tests.helpers import relative, run_python

ROWS = 1_000_000
PART = 250_000
MEBIBYTE = 1 << 20
STATUS = Path("/proc/self/status")

# Two runs in one process: a short one pays for what any run needs (Beam, LiteRT, Arrow's pools),
# then the long one. The option keeps the DirectRunner to its own process, which is measured: else
# it may download another runner. VmHWM is the process' peak in KiB; `ru_maxrss` would begin with
# the peak of the test that starts it.
PIPELINE = """
import json, re, sys
from pathlib import Path
from kvae.export.beam import ReadFromParquet, Score, WriteToParquet
from tests.beam.pipelines import run

bundle, warm, rows = sys.argv[1:]
options = {"runner": "DirectRunner", "allow_unsafe_triggers": True}
peaks = []
for pattern, name in ((warm, "warm"), (rows, "scored")):
    run(ReadFromParquet(pattern), Score(bundle), WriteToParquet(name), **options)
    status = Path("/proc/self/status").read_text()
    peaks.append(1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]))
print(json.dumps(peaks))
"""


@pytest.fixture(scope="module")
def million(bulk, tmp_path_factory):
    """A million noisy digits in four files, each a single row group; 256 MB in memory."""
    folder = tmp_path_factory.mktemp("million")
    rng = np.random.default_rng(0)
    for part in range(ROWS // PART):
        x = make_rows(rng, bulk.x)
        ids = np.arange(part * PART, (part + 1) * PART)
        table = pa.table({"id": ids, "x": lists(x)})
        pq.write_table(table, folder / f"rows-{part}.parquet", row_group_size=PART)
    pq.write_table(table.slice(0, 10_000), folder / "warm.parquet")
    return folder


def make_rows(rng, x):
    noise = rng.normal(0.0, 0.05, size=(PART, *x.shape[1:])).astype("float32")
    return np.clip(x[rng.integers(0, len(x), PART)] + noise, 0.0, 1.0)


@pytest.mark.soak
@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc, as on Linux")
def test_a_million_rows_in_bounded_memory(bulk, million, tmp_path):
    said = run_python(
        PIPELINE, tmp_path, bulk.bundle, million / "warm.parquet", million / "rows-*.parquet"
    )
    warm, full = json.loads(said.splitlines()[-1])
    data = ROWS * 64 * 4
    print(f"peak {full / MEBIBYTE:.0f} MiB, {(full - warm) / MEBIBYTE:.0f} MiB over 10,000 rows")
    # Held at a time: some tables of 4,096 rows, 1 MiB each, Parquet's pages and Arrow's pools,
    # 30 MiB where this was written, for one file as for all four. The bound is the lists of one row
    # group: whoever reads a row group whole holds that and its scores' inputs besides.
    assert full - warm < data / 4

    scored = pa.concat_tables(pq.read_table(p) for p in sorted(tmp_path.glob("scored-*.parquet")))
    assert scored.num_rows == ROWS
    order = np.argsort(scored["id"].to_numpy())
    np.testing.assert_array_equal(scored["id"].to_numpy()[order], np.arange(ROWS))
    score, nll = (scored[name].to_numpy()[order] for name in ("score", "nll"))
    rng = np.random.default_rng(0)
    sums, expected = [], []
    for part in range(ROWS // PART):
        x = make_rows(rng, bulk.x)
        rows = slice(part * PART, (part + 1) * PART)
        keras_score, keras_nll = keras_scores(bulk.vae, x)
        assert relative(score[rows], keras_score) < 1e-5  # float32 sums of 64 terms
        assert relative(nll[rows], keras_nll) < 1e-5
        sums.append(score[rows].astype("float64").sum())
        expected.append(keras_score.sum())
    # Errors of single rows have either sign: the sum over all is closer than any of them.
    assert sum(sums) == pytest.approx(sum(expected), rel=1e-6)


@pytest.mark.soak
def test_a_thousand_of_the_million_are_what_predict_says(bulk, million, tmp_path):
    code = PIPELINE.replace("Score(bundle)", "RunSignature(bundle, 'reconstruct')").replace(
        "Score,", "RunSignature,"
    )
    run_python(code, tmp_path, bulk.bundle, million / "warm.parquet", million / "rows-3.parquet")
    found = pa.concat_tables(pq.read_table(p) for p in sorted(tmp_path.glob("scored-*.parquet")))
    assert found.num_rows == PART
    picked = np.random.default_rng(1).choice(PART, 1_000, replace=False)
    rows = pq.read_table(million / "rows-3.parquet").take(picked)
    x = np.stack(rows["x"].to_numpy()).reshape(-1, 8, 8, 1)
    found = found.sort_by("id").take(picked)
    predicted = bulk.vae.predict(x, verbose=0).reshape(1_000, -1)
    np.testing.assert_array_equal(found["id"], rows["id"])
    assert relative(np.stack(found["mean"].to_numpy()), predicted) < 1e-5
