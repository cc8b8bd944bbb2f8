"""What the figure of a report shows agrees with the numbers of the report."""

import numpy as np

import kvae
from tests.small import make_vae


def test_traversals_run_through_the_safe_ranges(digits):
    vae = make_vae()
    report = kvae.diagnose(vae, digits[1])
    code, _ = vae.encode(report.events.examples[:1].astype("float32"))
    for d, moved in zip(report.events.axes, report.events.traversals, strict=True):
        (dimension,) = (each for each in report.dimensions if each.index == d)
        for place, end in ((0, dimension.low), (-1, dimension.high)):
            code_at_end = np.where(np.arange(2) == d, end, code).astype("float32")
            expected = vae.decode(code_at_end)[0]
            np.testing.assert_allclose(moved[place], expected, rtol=1e-5, atol=1e-6)
