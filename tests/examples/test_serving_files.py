"""The files of examples/serving/deploy are what their programs read; no server is run."""

import re
import shutil
import subprocess

import pytest

from tests.helpers import ROOT

SERVING = ROOT / "examples" / "serving"
DEPLOY = SERVING / "deploy"


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_yaml_files_load(name):
    yaml = pytest.importorskip("yaml", reason="run: python -m pip install pyyaml")
    documents = list(yaml.safe_load_all((DEPLOY / name).read_text("utf-8")))
    assert all(documents)
    if name == "kubernetes.yaml":
        deployment, service = documents
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels
        assert service["spec"]["selector"] == labels
    else:
        (compose,) = documents
        assert compose["services"].keys() == {"mlserver", "tensorflow-serving"}


def test_the_files_name_one_image():
    """The image that the Dockerfile's line builds, with its tag."""
    text = {path.name: path.read_text("utf-8") for path in DEPLOY.iterdir()}
    (built,) = re.findall(r"docker build --tag (\S+)", text["Dockerfile"])
    for name in ("compose.yaml", "kubernetes.yaml"):
        assert re.findall(r"image: (kvae\S*)$", text[name], re.M) == [built]


def test_the_dockerfile_copies_what_the_documented_lines_put_together():
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    copied = {name for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for name in line.split()}
    page = (ROOT / "docs" / "serving.md").read_text("utf-8")
    assert "cp examples/serving/*.json examples/serving/*.py server" in page
    files = {path.name for path in (*SERVING.glob("*.json"), *SERVING.glob("*.py"))}
    assert copied == files | {"runtime.py", "serving"}


def test_the_systemd_unit_is_valid(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is missing. On Debian or Ubuntu run: apt-get install systemd")
    unit = (DEPLOY / "kvae-server.service").read_text("utf-8")
    (start,) = re.findall(r"^ExecStart=(\S+)", unit, re.M)
    # The program need not stand there, and another one is there on every machine.
    path = tmp_path / "kvae-server.service"
    path.write_text(unit.replace(start, "/bin/true"))
    done = subprocess.run(
        [program, "verify", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_versions_and_labels_are_a_config_of_tensorflow_serving():
    """Parsed by the server's own message class, which refuses unknown fields."""
    text_format = pytest.importorskip("google.protobuf.text_format")
    config = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2",
        reason="run: python -m pip install --no-deps tensorflow-serving-api",
    )
    text = (DEPLOY / "models.config").read_text("utf-8")
    (model,) = text_format.Parse(text, config.ModelServerConfig()).model_config_list.config
    assert model.base_path == "/models/vae"
    versions = set(model.model_version_policy.specific.versions)
    assert versions == {1, 2}
    assert dict(model.version_labels) == {"stable": 1, "canary": 2}
    assert set(model.version_labels.values()) <= versions
