"""What networks of other makers take: stored greys over the whole range of their bits, resampled as their tools do."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.types import Radiograph

__all__ = ["WHOLE_RANGE", "whole_range"]

CROPPED: Final = "whole_range_cropped_square"
SQUASHED: Final = "whole_range_squashed"
#: What a card may name as its preparation; see `whole_range`.
WHOLE_RANGE: Final = frozenset({CROPPED, SQUASHED})


def whole_range(radiograph: Radiograph, *, size: int, name: str) -> NDArray[np.float32]:
    """Return the (1, 1, size, size) float32 array of the stored pixels, 0 to 1 over the range that their bits allow.

    No window, no table and no rescaling is applied, nor are the greys stretched: so read TorchXRayVision
    (``read_xray_dcm`` and ``normalize``, Cohen et al. 2022, https://arxiv.org/abs/2111.00595), whose networks learnt
    from such greys, and the tools that divide the pixels of a picture by 255.

    Parameters
    ----------
    radiograph : Radiograph
        Read at a lower resolution (JPEG 2000), it is resampled from that.
    size : int
        Side of the network's input, pixels.
    name : str
        `CROPPED`: the square in the middle. `SQUASHED`: all of it, its sides made equal.

    Notes
    -----
    Black and white are exchanged where the file says so, by either of its two words; the library looks at one. Signed
    pixels begin at the least value of their bits; the library would give them beyond its range.

    Resampling is linear, over a triangle that is as wide as the output's pixels where the picture is larger, as
    PyTorch's ``interpolate(mode="bilinear", antialias=True)`` and Pillow's ``BILINEAR`` do it.

    Examples
    --------
    >>> image = Radiograph(stored=np.array([[0, 255]], np.uint8), bits_stored=8, photometric="MONOCHROME2")
    >>> whole_range(image, size=1, name="whole_range_squashed")
    array([[[[0.5]]]], dtype=float32)
    """
    stored = radiograph.stored
    if name == CROPPED:
        side = min(stored.shape)
        top, left = (length // 2 - side // 2 for length in stored.shape)
        stored = stored[top : top + side, left : left + side]
    levels = float(2**radiograph.bits_stored)
    down, across = (_triangle(size, length) for length in stored.shape)
    # Linear: the range is made of the few values that are left.
    small = np.asarray(down @ stored.astype(np.float32) @ across.T, np.float32)
    if np.issubdtype(stored.dtype, np.signedinteger):
        small = small + np.float32(levels / 2)
    grey = np.clip(small / np.float32(levels - 1), 0.0, 1.0)
    out: NDArray[np.float32] = (1.0 - grey if radiograph.is_inverted else grey).astype(np.float32)
    return out[None, None]


def _triangle(size: int, length: int) -> NDArray[np.float32]:
    """Return the (size, length) sparse matrix that resamples `length` pixels."""
    from scipy import sparse

    scale = length / size
    reach = max(scale, 1.0)
    middle = (np.arange(size) + 0.5) * scale
    first = np.maximum((middle - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((middle + reach + 0.5).astype(np.int64), length)
    counts = last - first
    rows = np.repeat(np.arange(size), counts)
    columns = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    weights = np.maximum(1.0 - np.abs(columns + 0.5 - middle[rows]) / reach, 0.0)
    weights /= np.bincount(rows, weights, size)[rows]
    out: NDArray[np.float32] = sparse.csr_array((weights.astype(np.float32), (rows, columns)), shape=(size, length))
    return out
