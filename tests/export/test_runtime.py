"""The runtime of a bundle: numpy and ai-edge-litert alone."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kvae
from kvae import checks
from kvae.export import runtime
from kvae.export.presets import default_preset
from kvae.export.training.functions import NAMES
from kvae.outputs import CENTERS
from tests.clients.domains import DOMAIN_CASES, PIXELS, what_keras_says
from tests.helpers import assert_same_in_float32, run_python

WITHOUT_TENSORFLOW = """
import sys
for name in ("tensorflow", "keras", "tf_keras", "tensorflow_probability", "kvae"):
    sys.modules[name] = None  # any import of them now fails
"""


def test_names_that_clients_write_out_are_those_of_the_models():
    """Neither the runtime nor the client in C can import them."""
    assert all(map(runtime.KINDS["center"], CENTERS))
    assert not runtime.KINDS["center"]("mode")
    assert tuple(runtime.TRAINING["signatures"]) == NAMES
    source = Path(runtime.__file__).parent / "clients/c/run.c"
    (written,) = re.findall(r"decoded\[\] = \{(.*?)\}", source.read_text("utf-8"))
    assert tuple(json.loads(f"[{written}]")) == CENTERS


@pytest.fixture(scope="module")
def bundle(conv_vae, digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("runtime") / "bundle"
    kvae.export.bundle(
        conv_vae, path, data=digits[1], signatures=["decode", "encode", "sample", "interpolate"]
    )
    return path


@pytest.fixture(scope="module")
def decoder(bundle):
    return runtime.Model(bundle, preset="float32")


@pytest.fixture
def z(rng):
    return rng.normal(size=(7, 5)).astype("float32")


def test_importing_the_runtime_loads_neither_tensorflow_nor_keras(tmp_path):
    code = (
        "import sys, kvae.export.runtime\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & "
        "{'tensorflow', 'keras', 'tf_keras', 'tensorflow_probability', 'matplotlib'}))"
    )
    assert run_python(code, tmp_path).strip() == "[]"


def test_running_a_bundle_loads_neither_tensorflow_nor_keras(bundle, tmp_path, decoder, z):
    np.save(tmp_path / "z.npy", z)
    code = (
        "import sys, numpy as np\n"
        "from kvae.export.runtime import Model\n"
        "decoder = Model(sys.argv[1], preset='float32', num_threads=2)\n"
        "np.save('out.npy', decoder.decode(np.load('z.npy')))\n"
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    assert run_python(code, tmp_path, bundle).split() == ["False", "False"]
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), decoder.decode(z), atol=1e-6)


def test_the_copy_in_a_bundle_runs_where_kvae_cannot_be_imported(bundle, tmp_path, decoder):
    moved = shutil.copytree(bundle, tmp_path / "device")
    shutil.copy(moved / "runtime.py", tmp_path / "player.py")
    code = WITHOUT_TENSORFLOW + (
        "import numpy as np\n"
        "from player import Model\n"
        "np.save('out.npy', Model('device', preset='float32').sample(3, seed=5))\n"
    )
    run_python(code, tmp_path, path=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), decoder.sample(3, seed=5), atol=1e-6)


def test_the_script_in_a_bundle_decodes_a_draw(bundle, tmp_path):
    moved = shutil.copytree(bundle, tmp_path / "device")
    command = [sys.executable, moved / "runtime.py", "3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.match(r"one draw, shape \(8, 8, 1\), from 0\.\d+ to [01]\.\d+", done.stdout)

    (moved / "manifest.json").write_text("{}")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Files altered since the bundle was made: ['manifest.json']" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_example_of_the_model_card_runs_twice_as_it_stands(bundle, tmp_path):
    moved = shutil.copytree(bundle, tmp_path / "bundle")
    shutil.copy(moved / "runtime.py", tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (moved / "README.md").read_text(), re.DOTALL)
    for _ in range(2):
        printed = run_python(
            "import numpy as np\nx = np.zeros((2, 8, 8, 1))\n" + code + "print(draws.shape)",
            tmp_path,
            path=tmp_path,
            env={"PYTHONDONTWRITEBYTECODE": ""},
        )
        assert printed.strip() == "(4, 8, 8, 1)"


def test_it_says_what_keras_says(conv_vae, decoder, digits, z):
    np.testing.assert_allclose(decoder.decode(z), conv_vae.decode(z), atol=1e-5)
    encoded = decoder.run("encode", x=digits[1][:5])
    np.testing.assert_allclose(encoded["mean"], conv_vae.encode(digits[1][:5])[0], atol=1e-5)


def test_the_manifest_names_the_default(bundle, z, tmp_path):
    """This bundle does not score: the fastest file is the default."""
    assert json.loads((bundle / "manifest.json").read_text())["default_preset"] == "int8"
    default = runtime.Model(bundle)
    assert default.preset == "int8"
    expected = runtime.Model(bundle, preset="int8").decode(z)
    assert_same_in_float32(default.decode(z), expected)


@pytest.mark.parametrize(
    ("presets", "signatures", "default"),
    [
        (["int8", "float32"], ["decode", "score"], "float32"),
        (["int8", "float16"], ["score"], "float16"),
        (["int8", "float32"], ["decode", "encode"], "int8"),
        (["float32"], ["decode"], "float32"),
        (["int8-full"], ["decode"], "int8-full"),
    ],
)
def test_float32_is_the_default_where_there_is_a_score(presets, signatures, default):
    assert default_preset(presets, signatures) == default


def test_threads_do_not_change_the_numbers(bundle, decoder, z):
    two = runtime.Model(bundle, preset="float32", num_threads=2)
    np.testing.assert_allclose(two.decode(z), decoder.decode(z), atol=1e-6)


@pytest.mark.parametrize("num_threads", [0, -1, 1.5, "2", True, None])
def test_threads_that_are_no_positive_integer_are_no_fault_of_the_bundle(bundle, num_threads):
    with pytest.raises(ValueError, match="Expected num_threads to be a positive integer") as caught:
        runtime.Model(bundle, num_threads=num_threads)
    assert not isinstance(caught.value, runtime.BundleError)


@pytest.mark.parametrize(
    ("n", "seed"), [(2.5, 0), ("2", 0), (True, 0), (2, 1.7), (2, "1"), (2, None)]
)
def test_a_sample_takes_whole_numbers(decoder, n, seed):
    with pytest.raises(ValueError, match="Expected whole numbers, n of at least 1 and a seed of"):
        decoder.sample(n, seed)
    assert decoder.sample(np.int64(1), np.int32(3)).shape[0] == 1


def test_samples_are_fixed_by_the_seed(decoder):
    first, again, other = (decoder.sample(4, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    np.testing.assert_array_equal(decoder.sample(2, seed=1), first[:2])
    assert len(np.unique(first.reshape(4, -1), axis=0)) == 4


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((2, 4)), r"Expected z to have shape \(rows, 5\).*Received: \(2, 4\)"),
        (np.zeros(5), r"Expected z to have shape \(rows, 5\).*Received: \(5,\)"),
        (np.zeros((0, 5)), r"at least one row. Received: \(0, 5\)"),
        (np.full((1, 5), np.nan), "Expected z to be finite"),
        (np.full((1, 5), np.inf), "Expected z to be finite"),
        (np.full((1, 5), np.inf), "Expected z to be finite. Received: NaN or infinity"),
        (
            [[0, 1, 2, 3, 1e300]],
            r"Expected z to be finite in float32. Received: values in \[0, 1e\+300\]",
        ),
        ([["a"] * 5], "Expected z to be an array of numbers"),
        ([[1.0, 2.0], [3.0]], "Expected z to be an array of numbers"),
        (np.zeros((1, 5), complex), "Expected z to be an array of numbers"),
        (None, r"Expected the inputs \['z'\]. Received: \[\]"),
    ],
    ids=str,
)
def test_bad_codes_are_refused_in_words(decoder, bad, words):
    with pytest.raises(ValueError, match=words):
        decoder.decode(bad)


def test_a_mask_is_refused_in_the_words_of_kvae(decoder, z):
    """What lies under it, often -9999, would be taken for a value."""
    masked = np.ma.masked_less(z, -1.0)
    with pytest.raises(ValueError, match="without a mask") as expected:
        checks.unmasked("z", masked)
    with pytest.raises(ValueError, match="without a mask") as found:
        decoder.decode(masked)
    assert str(found.value) == str(expected.value)


def test_bad_calls_are_refused_in_words(decoder):
    z = np.zeros((2, 5))
    with pytest.raises(ValueError, match=r"Expected signature to be one of .*'decode'.*'dream'"):
        decoder.run("dream", z=z)
    with pytest.raises(ValueError, match=r"Expected the inputs \['z'\]. Received: \['x'\]"):
        decoder.run("decode", x=z)
    with pytest.raises(ValueError, match=r"Expected the inputs \['t', 'z_a', 'z_b'\]"):
        decoder.run("interpolate", z_a=z, z_b=z)
    with pytest.raises(ValueError, match=r"same number of rows.*'t': 1"):
        decoder.run("interpolate", z_a=z, z_b=z, t=np.zeros((1, 1)))
    with pytest.raises(ValueError, match=r"n of at least 1 and a seed of 32 bits.*n=0"):
        decoder.sample(0)
    with pytest.raises(ValueError, match="seed=4294967296"):
        decoder.sample(1, seed=2**32)
    with pytest.raises(ValueError, match="Expected seed to hold whole numbers of int32"):
        decoder.run("sample", seed=[[0.5, 1.0]])
    with pytest.raises(ValueError, match="Expected seed to be finite"):
        decoder.run("sample", seed=[[np.nan, 1.0]])


def test_integers_are_taken_as_codes(decoder):
    assert_same_in_float32(decoder.decode(np.ones((1, 5), int)), decoder.decode(np.ones((1, 5))))


def test_runtime_imports_nothing_of_kvae():
    source = Path(runtime.__file__).read_text("utf-8")
    imports = re.findall(r"^\s*(?:from|import) (\S+)", source, re.MULTILINE)
    assert imports
    assert not [name for name in imports if name.startswith((".", "kvae", "tensorflow", "keras"))]


@pytest.mark.parametrize(("domain", "x"), DOMAIN_CASES)
def test_data_outside_the_domain_are_refused_in_the_words_of_keras(domain, x):
    said = ""
    try:
        runtime.check_domain(x, domain.describe(), "x")
    except ValueError as error:
        said = str(error)
    assert said == what_keras_says(domain, x)


def test_values_are_compared_with_a_domain_in_float32_as_in_keras():
    scaled = np.array([[0.0, 1.0000000000000002]])  # by scikit-learn's MinMaxScaler, for example
    assert what_keras_says(PIXELS, scaled) == ""
    runtime.check_domain(scaled, PIXELS.describe(), "x")
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\]"):
        runtime.check_domain(scaled + 1e-6, PIXELS.describe(), "x")


def test_pixels_that_were_not_scaled_are_refused(bundle, digits):
    model = runtime.Model(bundle)
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\]. Received: values in \[0, 255\]"):
        model.encode(255.0 * digits[1][:3])


def test_a_result_that_is_not_finite_is_an_error(bundle):
    model = runtime.Model(bundle, preset="float32")
    with pytest.raises(
        RuntimeError, match=r"The output (mean|logits) of decode is NaN or infinite"
    ):
        model.decode(np.full((1, 5), 3e38))
