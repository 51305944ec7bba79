"""CLAHE beside two programs of other people.

``clahe_elsewhere.png`` holds, side by side, a picture of 128 x 160 (``70 + 50 sin(x / 17) cos(y / 11) + x / 2`` and
noise of 3 from ``default_rng(7)``, cut to whole numbers) and what they make of it with 2 x 2 tiles:

- OpenCV 5.0.0, ``cv2.createCLAHE(clipLimit=40, tileGridSize=(2, 2)).apply(picture)``;
- scikit-image 0.26.0, ``exposure.equalize_adapthist(stretched, kernel_size=(64, 80), clip_limit=2 / 256, nbins=256)``,
  where ``stretched`` goes from 0 to 1; times 255 and rounded.

OpenCV shares out what it cut off once, so that bins end above a low limit; scikit-image goes on, as Zuiderveld does. So
the first judges histograms and blending, the second the limit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ecg_engine.radiograph.preparation import equalise

pytestmark = pytest.mark.kernels


@pytest.fixture(scope="module")
def elsewhere() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with Image.open(Path(__file__).with_name("clahe_elsewhere.png")) as image:
        picture, opencv, scikit = np.split(np.asarray(image).astype(float), 3, axis=1)
    return picture, opencv, scikit


def test_histograms_and_blending_are_opencvs(elsewhere: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    picture, opencv, _ = elsewhere
    # OpenCV's new grey of a level is the sum at the upper end of its bin.
    ours = 255 * equalise(((picture + 0.999) / 256).astype(np.float32), tiles=2, clip_limit=40)
    apart = np.abs(ours - opencv)
    assert apart.mean() < 0.6 and apart.max() < 2  # the picture itself is 40 away on average


def test_the_limit_is_scikit_images(elsewhere: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    picture, _, scikit = elsewhere
    stretched = (picture - picture.min()) / np.ptp(picture)
    ours = equalise(stretched.astype(np.float32), tiles=2, clip_limit=2).astype(float)
    apart = np.abs(255 * (ours - ours.min()) / np.ptp(ours) - scikit)
    assert apart.mean() < 1 and apart.max() < 3  # 16 away from the picture itself
