"""Run a bundle over data that outgrow one machine: Apache Beam transforms on Parquet and TFRecord.

What flows between the transforms are `pyarrow.Table`s of some thousand rows, not single rows: a
step of a pipeline costs some microseconds an element, about what a small model costs a row. The
rows of a file are read, run and written within one fused stage, so that a worker holds a few tables
at a time however many rows there are.

A worker needs neither TensorFlow nor Keras: the bundle's `.tflite` file runs on ai-edge-litert,
loaded once a process after its digests have been checked. The bundle is a folder that every worker
can read, a folder of the container image for example.
"""

try:
    import apache_beam  # noqa: F401
    import pyarrow  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"kvae.export.beam needs Apache Beam, of which {error.name} is missing here. Install the "
        "extra 'beam' of kvae-keras, or: pip install 'apache-beam>=2.77' google-crc32c"
    ) from error

from .files import ReadFromParquet, ReadFromTFRecord, WriteToParquet
from .transforms import BundleHandler, Encode, RunSignature, Score

__all__ = [
    "BundleHandler",
    "Encode",
    "ReadFromParquet",
    "ReadFromTFRecord",
    "RunSignature",
    "Score",
    "WriteToParquet",
]
