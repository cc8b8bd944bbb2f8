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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=DATA, required=True)
    parser.add_argument("--page", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--latent-dim", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    x = load(options.data, EXAMPLES, options.seed)
    training = {name: getattr(options, name) for name in ("epochs", "latent_dim", "hidden")}
    result = kvae.diagnosis.ablation(x, seed=options.seed, **training)
    height, width = x.shape[1:3]
    setting = (
        f"{len(x)} images of {height}x{width}, {options.latent_dim} latent dimensions, two "
        f"hidden layers of {options.hidden}, {options.epochs} epochs, seed {options.seed}.\n"
    )
    links = []
    for name in ("posteriors", "samples"):
        file = f"pictures/ablation-{options.data}-{name}.png"
        result.figures[name].savefig(options.page.parent / file, dpi=DPI)
        links.append(f"![{name} by variant, {options.data}]({file})\n")
    body = "\n".join([setting, result.to_markdown(), *links])
    print(body)
    print(f"{time.perf_counter() - start:.0f} seconds", flush=True)
    replace_section(options.page, options.data, body)


if __name__ == "__main__":
    main()
