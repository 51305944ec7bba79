"""Whether a chest radiograph is good enough to be read: exposure, contrast, what is cut off, rotation, marker."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.radiograph._outlines import row_ends
from ecg_engine.radiograph.anatomy import CONFIDENT, central_rows
from ecg_engine.types import Anatomy, ImageQuality

__all__ = ["LIMITS", "judge_quality", "markers"]

#: What is complained of beyond each limit. Those of exposure, contrast and rotation leave 98 of 100 reference
#: radiographs (``docs/radiograph_anatomy.md``) without a complaint: radiologists could read all of them.
LIMITS: Final[dict[str, float]] = {
    # Greys at the end of the scale hide what lies there: share of the lungs that is black, of the chest that is white.
    "black_in_lungs_percent": 5.0,
    "white_in_chest_percent": 10.0,
    # Median grey between the lungs less that of the lungs, of the whole scale: the chest's own contrast.
    "chest_contrast_percent": 8.0,
    # Range of greys (1st to 99th percentile) of the whole picture, where no lungs are known.
    "grey_range_percent": 20.0,
    # Length along a side of the picture on which a lung lies, of the lung's own width or height: 1.5 of 100 reference
    # radiographs whose drawn lungs keep off the sides have more, all of 100 with a third to a half of a lung cut off.
    "cut_share_percent": 40.0,
    # Midline between the inner borders against that between the chest walls, of the thorax: of 300 mm some 10.
    "rotation_percent": 3.5,
    # Outlines that are not sure may reach beyond the patient, where all is black.
    "black_in_lungs_unsure_percent": 15.0,
    # Share of the whole picture that is white, where no lungs are known.
    "white_in_picture_percent": 30.0,
    # Shorter side of the file, pixels: a chest of 350 mm then has 0.7 mm a pixel, and a pleural line is thinner.
    "shorter_side_px": 512.0,
}
#: Complaints that make reading unsafe: what is not on the picture, or was lost at the ends of the scale.
_UNSAFE: Final = frozenset({"cropped", "overexposed", "underexposed", "low_contrast"})
#: Greys that count as black and white, of 0 to 1: one step of 8 bits.
_BLACK: Final = 1.5 / 255
_WHITE: Final = 253.5 / 255
#: Side of the picture on which markers are sought, and their size there: letters of 8 to 25 mm on a chest of 400 mm.
_MARKER_SIDE: Final = 256
_MARKER_PX: Final = (4, 24)
#: A marker is this much brighter than what lies around it, of the whole scale, ...
_MARKER_STEP: Final = 0.3
#: ... and about as bright as anything on the picture: lead stops the beam, bone does not.
_MARKER_BRIGHT: Final = 0.7
#: ... and fills between these shares of its box: a letter or a ring, not a wire and not a block.
_MARKER_FILL: Final = (0.2, 0.9)
#: How far below the top and from the sides of the picture it may lie, shares of its height and width.
_MARKER_REACH: Final = (0.5, 0.3)

#: An outline that comes as near to a side as this part of the square lies along it: two places of the network's grid.
_NEAR: Final = 64
#: Room beside a lone lung, of its width, that holds the middle shadow and half of another lung.
_ROOM: Final = 0.9

_Inside = tuple[int, int, int, int]


def judge_quality(
    square: NDArray[np.float32],
    *,
    inside: _Inside,
    anatomy: Anatomy | None,
    shape: tuple[int, int],
    burned_in: bool | None = None,
) -> tuple[ImageQuality, dict[str, float]]:
    """Return what is wrong with a radiograph as it would be shown, and the numbers that this rests on.

    Parameters
    ----------
    square : (size, size) float32 array
        Of `preparation.prepare`, 0 to 1, white is 1; `size` a multiple of 256.
    inside : (top, left, rows, columns)
        Where the picture lies in it.
    anatomy : Anatomy, optional
        Of `anatomy.segment`; without it, or below a confidence of 0.5, crop and rotation are not judged.
    shape : (rows, columns)
        Of the file.
    burned_in : bool, optional
        Whether the file says that text stands in its pixels: then bright letters may be that text, and no marker
        is missed.

    Returns
    -------
    ImageQuality
        `acceptable` is False only where parts are missing or lost in black or white.
    dict of str to float
        Quantities by their codes in `vocabulary`.

    Notes
    -----
    Whether a marker is seen is said, not which letter it shows.
    """
    top, left, rows, columns = inside
    picture = square[top : top + rows, left : left + columns]
    sure = anatomy if anatomy is not None and anatomy.confidence >= CONFIDENT else None
    numbers = _of_picture(picture) if sure is None else _of_chest(square, sure)
    if anatomy is not None and anatomy.confidence > 0:
        numbers["cut_share_percent"] = 100.0 * max(_cuts(anatomy, inside))
        numbers["black_in_lungs_percent"] = _black_in_lungs(square, anatomy)
    reasons = [code for code, wrong in _complaints(numbers, sure is not None) if wrong]
    if anatomy is not None and sure is None:
        reasons.append("lungs_unclear")
    if min(shape) < LIMITS["shorter_side_px"]:
        reasons.append("low_resolution")
    if anatomy is not None and not burned_in and not markers(square, inside, sure):
        reasons.append("marker_unseen")
    return ImageQuality(acceptable=not _UNSAFE & set(reasons), reasons=tuple(reasons)), numbers


def _complaints(numbers: dict[str, float], sure: bool) -> list[tuple[str, bool]]:
    def above(code: str, limit: str | None = None) -> bool:
        return numbers.get(code, -np.inf) > LIMITS[limit or code]

    def below(code: str) -> bool:
        return numbers.get(code, np.inf) < LIMITS[code]

    return [
        ("overexposed", above("black_in_lungs_percent", None if sure else "black_in_lungs_unsure_percent")),
        ("underexposed", above("white_in_chest_percent") or above("white_in_picture_percent")),
        ("low_contrast", below("chest_contrast_percent") or below("grey_range_percent")),
        ("cropped", above("cut_share_percent")),
        ("rotated_patient", above("rotation_percent")),
    ]


def _of_picture(picture: NDArray[np.float32]) -> dict[str, float]:
    low, high = np.percentile(picture, (1.0, 99.0))
    white = float((picture >= _WHITE).mean())
    return {"grey_range_percent": 100.0 * float(high - low), "white_in_picture_percent": 100.0 * white}


def _of_chest(square: NDArray[np.float32], anatomy: Anatomy) -> dict[str, float]:
    lungs = anatomy.right_lung | anatomy.left_lung
    between = _between(anatomy)
    chest = lungs | between
    out = {"white_in_chest_percent": 100.0 * float((square[chest] >= _WHITE).mean())}
    if between.any():
        out["chest_contrast_percent"] = 100.0 * float(np.median(square[between]) - np.median(square[lungs]))
    out |= _rotation(anatomy)
    return out


def _black_in_lungs(square: NDArray[np.float32], anatomy: Anatomy) -> float:
    lungs = anatomy.right_lung | anatomy.left_lung
    return 100.0 * float((square[lungs] <= _BLACK).mean()) if lungs.any() else 0.0


def _between(anatomy: Anatomy) -> NDArray[np.bool_]:
    """Return what lies between the lungs on the heights that show both."""
    (_, first), (last, _) = row_ends(anatomy.right_lung), row_ends(anatomy.left_lung)
    both = (first >= 0) & (last >= 0)
    column = np.arange(anatomy.left_lung.shape[1])
    out: NDArray[np.bool_] = both[:, None] & (column > first[:, None]) & (column < last[:, None])
    return out


def _cuts(anatomy: Anatomy, inside: _Inside) -> list[float]:
    """Return how much of each lung lies along each side of the picture, of its width or height.

    All of a lung that is not seen where the picture has no room for it beside the other.
    """
    top, left, rows, columns = inside
    near = max(anatomy.right_lung.shape[0] // _NEAR, 1)
    out = [float(_no_room(anatomy, inside))]
    for lung in (anatomy.right_lung, anatomy.left_lung):
        wide, high = int(lung.any(0).sum()), int(lung.any(1).sum())
        if wide and high:
            bands = (lung[top : top + near], lung[top + rows - near : top + rows])
            out += [float(band.any(0).sum()) / wide for band in bands]
            bands = (lung[:, left : left + near], lung[:, left + columns - near : left + columns])
            out += [float(band.any(1).sum()) / high for band in bands]
    return out


def _no_room(anatomy: Anatomy, inside: _Inside) -> bool:
    """Return whether one lung alone is seen, so near to the picture's side that most of another one lies outside."""
    _, left, _, columns = inside
    across = [np.flatnonzero(lung.any(0)) for lung in (anatomy.right_lung, anatomy.left_lung)]
    if bool(len(across[0])) == bool(len(across[1])):
        return False
    seen = across[0] if len(across[0]) else across[1]
    room = left + columns - 1 - seen[-1] if len(across[0]) else seen[0] - left
    return bool(room < _ROOM * len(seen))


def _rotation(anatomy: Anatomy) -> dict[str, float]:
    """Return how far the patient is turned about the long axis, as far as the lungs tell.

    Midway between the lungs' inner borders runs the spine, midway between the chest walls lies the thorax' middle.
    Turning parts the two: their mean distance over the greatest width of the thorax. Collapse, an effusion or a curved
    spine part them too.
    """
    right, left = row_ends(anatomy.right_lung), row_ends(anatomy.left_lung)
    both = np.flatnonzero((right[0] >= 0) & (left[0] >= 0))
    if len(both) < 8:
        return {}
    walls, inner = (right[0][both], left[1][both]), (right[1][both], left[0][both])
    apart = (inner[0] + inner[1] - walls[0] - walls[1])[central_rows(both)].mean() / 2
    return {"rotation_percent": 100.0 * abs(float(apart)) / max(float((walls[1] - walls[0]).max()), 1.0)}


def markers(square: NDArray[np.float32], inside: _Inside, anatomy: Anatomy | None) -> list[tuple[int, int, int, int]]:
    """Return small bright things with sharp edges beside or above the lungs in the upper half of the picture.

    Each as (top, left, bottom, right) on the square, the end not included.
    """
    from scipy import ndimage

    block = max(square.shape[0] // _MARKER_SIDE, 1)
    side = square.shape[0] // block
    # Letters are thin: the brightest pixel of each block, not the mean.
    # Slice by slice: a reduction over axes of two elements takes ten times as long.
    cut = square[: side * block, : side * block]
    lines = np.maximum.reduce([cut[k::block] for k in range(block)])
    small = np.maximum.reduce([lines[:, k::block] for k in range(block)])
    top, left, rows, columns = (value // block for value in inside)
    widest = _MARKER_PX[1] + 1
    bottom, wide = top + int(rows * _MARKER_REACH[0]), int(columns * _MARKER_REACH[1])
    brightest = small.max()
    small = small[: bottom + 2 * widest]  # what lies farther below changes nothing above `bottom`
    step = small - ndimage.grey_opening(small, size=(widest, widest))
    bright = (step > _MARKER_STEP) & (small >= _MARKER_BRIGHT * brightest)
    frame = np.zeros_like(bright)
    frame[top:bottom, left : left + wide] = True
    frame[top:bottom, left + columns - wide : left + columns] = True
    if anatomy is not None:
        lungs = anatomy.right_lung | anatomy.left_lung
        frame &= ~lungs[::block, ::block][: len(frame), :side]
    found: list[tuple[int, int, int, int]] = []
    labels, _ = ndimage.label(bright & frame, structure=np.ones((3, 3)))
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        part: NDArray[np.bool_] = np.asarray(labels[box] == number)
        high, wide = part.shape
        fits = all(_MARKER_PX[0] <= length <= _MARKER_PX[1] for length in (high, wide)) and high <= 3 * wide <= 9 * high
        if fits and _MARKER_FILL[0] <= part.mean() <= _MARKER_FILL[1]:
            found.append((block * box[0].start, block * box[1].start, block * box[0].stop, block * box[1].stop))
    return found
