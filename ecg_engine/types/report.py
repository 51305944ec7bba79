"""What is known of an ECG in the end: quality, measurements, statements with evidence, urgency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_engine.settings import Corrections
from ecg_engine.types._frozen import frozen_arrays, read_only
from ecg_engine.types.long import LongSummary
from ecg_engine.types.marks import Beats, Delineation, LeadMarks


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A stretch of a lead in which something is wrong, in whole seconds.

    Parameters
    ----------
    reason : str
        ``gaps``, ``flat``, ``clipped``, ``saturated``, ``baseline_wander``, ``mains``, ``noisy`` (muscle and other fast
        noise) or ``lead_off``.
    start_s, stop_s : float
        From the recording's begin, s.
    """

    reason: str
    start_s: float
    stop_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadQuality:
    """Quality of one lead.

    Parameters
    ----------
    usable : bool
        False where nothing should be measured in this lead.
    reasons : tuple of str
        Codes of what is wrong: ``flat``, ``missing``, ``clipped``, ``noisy``, ``baseline_wander``, ``mains``.
    gap_fraction : float
        Share of the samples that are NaN.
    flat_fraction : float
        Share of the samples that stand in exactly or nearly flat stretches.
    clipped_fraction : float
        Share of the samples that stand at the lead's own extreme.
    noise_mv : float
        RMS of the noise above 35 Hz outside the QRS, mV; NaN where it cannot be had.
    wander_mv : float
        Peak-to-peak baseline wander, mV; NaN where it cannot be had.
    mains_mv : float
        Amplitude of the mains component, mV; NaN where it cannot be had.
    spells : tuple of Spell
        When what is wrong, by begin; a second may stand in several.
    """

    usable: bool
    reasons: tuple[str, ...] = ()
    gap_fraction: float = 0.0
    flat_fraction: float = 0.0
    clipped_fraction: float = 0.0
    noise_mv: float = float("nan")
    wander_mv: float = float("nan")
    mains_mv: float = float("nan")
    spells: tuple[Spell, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Quality of a recording: each lead's, and whether the whole can be interpreted.

    Parameters
    ----------
    by_lead : mapping of str to LeadQuality
    acceptable : bool
        Whether enough of the leads can be used.
    reasons : tuple of str
        Why not.
    score : float
        How likely an expert would accept the recording as it is, 0 to 1, worst lead and all leads weighed together
        (fitted to the labels of PhysioNet/CinC 2011); NaN where it is too short. It orders recordings by quality and
        decides nothing.
    """

    by_lead: Mapping[str, LeadQuality]
    acceptable: bool
    reasons: tuple[str, ...] = ()
    score: float = float("nan")

    @property
    def usable_leads(self) -> tuple[str, ...]:
        """Names of the leads that may be measured."""
        return tuple(name for name, lead in self.by_lead.items() if lead.usable)


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MedianBeat:
    """The median of the beats of the dominant class, aligned at R.

    Parameters
    ----------
    signal : (n_leads, n_samples) array
        mV, baseline removed.
    fs : float
        Hz: a multiple of the recording's rate where that is low, so that a mark falls between two of its samples.
    r_peak : int
        Index of R in `signal`.
    n_beats : int
        How many beats went into it.
    marks : LeadMarks
        Global marks, one beat long, indices into `signal`.
    by_lead : tuple of LeadMarks
        Each lead's own.
    p_coherence : float
        Share of the power before the QRS that is the same in each beat: near 1 where P waves lead the QRS, near 0 where
        the atria fibrillate; NaN where there are too few beats or too little room.
    p_noise_mv : float
        RMS of how far a single beat is from the median there, mV, median over beats and leads; NaN as above.
    """

    signal: NDArray[np.float64]
    fs: float
    r_peak: int
    n_beats: int
    marks: LeadMarks
    by_lead: tuple[LeadMarks, ...]
    p_coherence: float = float("nan")
    p_noise_mv: float = float("nan")

    def __post_init__(self) -> None:
        object.__setattr__(self, "signal", read_only(np.ascontiguousarray(self.signal, dtype=np.float64)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Quantities by their codes in `vocabulary`, which owns their units. What could not be measured is not in it.

    Parameters
    ----------
    overall : mapping of str to float
        Of the whole recording.
    by_lead : mapping of str to mapping of str to float
    normal : mapping of str to (float or None, float or None)
        Lowest and highest normal value of quantities of the whole recording, for the patient's age and sex.
    words : mapping of str to mapping of str to str
        What a quantity of the whole recording is called, by convention: codes of `vocabulary.axis_word`.
    """

    overall: Mapping[str, float] = field(default_factory=dict)
    by_lead: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    normal: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def get(self, code: str, lead: str | None = None) -> float | None:
        """Return one quantity, global or of a lead, or None where it could not be measured."""
        table = self.overall if lead is None else self.by_lead.get(lead, {})
        return table.get(code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One measured fact that a statement rests on.

    Parameters
    ----------
    measurement : str
        Quantity code.
    value : float
        In the unit that `vocabulary` gives the quantity.
    lead : str, optional
        None for a global quantity.
    relation : {">", ">=", "<", "<=", "="}, optional
        How the value stands to the threshold.
    threshold : float, optional
    source : str
        Key of the guideline or paper in `vocabulary`.
    """

    measurement: str
    value: float
    lead: str | None = None
    relation: str | None = None
    threshold: float | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of the conclusion.

    Parameters
    ----------
    code : str
        From `vocabulary`.
    certainty : {"definite", "probable", "possible"}
    evidence : tuple of Evidence
    leads : tuple of str
        The leads in which it is seen, empty where it is of the whole.
    stability : float, optional
        Share of slightly altered readings that say it again; None where nobody asked.
    age : {"acute", "old", "undetermined"}, optional
        Of an infarction.
    """

    code: str
    certainty: str = "definite"
    evidence: tuple[Evidence, ...] = ()
    leads: tuple[str, ...] = ()
    stability: float | None = None
    age: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgency:
    """How soon a doctor should see it.

    Parameters
    ----------
    level : {"critical", "urgent", "unscored", "routine"}
    because : tuple of str
        Codes of the statements, or of the notes, that made it so.
    repeat_recording : tuple of str
        Codes of the reasons to record again; empty where there is none. Never lowers the level.
    """

    level: str
    because: tuple[str, ...] = ()
    repeat_recording: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What could not be done, and why.

    Parameters
    ----------
    stage : str
        The layer that says so.
    code : str
        From `vocabulary`.
    facts : mapping
        What fills the note's text.
    """

    stage: str
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EcgChange:
    """What differs from an earlier ECG of the patient.

    Parameters
    ----------
    code : str
        A quantity or a statement.
    kind : {"measurement", "new", "resolved"}
        A quantity that differs; a statement that is new, or that is no longer made.
    beyond_error : bool
        Whether the difference is larger than that of two readings of an unchanged heart.
    before, after, difference, limit : float, optional
        Of a quantity, in its unit; `limit` is the difference that counts.
    source : str
        Key of the limit's source in `vocabulary`.
    lead : str, optional
        None for a global quantity or a statement.
    age : {"acute", "old", "undetermined"}, optional
        Of an infarction; one that only changes its age is new at the one and resolved at the other.
    """

    code: str
    kind: str
    beyond_error: bool
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    limit: float | None = None
    source: str = ""
    lead: str | None = None
    age: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs from an earlier ECG of the patient, and when that was recorded (ISO 8601; None: unknown)."""

    start: str | None
    changes: tuple[EcgChange, ...] = ()


@frozen_arrays
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EcgReport:
    """Everything the engine has to say about one recording. A partial report is a report: see `notes`."""

    fs: float
    leads: tuple[str, ...]
    duration_s: float
    start: str | None
    source: Mapping[str, Any]
    patient: Mapping[str, Any]
    quality: Quality
    beats: Beats
    delineation: Delineation | None
    median_beat: MedianBeat | None
    measurements: Measurements
    statements: tuple[Statement, ...]
    urgency: Urgency
    scores: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[Note, ...] = ()
    filters_applied: tuple[str, ...] = ()
    #: What a doctor had put right in the recording before it was read.
    corrections: Corrections | None = None
    #: How many altered readings were made for the statements' `stability`.
    stability_n: int = 0
    #: What differs from an earlier ECG; None where there was none, or of another patient.
    comparison: Comparison | None = None
    #: The tables of a recording of a minute and more; None for a shorter one.
    long: LongSummary | None = None

    def to_dict(self, lang: str = "en") -> dict[str, Any]:
        """Return the report in plain JSON types, texts in `lang` (``"en"`` or ``"ru"``).

        The structure is published in ``docs/report.schema.json``.

        Raises
        ------
        InputError
            There are no texts in this language.
        """
        from ecg_engine.types._plain import ecg_report_to_dict

        return ecg_report_to_dict(self, lang)
