"""A model on the page that only scores, by a condition."""

import numpy as np
import pytest

import kvae
from kvae.export import runtime
from kvae.export.web import folder
from kvae.export.web.litert_js import PAGE
from kvae.export.web.site import Site
from tests.clients.page import Page
from tests.small import make_conditional

pytestmark = pytest.mark.slow

ROWS = np.random.default_rng(1).uniform(size=(50, 4)).round()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("scores") / "bundle"
    vae = make_conditional((4,), 2, condition=kvae.conditions.Numbers())
    rng = np.random.default_rng(0)
    data = {"x": rng.uniform(size=(40, 4)).round(), "condition": rng.normal(size=40)}
    vae.adapt(data)
    settings = {"presets": ["float32", "float16"], "signatures": ["score", "reconstruct"]}
    kvae.export.bundle(vae, path, data=data, measure=False, **settings)
    return path


@pytest.fixture(scope="module")
def page(programs, bundle, tmp_path_factory):
    from tests.clients.browser import chromium, served

    root = folder.write(
        Site([bundle], PAGE / "node_modules"), tmp_path_factory.mktemp("p") / "page"
    )
    with served(root) as address, chromium(*programs, tmp_path_factory.mktemp("b")) as browser:
        yield Page(root, address, browser)


def judge(page, rows):
    lines = ["Value 0,Value 1,Value 2,Value 3", *(",".join(map(str, row)) for row in rows)]
    page.judge("rows.csv", "\n".join(lines).encode(), "text/csv")


def set_condition(page, value):
    page.script("document.getElementById('judged-words').textContent = ''")
    page.set("input-condition", value, "change")
    page.wait_judged()


def test_a_condition_that_changes_is_judged_by(page, bundle):
    page.open()
    judge(page, ROWS[:1])
    for condition in (0.0, 2.0):
        set_condition(page, str(condition))
        assert page.error() == ""
        expected = runtime.Model(bundle).score(ROWS[:1], condition=np.array([condition]))[0]
        assert page.score() == pytest.approx(expected, rel=1e-5)


def test_a_condition_without_a_number_is_refused(page):
    page.open()
    judge(page, ROWS[:1])
    set_condition(page, "")
    assert page.error() == "Expected condition to be finite. Received: NaN or infinity"


def test_all_rows_are_judged_anew_by_another_preset_though_the_first_cannot_be(page):
    page.open()
    rows = np.tile(ROWS, (60, 1))  # so many that the scoring goes on when the preset changes
    rows[0, 0] = 5.0
    judge(page, rows)
    assert "Expected x to hold" in page.error()
    page.set("preset", "float16", "change")
    page.wait("return location.search.includes('preset=float16')")
    assert "Expected x to hold" in page.error()
    page.set("row", 2, "change")
    page.wait_judged()
    page.wait("return document.getElementById('overview').ariaBusy === 'false'")
    assert page.said("overview-words").endswith(" nats, 1 cannot be judged")
