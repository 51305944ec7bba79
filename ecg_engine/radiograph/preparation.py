"""A radiograph of any size to the square that a network takes; smaller squares, and local contrast equalised."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import InputError
from ecg_engine.kernels.equalise import equalise_into
from ecg_engine.kernels.greyscale import box_mean_into, shrink_into
from ecg_engine.types import Radiograph, Window

__all__ = ["equalise", "fit", "prepare", "shrink"]


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
    top, left, rows, columns = fit(radiograph.full_shape, size)
    table = radiograph.grey_table(window=window)
    square = np.zeros((size, size), np.float32)
    patterns = radiograph.patterns
    if rows <= patterns.shape[0] and columns <= patterns.shape[1]:
        small = np.empty((rows, columns), np.float32)
        # A reduced pixel is centred on the first pixel of its block, and the last ones may stand for less than a block.
        times = radiograph.reduction
        high, wide = radiograph.full_shape[0] / times / rows, radiograph.full_shape[1] / times / columns
        box_mean_into(patterns, table, high, wide, (times - 1) / (2 * times), small)
    else:
        at_rows = np.arange(rows) * patterns.shape[0] // rows
        at_columns = np.arange(columns) * patterns.shape[1] // columns
        small = table[patterns[np.ix_(at_rows, at_columns)]]
    square[top : top + rows, left : left + columns] = small
    return square


def shrink(square: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return a prepared square at a smaller size: the mean over the area of each output pixel.

    Parameters
    ----------
    square : (n, n) float32 array
        Greys, 0 to 1.
    size : int
        Side of the new square, pixels; at most n.

    Returns
    -------
    (size, size) float32 array

    Raises
    ------
    InputError
        No square of greys, or a size beyond 1 to n.

    Examples
    --------
    >>> shrink(np.array([[0, 1], [1, 1]], np.float32), 1)
    array([[0.75]], dtype=float32)
    """
    picture = _greys(square, "square")
    if picture.shape[0] != picture.shape[1]:
        raise InputError(f"square: shape {picture.shape}; give (n, n)", argument="square")
    if not 1 <= size <= len(picture):
        raise InputError(f"size: {size} pixels; give 1 to {len(picture)}", argument="size")
    out = np.empty((size, size), np.float32)
    shrink_into(picture, out)
    return out


def equalise(picture: NDArray[np.float32], *, tiles: int = 8, clip_limit: float = 2.0) -> NDArray[np.float32]:
    """Return a picture with its local contrast equalised (CLAHE), whatever the exposure of each region.

    Parameters
    ----------
    picture : (rows, columns) float32 array
        Greys, 0 to 1.
    tiles : int
        Tiles in each direction, of which each has its own histogram; Zuiderveld takes 8.
    clip_limit : float
        How many times the local contrast may rise, 1 or more: no histogram has more in a bin than this times its mean.
        1 leaves the picture as it is. Zuiderveld names no value; 2 is a choice of this library, with which the noise
        of an even region at most doubles.

    Returns
    -------
    (rows, columns) float32 array
        0 to 1.

    Raises
    ------
    InputError
        No picture of greys in 0 to 1, more tiles than pixels, or a limit below 1.

    Notes
    -----
    Departures from Zuiderveld's program: the sides need not be multiples of `tiles`; what is cut off is shared out in
    fractions, so that no bin ends above the limit; the sum is interpolated inside a bin, so that float32 greys are not
    reduced to 256 levels; greys are taken to range from 0 to 1, not from the least to the greatest.

    References
    ----------
    K. Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV, 1994, pp. 474-485.

    Examples
    --------
    >>> ramp = np.linspace(0.4, 0.6, 64, dtype=np.float32).reshape(8, 8)
    >>> equalise(ramp, tiles=1, clip_limit=2.0)[0, :2]  # steps of 1/315, twice as large
    array([0.3       , 0.30634922], dtype=float32)
    """
    greys = _greys(picture, "picture")
    if not 1 <= tiles <= min(greys.shape):
        raise InputError(f"tiles: {tiles}; give 1 to {min(greys.shape)}, the shorter side", argument="tiles")
    if not 1.0 <= clip_limit < np.inf:
        raise InputError(f"clip_limit: {clip_limit:g}; give 1 or more", argument="clip_limit")
    out = np.empty_like(greys)
    equalise_into(greys, tiles, float(clip_limit), out)
    return out


def _greys(picture: NDArray[np.float32], argument: str) -> NDArray[np.float32]:
    greys = np.ascontiguousarray(picture, np.float32)
    if np.ndim(picture) != 2 or greys.size == 0 or not (greys.min() >= 0.0 and greys.max() <= 1.0):
        raise InputError(f"{argument}: give (rows, columns) of greys in 0 to 1, without NaN", argument=argument)
    return greys
