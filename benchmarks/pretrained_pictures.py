"""Draw from the pretrained models, by their bundles: the picture of docs/pretrained.md.

    python benchmarks/pretrained_pictures.py --output docs/pictures

The values of the likelihood's mean are drawn; of the sensor both channels, vibration and current.
"""

import argparse
import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

import kvae
from kvae.export.runtime import Model

PICTURES = ("digits-28", "fashion-28", "emoji-32")
COLUMNS = 16
ROWS = 2  # of each model
SERIES = 5
COLOURS = 128


def figure_of(seed):
    """Return a figure with rows of pictures and a row of series."""
    figure = Figure((8.0, 4.6), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=[ROWS * len(PICTURES), 1.6])
    axes = parts[0].subplots(ROWS * len(PICTURES), COLUMNS)
    for index, name in enumerate(PICTURES):
        model = Model(kvae.zoo.folder(name))
        high = model.manifest["model"]["inputs"]["x"]["domain"]["high"]
        drawn = model.sample(ROWS * COLUMNS, seed=seed) / high
        cells = axes[ROWS * index : ROWS * (index + 1)].flat
        for axis, picture in zip(cells, drawn, strict=True):
            axis.imshow(picture.squeeze(), cmap="gray_r", vmin=0.0, vmax=1.0)
            axis.axis("off")
    model = Model(kvae.zoo.folder("sensor-64"))
    cells = parts[1].subplots(1, SERIES, sharey=True)
    for axis, series in zip(cells, model.sample(SERIES, seed=seed), strict=True):
        axis.plot(series, linewidth=0.8)
        axis.tick_params(labelsize=6)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder of the picture")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    content = io.BytesIO()
    figure_of(arguments.seed).savefig(content, dpi=100)
    with Image.open(content) as picture:
        small = picture.convert("RGB").quantize(COLOURS)
    small.save(arguments.output / "pretrained.png", optimize=True)


if __name__ == "__main__":
    main()
