"""What the commands read: saved models and files of examples. Each problem is one sentence."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kvae.cli.table_files import TABLES, compressed, read_table
from kvae.cli.terminal import first_sentence

__all__ = ["examples_of", "load_vae", "read_examples", "schema_of"]


def load_vae(path: Path) -> Any:
    """Return the model that a .keras file holds; the functions it is passed to check its kind.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or needs classes that are not known.
    """
    if not path.is_file():  # before TensorFlow, which takes seconds
        raise FileNotFoundError(f"Expected MODEL to name a file. Received: {str(path)!r}")
    import keras

    import kvae  # noqa: F401 - registers its classes

    try:
        return keras.saving.load_model(path)
    except Exception as error:  # of zip, of JSON, of Keras, of a layer's own code
        raise ValueError(
            "Expected MODEL to be a kvae.VAE saved as .keras, made of layers that kvae and Keras "
            f"know. Received: {str(path)!r} ({type(error).__name__}: {first_sentence(error)})"
        ) from error


def read_examples(
    path: Path,
    others: Sequence[str] = (),
    option: str = "--data",
    arrays: Sequence[str] = ("x_test", "x"),
    schema: Path | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Any:
    """Return what a file holds: an array, several by name, a table, or the path of a folder.

    That is the array of an .npy file, one of `arrays` of an .npz file, and a pandas DataFrame of a
    .csv or .parquet file. `examples_of` makes examples for a model of it.

    Args:
        path: the file, or a folder of pictures.
        others: names of inputs beside x. Where an .npz file holds some of them, a dict of arrays by
            name is returned, with x.
        option: name of the option that named the file, for messages.
        arrays: names of the array in an .npz file, the first that is there.
        schema: the schema by which a .csv file is read, see `schema_of`; None for none.
        kinds: kinds of columns that the user named, see `read_table`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no such array.
    """
    import numpy as np

    if path.is_dir():
        return path
    if not path.is_file():
        raise FileNotFoundError(f"Expected {option} to name a file. Received: {str(path)!r}")
    if path.suffix.lower() in TABLES:
        return read_table(path, option, None if schema is None else schema_of(schema), kinds)
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            found = [name for name in arrays if name in loaded]
            if found:
                beside = {name: loaded[name] for name in others if name in loaded}
                x = loaded[found[0]]
                return {"x": x, **beside} if beside else x
            names = loaded.files
    except Exception as error:  # of zip, of NumPy's format, of memory
        raise ValueError(
            f"Expected {option} to be an array of numbers in an .npy or .npz file, a table in a "
            ".csv or .parquet file, or a folder of pictures. Received: "
            f"{str(path)!r} ({type(error).__name__}: {first_sentence(error)}){compressed(path)}"
        ) from error
    wanted = " or ".join(arrays)
    raise ValueError(f"Expected {path} to hold an array {wanted}. Received: {names}")


def examples_of(found: Any, model: Any, schema: Path | None = None, option: str = "--data") -> Any:
    """Return examples for a model out of what `read_examples` returned.

    Pictures of a folder get the size and the channels of the model's x. A table becomes an array
    by its schema; without one its columns have to be numbers, in the order of the model's x.

    Args:
        found: what `read_examples` returned.
        model: a `LatentModel`.
        schema: a .json file of `kvae.data.TableSchema.get_config()`, or None.
        option: name of the option that named the data, for messages.

    Raises:
        ValueError: If the data do not fit.
    """
    import numpy as np

    if isinstance(found, Path):
        return _pictures(found, model, option)
    if not hasattr(found, "columns"):
        if schema is not None:
            raise ValueError(f"Expected a table as {option} with --schema. Received: an array")
        return found
    if schema is not None:
        return schema_of(schema).to_array(found)
    text = [str(name) for name, dtype in found.dtypes.items() if dtype.kind not in "biuf"]
    if text:
        raise ValueError(
            f"Expected {option} to hold columns of numbers, or --schema, the schema that the model "
            f"was trained with. Received: other columns {', '.join(text[:5])}"
        )
    return np.asarray(found.to_numpy("float32", na_value=np.nan))


def schema_of(path: Path) -> Any:
    """Return the `kvae.data.TableSchema` whose configuration a .json file or a manifest holds.

    Raises:
        ValueError: If it holds none.
    """
    from kvae.data import TableSchema

    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            "Expected --schema to be a .json file of kvae.data.TableSchema.get_config(). Received: "
            f"{str(path)!r} ({type(error).__name__}: {first_sentence(error)})"
        ) from error
    inside = isinstance(config, dict) and "table" in config  # the manifest of a bundle
    return TableSchema.from_config(config["table"] if inside else config)


def _pictures(folder: Path, model: Any, option: str) -> Any:
    import numpy as np

    import kvae

    spec = model.input_specs()["x"]
    if len(spec.shape) != 3 or spec.shape[-1] not in (1, 3):
        raise ValueError(
            f"Expected {option} to be a file: the model does not take pictures. Received: a "
            f"folder, and a model of examples of shape {spec.shape}"
        )
    x = kvae.data.images(folder, size=spec.shape[:2], grey=spec.shape[-1] == 1)
    return np.rint(255.0 * x).astype("uint8") if spec.domain.is_8_bit else x
