"""The bundles that all clients run, and the page with them in one browser."""

import importlib.util
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

import kvae
from kvae.export import runtime
from kvae.export.web import folder
from kvae.export.web.litert_js import PAGE
from kvae.export.web.site import Site
from tests.clients.c_project import build
from tests.clients.gap_models import GAP_MODELS, make_gap_model
from tests.clients.learner import make_learner
from tests.clients.needed import need
from tests.clients.page import Page
from tests.clients.raw_models import RAW_MODELS, make_raw_model
from tests.conformance.cases.quantized import make_quantized
from tests.export.families import examples, make_conditional
from tests.helpers import ROOT
from tests.small import kl, make_vae

GOLDENS = ROOT / "tests" / "goldens" / "v1"


@pytest.fixture(scope="session")
def client_bundle(tmp_path_factory, digits):
    """A bundle of a small convolutional VAE, trained for a moment, with its golden vectors.

    `inputs` and `expected` (what Keras says) hold arrays (rows, ...) by signature and name.
    """
    keras.utils.set_random_seed(0)
    vae = make_vae(latent_dim=5, networks="conv")
    vae.compile(optimizer=keras.optimizers.Adam(3e-3))
    vae.fit(digits[0][:512], epochs=2, verbose=0)
    path = tmp_path_factory.mktemp("clients") / "bundle"
    rows = digits[1]
    kvae.export.bundle(
        vae,
        path,
        data=rows[:200],
        calibration=rows[200:],
        false_alarm_rate=0.1,
        description="Handwritten digits.",
        training_data="512 digits.",
    )
    return opened(path, vae=vae)


@pytest.fixture(scope="session")
def conditional_bundle(tmp_path_factory):
    """A bundle of a conditional model, see `client_bundle`; `vae` is the model."""
    keras.utils.set_random_seed(0)
    vae = make_conditional((8, 8, 1))
    path, data = tmp_path_factory.mktemp("conditional") / "bundle", examples(64, (8, 8, 1))
    kvae.export.bundle(vae, path, data=data, presets=["float32"], measure=False)
    return opened(path, vae=vae)


@pytest.fixture(scope="session")
def code_bundle(tmp_path_factory):
    """A bundle of a model whose latent variables are codes below 6, see `client_bundle`."""
    keras.utils.set_random_seed(0)
    vae = make_quantized()
    path, x = tmp_path_factory.mktemp("codes") / "bundle", examples(64, (8, 8, 1))["x"]
    kvae.export.bundle(vae, path, data=x, presets=["float32"], measure=False)
    return opened(path, vae=vae)


@pytest.fixture(scope="session")
def learner(tmp_path_factory):
    """The bundle of a sensor whose float32 file trains its heads."""
    return make_learner(tmp_path_factory.mktemp("learner") / "bundle")


@pytest.fixture(scope="session")
def c_project(tmp_path_factory):
    """The folder in which the C project is installed, built with sanitizers."""
    return build(tmp_path_factory.mktemp("c"), "-DKVAE_SANITIZE=ON")


def opened(path, **more):
    """Return a bundle with its float32 model and its golden vectors."""
    decoder = runtime.Model(path, preset="float32")
    golden = {"inputs": {}, "expected": {}}
    for key, value in decoder.golden().items():
        side, signature, name = key.split("/")
        golden[side].setdefault(signature, {})[name] = value
    return SimpleNamespace(path=path, decoder=decoder, **golden, **more)


@pytest.fixture(scope="session")
def raw_models(tmp_path_factory):
    """Models of raw data by kind, see `tests/clients/raw_models.py`."""
    return {kind: make_raw_model(kind, tmp_path_factory.mktemp(kind)) for kind in RAW_MODELS}


@pytest.fixture(scope="session")
def gap_models(tmp_path_factory):
    """Models of data with missing values by kind, see `tests/clients/gap_models.py`."""
    folder = tmp_path_factory.mktemp("gaps")
    return {kind: make_gap_model(kind, folder) for kind in GAP_MODELS}


@pytest.fixture(scope="session")
def table_bundle(tmp_path_factory):
    """A bundle of rows of a table with a schema, see `client_bundle`; `frame` are the rows."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["Rome", "Oslo", "La Paz"], 200),
            "height": rng.normal(170.0, 9.0, 200).round(1),
            "age": rng.integers(100_018, 100_080, 200),
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 200), "D"),
        }
    )
    schema = kvae.data.TableSchema.infer(frame)
    x, likelihood = schema.to_array(frame), schema.likelihood()
    posterior = kvae.layers.MultivariateNormalDiag(2, activity_regularizer=kl(2))
    vae = kvae.VAE(
        encoder=kvae.networks.mlp_encoder(schema.event_shape, posterior.params_size, (8,)),
        posterior=posterior,
        decoder=kvae.networks.mlp_decoder(2, likelihood.params_shape, (8,)),
        likelihood=likelihood,
    )
    vae.adapt(x)
    path = tmp_path_factory.mktemp("table") / "bundle"
    names = ["decode", "sample", "reconstruct", "score"]
    settings = {"signatures": names, "presets": ["float32"], "measure": False}
    kvae.export.bundle(vae, path, data=x[:100], calibration=x[100:], schema=schema, **settings)
    return opened(path, vae=vae, frame=frame, schema=schema, x=x)


@pytest.fixture(scope="session")
def programs():
    """Chromium and its driver."""
    apt = "On Debian or Ubuntu run: apt-get install chromium chromium-driver"
    driver = need(shutil.which("chromedriver"), "chromedriver", apt)
    binary = need(shutil.which("chromium") or shutil.which("google-chrome"), "Chromium", apt)
    need(importlib.util.find_spec("selenium"), "selenium", "Run: pip install selenium")
    need(
        (PAGE / "node_modules" / "@litertjs" / "core" / "package.json").exists(),
        "LiteRT.js",
        "Install Node.js with npm, then run: npm install --no-package-lock "
        "--prefix export/clients/web",
    )
    return binary, driver


@pytest.fixture(scope="session")
def site_folder(
    programs,  # first: without them no bundle has to be made
    client_bundle,
    conditional_bundle,
    code_bundle,
    raw_models,
    gap_models,
    table_bundle,
    learner,
    tmp_path_factory,
):
    """The folder that `kvae web --static` writes, with all bundles; the page opens the digits."""
    links = tmp_path_factory.mktemp("links")
    bundles = {
        "digits": client_bundle.path,
        "conditional": conditional_bundle.path,
        "codes": code_bundle.path,
        "people": table_bundle.path,
        "learner": learner,
        "hierarchy": GOLDENS / "hierarchical" / "bundle",
        "factor": GOLDENS / "factor" / "bundle",  # without the signature sample
        **{kind: made.bundle for kind, made in {**raw_models, **gap_models}.items()},
    }
    for name, path in bundles.items():
        shutil.copytree(path, links / name)
    site = Site([links / name for name in bundles], PAGE / "node_modules")
    return folder.write(site, tmp_path_factory.mktemp("page") / "page")


@pytest.fixture(scope="session")
def page(programs, site_folder, tmp_path_factory):
    """The page, served, in a browser that all tests share."""
    from tests.clients.browser import chromium, served

    profile = tmp_path_factory.mktemp("profile")
    with served(site_folder) as address, chromium(*programs, profile) as browser:
        yield Page(site_folder, address, browser)


@pytest.fixture
def screen(page):
    """A function that emulates a screen until the test ends."""
    yield page.emulate
    page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
