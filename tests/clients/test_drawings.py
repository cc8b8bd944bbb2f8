"""The drawings of the page: pixels of every kind of picture, lines with gaps, scales."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow

PAINT = """
const [grid, domain, events, done] = arguments;
const load = (name) => import(new URL(name, document.baseURI));
Promise.all([load("picture.js"), load("scale.js")]).then(([{ Picture }, { Scale }]) => {
  const scale = new Scale(1, domain);
  const picture = new Picture(document.createElement("div"), { grid, scale }, "");
  const ends = events.map((event) => {
    scale.grow(event);
    picture.paint(event);
    return [...scale.ends()];
  });
  const { canvas } = picture;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  done([[canvas.height, canvas.width], [...data], ends]);
}, (error) => done(String(error)));
"""
LINES = """
const [values, done] = arguments;
const load = (name) => import(new URL(name, document.baseURI));
Promise.all([load("series.js"), load("scale.js")]).then(([{ Series }, { Scale }]) => {
  const place = document.createElement("div");
  const numbers = values.map((value) => value ?? NaN);
  const scale = new Scale(1, { low: 0, high: 1 });
  const kind = { grid: [numbers.length, 1], channels: ["value"], named: false, scale };
  new Series(place, kind, "").paint(numbers);
  done(place.querySelector("path.line").getAttribute("d"));
}, (error) => done(String(error)));
"""
UNIT = {"low": 0.0, "high": 1.0}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_grey_colour_and_alpha_are_kept(page, channels):
    page.open()
    event = np.concatenate([np.linspace(0, 1, 4 * channels - 1), [1.0]])
    if channels % 2 == 0:
        event[channels - 1 :: channels] = 1.0  # a canvas keeps no colour of what is clear
    grid = [2, 2, channels]
    size, data, _ = page.call(PAINT, grid, UNIT, [event.tolist()])
    pixels = np.array(data).reshape(*size, 4)
    shades = np.round(255 * event).reshape(grid)
    colours = shades[..., :3] if channels > 2 else np.repeat(shades[..., :1], 3, axis=2)
    assert np.array_equal(pixels[..., :3], colours)
    assert np.all(pixels[..., 3] == 255)


def test_what_is_clear_stays_clear(page):
    page.open()
    _, data, _ = page.call(PAINT, [1, 2, 4], UNIT, [[1, 1, 1, 0, 1, 1, 1, 0.5]])
    assert data[3::4] == [0, 128]


def test_without_bounds_the_scale_grows_with_what_was_seen(page):
    page.open()
    events = [[0.0, 1.0, 2.0, 3.0], [-3.0, 0.0, 0.0, 0.0]]
    _, data, ends = page.call(PAINT, [2, 2, 1], {"low": None, "high": None}, events)
    assert ends == [[0.0, 3.0], [-3.0, 3.0]]
    assert data[::4] == [0, 128, 128, 128]


def test_a_line_has_gaps_where_samples_are_missing(page):
    page.open()
    assert page.call(LINES, [0.0, 1.0, None, 0.5, 0.25]) == "M0 100L1 0M3 50L4 75"
