"""Lungs and heart on a frontal chest radiograph: outlines, how far to believe them, what is measured on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import InputError
from ecg_engine.models import load_model
from ecg_engine.radiograph._outlines import (
    heart_widths,
    hearts_of,
    lungs_of,
    masks_of,
    row_ends,
    shortfall,
    signs_of_lungs,
)
from ecg_engine.radiograph._trust import Trust
from ecg_engine.radiograph.inputs import network_input, stretch
from ecg_engine.types import Anatomy, HeartOutline

__all__ = ["CONFIDENT", "Diameters", "chest_wall_cut", "ctr_lines", "measure_anatomy", "segment"]

#: Side of the least square that is taken, pixels.
LEAST_PX: Final = 256
#: Outlines of less confidence are not measured.
CONFIDENT: Final = 0.5
MODEL: Final = "chest_outlines"
#: Standard deviation of the greys below which there is no picture to look at: two steps of 8 bits.
_FLAT: Final = 2 / 255
#: Shorter against longer side below which a picture holds no whole chest.
_NARROW: Final = 0.3
#: The heart's outline is taken where the network gives it 1 in 4 and 3 in 4, too: log of the odds.
_QUARTER: Final = float(np.log(3.0))
#: The heart's width is taken below this share of its outline's height: above lie the great vessels.
_CARDIAC_FROM: Final = 0.35
#: A side of the picture cuts a lung that lies along it for more than this share of the lung's height.
_CUT_SHARE: Final = 0.05
_Inside = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diameters:
    """End points (row, column) on the square of what the cardiothoracic ratio rests on.

    Parameters
    ----------
    midline : ((float, float), (float, float))
        Upper and lower end.
    heart_right, heart_left : ((float, float), (float, float))
        From the midline to the heart's outermost point of that side of the patient.
    thorax : ((float, float), (float, float))
        Inner chest wall, right to left.
    """

    midline: tuple[tuple[float, float], tuple[float, float]]
    heart_right: tuple[tuple[float, float], tuple[float, float]]
    heart_left: tuple[tuple[float, float], tuple[float, float]]
    thorax: tuple[tuple[float, float], tuple[float, float]]

    @property
    def heart_width(self) -> float:
        """Transverse diameter of the heart, pixels of the square."""
        return max(self.heart_right[0][1] - self.heart_right[1][1], 0.0) + max(
            self.heart_left[1][1] - self.heart_left[0][1], 0.0
        )

    @property
    def thorax_width(self) -> float:
        """Internal diameter of the thorax, pixels of the square."""
        return self.thorax[1][1] - self.thorax[0][1]


def segment(square: NDArray[np.float32], *, inside: _Inside, stretched: bool = False) -> Anatomy:
    """Return lungs and heart of an upright frontal chest radiograph that is not inverted.

    The lungs' outlines include what lies behind the heart and the domes of the diaphragm above the costophrenic angles;
    the heart's outline is that of the middle shadow from the aortic arch to the diaphragm.

    Parameters
    ----------
    square : (size, size) float32 array
        Of `preparation.prepare` or `inputs.stretch`, 0 to 1, white is 1; 256 pixels or more.
    inside : (top, left, rows, columns)
        Where the picture lies in it, as `preparation.fit` says.
    stretched : bool
        Whether `square` is of `inputs.stretch`: then its greys are taken as they are.

    Returns
    -------
    Anatomy
        `confidence` estimates how likely the lungs' outlines overlap the true ones well (Dice of 0.9 or more each).
        The heart is empty where its own borders are not believed.

    Raises
    ------
    InputError
        The square is too small, or the picture does not lie in it.
    ModelError
        The network is missing or does not fit its card.

    Notes
    -----
    The network, and how good it is, in ``docs/radiograph_anatomy.md`` and on its card.

    Examples
    --------
    >>> segment(np.zeros((512, 512), np.float32), inside=(0, 0, 512, 512)).confidence
    0.0
    """
    size = _checked(square, inside)
    top, left, rows, columns = inside
    picture = square[top : top + rows, left : left + columns]
    narrow = min(rows, columns) < _NARROW * max(rows, columns)
    model = load_model(MODEL)
    if narrow or not np.isfinite(picture).all() or float(picture.std()) < _FLAT:
        nothing = np.zeros((size, size), np.bool_)
        return Anatomy(right_lung=nothing, left_lung=nothing, heart=nothing, confidence=0.0, method=model.card.title)
    side = model.card.input_shape[-1]
    greys = square if stretched else stretch(square, inside)
    logits = model.run(network_input(greys, size=side))["masks"][0]
    trust = Trust.of(model.card)
    lungs = lungs_of(logits)
    masks = masks_of(logits, inside, size, lungs=lungs)
    signs = ratio_signs(logits, masks, inside, lungs=lungs)
    error, bound = trust.ratio_error(signs), trust.ratio_bound(signs)
    ratio, widths = _ratio(*masks), heart_widths(masks)
    return Anatomy(
        right_lung=masks[0],
        left_lung=masks[1],
        heart=masks[2] if error is not None else np.zeros_like(masks[2]),
        confidence=trust.confidence(signs_of_lungs(logits, inside, size)),
        method=model.card.title,
        ratio_error=error,
        outlined=(
            None
            if ratio is None or bound is None or widths is None
            else HeartOutline(ratio=ratio, error=bound, widths=widths)
        ),
    )


def ratio_signs(
    logits: NDArray[np.float32],
    masks: NDArray[np.bool_],
    inside: _Inside,
    *,
    lungs: NDArray[np.float32] | None = None,
) -> NDArray[np.float32] | None:
    """Return what tells how far the cardiothoracic ratio may be off; None where there is none.

    Half the difference of the ratio where the heart is taken as far as the network gives it 1 in 4, and 3 in 4 (log);
    how far the expected Dice of the heart falls short of 1 (log).
    """
    ratios = []
    for heart in hearts_of(logits, (_QUARTER, -_QUARTER), inside, masks.shape[-1], lungs=lungs):
        ratio = _ratio(masks[0], masks[1], heart)
        if ratio is None:
            return None
        ratios.append(ratio)
    spread = max(ratios[0] - ratios[1], 0.0) / 2
    out: NDArray[np.float32] = np.log(np.array([spread, shortfall(logits[2])], np.float32) + np.float32(1e-3))
    return out


def _ratio(right: NDArray[np.bool_], left: NDArray[np.bool_], heart: NDArray[np.bool_]) -> float | None:
    """Return the cardiothoracic ratio of these masks."""
    lines = ctr_lines(Anatomy(right_lung=right, left_lung=left, heart=heart, confidence=1.0, method=""))
    return None if lines is None or lines.thorax_width <= 0 else lines.heart_width / lines.thorax_width


def _checked(square: NDArray[np.float32], inside: _Inside) -> int:
    if square.ndim != 2 or square.shape[0] != square.shape[1] or square.shape[0] < LEAST_PX:
        raise InputError(f"square: shape {square.shape}; give a square of {LEAST_PX} pixels or more", argument="square")
    top, left, rows, columns = inside
    size = square.shape[0]
    if min(top, left) < 0 or min(rows, columns) < 1 or top + rows > size or left + columns > size:
        raise InputError(f"inside: {inside} does not lie in a square of {size} pixels", argument="inside")
    return int(size)


# ------------------------------------------------------------------------------------------------------- measurements


def ctr_lines(anatomy: Anatomy) -> Diameters | None:
    """Return the diameters of the cardiothoracic ratio and the midline, as they would be drawn on the square.

    The midline is the straight line, by least squares, through the middle between the lungs' inner borders.

    Returns
    -------
    Diameters, optional
        None where a lung or the heart is missing, or no height shows both lungs.
    """
    right, left, heart = (row_ends(mask) for mask in (anatomy.right_lung, anatomy.left_lung, anatomy.heart))
    both = np.flatnonzero((right[0] >= 0) & (left[0] >= 0))
    heights = np.flatnonzero(heart[0] >= 0)
    if len(both) < 8 or not len(heights):
        return None
    # Edges of the pixels, not their middles.
    right_out, right_in = right[0][both] - 0.5, right[1][both] + 0.5
    left_in, left_out = left[0][both] - 0.5, left[1][both] + 0.5
    central = central_rows(both)
    middle = np.polynomial.Polynomial.fit(both[central], ((right_in + left_in) / 2)[central], 1)
    cardiac = heights[heights >= heights[0] + _CARDIAC_FROM * (heights[-1] - heights[0])]
    first, last = heart[0][cardiac] - 0.5, heart[1][cardiac] + 0.5
    axis = middle(cardiac)
    at_right, at_left = int(np.argmax(axis - first)), int(np.argmax(last - axis))
    widest = int(np.argmax(left_out - right_out))
    ends = (float(both[0]), float(max(both[-1], heights[-1])))

    def half(at: int, column: float) -> tuple[tuple[float, float], tuple[float, float]]:
        row = float(cardiac[at])
        return (row, float(axis[at])), (row, float(column))

    return Diameters(
        midline=((ends[0], float(middle(ends[0]))), (ends[1], float(middle(ends[1])))),
        heart_right=half(at_right, first[at_right]),
        heart_left=half(at_left, last[at_left]),
        thorax=(
            (float(both[widest]), float(right_out[widest])),
            (float(both[widest]), float(left_out[widest])),
        ),
    )


def central_rows(rows: NDArray[np.intp]) -> slice:
    """Return which of the heights that show both lungs have inner borders along the spine.

    The upper tenth belongs to the apices, the lower quarter to the domes and the costophrenic angles.
    """
    return slice(len(rows) // 10, max(len(rows) * 3 // 4, len(rows) // 10 + 2))


def measure_anatomy(
    anatomy: Anatomy,
    *,
    inside: _Inside,
    shape: tuple[int, int],
    spacing_mm: tuple[float, float] | None,
) -> dict[str, float]:
    """Return the quantities that the outlines give, by their codes in `vocabulary`.

    Parameters
    ----------
    anatomy : Anatomy
    inside : (top, left, rows, columns)
        Where the picture lies in the square.
    shape : (rows, columns)
        Of the radiograph as stored.
    spacing_mm : (float, float), optional
        Distance of its rows and columns, mm; without it nothing is measured in mm or cm². At the detector the patient's
        own size is some 5 to 15 % smaller.

    Returns
    -------
    dict of str to float
        Empty below a confidence of 0.5. ``cardiothoracic_ratio`` and the widths are absent where the heart is not
        believed or a side of the picture cuts the chest wall off.

    Notes
    -----
    The ratio is Danzer's: the heart's farthest points to the right and to the left of the midline, added, over the
    greatest internal diameter of the thorax (Danzer, Am J Med Sci 1919;157:513-521).
    """
    if anatomy.confidence < CONFIDENT:
        return {}
    out = _areas(anatomy, inside, shape, spacing_mm)
    lines = ctr_lines(anatomy)
    if lines is None or lines.thorax_width <= 0 or chest_wall_cut(anatomy, inside):
        return out
    out["cardiothoracic_ratio"] = lines.heart_width / lines.thorax_width
    if anatomy.ratio_error is not None:
        out["cardiothoracic_ratio_error"] = anatomy.ratio_error
    if spacing_mm is not None:
        mm = spacing_mm[1] * shape[1] / inside[3]
        out["heart_width_mm"], out["thorax_width_mm"] = lines.heart_width * mm, lines.thorax_width * mm
    return out


def _areas(
    anatomy: Anatomy, inside: _Inside, shape: tuple[int, int], spacing_mm: tuple[float, float] | None
) -> dict[str, float]:
    pixels: Mapping[str, int] = {"right": int(anatomy.right_lung.sum()), "left": int(anatomy.left_lung.sum())}
    picture = inside[2] * inside[3]
    out = {f"lung_area_{side}_percent": 100.0 * count / picture for side, count in pixels.items()}
    if spacing_mm is not None:
        whole_cm2 = spacing_mm[0] * shape[0] * spacing_mm[1] * shape[1] / 100.0
        out |= {f"lung_area_{side}_cm2": whole_cm2 * count / picture for side, count in pixels.items()}
    if max(pixels.values()):
        out["lung_symmetry_percent"] = 100.0 * min(pixels.values()) / max(pixels.values())
    return out


def chest_wall_cut(anatomy: Anatomy, inside: _Inside) -> bool:
    """Return whether a side of the picture cuts a lung off: along it lies more than 5 % of the lung's height."""
    _, left, _, columns = inside
    for lung, column in ((anatomy.right_lung, left), (anatomy.left_lung, left + columns - 1)):
        height = int(lung.any(1).sum())
        if height and lung[:, column].sum() > _CUT_SHARE * height:
            return True
    return False
