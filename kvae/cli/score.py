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
    """Run a signature over the rows of Parquet files.

    Args:
        bundle: folder of the bundle.
        patterns: paths or patterns of Parquet files.
        output: prefix of the paths of the output files.
        signature: a signature with one input, or with x; its other inputs have columns of their
            own names.
        columns: one column of lists, or several columns of numbers: the one input, or x.
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
        main = inputs[0] if len(inputs) == 1 else "x"
        if main not in inputs:
            raise ValueError(
                f"Expected a signature with one input, or with x. Received: {signature}, {inputs}"
            )
        read = {main: columns[0] if len(columns) == 1 else columns}
        with beam.Pipeline(argv=[]) as pipeline:
            _ = (
                pipeline
                | ReadFromParquet(patterns)
                | RunSignature(bundle, signature, columns=read, preset=preset)
                | WriteToParquet(output)
            )
    console.print(f"The results are in [bold]{output}-*.parquet[/].", highlight=False)
