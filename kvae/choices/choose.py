"""Choose a model by looking at data."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kvae import checks
from kvae.choices.choices import MODULES, Choice, Choices
from kvae.choices.facts import Facts, facts_of
from kvae.choices.likelihoods import WHY, Part, part_for
from kvae.choices.script import Line, Name, call, evaluate
from kvae.data import TableSchema, images
from kvae.data.tables.arguments import check_schema
from kvae.data.tables.frame import is_frame
from kvae.networks import kind_for_data

__all__ = ["choices_for", "vae_for"]

DRAWS = 8
AXES = {"conv": 3, "residual": 3, "sequence": 2, "mlp": None, "residual_mlp": None}
# What the encoder reads: of all elements, of columns of different kinds.
FEATURES = (
    ("log(1 + x)", "the encoder reads logarithms of counts"),
    ("by column", "the encoder reads classes as one-hot vectors, logarithms of counts"),
)
NETWORKS = {
    "conv": "pictures of sides below 32",
    "residual": "pictures of sides from 32 on",
    "sequence": "steps of channels",
    "residual_mlp": "a vector for each example",
}


def choices_for(
    x: Any,
    *,
    likelihood: str | None = None,
    transform: str | None = None,
    networks: str | None = None,
    latent_dim: int | None = None,
    missing: bool | None = None,
    loss: str | None = None,
    learning_rate: float = 1e-3,
    schema: TableSchema | None = None,
    overrides: Mapping[Any, str] | None = None,
    size: Any = None,
    grey: bool = False,
) -> Choices:
    """Look at data and choose likelihood, transform, networks and latent size of a `kvae.VAE`.

    | data | likelihood |
    | --- | --- |
    | 0 and 1 alone, booleans | `IndependentBernoulli` |
    | bytes; whole numbers to 255 in pictures | `DiscretizedLogistic` behind `Pixels` |
    | pictures in [0, 1] | `DiscretizedLogistic` of as many levels as the values have |
    | small whole numbers from 0 or 1 on | `IndependentNegativeBinomial`, log(1 + x) is encoded |
    | other numbers | `IndependentNormal` behind `Standardization`, with a floor of its scale |
    | a table with columns of several of these kinds | `Columns` |
    | a DataFrame | that of its `kvae.data.TableSchema` |

    Args:
        x: numbers of shape (examples, columns), (examples, steps, channels) or (examples, height,
            width, channels), where NaN means missing; a pandas DataFrame; or the path of a folder
            of pictures, which `kvae.data.images` reads.
        likelihood: name of a layer: "IndependentBernoulli", "ContinuousBernoulli",
            "IndependentBeta", "DiscretizedLogistic", "MixtureDiscretizedLogistic",
            "IndependentNormal", "IndependentLaplace", "IndependentLogistic", "IndependentStudentT",
            "NormalLikelihood" (its optimal scale), "IndependentPoisson",
            "IndependentNegativeBinomial" or "ZeroInflatedNegativeBinomial".
        transform: "none", "pixels", "standardization" or "log" (and a standardization).
        networks: "conv", "mlp", "residual", "residual_mlp" or "sequence".
        latent_dim: number of latent dimensions.
        missing: whether NaN is a missing value, also where `x` has none now.
        loss: "elbo" or "iwae", the bound of 8 draws.
        learning_rate: of Adam.
        schema: of a DataFrame; by default it is inferred, without ids.
        overrides: kind by name of a column where it is inferred, see
            `kvae.data.TableSchema.infer`, such as {"zip": "category", "note": "drop"}.
        size: of the pictures of a folder, see `kvae.data.images`.
        grey: whether pictures of a folder are read as grey ones.

    Returns:
        A frozen object that is printed as a table "choice, value, why". `code` is the script that
        makes the model by hand, `build()` makes it, `x` is the array to train on.

    Raises:
        ValueError: If a model cannot be trained on `x`, or a choice does not fit it.

    Example:
        >>> print(kvae.choices_for(x_train))
        choice         value                why
        data           grey pictures 8x8    1438 examples of float32
        missing        no                   no NaN
        likelihood     DiscretizedLogistic  values in [0, 1]: one of 17 levels
        transform      none                 the likelihood takes the data as they are
        networks       conv                 pictures of sides below 32
        latent_dim     16                   pictures of sides below 32
        loss           elbo                 the default
        learning_rate  0.001                of Adam, the default
    """
    data = _loaded(x, schema, overrides, size, grey)
    facts = facts_of(data.x)
    latent = checks.optional_positive_int("latent_dim", latent_dim)
    rate = checks.positive("learning_rate", learning_rate)
    gaps = facts.missing > 0 or (data.schema is not None and data.schema.missing)
    if missing is False and gaps:
        raise ValueError(
            "Expected x without NaN with missing=False. Received: "
            f"{facts.missing:.2%} of the values are NaN"
        )
    hidden = gaps if missing is None else bool(missing)
    if loss is None:
        bound, why_bound = (
            ("iwae", "the closer bound for missing values")
            if hidden
            else (
                "elbo",
                "the default",
            )
        )
    else:
        bound, why_bound = checks.choice("loss", loss, ("elbo", "iwae")), "asked for"
    if data.schema is None:
        part = part_for(facts, likelihood, transform)
    else:
        if likelihood is not None or transform is not None:
            raise ValueError(
                "Expected neither likelihood nor transform with a DataFrame: its schema decides "
                f"them. Received: likelihood={likelihood!r}, transform={transform!r}. Name the "
                "kinds of columns by overrides={...}, or by --column of kvae train."
            )
        part = _part_of(data.schema)
    made = evaluate([Line("likelihood", part.layer)], {**MODULES, "schema": data.schema})
    kind, why_kind = _networks(facts, made["likelihood"], networks)
    latent_dim, why_latent = (latent, "asked for") if latent else _latent_dim(facts)
    chosen = [
        Choice("data", _described(facts.shape), f"{facts.rows} examples of {facts.dtype}"),
        *data.choices,
        Choice(
            "missing",
            "yes" if hidden else "no",
            f"{facts.missing:.1%} of the values are NaN" if gaps else _asked(missing, "no NaN"),
        ),
        Choice("likelihood", part.name, part.why),
        Choice("transform", part.transform, _asked(transform, WHY[part.transform])),
        *([Choice("features", *FEATURES[part.columns is not None])] if part.encoded else []),
        Choice("networks", kind, why_kind),
        Choice("latent_dim", str(latent_dim), why_latent),
        Choice("loss", bound, why_bound),
        Choice(
            "learning_rate", f"{rate:g}", "of Adam, the default" if rate == 1e-3 else "asked for"
        ),
    ]
    lines = _lines(facts, part, kind, networks, latent_dim, hidden, bound, rate)
    return Choices(tuple(chosen), data.x, data.schema, lines, data.loading)


def vae_for(x: Any, verbose: int = 1, **choices: Any) -> Any:
    """Return a compiled `kvae.VAE` for data, chosen by `choices_for`.

    It is adapted to the data where its transform has to be. Train it by `fit`: on `x`, on
    `schema.to_array(frame)` where the data are a DataFrame.

    Args:
        x: data, see `choices_for`.
        verbose: 1 to print the choices, 0 to be silent.
        **choices: those to be made otherwise, see `choices_for`.

    Raises:
        ValueError: If a model cannot be trained on `x`, or a choice does not fit it.

    Example:
        >>> vae = kvae.vae_for(x_train, verbose=0, latent_dim=4)
        >>> history = vae.fit(x_train[:64], epochs=1, verbose=0)
        >>> vae.sample(2, seed=0).shape
        (2, 8, 8, 1)
    """
    found = choices_for(x, **choices)
    if verbose:
        print(found)
    return found.build()


class _Data(NamedTuple):
    """Data as an array, how the script loads it, and what was decided on the way."""

    x: np.ndarray
    schema: TableSchema | None = None
    loading: tuple[Line, ...] = ()
    choices: tuple[Choice, ...] = ()


def _loaded(x: Any, schema: Any, overrides: Any, size: Any, grey: bool) -> _Data:
    """Return data as an array, or raise one sentence."""
    is_path = isinstance(x, (str, os.PathLike))
    for name, value in (("schema", schema), ("overrides", overrides)):
        if value is not None and not is_frame(x):
            raise ValueError(f"Expected a DataFrame with {name}=. Received: {type(x).__name__}")
    if (size is not None or grey) and not is_path:
        raise ValueError(
            f"Expected a folder of pictures with size= or grey=. Received: {type(x).__name__}"
        )
    if is_frame(x):
        return _frame(x, schema, overrides)
    if is_path:
        if not Path(x).is_dir():
            raise ValueError(f"Expected x to be a folder of pictures. Received: {str(x)!r}")
        more: dict[str, Any] = {} if size is None else {"size": size}
        more |= {"grey": True} if grey else {}
        line = Line("x", call("kvae.data.images", os.fspath(x), **more))
        return _Data(images(x, **more), loading=(line,))
    return _Data(_array(x))


def _frame(frame: Any, schema: Any, overrides: Any) -> _Data:
    loading: list[Line] = []
    check_schema(schema, overrides)
    if schema is None:
        more: dict[str, Any] = {"overrides": dict(overrides)} if overrides else {}
        schema = TableSchema.infer(frame, **more, ids="drop")
        line = call("kvae.data.TableSchema.infer", Name("frame"), **more, ids="drop")
        loading = [Line("schema", line)]
    loading.append(Line("x", call("schema.to_array", Name("frame"))))
    left = [column for column in schema.columns if not column.modelled]
    choices = [Choice("left out", str(column.name), column.details()) for column in left]
    return _Data(schema.to_array(frame), schema, tuple(loading), tuple(choices))


def _array(x: Any) -> np.ndarray:
    """Return `x` as an array of numbers with at least two axes, or raise."""
    if isinstance(x, dict) or (not hasattr(x, "__array__") and not isinstance(x, (list, tuple))):
        raise ValueError(
            "Expected x to be an array of shape (examples, ...), a pandas DataFrame or the path of "
            f"a folder of pictures. Received: {type(x).__name__}"
        )
    checks.unmasked("x", x)
    try:
        array = x if isinstance(x, np.ndarray) else np.asarray(x)
    except ValueError as error:
        raise ValueError(f"Expected x to be an array of numbers. Received: {error}") from None
    if array.dtype.kind not in "buif":
        raise ValueError(
            f"Expected x to be an array of numbers. Received: dtype {array.dtype}. Tables with "
            "text go in as a pandas DataFrame."
        )
    if array.ndim < 2 or not array.size:
        hint = " For one number an example, x[:, None]." if array.ndim == 1 and array.size else ""
        raise ValueError(
            f"Expected x of shape (examples, ...) with at least one axis beside the examples, and "
            f"not empty. Received: shape {array.shape}.{hint}"
        )
    if array.dtype == np.uint8 and array.ndim == 3 and min(array.shape[1:]) >= 8:
        raise ValueError(
            "Expected pictures with an axis of channels, x[..., None]. Received: bytes of shape "
            f"{array.shape}; for a series, convert them to float32"
        )
    return array


def _part_of(schema: TableSchema) -> Part:
    """Return the likelihood of a schema as a part of the script."""
    kinds = [column.kind for column in schema.modelled]
    counted = ", ".join(f"{kind} ({kinds.count(kind)})" for kind in dict.fromkeys(kinds))
    features = schema.features()
    plain = all(each == "number" for each in features)
    return Part(
        layer=call("schema.likelihood"),
        name="by column",
        why=f"by the schema: {counted}",
        transform="by column",
        learns="number" in features,
        columns=None if plain else features,
    )


def _networks(facts: Facts, likelihood: Any, asked: str | None) -> tuple[str, str]:
    """Return the kind of networks and why."""
    if asked is None:
        kind = kind_for_data(facts.shape, likelihood.params_shape)
        return kind, NETWORKS[kind]
    axes = AXES[checks.choice("networks", asked, sorted(AXES))]
    if axes not in (None, len(facts.shape)):
        raise ValueError(
            f"Expected examples of {axes} axes with networks={asked!r}. Received: examples of "
            f"shape {facts.shape}"
        )
    return asked, "asked for"


def _latent_dim(facts: Facts) -> tuple[int, str]:
    """Return a latent size to begin with, and why."""
    if len(facts.shape) == 3:
        side = max(facts.shape[:2])
        if side < 32:
            return 16, "pictures of sides below 32"
        return (
            (32, "pictures of sides below 64")
            if side < 64
            else (64, "pictures of sides from 64 on")
        )
    if len(facts.shape) == 1:
        return max(2, min(16, -(-facts.size // 2))), "half of the columns, from 2 to 16"
    return max(4, min(32, facts.size // 8)), "an eighth of the elements, from 4 to 32"


def _lines(
    facts: Facts,
    part: Part,
    kind: str,
    asked: str | None,
    latent_dim: int,
    missing: bool,
    loss: str,
    rate: float,
) -> tuple[Line, ...]:
    """Return the script that makes the model."""
    shape = facts.event_shape
    prior = call("kvae.priors.StandardNormal", latent_dim)
    networks: dict[str, Any] = {} if asked is None else {"kind": asked}
    if part.columns is not None and kind == "residual_mlp":
        schema = part.layer.function.startswith("schema.")
        networks["columns"] = call("schema.features") if schema else part.columns
    networks |= {"missing": True} if missing else {}
    parts: dict[str, Any] = {"features": call("kvae.transforms.Log")} if part.logged else {}
    parts |= {"missing": True} if missing else {}
    optimizer = call("keras.optimizers.Adam", rate)
    bound = (
        {} if loss == "elbo" else {"loss": call("kvae.losses.ImportanceWeightedELBO", draws=DRAWS)}
    )
    lines = [
        Line("likelihood", part.layer),
        Line("kl", call("kvae.regularizers.KLDivergenceRegularizer", prior)),
        Line(
            "posterior",
            call("kvae.layers.MultivariateNormalDiag", latent_dim, activity_regularizer=Name("kl")),
        ),
        Line(
            "encoder, decoder",
            call(
                "kvae.networks.for_data",
                shape,
                Name("posterior.params_size"),
                latent_dim,
                Name("likelihood.params_shape"),
                **networks,
            ),
        ),
        Line(
            "vae",
            call(
                "kvae.VAE",
                *map(Name, ("encoder", "posterior", "decoder", "likelihood")),
                **parts,
            ),
        ),
        *([Line("", call("vae.adapt", Name("x")))] if part.learns else []),
        Line("", call("vae.compile", optimizer, **bound)),
    ]
    return tuple(lines)


def _asked(value: Any, otherwise: str) -> str:
    return otherwise if value is None else "asked for"


def _described(shape: tuple[int, ...]) -> str:
    """Return what examples of a shape are, in words."""
    if len(shape) == 1:
        return f"table of {shape[0]} column{'s' if shape[0] > 1 else ''}"
    if len(shape) == 2:
        return f"series of {shape[0]} steps, {shape[1]} channel{'s' if shape[1] > 1 else ''}"
    if len(shape) == 3:
        colour = {1: "grey pictures", 3: "colour pictures"}.get(shape[2], "pictures")
        channels = "" if shape[2] in (1, 3) else f", {shape[2]} channels"
        return f"{colour} {shape[0]}x{shape[1]}{channels}"
    return f"examples of shape {shape}"
