"""The bar over the epochs of a training, and the lines in its place."""

import re

import numpy as np
import pytest

from kvae.callbacks import training_bar
from tests.small import make_vae


def lines_of(capsys, epochs):
    vae = make_vae(4, 2)
    vae.compile("adam")
    capsys.readouterr()
    x = np.random.default_rng(0).uniform(size=(32, 4)).astype("float32")
    with training_bar.training_bar() as bar:
        vae.fit(x, epochs=epochs, callbacks=bar, verbose=0)
    said = capsys.readouterr()
    assert said.out == ""
    return [line for line in said.err.splitlines() if line.startswith("epoch")]


def test_an_output_that_is_no_terminal_has_a_line_a_minute(capsys, monkeypatch):
    assert lines_of(capsys, epochs=2) == []
    monkeypatch.setattr(training_bar, "EVERY", 0.0)
    lines = lines_of(capsys, epochs=2)
    found = [re.fullmatch(r"epoch (.)/2: loss (\S+); 0\.. minutes", line) for line in lines]
    assert [match[1] for match in found] == ["1", "2"]
    assert all(np.isfinite(float(match[2])) for match in found)


@pytest.mark.parametrize("shown", [True, False])
def test_without_a_bar_there_is_no_callback(shown):
    with training_bar.training_bar(shown) as bar:
        assert len(bar) == shown
