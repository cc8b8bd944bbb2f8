"""How often is the verdict of `kvae.diagnose` right, for models trained into each state?

    python benchmarks/verdicts.py --data FOLDER --kinds calibration --output runs --page docs/diagnosis.md
    python benchmarks/verdicts.py --data FOLDER --kinds held-out --output runs --page docs/diagnosis.md

`model_kinds.py` has the kinds of models: data, networks, likelihood, posterior and prior. Each is
trained into each state. The first line shows, for each threshold, the nearest values on either
side; the second tests the thresholds on kinds that had no part in setting them. Each seed changes
the choice of the data, the initial weights and all samples.

Each verdict is appended to the file `verdicts.jsonl` in the output folder as soon as it is
computed. `--resume` continues such a file and skips the models that it contains.
"""  # noqa: E501 (a command is one line)

import argparse
import collections
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
from model_kinds import ARMS, CALIBRATION, EXAMPLES, HELD_OUT, KINDS, STEPS, trained
from page import replace_section
from scipy import stats

import kvae
from kvae.diagnosis import FINDINGS, STATES, THRESHOLDS

# The arms that each threshold separates: those below it and those above it. Arms whose state the
# rule determines before it uses the threshold are not listed.
USED = ("full VAE", "high beta", "no KL", "no sampling", "plain autoencoder")
SIDES = {
    "code_gain": (("KL alone",), USED),
    "explained_variance": (("KL alone", "never trained"), USED),
    "information": (("KL alone",), ("never trained",)),
    "noise_share": (("full VAE", "high beta", "no KL"), ()),
    "implied_beta_ratio": (("full VAE", "high beta"), ("no sampling", "plain autoencoder")),
    "implied_beta_low": (("no KL",), ("full VAE", "high beta")),
    "implied_beta_high": (("full VAE",), ("high beta",)),
}


def verdict_of(name, arm, seed, folder):
    """Return one line of the results as a dict."""
    start = time.perf_counter()
    kind = KINDS[name]
    x = kind.data(folder, np.random.default_rng(seed))
    vae = trained(kind, arm, x, seed)
    taken = time.perf_counter() - start
    report = kvae.diagnose(vae, x, seed=seed)
    beta = float(vae.posterior_layer.regularizer.weight)
    numbers = {
        "code_gain": report.sensitivity.code_gain,
        "explained_variance": report.explained_variance.beyond_constant,
        "information": report.mutual_information,
        "noise_share": report.noise_share,
        "implied_beta_low": report.sensitivity.implied_beta,
        "implied_beta_ratio": report.sensitivity.implied_beta.over(max(1.0, beta)),
        "implied_beta_high": report.sensitivity.implied_beta,
    }
    return {
        "kind": name,
        "arm": arm,
        "seed": seed,
        "state": ARMS[arm],
        "verdict": report.verdict.state,
        "certain": report.verdict.certain,
        "contradiction": contradiction(arm, report.verdict),
        "findings": [finding.name for finding in report.findings],
        # Infinite where no weight makes the noise optimal; None where it was not measured.
        "numbers": {
            key: min(found.value, 1e9) if found.measured else None for key, found in numbers.items()
        },
        "seconds": [taken, time.perf_counter() - start - taken],
    }


def contradiction(arm, verdict):
    """Return whether the advice contradicts how the model was trained."""
    told = {
        "deterministic_encoder": ("full VAE", "high beta", "no KL"),  # had samples
        "discontinuous": ("full VAE", "high beta", "no sampling"),  # had the KL
        "over_regularized": ("full VAE", "no KL", "no sampling", "plain autoencoder"),
    }
    return arm in told.get(verdict.state, ())


def collect(kinds, seeds, path, minutes, folder):
    """Return the lines of all arms of `kinds` and `seeds`: those in `path`, and new ones."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    held = {(line["kind"], line["arm"], line["seed"]) for line in lines}
    wanted = [(name, arm, seed) for seed in seeds for name in kinds for arm in ARMS]
    start = time.perf_counter()
    for place, key in enumerate(wanted, 1):
        if key in held:
            continue
        if time.perf_counter() - start > 60.0 * minutes:
            print(f"stopped after {minutes:g} minutes; continue with --resume", flush=True)
            break
        line = verdict_of(*key, folder)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        lines.append(line)
        mark = "right" if line["state"] == line["verdict"] else f"WRONG, expected {line['state']}"
        numbers = ", ".join(
            f"{key} {value:.3g}" for key, value in line["numbers"].items() if value is not None
        )
        what = f"{place}/{len(wanted)} {key[0]}, {key[1]}, seed {key[2]}: {line['verdict']}"
        print(f"{what}, {mark} ({sum(line['seconds']):.0f} s): {numbers}", flush=True)
    return [line for line in lines if line["kind"] in kinds and line["seed"] in seeds]


def setting(lines):
    """Return a sentence with the settings and the duration of the training."""
    seeds = sorted({line["seed"] for line in lines})
    return (
        f"Seeds {', '.join(map(str, seeds))}; {len({line['kind'] for line in lines})} kinds of "
        f"models, up to {EXAMPLES:,} examples and {STEPS:,} steps each; {len(lines)} models in "
        f"{sum(sum(line['seconds']) for line in lines) / 60:.0f} minutes on {os.cpu_count()} cores "
        f"({platform.machine()})."
    )


def lower_bound(right, count):
    """Return the lower end of the one-sided 95% interval of a share (Clopper and Pearson 1934)."""
    return float(stats.beta.ppf(0.05, right, count - right + 1)) if right else 0.0


def confusion(lines):
    """Return the confusion table, the table by kind and every error, as Markdown."""
    counts = collections.Counter((line["state"], line["verdict"]) for line in lines)
    right = sum(line["state"] == line["verdict"] for line in lines)
    contradictions = sum(line["contradiction"] for line in lines)
    text = [
        f"**{right} of {len(lines)} verdicts are right ({right / len(lines):.0%}), and "
        f"{contradictions} contradict how the model was trained.** For independent models the true "
        f"share is at least {lower_bound(right, len(lines)):.0%} with a confidence of 95%. "
        f"{setting(lines)}",
        "",
        "| expected state | " + " | ".join(STATES) + " |",
        "| --- |" + " ---: |" * len(STATES),
    ]
    for state in dict.fromkeys(ARMS.values()):
        cells = [str(counts[state, verdict] or "") for verdict in STATES]
        text.append(f"| {state} | " + " | ".join(cells) + " |")
    text += ["", "| kind | " + " | ".join(ARMS) + " |", "| --- |" + " ---: |" * len(ARMS)]
    for kind in dict.fromkeys(line["kind"] for line in lines):
        cells = []
        for arm in ARMS:
            own = [line for line in lines if (line["kind"], line["arm"]) == (kind, arm)]
            own_right = sum(line["state"] == line["verdict"] for line in own)
            cells.append(f"{own_right} of {len(own)}" if own else "")
        text.append(f"| {kind} | " + " | ".join(cells) + " |")
    text.append("")
    for line in lines:
        if line["state"] != line["verdict"]:
            certainty = "certain" if line["certain"] else "not certain"
            text.append(
                f"- wrong: {line['kind']}, {line['arm']}, seed {line['seed']} ({line['state']}) "
                f"has the verdict {line['verdict']} ({certainty})"
            )
    full = [line for line in lines if line["arm"] == "full VAE"]
    found = collections.Counter(name for line in full for name in line["findings"])
    shares = ", ".join(f"{name} {found[name]}" for name in FINDINGS if found[name])
    text.append(f"\nFindings on the {len(full)} full VAEs: {shares or 'none'}.")
    return "\n".join(text).rstrip() + "\n"


def calibration(lines):
    """Return, for each threshold, the nearest values on either side, as Markdown."""
    text = [
        setting(lines),
        "",
        "| threshold | highest value below | threshold value | lowest value above | unit |",
        "| --- | --- | ---: | --- | --- |",
    ]
    for name, sides in SIDES.items():
        ends = []
        for arms, worst in zip(sides, (max, min), strict=True):
            own = [line for line in lines if line["arm"] in arms]
            own = [line for line in own if line["numbers"][name] is not None]
            if not own:
                ends.append("")
                continue
            line = worst(own, key=lambda line: line["numbers"][name])
            value = line["numbers"][name]
            shown = "infinite" if value >= 1e9 else f"{value:.2g}"
            ends.append(f"{shown} ({line['arm']}; {line['kind']})")
        bound = THRESHOLDS[name]
        text.append(f"| {name} | {ends[0]} | {bound.value:g} | {ends[1]} | {bound.unit} |")
    return "\n".join(text) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("KVAE_DATA"))
    parser.add_argument("--kinds", choices=("calibration", "held-out"), required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--output", type=Path, required=True, help="folder for verdicts.jsonl")
    parser.add_argument("--resume", action="store_true", help="continue an existing file")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="start no model after this time"
    )
    parser.add_argument("--page", type=Path, help="page whose section is replaced")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data is needed: a folder with the data sets of model_kinds.py")
    options.output.mkdir(exist_ok=True)
    path = options.output / "verdicts.jsonl"
    if path.exists() and not options.resume:
        parser.error(f"{path} exists: pass --resume to continue it, or remove it")
    path.touch()
    kinds = CALIBRATION if options.kinds == "calibration" else HELD_OUT
    lines = collect(kinds, options.seeds, path, options.minutes, Path(options.data))
    body = confusion(lines)
    if options.kinds == "calibration":
        body = calibration(lines) + "\n" + body
    print(body)
    if options.page:
        section = "calibration" if options.kinds == "calibration" else "verdicts"
        replace_section(options.page, section, body)


if __name__ == "__main__":
    main()
