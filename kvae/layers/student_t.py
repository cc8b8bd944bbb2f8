"""The Student t layer: a normal with heavy tails, robust to outliers."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from kvae.layers.loc_scale_layer import LocScaleLayer
from kvae.layers.scale import positive_scale
from kvae.special_functions import HALF_LOG_2_PI, lgamma_excess, log1psquare

__all__ = ["IndependentStudentT"]

# Above 2 the variance is finite, and the mean exists anyway.
LEARNED_DF_FLOOR = 2.0 + 1e-3


@keras.saving.register_keras_serializable(package="kvae")
class IndependentStudentT(LocScaleLayer):
    """Independent Student t's, an event of any shape: params are [loc, raw scale, raw df].

        log p(x) = sum_i log Gamma((v_i + 1) / 2) - log Gamma(v_i / 2) - 1/2 log(pi v_i) - log s_i
                   - (v_i + 1) / 2 log(1 + ((x_i - loc_i) / s_i)^2 / v_i)        in nats,

    with the scale s_i = max(softplus(raw_i), min_scale). The degrees of freedom v_i are learned per
    element, softplus(raw df) + 2.001, so that mean and standard deviation exist; or they are fixed
    by `df`, and then the params are [loc, raw scale] only.

    Args:
        event_shape: see `DistributionLayer`.
        df: degrees of freedom, a number above 1 (below 2 the standard deviation is infinite); None
            to learn them.
        convert_to_tensor_fn: see `DistributionLayer`.
        validate_args: see `DistributionLayer`.
        min_scale: lower bound of the scale in the unit of the data, by default 0.001; see
            `IndependentNormal`.
        **kwargs: see `DistributionLayer`.

    Raises:
        ValueError: If `df` is not a number above 1: the mean would not exist.

    Example:
        >>> kvae.layers.IndependentStudentT((4, 4, 3)).params_shape
        (4, 4, 9)
        >>> kvae.layers.IndependentStudentT(2, df=5.0).params_shape
        (4,)

    References:
        Lange, Little, Taylor: Robust Statistical Modeling Using the t Distribution, 1989,
        https://doi.org/10.1080/01621459.1989.10478852
    """

    def __init__(
        self,
        event_shape: Any = (),
        df: float | None = None,
        convert_to_tensor_fn: Any = "sample",
        validate_args: bool = False,
        **kwargs: Any,
    ):
        super().__init__(event_shape, convert_to_tensor_fn, validate_args, **kwargs)
        self.df = None if df is None else _degrees_of_freedom(df)
        self.params_per_element = 3 if df is None else 2

    def make_distribution(self, params: Any) -> Any:
        """Return `tfd.Independent(tfd.StudentT)`."""
        if self.df is None:
            loc, raw_scale, raw_df = self.blocks(params)
            df = LEARNED_DF_FLOOR + positive_scale(raw_df)
        else:
            loc, raw_scale = self.blocks(params)
            df = tf.constant(self.df, loc.dtype)
        student_t = _StudentT(
            df, loc, self.bounded_scale(raw_scale), validate_args=self.validate_args
        )
        return tfd.Independent(student_t, len(self.event_shape))

    def named_parameters(self, params: Any) -> dict[str, Any]:
        """Return `loc`, `scale` and `df`, each (batch..., *event_shape)."""
        student_t = self.distribution(params).distribution
        df = tf.broadcast_to(student_t.df, tf.shape(student_t.loc))
        return {"loc": student_t.loc, "scale": student_t.scale, "df": df}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments to make this layer again."""
        return {**super().get_config(), "df": self.df}


class _StudentT(tfd.StudentT):
    """`tfd.StudentT` whose normalization keeps its digits for many degrees of freedom.

    log Gamma((v + 1) / 2) - log Gamma(v / 2) - 1/2 log(v / 2), which vanishes as v grows, is taken
    as a whole; what is left, -1/2 log(2 pi), is the normal's.
    """

    def _log_prob(self, x: Any) -> Any:
        df, scale = tf.convert_to_tensor(self.df), tf.convert_to_tensor(self.scale)
        half_df = 0.5 * df
        standardized = (x - self.loc) / scale * tf.math.rsqrt(df)
        log_normalization = tf.math.log(scale) + HALF_LOG_2_PI
        log_normalization -= lgamma_excess(half_df, tf.constant(0.5, df.dtype))
        return -(half_df + 0.5) * log1psquare(standardized) - log_normalization


def _degrees_of_freedom(df: Any) -> float:
    try:
        number = float(df)
    except (TypeError, ValueError):
        number = 0.0
    if not 1.0 < number < float("inf"):
        raise ValueError(
            "Expected df to be a finite number above 1, so that the mean exists, or None to learn "
            f"it. Received: df={df!r}"
        )
    return number
