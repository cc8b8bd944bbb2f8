"""`kvae score`: run a bundle over Parquet files with Apache Beam on this machine."""

from kvae.cli.terminal import console, quiet_native_logs

__all__ = ["run"]


def run(
    bundle: str,
    patterns: list[str],
    output: str,
    signature: str,
    columns: list[str],
    preset: str | None,
) -> None:
    """Run a signature of one input over the rows of Parquet files.

    Args:
        bundle: folder of the bundle.
        patterns: paths or patterns of Parquet files.
        output: prefix of the paths of the output files.
        signature: a signature with one input.
        columns: one column of lists, or several columns of numbers.
        preset: preset of the bundle's file to run; by default the one that its manifest names.

    Raises:
        ImportError: If Apache Beam is not installed.
        ValueError: If the bundle or a row does not have the expected form.
    """
    with quiet_native_logs():
        # Imported before apache_beam: its ImportError explains what to install.
        from kvae.export.beam import ReadFromParquet, RunSignature, WriteToParquet  # isort: skip
        import apache_beam as beam

        from kvae.export.runtime import Model

        described = Model(bundle, preset=preset).signatures.get(signature, {"inputs": ["x"]})
        inputs = list(described["inputs"])
        if len(inputs) != 1:
            raise ValueError(
                f"Expected a signature with one input. Received: {signature}, {inputs}"
            )
        read = {inputs[0]: columns[0] if len(columns) == 1 else columns}
        with beam.Pipeline(argv=[]) as pipeline:
            _ = (
                pipeline
                | ReadFromParquet(patterns)
                | RunSignature(bundle, signature, columns=read, preset=preset)
                | WriteToParquet(output)
            )
    console.print(f"The results are in [bold]{output}-*.parquet[/].", highlight=False)
