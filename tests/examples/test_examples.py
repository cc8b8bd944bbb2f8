"""Every example runs with small arguments."""

import importlib.util

import pytest

from tests.helpers import ROOT

# arguments for a run of a few seconds; a new example needs a line here
ARGUMENTS = {
    "ablation.py": [
        *("--examples", "60", "--betas", "--epochs", "1", "--latent-dim", "2", "--seeds", "1"),
    ],
    "bits_per_dim.py": ["--images", "100", "--epochs", "1", "--latent-dim", "2", "--hidden", "8"],
    "conditional.py": ["--examples", "200", "--epochs", "1", "--hidden", "8", "--draws", "20"],
    "counts.py": ["--examples", "100", "--features", "5", "--epochs", "1", "--hidden", "8"],
    "disentangle.py": ["--examples", "512", "--epochs", "1", "--latent-dim", "2", "--hidden", "8"],
    "hierarchical.py": ["--examples", "128", "--epochs", "1", "--latent-dims", "2", "2"],
    "missing_values.py": ["--rows", "200", "--epochs", "1", "--hidden", "8", "--draws", "4"],
    "multi_worker.py": ["--examples", "64", "--batch-size", "32", "--epochs", "1"],
    "tabular.py": ["--rows", "100", "--epochs", "1", "--latent-dim", "2", "--hidden", "8"],
}

EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


def test_every_example_has_arguments():
    assert sorted(ARGUMENTS) == EXAMPLES


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_reports(name, tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location(
        name.removesuffix(".py"), ROOT / "examples" / name
    )
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monkeypatch.chdir(tmp_path)
    example.main(ARGUMENTS[name])
    report = capsys.readouterr().out
    assert len(report.splitlines()) > 2
    assert "nan" not in report.split()


@pytest.mark.slow
def test_the_disentanglement_example_trains_on_pairs(capsys):
    spec = importlib.util.spec_from_file_location(
        "disentangle", ROOT / "examples" / "disentangle.py"
    )
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main([*ARGUMENTS["disentangle.py"], "--pairs"])
    assert capsys.readouterr().out.startswith("pairs, KL weight")


def test_the_tabular_example_reads_a_csv_file(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("tabular", ROOT / "examples" / "tabular.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    path = tmp_path / "table.csv"
    path.write_text("\n".join(f"{i % 7}, {['red', 'blue'][i % 2]}, {i / 3:.2f}" for i in range(60)))
    _, columns = example.read_table(path, 50)
    kinds = [type(getattr(column, "layer", column)).__name__ for column in columns]
    assert kinds == ["IndependentNegativeBinomial", "IndependentCategorical", "IndependentNormal"]
    table, _ = example.read_table(path, 50)
    assert table.shape == (50, 3)
