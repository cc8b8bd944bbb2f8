"""docs/command_line.md: its lines run as printed, and it names every command."""

import json
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from kvae.cli.main import app
from tests.helpers import ROOT

PAGE = (ROOT / "docs" / "command_line.md").read_text("utf-8")


@pytest.mark.thorough
def test_its_lines_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"height": rng.normal(170, 9, 700).round(1), "city": rng.choice(["Oslo", "Rome"], 700)}
    )
    frame.to_csv("people.csv", index=False)
    frame[:50].assign(height=frame["height"].where(frame.index % 3 > 0)).to_csv(
        "gaps.csv", index=False
    )
    load = rng.gamma(4.0, size=700)
    heat = 20 + 5 * load + rng.normal(size=700)
    machine = pd.DataFrame({"load": load, "heat": heat, "mode": np.where(load > 4, "high", "low")})
    machine[:600].to_csv("machine.csv", index=False)
    machine[600:].to_csv("later.csv", index=False)
    lines = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
    for line in lines.splitlines():
        program, *arguments = shlex.split(line)
        done = CliRunner().invoke(app, arguments)
        assert (program, done.exit_code) == ("kvae", 0), done.output
    assert pd.read_csv("gaps.csv")["height"].isna().any()
    complete = pd.read_csv("complete.csv")
    assert len(complete) == 50
    assert not complete.isna().any().any()
    assert len(pd.read_csv("decisions.csv")) == 100
    assert list(pd.read_csv("synthetic.csv").columns) == ["height", "city"]
    assert len(pd.read_csv("new.csv")) == 500
    assert json.loads((tmp_path / "run/bundle/manifest.json").read_text("utf-8"))["schema"]
    table = PAGE.split("The other commands")[0]
    expected = set(re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE))
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == expected | {"bundle", "all-rows.html"}


def test_it_names_every_command():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert commands == set(re.findall(r"`kvae (\w+)`", PAGE))
