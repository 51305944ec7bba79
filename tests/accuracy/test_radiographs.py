"""Floors of outlines, cardiothoracic ratio and quality on reference radiographs: they only rise.

The 25 images of chest_anatomy marked NC were never learnt from; of lung_masks most were, so its floors are those of
development.
"""

from __future__ import annotations

import csv
from functools import cache

import numpy as np
import pytest
from PIL import Image

import ecg_engine as ee
from ecg_engine.radiograph.anatomy import ctr_lines, measure_anatomy, segment
from ecg_engine.radiograph.preparation import fit, prepare
from ecg_engine.radiograph.quality import judge_quality
from ecg_engine.types import Anatomy, Radiograph

SIZE = 512
FINE = (2000, 2000)


def rows_of(folder):
    with (folder / "labels.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def mask_of(path, shape):
    top, left, rows, columns = fit(shape, SIZE)
    out = np.zeros((SIZE, SIZE), bool)
    drawn = Image.open(path).convert("L").resize((columns, rows), Image.Resampling.NEAREST)
    out[top : top + rows, left : left + columns] = np.asarray(drawn) > 0
    return out


def dice(a, b):
    return 2 * (a & b).sum() / max(a.sum() + b.sum(), 1)


def looked_at(radiograph):
    square, inside = prepare(radiograph, size=SIZE), fit(radiograph.shape, SIZE)
    return square, inside, segment(square, inside=inside)


@cache
def unseen(folder):
    """Return (radiograph, drawn anatomy, square, inside, found anatomy) of the images that nothing was learnt from."""
    out = []
    for row in rows_of(folder):
        drawn = [row[part] for part in ("right_lung", "left_lung", "cardiomediastinum")]
        if "NC" in row["license"] and all(drawn):
            radiograph = ee.read_radiograph(folder / row["file"])
            right, left, heart = (mask_of(folder / one, radiograph.shape) for one in drawn)
            truth = Anatomy(right_lung=right, left_lung=left, heart=heart, confidence=1.0, method="drawn")
            out.append((radiograph, truth, *looked_at(radiograph)))
    assert len(out) == 25
    return out


@cache
def frontal(folder, step=6):
    """Return (radiograph, drawn lungs, square, inside, found anatomy) of every sixth frontal image."""
    out = []
    for row in [row for row in rows_of(folder) if row["view"] != "L"][::step]:
        radiograph = ee.read_radiograph(folder / row["file"])
        out.append((radiograph, mask_of(folder / row["mask"], radiograph.shape), *looked_at(radiograph)))
    return out


def test_lungs_of_images_never_learnt_from(data):
    cases = unseen(data / "cxr" / "chest_anatomy")
    found = [(dice(a.right_lung, truth.right_lung), dice(a.left_lung, truth.left_lung)) for _, truth, _, _, a in cases]
    assert np.mean(found) >= 0.95


def test_hearts_of_images_never_learnt_from(data):
    cases = unseen(data / "cxr" / "chest_anatomy")
    found = [dice(a.heart, truth.heart) for _, truth, _, _, a in cases if a.heart.any()]
    assert len(found) >= 0.7 * len(cases)
    assert np.mean(found) >= 0.93


def test_cardiothoracic_ratio_of_images_never_learnt_from(data):
    errors, bounds = [], []
    cases = unseen(data / "cxr" / "chest_anatomy")
    for radiograph, truth, _, inside, anatomy in cases:
        got = measure_anatomy(anatomy, inside=inside, shape=radiograph.shape, spacing_mm=None)
        lines = ctr_lines(truth)
        if "cardiothoracic_ratio" in got:
            errors.append(abs(got["cardiothoracic_ratio"] - lines.heart_width / lines.thorax_width))
            bounds.append(got["cardiothoracic_ratio_error"])
    # 17 of 25. It was 19 while the bound was narrower than what out-of-fold errors keep nine times of ten.
    assert len(errors) >= 0.68 * len(cases)
    assert np.mean(errors) <= 0.02  # a constant has 0.05
    assert np.mean(np.array(errors) <= bounds) >= 0.9  # said of nine in ten


def test_lungs_and_what_confidence_says_of_them(data):
    cases = frontal(data / "cxr" / "lung_masks", step=1)  # ten in 292 are not sure
    overlap = np.array([dice(a.right_lung | a.left_lung, lungs) for _, lungs, _, _, a in cases])
    sure = np.array([a.confidence >= 0.5 for *_, a in cases])
    assert overlap.mean() >= 0.95
    assert sure.mean() >= 0.95
    assert overlap[sure].mean() > overlap[~sure].mean() + 0.03


def lies_along_a_side(lungs, inside):
    """Return whether the drawn lungs lie along a side of the picture for a fifth of their own width or height.

    What comes as near as a 64th of the square lies along it: nobody draws to the last pixel.
    """
    top, left, rows, columns = inside
    part = lungs[top : top + rows, left : left + columns]
    high, wide, near = part.any(1).sum(), part.any(0).sum(), SIZE // 64
    across = [band.any(0).sum() / wide for band in (part[:near], part[-near:])]
    return max(*across, *(band.any(1).sum() / high for band in (part[:, :near], part[:, -near:]))) > 0.2


def test_few_complaints_of_untouched_images(data):
    cases = [case for case in frontal(data / "cxr" / "lung_masks") if not lies_along_a_side(case[1], case[3])]
    assert len(cases) >= 35
    said = [judge_quality(s, inside=i, anatomy=a, shape=FINE)[0].reasons for _, _, s, i, a in cases]
    for codes in ({"cropped"}, {"overexposed", "underexposed"}, {"low_contrast"}, {"rotated_patient"}):
        assert np.mean([bool(codes & set(reasons)) for reasons in said]) <= 0.05


def test_a_lung_cut_away_is_named(data):
    named = []
    for radiograph, truth, *_ in unseen(data / "cxr" / "chest_anatomy"):
        _, left, _, columns = fit(radiograph.shape, SIZE)
        for lung, is_right in ((truth.right_lung, True), (truth.left_lung, False)):
            across = np.flatnonzero(lung.any(0))
            for share in (0.3, 0.5, 1.0):
                at = across[0] + share * np.ptp(across) if is_right else across[-1] - share * np.ptp(across)
                column = int((at - left) * radiograph.shape[1] / columns)
                stored = radiograph.stored[:, column:] if is_right else radiograph.stored[:, :column]
                cut = Radiograph(stored=np.ascontiguousarray(stored), bits_stored=8, photometric="MONOCHROME2")
                square, inside, anatomy = looked_at(cut)
                quality, _ = judge_quality(square, inside=inside, anatomy=anatomy, shape=FINE)
                named.append("cropped" in quality.reasons)
                assert named[-1] or "lungs_unclear" in quality.reasons
    assert np.mean(named) >= 0.93  # of 150, and no one is taken for whole


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        ("overexposed", lambda g: np.clip(1.5 * g - 0.7, 0, 1)),
        ("underexposed", lambda g: np.clip(1.6 * g + 0.35, 0, 1)),
        ("low_contrast", lambda g: 0.4 + 0.1 * g),
    ],
)
def test_spoilt_greys_are_named(data, code, spoil):
    named = []
    for _, _, square, inside, _ in frontal(data / "cxr" / "lung_masks")[::2]:
        top, left, rows, columns = inside
        spoilt = np.zeros_like(square)
        part = np.s_[top : top + rows, left : left + columns]
        spoilt[part] = spoil(square[part])
        anatomy = segment(spoilt, inside=inside)
        quality, _ = judge_quality(spoilt, inside=inside, anatomy=anatomy, shape=FINE)
        named.append(code in quality.reasons)
    assert np.mean(named) >= 0.85
