"""`kvae ablation`: train a VAE without each of its parts and compare the diagnoses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markdown import Markdown

from kvae import checks, files
from kvae.cli.terminal import bold, console, quiet_native_logs, say

__all__ = ["DATA", "load", "run"]

DATA = ("digits", "sprites", "faces")


def run(
    output: Path,
    data: str,
    examples: int,
    betas: Sequence[float],
    seed: int,
    overwrite: bool,
    as_json: bool,
    resolution: int = 16,
    seeds: int = 3,
    **training: Any,
) -> None:
    """Run the ablation; write `ablation.json`, `ablation.md` and figures to `output`.

    Args:
        output: folder to create. Its parent folder must exist.
        data: one of `DATA`.
        examples: number of images; at most 1,797 for digits.
        betas: weights of the KL other than 1.
        seed: int, seeds data and training.
        overwrite: whether to replace an existing `output`.
        as_json: whether to print the result as JSON instead of Markdown.
        resolution: height and width of sprites and faces.
        seeds: number of seeds.
        **training: passed to `kvae.diagnosis.train_variant`: epochs, latent_dim, hidden, networks.
    """
    checks.choice("data", data, DATA)
    checks.choice("networks", training.get("networks", "mlp"), ("mlp", "conv"))
    files.destination(output, overwrite, "--output")
    with quiet_native_logs():
        import kvae

        if not as_json:
            console.print("Training the full VAE and its variants ...", style="dim")
        variants = kvae.diagnosis.variants_with(betas)
        x = load(data, examples, seed, resolution)
        result = kvae.diagnosis.ablation(x, variants, seed, seeds, **training)
    with files.replacing(output) as folder:
        folder.mkdir()
        (folder / "ablation.json").write_text(result.to_json(), encoding="utf-8")
        (folder / "ablation.md").write_text(result.to_markdown(), encoding="utf-8")
        for name, figure in result.figures.items():
            figure.savefig(folder / f"{name}.png", dpi=150)
    if as_json:
        print(result.to_json())
        return
    console.print(Markdown(result.to_markdown()))
    say(f"Table and figures are in {bold(output.resolve())}.")


def load(data: str, examples: int, seed: int, resolution: int = 16) -> Any:
    """Return images of one of `DATA`, (examples, height, width, 1)."""
    import numpy as np

    import kvae

    if data == "digits":
        return np.concatenate(kvae.data.digits(seed=seed))[:examples]
    draw = {"sprites": kvae.data.sprites, "faces": kvae.data.faces}[data]
    return draw(examples, resolution=resolution, seed=seed).images
