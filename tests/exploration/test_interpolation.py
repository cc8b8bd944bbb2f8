"""Paths between codes, compared with closed forms."""

import numpy as np
import pytest

import kvae
from tests.exploration import known_decoders
from tests.helpers import assert_same_in_float32
from tests.small import make_vae


def codes(*rows):
    return np.array(rows, "float32")


def test_a_line_has_even_steps_and_both_ends(rng):
    vae = known_decoders.linear(np.eye(2, 3))
    a, b = rng.normal(size=(4, 2)), rng.normal(size=(4, 2))

    found = kvae.interpolate(vae, a, b, steps=6)

    np.testing.assert_allclose(found.z[:, 0], a, rtol=1e-6)
    np.testing.assert_allclose(found.z[:, -1], b, rtol=1e-6)
    np.testing.assert_allclose(np.diff(found.z, axis=1)[:, 2], (b - a) / 5, atol=1e-6)
    # A linear decoder of orthogonal axes moves as far as the code does.
    np.testing.assert_allclose(found.energy, np.sum((b - a) ** 2, axis=1), rtol=1e-5)


def test_a_spherical_path_stays_on_the_sphere_at_even_angles():
    vae = known_decoders.linear(np.eye(3, 4))
    found = kvae.interpolate(vae, codes([2, 0, 0]), codes([0, 2, 0]), steps=4, path="spherical")

    angle = np.pi / 2 * np.arange(4) / 3
    expected = 2.0 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    np.testing.assert_allclose(found.z[0], expected, atol=1e-6)


@pytest.mark.parametrize("b", [[3.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 1e-7]])
def test_a_spherical_path_without_an_angle_is_the_line(b):
    vae = known_decoders.linear(np.eye(2, 3))
    ends = codes([1.0, 0.0]), codes(b)

    spherical = kvae.interpolate(vae, *ends, steps=5, path="spherical")

    line = kvae.interpolate(vae, *ends, steps=5)
    np.testing.assert_allclose(spherical.z, line.z, atol=1e-6)


def test_the_geodesic_of_polar_coordinates_is_the_chord():
    vae = known_decoders.polar()
    a, b = codes([1.0, 0.0], [2.0, 0.3]), codes([1.0, np.pi / 2], [1.0, 1.8])
    steps = 9

    found = kvae.interpolate(vae, a, b, steps=steps, path="geodesic")

    ends = found.decoded[:, 0], found.decoded[:, -1]
    # From (1, 0) to (1, pi/2) the line in coordinates is the arc, whose chords have
    # 2 sin(pi/32) each; the straight way has energy |(0, 1) - (1, 0)|^2 = 2.
    arc = (steps - 1) ** 2 * (2 * np.sin(np.pi / 4 / (steps - 1))) ** 2
    assert found.energy_linear[0] == pytest.approx(arc, rel=1e-5)
    np.testing.assert_allclose(found.energy, np.sum((ends[1] - ends[0]) ** 2, axis=-1), rtol=1e-4)
    share = np.linspace(0, 1, steps)[:, None]
    for pair in range(2):
        chord = (1 - share) * ends[0][pair] + share * ends[1][pair]
        # An energy within 1e-4 of the least one leaves points off by its square root.
        np.testing.assert_allclose(found.decoded[pair], chord, atol=1e-2)
    np.testing.assert_array_equal(found.z[:, 0], a)
    np.testing.assert_array_equal(found.z[:, -1], b)


def test_the_geodesic_of_a_linear_decoder_is_the_line(rng):
    vae = known_decoders.linear(rng.normal(size=(3, 5)))
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))

    found = kvae.interpolate(vae, a, b, steps=7, path="geodesic")

    np.testing.assert_allclose(found.z, kvae.interpolate(vae, a, b, steps=7).z, atol=1e-3)
    np.testing.assert_allclose(found.energy, found.energy_linear, rtol=1e-5)


def test_a_geodesic_never_takes_more_energy_than_the_line(trained_vae, digits):
    x = digits[1]

    found = kvae.interpolate(trained_vae, x[:4], x[4:8], path="geodesic", iterations=30)

    assert np.all(found.energy <= found.energy_linear)
    assert np.any(found.energy < 0.999 * found.energy_linear)
    # A path with equal ends is constant.
    same = kvae.interpolate(trained_vae, x[:2], x[:2], steps=4, path="geodesic")
    assert_same_in_float32(same.z, kvae.interpolate(trained_vae, x[:2], x[:2], steps=4).z)
    assert kvae.interpolate(trained_vae, x[:1], x[1:2], 2, "geodesic").z.shape == (1, 2, 2)


def test_a_geodesic_of_decoded_classes_is_refused():
    classes = kvae.layers.IndependentCategorical(4, num_classes=3)
    vae = make_vae(4, likelihood=classes)
    a, b = codes([0.0, 0.0]), codes([1.0, 1.0])
    with pytest.raises(ValueError, match=r'with path="geodesic".*which decodes classes'):
        kvae.interpolate(vae, a, b, steps=4, path="geodesic")


def test_examples_start_from_their_posterior_means(trained_vae, digits):
    x = digits[1]
    mean, _ = trained_vae.encode(x[:4])

    from_examples = kvae.interpolate(trained_vae, x[:2], x[2:4], steps=3)
    from_codes = kvae.interpolate(trained_vae, mean[:2], mean[2:4], steps=3)

    assert_same_in_float32(from_examples.z, from_codes.z)
    assert from_examples.decoded.shape == (2, 3, 8, 8, 1)
    np.testing.assert_allclose(from_examples.decoded[:, 0], trained_vae.decode(mean[:2]), atol=1e-6)


def test_interpolation_changes_no_weight(trained_vae, digits):
    before = [np.array(weight) for weight in trained_vae.weights]

    kvae.interpolate(trained_vae, digits[1][:1], digits[1][1:2], path="geodesic", iterations=3)

    for weight, was in zip(trained_vae.weights, before, strict=True):
        np.testing.assert_array_equal(np.array(weight), was)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 1}, "Expected steps to be at least 2"),
        ({"path": "curved"}, "Expected path to be one of .*'geodesic'.* path='curved'"),
        ({"b": np.zeros((3, 2))}, "Expected a and b to hold as many. Received: 2 in a and 3 in b"),
        ({"a": np.zeros((2, 5))}, r"Expected a to hold codes \(n, 2\) or examples \(n, 8, 8, 1\)"),
        ({"a": np.zeros(2)}, r"Received: shape \(2,\). Add a batch axis: x\[None\]"),
        ({"a": np.full((2, 2), np.nan)}, "Expected a to hold codes of finite numbers"),
        ({"a": np.full((2, 8, 8, 1), 255)}, "Divide 8-bit pixels by 255"),
        (
            {"encoded": False},
            r"Expected a to hold examples \(n, 8, 8, 1\). Received: shape \(2, 2\)",
        ),
        ({"iterations": 0}, "Expected iterations to be a positive integer"),
    ],
)
def test_invalid_arguments_are_refused(vae, arguments, message):
    with pytest.raises(ValueError, match=message):
        kvae.interpolate(vae, **{"a": np.zeros((2, 2)), "b": np.ones((2, 2)), **arguments})


def test_codes_with_the_shape_of_examples_need_the_argument_encoded():
    vae = known_decoders.linear(np.eye(3))
    a, b = np.zeros((1, 3)), np.ones((1, 3))

    with pytest.raises(ValueError, match="Expected encoded to be True or False"):
        kvae.interpolate(vae, a, b)
    np.testing.assert_array_equal(kvae.interpolate(vae, a, b, encoded=True).z[:, -1], b)
    mean, _ = vae.encode(b)
    assert_same_in_float32(kvae.interpolate(vae, a, b, encoded=False).z[:, -1], mean)
