"""The layers need neither tf_keras nor the layers of TensorFlow Probability."""

import ast
from pathlib import Path

import pytest

import kvae
from tests.helpers import run_python

# TFP imports tf_keras and its own layers together with its distributions. Once that is done, both
# are replaced by modules that fail on use, and kvae is imported and used.
CODE = """
import sys
import types

import tensorflow as tf
import tensorflow_probability as tfp

tfp.distributions.Normal(0.0, 1.0)


class Blocked(types.ModuleType):
    def __getattr__(self, name):
        raise AssertionError(f"{self.__name__}.{name} was used")


for name in list(sys.modules):
    if name == "tf_keras" or name.startswith(("tf_keras.", "tensorflow_probability.python.layers")):
        sys.modules[name] = Blocked(name)
tfp.layers = Blocked("tfp.layers")
tfp.python.layers = tfp.layers

import pkgutil

import keras
import numpy as np

import kvae
from tests.conformance.case import LayerCase
from tests.conformance.cases import collect

for module in pkgutil.walk_packages(kvae.layers.__path__, "kvae.layers."):
    __import__(module.name)
for parameter in collect(LayerCase):
    (case,) = parameter.values
    layer, (params, values) = case.make(), case.arrays()
    layer(params, training=True)
    layer.distribution(params).log_prob(values)
print("used", len(collect(LayerCase)), "layers")
"""


@pytest.mark.slow
def test_every_layer_works_without_tf_keras_and_tfp_layers(tmp_path):
    assert "used" in run_python(CODE, tmp_path)


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def test_no_module_names_tf_keras_or_tfp_layers():
    forbidden = (
        "tf_keras",
        "tensorflow_probability.layers",
        "tensorflow_probability.python.layers",
    )
    root = Path(kvae.__file__).parents[1]
    # kvae/export is a link to export, which rglob follows or not by the version of Python.
    paths = {path.resolve() for part in ("kvae", "export") for path in (root / part).rglob("*.py")}
    paths = {path for path in paths if "node_modules" not in path.parts}
    assert {root.resolve() / "export/signatures.py", root.resolve() / "kvae/cli/main.py"} <= paths
    for path in paths:
        names = set(imported(ast.parse(path.read_text())))
        found = [name for name in names if name.startswith((*forbidden, "tfp.layers"))]
        assert not found, path
