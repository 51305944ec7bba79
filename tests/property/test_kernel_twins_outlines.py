"""The kernels of outlines do what SciPy and plain loops say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from ecg_engine.kernels import outlines

pytestmark = pytest.mark.kernels

masks = arrays(
    np.bool_,
    st.tuples(st.integers(1, 12), st.sampled_from((8, 16, 24))),
    elements=st.integers(0, 9).map(lambda n: n == 0),
)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 2**32 - 1), st.data())
def test_a_window_of_the_enlarged_is_bilinear_between_the_centres_of_places(side, times, seed, data):
    values = np.random.default_rng(seed).normal(size=(side, side)).astype(np.float32)
    whole = ndimage.zoom(values, times, order=1, grid_mode=True, mode="nearest")
    top, left = (data.draw(st.integers(0, side * times - 1)) for _ in range(2))
    out = np.empty([data.draw(st.integers(1, side * times - start)) for start in (top, left)], np.float32)
    outlines.enlarge_into(values, side * times, top, left, out)
    np.testing.assert_allclose(out, whole[top : top + out.shape[0], left : left + out.shape[1]], atol=1e-5)


@given(masks)
def test_row_ends(mask):
    first, last = np.empty((2, len(mask)), np.int64)
    outlines.row_ends_into(mask.view(np.uint64), mask.view(np.uint8), first, last)
    for row, *ends in zip(mask, first, last, strict=True):
        held = np.flatnonzero(row)
        assert ends == ([held[0], held[-1]] if len(held) else [-1, -1])
