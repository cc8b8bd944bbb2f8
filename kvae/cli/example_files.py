"""Examples that a model made, written as an array, a table or a picture."""

from pathlib import Path
from typing import Any

from kvae.cli.table_files import TABLES
from kvae.cli.table_output import write_table

__all__ = ["SUFFIXES", "picture", "write_examples"]

SUFFIXES = (".npy", *TABLES, ".png")


def write_examples(x: Any, path: Path, schema: Any, vae: Any, title: str, columns: int) -> None:
    """Write examples to a file of one of the suffixes above.

    Args:
        x: examples, (rows, *event_shape).
        path: the file.
        schema: the `kvae.data.TableSchema` of rows of a table, or None.
        vae: the model, whose domain says what is black and white.
        title: of a picture.
        columns: of a picture at most; its rows go on below.
    """
    import numpy as np

    suffix = path.suffix.lower()
    if suffix == ".npy":
        with path.open("wb") as file:
            np.save(file, x)
    elif suffix == ".png":
        picture(x, vae, title, columns).savefig(path, dpi=120)
    else:
        write_table(_frame(x, schema), path, schema)


def _frame(x: Any, schema: Any) -> Any:
    import pandas as pd

    if schema is not None:
        return schema.to_frame(x)
    if x.ndim != 2:
        raise ValueError(
            "Expected --output .npy or .png: the examples are no rows of a table. Received: "
            f"examples of shape {x.shape[1:]}"
        )
    return pd.DataFrame(x, columns=[f"column {place}" for place in range(x.shape[1])])


def picture(x: Any, vae: Any, title: str, columns: int) -> Any:
    """Return a figure of examples in rows of so many columns; what is left of the last stays empty.

    Args:
        x: examples, (rows, *event_shape).
        vae: the model, whose domain says what is black and white.
        title: of the figure.
        columns: at most.

    Raises:
        ValueError: If the examples are no pictures or series.
    """
    from kvae import pictures

    shape = x.shape[1:]
    if not pictures.drawable(shape):
        raise ValueError(
            "Expected --output .npy or .csv: the examples are no pictures or series. Received: "
            f"examples of shape {shape}"
        )
    rows = [x[start : start + columns] for start in range(0, len(x), columns)]
    return pictures.events(rows, vae.input_specs()["target"].domain, title)
