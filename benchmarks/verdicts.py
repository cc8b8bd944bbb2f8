"""How often is the verdict of `kvae.diagnose` right? Models trained into each state, and judged.

    python benchmarks/verdicts.py --seeds 1 2 --output runs --calibrate --page docs/diagnosis.md
    python benchmarks/verdicts.py --seeds 11 12 13 14 15 --output runs --page docs/diagnosis.md

Each seed changes the data (which digits, which sprites), the networks' first weights and every
draw. The first line is the calibration: it shows, for each threshold, the values on either side
of it. The second tries the thresholds on seeds that they were not set with.

Each verdict is a line of the file `verdicts.jsonl` in the output's folder as soon as it is there;
`--resume` goes on with such a file, without training again what it holds.
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
from kvae.diagnosis import STATES, THRESHOLDS, Arm, train_arm

EXAMPLES = 1_400
EPOCHS = 40
HIDDEN = 64
DATA = ("digits", "sprites")
HIGH_BETA = {"digits": 2.0, "sprites": 4.0}  # 8x8 digits hold too little to survive more

# how a model is brought into a state: the state, the arm, its latent dimensions
CASES = {
    "full VAE, 6 dimensions": ("healthy", Arm(), 6),
    "KL alone": ("collapsed", Arm(reconstruction=False), 6),
    "never trained": ("untrained", None, 6),
    "no KL": ("islands", Arm(beta=0.0), 6),
    "no sampling": ("arbitrary", Arm(sampling=False), 6),
    "plain autoencoder": ("arbitrary", Arm(sampling=False, beta=0.0), 6),
    "beta 2 (digits), 4 (sprites)": ("over-regularized", None, 6),
    "full VAE, 32 dimensions": ("partly collapsed", Arm(), 32),
}

# What each threshold is to tell apart: the cases below it, the cases above it. Only cases that
# the rule has not settled before it asks are named.
VAES = ("full VAE, 6 dimensions", "beta 2 (digits), 4 (sprites)", "full VAE, 32 dimensions")
TRAINED = (*VAES, "no KL", "no sampling", "plain autoencoder")
SIDES = {
    "code_gain": (("KL alone",), TRAINED),
    "explained": (("KL alone", "never trained"), TRAINED),
    "information": (("KL alone",), ("never trained",)),
    "noise_share": ((*VAES, "no KL", "plain autoencoder"), ("no sampling",)),
    "low_price": (("no KL",), (*VAES, "plain autoencoder")),
    "drift_share": (VAES, ("plain autoencoder",)),
    "high_price": ((VAES[0], VAES[2]), (VAES[1],)),
    "used_share": ((VAES[2],), (VAES[0],)),
}


def data(name, seed):
    if name == "sprites":
        return kvae.data.sprites(EXAMPLES, 16, seed=seed).images
    return np.concatenate(kvae.data.digits(seed=seed))[:EXAMPLES]


def trained(x, how, name, seed):
    _, arm, latent_dim = CASES[how]
    training = {"hidden": HIDDEN, "epochs": EPOCHS, "seed": seed}
    if how == "never trained":
        arm, training = Arm(), {**training, "epochs": 1, "learning_rate": 0.0}
    return train_arm(arm or Arm(beta=HIGH_BETA[name]), x, latent_dim, **training)


def judged(name, seed, how):
    """Return one line of the results."""
    start = time.perf_counter()
    x = data(name, seed)
    report = kvae.diagnose(trained(x, how, name, seed), x, seed=seed)
    informations = [d.information.value for d in report.dimensions]
    used = np.mean(np.array(informations) >= THRESHOLDS["used"].value)
    numbers = {
        "code_gain": report.decoder.code_gain.value,
        "explained": report.spending.explained[-1].value,
        "information": report.mutual_information.value,
        "noise_share": report.noise_share.value,
        "low_price": report.decoder.price.value,
        "drift_share": report.drift_share.value,
        "high_price": report.decoder.price.value,
        "used_share": float(used),
    }
    return {
        "data": name,
        "seed": seed,
        "how": how,
        "state": CASES[how][0],
        "verdict": report.verdict.state,
        "certain": report.verdict.certain,
        "numbers": {key: min(value, 1e9) for key, value in numbers.items()},  # an infinite price
        "informations": informations,
        "seconds": time.perf_counter() - start,
    }


def collect(seeds, path, minutes):
    """Return the lines of all cases of `seeds`, those that `path` holds already and new ones."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    held = {(line["data"], line["seed"], line["how"]) for line in lines}
    wanted = [(name, seed, how) for seed in seeds for how in CASES for name in DATA]
    start = time.perf_counter()
    for place, key in enumerate(wanted, 1):
        if key in held:
            continue
        if time.perf_counter() - start > 60.0 * minutes:
            print(f"stopped after {minutes:g} minutes; go on with --resume", flush=True)
            break
        line = judged(*key)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        lines.append(line)
        mark = "right" if line["state"] == line["verdict"] else f"WRONG, it is {line['state']}"
        numbers = ", ".join(f"{name} {value:.3g}" for name, value in line["numbers"].items())
        what = f"{place}/{len(wanted)} {key[0]}, seed {key[1]}, {key[2]}: {line['verdict']}"
        print(f"{what}, {mark} ({line['seconds']:.0f} s): {numbers}", flush=True)
    return [line for line in lines if line["seed"] in seeds]


def setting(lines):
    """Return a sentence on what was trained, and for how long."""
    seeds = sorted({line["seed"] for line in lines})
    return (
        f"Seeds {', '.join(map(str, seeds))}; digits and 16x16 sprites, {EXAMPLES} examples each, "
        f"{EPOCHS} epochs, two hidden layers of {HIDDEN}; {len(lines)} models in "
        f"{sum(line['seconds'] for line in lines) / 60:.0f} minutes on {os.cpu_count()} cores "
        f"({platform.machine()})."
    )


def least(right, count):
    """Return the lower end of the one-sided 95% interval of a share (Clopper and Pearson 1934)."""
    return float(beta.ppf(0.05, right, count - right + 1)) if right else 0.0


def confusion(lines):
    """Return the confusion table and every error, as Markdown."""
    counts = collections.Counter((line["state"], line["verdict"]) for line in lines)
    right = sum(line["state"] == line["verdict"] for line in lines)
    text = [
        f"**{right} of {len(lines)} verdicts are right ({right / len(lines):.0%}).** Were these "
        f"models independent draws, the share would be at least {least(right, len(lines)):.0%} "
        f"with a confidence of 95%. {setting(lines)}",
        "",
        "| trained to be | " + " | ".join(STATES) + " |",
        "| --- |" + " ---: |" * len(STATES),
    ]
    for state in dict.fromkeys(state for state, *_ in CASES.values()):
        cells = [str(counts[state, said] or "") for said in STATES]
        text.append(f"| {state} | " + " | ".join(cells) + " |")
    text.append("")
    for line in lines:
        if line["state"] != line["verdict"]:
            doubt = "sure of it" if line["certain"] else "marked as near a threshold"
            text.append(
                f"- wrong: {line['data']}, seed {line['seed']}, {line['how']} ({line['state']}) "
                f"was called {line['verdict']}, {doubt}"
            )
    return "\n".join(text).rstrip() + "\n"


def calibration(lines):
    """Return, for each threshold, the values nearest to it on either side, as Markdown."""
    text = [
        setting(lines),
        "",
        "| threshold | below it: highest value | value | above it: lowest value | unit |",
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
    below = max(value for value in wide if value < THRESHOLDS["used"].value)
    above = min(value for value in wide if value >= THRESHOLDS["used"].value)
    text.append(
        f"| used | {below:.2g} (a dimension of the 32) | {THRESHOLDS['used'].value:g} | "
        f"{above:.2g} (a dimension of the 32) | {THRESHOLDS['used'].unit} |"
    )
    return "\n".join(text) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13, 14, 15])
    parser.add_argument("--output", type=Path, required=True, help="folder for verdicts.jsonl")
    parser.add_argument("--resume", action="store_true", help="go on with the file that is there")
    parser.add_argument("--minutes", type=float, default=60.0, help="start no model after so long")
    parser.add_argument("--calibrate", action="store_true", help="show values beside thresholds")
    parser.add_argument("--page", type=Path, help="page with the sections to write")
    options = parser.parse_args()
    options.output.mkdir(exist_ok=True)
    path = options.output / "verdicts.jsonl"
    if path.exists() and not options.resume:
        parser.error(f"{path} is there: give --resume to go on with it, or remove it")
    path.touch()
    lines = collect(options.seeds, path, options.minutes)
    body = calibration(lines) if options.calibrate else confusion(lines)
    print(body)
    if options.page:
        section = "calibration" if options.calibrate else "verdicts"
        replace_section(options.page, section, body)


if __name__ == "__main__":
    main()
