"""The quality record: the literature's figures, one command a row.

    python benchmarks/quality.py ROW [--data FOLDER] [--minutes 60] [--seed 0] [--output runs]
    python benchmarks/quality.py --page benchmarks/QUALITY.md --results benchmarks/quality_results

The first form trains the model of a row, estimates the log-likelihood of the test set by importance
sampling, and writes one JSON file. An interrupted command resumes where it was when it is given
again. FOLDER holds the data files, by default the one that the variable KVAE_DATA names; their
digests are compared. The second form writes the page from the JSON files.
"""

import argparse
import dataclasses
import json
import os
from pathlib import Path

from quality_rows.page import SCRIPT, page
from quality_rows.recipe import WITHOUT
from quality_rows.rows import ROWS
from quality_rows.run import run


def command_of(arguments):
    """Return the command that repeats a run."""
    text = f"{SCRIPT} {arguments.row}"
    for name, default in DEFAULTS.items():
        value = getattr(arguments, name)
        if value != default:
            text += f" --{name} {value if isinstance(value, str) else format(value, 'g')}"
    return text


DEFAULTS = {
    "epochs": None,
    "minutes": 60.0,
    "seed": 0,
    "samples": 5_000,
    "examples": 10_000,
    "without": None,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("row", nargs="?", choices=sorted(ROWS))
    parser.add_argument("--data", type=Path, default=os.environ.get("KVAE_DATA"))
    parser.add_argument("--minutes", type=float, help="of training, at most")
    parser.add_argument("--epochs", type=int, help="of training, in place of the row's")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--samples", type=int, help="importance samples of an example")
    parser.add_argument("--examples", type=int, help="of the test set, at random")
    parser.add_argument("--without", choices=sorted(WITHOUT), help="a part of the recipe left out")
    parser.add_argument("--output", type=Path, default=Path("runs"), help="folder of the runs")
    parser.add_argument("--page", type=Path, help="write this page from the results")
    parser.add_argument("--results", type=Path, help="folder of JSON files, for --page")
    parser.set_defaults(**DEFAULTS)
    arguments = parser.parse_args()

    if arguments.page:
        if not arguments.results:
            parser.error("--page needs --results")
        files = sorted(arguments.results.glob("*.json"))
        results = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        arguments.page.write_text(page(ROWS, results), encoding="utf-8")
        return
    if not arguments.row or not arguments.data:
        parser.error("give a row and --data, or --page and --results")
    row = ROWS[arguments.row]
    if arguments.epochs:
        row = row.trained(dataclasses.replace(row.recipe, epochs=arguments.epochs))
    name = f"{row.name}-{arguments.seed}"
    if arguments.without:
        row = row.trained(row.recipe.without(arguments.without))
        name += f"-without-{arguments.without}"
    result = run(
        row,
        arguments.data,
        arguments.output / name,
        arguments.seed,
        arguments.minutes,
        arguments.samples,
        arguments.examples,
    )
    result = {"command": command_of(arguments), "without": arguments.without, **result}
    file = arguments.output / f"{name}.json"
    file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{result['nats']:.2f} +- {result['standard_error']:.2f} nats: {file}")


if __name__ == "__main__":
    main()
