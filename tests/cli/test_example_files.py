"""Examples that a model made, as files: pictures in rows and columns."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from kvae.cli import example_files
from kvae.cli.main import app

NAME = "pretrained:digits-28"


def invoke(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "300", "NO_COLOR": "1"})


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are drawn, in the place of files."""
    figures, draw = [], example_files.picture

    def kept(*arguments):
        figures.append(draw(*arguments))
        return figures[-1]

    monkeypatch.setattr(example_files, "picture", kept)
    return figures


@pytest.mark.parametrize("count", [3, 13])
def test_a_picture_shows_each_example_once(drawn, tmp_path, count):
    done = invoke("sample", NAME, "-n", count, "-o", tmp_path / "new.png")
    assert done.exit_code == 0, done.output
    assert len(drawn[0].axes[0].images) == count


def test_a_picture_shows_means_unless_draws_are_asked_for(drawn, tmp_path):
    done = invoke("sample", NAME, "-n", 2, "-o", tmp_path / "new.png", "--json")
    assert done.exit_code == 0, done.output
    done = invoke("sample", NAME, "-n", 2, "-o", tmp_path / "draws.png", "--kind", "draw")
    assert done.exit_code == 0, done.output
    assert drawn[0].get_suptitle() == "Samples from the prior"
    assert drawn[1].get_suptitle() == "Samples from the prior, with the noise of the likelihood"
    shown = [figure.axes[0].images[0].get_array() for figure in drawn]
    done = invoke("sample", NAME, "-n", 2, "-o", tmp_path / "draws.npy")  # an array of draws
    draws = np.load(tmp_path / "draws.npy")
    np.testing.assert_allclose(shown[1], draws[0].squeeze())
    assert not np.allclose(shown[0], draws[0].squeeze(), atol=0.01)
    with Image.open(tmp_path / "new.png") as picture:
        assert picture.width > picture.height
