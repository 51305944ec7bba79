"""What is known of a radiograph and of a study in the end: gate, quality, measurements, findings, urgency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_engine.types._frozen import frozen_arrays, read_only
from ecg_engine.types.report import Measurements, Note, Urgency


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Whether a picture is what the chest models were made for.

    Parameters
    ----------
    accepted : bool
        False where no chest model may score it.
    reasons : tuple of str
        Note codes of what keeps it out: ``not_chest``, ``lateral_view``, ``turned``, ``inverted``, ``child`` ...
    view : str, optional
        ``PA``, ``AP``, ``FRONTAL`` (frontal, which of both is unknown) or ``LATERAL``; None where it is no chest.
    view_source : {"header", "pixels"}, optional
        What decided.
    child : bool, optional
        Younger than 18 years; None where neither the header nor the picture says.
    body_part : str, optional
        DICOM term, capitals: ``CHEST``, ``HAND`` ...
    turned_deg : {0, 90, 180, 270}
        How far the picture is turned clockwise from upright.
    inverted : bool
        Whether black and white are exchanged, as the pixels show.
    probabilities : mapping of str to float
        The gate network's own words.
    """

    accepted: bool
    reasons: tuple[str, ...] = ()
    view: str | None = None
    view_source: str | None = None
    child: bool | None = None
    body_part: str | None = None
    turned_deg: int = 0
    inverted: bool = False
    probabilities: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuality:
    """Whether a picture is good enough to be read, and what is wrong with it (note codes)."""

    acceptable: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartOutline:
    """How large the heart is by the network's outline, believed or not; never reported, for those who weigh it.

    Parameters
    ----------
    ratio : float
        Cardiothoracic ratio.
    error : float
        How far it may be off: of held-out images 9 of 10 were closer.
    widths : tuple of float
        Mean width of the heart in the fourth to the ninth tenth of the lungs' height, counted from the apices, over the
        width of both lungs together.
    """

    ratio: float
    error: float
    widths: tuple[float, ...]


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anatomy:
    """Lungs and heart on the prepared square of `radiograph.prepare`.

    Parameters
    ----------
    right_lung, left_lung, heart : (size, size) bool arrays
        The patient's right lung lies on the left of the picture.
    confidence : float
        0 to 1: how much the outlines look like a chest; measurements are taken from 0.5.
    method : str
        What found them.
    ratio_error : float, optional
        How far the cardiothoracic ratio taken from them may be off: of held-out images 9 of 10 were closer.
    outlined : HeartOutline, optional
        How large the heart is by its outline, whether that is believed or not.
    """

    right_lung: NDArray[np.bool_]
    left_lung: NDArray[np.bool_]
    heart: NDArray[np.bool_]
    confidence: float
    method: str
    ratio_error: float | None = None
    outlined: HeartOutline | None = None

    def __post_init__(self) -> None:
        for name in ("right_lung", "left_lung", "heart"):
            object.__setattr__(self, name, read_only(np.ascontiguousarray(getattr(self, name), dtype=np.bool_)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One score of a model.

    Parameters
    ----------
    code : str
        From `vocabulary` (``effusion`` ...) or a model's own.
    score : float
        Calibrated probability, 0 to 1.
    threshold : float
        The model's operating point: at or above it the finding is listed as seen.
    model : str
        Name and version of the model.
    model_sha256 : str
        Hash of its weights.
    region : (top, left, bottom, right), optional
        Where it is, pixels of the image, the end not included; None where nothing stands out.
    report : {"default", "research"}
        ``research``: shown, never raises urgency.
    """

    code: str
    score: float
    threshold: float
    model: str
    model_sha256: str
    region: tuple[int, int, int, int] | None = None
    report: str = "research"

    @property
    def seen(self) -> bool:
        """Whether the score reaches the threshold."""
        return self.score >= self.threshold


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RadiographReport:
    """Everything the engine has to say about one radiograph. A partial report is a report: see `notes`.

    Parameters
    ----------
    image : mapping
        What the file says of the picture: path, UIDs, shape, spacing, view, laterality, body part, modality.
    patient : mapping
        As `EcgReport.patient`.
    gate : Gate
    quality : ImageQuality
    measurements : Measurements
    findings : tuple of Finding
    urgency : Urgency
    notes : tuple of Note
    anatomy : Anatomy, optional
    maps : mapping of str to (rows, columns) float32 array
        Class-activation map of a finding, 0 to 1, over the prepared square.
    square : (size, size) uint8 array, optional
        The prepared picture on which `anatomy` and `maps` lie.
    """

    image: Mapping[str, Any]
    patient: Mapping[str, Any]
    gate: Gate
    quality: ImageQuality
    measurements: Measurements
    findings: tuple[Finding, ...]
    urgency: Urgency
    notes: tuple[Note, ...] = ()
    anatomy: Anatomy | None = None
    maps: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    square: NDArray[np.uint8] | None = None

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """Return the report in plain JSON types, texts in `lang` (``"en"`` or ``"ru"``).

        The structure is published in ``docs/radiograph.schema.json``.

        Raises
        ------
        InputError
            There are no texts in this language.
        """
        from ecg_engine.types._plain_radiograph import radiograph_report_to_dict

        return radiograph_report_to_dict(self, lang)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What differs from an earlier study of the patient.

    Parameters
    ----------
    code : str
        A quantity or a finding.
    kind : {"measurement", "finding"}
    before, after : float
        Measured values, or scores.
    beyond_error : bool
        Whether the difference is larger than the method's own error.
    """

    code: str
    kind: str
    before: float
    after: float
    beyond_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One sentence of the draft text, as a code of `vocabulary` and what fills it.

    Parameters
    ----------
    section : {"description", "conclusion"}
    code : str
    facts : mapping
    """

    section: str
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudyReport:
    """One line of the worklist: all images of a study.

    Parameters
    ----------
    study : mapping
        ``study_uid, date, time, accession, description, modality, body_part``; None where the files do not say.
    patient : mapping
        As `EcgReport.patient`.
    images : tuple of RadiographReport
    findings : tuple of Finding
        The highest score of each code over the images, `default` ones before `research` ones.
    urgency : Urgency
        The most pressing of the images'; `unscored` only where no image was scored.
    priority : float, optional
        0 to 1, orders studies of one level; None where nothing was scored.
    changes : tuple of Change
        Against `previous`.
    previous : mapping, optional
        ``study_uid, date`` of the earlier study.
    phrases : tuple of Phrase
        The draft text.
    notes : tuple of Note
    """

    study: Mapping[str, Any]
    patient: Mapping[str, Any]
    images: tuple[RadiographReport, ...]
    findings: tuple[Finding, ...]
    urgency: Urgency
    priority: float | None = None
    changes: tuple[Change, ...] = ()
    previous: Mapping[str, Any] | None = None
    phrases: tuple[Phrase, ...] = ()
    notes: tuple[Note, ...] = ()

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """Return the report in plain JSON types, texts in `lang` (``"en"`` or ``"ru"``).

        The structure is published in ``docs/study.schema.json``.

        Raises
        ------
        InputError
            There are no texts in this language.
        """
        from ecg_engine.types._plain_radiograph import study_report_to_dict

        return study_report_to_dict(self, lang)
