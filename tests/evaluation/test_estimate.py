"""How an estimate reads."""

import numpy as np
import pytest

from kvae.evaluation import Estimate


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (1.5, 0.25, "1.50 +- 0.25"),
        (2e5, 0.004, "2.0e+05 +- 4.0e-03"),
        (0.05, 5e-18, "0.05 +- 0.00"),  # means of equal numbers, but for rounding
        (0.0, 0.0, "0.00 +- 0.00"),
        (1e-20, 1e-21, "1.0e-20 +- 1.0e-21"),
        (np.inf, np.nan, "infinite"),
        (-np.inf, np.nan, "-infinite"),
        (np.nan, np.nan, "not measured"),
    ],
)
def test_an_estimate_is_a_text(value, stderr, text):
    assert str(Estimate(value, stderr, value, value)) == text
