"""The square that a network takes, and the record's own checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ecg_engine.errors import InputError
from ecg_engine.radiograph import prepare
from ecg_engine.radiograph.preparation import equalise, shrink
from ecg_engine.types import Radiograph, Window


def radiograph(stored: np.ndarray, **more: Any) -> Radiograph:
    return Radiograph(stored=stored, **{"bits_stored": 8, "photometric": "MONOCHROME2", **more})


@pytest.mark.parametrize("shape", [(300, 200), (200, 300), (7, 300), (300, 300)])
def test_the_picture_stands_in_the_middle_and_keeps_its_proportions(shape: tuple[int, int]) -> None:
    square = prepare(radiograph(np.full(shape, 200, np.uint8), windows=(Window(center=100, width=50),)), size=64)
    assert square.shape == (64, 64) and square.dtype == np.float32
    lit = square > 0.5
    rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
    assert len(rows) == max(1, round(64 * shape[0] / max(shape)))
    assert len(columns) == max(1, round(64 * shape[1] / max(shape)))
    assert abs(rows[0] - (63 - rows[-1])) <= 1 and abs(columns[0] - (63 - columns[-1])) <= 1


def test_greys_are_averaged_after_the_window() -> None:
    stored = np.tile(np.array([[0, 1000], [1000, 0]], np.int16), (50, 50))
    image = radiograph(stored, bits_stored=16, windows=(Window(center=500, width=10),), photometric="MONOCHROME1")
    np.testing.assert_allclose(prepare(image, size=10), 0.5, atol=1e-6)


def test_small_pictures_are_repeated_by_whole_pixels() -> None:
    image = radiograph(np.array([[0, 255], [255, 0]], np.uint8))
    np.testing.assert_array_equal(prepare(image, size=4), np.kron([[0, 1], [1, 0]], np.ones((2, 2))))


def test_signed_pixels_take_the_same_way() -> None:
    signed = radiograph(np.array([[-2000, 0, 2000]], np.int16), bits_stored=12)
    assert signed.display().tolist() == [[0, 128, 255]]


def test_a_flat_picture_is_grey_without_a_warning() -> None:
    assert radiograph(np.full((4, 4), 7, np.uint8)).display().tolist() == [[0] * 4] * 4


@pytest.mark.parametrize("size", [0, 8193])
def test_a_size_that_is_none(size: int) -> None:
    with pytest.raises(InputError, match="size"):
        prepare(radiograph(np.zeros((4, 4), np.uint8)), size=size)


def test_a_square_shrunk_is_the_square_prepared_smaller() -> None:
    stored = np.random.default_rng(2).integers(0, 256, (300, 300)).astype(np.uint8)
    image = radiograph(stored)
    twice = shrink(prepare(image, size=128), 64)
    assert twice.shape == (64, 64) and twice.dtype == np.float32
    np.testing.assert_allclose(twice, prepare(image, size=64), atol=1e-5)


def test_equalising_raises_the_contrast_of_a_dim_region_alone() -> None:
    y, x = np.mgrid[:128, :128]
    dim = 0.1 + 0.05 * np.sin(x / 3) * np.sin(y / 3)
    picture = np.where(x < 64, dim, 0.5 + 0.5 * np.sin(y / 40)).astype(np.float32)
    before = picture.copy()
    out = equalise(picture, tiles=4, clip_limit=3)
    assert out.dtype == np.float32 and out.min() >= 0 and out.max() <= 1
    assert 2 < out[:, :32].std() / picture[:, :32].std() <= 3.1
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda a: shrink(a, 9), "size"), (lambda a: shrink(a, 0), "size"), (lambda a: shrink(a[:4], 2), "square"),
        (lambda a: shrink(a[0], 1), "square"), (lambda a: equalise(a, tiles=9), "tiles"),
        (lambda a: equalise(a, tiles=0), "tiles"), (lambda a: equalise(a, clip_limit=0.5), "clip_limit"),
        (lambda a: equalise(a, clip_limit=np.nan), "clip_limit"), (lambda a: equalise(a + 1), "picture"),
        (lambda a: equalise(a * np.float32(np.nan)), "picture"), (lambda a: equalise(a[:0]), "picture"),
    ],
)  # fmt: skip
def test_squares_and_limits_that_are_none(call: Any, argument: str) -> None:
    with pytest.raises(InputError, match=argument) as caught:
        call(np.full((8, 8), 0.5, np.float32))
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("rows", "reduction", "file_shape"), [(4, 2, None), (4, 2, (9, 8)), (4, 0, (4, 4)), (4, 1, (8, 8))]
)
def test_a_reduction_that_does_not_lead_to_the_pixels(rows: int, reduction: int, file_shape: Any) -> None:
    with pytest.raises(InputError, match="reduction"):
        radiograph(np.zeros((rows, 4), np.uint8), reduction=reduction, file_shape=file_shape)


def test_a_reduced_picture_knows_its_full_size() -> None:
    image = radiograph(np.zeros((4, 3), np.uint8), reduction=4, file_shape=(13, 12))
    assert (image.shape, image.full_shape) == ((4, 3), (13, 12))
    assert radiograph(np.zeros((4, 3), np.uint8)).full_shape == (4, 3)


@pytest.mark.parametrize(
    "stored", [np.zeros((0, 4), np.uint8), np.zeros(4, np.uint8), np.zeros((4, 4)), np.zeros((2, 2, 3), np.uint8)]
)
def test_pixels_that_are_no_radiograph(stored: np.ndarray) -> None:
    with pytest.raises(InputError, match="stored"):
        radiograph(stored)


def test_the_callers_array_stays_writable() -> None:
    stored = np.zeros((4, 4), np.uint8)
    assert not radiograph(stored).stored.flags.writeable and stored.flags.writeable


@pytest.mark.parametrize(
    ("function", "width", "match"),
    [("LINEAR", 0.5, "at least 1"), ("SIGMOID", 0, "more than 0"), ("CUBIC", 9, "none of")],
)
def test_windows_that_are_none(function: str, width: float, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Window(center=0, width=width, function=function)
