"""The quality report: each figure against another computation, and what it shows."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

import kvae
from kvae.estimators import TableQuality, TableSynthesizer, table_measures
from tests.estimators.tables import people

TRAIN, TEST = people(400, 0), people(300, 1)


@pytest.fixture(scope="module")
def schema():
    return kvae.data.TableSchema.infer(TRAIN)


@pytest.fixture(scope="module")
def arrays(schema):
    return [schema.to_array(each) for each in (TRAIN, TEST, people(400, 2))]


@pytest.fixture(scope="module")
def quality(schema, arrays):
    return TableQuality.measure(schema, *arrays, target="sex")


def test_rows_of_the_same_source_are_as_good_as_other_real_rows(quality):
    assert len(quality.marginals) == 7  # the constant column has none
    assert len(quality.pairs) == 21
    for each in quality.marginals:
        assert each.synthetic < 0.13
    assert np.mean([each.difference for each in quality.pairs]) < 2 * quality.held_out_pairs
    assert quality.nearest.synthetic_copies == quality.nearest.held_out_copies == 0.0
    assert quality.nearest.synthetic_low == pytest.approx(quality.nearest.held_out_low, rel=0.4)
    assert quality.task.synthetic_auc == pytest.approx(quality.task.real_auc, abs=0.06)
    assert quality.task.real_auc > 0.85


def test_copies_show(schema, arrays):
    train, test, synthetic = arrays
    half = np.concatenate([train[:200], synthetic[:200]])
    nearest = TableQuality.measure(schema, train, test, half).nearest
    assert nearest.synthetic_copies == 0.5
    assert nearest.held_out_copies == 0.0
    assert nearest.synthetic_low == pytest.approx(0.0, abs=1e-3)
    assert nearest.held_out_low > 0.01


def test_shuffled_columns_show_in_pairs_and_in_the_task(schema, arrays):
    train, test, _ = arrays
    random = np.random.default_rng(0)
    shuffled = np.stack([random.permutation(column) for column in train.T], axis=1)
    quality = TableQuality.measure(schema, train, test, shuffled, "sex")
    assert max(each.synthetic for each in quality.marginals) == 0.0
    worst = [(each.first, each.second) for each in quality.pairs[:2]]
    assert sorted(worst) == [("height", "size"), ("height", "weight")]
    for each in quality.pairs[:2]:
        assert each.real > 0.8
        assert abs(each.synthetic) < 0.15
    assert quality.task.synthetic_auc < 0.65


def test_marginal_distances_are_those_of_the_definition(schema, arrays, quality):
    train, _, synthetic = arrays
    found = {each.column: each for each in quality.marginals}
    shares = [np.mean(each[:, 1] == 0) for each in (train, synthetic)]
    assert found["sex"].measure == "total variation"
    assert found["sex"].synthetic == pytest.approx(abs(shares[0] - shares[1]))
    height = [each[:, 2][~np.isnan(each[:, 2])] for each in (train, synthetic)]
    assert found["height"].measure == "Kolmogorov-Smirnov"
    grid = np.sort(np.concatenate(height))
    steps = [np.searchsorted(np.sort(each), grid, side="right") / len(each) for each in height]
    assert found["height"].synthetic == pytest.approx(np.abs(steps[0] - steps[1]).max())
    assert found["height"].missing_real == np.isnan(train[:, 2]).mean()


def test_associations_agree_with_scipy(rng):
    a, noise = rng.normal(size=(2, 300))
    b = (a + noise).round(1)
    expected = stats.spearmanr(a, b).statistic
    assert table_measures.rank_correlation(a, b) == pytest.approx(expected)
    classes = rng.integers(0, 3, 300)
    numbers = classes + rng.normal(size=300)
    h = stats.kruskal(*(numbers[classes == each] for each in range(3))).statistic
    eta = table_measures.correlation_ratio(classes, numbers)
    assert eta**2 == pytest.approx(h / 299)  # H = (n - 1) eta^2 of the ranks
    other = np.where(rng.random(300) < 0.5, classes, rng.integers(0, 3, 300))
    table = pd.crosstab(classes, other).to_numpy()
    phi = stats.chi2_contingency(table, correction=False).statistic / 300 - 4 / 299
    assert table_measures.cramers_v(classes, other) == pytest.approx(
        np.sqrt(phi / (2 - 4 / 299)), rel=1e-6
    )


def test_distances_are_those_of_the_definition(arrays, schema, quality):
    """Numbers by their rank among the training rows, different classes at the distance 1."""
    train, test = arrays[0], arrays[1]
    squares = 0.0
    for i, column in enumerate(schema.modelled):
        if column.kind == "category":
            squares = squares + (train[:, i][None] != test[:, i][:, None])
            continue
        known = train[:, i][~np.isnan(train[:, i])]
        parts = []
        for x in (test[:, i], train[:, i]):
            below = np.mean(known[None] < x[:, None], axis=1)
            equal = np.mean(known[None] == x[:, None], axis=1)
            missing = np.isnan(x)
            parts.append(np.stack([np.where(missing, 0.5, below + equal / 2), missing], axis=1))
        squares = squares + cdist(*parts) ** 2
    distances = np.sqrt(squares).min(axis=1)
    assert quality.nearest.held_out_median == pytest.approx(np.median(distances), rel=1e-3)


def test_it_prints_and_becomes_json(quality):
    text = str(quality)
    for each in ("synthetic", "other real", "copies", "AUC", "worst pairs", "sex"):
        assert each in text
    assert max(map(len, text.splitlines())) <= 100
    again = json.loads(quality.to_json())
    assert again["task"]["synthetic_auc"] == quality.task.synthetic_auc
    assert len(again["marginals"]) == len(quality.marginals)
    with pytest.raises(dataclasses.FrozenInstanceError):
        quality.rows = (1, 2, 3)


def test_targets_that_are_no_classes_and_too_few_rows_are_refused(schema, arrays):
    with pytest.raises(ValueError, match=r"columns of classes, 'sex', 'size'. Received: 'age'"):
        TableQuality.measure(schema, *arrays, target="age")
    with pytest.raises(ValueError, match=r"Received: 400, 1 and 400"):
        TableQuality.measure(schema, arrays[0], arrays[1][:1], arrays[2])


def test_a_synthesizer_reports_on_its_own_rows():
    fitted = TableSynthesizer(epochs=2, random_state=0).fit(TRAIN)
    quality = fitted.quality(TRAIN, TEST, target="size")
    assert quality.rows == (400, 300, 400)
    assert 0.0 <= quality.task.synthetic_auc <= 1.0
    assert fitted.quality(TRAIN, TEST).task is None
