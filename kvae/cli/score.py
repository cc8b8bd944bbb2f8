"""`kvae score`: a bundle over Parquet files, by Apache Beam on this machine."""

from kvae.cli.terminal import console, quiet_native_logs

__all__ = ["run"]


def run(
    bundle: str, patterns: list[str], output: str, signature: str, columns: list[str], preset: str
) -> None:
    """Run a signature of one input over the rows of Parquet files.

    Args:
        bundle: folder of the bundle.
        patterns: paths or patterns of Parquet files.
        output: how the paths of the files to be begin.
        signature: one with a single input.
        columns: the column of lists, or several columns of numbers.
        preset: which file of the bundle runs.

    Raises:
        ImportError: If Apache Beam is missing.
        ValueError: If the bundle does not fit, or a row.
    """
    with quiet_native_logs():
        # It says what to install where Beam is missing, and so comes first.
        from kvae.export.beam import ReadFromParquet, RunSignature, WriteToParquet  # isort: skip
        import apache_beam as beam

        from kvae.export.runtime import Decoder

        described = Decoder(bundle, preset=preset).signatures.get(signature, {"inputs": ["x"]})
        inputs = list(described["inputs"])
        if len(inputs) != 1:
            raise ValueError(f"Expected a signature of one input. Received: {signature}, {inputs}")
        read = {inputs[0]: columns[0] if len(columns) == 1 else columns}
        with beam.Pipeline(argv=[]) as pipeline:
            _ = (
                pipeline
                | ReadFromParquet(patterns)
                | RunSignature(bundle, signature, columns=read, preset=preset)
                | WriteToParquet(output)
            )
    console.print(f"The rows are in [bold]{output}-*.parquet[/].", highlight=False)
