"""Every example of a docstring runs, and everything public has one.

Examples find kvae, np, tf, keras and tfd, and further: `folder`, a folder to write to; `x_train`
and `x_test`, the 8x8 digits; `vae`, trained on them for a moment, with two latent dimensions;
`tflite_file`, the path of that model's decoder as a `.tflite` file; `bundle`, the path of its
bundle.
"""

import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

import kvae
from tests.small import make_vae


class Checker(doctest.OutputChecker):
    """Takes numbers that agree to five digits: float32 sums end differently on other processors."""

    number = re.compile(r"-?\d+\.\d*(?:e[-+]?\d+)?")

    def check_output(self, want, got, optionflags):
        if super().check_output(want, got, optionflags):
            return True
        texts = [self.number.sub("#", text) for text in (want, got)]
        numbers = [[float(found) for found in self.number.findall(text)] for text in (want, got)]
        return super().check_output(*texts, optionflags) and np.allclose(*numbers, rtol=1e-5)


# They import Apache Beam's packages; .ci/install-beam makes the environment that has them.
WITH_BEAM = "kvae.export.beam"


def modules():
    """All modules of kvae and export, as far as what they need is installed."""
    without_beam = importlib.util.find_spec("apache_beam") is None
    for module in pkgutil.walk_packages(kvae.__path__, "kvae."):
        if not (without_beam and module.name.startswith(WITH_BEAM)):
            yield importlib.import_module(module.name)


def examples():
    """One doctest for each docstring that has examples."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for module in (kvae, *modules()) for test in finder.find(module) if test.examples]


def public():
    """Classes and functions that a user is shown: `__all__` of kvae's public modules."""
    for name in kvae.__all__:
        module = getattr(kvae, name)
        found = {name: module}
        if inspect.ismodule(module):
            found = {f"{name}.{each}": getattr(module, each) for each in module.__all__}
        for path, value in found.items():
            if inspect.isclass(value) or inspect.isfunction(value):
                yield f"kvae.{path}", value


@pytest.fixture(scope="module")
def vae(digits):
    keras.utils.set_random_seed(0)
    model = make_vae()
    model.compile(optimizer=keras.optimizers.Adam(3e-3), jit_compile=False)
    model.fit(digits[0][:512], epochs=2, verbose=0)
    return model


@pytest.fixture(scope="module")
def tflite_file(vae, tmp_path_factory):
    path = tmp_path_factory.mktemp("tflite") / "decoder.tflite"
    return kvae.export.tflite(vae, path).path


@pytest.fixture(scope="module")
def bundle(vae, digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "bundle"
    kvae.export.bundle(
        vae, path, data=digits[1], presets=("float32",), signatures=("decode", "score")
    )
    return path


@pytest.fixture
def namespace(request, test, digits, tmp_path):
    """What examples find; what takes long to make, only where an example names it."""
    source = "".join(example.source for example in test.examples)
    costly = ("vae", "tflite_file", "bundle")
    named = [name for name in costly if re.search(rf"\b(?<!\.){name}\b", source)]
    return {
        "kvae": kvae,
        "np": np,
        "tf": tf,
        "keras": keras,
        "tfd": tfp.distributions,
        "folder": tmp_path,
        "x_train": digits[0],
        "x_test": digits[1],
        **{name: request.getfixturevalue(name) for name in named},
    }


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_example(test, namespace):
    said = []
    test.globs = namespace
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(Checker(), optionflags=flags)
    runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)


@pytest.mark.parametrize(("name", "value"), [pytest.param(*each, id=each[0]) for each in public()])
def test_what_is_public_has_an_example(name, value):
    documented = bool(doctest.DocTestParser().get_examples(value.__doc__ or ""))
    assert documented, f"the docstring of {name} has no Example"
