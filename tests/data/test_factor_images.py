"""Sprites and faces: the images agree with their factors."""

import numpy as np
import pytest

from kvae.data import faces, sprite_pairs, sprites
from kvae.data.sprites import SHAPES


@pytest.mark.parametrize("make", [sprites, faces])
def test_the_same_arguments_give_the_same_pictures(make):
    first, second, other = make(5, seed=3), make(5, seed=3), make(5, seed=4)

    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.factors, second.factors)
    assert not np.array_equal(first.images, other.images)


@pytest.mark.parametrize("make", [sprites, faces])
def test_pictures_are_float32_in_the_unit_interval_with_soft_edges(make):
    images = make(8, resolution=32).images

    assert images.shape == (8, 32, 32, 1)
    assert images.dtype == np.float32
    assert images.min() >= 0.0
    assert images.max() <= 1.0
    assert np.any((images > 0.05) & (images < 0.95), axis=(1, 2, 3)).all()


def test_a_sprites_centre_of_mass_and_area_follow_its_factors():
    made = sprites(200, resolution=48)
    shape, size, _, x, y = made.factors.T
    mass = made.images.sum(axis=(1, 2, 3)) / 48**2
    centres = (np.arange(48) + 0.5) / 48
    centre_x = (made.images[..., 0].sum(axis=1) * centres).sum(axis=1) / (mass * 48**2)
    centre_y = (made.images[..., 0].sum(axis=2) * centres).sum(axis=1) / (mass * 48**2)

    whole = shape != SHAPES.index("heart")  # a heart's centre of mass is not its centre
    np.testing.assert_allclose(centre_x[whole], x[whole], atol=2e-3)
    np.testing.assert_allclose(centre_y[whole], y[whole], atol=2e-3)
    square = shape == SHAPES.index("square")
    # A square of half side 0.8 size; a rotated soft edge costs or adds under 3%.
    np.testing.assert_allclose(mass[square], (1.6 * size[square]) ** 2, rtol=0.03)
    ellipse = shape == SHAPES.index("ellipse")
    np.testing.assert_allclose(mass[ellipse], np.pi * 0.5 * size[ellipse] ** 2, rtol=0.03)


def test_colour_is_a_factor_of_its_own():
    made = sprites(30, resolution=16, colour=True)

    assert made.images.shape == (30, 16, 16, 3)
    assert made.names[-1] == "colour"
    assert made.discrete == (True, False, False, False, False, True)
    strongest = made.images.sum(axis=(1, 2)).argmax(axis=1)
    np.testing.assert_array_equal(strongest, made.factors[:, -1])


@pytest.mark.parametrize("changed", [1, 3, None])
@pytest.mark.parametrize("colour", [False, True])
def test_the_sprites_of_a_pair_differ_in_the_factors_that_changed(changed, colour):
    made = sprite_pairs(400, changed, resolution=8, colour=colour)
    first, second = made.first.factors, made.second.factors

    np.testing.assert_array_equal(first != second, made.changed)
    counts = made.changed.sum(axis=1)
    assert set(counts) == ({changed} if changed else set(range(1, first.shape[1])))
    share = counts.mean() / first.shape[1]  # every factor as often as any other, within 5 sigma
    np.testing.assert_allclose(made.changed.mean(axis=0), share, atol=5 * np.sqrt(0.25 / 400))
    assert made.second.images.shape == made.first.images.shape == made.inputs()["pair"].shape
    same = np.all(made.first.images == made.second.images, axis=(1, 2, 3))
    assert same.mean() < 0.05


def test_both_sprites_of_a_pair_have_the_factors_of_sprites():
    made, alone = sprite_pairs(4000, 2, resolution=8), sprites(4000, resolution=8)
    for images in (made.first, made.second):
        assert images.names == alone.names
        assert images.discrete == alone.discrete
        deviation = alone.factors.std(axis=0)
        for moment in (np.mean, np.std):
            difference = moment(images.factors, axis=0) - moment(alone.factors, axis=0)
            assert np.all(np.abs(difference) < 5 * np.sqrt(2 / 4000) * deviation)


def test_the_same_arguments_give_the_same_pairs():
    first, second = sprite_pairs(5, seed=3), sprite_pairs(5, seed=3)

    np.testing.assert_array_equal(first.second.images, second.second.images)
    np.testing.assert_array_equal(first.changed, second.changed)


def test_faces_of_one_identity_differ_in_pose_only():
    made = faces(6, identities=2)

    np.testing.assert_array_equal(made.factors[0, :4], made.factors[2, :4])
    assert not np.allclose(made.factors[0, :4], made.factors[1, :4])
    assert not np.allclose(made.factors[0, 4:], made.factors[2, 4:])


@pytest.mark.parametrize("factor", range(7))
def test_every_factor_of_a_face_changes_the_picture(factor):
    from kvae.data.faces import _draw

    low, high = np.zeros(7), np.zeros(7)
    low[factor], high[factor] = -1.0, 1.0

    assert np.abs(_draw(low, 32) - _draw(high, 32)).max() > 0.1


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: sprites(0), "n"),
        (lambda: sprites(1, resolution=4), "resolution"),
        (lambda: sprite_pairs(0), "n"),
        (lambda: sprite_pairs(1, resolution=4), "resolution"),
        (lambda: sprite_pairs(1, changed=0), "changed"),
        (lambda: sprite_pairs(1, changed=5), "changed"),
        (lambda: faces(1, resolution=8), "resolution"),
        (lambda: faces(2, identities=0), "identities"),
    ],
)
def test_bad_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=f"Expected {name} .* Received: {name}="):
        call()
