"""Stored greys as other makers' tools take them: against Pillow's resampling of the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ecg_engine.errors import ModelError
from ecg_engine.radiograph.inputs import prepared
from ecg_engine.radiograph.whole_range import whole_range
from ecg_engine.types import Radiograph


@pytest.mark.parametrize("shape", [(300, 260), (100, 151), (803, 501)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("name", ["whole_range_cropped_square", "whole_range_squashed"])
def test_it_is_what_pillow_makes_of_the_stored_pixels(shape: tuple[int, int], photometric: str, name: str) -> None:
    stored = np.random.default_rng(1).integers(200, 900, shape).astype(np.uint16)  # few of 4096: no stretch
    grey = stored / 4095
    if photometric == "MONOCHROME1":
        grey = 1 - grey
    box = (0, 0, shape[1], shape[0])
    if name == "whole_range_cropped_square":
        side = min(shape)
        top, left = shape[0] // 2 - side // 2, shape[1] // 2 - side // 2
        box = (left, top, left + side, top + side)
    wanted = Image.fromarray(grey.astype(np.float32)).crop(box).resize((224, 224), Image.Resampling.BILINEAR)
    radiograph = Radiograph(stored=stored, bits_stored=12, photometric=photometric)
    found = prepared(np.zeros((8, 8), np.float32), (0, 0, 8, 8), size=224, name=name, radiograph=radiograph)
    np.testing.assert_allclose(found[0, 0], np.asarray(wanted), atol=2e-6)


def test_signed_pixels_begin_at_their_least() -> None:
    signed = Radiograph(
        stored=np.array([[-2048, 2047]], np.int16),
        bits_stored=12,
        photometric="MONOCHROME2",
        presentation_shape="INVERSE",
    )
    found = whole_range(signed, size=2, name="whole_range_squashed")[0, 0]
    np.testing.assert_allclose(found, [[1, 0], [1, 0]], atol=1e-6)


def test_without_the_stored_pixels_it_is_refused() -> None:
    with pytest.raises(ModelError, match="give the radiograph"):
        prepared(np.zeros((8, 8), np.float32), (0, 0, 8, 8), size=4, name="whole_range_squashed")
