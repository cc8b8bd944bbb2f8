"""The page's walk through the examples against SciPy and the decoder of Keras."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

pytestmark = pytest.mark.slow

NEAREST = 10
GRAPH = """
const [codes, a, b, done] = arguments;
import(new URL("code_graph.js", document.baseURI)).then(async ({ CodeGraph }) => {
  const values = Float32Array.from(codes.flat());
  const graph = new CodeGraph({ count: codes.length, size: codes[0].length, values });
  const way = await graph.path(a, b, async (z) => z);
  done(way.points.map((point) => [...point]));
});
"""


def distances(one, other):
    """Distances between all rows of two arrays."""
    return np.linalg.norm(one[:, None].astype(float) - other[None], axis=-1)


def cheapest(codes, a, b, decode):
    """Return the points of the way of least energy, and its length up to each of them."""
    count = len(codes)
    between = distances(codes, codes)
    np.fill_diagonal(between, np.inf)
    pairs = [(row, near) for row in range(count) for near in np.argsort(between[row])[:NEAREST]]
    for node, vector in ((count, a), (count + 1, b)):
        near = np.argsort(distances(codes, vector[None])[:, 0])[:NEAREST]
        pairs += [(node, code) for code in near]
    vectors = np.concatenate([codes, [a, b]])
    decoded = decode(vectors).reshape(len(vectors), -1)
    one, other = np.array(sorted({tuple(sorted(map(int, pair))) for pair in pairs})).T
    lengths = np.linalg.norm(decoded[one].astype(float) - decoded[other], axis=1)
    graph = coo_array((lengths**2, (one, other)), (count + 2, count + 2))
    _, before = dijkstra(graph, False, count, return_predecessors=True)
    nodes = [count + 1]
    while nodes[0] != count:
        nodes.insert(0, int(before[nodes[0]]))
    steps = np.linalg.norm(np.diff(decoded[nodes].astype(float), axis=0), axis=1)
    return vectors[nodes], np.concatenate([[0.0], np.cumsum(steps)])


def along(points, lengths, shares):
    """Return the vectors at shares of a way's length."""
    at = np.asarray(shares) * lengths[-1]
    return np.stack([np.interp(at, lengths, column) for column in points.T], axis=1)


def test_a_walk_goes_from_example_to_example_where_the_decoded_change_least(page, client_bundle):
    codes = np.load(client_bundle.path / "codes.npy")
    draws = client_bundle.decoder.run("sample", seed=[[0, 1], [0, 2]])["z"]
    decode = client_bundle.vae.decode
    points, lengths = cheapest(codes, *draws, decode)
    assert len(points) > 3
    page.open("?preset=float32&seed=4")
    page.set("way", "examples", "change")
    assert page.find("way-words").get_attribute("hidden") is None
    page.set("share", 0.5)
    assert page.said() == "50% of the way from A to B, through the examples"
    name, strip = page.downloaded_picture("walk-strip")
    assert name == "digits-walk.png"
    shares = np.linspace(0, 1, 10)
    expected = decode(along(points, lengths, shares).astype("float32"))
    found = strip[16::32, 16::32, :1].reshape(8, 10, 8).transpose(1, 0, 2)
    assert np.max(np.abs(found - np.round(255 * expected[..., 0]))) <= 1
    straight = decode(np.linspace(*draws, 10))
    assert np.max(np.abs(expected - straight)) > 0.05  # it is another way
    page.set("share", 1)
    shade = np.round(255 * decode(draws[1:])[0, ..., 0])
    assert np.max(np.abs(page.shown()[..., 0] - shade)) <= 1


def test_codes_far_from_each_other_are_joined_too(page):
    page.open()
    rng = np.random.default_rng(0)
    islands = np.concatenate([rng.normal(size=(30, 2)), 50.0 + rng.normal(size=(30, 2))])
    points = page.call(GRAPH, islands.tolist(), [0.0, 0.0], [50.0, 50.0])
    assert points[0] == [0.0, 0.0]
    assert points[-1] == [50.0, 50.0]
    assert 3 <= len(points) < 62


def test_without_codes_or_with_columns_of_different_units_there_is_no_way_through(page):
    for name in ("factor", "people"):
        page.open(f"?bundle=bundles/{name}/")
        ways = "return [...document.getElementById('way').options].map(({ value }) => value)"
        assert "examples" not in page.script(ways), name


def test_the_ways_are_those_of_the_signatures(page):
    page.open()
    ways = "return [...document.getElementById('way').options].map(({ text }) => text)"
    assert page.script(ways) == ["straight", "along the arc", "through the examples"]
    page.open("?preset=float32")
    page.set("way", "examples", "change")
    page.set("preset", "int8", "change")
    page.wait("return document.getElementById('timing').textContent.includes('int8')")
    assert page.find("way").get_attribute("value") == "examples"
