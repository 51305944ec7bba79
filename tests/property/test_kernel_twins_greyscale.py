"""The greyscale kernels do what their slow twins say, on whatever hypothesis thinks of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ecg_engine.kernels import greyscale
from tests.reference import greyscale_twins as twin

pytestmark = pytest.mark.kernels

pictures = arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 65535))
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
    out = np.empty(shape, np.float32)
    greyscale.box_mean_into(pixels, table, out)
    np.testing.assert_allclose(out, twin.box_mean(pixels, table, shape), atol=1e-6)


def test_box_mean_keeps_the_mean_and_flat_stays_flat():
    pixels = np.random.default_rng(3).integers(0, 65536, (301, 257)).astype(np.uint16)
    table = np.linspace(0, 1, 65536, dtype=np.float32)
    out = np.empty((64, 50), np.float32)
    greyscale.box_mean_into(pixels, table, out)
    assert out.mean() == pytest.approx(table[pixels].mean(), abs=1e-5)
    greyscale.box_mean_into(np.full((301, 257), 65535, np.uint16), table, out)
    np.testing.assert_allclose(out, 1.0, atol=1e-6)


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
