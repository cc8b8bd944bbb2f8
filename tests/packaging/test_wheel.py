"""What is installed is whole, and works from another folder than the checkout."""

import email
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections import Counter
from pathlib import Path

import pytest

import kvae
from tests.helpers import ROOT, run_python

NEEDED = ["setup.py", "pyproject.toml", "README.md", "LICENSE", "kvae", "export"]
LEFT_OUT = shutil.ignore_patterns("__pycache__", "node_modules")

pytestmark = pytest.mark.slow


def copy_of_checkout(folder):
    """Copy what a build needs, so that building leaves nothing behind in the checkout."""
    for name in NEEDED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=LEFT_OUT)
        else:
            shutil.copy(source, target)
    return folder


def pip(*arguments, **kwargs):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    source = copy_of_checkout(tmp_path_factory.mktemp("checkout"))
    pip("wheel", source, "--no-deps", "--no-build-isolation", "--wheel-dir", folder, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder that holds the wheel's files and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    pip("install", wheel, "--no-deps", "--target", target)
    return target


def modules_of_checkout():
    own = {f"kvae/{path.relative_to(ROOT / 'kvae').as_posix()}" for path in _python("kvae")}
    export = ROOT / "export"
    exported = {f"kvae/export/{path.relative_to(export).as_posix()}" for path in _python("export")}
    return {name for name in own if not name.startswith("kvae/export/")} | exported


def _python(folder):
    return [path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts]


def test_the_wheel_holds_every_module_once_and_nothing_else_of_python(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    found = Counter(name for name in names if name.endswith(".py"))
    assert set(found) == modules_of_checkout()
    assert set(found.values()) == {1}
    top = {name.split("/")[0] for name in names}
    assert top == {"kvae", f"kvae_keras-{kvae.__version__}.dist-info"}
    assert "kvae/py.typed" in names
    assert not any("test" in Path(name).parts or "node_modules" in name for name in names)


def test_the_wheel_holds_the_sources_of_every_client(wheel):
    listed = ["git", "-C", ROOT, "ls-files", "export/clients"]
    files = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    missing = {f"kvae/{name}" for name in files if not name.endswith(".gitignore")} - names
    assert missing == set()


def test_the_wheel_holds_the_files_of_every_pretrained_model(wheel):
    bundles = ROOT / "kvae" / "zoo" / "bundles"
    files = {path.relative_to(ROOT).as_posix() for path in bundles.rglob("*") if path.is_file()}
    assert len(files) > 5 * len(kvae.zoo.NAMES)
    with zipfile.ZipFile(wheel) as archive:
        assert files <= set(archive.namelist())


def test_the_metadata_name_the_distribution_and_its_command(wheel):
    assert wheel.name == f"kvae_keras-{kvae.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        folder = f"kvae_keras-{kvae.__version__}.dist-info"
        metadata = archive.read(f"{folder}/METADATA").decode()
        entry_points = archive.read(f"{folder}/entry_points.txt").decode()
        assert any("LICENSE" in name for name in archive.namelist())
    fields = email.message_from_string(metadata)
    assert fields["Name"] == "kvae-keras"
    assert set(fields["Requires-Python"].split(",")) == {">=3.11", "<3.14"}
    assert "Apache-2.0" in (fields["License-Expression"] or fields["License"])
    assert "kvae = kvae.cli.main:app" in entry_points


TRAIN_AND_EXPORT = """
import sys
import kvae
assert kvae.__file__.startswith(sys.argv[1]), kvae.__file__
import kvae.export
assert kvae.export.__file__.startswith(sys.argv[1]), kvae.export.__file__
x, _ = kvae.data.digits()
kl = kvae.regularizers.KLDivergenceRegularizer(kvae.priors.StandardNormal(2))
posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl)
likelihood = kvae.layers.IndependentBernoulli((8, 8, 1))
vae = kvae.VAE(
    encoder=kvae.networks.mlp_encoder((8, 8, 1), posterior.params_size, hidden=(8,)),
    posterior=posterior,
    decoder=kvae.networks.mlp_decoder(2, likelihood.params_shape, hidden=(8,)),
    likelihood=likelihood,
)
vae.compile(optimizer="adam", jit_compile=False)
vae.fit(x[:64], verbose=0)
print(kvae.export.tflite(vae, "decoder.tflite").max_error < 1e-5)
"""


def test_the_installed_wheel_trains_and_exports_from_another_folder(installed, tmp_path):
    said = run_python(TRAIN_AND_EXPORT, tmp_path, installed, path=installed)
    assert said.split() == ["True"]
    assert [path.name for path in tmp_path.iterdir()] == ["decoder.tflite"]


def test_a_pretrained_model_of_the_installed_wheel_is_whole(installed, tmp_path):
    """Installers compile what ends in .py, and a bundle with an unlisted file is refused."""
    code = (
        "import sys, kvae\n"
        "from kvae.export.runtime import Bundle\n"
        "assert kvae.__file__.startswith(sys.argv[1]), kvae.__file__\n"
        "for name in kvae.zoo.NAMES:\n"
        "    Bundle(kvae.zoo.folder(name)).check()\n"
        "print(len(kvae.zoo.NAMES))\n"
    )
    assert run_python(code, tmp_path, installed, path=installed).split() == ["5"]


def test_the_installed_command_runs(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, installed / "bin" / "kvae", "--version"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"kvae {kvae.__version__}"


IMPORT_EDITABLE = """
import sys
import kvae, kvae.export
from kvae.export import presets
from kvae.export.verification import litert
print(kvae.__file__, kvae.export.__file__, litert.__file__, kvae.export.ExportResult.__name__)
"""


def test_an_editable_install_works_where_the_checkout_has_no_symbolic_links(tmp_path):
    """Git writes the link as a text file then, which holds its target."""
    checkout, environment = tmp_path / "checkout", tmp_path / "environment"
    checkout.mkdir()
    copy_of_checkout(checkout)
    link = checkout / "kvae" / "export"
    if link.is_symlink():
        link.unlink()
        link.write_text("../export")
    assert link.read_text() == "../export"

    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # The new environment borrows everything else from this one, after its own.
    find = "import sysconfig; print(sysconfig.get_path('purelib'))"
    home = subprocess.check_output([python, "-c", find], env=alone, text=True).strip()
    borrowed = Path(sysconfig.get_path("purelib"))
    Path(home, "borrowed.pth").write_text(str(borrowed))
    # From Python 3.12 on setuptools provides the distutils that tensorflow-probability imports, by
    # a .pth file; Python reads those of its own folder alone.
    for hook in borrowed.glob("distutils-precedence.pth"):
        shutil.copy(hook, home)

    arguments = ["--no-deps", "--no-build-isolation", "--ignore-installed"]
    pip("--python", environment, "install", *arguments, "--editable", checkout, env=alone)
    done = subprocess.run(
        [python, "-c", IMPORT_EDITABLE],
        cwd=tmp_path,
        env=alone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *files, name = done.stdout.split()
    expected = [
        checkout / "kvae" / "__init__.py",
        checkout / "export" / "__init__.py",
        checkout / "export" / "verification" / "litert.py",
    ]
    assert [Path(file) for file in files] == expected
    assert name == "ExportResult"
