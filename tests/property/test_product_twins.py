"""The tiles of products against NumPy's matrix products, whole and with edges, as matrices and as convolutions."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_engine.kernels import _tile, products

pytestmark = pytest.mark.kernels

#: Without a compiler each product is a step of Python.
FEW = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
CASES = settings(max_examples=20 if FEW else 80, deadline=None)
sizes = {
    "rows": st.integers(1, 2 * _tile.ROWS + 1),
    "inner": st.integers(1, 7),
    "columns": st.integers(1, _tile.COLUMNS + 2 * _tile.VECTOR + 3),
    "seed": st.integers(0, 2**31),
}


def numbers(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


@given(**sizes, reach=st.integers(1, 4))
@CASES
def test_a_convolution_is_a_product_with_each_shift(rows, inner, columns, seed, reach):
    margin = 5
    weights, b, before = numbers(
        seed, (rows, inner, 3), (inner, columns + 2 * margin), (rows, columns + 2 * margin)
    )  # fmt: skip
    out = before.copy().ravel()
    width = b.shape[1]
    products.add_products_into(
        weights.ravel(), 0, 3 * inner, 1, b.ravel(), margin - reach, width, 3, reach,
        out, margin, width, rows, inner, columns,
    )  # fmt: skip
    out = out.reshape(before.shape)
    shifted = [b[:, margin + t * reach :][:, :columns] for t in (-1, 0, 1)]
    expected = before[:, margin : margin + columns] + sum(weights[:, :, t] @ one for t, one in enumerate(shifted))
    np.testing.assert_allclose(out[:, margin : margin + columns], expected, atol=1e-5)
    np.testing.assert_array_equal(out[:, :margin], before[:, :margin])
    np.testing.assert_array_equal(out[:, margin + columns :], before[:, margin + columns :])


@given(**sizes, by_columns=st.booleans())
@CASES
def test_a_product_of_matrices_by_rows_or_by_columns(rows, inner, columns, seed, by_columns):
    a, b, before = numbers(seed, (rows, inner), (inner, columns), (rows, columns))
    flat, row, step = (a.T.ravel(), 1, rows) if by_columns else (a.ravel(), inner, 1)
    out = before.copy().ravel()
    products.add_products_into(flat, 0, row, step, b.ravel(), 0, columns, 1, 0, out, 0, columns, rows, inner, columns)
    np.testing.assert_allclose(out.reshape(before.shape), before + a @ b, atol=1e-5)


def test_nothing_to_add_leaves_all_as_it_is():
    a, b, out = numbers(1, 4, 4, 4)
    kept = out.copy()
    for rows, inner, columns in ((0, 1, 1), (1, 0, 1), (1, 1, 0)):
        products.add_products_into(a, 0, 1, 1, b, 0, 1, 1, 0, out, 0, 1, rows, inner, columns)
    np.testing.assert_array_equal(out, kept)


@pytest.mark.skipif(
    os.environ.get("NUMBA_BOUNDSCHECK", "0") in ("", "0"), reason="bounds are looked at where Numba checks them only"
)
@pytest.mark.parametrize("short", ["a", "b", "out"])
def test_a_tile_that_reaches_beyond_an_array_is_refused(short):
    rows, inner, columns = _tile.ROWS, 2, _tile.COLUMNS
    arrays = dict(zip(("a", "b", "out"), numbers(2, rows * inner, inner * columns, rows * columns), strict=True))
    arrays[short] = arrays[short][:-1].copy()
    with pytest.raises(IndexError):
        products.add_products_into(
            arrays["a"], 0, inner, 1, arrays["b"], 0, columns, 1, 0, arrays["out"], 0, columns, rows, inner, columns
        )
