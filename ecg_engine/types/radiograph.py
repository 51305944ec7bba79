"""A radiograph as it was read: stored pixels, the way to greys, what the file says of view, scale and patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import InputError
from ecg_engine.types._frozen import frozen_arrays, read_only
from ecg_engine.types.recording import Patient
from ecg_engine.types.report import Note

_PATTERNS: Final = 1 << 16
_STORED_KINDS: Final = (np.uint8, np.uint16, np.int16)
#: VOI LUT functions of PS3.3 C.11.2.1.3.
WINDOW_FUNCTIONS: Final = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A VOI window (PS3.3 C.11.2): centre and width in the units that the modality transformation leaves."""

    center: float
    width: float
    function: str = "LINEAR"

    def __post_init__(self) -> None:
        if self.function not in WINDOW_FUNCTIONS:
            raise InputError(
                f"function: {self.function!r} is none of {', '.join(WINDOW_FUNCTIONS)}", argument="function"
            )
        least = 1.0 if self.function == "LINEAR" else 0.0
        if not (self.width > 0 and self.width >= least and np.isfinite([self.center, self.width]).all()):
            raise InputError(
                f"width: {self.width:g} is too narrow for a {self.function} window; "
                f"give {'at least 1' if least else 'more than 0'}",
                argument="width",
            )

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return greys in 0 to 1."""
        if self.function == "SIGMOID":
            # exp() of more than 700 overflows; at 40 the result is 1 or 0 in float64 already.
            return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - self.center) / self.width, -40.0, 40.0)))
        if self.function == "LINEAR_EXACT":
            return np.clip((values - self.center) / self.width + 0.5, 0.0, 1.0)
        centre, width = self.center - 0.5, self.width - 1.0
        if width == 0.0:
            return np.where(values > centre, 1.0, 0.0)
        return np.clip((values - centre) / width + 0.5, 0.0, 1.0)


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LookUpTable:
    """A Modality or VOI LUT: `data[0]` stands for `first` and all below, the last entry for all above."""

    first: int
    bits: int
    data: NDArray[Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", read_only(np.ascontiguousarray(self.data)))

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the entries for `values`, rounded to whole ones first."""
        at = np.clip(np.rint(values) - self.first, 0, len(self.data) - 1).astype(np.intp)
        found: NDArray[np.float64] = self.data[at].astype(np.float64)
        return found


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Radiograph:
    """A projection image and everything needed to show it.

    Parameters
    ----------
    stored : (rows, columns) array
        Pixels as decoded, uint8, uint16 or int16, before every transformation. Kept as a read-only view.
    bits_stored : int
        8 to 16: how many of the bits carry the picture (fewer are allowed in 8-bit pixels).
    photometric : str
        ``MONOCHROME1`` (the smallest value is white) or ``MONOCHROME2``; colour has become luminance, `MONOCHROME2`.
    presentation_shape : str, optional
        ``IDENTITY`` or ``INVERSE`` (Presentation LUT Shape).
    slope, intercept : float
        Rescale; 1 and 0 where there is none.
    modality_table : LookUpTable, optional
        Modality LUT; it stands in place of the rescale.
    voi_tables : tuple of LookUpTable
        VOI LUTs.
    windows : tuple of Window
        The file's own windows; empty where it has none that can be applied.
    padding : (int, int), optional
        First and last stored value that mean "no picture here".
    reduction : int
        Each stored pixel stands for reduction x reduction pixels of the file: 1, or a power of two where a lower
        resolution was asked for. Pixel (i, j) is centred on the file's ``(i * reduction, j * reduction)``.
    file_shape : (int, int), optional
        Rows and columns of the file; None: those of `stored`. See `full_shape`.
    spacing_mm : (float, float), optional
        Distance of rows and of columns as stored, mm: the file's, times `reduction`.
    spacing_source : str, optional
        ``PixelSpacing`` (calibrated), ``ImagerPixelSpacing`` (at the detector: the patient is smaller) or
        ``NominalScannedPixelSpacing`` (of a digitised film).
    view, laterality, body_part, modality : str, optional
        As in the file, capitals: ``PA``, ``AP``, ``LL``; ``L``, ``R``; ``CHEST``; ``DX``.
    sop_class_uid, sop_instance_uid, series_uid, study_uid : str, optional
    transfer_syntax : str, optional
        UID; None for a picture.
    frame, n_frames : int
        Which frame this is, from 0, and how many the file holds.
    burned_in : bool, optional
        Whether the pixels hold text; None where the file does not say.
    overlays : tuple of str
        Overlay groups noticed (``6000`` ...); they are not drawn.
    patient : Patient
        Kept apart: no message quotes it.
    path : str, optional
        The file, as it was given.
    notes : tuple of Note
        What could not be known, by code.
    details : mapping
        Whatever else somebody may look for, and what the file says of the study: ``study_date`` (``YYYY-MM-DD``),
        ``study_time`` (``HH:MM:SS``), ``accession``, ``study_description``, ``series_description``, ``institution``.
        Kept out of messages, as the patient is.

    Raises
    ------
    InputError
        Pixels of another kind or shape, or none; a reduction that does not lead from `file_shape` to theirs.

    Examples
    --------
    >>> image = Radiograph(stored=np.array([[0, 10], [20, 40]], np.uint8), bits_stored=8, photometric="MONOCHROME1")
    >>> image.display()
    array([[255, 191],
           [128,   0]], dtype=uint8)
    """

    stored: NDArray[Any]
    bits_stored: int
    photometric: str
    presentation_shape: str | None = None
    slope: float = 1.0
    intercept: float = 0.0
    modality_table: LookUpTable | None = None
    voi_tables: tuple[LookUpTable, ...] = ()
    windows: tuple[Window, ...] = ()
    padding: tuple[int, int] | None = None
    reduction: int = 1
    file_shape: tuple[int, int] | None = None
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str | None = None
    view: str | None = None
    laterality: str | None = None
    body_part: str | None = None
    modality: str | None = None
    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    series_uid: str | None = None
    study_uid: str | None = None
    transfer_syntax: str | None = None
    frame: int = 0
    n_frames: int = 1
    burned_in: bool | None = None
    overlays: tuple[str, ...] = ()
    patient: Patient = field(default_factory=Patient, repr=False)
    path: str | None = None
    notes: tuple[Note, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        stored = np.asarray(self.stored)
        if stored.ndim != 2 or stored.size == 0 or stored.dtype not in _STORED_KINDS:
            raise InputError(
                f"stored: {stored.dtype} of shape {stored.shape}; give (rows, columns) of uint8, uint16 or int16",
                argument="stored",
            )
        if self.photometric not in ("MONOCHROME1", "MONOCHROME2"):
            raise InputError("photometric: give MONOCHROME1 or MONOCHROME2", argument="photometric")
        full, times = self.file_shape or stored.shape, self.reduction
        if times < 1 or tuple(-(-side // times) for side in full) != stored.shape:
            raise InputError(
                f"reduction: {times} does not lead from {full} pixels to {stored.shape}; give file_shape and reduction",
                argument="reduction",
            )
        object.__setattr__(self, "stored", read_only(np.ascontiguousarray(stored)))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns as stored."""
        return int(self.stored.shape[0]), int(self.stored.shape[1])

    @property
    def full_shape(self) -> tuple[int, int]:
        """Rows and columns of the file, whatever the reduction."""
        return self.file_shape or self.shape

    @property
    def age_years(self) -> float | None:
        """Age of the patient, years."""
        return self.patient.age_years

    @property
    def sex(self) -> str | None:
        """Sex of the patient, "F", "M" or None."""
        return self.patient.sex

    @property
    def is_inverted(self) -> bool:
        """Whether greys are inverted at the end.

        MONOCHROME1 and INVERSE are two words for one inversion. Where they contradict each other, which the standard
        forbids, the shape holds, as in DCMTK.
        """
        if self.presentation_shape is not None:
            return self.presentation_shape == "INVERSE"
        return self.photometric == "MONOCHROME1"

    @property
    def patterns(self) -> NDArray[np.uint16]:
        """The stored pixels as 16-bit patterns: what indexes a table. A copy where they have 8 bits."""
        return self.stored.astype(np.uint16) if self.stored.dtype == np.uint8 else self.stored.view(np.uint16)

    def grey_table(self, *, window: Window | None = None) -> NDArray[np.float32]:
        """Return the grey, 0 to 1, of each 16-bit pattern: the standard's pipeline from stored value to display.

        Modality LUT or rescale, then VOI LUT or window (the file's first; the range of the pixels without padding
        where it has none), then the inversion (PS3.3 C.11, PS3.4 N.2). Padding is black.

        Parameters
        ----------
        window : Window, optional
            In place of the file's own.

        Returns
        -------
        (65536,) float32 array
        """
        patterns = np.arange(_PATTERNS, dtype=np.uint16)
        raw = patterns.view(np.int16) if self.stored.dtype == np.int16 else patterns
        values = self._modality(raw.astype(np.float64))
        if window is None and self.voi_tables:
            table = self.voi_tables[0]
            greys = np.clip(table.apply(values) / (2.0**table.bits - 1.0), 0.0, 1.0)
        else:
            chosen = window or (self.windows[0] if self.windows else self._range_window(raw, values))
            greys = chosen.apply(values)
        if self.is_inverted:
            greys = 1.0 - greys
        if self.padding is not None:
            greys[(raw >= self.padding[0]) & (raw <= self.padding[1])] = 0.0
        return greys.astype(np.float32)

    def display(self, *, window: Window | None = None) -> NDArray[np.uint8]:
        """Return the picture as it is meant to be seen: white is bright.

        Parameters
        ----------
        window : Window, optional
            In place of the file's own.

        Returns
        -------
        (rows, columns) uint8 array
        """
        from ecg_engine.kernels.greyscale import look_up_into

        out = np.empty(self.shape, np.uint8)
        look_up_into(self.patterns, np.rint(self.grey_table(window=window) * 255).astype(np.uint8), out)
        return out

    def _modality(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.modality_table is not None:
            return self.modality_table.apply(raw)
        return raw * self.slope + self.intercept

    def _range_window(self, raw: NDArray[Any], values: NDArray[np.float64]) -> Window:
        """Return the window from the least to the greatest value that is picture."""
        from ecg_engine.kernels.greyscale import histogram_into

        counts = np.empty(_PATTERNS, np.int64)
        histogram_into(self.patterns, counts)
        seen = counts > 0
        if self.padding is not None:
            picture = seen & ~((raw >= self.padding[0]) & (raw <= self.padding[1]))
            seen = picture if picture.any() else seen
        low, high = float(values[seen].min()), float(values[seen].max())
        if high <= low:
            return Window(center=low + 0.5, width=1.0, function="LINEAR_EXACT")
        return Window(center=(low + high) / 2, width=high - low, function="LINEAR_EXACT")
