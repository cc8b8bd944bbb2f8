"""Run the ablation on one data set and write its section of a page.

    python benchmarks/ablation.py --data digits --page docs/ablation.md

The figures are written to `pictures/` beside the page. `kvae ablation` and `examples/ablation.py`
run the same ablation and write to a new folder.
"""

import argparse
import time
from pathlib import Path

from page import replace_section

import kvae
from kvae.cli.ablation import DATA, load

EXAMPLES = 2_000
DPI = 60  # of the figures of the page
LAYERS = {
    "mlp": "two hidden layers of {}",
    "conv": "convolutions of 32 and 64 channels and a dense layer of {}",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=DATA, required=True)
    parser.add_argument("--page", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--latent-dim", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--networks", choices=("mlp", "conv"), default="mlp")
    parser.add_argument("--resolution", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    start = time.perf_counter()
    x = load(options.data, EXAMPLES, options.seed, options.resolution)
    names = ("epochs", "latent_dim", "hidden", "networks", "seeds")
    training = {name: getattr(options, name) for name in names}
    result = kvae.diagnosis.ablation(x, seed=options.seed, **training)
    seeds = range(options.seed, options.seed + options.seeds)
    section = options.data if options.networks == "mlp" else f"{options.data}-{options.networks}"
    height, width = x.shape[1:3]
    setting = (
        f"{len(x)} images of {height}x{width}, {options.latent_dim} latent dimensions, "
        f"{LAYERS[options.networks].format(options.hidden)}, {options.epochs} epochs; means over "
        f"the seeds {', '.join(map(str, seeds))}, with standard errors over them.\n"
    )
    links = []
    for name in ("posteriors", "samples"):
        file = f"pictures/ablation-{section}-{name}.png"
        result.figures[name].savefig(options.page.parent / file, dpi=DPI)
        links.append(f"![{name} by variant, {options.data}]({file})\n")
    body = "\n".join([setting, result.to_markdown(), *links])
    print(body)
    print(f"{time.perf_counter() - start:.0f} seconds", flush=True)
    replace_section(options.page, section, body)


if __name__ == "__main__":
    main()
