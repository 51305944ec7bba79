"""Each fault drawn into a phantom is named, and the phantom without faults is not complained of."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine import vocabulary
from ecg_engine.radiograph.quality import LIMITS, judge_quality, markers
from ecg_engine.types import Anatomy

SIZE = 512
WHOLE = (0, 0, SIZE, SIZE)
FINE = (2000, 2000)
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]


def box(top, left, bottom, right):
    return (top <= ROWS) & (bottom > ROWS) & (left <= COLUMNS) & (right > COLUMNS)


def anatomy(*, right=(100, 100, 400, 220), left=(100, 280, 400, 400), confidence=0.9):
    heart = box(200, 190, 390, 330)
    return Anatomy(right_lung=box(*right), left_lung=box(*left), heart=heart, confidence=confidence, method="drawn")


def picture(of, *, lungs=0.3, rest=0.6, marker=True):
    square = np.where(of.right_lung | of.left_lung, np.float32(lungs), np.float32(rest))
    if marker:
        draw_letter(square)
    return square


def draw_letter(square, at=(30, 430)):
    """Draw an L of 24 x 16 pixels."""
    row, column = at
    square[row : row + 24, column : column + 4] = 1.0
    square[row + 20 : row + 24, column : column + 16] = 1.0


def judged(square, of, *, inside=WHOLE, shape=FINE, burned_in=None):
    return judge_quality(square, inside=inside, anatomy=of, shape=shape, burned_in=burned_in)


def test_a_good_radiograph_has_no_complaints():
    of = anatomy()
    quality, numbers = judged(picture(of), of)
    assert quality.acceptable
    assert quality.reasons == ()
    assert numbers["chest_contrast_percent"] == pytest.approx(30, abs=0.1)


def test_black_lungs_are_overexposed():
    of = anatomy()
    square = picture(of)
    square[100:140, 100:220] = 0.0
    quality, numbers = judged(square, of)
    assert quality.reasons == ("overexposed",)
    assert not quality.acceptable
    assert numbers["black_in_lungs_percent"] == pytest.approx(100 * 40 * 120 / (2 * 300 * 120))


def test_black_around_the_patient_is_no_fault():
    of = anatomy()
    square = picture(of, marker=False)
    square[:, :60] = 0.0
    draw_letter(square)
    assert judged(square, of)[0].reasons == ()


def test_a_white_mediastinum_is_underexposed():
    of = anatomy()
    square = picture(of)
    square[100:400, 220:280] = 1.0
    quality, numbers = judged(square, of)
    assert "underexposed" in quality.reasons
    assert numbers["white_in_chest_percent"] == pytest.approx(20)


def test_flat_greys_are_low_contrast():
    of = anatomy()
    assert "low_contrast" in judged(picture(of, lungs=0.5, rest=0.55), of)[0].reasons


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
def test_a_side_that_cuts_a_lung_is_named(side):
    of = anatomy()
    inside = {
        "top": (100, 0, 412, SIZE),
        "bottom": (0, 0, 400, SIZE),
        "left": (0, 100, SIZE, 412),
        "right": (0, 0, SIZE, 400),
    }[side]
    quality, _ = judged(picture(of), of, inside=inside)
    assert "cropped" in quality.reasons
    assert not quality.acceptable


def test_a_lung_that_only_touches_a_side_is_not_cut():
    of = anatomy(right=(100, 100, 400, 220))
    lung = of.right_lung.copy()
    lung[300:340, 90:100] = True  # 40 of 300 rows reach the side
    touching = Anatomy(right_lung=lung, left_lung=of.left_lung, heart=of.heart, confidence=0.9, method="drawn")
    assert "cropped" not in judged(picture(of), touching, inside=(0, 90, SIZE, 422))[0].reasons


def test_a_cut_lung_is_named_even_where_the_outlines_are_unsure():
    of = anatomy(confidence=0.2)
    quality, _ = judged(picture(of), of, inside=(0, 100, SIZE, 412))
    assert {"cropped", "lungs_unclear"} <= set(quality.reasons)


@pytest.mark.parametrize("inside", [(0, 80, SIZE, 210), (0, 80, SIZE, 400)])
def test_a_lung_of_which_nothing_is_seen_is_cut_off_where_there_is_no_room_for_it(inside):
    """A lone lung, 120 wide, in the columns 100 to 220; another and what lies between need more than its own width."""
    one = anatomy(left=(0, 0, 0, 0), confidence=0.1)
    quality, numbers = judged(picture(anatomy()), one, inside=inside)
    assert ("cropped" in quality.reasons) is (inside[3] == 210)
    assert numbers["cut_share_percent"] == (100.0 if inside[3] == 210 else 0.0)


def test_a_turned_patient_by_the_spine_off_the_middle():
    """Inner borders 20 pixels to the right between walls 300 apart."""
    of = anatomy(right=(100, 100, 400, 240), left=(100, 300, 400, 400))
    quality, numbers = judged(picture(of), of)
    assert numbers["rotation_percent"] == pytest.approx(100 * 20 / 300, rel=0.01)
    assert "rotated_patient" in quality.reasons
    assert quality.acceptable


def test_costophrenic_angles_do_not_turn_the_patient():
    of = anatomy()
    lung = of.right_lung & ~box(340, 140, 400, 220)
    one = Anatomy(right_lung=lung, left_lung=of.left_lung, heart=of.heart, confidence=0.9, method="drawn")
    assert judged(picture(of), one)[1]["rotation_percent"] == pytest.approx(0.0, abs=0.01)


def test_low_resolution_is_named_and_can_be_read():
    of = anatomy()
    limit = int(LIMITS["shorter_side_px"])
    quality, _ = judged(picture(of), of, shape=(limit - 1, 4000))
    assert quality.reasons == ("low_resolution",)
    assert quality.acceptable
    assert judged(picture(of), of, shape=(limit, 4000))[0].reasons == ()


def test_a_marker_is_found_where_it_was_drawn():
    of = anatomy()
    (top, left, bottom, right), *more = markers(picture(of), WHOLE, of)
    assert not more
    assert abs(top - 30) <= 2 and abs(left - 430) <= 2 and abs(bottom - 54) <= 2 and abs(right - 446) <= 2


def test_a_missing_marker_is_said_and_does_no_harm():
    of = anatomy()
    quality, _ = judged(picture(of, marker=False), of)
    assert quality.reasons == ("marker_unseen",)
    assert quality.acceptable
    assert judged(picture(of, marker=False), of, burned_in=True)[0].reasons == ()


@pytest.mark.parametrize("place", [(400, 430), (30, 250), (200, 330)])
def test_no_marker_low_down_in_the_middle_or_on_a_lung(place):
    of = anatomy()
    square = picture(of, marker=False)
    draw_letter(square, place)
    assert markers(square, WHOLE, of) == []


def test_a_wire_and_a_block_are_no_markers():
    of = anatomy()
    square = picture(of, marker=False)
    square[20:22, 20:120] = 1.0
    square[20:60, 430:470] = 1.0
    assert markers(square, WHOLE, of) == []


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_one_grey_without_anatomy(grey):
    quality, numbers = judged(np.full((SIZE, SIZE), grey, np.float32), None)
    assert "low_contrast" in quality.reasons
    assert not quality.acceptable
    assert "cropped" not in quality.reasons and "marker_unseen" not in quality.reasons
    assert numbers["grey_range_percent"] == 0.0


def test_every_code_has_its_texts():
    codes = (
        "overexposed", "underexposed", "low_contrast", "cropped", "rotated_patient", "low_resolution",
        "marker_unseen", "lungs_unclear",
    )  # fmt: skip
    for code in codes:
        assert all(vocabulary.note_text(code, lang) for lang in vocabulary.LANGUAGES)
    of = anatomy()
    for numbers in (judged(picture(of), of)[1], judged(picture(of), None)[1]):
        assert set(numbers) <= set(vocabulary.quantities())
