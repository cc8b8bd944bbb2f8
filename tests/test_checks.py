"""The checks of numbers that arguments pass."""

import numpy as np
import pytest

from kvae import checks


@pytest.mark.parametrize("check", [checks.positive, checks.non_negative, checks.finite])
@pytest.mark.parametrize("value", ["0.5", b"0.5", np.str_("0.5"), 10**400, None, [0.5, 0.5]])
def test_text_and_what_no_float_holds_are_no_numbers(check, value):
    with pytest.raises(ValueError, match=r"Expected decay to be a finite number.* decay="):
        check("decay", value)


@pytest.mark.parametrize("check", [checks.positive, checks.non_negative, checks.finite])
@pytest.mark.parametrize("value", [2, 2.0, np.float32(2.0), np.int8(2), np.array(2.0)])
def test_numbers_of_all_kinds_become_floats(check, value):
    assert check("decay", value) == 2.0
    assert type(check("decay", value)) is float
