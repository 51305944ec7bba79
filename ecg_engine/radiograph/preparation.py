"""A radiograph of any size to the square that a network takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import InputError
from ecg_engine.kernels.greyscale import box_mean_into
from ecg_engine.types import Radiograph, Window

__all__ = ["fit", "prepare"]


def fit(shape: tuple[int, int], size: int) -> tuple[int, int, int, int]:
    """Return where a picture of `shape` lies in a square of `size`: top, left, rows, columns.

    The longer side fills the square, the picture stands in the middle.

    Examples
    --------
    >>> fit((2500, 2000), 224)
    (0, 22, 224, 179)
    """
    longer = max(shape)
    rows, columns = (max(1, round(side * size / longer)) for side in shape)
    return (size - rows) // 2, (size - columns) // 2, rows, columns


def prepare(radiograph: Radiograph, *, size: int, window: Window | None = None) -> NDArray[np.float32]:
    """Return the picture as it is meant to be seen, letterboxed into a square.

    Greys by the standard's pipeline (`Radiograph.grey_table`), averaged over the area of each output pixel, so that no
    detail aliases. A picture that is smaller than the square in both directions is repeated by whole pixels, not
    interpolated. Around it is black.

    Parameters
    ----------
    radiograph : Radiograph
    size : int
        Side of the square, pixels.
    window : Window, optional
        In place of the file's own.

    Returns
    -------
    (size, size) float32 array
        0 to 1, white is 1.

    Raises
    ------
    InputError
        `size` is not in 1 to 8192.

    Examples
    --------
    >>> image = Radiograph(stored=np.array([[0, 255]], np.uint8), bits_stored=8, photometric="MONOCHROME2")
    >>> prepare(image, size=2)
    array([[0., 1.],
           [0., 0.]], dtype=float32)
    """
    if not 1 <= size <= 8192:
        raise InputError(f"size: {size} pixels; give 1 to 8192", argument="size")
    top, left, rows, columns = fit(radiograph.shape, size)
    table = radiograph.grey_table(window=window)
    square = np.zeros((size, size), np.float32)
    patterns = radiograph.patterns
    if rows <= patterns.shape[0] and columns <= patterns.shape[1]:
        small = np.empty((rows, columns), np.float32)
        box_mean_into(patterns, table, small)
    else:
        at_rows = np.arange(rows) * patterns.shape[0] // rows
        at_columns = np.arange(columns) * patterns.shape[1] // columns
        small = table[patterns[np.ix_(at_rows, at_columns)]]
    square[top : top + rows, left : left + columns] = small
    return square
