"""The page, in headless Chromium: its numbers against Keras, its controls, its words."""

import importlib.util
import json
import shutil

import numpy as np
import pytest

from kvae.contract import Domain
from kvae.export import runtime
from tests.clients.domains import DOMAIN_CASES, what_keras_says
from tests.clients.needed import need
from tests.clients.raw_models import RAW_MODELS
from tests.helpers import ROOT, relative
from tests.small import SIGNATURES

pytestmark = pytest.mark.slow

WEB = ROOT / "export" / "clients" / "web"
# What float32 promises against Keras; the other order in which WebAssembly adds costs under 1e-6.
TOLERANCE = 1e-5
# Logarithm, sine and cosine of Box-Muller come from another mathematical library.
SAMPLE_TOLERANCE = 1e-4
WAIT = 60

# Runs rows of a signature through the page's own modules.
RUN = """
const [preset, signature, inputs, bundle, done] = arguments;
(async () => {
  const { openBundle } = await import(new URL("bundle.js", document.baseURI));
  const { Model } = await import(new URL("model.js", document.baseURI));
  const accelerator = new URLSearchParams(location.search).get("accelerator");
  const model = await Model.load(await openBundle(bundle), preset, accelerator);
  const rows = [];
  for (const input of inputs) {
    const outputs = await model.run(signature, input);
    for (const name in outputs) outputs[name] = [...outputs[name]];
    rows.push(outputs);
  }
  model.delete();
  return rows;
})().then(done, (error) => done(String(error)));
"""
PICTURE = """
const canvas = document.getElementById("picture");
return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
"""


@pytest.fixture(scope="session", autouse=True)  # before the bundle, which takes a while to make
def programs():
    """Chromium and its driver."""
    apt = "On Debian or Ubuntu run: apt-get install chromium chromium-driver"
    driver = need(shutil.which("chromedriver"), "chromedriver", apt)
    binary = need(shutil.which("chromium") or shutil.which("google-chrome"), "Chromium", apt)
    need(importlib.util.find_spec("selenium"), "selenium", "Run: pip install selenium")
    need(
        (WEB / "node_modules" / "@litertjs" / "core" / "package.json").exists(),
        "LiteRT.js",
        "Install Node.js with npm, then run: npm install --no-package-lock "
        "--prefix export/clients/web",
    )
    return binary, driver


@pytest.fixture(scope="module")
def page(programs, client_bundle, tmp_path_factory):
    """A folder with the page, LiteRT.js and a bundle, served; and a browser."""
    from tests.clients.browser import chromium, served

    root = page_folder(client_bundle, tmp_path_factory.mktemp("page"))
    profile = tmp_path_factory.mktemp("profile")
    with served(root) as address, chromium(*programs, profile) as browser:
        yield Page(root, address, browser)


def page_folder(client_bundle, root):
    """Fill a folder with the page, LiteRT.js and a bundle, and return it."""
    for file in WEB.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy(file, root)
    (root / "node_modules").symlink_to(WEB / "node_modules")
    shutil.copytree(client_bundle.path, root / "bundle")
    return root


class Page:
    """The page in the browser, and what a person does to it."""

    def __init__(self, root, address, browser):
        self.root, self.address, self.browser = root, address, browser

    def open(self, query=""):
        """Open the page and wait until it shows a picture or an error."""
        self.browser.get(self.address + query)
        self.wait("return document.getElementById('loading').hidden")
        if self.find("workbench").is_displayed():
            self.settle()

    def wait(self, script):
        """Wait until a script returns something true, and return that."""
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, WAIT).until(lambda _: self.script(script))

    def settle(self):
        """Wait until the picture shows what the controls say."""
        self.wait("return document.getElementById('view').ariaBusy === 'false'")

    def script(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def find(self, identifier):
        return self.browser.find_element("id", identifier)

    def picture(self):
        return np.array(self.script(PICTURE), "uint8").reshape(8, 8, 4)

    def error(self):
        return self.find("error").text

    def run(self, preset, signature, inputs, bundle="bundle"):
        """Run a signature on arrays (rows, ...); return arrays (rows, numbers) by output."""
        rows = [
            {name: value.ravel().tolist() for name, value in zip(inputs, row, strict=True)}
            for row in zip(*inputs.values(), strict=True)
        ]
        found = self.browser.execute_async_script(RUN, preset, signature, rows, bundle)
        assert not isinstance(found, str), found
        return {name: np.array([row[name] for row in found]) for name in found[0]}


def flat(values):
    return values.reshape(len(values), -1)


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


def test_the_canvas_shows_the_decoded_point(page, client_bundle):
    page.open("?preset=float32")
    assert page.error() == ""
    page.find("sample").click()
    page.wait("return document.getElementById('shown').textContent.startsWith('draw 0')")
    draw = client_bundle.decoder.sample(1, seed=0)[0]
    shades = np.repeat(np.round(255 * draw), 3, axis=2)
    assert np.max(np.abs(page.picture()[..., :3].astype(int) - shades)) <= 1  # a rounding apart
    z = client_bundle.decoder.run("sample", seed=[[0, 0]])["z"][0]
    for axis in client_bundle.decoder.manifest["axes"]:
        said = float(page.find(f"axis-{axis['index']}-value").text)
        assert abs(said - z[axis["index"]]) <= 0.006  # two digits


def test_moving_a_slider_decodes_at_once(page, client_bundle):
    from selenium.webdriver.common.keys import Keys

    page.open()
    axes = client_bundle.decoder.manifest["axes"]
    shown = page.script("return [...document.querySelectorAll('#axes input')].map((i) => i.id)")
    assert shown == [f"axis-{axis['index']}" for axis in axes]
    slider = page.find(f"axis-{axes[0]['index']}")
    assert float(slider.get_attribute("min")) == axes[0]["low"]
    assert float(slider.get_attribute("max")) == axes[0]["high"]
    before = page.picture()
    slider.send_keys(Keys.END)
    page.settle()
    assert np.abs(page.picture().astype(int) - before).max() > 3
    assert float(slider.get_attribute("value")) == pytest.approx(axes[0]["high"])
    page.find("centre").click()
    page.settle()
    assert np.array_equal(page.picture(), before)


def test_interpolating_ends_at_the_second_point(page, client_bundle):
    page.open("?preset=float32")
    page.find("arc").click()
    page.find("interpolate").click()
    page.wait("return document.getElementById('shown').textContent.startsWith('100%')")
    draw = client_bundle.decoder.sample(1, seed=2)[0]  # where B is until another is kept
    shades = np.repeat(np.round(255 * draw), 3, axis=2)
    assert np.max(np.abs(page.picture()[..., :3].astype(int) - shades)) <= 1


def test_the_other_precision_can_be_chosen(page):
    page.open()
    assert page.find("preset").get_attribute("value") == "float32"  # the bundle's default
    page.script("""
      const select = document.getElementById("preset");
      select.value = "int8";
      select.dispatchEvent(new Event("change"));
    """)
    page.wait("return document.getElementById('timing').textContent.includes('int8')")


def test_only_what_is_needed_is_fetched(page):
    page.open("?preset=int8")
    names = page.script("""
      return performance.getEntriesByType("resource").map((entry) => entry.name)
        .filter((name) => name.includes("/bundle/")).map((name) => name.split("/bundle/")[1]);
    """)
    assert sorted(names) == ["SHA256SUMS", "manifest.json", "model-int8.tflite"]


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


UNIT = {"low": 0.0, "high": 1.0}
PAINT = """
const [shape, domain, events, done] = arguments;
import(new URL("picture.js", document.baseURI)).then(({ Picture }) => {
  const canvas = document.createElement("canvas");
  const picture = new Picture(canvas, shape, domain);
  const ends = events.map((event) => picture.paint(event));
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  done([[canvas.height, canvas.width], [...data], ends]);
}, (error) => done(String(error)));
"""


def test_a_colour_picture_keeps_its_colours(page):
    page.open()
    event = np.arange(12) / 11
    size, data, _ = page.browser.execute_async_script(PAINT, [2, 2, 3], UNIT, [event.tolist()])
    pixels = np.array(data).reshape(*size, 4)
    assert np.array_equal(pixels[..., :3], np.round(255 * event).reshape(2, 2, 3))
    assert np.all(pixels[..., 3] == 255)


def test_without_bounds_the_scale_grows_with_what_was_seen(page):
    page.open()
    events = [[0.0, 1.0, 2.0, 3.0], [-3.0, 0.0, 0.0, 0.0]]
    _, data, ends = page.browser.execute_async_script(
        PAINT, [2, 2], {"low": None, "high": None}, events
    )
    assert ends == [[0.0, 3.0], [-3.0, 3.0]]
    assert data[::4] == [0, 128, 128, 128]


def test_an_event_that_is_no_picture_becomes_bars(page):
    page.open()
    event = [0.25, 1.0, 0.5]
    size, data, _ = page.browser.execute_async_script(PAINT, [3], UNIT, [event])
    inked = np.array(data).reshape(*size, 4)[..., 3] > 0
    assert np.allclose(inked.mean(axis=0).reshape(3, -1).max(axis=1), event)
    assert np.all(inked[-1].reshape(3, -1).any(axis=1))  # bars stand on the ground


def damaged(page, name, change):
    """Copy the bundle, change one file of it and return the copy's folder name."""
    folder = page.root / f"damaged-{len(list(page.root.iterdir()))}"
    shutil.copytree(page.root / "bundle", folder)
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
    shutil.copytree(page.root / "bundle", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "schema": 3}))
    content = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    del content["SHA256SUMS"]
    (folder / "SHA256SUMS").write_text(runtime.sums_of(content))
    page.open("?bundle=later")
    assert page.error() == "Expected a manifest of schema 2. Received: 3"


def test_the_page_recovers_when_a_good_bundle_follows_a_bad_one(page):
    page.open("?bundle=absent")
    assert "it is not a bundle" in page.error()
    field = page.find("address")
    field.clear()
    field.send_keys("bundle")
    field.submit()
    page.wait("return !document.getElementById('workbench').hidden")
    assert page.error() == ""


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
        found = page.browser.execute_async_script(RUN, "float32", signature, inputs, "bundle")
        assert sentence in found


def test_the_page_fits_a_phone_and_every_control_has_a_name(page, tmp_path):
    # A headless window is never narrower than 500 pixels; the emulated one is.
    for width, name in ((360, "phone"), (1100, "desktop")):
        page.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        page.open()
        assert page.script("return document.documentElement.scrollWidth") <= width
        page.find("next").click()
        page.wait("return document.getElementById('shown').textContent.startsWith('draw 1')")
        assert page.error() == ""
        for scheme in ("light", "dark"):
            page.browser.execute_cdp_cmd(
                "Emulation.setEmulatedMedia",
                {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
            )
            assert page.browser.save_screenshot(str(tmp_path / f"{name}-{scheme}.png"))
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    for control in page.browser.find_elements("css selector", "button, input, select, canvas"):
        assert control.accessible_name, control.get_attribute("outerHTML")


@pytest.mark.parametrize("kind", RAW_MODELS)
def test_raw_data_score_in_the_browser_as_in_keras(page, raw_models, kind):
    made = raw_models[kind]
    shutil.copytree(made.bundle, page.root / kind)
    page.open()
    found = page.run("float32", "score", {"x": made.x}, bundle=kind)["score"].ravel()
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
    shutil.copytree(conditional_bundle.path, page.root / "conditional", dirs_exist_ok=True)
    page.open("?bundle=conditional")
    assert page.error() == ""
    for signature in ("decode", "score", "sample"):
        inputs = {n: v[:8] for n, v in conditional_bundle.inputs[signature].items()}
        found = page.run("float32", signature, inputs, "conditional")
        for name, expected in conditional_bundle.expected[signature].items():
            assert relative(found[name], flat(expected[:8])) < SAMPLE_TOLERANCE, name
    with pytest.raises(ValueError, match="Expected condition to hold") as error:
        conditional_bundle.vae.score({"x": np.zeros((1, 8, 8, 1)), "condition": [3]})
    row = [{"x": [0.0] * 64, "condition": [3]}]
    said = page.browser.execute_async_script(RUN, "float32", "score", row, "conditional")
    assert said == f"Error: {error.value}"


def test_codes_are_read_and_those_outside_the_codebook_refused_in_the_browser(page, code_bundle):
    shutil.copytree(code_bundle.path, page.root / "codes")
    page.open()
    codes = code_bundle.inputs["decode"]["codes"][:4]
    found = page.run("float32", "decode", {"codes": codes}, "codes")["mean"]
    assert relative(found, flat(code_bundle.expected["decode"]["mean"][:4])) < TOLERANCE
    for wrong in (6, -1):
        row = [{"codes": [0, 1, wrong, 2]}]
        said = page.browser.execute_async_script(RUN, "float32", "decode", row, "codes")
        with pytest.raises(ValueError, match="Expected codes to hold") as error:
            code_bundle.vae.decode(np.array([[[0, 1], [wrong, 2]]]))
        assert said == f"Error: {error.value}"


def test_the_page_has_a_field_for_a_condition(page, conditional_bundle):
    shutil.copytree(conditional_bundle.path, page.root / "conditional", dirs_exist_ok=True)
    page.open("?bundle=conditional")
    before = page.picture()
    field = page.find("input-condition")
    assert field.get_attribute("value") == "0"
    change = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'));"
    page.script(change, field, "2")
    page.settle()
    assert not np.array_equal(page.picture(), before)
    page.script(change, field, "3")
    page.wait("return !document.getElementById('error').hidden")
    assert page.error().startswith("Expected condition to hold whole numbers in [0, 2].")
