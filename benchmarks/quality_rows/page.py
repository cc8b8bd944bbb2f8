"""The page of the quality record, made of the rows and the JSON files of their runs."""

import math
from collections import defaultdict
from typing import Any

from quality_rows.recipe import WHOLE

SCRIPT = "python benchmarks/quality.py"
HEAD = """# The quality record

Test sets, minus the log-likelihood in nats per example (lower is better), estimated by importance
sampling from the posterior: an upper bound that falls to the exact value as the samples grow. The
standard error is that over test examples; where several seeds were run, the figure is their mean.
Each row trains by `model.fit` for at most 60 minutes unless its command says otherwise, keeps the
weights with the best bound on the validation set, and looks at the test set once, at the end.

`benchmarks/quality.py` runs a row and writes this page, which is not edited by hand:

    python benchmarks/quality.py ROW --data FOLDER --output runs
    python benchmarks/quality.py --page benchmarks/QUALITY.md --results benchmarks/quality_results

An interrupted command resumes when it is given again. Minutes are of training, validation included,
on the machine named with each run, which other programs may have used as well.
"""

# Rows whose figure is not a log-likelihood in nats, or has no figure to compare with yet.
OTHERS = """## Rows without a command here

| data | what is measured | target | state |
| --- | --- | --- | --- |
| Frey faces, 8-bit | bits per dimension, best family | beside pythae's VAE in one run | not run yet |
| emoji 64 x 64, 8-bit | bits per dimension, residual and hierarchical VAE; `benchmarks/emoji.py` compares networks | 10% below pythae's VAE of the same parameters and minutes | not run yet |
| sprites | FactorVAE score, MIG and DCI of five objectives, five seeds | beta-TCVAE >= 0.756 and 0.20 | not run yet |
| ADBench, even sets | AUROC; `benchmarks/anomaly_detection.py` | that of the best peer in the same run | mean of 21 sets and three seeds 0.833; IsolationForest 0.799, PyOD's VAE 0.765 (one seed) ([docs/anomaly.md](../docs/anomaly.md)) |
| Adult | train on synthetic, test on real: `benchmarks/table_synthesis.py` | TVAE's F1, 0.626; AUC within 0.03 of real rows | F1 0.647; AUC 0.906, of real rows 0.927; three seeds ([docs/tables.md](../docs/tables.md)) |
"""  # noqa: E501 (a row of a table is one line)


def page(rows: dict[str, Any], results: list[dict[str, Any]]) -> str:
    """Return the text of the page.

    Args:
        rows: the rows by name, in the order of the page.
        results: what `quality_rows.run.run` returned, for any of the rows.

    Raises:
        ValueError: If a result is not of a row, or of other data than the row's.
    """
    by_row, left_out = defaultdict(list), defaultdict(list)
    for result in results:
        row = rows.get(result["row"])
        if row is None or result["sha256"] != row.data.sha256:
            raise ValueError(f"Expected results of the rows and their data. Received: {result}")
        (left_out if result["without"] else by_row)[result["row"]].append(result)
    parts = [HEAD, "## Rows\n", *_table(rows, by_row), "", OTHERS, "## Data\n", *_data(rows), ""]
    if left_out:
        parts += ["## Parts of the recipe\n", *_ablation(by_row, left_out), ""]
    runs = [(rows[name], each) for name in rows for each in by_row[name]]
    if runs:
        parts += ["## Runs", *(line for row, result in runs for line in _run(row, result))]
    return "\n".join(parts).rstrip() + "\n"


def _table(rows: dict[str, Any], by_row: dict[str, list[dict[str, Any]]]) -> list[str]:
    lines = [
        "| data | model | target | published | measured | state | command |",
        "| --- | --- | ---: | --- | ---: | --- | --- |",
    ]
    for name, row in rows.items():
        measured, state = _measured(row.target, by_row[name])
        command = by_row[name][0]["command"] if by_row[name] else f"{SCRIPT} {name}"
        cells = [
            row.data.title,
            row.model,
            f"<= {row.target:.1f}",
            row.published,
            measured,
            state,
            f"`{command}`",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _measured(target: float, results: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the figure of a row over its seeds, and its state."""
    if not results:
        return "", "not run yet"
    nats = sum(result["nats"] for result in results) / len(results)
    # The seeds share the test set: their errors do not average out.
    error = math.sqrt(sum(result["standard_error"] ** 2 for result in results) / len(results))
    seeds = f" ({len(results)} seeds)" if len(results) > 1 else ""
    state = "met" if nats <= target else f"open by {nats - target:.2f}"
    return _figure(nats, error) + seeds, state


def _ablation(
    by_row: dict[str, list[dict[str, Any]]], left_out: dict[str, list[dict[str, Any]]]
) -> list[str]:
    lines = [
        "One part left out of the recipe, with everything else the same; one seed, so that small",
        "differences may be chance. `slow_average` has a momentum of 0.99 in place of 0.999: the",
        "average over 1,000 steps lags behind in a training as short as these (10 epochs are 2,500",
        "steps), and what the other parts are worth beside it says little of longer ones.",
        "",
        "| row | left out | seed | epochs | minutes | measured | minus the whole recipe |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, results in left_out.items():
        references = by_row[name] + [each for each in results if each["without"] == WHOLE]
        whole = {_setting(each): each["nats"] for each in references}
        for each in sorted(results, key=lambda each: (*_setting(each), -each["nats"])):
            reference = whole.get(_setting(each))
            more = "" if reference is None else f"{each['nats'] - reference:+.2f}"
            cells = [f"`{name}`", each["without"], str(each["seed"]), str(each["epochs"])]
            cells += [f"{each['minutes']:.1f}", _figure(each["nats"], each["standard_error"]), more]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _setting(result: dict[str, Any]) -> tuple[int, ...]:
    """Return what two runs have in common that are compared."""
    return tuple(result[name] for name in ("epochs", "seed", "samples", "examples"))


def _figure(nats: float, error: float) -> str:
    return f"{nats:.2f} +- {error:.2f}"


def _data(rows: dict[str, Any]) -> list[str]:
    lines = ["| data | file | SHA-256 | protocol |", "| --- | --- | --- | --- |"]
    for data in dict.fromkeys(row.data for row in rows.values()):
        lines.append(f"| {data.title} | {data.file} | `{data.sha256}` | {data.protocol} |")
    return lines


def _run(row: Any, result: dict[str, Any]) -> list[str]:
    recipe = ", ".join(f"{name} {value}" for name, value in result["recipe"].items())
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    curve = ", ".join(f"{minutes:.1f}: {nats:.1f}" for minutes, nats in result["curve"])
    return [
        "",
        f"### `{result['row']}`, seed {result['seed']}",
        "",
        f"    {result['command']}",
        "",
        f"{_figure(result['nats'], result['standard_error'])} nats on {result['examples']:,} test"
        f" examples with {result['samples']:,} samples each; negative ELBO of the same "
        f"examples {result['negative_elbo']:.2f}. {result['parameters']:,} parameters, "
        f"{result['epochs']} epochs in {result['minutes']:.1f} minutes, the best one "
        f"{result['best_epoch']}; {result['evaluation_minutes']:.1f} minutes for the test. "
        f"{result['machine']}. {versions}.",
        "",
        f"Recipe: {recipe}.",
        "",
        f"Minutes: negative ELBO of the validation set. {curve}.",
    ]
