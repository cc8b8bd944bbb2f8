"""A made table for the tests of tables."""

import numpy as np
import pandas as pd


def people(rows, seed, missing=True):
    """Return people: height depends on sex, weight on height; both are missing together."""
    random = np.random.default_rng(seed)
    sex = random.choice(["F", "M"], rows)
    height = np.where(sex == "M", 181.0, 168.0) + random.normal(0.0, 5.0, rows)
    weight = 0.9 * (height - 100.0) + random.normal(0.0, 5.0, rows)
    days = pd.to_timedelta(random.integers(0, 1500, rows), unit="D")
    gain = np.where(random.random(rows) < 0.8, 0.0, random.lognormal(7.0, 1.0, rows).round(2))
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 80, rows),
            "sex": sex,
            "height": height.round(1),
            "weight": weight.round(1),
            "size": pd.Categorical(
                np.where(height > 180, "L", np.where(height > 170, "M", "S")),
                ["S", "M", "L"],
                ordered=True,
            ),
            "joined": pd.Timestamp("2020-01-01") + days,
            "gain": gain,
            "country": "NO",
        }
    )
    if missing:
        frame.loc[random.random(rows) < 0.15, ["height", "weight"]] = np.nan
    return frame
