"""How far outlines are to be believed: regressions on signs of a good fit, whose weights stand on the model's card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import ModelError
from ecg_engine.models import ModelCard

__all__ = ["Trust"]

_TABLE: Final = "trust"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the card's table ``trust`` says.

    Parameters
    ----------
    lungs : tuple of float
        Weights of the signs in the log of the odds that both lungs are outlined well.
    lungs_offset : float
        Added to it.
    ratio : tuple of float
        Weights of the signs in the log of the cardiothoracic ratio's error.
    ratio_offset : float
        Added to it.
    ratio_most : float
        A ratio whose error may be larger is not believed.
    """

    lungs: tuple[float, ...]
    lungs_offset: float
    ratio: tuple[float, ...]
    ratio_offset: float
    ratio_most: float

    @classmethod
    def of(cls, card: ModelCard) -> Trust:
        """Return a card's.

        Raises
        ------
        ModelError
            The card lacks it.
        """
        try:
            said = card.document[_TABLE]
            return cls(
                lungs=tuple(float(w) for w in said["lungs"]),
                lungs_offset=float(said["lungs_offset"]),
                ratio=tuple(float(w) for w in said["ratio"]),
                ratio_offset=float(said["ratio_offset"]),
                ratio_most=float(said["ratio_most"]),
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise ModelError(
                f"{card.title}: the card's table {_TABLE} lacks or misstates {exc}; mend the card"
            ) from exc

    def confidence(self, signs: NDArray[np.float32]) -> float:
        """Return the chance that both lungs are outlined well, 0 to 1, from `_outlines.signs_of_lungs`."""
        odds = float(np.dot(self.lungs, signs)) + self.lungs_offset
        return float(1 / (1 + np.exp(-np.clip(odds, -30, 30))))

    def ratio_bound(self, signs: NDArray[np.float32] | None) -> float | None:
        """Return how far the ratio may be off, from `anatomy.ratio_signs`; None where there is none."""
        return None if signs is None else float(np.exp(np.dot(self.ratio, signs) + self.ratio_offset))

    def ratio_error(self, signs: NDArray[np.float32] | None) -> float | None:
        """Return `ratio_bound`, but None where the ratio is not to be believed."""
        error = self.ratio_bound(signs)
        return None if error is None or error > self.ratio_most else error
