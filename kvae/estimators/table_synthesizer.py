"""Synthetic tables by a VAE, with scikit-learn's conventions."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from kvae import checks, files
from kvae._version import __version__
from kvae.callbacks.training_bar import training_bar
from kvae.data import TableSchema
from kvae.data.tables.arguments import check_schema
from kvae.data.tables.column import plain, shown
from kvae.data.tables.frame import is_frame
from kvae.data.tables.gaps import filled_by_schema
from kvae.estimators.hidden_values import with_hidden_values
from kvae.estimators.rollback import rollback
from kvae.estimators.saved_arguments import arguments_of, saved_state, with_arguments
from kvae.estimators.table_conditions import Conditions
from kvae.estimators.table_encoding import TableEncoding
from kvae.estimators.table_estimates import estimates
from kvae.estimators.table_frames import frame_of_array, inferred_schema
from kvae.estimators.table_model import table_model, train_table_model
from kvae.estimators.table_quality import TableQuality
from kvae.estimators.training import LARGEST_SEED, seeded
from kvae.evaluation import log_likelihood

__all__ = ["TableSynthesizer"]

LEAST_ROWS = 10


class TableSynthesizer(BaseEstimator):
    """Learns a table and draws rows like its own: names, dtypes, categories, dates, decimals.

    The table is a pandas DataFrame, or an array of numbers.

    Columns are those of a `kvae.data.TableSchema`. Frequent values of numbers, such as zero, are
    modelled as classes, the others by their rank (`kvae/estimators/table_encoding.py`). A
    `kvae.VAE` is trained on 90% of the rows, as long as the loss of the others falls; then a
    mixture of normals becomes its prior. A row is a draw from this prior, decoded to a
    distribution of each column, and a draw of those.

    Missing values: the model learns from what is observed, as if values were missing at random,
    and in each pass from some rows with hidden values, see `hidden`. Each generated row is given
    the pattern of missing values of a random training row, so that rates and combinations are
    those of the training data; they do not depend on the row's values.

    Numbers and dates stay inside the range of the training data, unless the schema was made with
    `TableSchema.infer(frame, within_range=False)`. Frequent values are values of the training
    data. This is not a guarantee of privacy; `quality` shows copies.

    Args:
        schema: a `kvae.data.TableSchema`; by default it is inferred, and ids are left out, with a
            warning.
        overrides: kind by name of a column where the schema is inferred, see
            `kvae.data.TableSchema.infer`, such as {"zip": "category", "note": "drop"}.
        latent_dim: number of latent dimensions; by default as many as columns, from 2 to 16.
        units: units of the hidden layers of encoder and decoder.
        beta: weight of the KL in training. Below 1, rows keep more of what relates their columns,
            and the fitted prior takes the place of a standard normal that no longer fits.
        steps: most steps of training, batches.
        epochs: most passes over the rows.
        patience: passes without a lower loss of the held-out rows after which training ends.
        batch_size: rows of a batch.
        learning_rate: of Adam at the beginning; by half a cosine it goes to zero at the end of the
            most steps or passes.
        components: most normals of the fitted prior; at least 20 rows for each.
        hidden: how many rows with hidden values training reads for each training row, at least 0;
            for `impute`, and `log_likelihood` of rows with missing values, where the training rows
            have none.
        random_state: int or `np.random.RandomState`, decides training and, as an int, makes every
            `sample` and `impute` return the same again.
        verbose: whether a bar shows how far the training is, on a terminal.

    Attributes:
        model_: the trained `kvae.VAE` of the encoded table.
        encoding_: the `TableEncoding`, with the schema.
        schema_: the schema.
        history_: losses by epoch, as Keras' `History.history`.
        n_features_in_: number of columns of the table.
        feature_names_in_: names of the columns of a DataFrame.

    Raises:
        ValueError: In `fit`, if an argument or the frame is not valid.

    Example:
        >>> import pandas as pd
        >>> rng = np.random.default_rng(0)
        >>> age = rng.integers(18, 80, 300)
        >>> frame = pd.DataFrame({"age": age, "sex": rng.choice(["F", "M"], 300)})
        >>> synthesizer = kvae.estimators.TableSynthesizer(epochs=2, random_state=0).fit(frame)
        >>> rows = synthesizer.sample(100, conditions={"sex": "F", "age": (18, 40)})
        >>> bool((rows["sex"] == "F").all() and rows["age"].between(18, 40).all())
        True

    References:
        Xu et al.: Modeling Tabular data using Conditional GAN, 2019, sections 4.2 and 4.5
        (frequent values of numbers; a VAE for tables), https://arxiv.org/abs/1907.00503
    """

    def __init__(
        self,
        schema: TableSchema | None = None,
        overrides: Mapping[Any, str] | None = None,
        latent_dim: int | None = None,
        units: int = 256,
        beta: float = 0.3,
        steps: int = 4000,
        epochs: int = 300,
        patience: int = 15,
        batch_size: int = 512,
        learning_rate: float = 2e-3,
        components: int = 100,
        hidden: float = 0.5,
        random_state: Any = None,
        verbose: bool = False,
    ):
        self.schema = schema
        self.overrides = overrides
        self.latent_dim = latent_dim
        self.units = units
        self.beta = beta
        self.steps = steps
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.components = components
        self.hidden = hidden
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "TableSynthesizer":  # noqa: N803
        """Train on the rows of a table.

        Args:
            X: a pandas DataFrame, at least 10 rows; its index is not used. Or an array of numbers
                (rows, columns), NaN where missing: then rows are arrays of the same dtype in all
                methods, and the names of the columns are 0, 1, ...
            y: ignored.
        """
        self._check_arguments()
        with rollback(self):
            frame = self._frame(X, reset=True)
            self._fit(frame, self._schema_of(frame))
        return self

    def _fit(self, frame: Any, schema: TableSchema) -> None:
        """Train on the rows of a DataFrame with a schema."""
        x = schema.to_array(frame)
        if len(x) < LEAST_ROWS:
            raise ValueError(
                f"Expected a frame with at least {LEAST_ROWS} rows. Received: {len(x)}"
            )
        random = check_random_state(self.random_state)
        order = random.permutation(len(x))
        held_out, trained_on = order[: len(x) // 10], order[len(x) // 10 :]
        seed = random.randint(LARGEST_SEED)
        self.encoding_ = TableEncoding.fit(schema, x)
        parts = (
            x[trained_on],
            with_hidden_values(x[trained_on], float(self.hidden), random),
            x[held_out],
        )
        rows, hidden, others = map(self.encoding_.forward, parts)
        of_fit = seeded(None if self.random_state is None else seed)
        with of_fit, training_bar(self.verbose) as bar:
            self.model_, self.history_ = train_table_model(
                table_model(
                    self.encoding_, self._latent_dim(schema), int(self.units), float(self.beta)
                ),
                rows,
                hidden,
                others,
                int(self.steps),
                int(self.epochs),
                int(self.patience),
                int(self.batch_size),
                float(self.learning_rate),
                int(self.components),
                seed,
                bar,
            )
        self._patterns, self._counts = np.unique(np.isnan(x), axis=0, return_counts=True)
        self._learned_gaps = len(hidden) > 0

    @property
    def schema_(self) -> TableSchema:
        """The schema of the table."""
        return self.encoding_.schema

    # -- rows --------------------------------------------------------------------------------

    def sample(
        self, n: int, conditions: Mapping[Any, Any] | None = None, most_draws: int = 100_000
    ) -> Any:
        """Return `n` generated rows, a DataFrame like that of `fit` without the columns left out.

        With conditions, rows are drawn until `n` of them fulfil all.

        Args:
            n: number of rows.
            conditions: by name of a column: a value; or (low, high), both included, for numbers
                and dates.
            most_draws: rows that are drawn for the conditions, at most; at least 10 n.

        Raises:
            ValueError: If conditions are on columns or values that the table does not have, or
                too few of the drawn rows fulfil them; the message has their rate.
        """
        check_is_fitted(self)
        n = checks.positive_int("n", n)
        most = max(checks.positive_int("most_draws", most_draws), 10 * n)
        return self._like_input(self._drawn(n, conditions, most))

    def impute(self, frame: Any, kind: str = "draw") -> Any:
        """Return a DataFrame with an estimate in place of each missing value.

        Those of a column that was constant are the constant. Other values, the index, and columns
        that are not modelled stay as they are.

        Args:
            frame: a DataFrame with the columns of the training frame.
            kind: "draw" for a draw given the observed values of the row, see `kvae.VAE.impute`;
                "mean" for the mean of 32 such draws of a number or date, and the most frequent of
                their classes.
        """
        check_is_fitted(self)
        checks.choice("kind", kind, ("draw", "mean"))
        frame = self._frame(frame)
        x = self.schema_.to_array(frame)
        rows = np.flatnonzero(np.isnan(x).any(axis=1))
        estimated = x.copy()
        if len(rows):
            self._warn_of_columns_always_observed(x)
            seed = check_random_state(self.random_state).randint(LARGEST_SEED)
            estimated[rows] = estimates(
                self.model_, self.encoding_, x[rows], seed, kind, learned=self._learned_gaps
            )
        result = filled_by_schema(self.schema_, frame, x, estimated)
        return result.to_numpy() if self._of_array else result

    def log_likelihood(self, frame: Any, samples: int = 200) -> np.ndarray:
        """Return log p(observed values) of each row, nats, (rows,): an importance-weighted bound.

        It is a density of numbers and dates in the unit of the schema's array, and a probability
        of classes and of frequent values. It is -inf, with a warning, where a number is none of
        those of its column in `fit` and all of these are frequent, as are marks from 1 to 6.

        Args:
            frame: a DataFrame with the columns of the training frame.
            samples: draws of the latent vector for each row,
                see `kvae.evaluation.log_likelihood`.
        """
        check_is_fitted(self)
        x = self.schema_.to_array(self._frame(frame))
        self._warn_of_columns_always_observed(x)
        bound = log_likelihood(self.model_, self.encoding_.forward(x), samples)
        derivative = self.encoding_.log_derivative(x)
        unknown = np.flatnonzero(np.isneginf(derivative))
        if len(unknown):
            warnings.warn(
                f"{len(unknown)} rows hold a number that its column did not have in fit, where "
                "each number was frequent: their likelihood is 0. The first of them is row "
                f"{unknown[0]}.",
                stacklevel=2,
            )
        return bound.per_example + derivative

    def _warn_of_columns_always_observed(self, x: np.ndarray) -> None:
        """Warn where values are missing in columns that the encoder always saw."""
        always = ~self._patterns.any(axis=0)
        if self._learned_gaps:  # `fit` hid some of them
            return
        places = np.flatnonzero(np.isnan(x).any(axis=0) & always)
        if len(places):
            names = ", ".join(shown(self.schema_.modelled[place].name) for place in places)
            warnings.warn(
                f"No value of {names} was missing in fit, so that the posterior has not learned to "
                "do without them, and estimates may be far off. Fit with hidden=0.5, or on rows in "
                "which some values are hidden at random.",
                stacklevel=3,
            )

    def quality(self, train: Any, test: Any, target: Any = None) -> TableQuality:
        """Return how good as many generated rows as `train` has are; see `TableQuality`.

        Args:
            train: the DataFrame of `fit`; a synthesizer does not keep it.
            test: other real rows. Classes that `fit` has not seen count as missing values, and
                columns that were constant or empty in `fit` may hold anything.
            target: name of a column of classes, for which classifiers are trained on real and on
                synthetic rows.
        """
        check_is_fitted(self)
        rows = [self.schema_.to_array(self._frame(e), unknown="missing") for e in (train, test)]
        synthetic = self._drawn(len(train))
        return TableQuality.measure(self.schema_, rows[0], rows[1], synthetic, target)

    def _drawn(
        self, n: int, conditions: Mapping[Any, Any] | None = None, most: int = 0
    ) -> np.ndarray:
        """Return drawn rows as the array of the schema, (n, width), see `sample`."""
        random = check_random_state(self.random_state)
        if not conditions:
            return self._with_missing(self._valid_rows(n, random), random, [])
        wanted = Conditions(self.schema_, conditions)
        x = wanted.rows(lambda rows: self._valid_rows(rows, random), n, most)
        return self._with_missing(x, random, list(wanted.ranges))

    def _valid_rows(self, n: int, random: np.random.RandomState) -> np.ndarray:
        """Return drawn rows of valid values, without missing ones, (n, width)."""
        seed = random.randint(LARGEST_SEED)
        x = self.encoding_.inverse(self.model_.sample(n, seed, kind="draw"))
        return self.schema_.to_array(self.schema_.to_frame(x))

    def _with_missing(
        self, x: np.ndarray, random: np.random.RandomState, kept: list[int]
    ) -> np.ndarray:
        """Return rows with the patterns of random training rows; some columns are kept."""
        chosen = random.choice(len(self._counts), len(x), p=self._counts / self._counts.sum())
        missing = self._patterns[chosen]
        missing[:, kept] = False
        return np.where(missing, np.nan, x)

    # -- tables and arrays -------------------------------------------------------------------

    def _frame(self, table: Any, reset: bool = False) -> Any:
        """Return a table as a DataFrame; with `reset` keep the names and whether it is an array."""
        known = is_frame(table)
        if reset:
            self._of_array = not known
        elif known and self._of_array:
            table = table.to_numpy()
        elif not known and not self._of_array:
            raise ValueError(
                "Expected a pandas DataFrame with the columns of the training frame. Received: "
                f"{type(table).__name__}"
            )
        if self._of_array:
            return frame_of_array(self, table, reset, LEAST_ROWS if reset else 1)
        if reset:
            self.n_features_in_ = table.shape[1]
            self.feature_names_in_ = np.array(table.columns, object)
        return table

    def _like_input(self, x: np.ndarray) -> Any:
        """Return rows of the array of the schema as what `fit` was given."""
        frame = self.schema_.to_frame(x)
        return frame.to_numpy() if self._of_array else frame

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: missing values are learned from."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    # -- arguments and files -----------------------------------------------------------------

    def _check_arguments(self) -> None:
        for name in ("units", "steps", "epochs", "patience", "batch_size", "components"):
            checks.positive_int(name, getattr(self, name))
        checks.optional_positive_int("latent_dim", self.latent_dim)
        checks.positive("beta", self.beta)
        checks.non_negative("hidden", self.hidden)
        checks.positive("learning_rate", self.learning_rate)
        check_schema(self.schema, self.overrides)

    def _schema_of(self, frame: Any) -> TableSchema:
        if self.schema is not None:
            return self.schema
        return inferred_schema(frame, self._of_array, self.overrides)

    def _latent_dim(self, schema: TableSchema) -> int:
        return int(self.latent_dim or min(16, max(2, schema.width)))

    def save(self, path: Any, overwrite: bool = False) -> None:
        """Write a folder with the model (.keras) and JSON; nothing is pickled.

        Args:
            path: folder to be.
            overwrite: whether to replace what stands there.
        """
        check_is_fitted(self)
        state = {
            "kvae": __version__,
            "arguments": arguments_of(self),
            "own_schema": self.schema is not None,
            "random_state": seed if isinstance(seed := plain(self.random_state), int) else None,
            "encoding": self.encoding_.get_config(),
            "patterns": self._patterns.astype(int).tolist(),
            "counts": self._counts.tolist(),
            "learned_gaps": self._learned_gaps,
            "history": self.history_,
            "array": self._of_array,
            "n_features_in": self.n_features_in_,
            "feature_names_in": list(getattr(self, "feature_names_in_", [])),
        }
        with files.replacing(files.destination(path, overwrite), overwrite) as folder:
            folder.mkdir()
            self.model_.save(folder / "model.keras")
            (folder / "synthesizer.json").write_text(json.dumps(state, indent=1), "utf-8")

    @classmethod
    def load(cls, path: Any) -> "TableSynthesizer":
        """Return the synthesizer that `save` wrote to a folder.

        Raises:
            FileNotFoundError: If the folder lacks a file.
            ValueError: If a file is damaged or lacks something.
        """
        folder = Path(path)
        with saved_state(cls, folder, "synthesizer.json", "model.keras") as state:
            synthesizer = with_arguments(cls, {"hidden": 0.0, **state["arguments"]})
            synthesizer.random_state = state["random_state"]
            synthesizer.encoding_ = TableEncoding.from_config(state["encoding"])
            if state["own_schema"]:
                synthesizer.schema = synthesizer.schema_
            synthesizer.model_ = keras.saving.load_model(folder / "model.keras")
            synthesizer._patterns = np.array(state["patterns"], bool)
            synthesizer._counts = np.array(state["counts"])
            synthesizer._learned_gaps = state.get("learned_gaps", False)
            synthesizer.history_ = state["history"]
            synthesizer._of_array = state["array"]
            synthesizer.n_features_in_ = state["n_features_in"]
            if not synthesizer._of_array:
                synthesizer.feature_names_in_ = np.array(state["feature_names_in"], object)
        return synthesizer
