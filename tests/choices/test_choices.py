"""The model of `choices_for` is the one that its printed script makes, and it can be trained."""

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kvae

ROWS = 24


def holes(x, rng):
    return np.where(rng.uniform(size=x.shape) < 0.2, np.nan, x)


def frame(rng, missing=False):
    table = pd.DataFrame(
        {
            "size": rng.normal(size=ROWS),
            "price": rng.lognormal(2.0, 2.0, ROWS).round(2),
            "visits": 3 * rng.poisson(2.0, ROWS),
            "city": rng.choice(["Rome", "Oslo"], ROWS),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(99, size=ROWS), "D"),
            "id": [f"key {i}" for i in range(ROWS)],
        }
    )
    return table.mask(rng.uniform(size=table.shape) < 0.1) if missing else table


def mixed(rng):
    columns = [rng.normal(size=ROWS), rng.integers(2, size=ROWS), 3 * rng.poisson(2.0, ROWS)]
    return np.column_stack([*columns, rng.lognormal(0.0, 2.5, ROWS)])


# Name: data of a random generator, and the likelihood, transform and networks that they get.
DATA = {
    "table": (
        lambda rng: rng.normal(5.0, 3.0, (ROWS, 4)),
        "IndependentNormal standardization residual_mlp",
    ),
    "gaps": (
        lambda rng: holes(rng.normal(size=(ROWS, 4)), rng),
        "IndependentNormal standardization residual_mlp",
    ),
    "mixed": (mixed, "Columns by column residual_mlp"),
    "mixed gaps": (lambda rng: holes(mixed(rng), rng), "Columns by column residual_mlp"),
    "binary": (
        lambda rng: rng.integers(2, size=(ROWS, 5)),
        "IndependentBernoulli none residual_mlp",
    ),
    "constant among binary": (
        lambda rng: rng.integers(2, size=(ROWS, 5)) * np.array([1, 1, 0, 1, 1]),
        "IndependentBernoulli none residual_mlp",
    ),
    "booleans": (
        lambda rng: rng.uniform(size=(ROWS, 5)) < 0.5,
        "IndependentBernoulli none residual_mlp",
    ),
    "counts": (
        lambda rng: 3 * rng.poisson(2.0, (ROWS, 6)),
        "IndependentNegativeBinomial none residual_mlp",
    ),
    "count gaps": (
        lambda rng: holes(3.0 * rng.poisson(2.0, (ROWS, 6)), rng),
        "IndependentNegativeBinomial none residual_mlp",
    ),
    "bytes": (
        lambda rng: rng.integers(256, size=(ROWS, 8, 8, 1)).astype("uint8"),
        "DiscretizedLogistic pixels conv",
    ),
    "colour bytes": (
        lambda rng: rng.integers(256, size=(ROWS, 32, 32, 3)).astype("uint8"),
        "DiscretizedLogistic pixels residual",
    ),
    "16 bits": (
        lambda rng: rng.integers(65536, size=(ROWS, 8, 8, 1)).astype("uint16"),
        "DiscretizedLogistic pixels conv",
    ),
    "8 bits as floats": (
        lambda rng: rng.integers(256, size=(ROWS, 8, 8, 1)) / 255.0,
        "DiscretizedLogistic none conv",
    ),
    "17 levels": (
        lambda rng: rng.integers(17, size=(ROWS, 8, 8, 1)) / 16,
        "DiscretizedLogistic none conv",
    ),
    "grey": (lambda rng: rng.uniform(size=(ROWS, 8, 8, 1)), "DiscretizedLogistic none conv"),
    "grey gaps": (
        lambda rng: holes(rng.uniform(size=(ROWS, 8, 8, 1)), rng),
        "DiscretizedLogistic none conv",
    ),
    "black and white": (
        lambda rng: rng.integers(2, size=(ROWS, 8, 8, 1)).astype("float32"),
        "IndependentBernoulli none conv",
    ),
    "fields": (
        lambda rng: rng.normal(size=(ROWS, 8, 8, 2)),
        "IndependentNormal standardization conv",
    ),
    "series": (
        lambda rng: rng.normal(9.0, 2.0, (ROWS, 20, 3)),
        "IndependentNormal standardization sequence",
    ),
    "series gaps": (
        lambda rng: holes(rng.normal(size=(ROWS, 20, 3)), rng),
        "IndependentNormal standardization sequence",
    ),
    "series of counts": (
        lambda rng: 3 * rng.poisson(2.0, (ROWS, 20, 2)),
        "IndependentNegativeBinomial none sequence",
    ),
    "lists": (
        lambda rng: rng.normal(size=(ROWS, 2)).tolist(),
        "IndependentNormal standardization residual_mlp",
    ),
    "frame": (frame, "by column by column residual_mlp"),
    "frame gaps": (lambda rng: frame(rng, missing=True), "by column by column residual_mlp"),
    "numbers in a frame": (
        lambda rng: pd.DataFrame(rng.normal(size=(ROWS, 3)), columns=list("abc")),
        "by column by column residual_mlp",
    ),
}


def written(choices, **data):
    """Return the model that the printed script makes, in a session of its own."""
    keras.utils.clear_session()
    found = dict(data)
    exec(choices.code, found)
    return found["vae"]


def trained(model, x):
    """Train for a moment; eager steps, which take a fourth of the time of a graph's making."""
    model.run_eagerly = True
    history = model.fit(x, epochs=1, batch_size=12, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def assert_equal_models(built, other):
    assert built.get_config() == other.get_config()
    assert built.get_compile_config() == other.get_compile_config()
    assert [w.shape for w in built.weights] == [w.shape for w in other.weights]
    for one, two in zip(built.transforms(), other.transforms(), strict=True):
        for mine, its in zip(one[1].weights, two[1].weights, strict=True):
            np.testing.assert_array_equal(mine, its)


def chosen(choices, *names):
    found = {choice.name: choice.value for choice in choices.choices}
    return " ".join(found[name] for name in names)


@pytest.mark.slow
def test_large_counts_with_many_zeros_are_zero_inflated(rng):
    gain = np.where(rng.uniform(size=ROWS) < 0.9, 0, rng.integers(100, 99_999, ROWS))
    columns = [rng.normal(size=ROWS), gain, rng.poisson(4.0, ROWS) * rng.integers(4, size=ROWS)]
    layers = kvae.choices_for(np.column_stack(columns)).build().likelihood_layer.columns
    assert [type(layer).__name__ for layer in layers] == [
        "Transformed",
        "ZeroInflatedNegativeBinomial",
        "IndependentNegativeBinomial",
    ]


@pytest.mark.parametrize("odd", [2.5, -3.0])
def test_counts_are_whole_numbers_in_rows_that_the_sample_leaves_out(rng, odd):
    x = rng.negative_binomial(2, 0.2, (50_000, 2)).astype("float32")
    assert chosen(kvae.choices_for(x), "likelihood") == "IndependentNegativeBinomial"
    x[1, 0] = odd
    assert chosen(kvae.choices_for(x), "likelihood") in ("IndependentNormal", "Columns")


@pytest.mark.parametrize("kind", DATA)
def test_the_printed_script_makes_the_model_that_is_built(kind, rng):
    make, expected = DATA[kind]
    x = make(rng)
    choices = kvae.choices_for(x)
    assert chosen(choices, "likelihood", "transform", "networks") == expected
    keras.utils.clear_session()
    built = choices.build()
    assert built.missing == ("gaps" in kind)
    assert_equal_models(built, written(choices, **{"x": x, "frame": x}))

    trained(built, choices.x)
    if built.missing:
        assert np.isfinite(built.score(choices.x)).all()
    if choices.schema is not None:
        rows = choices.schema.to_frame(built.sample(5, seed=0, kind="draw"))
        assert list(rows) == [name for name in x.columns if name != "id"]


@pytest.mark.thorough
def test_a_table_is_saved_and_exported(rng, tmp_path):
    """The encoder's one-hot vectors and logarithms are made of operations that TFLite has."""
    choices = kvae.choices_for(frame(rng, missing=True), loss="elbo")
    vae = choices.build()
    vae.fit(choices.x, epochs=1, verbose=0)
    vae.save(tmp_path / "vae.keras")
    again = keras.saving.load_model(tmp_path / "vae.keras")
    np.testing.assert_array_equal(again.score(choices.x), vae.score(choices.x))
    signatures = ["decode", "encode", "score"]
    kvae.export.tflite(vae, tmp_path / "vae.tflite", signatures=signatures, data=choices.x)


@pytest.mark.slow
def test_a_folder_of_pictures(tmp_path, rng):
    for i in range(6):
        pixels = rng.integers(256, size=(10, 12, 3)).astype("uint8")
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    choices = kvae.choices_for(tmp_path, size=8, grey=True)
    assert chosen(choices, "data", "likelihood") == "grey pictures 8x8 DiscretizedLogistic"
    assert str(tmp_path) in choices.code
    keras.utils.clear_session()
    built = choices.build()
    assert_equal_models(built, written(choices))  # the script runs as it is
    trained(built, choices.x)


OVERRIDES = [
    ("table", {"likelihood": "IndependentLaplace", "latent_dim": 3, "learning_rate": 0.01}),
    ("table", {"likelihood": "NormalLikelihood", "networks": "mlp", "missing": True}),
    ("table", {"likelihood": "IndependentStudentT", "transform": "none", "loss": "iwae"}),
    ("gaps", {"loss": "elbo"}),
    ("counts", {"likelihood": "ZeroInflatedNegativeBinomial"}),
    ("counts", {"transform": "log"}),
    ("bytes", {"likelihood": "IndependentBernoulli", "networks": "residual"}),
    ("bytes", {"likelihood": "MixtureDiscretizedLogistic"}),
    ("grey", {"likelihood": "ContinuousBernoulli"}),
    ("mixed", {"networks": "mlp"}),
    ("mixed", {"transform": "standardization"}),
    ("frame", {"networks": "mlp", "missing": True}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "overrides"), OVERRIDES)
def test_every_choice_can_be_made_otherwise(kind, overrides, rng):
    x = DATA[kind][0](rng)
    choices = kvae.choices_for(x, **overrides)
    for name, value in overrides.items():
        expected = {True: "yes", False: "no"}.get(value, f"{value}")
        assert chosen(choices, name) == expected
    keras.utils.clear_session()
    built = choices.build()
    assert_equal_models(built, written(choices, **{"x": x, "frame": x}))
    trained(built, choices.x)


def test_the_schema_can_be_given(rng):
    table = frame(rng)
    schema = kvae.data.TableSchema.infer(table, {"visits": "integer", "id": "drop", "day": "drop"})
    choices = kvae.choices_for(table, schema=schema)
    assert choices.schema is schema
    assert "TableSchema" not in choices.code
    assert "by the schema: number (2), integer (1), category (1)" in str(choices)


def test_kinds_of_columns_can_be_named(rng):
    table = frame(rng)
    kinds = {"visits": "integer", "day": "drop"}
    choices = kvae.choices_for(table, overrides=kinds)
    assert choices.schema == kvae.data.TableSchema.infer(table, kinds, ids="drop")
    assert "overrides={'visits': 'integer', 'day': 'drop'}" in choices.code.replace('"', "'")
    keras.utils.clear_session()
    built = choices.build()
    assert_equal_models(built, written(choices, **{"x": table, "frame": table}))


def test_vae_for_prints_the_choices(capsys, rng):
    x = rng.normal(size=(ROWS, 4))
    kvae.vae_for(x, latent_dim=2)
    assert capsys.readouterr().out == str(kvae.choices_for(x, latent_dim=2)) + "\n"
    assert kvae.vae_for(x, verbose=0, latent_dim=2).latent_dim == 2
    assert capsys.readouterr().out == ""


def test_subclasses_of_a_frame_are_frames(rng):
    class Labelled(pd.DataFrame):
        pass

    assert kvae.choices_for(Labelled(frame(rng))).schema is not None


def test_choices_cannot_be_changed(rng):
    choices = kvae.choices_for(rng.normal(size=(ROWS, 4)))
    with pytest.raises(AttributeError):
        choices.choices = ()


def test_one_row_and_one_column(rng):
    assert kvae.choices_for(rng.normal(size=(1, 3))).build().latent_dim == 2
    assert kvae.choices_for(rng.normal(size=(9, 1))).build().latent_dim == 2


NUMBERS = np.random.default_rng(0).normal(size=(9, 3))
BYTES = np.arange(8 * 9 * 9, dtype="uint8").reshape(8, 9, 9)


@pytest.mark.parametrize(
    ("x", "more", "message"),
    [
        (None, {}, "an array of shape .* Received: NoneType"),
        ({"x": NUMBERS}, {}, "Received: dict"),
        ((row for row in NUMBERS), {}, "Received: generator"),
        ("nowhere", {}, "a folder of pictures. Received: 'nowhere'"),
        (NUMBERS[0], {}, r"shape \(3,\). For one number an example, x\[:, None\]"),
        (np.zeros((0, 3)), {}, r"not empty. Received: shape \(0, 3\)"),
        (np.array([["a", "b"]]), {}, "as a pandas DataFrame"),
        ([[1.0, 2.0], [3.0]], {}, "Expected x to be an array of numbers"),
        (NUMBERS.astype(complex), {}, "dtype complex128"),
        (np.array([[1.0, 2.0], [3.0, np.inf]]), {}, "Received: inf in row 1"),
        (np.array([[1.0, 2.0], [3.0, 1e300]]), {}, "Received: 1e\\+300 in row 1"),
        (np.full((4, 2), np.nan), {}, "NaN alone in place 0"),
        (np.array([[1.0, np.nan], [3.0, np.nan]]), {}, "NaN alone in place 1"),
        (np.ones((4, 2)), {}, "values that differ. Received: 1 everywhere"),
        (BYTES, {}, r"an axis of channels, x\[..., None\]. Received: bytes of shape \(8, 9, 9\)"),
        (NUMBERS, {"likelihood": "Normal"}, "Expected likelihood to be one of"),
        (NUMBERS, {"likelihood": "IndependentPoisson"}, "whole numbers of at least 0, and no"),
        (NUMBERS, {"likelihood": "IndependentBernoulli"}, r"numbers in \[0, 1\], or 8-bit pixels"),
        (NUMBERS, {"transform": "pixels"}, "whole numbers from 0 to 255"),
        (NUMBERS, {"transform": "log"}, "numbers of at least 0"),
        (NUMBERS, {"transform": "sqrt"}, "Expected transform to be one of"),
        (NUMBERS, {"networks": "conv"}, r"examples of 3 axes .* examples of shape \(3,\)"),
        (NUMBERS, {"networks": "big"}, "Expected networks to be one of"),
        (NUMBERS, {"latent_dim": 0}, "latent_dim to be a positive integer"),
        (NUMBERS, {"learning_rate": -1.0}, "learning_rate to be a finite number above 0"),
        (NUMBERS, {"loss": "mse"}, "Expected loss to be one of"),
        (NUMBERS, {"size": 8}, "a folder of pictures with size="),
        (NUMBERS, {"schema": 3}, "a DataFrame with schema="),
        (np.where(NUMBERS > 1, np.nan, NUMBERS), {"missing": False}, "without NaN with missing"),
        (pd.DataFrame(NUMBERS), {"schema": 3}, "a kvae.data.TableSchema"),
        (NUMBERS, {"overrides": {0: "count"}}, "a DataFrame with overrides="),
        (pd.DataFrame(NUMBERS), {"overrides": {9: "drop"}}, "overrides to hold the columns"),
        (pd.DataFrame(NUMBERS), {"likelihood": "IndependentNormal"}, "its schema decides them"),
        (pd.DataFrame(), {}, "at least one row"),
    ],
)
def test_bad_input_is_refused_by_a_sentence(x, more, message):
    with pytest.raises(ValueError, match=message):
        kvae.choices_for(x, **more)


def test_a_damaged_picture_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"a\.png to be an image"):
        kvae.choices_for(tmp_path)


def test_columns_of_one_kind_share_a_layer(rng):
    numbers = rng.normal(size=(200, 150)).round(3)
    x = np.concatenate([numbers, rng.integers(2, size=(200, 150))], axis=1)
    x = x[:, np.arange(300).reshape(2, 150).T.ravel()]  # number, class, number, class, ...
    likelihood = kvae.choices_for(x).build().likelihood_layer
    assert [layer.event_shape for layer in likelihood.columns] == [(150,), (150,)]
    assert likelihood.blocks_of_row.places[0] == list(range(0, 300, 2))
