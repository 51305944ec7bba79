"""Diameters and areas of drawn chests come out as drawn; what is no chest is not believed."""

from __future__ import annotations

import hashlib
import tomllib
from importlib.resources import files

import numpy as np
import pytest
from scipy import ndimage

from ecg_engine import vocabulary
from ecg_engine.errors import InputError
from ecg_engine.radiograph import _lungs
from ecg_engine.radiograph.anatomy import ctr_lines, measure_anatomy, segment
from ecg_engine.types import Anatomy

SIZE = 512
WHOLE = (0, 0, SIZE, SIZE)
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]


def box(top, left, bottom, right):
    return (top <= ROWS) & (bottom > ROWS) & (left <= COLUMNS) & (right > COLUMNS)


def chest(*, shift=0, heart=(190, 330), confidence=1.0):
    """Lungs of 100..220 and 280..400 (midline at 250, 300 wide), and a heart that ends at the given columns."""
    return Anatomy(
        right_lung=box(100, 100 + shift, 400, 220 + shift),
        left_lung=box(100, 280 + shift, 400, 400 + shift),
        heart=box(200, heart[0] + shift, 390, heart[1] + shift),
        confidence=confidence,
        method="drawn",
    )


def measured(anatomy, *, inside=WHOLE, shape=(SIZE, SIZE), spacing_mm=None):
    return measure_anatomy(anatomy, inside=inside, shape=shape, spacing_mm=spacing_mm)


# ----------------------------------------------------------------------------------------------- cardiothoracic ratio


@pytest.mark.parametrize("heart", [(190, 330), (220, 370), (180, 300)])
def test_the_ratio_is_right_plus_left_half_over_the_thorax(heart):
    assert measured(chest(heart=heart))["cardiothoracic_ratio"] == pytest.approx((heart[1] - heart[0]) / 300, abs=1e-6)


def test_the_halves_are_taken_at_different_heights():
    drawn = chest()
    heart = box(200, 240, 390, 250) | box(280, 200, 300, 250) | box(350, 250, 370, 350)
    one = Anatomy(right_lung=drawn.right_lung, left_lung=drawn.left_lung, heart=heart, confidence=1.0, method="drawn")
    assert measured(one)["cardiothoracic_ratio"] == pytest.approx(150 / 300, abs=1e-6)


def test_rounded_lungs_and_heart_within_one_percent():
    """Ellipses: from 160 - 70 to 340 + 70 is the thorax, twice 75 the heart."""
    right = ((ROWS - 250) / 170) ** 2 + ((COLUMNS - 160.0) / 70) ** 2 < 1
    left = ((ROWS - 250) / 170) ** 2 + ((COLUMNS - 340.0) / 70) ** 2 < 1
    heart = ((ROWS - 310) / 80) ** 2 + ((COLUMNS - 265.0) / 75) ** 2 < 1
    one = Anatomy(right_lung=right, left_lung=left, heart=heart, confidence=0.9, method="drawn")
    assert measured(one)["cardiothoracic_ratio"] == pytest.approx(150 / 320, rel=0.01)


def test_a_heart_wholly_left_of_the_midline_has_no_right_half():
    lines = ctr_lines(chest(heart=(260, 360)))
    assert lines.heart_width == pytest.approx(110)  # from the midline at 249.5 to 359.5


def test_great_vessels_do_not_widen_the_heart():
    drawn = chest()
    heart = drawn.heart | box(200, 150, 230, 370)
    one = Anatomy(right_lung=drawn.right_lung, left_lung=drawn.left_lung, heart=heart, confidence=1.0, method="drawn")
    assert measured(one)["cardiothoracic_ratio"] == pytest.approx(140 / 300, abs=1e-6)


def test_the_lines_lie_where_they_are_drawn():
    lines = ctr_lines(chest())
    assert lines.midline[0][1] == pytest.approx(249.5)
    assert lines.midline[1][1] == pytest.approx(249.5)
    assert lines.heart_right[1][1] == pytest.approx(189.5)
    assert lines.heart_left[1][1] == pytest.approx(329.5)
    assert (lines.thorax[0][1], lines.thorax[1][1]) == (99.5, 399.5)


@pytest.mark.parametrize("missing", ["right_lung", "left_lung", "heart"])
def test_no_ratio_without_one_of_the_three(missing):
    parts = {name: getattr(chest(), name) for name in ("right_lung", "left_lung", "heart")}
    parts[missing] = np.zeros((SIZE, SIZE), bool)
    one = Anatomy(**parts, confidence=1.0, method="drawn")
    assert ctr_lines(one) is None
    assert "cardiothoracic_ratio" not in measured(one)


def test_no_ratio_where_a_side_of_the_picture_cuts_the_chest_wall():
    got = measured(chest(), inside=(0, 100, SIZE, 412))
    assert "cardiothoracic_ratio" not in got
    assert "lung_area_right_percent" in got


def test_nothing_is_measured_without_confidence():
    assert measured(chest(confidence=0.49), spacing_mm=(1.0, 1.0)) == {}


# ------------------------------------------------------------------------------------------------- size and areas


def test_widths_and_areas_in_the_patients_scale():
    """A file of 2048 x 1024 pixels of 0.2 x 0.1 mm: a column of the square stands for 4 of them."""
    inside = (0, 128, 512, 256)
    one = Anatomy(
        right_lung=box(100, 140, 400, 220),
        left_lung=box(100, 280, 400, 360),
        heart=box(200, 200, 390, 300),
        confidence=1.0,
        method="drawn",
    )
    got = measured(one, inside=inside, shape=(2048, 1024), spacing_mm=(0.2, 0.1))
    assert got["heart_width_mm"] == pytest.approx(100 * 4 * 0.1)
    assert got["thorax_width_mm"] == pytest.approx(220 * 4 * 0.1)
    assert got["lung_area_right_cm2"] == pytest.approx(300 * 80 * 4 * 0.2 * 4 * 0.1 / 100)
    assert got["lung_area_right_percent"] == pytest.approx(100 * 300 * 80 / (512 * 256))


def test_no_millimetres_without_a_spacing():
    assert not [code for code in measured(chest()) if code.endswith(("_mm", "_cm2"))]


def test_symmetry_is_the_smaller_over_the_larger():
    drawn = chest()
    one = Anatomy(
        right_lung=drawn.right_lung, left_lung=box(100, 310, 400, 400), heart=drawn.heart, confidence=1.0, method=""
    )
    assert measured(one)["lung_symmetry_percent"] == pytest.approx(75.0)


def test_every_quantity_is_in_the_vocabulary():
    for code in measured(chest(), spacing_mm=(0.1, 0.1)):
        assert code in vocabulary.quantities()


# -------------------------------------------------------------------------------------------------- what is no chest


@pytest.mark.parametrize("grey", [0.0, 0.4, 1.0])
def test_one_grey_is_not_believed(grey):
    got = segment(np.full((SIZE, SIZE), grey, np.float32), inside=WHOLE)
    assert got.confidence == 0.0
    assert not got.right_lung.any()


@pytest.mark.parametrize("blur", [0, 2, 8, 30])
def test_noise_is_not_believed(rng, blur):
    for _ in range(10):
        noise = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE)), blur)
        noise = ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)
        assert segment(noise, inside=WHOLE).confidence < 0.5


@pytest.mark.parametrize("picture", [ROWS / SIZE, COLUMNS / SIZE, (ROWS + COLUMNS) % 64 / 64.0, ROWS % 2 * 1.0])
def test_ramps_and_stripes_are_not_believed(picture):
    assert segment(picture.astype(np.float32), inside=WHOLE).confidence < 0.5


def test_a_single_row_of_picture_is_no_error():
    square = np.zeros((SIZE, SIZE), np.float32)
    square[255] = np.linspace(0, 1, SIZE)
    assert segment(square, inside=(255, 0, 1, SIZE)).confidence < 0.5


def test_samples_that_are_no_numbers_are_not_believed():
    square = np.full((SIZE, SIZE), np.nan, np.float32)
    assert segment(square, inside=WHOLE).confidence == 0.0


@pytest.mark.parametrize("shape", [(500, 500), (512, 256), (0, 0), (512,)])
def test_other_squares_are_refused(shape):
    with pytest.raises(InputError, match="square"):
        segment(np.zeros(shape, np.float32), inside=(0, 0, 1, 1))


@pytest.mark.parametrize("inside", [(-1, 0, 10, 10), (0, 0, 513, 10), (500, 0, 20, 20), (0, 0, 0, 10)])
def test_a_picture_outside_the_square_is_refused(inside):
    with pytest.raises(InputError, match="inside"):
        segment(np.zeros((SIZE, SIZE), np.float32), inside=inside)


# ------------------------------------------------------------------------------------------------------------- parts


def test_outline_mask_is_the_even_odd_rule(rng):
    for _ in range(5):
        outline = rng.uniform(-5, 45, (7, 2))
        got = _lungs.outline_mask(outline, 40)
        for row, column in rng.integers(0, 40, (200, 2)):
            crossed = False
            for (a, b), (c, d) in zip(outline, np.roll(outline, -1, 0), strict=True):
                if (a <= row) != (c <= row) and column >= b + (row - a) * (d - b) / (c - a):
                    crossed = not crossed
            assert got[row, column] == crossed


def test_sample_is_bilinear(rng):
    picture = rng.random((128, 128), np.float32)
    rows, columns = rng.uniform(0, 126, (2, 500))
    expected = ndimage.map_coordinates(picture, [rows, columns], order=1)
    np.testing.assert_allclose(_lungs.sample(picture, rows, columns), expected, atol=1e-5)


def test_local_contrast_does_not_see_brightness_and_contrast(rng):
    small = ndimage.gaussian_filter(rng.random((128, 128)), 3).astype(np.float32)
    mask = np.zeros((128, 128), bool)
    mask[10:120, 20:110] = True
    once, again = (_lungs.local_contrast(one, mask) for one in (small, (0.3 + 0.5 * small).astype(np.float32)))
    np.testing.assert_allclose(once, again, atol=0.01)
    assert not once[~mask].any()
    assert once[mask].std() > 0.5


def test_the_prior_is_small_and_says_where_it_is_from():
    folder = files("ecg_engine.radiograph")
    stored = (folder / "anatomy_prior.npz").read_bytes()
    card = tomllib.loads((folder / "anatomy_prior.toml").read_text("utf-8"))
    assert len(stored) <= 100_000
    assert hashlib.sha256(stored).hexdigest() == card["sha256"]
    assert all(one["licence"] for one in card["data"])
