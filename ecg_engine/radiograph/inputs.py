"""What a network of radiographs takes: the picture's own range of greys, at the network's size."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import ModelError
from ecg_engine.radiograph.whole_range import WHOLE_RANGE, whole_range
from ecg_engine.types import Radiograph

__all__ = ["network_input", "prepared", "squashed", "stretch"]

#: What a card may name as its preparation; see `prepared`.
LETTERBOXED: Final = "letterboxed square, 1st to 99th percentile of the picture to 0 to 1, area mean"
SQUASHED: Final = "squashed_224"
CROPPED: Final = "cropped_square"
#: Percentiles of the picture that become 0 and 1: collimator edges, markers and the direct beam lie beyond.
_STRETCH_PERCENT: Final = (1.0, 99.0)
#: Longer side of the pictures in training, pixels (``training/chest_images.py``).
_LEARNT_PX: Final = 256


def stretch(square: NDArray[np.float32], inside: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Return `square` with the 1st and 99th percentile of its picture at 0 and 1, black around it.

    Devices and windows differ in how they spread the greys; this takes the difference of range away.

    Parameters
    ----------
    square : (size, size) float32 array
        0 to 1.
    inside : (top, left, rows, columns)
        Where the picture lies in the square.

    Returns
    -------
    (size, size) float32 array
        0 to 1. A picture of one grey becomes 0.

    Examples
    --------
    >>> stretch(np.array([[0.25, 0.75], [0.25, 0.75]], np.float32), (0, 0, 2, 2))
    array([[0., 1.],
           [0., 1.]], dtype=float32)
    """
    top, left, rows, columns = inside
    picture = square[top : top + rows, left : left + columns]
    low, high = np.percentile(_as_learnt(square, inside), _STRETCH_PERCENT)
    out = np.zeros_like(square)
    if high > low:
        out[top : top + rows, left : left + columns] = np.clip((picture - low) / (high - low), 0.0, 1.0)
    return out


def _as_learnt(square: NDArray[np.float32], inside: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """Return the picture without what is around it, at the size of those in training where it is larger."""
    from ecg_engine.radiograph.preparation import shrink

    top, left, rows, columns = inside
    if len(square) > _LEARNT_PX:
        scale = _LEARNT_PX / len(square)
        # Whole pixels of the small square: the ones that the edge cuts are left out.
        top, bottom = math.ceil(top * scale), math.floor((top + rows) * scale)
        left, right = math.ceil(left * scale), math.floor((left + columns) * scale)
        if bottom > top and right > left:
            return shrink(square, _LEARNT_PX)[top:bottom, left:right]
        top, left = inside[:2]
    return square[top : top + rows, left : left + columns]


def network_input(stretched: NDArray[np.float32], *, size: int) -> NDArray[np.float32]:
    """Return the (1, 1, size, size) float32 array that a network takes of a stretched square.

    The mean over the area of each output pixel, by way of 256 pixels where the square is larger: that is the size of
    the pictures that the networks learnt from, so a detector's picture becomes as smooth as those.

    Parameters
    ----------
    stretched : (n, n) float32 array
        Of `stretch`, 0 to 1.
    size : int
        Side of the network's input, pixels; at most n.
    """
    from ecg_engine.radiograph.preparation import shrink

    if size < _LEARNT_PX < len(stretched):
        stretched = shrink(stretched, _LEARNT_PX)
    return shrink(stretched, size)[None, None]


def squashed(stretched: NDArray[np.float32], inside: tuple[int, int, int, int], *, size: int) -> NDArray[np.float32]:
    """Return the (1, 1, size, size) float32 array of the picture without what is around it, its sides made equal.

    Linear between the centres of pixels. A picture that is square already keeps its shape.

    Parameters
    ----------
    stretched : (n, n) float32 array
        Of `stretch`, 0 to 1.
    inside : (top, left, rows, columns)
        Where the picture lies in the square.
    size : int
        Side of the network's input, pixels.
    """
    from ecg_engine.radiograph.preparation import shrink

    if size < _LEARNT_PX < len(stretched):
        scale = _LEARNT_PX / len(stretched)
        top, left, rows, columns = (value * scale for value in inside)
        stretched = shrink(stretched, _LEARNT_PX)
    else:
        top, left, rows, columns = map(float, inside)
    # Whole pixels of the picture only: what lies around it is black and none of it.
    (ys, y_end), (xs, x_end) = (
        (
            np.clip(start + (np.arange(size) + 0.5) * length / size - 0.5, math.ceil(start), end),
            end,
        )
        for start, length in ((top, rows), (left, columns))
        for end in (max(math.floor(start + length) - 1, math.ceil(start)),)
    )
    y0, x0 = ys.astype(np.int64), xs.astype(np.int64)
    y1, x1 = np.minimum(y0 + 1, y_end), np.minimum(x0 + 1, x_end)
    fy, fx = (ys - y0)[:, None], (xs - x0)[None]
    lines = stretched[y0] * (1 - fy) + stretched[y1] * fy
    out: NDArray[np.float32] = (lines[:, x0] * (1 - fx) + lines[:, x1] * fx).astype(np.float32)
    return out[None, None]


def prepared(
    stretched: NDArray[np.float32],
    inside: tuple[int, int, int, int],
    *,
    size: int,
    name: str,
    radiograph: Radiograph | None = None,
) -> NDArray[np.float32]:
    """Return what a network takes, made as its card names it: see ``docs/models.md``.

    `SQUASHED` is the picture with its sides made equal, `CROPPED` the square in its middle (as TorchXRayVision crops),
    `LETTERBOXED` the whole square; those of `whole_range.WHOLE_RANGE` are made of the stored pixels. A card of another
    name is refused.

    Parameters
    ----------
    stretched : (n, n) float32 array
        Of `stretch`, 0 to 1.
    inside : (top, left, rows, columns)
        Where the picture lies in the square.
    size : int
        Side of the network's input, pixels.
    name : str
        ``input.preprocessing`` of the card.
    radiograph : Radiograph, optional
        Which picture it is: for those made of stored pixels.

    Raises
    ------
    ModelError
        There is no preparation of this name, or it needs the stored pixels.
    """
    if name in WHOLE_RANGE:
        if radiograph is None:
            raise ModelError(f"preprocessing {name!r} is made of stored pixels; give the radiograph")
        return whole_range(radiograph, size=size, name=name)
    if name == SQUASHED:
        return squashed(stretched, inside, size=size)
    if name == CROPPED:
        top, left, rows, columns = inside
        side = min(rows, columns)
        middle = (top + (rows - side) // 2, left + (columns - side) // 2, side, side)
        return squashed(stretched, middle, size=size)
    if name != LETTERBOXED:
        known = ", ".join(map(repr, (LETTERBOXED, SQUASHED, CROPPED, *sorted(WHOLE_RANGE))))
        raise ModelError(f"preprocessing {name!r}: a radiograph's card names one of {known}")
    return network_input(stretched, size=size)
