"""Schedules, losses and objectives, and a prior that needs a condition to make a distribution."""

import kvae
from tests.conformance.case import ObjectCase

layers, losses, schedules = kvae.layers, kvae.losses, kvae.regularizers.schedules

CASES = [
    ObjectCase(lambda: schedules.Constant(0.5)),
    ObjectCase(lambda: schedules.Linear(10, 0.1, 0.9)),
    ObjectCase(lambda: schedules.Cosine(10, 0.1, 0.9)),
    ObjectCase(lambda: schedules.Sigmoid(10, 0.1, 0.9, steepness=4.0)),
    ObjectCase(lambda: schedules.Cyclical(10, cycles=3, ratio=0.3, start=0.1, end=0.9)),
    ObjectCase(lambda: kvae.priors.GivenNormal((4, 4, 2), name="given")),
    ObjectCase(losses.NegativeELBO),
    ObjectCase(lambda: losses.ImportanceWeightedELBO(3, "doubly_reparameterized")),
    ObjectCase(lambda: losses.TrimmedELBO(0.2)),
    ObjectCase(
        lambda: losses.NegativeLogLikelihood(layers.IndependentNormal((4, 3), min_scale=0.1), "sum")
    ),
]
