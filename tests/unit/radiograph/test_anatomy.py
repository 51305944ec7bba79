"""Diameters and areas of drawn chests come out as drawn; what is no chest is not believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from ecg_engine import vocabulary
from ecg_engine.errors import InputError, ModelError
from ecg_engine.models import load_model
from ecg_engine.radiograph import _outlines
from ecg_engine.radiograph._trust import Trust
from ecg_engine.radiograph.anatomy import MODEL, ctr_lines, measure_anatomy, ratio_signs, segment
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


@pytest.mark.parametrize("shape", [(255, 255), (512, 256), (0, 0), (512,)])
def test_other_squares_are_refused(shape):
    with pytest.raises(InputError, match="square"):
        segment(np.zeros(shape, np.float32), inside=(0, 0, 1, 1))


@pytest.mark.parametrize("inside", [(-1, 0, 10, 10), (0, 0, 513, 10), (500, 0, 20, 20), (0, 0, 0, 10)])
def test_a_picture_outside_the_square_is_refused(inside):
    with pytest.raises(InputError, match="inside"):
        segment(np.zeros((SIZE, SIZE), np.float32), inside=inside)


# ------------------------------------------------------------------------------------------------------------- parts


def three(part):
    """The same logits for the right lung, the left one and the heart."""
    return np.stack([part] * 3)


def test_a_part_is_one_piece_without_holes():
    logits = np.full((64, 64), -2.0, np.float32)
    logits[10:40, 10:40] = 3.0
    logits[20:24, 20:24] = -1.0  # a hole
    logits[50:55, 50:55] = 5.0  # another piece, smaller but surer
    mask = _outlines.masks_of(three(logits), (0, 0, 64, 64), 64)[0]
    expected = np.zeros((64, 64), bool)
    expected[10:40, 10:40] = True
    np.testing.assert_array_equal(mask, expected)


def test_an_inlet_is_no_hole():
    logits = np.full((64, 64), -2.0, np.float32)
    logits[10:40, 10:] = 3.0
    logits[20:24, 30:] = -1.0
    mask = _outlines.masks_of(three(logits), (0, 0, 64, 64), 64)[0]
    np.testing.assert_array_equal(mask, logits > 0)


def test_nothing_is_outlined_outside_the_picture():
    for mask in _outlines.masks_of(np.full((3, 64, 64), 2.0, np.float32), (0, 32, 128, 64), 128):
        assert mask[:, 32:96].all()
        assert not mask[:, :32].any()
        assert not mask[:, 96:].any()


def test_what_sticks_out_of_the_heart_is_taken_off_and_the_rest_stays():
    """Lungs 100 wide: an opening by a disc of radius 3 keeps a disc of radius 20 and a bar of 9 rows, not one of 4."""
    rows, columns = np.mgrid[:128, :128]
    lungs = np.full((2, 128, 128), -1.0, np.float32)
    lungs[0, 20:100, 10:50], lungs[1, 20:100, 70:110] = 1.0, 1.0
    disc = (rows - 64) ** 2 + (columns - 60) ** 2 <= 400
    bar = (rows >= 62) & (rows < 66) & (columns >= 60)
    heart = np.where(disc | (bar & (columns < 110)), 1.0, -1.0).astype(np.float32)
    left = _outlines.without_tongues(heart, lungs) > 0
    expected = ndimage.binary_opening(heart > 0, (np.mgrid[-3:4, -3:4] ** 2).sum(0) <= 9)
    assert (left ^ expected).sum() <= 8
    assert not left[:, 90:].any()
    assert left[disc].mean() > 0.98
    thick = np.where(disc | ((abs(rows - 64) <= 4) & (columns >= 60) & (columns < 110)), 1.0, -1.0).astype(np.float32)
    assert (_outlines.without_tongues(thick, lungs) > 0)[64, 100]


def test_the_shortfall_is_that_of_the_dice_to_be_expected():
    """Four pixels claimed at 0.9, four denied at 0.2: 2 * 3.6 over 4.4 + 4."""
    chance = np.array([[0.9] * 4, [0.2] * 4], np.float32)
    assert _outlines.shortfall(np.log(chance / (1 - chance))) == pytest.approx(1 - 7.2 / 8.4, abs=1e-5)


def test_no_ratio_signs_without_a_heart():
    logits = np.full((3, 128, 128), -8.0, np.float32)
    logits[0, 20:100, 10:55], logits[1, 20:100, 70:115] = 8.0, 8.0
    masks = _outlines.masks_of(logits, WHOLE, SIZE)
    assert ratio_signs(logits, masks, WHOLE) is None


def test_a_blurred_heart_has_a_wider_ratio_than_a_sharp_one():
    columns = np.arange(128)
    spreads = []
    for softness in (3.0, 12.0):
        logits = np.full((3, 128, 128), -8.0, np.float32)
        logits[0, 20:100, 10:55], logits[1, 20:100, 70:115] = 8.0, 8.0
        logits[2, 40:100] = (25.0 - np.abs(columns - 62.5)) / softness
        masks = _outlines.masks_of(logits, WHOLE, SIZE)
        spreads.append(np.exp(ratio_signs(logits, masks, WHOLE)[0]) - 1e-3)
    # The odds are 3 to 1 where the logit is log 3: softness times that on either side, over 105 pixels of thorax.
    assert spreads[0] == pytest.approx(2 * 3 * np.log(3) / 105, rel=0.1)
    assert spreads[1] == pytest.approx(2 * 12 * np.log(3) / 105, rel=0.1)


def test_trust_weighs_the_signs():
    trust = Trust(lungs=(1.0, 2.0), lungs_offset=-3.0, ratio=(1.0,), ratio_offset=np.log(2.0), ratio_most=0.1)
    assert trust.confidence(np.array([1.0, 1.0], np.float32)) == pytest.approx(0.5)
    assert trust.ratio_error(np.log(np.array([0.04], np.float32))) == pytest.approx(0.08)
    assert trust.ratio_error(np.log(np.array([0.06], np.float32))) is None
    assert trust.ratio_error(None) is None


def test_a_card_without_trust_is_named():
    card = load_model(MODEL).card
    with pytest.raises(ModelError, match="trust"):
        Trust.of(replace(card, document={}))


def test_the_ratio_comes_with_its_error():
    one = replace(chest(), ratio_error=0.03)
    assert measured(one)["cardiothoracic_ratio_error"] == 0.03
    assert "cardiothoracic_ratio_error" not in measured(chest())


def test_a_damaged_network_is_named(tmp_path, monkeypatch):
    def missing(name):
        raise ModelError(f"model {name!r}: no card")

    monkeypatch.setattr("ecg_engine.radiograph.anatomy.load_model", missing)
    with pytest.raises(ModelError, match=MODEL):
        segment(np.zeros((SIZE, SIZE), np.float32), inside=WHOLE)
