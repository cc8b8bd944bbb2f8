"""Transforms that run a signature of a bundle on tables."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, RunInference

from kvae import checks

from ..key import Key
from ..runtime import SUMS, BundleError, Model
from . import tables
from .tables import Columns

__all__ = ["BundleHandler", "Encode", "RunSignature", "Score"]


class BundleHandler(ModelHandler):
    """Runs a signature of a bundle on tables, for `RunInference`.

    Of the batch sizes that the bundle has for the signature (`score`, `score_256`), the largest
    runs as long as there are rows enough for it.

    Args:
        bundle: folder of the bundle, where it is on the workers and here.
        signature: "score", "encode", "reconstruct", "decode", ... without a batch size.
        columns: for each input of the signature the column of flat lists, or the columns of
            numbers, that hold it; an input that is not named has a column of its own name.
        carry: columns that the results keep; by default all but those of the inputs.
        preset: which file of the bundle runs; by default the one that its manifest names.
        num_threads: threads that LiteRT may use.

    Raises:
        BundleError: If the bundle is damaged, or has no such preset.
        ValueError: If the bundle has no such signature or input, or if a column that is carried on
            has the name of an output.

    Example:
        >>> import pyarrow as pa
        >>> from kvae.export.beam import BundleHandler
        >>> handler = BundleHandler(bundle, "decode", preset="float32")
        >>> model = handler.load_model()
        >>> rows = pa.table({"id": [1, 2], "z": [[0.0, 1.0], [2.0, 3.0]]})
        >>> (result,) = handler.run_inference([rows], model)
        >>> result.column_names
        ['id', 'mean', 'logits']
    """

    def __init__(
        self,
        bundle: Any,
        signature: str,
        *,
        columns: Mapping[str, Columns] | None = None,
        carry: Sequence[str] | None = None,
        preset: str | None = None,
        num_threads: int = 1,
    ):
        super().__init__(min_batch_size=1, max_batch_size=1)  # a table is a batch
        self.bundle = os.path.abspath(bundle)
        self.signature = signature
        self.preset = preset
        self.num_threads = checks.positive_int("num_threads", num_threads)
        self.carry = None if carry is None else list(carry)
        model = Model(self.bundle, preset=preset)
        signatures, known = model.signatures, model.manifest["model"]["inputs"]
        plain = [text for text, about in signatures.items() if Key.of(text, about).name == text]
        described = signatures[checks.choice("signature", signature, plain)]
        self._digest = _digest(self.bundle)
        given = dict(columns or {})
        unknown = sorted(given.keys() - described["inputs"].keys())
        if unknown:
            raise ValueError(
                f"Expected columns for the inputs {sorted(described['inputs'])} of {signature!r}. "
                f"Received: columns for {unknown}"
            )
        self._columns: dict[str, Columns] = {n: given.get(n, n) for n in described["inputs"]}
        self._ports: dict[str, tuple[tuple[int, ...], str, bool]] = {
            name: (
                tuple(info["shape"][1:]),
                info["dtype"],
                bool(name in known and known[name]["domain"].get("missing")),
            )
            for name, info in described["inputs"].items()
        }
        self._outputs = list(described["outputs"])

    def load_model(self) -> Model:
        """Open the bundle, once a process; the same one that was there when the pipeline was made.

        Raises:
            BundleError: If the bundle is damaged, or another one than the pipeline was made with.
        """
        if _digest(self.bundle) != self._digest:
            raise BundleError(
                f"The bundle {self.bundle!r} on this worker is not the one that the pipeline was "
                "made with: their SHA256SUMS differ."
            )
        return Model(self.bundle, self.preset, self.num_threads)

    def run_inference(
        self,
        batch: Sequence[Any],
        model: Model,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterable[Any]:
        """Return tables with the columns that are carried on and those of the outputs."""
        return [self._run(table, model) for table in batch if table.num_rows]

    def get_num_bytes(self, batch: Sequence[Any]) -> int:
        """Return the size of the tables in bytes."""
        return sum(table.nbytes for table in batch)

    def get_metrics_namespace(self) -> str:
        """Return the name that Beam's counters of this model stand under."""
        return f"kvae_{self.signature}"

    def _run(self, table: Any, model: Model) -> Any:
        kept = self._carried(table)
        arrays = {
            name: tables.read(table, columns, name, *self._ports[name])
            for name, columns in self._columns.items()
        }
        results = tables.results(model.run(self.signature, **arrays))
        for name in self._outputs:
            kept = kept.append_column(name, results[name])
        return kept

    def _carried(self, table: Any) -> Any:
        """Return the columns of a table that the result keeps."""
        if self.carry is None:
            read = {
                name
                for columns in self._columns.values()
                for name in ([columns] if isinstance(columns, str) else columns)
            }
            names = [name for name in table.column_names if name not in read]
        else:
            names = self.carry
            missing = [name for name in names if name not in table.column_names]
            if missing:
                raise ValueError(f"Expected the columns {missing}. Received: {table.column_names}")
        twice = sorted(set(names) & set(self._outputs))
        if twice:
            raise ValueError(
                f"Expected rows without a column {twice[0]!r}: {self.signature!r} has an output of "
                f"that name. Rename it, or leave it out of carry. Received: {table.column_names}"
            )
        return table.select(names)


class RunSignature(beam.PTransform):
    """Runs a signature of a bundle over tables of rows: `RunInference` with a `BundleHandler`.

    Every table becomes one with the columns that are carried on, and a column for each output of
    the signature: a number a row, or a flat list of a fixed size.

    Args:
        bundle: see `BundleHandler`, as for the others.
        signature: "score", "encode", "reconstruct", "decode", ... without a batch size.
        columns: columns by input.
        carry: columns that the results keep.
        preset: which file of the bundle runs; by default the one that its manifest names.
        num_threads: threads that LiteRT may use.

    Raises:
        BundleError: If the bundle is damaged, or has no such preset.
        ValueError: If the bundle has no such signature or input. In the pipeline: if rows do not
            have the type and shape of the input, naming the first that does not, or if rows of a
            table are outside the domain of the input.

    Example:
        >>> import apache_beam as beam
        >>> import pyarrow as pa
        >>> from kvae.export.beam import RunSignature
        >>> rows = pa.table({"id": [1, 2], "code": [[0.0, 1.0], [2.0, 3.0]]})
        >>> with beam.Pipeline(runner="BundleBasedDirectRunner") as pipeline:
        ...     _ = (
        ...         pipeline
        ...         | beam.Create([rows])
        ...         | RunSignature(bundle, "decode", columns={"z": "code"})
        ...         | beam.Map(lambda table: print(table.column_names, table.num_rows))
        ...     )
        ['id', 'mean', 'logits'] 2
    """

    def __init__(
        self,
        bundle: Any,
        signature: str,
        *,
        columns: Mapping[str, Columns] | None = None,
        carry: Sequence[str] | None = None,
        preset: str | None = None,
        num_threads: int = 1,
    ):
        super().__init__()
        self._handler = BundleHandler(
            bundle,
            signature,
            columns=columns,
            carry=carry,
            preset=preset,
            num_threads=num_threads,
        )

    def expand(self, pcoll: Any) -> Any:
        """Run the signature on every table."""
        return pcoll | "RunInference" >> RunInference(self._handler)


class Score(RunSignature):
    """Adds how surprising each row is: `score`, the negative ELBO at the posterior's mean, in nats.

    score = nll + KL(q(z|x) || p(z)) at z = E_q[z]; `nll` = -log p(x|z) and
    `nats_per_element`, the score divided by the number of elements, are columns of their own.

    Args:
        bundle: folder of a bundle with the signature `score`.
        columns: the column of flat lists that holds x, or the columns of numbers.
        others: the same for other inputs by name, such as `condition`; by default each has a column
            of its own name.
        **options: `carry`, `preset` and `num_threads`, see `BundleHandler`.

    Raises:
        BundleError: If the bundle is damaged, or has no such preset.
        ValueError: If the bundle has no such signature. In the pipeline: if rows do not fit.

    Example:
        >>> from kvae.export.beam import Score
        >>> Score(bundle)
        <Score(PTransform) label=[Score] at ...>
    """

    def __init__(
        self,
        bundle: Any,
        columns: Columns = "x",
        others: Mapping[str, Columns] | None = None,
        **options: Any,
    ):
        super().__init__(bundle, "score", columns={"x": columns, **(others or {})}, **options)


class Encode(RunSignature):
    """Adds the posterior of each row: columns `mean` and `stddev`, flat lists of latent_dim.

    Args:
        bundle: folder of a bundle with the signature `encode`.
        columns: the column of flat lists that holds x, or the columns of numbers.
        others: the same for other inputs by name, such as `condition`; by default each has a column
            of its own name.
        **options: `carry`, `preset` and `num_threads`, see `BundleHandler`.

    Raises:
        BundleError: If the bundle is damaged, or has no such preset.
        ValueError: If the bundle has no such signature. In the pipeline: if rows do not fit.

    Example:
        >>> from kvae.export.beam import Encode
        >>> Encode(bundle, columns=["width", "height"])
        Traceback (most recent call last):
            ...
        ValueError: Expected signature to be one of 'decode', 'score'. Received: signature='encode'
    """

    def __init__(
        self,
        bundle: Any,
        columns: Columns = "x",
        others: Mapping[str, Columns] | None = None,
        **options: Any,
    ):
        super().__init__(bundle, "encode", columns={"x": columns, **(others or {})}, **options)


def _digest(bundle: str) -> str:
    return hashlib.sha256(Path(bundle, SUMS).read_bytes()).hexdigest()
