"""Data inside and outside of domains, for which every client says the same."""

import numpy as np
import pytest

from kvae.contract import Domain

PIXELS = Domain(0.0, 1.0, hint="Divide 8-bit pixels by 255.")
COUNTS = Domain(0.0, integer=True)
ONE_HOT = Domain(0.0, 1.0, categories=3, one_hot=True)
ROW = Domain.row([("age", COUNTS), ("city", ONE_HOT), ("share", PIXELS), ("weight", Domain())])

CASES = {
    "pixels": (PIXELS, [[0.0, 1.0]]),
    "8-bit pixels": (PIXELS, [[0.0, 255.0]]),
    "a small overshoot": (PIXELS, [[0.5, 1.0000001e-3], [1.25, -1e-5]]),
    "bounds that float32 rounds": (Domain(0.7, 0.8), [[0.7, 0.8]]),
    "large": (PIXELS, [[-123456789.0, 1234567.0]]),
    "tiny": (PIXELS, [[-1.5e-7, 0.5]]),
    "counts": (COUNTS, [[0.0, 7.0]]),
    "half a count": (COUNTS, [[0.5, 7.0]]),
    "negative counts": (COUNTS, [[-1.0, 7.0]]),
    "one-hot": (ONE_HOT, [[0.0, 1.0, 0.0]]),
    "two-hot": (ONE_HOT, [[0.0, 1.0, 1.0]]),
    "any number": (Domain(), [[-1e30, 1e30]]),
    "a row": (ROW, [[30.0, 0.0, 1.0, 0.0, 0.5, -7.0], [31.0, 1.0, 0.0, 0.0, 1.0, 7.0]]),
    "a row with half an age": (ROW, [[30.5, 0.0, 1.0, 0.0, 0.5, -7.0]]),
    "a row without a city": (ROW, [[30.0, 0.0, 0.0, 0.0, 0.5, -7.0]]),
    "a row with too large a share": (ROW, [[30.0, 0.0, 0.0, 1.0, 1.5, -7.0]]),
}
DOMAIN_CASES = [
    pytest.param(domain, np.array(x, "float32"), id=name) for name, (domain, x) in CASES.items()
]


def what_keras_says(domain, x):
    """Return the error of the Keras model for data `x`, "" where they are valid."""
    try:
        domain.check(x, "x")
    except ValueError as error:
        return str(error)
    return ""
