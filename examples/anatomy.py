"""What makes a latent space meaningful? A VAE is trained without each of its parts and measured.

    python examples/anatomy.py --data sprites --output sprites-anatomy

It is `kvae anatomy` as a script: the folder gets the table of every number by arm, the sentences
of the idea with what the numbers say to each, and pictures.
"""

import argparse
from pathlib import Path

from kvae.cli import anatomy


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=anatomy.DATA, default="digits")
    parser.add_argument("--output", type=Path, default=Path("kvae-anatomy"))
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--betas", type=float, nargs="*", default=[0.25, 4.0, 16.0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--latent-dim", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=128)
    options = parser.parse_args(arguments)
    anatomy.run(
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
    )


if __name__ == "__main__":
    main()
