"""The rows: data, model, recipe, target and published figure of each."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quality_rows import models
from quality_rows.data import DYNAMIC_FASHION, DYNAMIC_MNIST, STATIC_MNIST, DataSet
from quality_rows.recipe import Recipe

VAMP_PAPER = "Tomczak and Welling 2018"
PYTHAE = "pythae's README"
KORENIC = "andrejkorenic/reconstruction-likelihood-clustering"  # a repository
BURDA_PAPER = "Burda et al. 2016, 5,000 samples"


@dataclass(frozen=True)
class Row:
    """One line of the record.

    Attributes:
        name: what the command takes.
        model: what the model is, in words.
        data: its data set.
        build: makes the model: build(x_train, weight of the KL).
        recipe: how it is trained.
        target: nats of minus the log-likelihood to reach.
        published: figures with their sources and protocols.
    """

    name: str
    model: str
    data: DataSet
    build: Callable[[Any, Any], Any]
    recipe: Recipe
    target: float
    published: str

    def trained(self, recipe: Recipe) -> "Row":
        """Return the row with another recipe."""
        return dataclasses.replace(self, recipe=recipe)


def _dense(**arguments: Any) -> Callable[[Any, Any], Any]:
    return functools.partial(models.dense, **arguments)


GATED = "2 x 300 gated, 40 dimensions"
# Of a fixed binarization more epochs are learned by heart; pixels drawn anew are not.
STATIC, DYNAMIC = Recipe(epochs=80), Recipe(epochs=500)
BURDA = {"latent_dim": 50, "hidden": (200, 200), "gated": False, "activation": "tanh"}

ROWS = {
    row.name: row
    for row in (
        Row(
            "static-vae",
            f"VAE, {GATED}",
            STATIC_MNIST,
            _dense(),
            STATIC,
            89.0,
            f"89.78 ({PYTHAE}), 88.56 ({VAMP_PAPER}, 5,000 samples)",
        ),
        Row(
            "static-iwae",
            f"IWAE k=5, {GATED}",
            STATIC_MNIST,
            _dense(),
            Recipe(draws=5),
            87.5,
            f"IWAE k=50: 86.82 ({PYTHAE})",
        ),
        Row(
            "static-vamp",
            f"VampPrior of 500, {GATED}",
            STATIC_MNIST,
            _dense(prior=models.vamp(500)),
            STATIC,
            85.8,
            f"85.57 ({VAMP_PAPER}, 5,000 samples), 85.79 ({PYTHAE})",
        ),
        Row(
            "static-flow",
            f"flow prior, {GATED}",
            STATIC_MNIST,
            _dense(prior=models.flow),
            STATIC,
            85.0,
            "none found",
        ),
        Row(
            "static-two-layers",
            "hierarchy of 40 and 40 dimensions, dense, VampPrior of 500",
            STATIC_MNIST,
            functools.partial(models.two_layers, prior=models.vamp(500)),
            STATIC,
            83.2,
            f"83.19 ({VAMP_PAPER}, 5,000 samples)",
        ),
        Row(
            "static-conv-flow",
            "convolutional, flow prior, 32 dimensions",
            STATIC_MNIST,
            models.convolutional,
            Recipe(epochs=60),
            81.0,
            "80.09 (ConvVAE with a RealNVP prior)",
        ),
        Row(
            "static-conv-ladder",
            "convolutional ladder, three layers",
            STATIC_MNIST,
            models.ladder,
            Recipe(epochs=60, warm_up=0.2),
            80.0,
            "79.24 (addtt/ladder-vae-pytorch, 1,000 samples)",
        ),
        Row(
            "dynamic-vae",
            f"VAE, {GATED}",
            DYNAMIC_MNIST,
            _dense(),
            DYNAMIC,
            84.5,
            f"84.45 ({KORENIC}: 930 epochs, 5,000 samples)",
        ),
        Row(
            "dynamic-vae-burda",
            "VAE, 2 x 200 tanh, 50 dimensions",
            DYNAMIC_MNIST,
            _dense(**BURDA),
            DYNAMIC,
            86.8,
            f"86.76 ({BURDA_PAPER})",
        ),
        Row(
            "dynamic-iwae-burda",
            "IWAE k=5, 2 x 200 tanh, 50 dimensions",
            DYNAMIC_MNIST,
            _dense(**BURDA),
            Recipe(draws=5),
            85.6,
            f"85.54 ({BURDA_PAPER})",
        ),
        Row(
            "dynamic-vamp",
            f"VampPrior of 500, {GATED}",
            DYNAMIC_MNIST,
            _dense(prior=models.vamp(500)),
            DYNAMIC,
            82.5,
            f"82.29 ({KORENIC}: 934 epochs, 5,000 samples)",
        ),
        Row(
            "fashion-vae",
            f"VAE, {GATED}",
            DYNAMIC_FASHION,
            _dense(),
            DYNAMIC,
            228.7,
            "228.70, source to be found",
        ),
        Row(
            "fashion-vamp",
            f"VampPrior of 500, {GATED}",
            DYNAMIC_FASHION,
            _dense(prior=models.vamp(500)),
            DYNAMIC,
            227.4,
            "227.35, source to be found",
        ),
    )
}
