"""How often is the verdict of `kvae.diagnose` correct, for models trained into each state?

    python benchmarks/verdicts.py --seeds 1 2 --output runs --calibrate --page docs/diagnosis.md
    python benchmarks/verdicts.py --seeds 11 12 13 14 15 --output runs --page docs/diagnosis.md

Each seed changes the selection of the data, the initial weights of the networks and all samples.
The first line is the calibration: it shows, for each threshold, the nearest values on either side.
The second tests the thresholds on other seeds.

Each verdict is appended to the file `verdicts.jsonl` in the output folder as soon as it is
computed. `--resume` continues such a file and skips the models that it contains.
"""

import argparse
import collections
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
from page import replace_section
from scipy.stats import beta

import kvae
from kvae.diagnosis import STATES, THRESHOLDS, Variant, train_variant

EXAMPLES = 1_400
EPOCHS = 40
HIDDEN = 64
DATA = ("digits", "sprites")
HIGH_BETA = {"digits": 2.0, "sprites": 4.0}  # at a beta of 4 the 8x8 digits collapse

# How each model is made: the expected state, the variant, the number of latent dimensions.
CASES = {
    "full VAE, 6 dimensions": ("healthy", Variant(), 6),
    "KL alone": ("posterior_collapse", Variant(reconstruction=False), 6),
    "never trained": ("untrained", None, 6),
    "no KL": ("discontinuous", Variant(beta=0.0), 6),
    "no sampling": ("deterministic_encoder", Variant(sampling=False), 6),
    "plain autoencoder": ("deterministic_encoder", Variant(sampling=False, beta=0.0), 6),
    "beta 2 (digits), 4 (sprites)": ("over_regularized", None, 6),
    "full VAE, 32 dimensions": ("partly_collapsed", Variant(), 32),
}

# The cases that each threshold separates: those below it and those above it. Cases whose state
# the rule determines before it uses the threshold are not listed.
VAES = ("full VAE, 6 dimensions", "beta 2 (digits), 4 (sprites)", "full VAE, 32 dimensions")
TRAINED = (*VAES, "no KL", "no sampling", "plain autoencoder")
SIDES = {
    "code_gain": (("KL alone",), TRAINED),
    "explained_variance": (("KL alone", "never trained"), TRAINED),
    "information": (("KL alone",), ("never trained",)),
    "noise_share": ((*VAES, "no KL", "plain autoencoder"), ("no sampling",)),
    "implied_beta_low": (("no KL",), (*VAES, "plain autoencoder")),
    "dimension_wise_kl_share": (VAES, ("plain autoencoder",)),
    "implied_beta_high": ((VAES[0], VAES[2]), (VAES[1],)),
    "informative_share": ((VAES[2],), (VAES[0],)),
}


def data(name, seed):
    if name == "sprites":
        return kvae.data.sprites(EXAMPLES, 16, seed=seed).images
    return np.concatenate(kvae.data.digits(seed=seed))[:EXAMPLES]


def trained(x, how, name, seed):
    _, variant, latent_dim = CASES[how]
    training = {"hidden": HIDDEN, "epochs": EPOCHS, "seed": seed}
    if how == "never trained":
        variant, training = Variant(), {**training, "epochs": 1, "learning_rate": 0.0}
    return train_variant(variant or Variant(beta=HIGH_BETA[name]), x, latent_dim, **training)


def verdict_of(name, seed, how):
    """Return one line of the results as a dict."""
    start = time.perf_counter()
    x = data(name, seed)
    report = kvae.diagnose(trained(x, how, name, seed), x, seed=seed)
    informations = [d.information.value for d in report.dimensions]
    informative = np.mean(np.array(informations) >= THRESHOLDS["informative"].value)
    numbers = {
        "code_gain": report.sensitivity.code_gain.value,
        "explained_variance": report.explained_variance.cumulative[-1].value,
        "information": report.mutual_information.value,
        "noise_share": report.noise_share.value,
        "implied_beta_low": report.sensitivity.implied_beta.value,
        "dimension_wise_kl_share": report.dimension_wise_kl_share.value,
        "implied_beta_high": report.sensitivity.implied_beta.value,
        "informative_share": float(informative),
    }
    return {
        "data": name,
        "seed": seed,
        "how": how,
        "state": CASES[how][0],
        "verdict": report.verdict.state,
        "certain": report.verdict.certain,
        "numbers": {
            key: min(value, 1e9) for key, value in numbers.items()
        },  # the implied beta can be infinite
        "informations": informations,
        "seconds": time.perf_counter() - start,
    }


def collect(seeds, path, minutes):
    """Return the lines of all cases of `seeds`: those in `path`, and new ones."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    held = {(line["data"], line["seed"], line["how"]) for line in lines}
    wanted = [(name, seed, how) for seed in seeds for how in CASES for name in DATA]
    start = time.perf_counter()
    for place, key in enumerate(wanted, 1):
        if key in held:
            continue
        if time.perf_counter() - start > 60.0 * minutes:
            print(f"stopped after {minutes:g} minutes; continue with --resume", flush=True)
            break
        line = verdict_of(*key)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        lines.append(line)
        mark = "correct" if line["state"] == line["verdict"] else f"WRONG, expected {line['state']}"
        numbers = ", ".join(f"{name} {value:.3g}" for name, value in line["numbers"].items())
        what = f"{place}/{len(wanted)} {key[0]}, seed {key[1]}, {key[2]}: {line['verdict']}"
        print(f"{what}, {mark} ({line['seconds']:.0f} s): {numbers}", flush=True)
    return [line for line in lines if line["seed"] in seeds]


def setting(lines):
    """Return a sentence with the settings and the duration of the training."""
    seeds = sorted({line["seed"] for line in lines})
    return (
        f"Seeds {', '.join(map(str, seeds))}; digits and 16x16 sprites, {EXAMPLES} examples each, "
        f"{EPOCHS} epochs, two hidden layers of {HIDDEN}; {len(lines)} models in "
        f"{sum(line['seconds'] for line in lines) / 60:.0f} minutes on {os.cpu_count()} cores "
        f"({platform.machine()})."
    )


def lower_bound(correct, count):
    """Return the lower end of the one-sided 95% interval of a share (Clopper and Pearson 1934)."""
    return float(beta.ppf(0.05, correct, count - correct + 1)) if correct else 0.0


def confusion(lines):
    """Return the confusion table and every error, as Markdown."""
    counts = collections.Counter((line["state"], line["verdict"]) for line in lines)
    correct = sum(line["state"] == line["verdict"] for line in lines)
    text = [
        f"**{correct} of {len(lines)} verdicts are correct ({correct / len(lines):.0%}).** For "
        f"independent models the true share is at least {lower_bound(correct, len(lines)):.0%} "
        f"with a confidence of 95%. {setting(lines)}",
        "",
        "| expected state | " + " | ".join(STATES) + " |",
        "| --- |" + " ---: |" * len(STATES),
    ]
    for state in dict.fromkeys(state for state, *_ in CASES.values()):
        cells = [str(counts[state, verdict] or "") for verdict in STATES]
        text.append(f"| {state} | " + " | ".join(cells) + " |")
    text.append("")
    for line in lines:
        if line["state"] != line["verdict"]:
            certainty = "certain" if line["certain"] else "near a threshold"
            text.append(
                f"- wrong: {line['data']}, seed {line['seed']}, {line['how']} ({line['state']}) "
                f"has the verdict {line['verdict']} ({certainty})"
            )
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
        for cases, worst in zip(sides, (max, min), strict=True):
            line = worst(
                (line for line in lines if line["how"] in cases),
                key=lambda line: line["numbers"][name],
            )
            value = line["numbers"][name]
            shown = "infinite" if value >= 1e9 else f"{value:.2g}"
            ends.append(f"{shown} ({line['how']}; {line['data']})")
        bound = THRESHOLDS[name]
        text.append(f"| {name} | {ends[0]} | {bound.value:g} | {ends[1]} | {bound.unit} |")
    wide = [value for line in lines if line["how"] == VAES[2] for value in line["informations"]]
    below = max(value for value in wide if value < THRESHOLDS["informative"].value)
    above = min(value for value in wide if value >= THRESHOLDS["informative"].value)
    text.append(
        f"| informative | {below:.2g} (one of the 32 dimensions) | "
        f"{THRESHOLDS['informative'].value:g} | "
        f"{above:.2g} (one of the 32 dimensions) | {THRESHOLDS['informative'].unit} |"
    )
    return "\n".join(text) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13, 14, 15])
    parser.add_argument("--output", type=Path, required=True, help="folder for verdicts.jsonl")
    parser.add_argument("--resume", action="store_true", help="continue an existing file")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="start no model after this time"
    )
    parser.add_argument("--calibrate", action="store_true", help="print the calibration")
    parser.add_argument("--page", type=Path, help="page whose section is replaced")
    options = parser.parse_args()
    options.output.mkdir(exist_ok=True)
    path = options.output / "verdicts.jsonl"
    if path.exists() and not options.resume:
        parser.error(f"{path} exists: pass --resume to continue it, or remove it")
    path.touch()
    lines = collect(options.seeds, path, options.minutes)
    body = calibration(lines) if options.calibrate else confusion(lines)
    print(body)
    if options.page:
        section = "calibration" if options.calibrate else "verdicts"
        replace_section(options.page, section, body)


if __name__ == "__main__":
    main()
