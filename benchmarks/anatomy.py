"""The anatomy experiment on one kind of data, written into its section of the page.

    python benchmarks/anatomy.py --data digits --page docs/anatomy.md

The picture goes to `pictures/` beside the page. The commands `kvae anatomy` and
`examples/anatomy.py` run the same experiment into a folder of its own.
"""

import argparse
import time
from pathlib import Path

from page import replace_section

import kvae
from kvae.cli.anatomy import DATA, made

EXAMPLES = 2_000
DPI = 60  # of the page's pictures


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
    x = made(options.data, EXAMPLES, options.seed)
    training = {name: getattr(options, name) for name in ("epochs", "latent_dim", "hidden")}
    result = kvae.diagnosis.anatomy(x, seed=options.seed, **training)
    height, width = x.shape[1:3]
    setting = (
        f"{len(x)} pictures of {height}x{width}, {options.latent_dim} latent dimensions, two "
        f"hidden layers of {options.hidden}, {options.epochs} epochs, seed {options.seed}.\n"
    )
    links = []
    for name in ("posteriors", "samples"):
        file = f"pictures/anatomy-{options.data}-{name}.png"
        result.figures[name].savefig(options.page.parent / file, dpi=DPI)
        links.append(f"![{name} by arm, {options.data}]({file})\n")
    body = "\n".join([setting, result.to_markdown(), *links])
    print(body)
    print(f"{time.perf_counter() - start:.0f} seconds", flush=True)
    replace_section(options.page, options.data, body)


if __name__ == "__main__":
    main()
