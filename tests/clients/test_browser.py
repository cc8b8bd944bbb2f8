"""The page's modules in headless Chromium: their numbers against Keras, and their words."""

import json
import shutil

import numpy as np
import pytest

from kvae.contract import Domain
from kvae.export import runtime
from tests.clients.domains import DOMAIN_CASES, what_keras_says
from tests.clients.page import RUN, flat
from tests.clients.raw_models import RAW_MODELS
from tests.helpers import relative
from tests.small import SIGNATURES

pytestmark = pytest.mark.slow

# What float32 promises against Keras; the other order in which WebAssembly adds costs under 1e-6.
TOLERANCE = 1e-5
# Logarithm, sine and cosine of Box-Muller come from another mathematical library.
SAMPLE_TOLERANCE = 1e-4


@pytest.mark.parametrize("signature", SIGNATURES)
def test_every_signature_says_in_the_browser_what_it_says_in_keras(page, client_bundle, signature):
    page.open()
    found = page.run("float32", signature, client_bundle.inputs[signature])
    expected = client_bundle.expected[signature]
    assert found.keys() == expected.keys()
    tolerance = SAMPLE_TOLERANCE if signature == "sample" else TOLERANCE
    for name, values in expected.items():
        assert relative(found[name], flat(values)) < tolerance, name


def test_sample_is_the_same_in_keras_in_litert_and_in_the_browser(page, client_bundle):
    page.open()
    seeds = client_bundle.inputs["sample"]["seed"]
    in_browser = page.run("float32", "sample", {"seed": seeds})["mean"]
    in_litert = flat(client_bundle.decoder.run("sample", seed=seeds)["mean"])
    in_keras = flat(client_bundle.expected["sample"]["mean"])
    assert np.max(np.abs(in_browser - in_keras)) < SAMPLE_TOLERANCE
    assert np.max(np.abs(in_browser - in_litert)) < SAMPLE_TOLERANCE
    assert np.ptp(in_browser, axis=0).max() > 0.1  # the draws differ from each other


def test_the_int8_file_keeps_its_budget_in_the_browser(page, client_bundle):
    page.open()
    expected = flat(client_bundle.expected["decode"]["mean"])
    found = page.run("int8", "decode", client_bundle.inputs["decode"])["mean"]
    mean_square = np.mean(np.square(found - expected))
    assert 10 * np.log10(np.ptp(expected) ** 2 / mean_square) > 40.0  # dB, as the preset promises


def test_only_what_is_needed_is_fetched(page):
    page.open("?preset=int8")
    names = page.script("""
      return performance.getEntriesByType("resource").map((entry) => entry.name)
        .filter((name) => name.includes("/bundles/")).map((name) => name.split("/digits/")[1]);
    """)
    assert sorted(names) == ["SHA256SUMS", "codes.npy", "manifest.json", "model-int8.tflite"]


DOMAIN = """
const [values, domain, width, done] = arguments;
import(new URL("domain.js", document.baseURI)).then(({ checkDomain }) => {
  try {
    checkDomain(values, domain, width, "x");
    done("");
  } catch (error) {
    done(error.message);
  }
});
"""


@pytest.mark.parametrize(("domain", "x"), DOMAIN_CASES)
def test_data_outside_the_domain_are_refused_in_the_words_of_keras(page, domain, x):
    page.open()
    said = page.browser.execute_async_script(
        DOMAIN, x.ravel().tolist(), domain.describe(), x.shape[-1]
    )
    assert said == what_keras_says(domain, x)


def damaged(page, name, change):
    """Copy the bundle, change one file of it and return the copy's folder name."""
    folder = page.root / f"damaged-{len(list(page.root.iterdir()))}"
    shutil.copytree(page.root / "bundles" / "digits", folder)
    file = folder / name
    changed = change(file.read_bytes())
    file.unlink() if changed is None else file.write_bytes(changed)
    return folder.name


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("model-float32.tflite", flipped, "Files altered since the bundle was made: model-float32"),
        ("model-float32.tflite", lambda _: None, "Files missing from the bundle: model-float32"),
        ("manifest.json", flipped, "Files altered since the bundle was made: manifest.json"),
        ("SHA256SUMS", lambda _: None, "holds no SHA256SUMS (status 404): it is not a bundle"),
        ("SHA256SUMS", lambda content: content[:-1], "its last line is cut off"),
        ("SHA256SUMS", lambda content: content + content[:80], "is damaged"),
        ("SHA256SUMS", lambda content: content.replace(b"  R", b" *R"), "not of the form"),
        ("SHA256SUMS", lambda content: content.replace(b"README", b"../EAD"), "not of the form"),
        ("SHA256SUMS", lambda content: content.replace(b"README", b"R\xffADME"), "not ASCII"),
        (
            "SHA256SUMS",
            lambda content: b"".join(reversed(content.splitlines(keepends=True))),
            "not sorted, or one stands twice",
        ),
    ],
)
def test_a_damaged_bundle_is_refused_in_words(page, name, change, sentence):
    page.open(f"?bundle={damaged(page, name, change)}")
    assert sentence in page.error()
    assert not page.find("workbench").is_displayed()


def test_a_bundle_of_a_later_schema_is_refused_in_words(page):
    folder = page.root / "later"
    shutil.copytree(page.root / "bundles" / "digits", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "schema": 3}))
    content = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    del content["SHA256SUMS"]
    (folder / "SHA256SUMS").write_text(runtime.sums_of(content))
    page.open("?bundle=later")
    assert page.error() == "Expected a manifest of schema 2. Received: 3"


def test_a_missing_litert_js_is_said_in_words(page):
    (page.root / "node_modules").rename(page.root / "elsewhere")
    try:
        page.open()
        assert "run 'npm install'" in page.error()
    finally:
        (page.root / "elsewhere").rename(page.root / "node_modules")


def test_wrong_inputs_are_refused_in_words(page):
    page.open()
    for signature, inputs, sentence in (
        ("paint", [{}], "Expected signature to be one of decode"),
        ("decode", [{"y": [1]}], "Expected decode to get z. Received: y"),
        ("decode", [{"z": [1, 2]}], "Expected z to hold 5 numbers. Received: 2"),
        ("decode", [{"z": [1, 2, None, 4, "x"]}], "Expected z to be finite"),
        ("sample", [{"seed": [0, 0.5]}], "Expected seed to be whole numbers"),
    ):
        found = page.browser.execute_async_script(
            RUN, "float32", signature, inputs, "bundles/digits"
        )
        assert sentence in found


@pytest.mark.parametrize("kind", RAW_MODELS)
def test_raw_data_score_in_the_browser_as_in_keras(page, raw_models, kind):
    made = raw_models[kind]
    page.open()
    found = page.run("float32", "score", {"x": made.x}, bundle=f"bundles/{kind}")["score"].ravel()
    made.check(found)


def test_a_browser_without_webgpu_says_so_in_words(page):
    page.open("?accelerator=webgpu")
    assert page.error() == ("This browser has no WebGPU on this device. Use the accelerator wasm.")


MISSING = """
const [values, domain, done] = arguments;
import(new URL("domain.js", document.baseURI)).then(({ checkDomain }) => {
  try {
    checkDomain(values.map((value) => value ?? NaN), domain, values.length, "x");
    done("");
  } catch (error) {
    done(error.message);
  }
});
"""


def test_missing_numbers_are_left_out_where_they_are_valid(page):
    page.open()
    domain = {**Domain(0, 9, integer=True).describe(), "missing": True}
    run = page.browser.execute_async_script
    assert run(MISSING, [None, 3.0], domain) == ""
    assert "not all whole" in run(MISSING, [None, 0.5], domain)


def test_a_condition_is_read_and_checked_in_the_browser(page, conditional_bundle):
    page.open("?bundle=bundles/conditional/")
    assert page.error() == ""
    for signature in ("decode", "score", "sample"):
        inputs = {n: v[:8] for n, v in conditional_bundle.inputs[signature].items()}
        found = page.run("float32", signature, inputs, "bundles/conditional")
        for name, expected in conditional_bundle.expected[signature].items():
            assert relative(found[name], flat(expected[:8])) < SAMPLE_TOLERANCE, name
    with pytest.raises(ValueError, match="Expected condition to hold") as error:
        conditional_bundle.vae.score({"x": np.zeros((1, 8, 8, 1)), "condition": [3]})
    row = [{"x": [0.0] * 64, "condition": [3]}]
    said = page.browser.execute_async_script(RUN, "float32", "score", row, "bundles/conditional")
    assert said == f"Error: {error.value}"


def test_codes_are_read_and_those_outside_the_codebook_refused_in_the_browser(page, code_bundle):
    page.open()
    codes = code_bundle.inputs["decode"]["codes"][:4]
    found = page.run("float32", "decode", {"codes": codes}, "bundles/codes")["mean"]
    assert relative(found, flat(code_bundle.expected["decode"]["mean"][:4])) < TOLERANCE
    for wrong in (6, -1):
        row = [{"codes": [0, 1, wrong, 2]}]
        said = page.browser.execute_async_script(RUN, "float32", "decode", row, "bundles/codes")
        with pytest.raises(ValueError, match="Expected codes to hold") as error:
            code_bundle.vae.decode(np.array([[[0, 1], [wrong, 2]]]))
        assert said == f"Error: {error.value}"
