"""Train a VAE without each of its parts and compare the latent spaces.

    python examples/ablation.py --data sprites --output sprites-ablation

This is `kvae ablation` as a script. It writes the table of all estimates by variant, the claims
with their comparisons, and figures.
"""

import argparse
from pathlib import Path

from kvae.cli import ablation


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=ablation.DATA, default="digits")
    parser.add_argument("--output", type=Path, default=Path("kvae-ablation"))
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--betas", type=float, nargs="*", default=[0.25, 4.0, 16.0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--latent-dim", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--networks", choices=("mlp", "conv"), default="mlp")
    parser.add_argument("--resolution", type=int, default=16, help="of sprites and faces")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    ablation.run(
        options.output,
        options.data,
        options.examples,
        options.betas,
        seed=0,
        overwrite=True,
        as_json=False,
        epochs=options.epochs,
        latent_dim=options.latent_dim,
        hidden=options.hidden,
        networks=options.networks,
        resolution=options.resolution,
        seeds=options.seeds,
    )


if __name__ == "__main__":
    main()
