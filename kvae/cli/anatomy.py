"""`kvae anatomy`: a VAE taken apart on made or bundled pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markdown import Markdown

from kvae import checks, files
from kvae.cli.terminal import console, quiet_native_logs

__all__ = ["DATA", "made", "run"]

DATA = ("digits", "sprites", "faces")


def run(
    output: Path,
    data: str,
    examples: int,
    betas: Sequence[float],
    seed: int,
    overwrite: bool,
    as_json: bool,
    **training: Any,
) -> None:
    """Run the experiment, write `anatomy.json`, `anatomy.md` and pictures to `output`.

    Args:
        output: folder to write to; its own folder has to exist.
        data: one of `DATA`.
        examples: how many; there are 1,797 digits.
        betas: weights of the KL to try beside one.
        seed: int, seeds data and training.
        overwrite: whether to replace what stands at `output`.
        as_json: whether to print the result as JSON instead of tables.
        **training: passed to `kvae.diagnosis.train_arm`: epochs, latent_dim, hidden.
    """
    checks.choice("data", data, DATA)
    if not overwrite:
        files.vacant(output, "output")
    with quiet_native_logs():
        import kvae

        if not as_json:
            console.print("Training the arms, each a VAE without one of its parts ...", style="dim")
        arms = kvae.diagnosis.arms_with(betas)
        result = kvae.diagnosis.anatomy(made(data, examples, seed), arms, seed, **training)
    with files.replacing(output) as folder:
        folder.mkdir()
        (folder / "anatomy.json").write_text(result.to_json(), encoding="utf-8")
        (folder / "anatomy.md").write_text(result.to_markdown(), encoding="utf-8")
        for name, figure in result.figures.items():
            figure.savefig(folder / f"{name}.png", dpi=150)
    if as_json:
        print(result.to_json())
        return
    console.print(Markdown(result.to_markdown()))
    console.print(f"Table and pictures are in [bold]{output.resolve()}[/].", highlight=False)


def made(data: str, examples: int, seed: int) -> Any:
    """Return pictures of one of `DATA`, (examples, height, width, 1)."""
    import numpy as np

    import kvae

    if data == "digits":
        return np.concatenate(kvae.data.digits(seed=seed))[:examples]
    draw = {"sprites": kvae.data.sprites, "faces": kvae.data.faces}[data]
    return draw(examples, resolution=16, seed=seed).images
