"""The page writes numbers as Python does, those that are not finite included."""

import math

import numpy as np
import pytest

from kvae.export.runtime import check_domain
from tests.clients.domains import PIXELS
from tests.clients.javascript import javascript

WRITTEN = """
const { short, plain } = await load("number.js");
return given.map((text) => [short(Number(text)), plain(Number(text))]);
"""
CHECKED = """
const { checkDomain } = await load("domain.js");
try {
  checkDomain([Number(given.value)], given.domain, 1, "x");
} catch (error) {
  return [error.constructor.name, error.message];
}
"""


def test_numbers_are_written_as_python_writes_them():
    values = [0.0, -1.5, 12.3456, 1e-7, -2.5e30, math.inf, -math.inf]
    texts = [str(value).replace("inf", "Infinity") for value in values]
    short, plain = zip(*javascript(WRITTEN, texts), strict=True)
    assert list(short) == [f"{value:g}" for value in values]
    assert list(plain) == [f"{value:.3g}".replace("-", "\N{MINUS SIGN}", 1) for value in values]
    assert javascript(WRITTEN, ["NaN"]) == [["nan", "missing"]]


def test_values_are_compared_with_a_domain_in_float32_as_in_python():
    given = {"value": "1.0000000000000002", "domain": PIXELS.describe()}
    assert javascript(CHECKED, given) is None
    _, said = javascript(CHECKED, {**given, "value": "1.000001"})
    assert "numbers in [0, 1]" in said


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_number_is_refused_in_the_sentence_of_python(value):
    domain = PIXELS.describe()
    with pytest.raises(ValueError, match="Expected x to be finite") as raised:
        check_domain(np.array([[value]]), domain, "x")
    given = {"value": str(value).replace("inf", "Infinity"), "domain": domain}
    assert javascript(CHECKED, given) == ["Error", str(raised.value)]
