"""The greyscale kernels do what their slow twins say, on whatever hypothesis thinks of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ecg_engine.kernels import equalise, greyscale
from tests.reference import greyscale_twins as twin

pytestmark = pytest.mark.kernels

pictures = arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 65535))
#: Greys of 0 to 1, the ends, the borders of bins and flat pictures among them.
greys = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=16),
    elements=st.one_of(st.floats(0, 1, width=32), st.integers(0, 256).map(lambda n: n / 256)),
)
seeds = st.integers(0, 2**32 - 1)


@given(pictures, seeds)
def test_look_up(pixels, seed):
    table = np.random.default_rng(seed).integers(0, 256, 65536).astype(np.uint8)
    out = np.empty(pixels.shape, np.uint8)
    greyscale.look_up_into(pixels, table, out)
    assert (out == twin.look_up(pixels, table)).all()


@given(pictures, seeds, st.data())
def test_box_mean(pixels, seed, data):
    table = np.random.default_rng(seed).random(65536, np.float32)
    shape = tuple(data.draw(st.integers(1, side)) for side in pixels.shape)
    sides = tuple(n / m for n, m in zip(pixels.shape, shape, strict=True))
    out = np.empty(shape, np.float32)
    greyscale.box_mean_into(pixels, table, *sides, 0.0, out)
    np.testing.assert_allclose(out, twin.box_mean(pixels, table, shape), atol=1e-6)


@given(pictures, seeds, st.data())
def test_box_mean_of_a_reduced_picture(pixels, seed, data):
    """The last pixels stand for less than a block, and each is centred on its block's first pixel."""
    table = np.random.default_rng(seed).random(65536, np.float32)
    times = data.draw(st.sampled_from([2, 4, 8]))
    full = tuple(n * times - data.draw(st.integers(0, times - 1)) for n in pixels.shape)
    shape = tuple(data.draw(st.integers(1, max(1, side // times))) for side in full)
    sides = tuple(n / times / m for n, m in zip(full, shape, strict=True))
    shift = (times - 1) / (2 * times)
    out = np.empty(shape, np.float32)
    greyscale.box_mean_into(pixels, table, *sides, shift, out)
    np.testing.assert_allclose(out, twin.box_mean(pixels, table, shape, sides, shift), atol=2e-6)


@given(pictures, st.floats(-1.0, 70000.0), st.floats(1.0, 70000.0), st.booleans(), st.integers(0, 65535), st.data())
def test_box_mean_of_a_window(pixels, low, width, falls, spoilt, data):
    """A table that is a straight line is computed; one entry beside it is seen."""
    table = np.clip((np.arange(65536) - low) / width, 0.0, 1.0).astype(np.float32)
    table = 1 - table if falls else table
    if data.draw(st.booleans()):
        table[spoilt] = 0.5
    shape = tuple(data.draw(st.integers(1, side)) for side in pixels.shape)
    sides = tuple(n / m for n, m in zip(pixels.shape, shape, strict=True))
    out = np.empty(shape, np.float32)
    greyscale.box_mean_into(pixels, table, *sides, 0.0, out)
    np.testing.assert_allclose(out, twin.box_mean(pixels, table, shape), atol=2e-6)


def test_box_mean_keeps_the_mean_and_flat_stays_flat():
    pixels = np.random.default_rng(3).integers(0, 65536, (301, 257)).astype(np.uint16)
    table = np.linspace(0, 1, 65536, dtype=np.float32)
    out = np.empty((64, 50), np.float32)
    greyscale.box_mean_into(pixels, table, 301 / 64, 257 / 50, 0.0, out)
    assert out.mean() == pytest.approx(table[pixels].mean(), abs=1e-5)
    greyscale.box_mean_into(np.full((301, 257), 65535, np.uint16), table, 301 / 64, 257 / 50, 0.0, out)
    np.testing.assert_allclose(out, 1.0, atol=1e-6)


@given(greys, st.data())
def test_shrink(picture, data):
    shape = tuple(data.draw(st.integers(1, side)) for side in picture.shape)
    out = np.empty(shape, np.float32)
    greyscale.shrink_into(picture, out)
    np.testing.assert_allclose(out, twin.shrink(picture, shape), atol=1e-6)


def test_shrink_of_long_sides_stays_exact():
    picture = np.random.default_rng(4).random((3001, 40), np.float32)
    out = np.empty((1, 7), np.float32)
    greyscale.shrink_into(picture, out)
    np.testing.assert_allclose(out, twin.shrink(picture, out.shape), atol=1e-5)


@given(greys, st.floats(1, 300), st.data())
def test_equalise(picture, limit, data):
    tiles = data.draw(st.integers(1, min(picture.shape)))
    out = np.empty_like(picture)
    equalise.equalise_into(picture, tiles, limit, out)
    np.testing.assert_allclose(out, twin.equalise(picture, tiles, limit), atol=1e-6)


@given(greys, st.data())
def test_equalise_with_a_limit_of_1_changes_nothing(picture, data):
    out = np.empty_like(picture)
    equalise.equalise_into(picture, data.draw(st.integers(1, min(picture.shape))), 1.0, out)
    np.testing.assert_allclose(out, picture, atol=1e-6)


@given(greys, st.floats(1, 300))
def test_equalise_keeps_the_order_of_greys_and_no_contrast_rises_above_the_limit(picture, limit):
    out = np.empty_like(picture)
    equalise.equalise_into(picture, 1, limit, out)
    order = np.argsort(picture, axis=None)
    before, after = picture.ravel()[order].astype(float), out.ravel()[order].astype(float)
    assert (np.diff(after) >= -1e-6).all() and (np.diff(after) <= limit * np.diff(before) + 1e-6).all()


@given(pictures)
def test_histogram(pixels):
    out = np.full(65536, -1, np.int64)
    greyscale.histogram_into(pixels, out)
    assert (out == twin.histogram(pixels)).all()


@given(st.lists(st.one_of(st.integers(0, 5), st.integers(250, 255), st.integers(0, 255))), st.integers(0, 400))
def test_unpack_bytes(packed, room):
    out = np.zeros(room, np.uint8)
    count = greyscale.unpack_bytes_into(np.array(packed, np.uint8), out)
    assert out[:count].tobytes() == twin.unpack_bytes(packed, room)
