"""The C program, built with the machine's compiler and run on the golden vectors."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import kvae
from kvae.contract import Domain
from kvae.export import runtime
from kvae.export.bundles.domain_table import domain_table
from tests.clients.c_project import compiled
from tests.clients.domains import DOMAIN_CASES, what_keras_says
from tests.clients.raw_models import RAW_MODELS
from tests.helpers import relative
from tests.small import SIGNATURES, make_vae

# The file's own rounding against Keras, which the export has checked, and nine printed digits.
TOLERANCE = 1e-5
# Logarithm, sine and cosine of Box-Muller come from another mathematical library.
SAMPLE_TOLERANCE = 1e-4


CHECK = """
#include "domain.h"
int main(int count, char **arguments) {
  static char text[65536], message[4096];
  FILE *file = fopen(arguments[1], "rb");
  text[fread(text, 1, sizeof text - 1, file)] = '\\0';
  fclose(file);
  Domain domain;
  double *values = malloc((size_t)count * sizeof *values);
  for (int i = 2; i < count; i++) values[i - 2] = strtod(arguments[i], NULL);
  int read = read_domain(text, &domain);
  if (read == 1) check_domain(&domain, "x", values, (size_t)count - 2, message, sizeof message);
  printf("%s", message);
  free(values);
  free(domain.parts);
  return read == 1 ? 0 : 1;
}
"""


@pytest.fixture(scope="session")
def check(tmp_path_factory):
    """Return a program that prints what `check_domain` says of domain.tsv and numbers."""
    folder = tmp_path_factory.mktemp("check")
    (folder / "check.c").write_text(CHECK)
    return compiled(folder / "check.c")


def table_of(domain, shape, **more):
    described = {"shape": shape, "domain": {**domain.describe(), **more}}
    return domain_table({"other": described, "x": described})


@pytest.mark.parametrize(("domain", "x"), DOMAIN_CASES)
def test_the_domain_is_refused_in_c_as_in_keras(check, domain, x, tmp_path):
    table = tmp_path / "domain.tsv"
    table.write_text(table_of(domain, x.shape[1:]), "utf-8")
    command = [check, table, *(repr(float(value)) for value in x.ravel())]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout == what_keras_says(domain, x)


def test_numbers_are_checked_as_the_model_reads_them(check, tmp_path):
    """1.00000001 is 1 in float32."""
    table = tmp_path / "domain.tsv"
    table.write_text(table_of(Domain(0.0, 1.0), (1,)), "utf-8")
    done = subprocess.run([check, table, "1.00000001"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    "text",
    [
        "x\t0\t1\t1\n",  # too few fields
        "x\t0\t1\t1\t0\t1\t0\t0\t0\t\tnumbers\t\tmore\n",
        "x\t0\t0\t1\t0\t1\t0\t0\t0\t\tnumbers\t\n",  # no numbers
        "x\t0\t1\t0\t0\t1\t0\t0\t0\t\tnumbers\t\n",
        "x\t1\t1\t1\t0\t1\t0\t0\t0\t\tnumbers\t\n",  # beyond the row
        "x\t18446744073709551615\t2\t1\t0\t1\t0\t0\t0\t\tnumbers\t\n",
        "x\t-1\t2\t1\t0\t1\t0\t0\t0\t\tnumbers\t\n",
        "x\t0\t1\t1\tlow\t1\t0\t0\t0\t\tnumbers\t\n",
        "x\t0\t1\t1\t0\tnan\t0\t0\t0\t\tnumbers\t\n",
        "x\t0\t1\t1\t0\t1\t2\t0\t0\t\tnumbers\t\n",
        "\n",
    ],
)
def test_a_damaged_domain_is_an_error(check, tmp_path, text):
    (tmp_path / "domain.tsv").write_text(text)
    command = [check, tmp_path / "domain.tsv", "0.5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_missing_numbers_are_left_out_where_they_are_valid(check, tmp_path):
    table = tmp_path / "domain.tsv"
    table.write_text(table_of(Domain(0, 9, integer=True), (2,), missing=True), "utf-8")
    for values, said in ((["nan", "3"], ""), (["nan", "0.5"], "not all whole")):
        done = subprocess.run([check, table, *values], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        assert said in done.stdout
        assert bool(said) == bool(done.stdout)


@pytest.fixture(scope="session")
def decode(c_project):
    """Return a function that runs the C program with the given arguments."""

    def run(*arguments, output=subprocess.PIPE):
        command = [str(part) for part in (c_project / "bin" / "decode", *arguments)]
        return subprocess.run(
            command, stdout=output, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )

    return run


def outputs(done):
    """Return arrays (rows, numbers) by output of what the program printed."""
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == "", "silent unless it fails"
    lines = [line.split() for line in done.stdout.splitlines()]
    names = {line[0] for line in lines}
    return {
        name: np.array([line[1:] for line in lines if line[0] == name], "float64") for name in names
    }


@pytest.mark.slow
@pytest.mark.parametrize("signature", SIGNATURES)
def test_every_signature_says_in_c_what_it_says_in_keras(
    decode, client_bundle, tmp_path, signature
):
    arguments = []
    for name, values in client_bundle.inputs[signature].items():
        file = tmp_path / f"{name}.txt"
        np.savetxt(file, values.reshape(len(values), -1), fmt="%.9g")
        arguments.append(f"{name}=@{file}")
    model = client_bundle.path / "model-float32.tflite"
    found = outputs(decode(model, signature, *arguments))
    expected = client_bundle.expected[signature]
    assert found.keys() == expected.keys()
    tolerance = SAMPLE_TOLERANCE if signature == "sample" else TOLERANCE
    for name, values in expected.items():
        assert relative(found[name], values.reshape(len(values), -1)) < tolerance, name


@pytest.mark.slow
def test_sample_is_the_same_in_keras_in_litert_and_in_c(decode, client_bundle):
    model = client_bundle.path / "model-float32.tflite"
    seeds = client_bundle.inputs["sample"]["seed"]
    text = ",".join(str(word) for word in seeds.ravel())
    in_c = outputs(decode(model, "sample", f"seed={text}"))["mean"]
    in_keras = client_bundle.expected["sample"]["mean"].reshape(len(seeds), -1)
    in_litert = client_bundle.decoder.run("sample", seed=seeds)["mean"].reshape(len(seeds), -1)
    assert np.max(np.abs(in_c - in_keras)) < SAMPLE_TOLERANCE
    assert np.max(np.abs(in_c - in_litert)) < SAMPLE_TOLERANCE
    assert np.ptp(in_c, axis=0).max() > 0.1  # the draws differ from each other


@pytest.mark.slow
def test_without_inputs_it_decodes_the_origin(decode, client_bundle):
    model = client_bundle.path / "model-float32.tflite"
    origin = client_bundle.decoder.decode(np.zeros((1, 5), "float32"))
    found = outputs(decode(model))["mean"]
    assert relative(found, origin.reshape(1, -1)) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "usage"),
        (("--help",), "usage"),
        (("absent.tflite",), "Error: absent.tflite cannot be opened: No such file or directory"),
        (("",), "Error: the path of the file is empty"),
        (("manifest.json",), "manifest.json is no TFLite model"),
        (
            ("model-float32.tflite", "paint"),
            "the file has no such signature: paint. It has: decode, encode, ",
        ),
        (("model-float32.tflite", "list", "x=1"), "list takes no inputs: x=1"),
        (("model-float32.tflite", "decode", "y=1"), "no such input: y=1"),
        (("model-float32.tflite", "decode", "z"), "expected NAME=VALUES: z"),
        (("model-float32.tflite", "decode", "z=1,2"), "expected a whole number of rows"),
        (("model-float32.tflite", "decode", "z=1,2,nan,4,5"), "finite numbers: z[2] is NaN"),
        (("model-float32.tflite", "decode", "z=1,2,3,4,-inf"), "finite numbers: z[4] is -inf"),
        (
            ("model-float32.tflite", "decode", "z=1,2,-1e39,4,5"),
            "expected numbers that are finite in float32: z has -1e+39",
        ),
        (("model-float32.tflite", "decode", "z=1,2,three,4,5"), "z: 'three' is no number"),
        (("model-float32.tflite", "decode", "z=1,2,3s,4,5"), "z: '3s' is no number"),
        (("model-float32.tflite", "score"), "an input is missing, and a row of zeros"),
        (("model-float32.tflite", "detect"), "would be judged: x"),
        (("model-float32.tflite", "decode", "z=@absent"), "a file cannot be opened: absent"),
        (("model-float32.tflite", "sample", "seed=1,0.5"), "of 32 bits: seed[1] is 0.5"),
        (("model-float32.tflite", "sample", "seed=1,3e9"), "expected whole numbers"),
        (("model-float32.tflite", "interpolate", "t=0,1", "z_a=1,2,3,4,5"), "same number of rows"),
    ],
)
def test_a_mistake_is_said_in_words(decode, client_bundle, arguments, sentence):
    path = client_bundle.path
    done = decode(*(path / name if (path / name).is_file() else name for name in arguments))
    assert done.returncode == 1
    assert not done.stdout
    error = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(error) == 1
    assert sentence in error[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("timestamp,ax\n1,2\n", "z: 'timestamp' in line 1 is no number"),
        ("1,2\r\n3,n/a\r\n", "z: 'n/a' in line 2 is no number"),
        ("1 2\n\n2026-11-30T08:03 1", "z: '2026-11-30T08:03' in line 3 is no number"),
        ("1;2;3;4;5\n", "z: '1;2;3;4;5' in line 1 is no number"),
        ("a" * 1000, f"z: '{40 * 'a'}' in line 1 is no number"),
    ],
)
def test_what_is_no_number_in_a_file_is_said_with_its_line(
    decode, client_bundle, tmp_path, text, sentence
):
    (tmp_path / "z.csv").write_bytes(text.encode())
    model = client_bundle.path / "model-float32.tflite"
    done = decode(model, "decode", f"z=@{tmp_path / 'z.csv'}")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"Error: {sentence}\n" in done.stderr


@pytest.mark.slow
def test_signatures_are_listed_with_their_inputs_and_outputs(decode, client_bundle):
    done = decode(client_bundle.path / "model-float32.tflite", "list")
    assert (done.returncode, done.stderr) == (0, "")
    told = dict(line.split(": ") for line in done.stdout.splitlines())
    assert set(told) == set(SIGNATURES)
    for signature, line in told.items():
        taken, given = (
            dict(port.rsplit(" ", 1) for port in side.split(", ")) for side in line.split(" -> ")
        )
        inputs, expected = client_bundle.inputs[signature], client_bundle.expected[signature]
        assert taken == {name: str(values[0].size) for name, values in inputs.items()}
        assert given == {name: str(values[0].size) for name, values in expected.items()}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
def test_output_that_cannot_be_written_is_an_error(decode, client_bundle):
    with open("/dev/full", "w") as full:
        done = decode(client_bundle.path / "model-float32.tflite", output=full)
    assert done.returncode == 1
    assert "Error: the output cannot be written\n" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", RAW_MODELS)
def test_raw_data_score_in_c_as_in_keras(decode, raw_models, kind, tmp_path):
    made = raw_models[kind]
    np.savetxt(tmp_path / "x.txt", made.x.reshape(len(made.x), -1), fmt="%.9g")
    model = made.bundle / "model-float32.tflite"
    found = outputs(decode(model, "score", f"x=@{tmp_path / 'x.txt'}"))
    made.check(found["score"].ravel())


@pytest.mark.slow
@pytest.mark.parametrize("value", ["256", "-1", "0.5"])
def test_what_is_no_8_bit_pixel_is_refused_in_c_as_in_keras(decode, raw_models, value):
    made = raw_models["colour"]
    done = decode(made.bundle / "model-float32.tflite", "score", f"x={','.join([value] * 192)}")
    assert done.returncode == 1
    assert done.stdout == ""
    with pytest.raises(ValueError, match="Expected x to hold") as error:
        made.vae.score(np.full((1, 8, 8, 3), float(value)))
    assert f"Error: {error.value}\n" in done.stderr


@pytest.mark.slow
def test_a_file_without_a_domain_beside_it_is_checked_by_type_alone(decode, raw_models, tmp_path):
    shutil.copy(raw_models["colour"].bundle / "model-float32.tflite", tmp_path)
    done = decode(tmp_path / "model-float32.tflite", "score", f"x={','.join(['256'] * 192)}")
    assert done.returncode == 1
    assert "Error: expected whole numbers in [0, 255]: x" in done.stderr


@pytest.mark.slow
def test_a_condition_is_read_and_checked_in_c(decode, conditional_bundle, tmp_path):
    model = conditional_bundle.path / "model-float32.tflite"
    for signature in ("decode", "score", "sample"):
        inputs = conditional_bundle.inputs[signature]
        arguments = []
        for name, values in inputs.items():
            np.savetxt(tmp_path / name, values.reshape(len(values), -1), fmt="%.9g")
            arguments.append(f"{name}=@{tmp_path / name}")
        found = outputs(decode(model, signature, *arguments))
        for name, values in conditional_bundle.expected[signature].items():
            assert relative(found[name], values.reshape(len(values), -1)) < SAMPLE_TOLERANCE, name
    done = decode(model, "decode", "z=0,0", "condition=3")
    assert done.returncode == 1
    with pytest.raises(ValueError, match="Expected condition to hold") as error:
        conditional_bundle.vae.score({"x": np.zeros((1, 8, 8, 1)), "condition": [3]})
    assert f"Error: {error.value}\n" in done.stderr


@pytest.mark.slow
def test_codes_are_read_and_those_outside_the_codebook_refused_in_c(decode, code_bundle):
    model = code_bundle.path / "model-float32.tflite"
    codes = code_bundle.inputs["decode"]["codes"][:2]
    text = ",".join(map(str, codes.ravel()))
    found = outputs(decode(model, "decode", f"codes={text}"))["mean"]
    expected = code_bundle.expected["decode"]["mean"][:2]
    assert relative(found, expected.reshape(2, -1)) < TOLERANCE
    for wrong in (6, -1):
        done = decode(model, "decode", f"codes=0,1,{wrong},2")
        assert (done.returncode, done.stdout) == (1, "")
        with pytest.raises(ValueError, match="Expected codes to hold") as error:
            code_bundle.vae.decode(np.array([[[0, 1], [wrong, 2]]]))
        assert f"Error: {error.value}\n" in done.stderr


@pytest.fixture(scope="module")
def calibrated_bundle(tmp_path_factory):
    """A bundle with two-sided thresholds for float32 and int8, and other rows."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.2, 0.8, size=(300, 6)).astype("float32")
    path = tmp_path_factory.mktemp("calibrated") / "bundle"
    kvae.export.bundle(
        make_vae((6,), 2),
        path,
        data=x,
        signatures=["score"],
        calibration=x[:150],
        false_alarm_rate=0.2,
        two_sided=True,
        measure=False,
    )
    return path, x[150:]


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["float32", "int8"])
def test_the_decision_in_c_is_that_of_the_runtime(decode, calibrated_bundle, preset, tmp_path):
    path, x = calibrated_bundle
    np.savetxt(tmp_path / "x.txt", x, fmt="%.9g")
    expected = runtime.Model(path, preset).detect(x)
    assert 5 < expected["is_anomaly"].sum() < 100
    model = path / f"model-{preset}.tflite"
    done = decode(model, "detect", f"x=@{tmp_path / 'x.txt'}")
    found = {name: values.ravel() for name, values in outputs(done).items()}
    told = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("p_value")]
    assert all(len(text) <= len(repr(float(text))) for text in told), "the shortest of a number"
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(found["score"], expected["score"], rtol=TOLERANCE)
    # Where both kernels give the same score, everything is equal to the last bit.
    same = found["score"].astype("float32") == expected["score"]
    assert same.mean() > 0.9
    for name in ("p_value", "is_anomaly"):
        np.testing.assert_array_equal(found[name][same], expected[name][same])


@pytest.mark.slow
def test_without_thresholds_c_refuses_to_decide(decode, calibrated_bundle, tmp_path):
    path, _ = calibrated_bundle
    shutil.copy(path / "model-float32.tflite", tmp_path)
    done = decode(tmp_path / "model-float32.tflite", "detect", "x=0.1,0.2,0.3,0.4,0.5,0.6")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: expected a bundle with thresholds, written with calibration rows" in done.stderr
