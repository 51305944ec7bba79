"""Settings: frozen, picklable, built only by the doors (command line, service), part of the job key."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from ecg_engine.errors import InputError

LANGUAGES: Final = ("en", "ru")
PAGE_FORMATS: Final = ("pdf", "svg", "png")
OUTPUT_FORMATS: Final = (*PAGE_FORMATS, "json")
SPEEDS_MM_S: Final = (25.0, 50.0)
GAINS_MM_MV: Final = (5.0, 10.0, 20.0)
LAYOUTS: Final = ("auto", "3x4", "12x1")
OVERLAYS: Final = ("flagged", "all", "none")
#: Electrodes of the limbs by their AHA and IEC names. What stood on the right leg carries no signal of its own: an
#: exchange with it loses a lead for good.
LIMB_ELECTRODES: Final = {"RA": "RA", "LA": "LA", "LL": "LL", "R": "RA", "L": "LA", "F": "LL"}
#: Marks of the median beat that a doctor may move: ms from its R.
MARKS_MS: Final = (
    "p_onset_ms", "p_peak_ms", "p_offset_ms", "qrs_onset_ms", "qrs_offset_ms", "t_onset_ms", "t_peak_ms", "t_offset_ms",
)  # fmt: skip
#: So many altered readings at most: more do not make the share more certain than a doctor can use.
MOST_READINGS: Final = 1000
#: Those that the command line makes where it is asked to.
READINGS: Final = 100
#: AAMI EC57 classes of beats.
BEAT_CLASSES: Final = ("N", "S", "V", "F", "Q")


def _check(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        words = ", ".join(f"{a:g}" if isinstance(a, float) else str(a) for a in allowed)
        raise InputError(f"{name}: {value!r} is not one of {words}", argument=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """How the page is drawn.

    Parameters
    ----------
    speed_mm_s : {25, 50}
        Paper speed, mm/s.
    gain_mm_mv : {5, 10, 20}
        mm for each mV.
    layout : {"auto", "3x4", "12x1"}
        ``"auto"``: 3x4 with a rhythm strip where the twelve leads are there, else one row a lead.
    png_dpi : int
        Resolution of PNG pages.

    Raises
    ------
    InputError
        A value outside these.
    """

    speed_mm_s: float = 25.0
    gain_mm_mv: float = 10.0
    layout: str = "auto"
    png_dpi: int = 150

    def __post_init__(self) -> None:
        _check("speed_mm_s", self.speed_mm_s, SPEEDS_MM_S)
        _check("gain_mm_mv", self.gain_mm_mv, GAINS_MM_MV)
        _check("layout", self.layout, LAYOUTS)
        if not 50 <= self.png_dpi <= 600:
            raise InputError("png_dpi: must lie in 50 to 600", argument="png_dpi")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientSettings:
    """What the sender says of the patient where the file does not, or says wrong. None leaves the file's word."""

    id: str | None = None
    name: str | None = None
    birth_date: str | None = None
    age_years: float | None = None
    sex: str | None = None
    pacemaker: bool | None = None
    complaint: str | None = None
    drugs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """What a doctor puts right in a recording before it is read again.

    Parameters
    ----------
    swap_leads : tuple of (str, str)
        Pairs to be exchanged back, one after the other: two electrodes of the limbs (``RA``, ``LA``, ``LL``, or
        ``R``, ``L``, ``F``), which changes all six limb leads, or two other leads (``V1``, ``V2``), which are put in
        each other's place.
    invert_leads : tuple of str
        Leads whose sign is turned, named as they are after the exchange.
    drop_leads : tuple of str
        Leads left out, named as they are after the exchange. A limb lead that follows from others is computed.
    age_years : float, optional
    sex : {"F", "M"}, optional
    marks : mapping of str to float or None
        Marks of the median beat, over all leads, in ms from its R (`MARKS_MS`); None says that there is no such mark.
    beats : tuple of (float, str)
        Time of a beat, s from the begin, and its AAMI EC57 class.

    Raises
    ------
    InputError
        A value of the wrong kind or outside its range.

    Examples
    --------
    >>> Corrections(swap_leads=(("RA", "LA"),), sex="F").to_dict()
    {'swap_leads': [['RA', 'LA']], 'sex': 'F'}
    """

    swap_leads: tuple[tuple[str, str], ...] = ()
    invert_leads: tuple[str, ...] = ()
    drop_leads: tuple[str, ...] = ()
    age_years: float | None = None
    sex: str | None = None
    marks: Mapping[str, float | None] = field(default_factory=dict)
    beats: tuple[tuple[float, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("invert_leads", "drop_leads"):
            object.__setattr__(self, name, _names(name, getattr(self, name)))
        object.__setattr__(self, "swap_leads", tuple(_pair(pair) for pair in _list("swap_leads", self.swap_leads)))
        object.__setattr__(self, "beats", tuple(_beat(beat) for beat in _list("beats", self.beats)))
        if not isinstance(self.marks, Mapping):
            raise InputError('marks: must be an object such as {"qrs_offset_ms": 52}', argument="marks")
        for name, ms in self.marks.items():
            if name not in MARKS_MS:
                raise InputError(f"marks: {name!r} is not one of {', '.join(MARKS_MS)}", argument="marks")
            if ms is not None and not (_is_number(ms) and abs(ms) <= 2000):
                raise InputError(f"marks: {name}: must be ms from R, -2000 to 2000, or null", argument="marks")
        object.__setattr__(self, "marks", dict(self.marks))
        if self.age_years is not None and not (_is_number(self.age_years) and 0 <= self.age_years <= 130):
            raise InputError("age_years: must be a number of years, 0 to 130", argument="age_years")
        if self.sex not in (None, "F", "M"):
            raise InputError('sex: must be "F" or "M"', argument="sex")

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Corrections:
        """Return the corrections of their JSON form, which has the names of the fields as keys; null leaves one out.

        Raises
        ------
        InputError
            No object, an unknown key, or as for the class.
        """
        known = [f.name for f in fields(cls)]
        if not isinstance(facts, Mapping):
            raise InputError('corrections: must be one object, such as {"swap_leads": [["RA", "LA"]]}')
        unknown = sorted(map(str, set(facts) - set(known)))
        if unknown:
            raise InputError(f"corrections: unknown key {', '.join(unknown)}; known are {', '.join(known)}")
        return cls(**{key: value for key, value in facts.items() if value is not None})

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; what is not corrected is absent."""
        plain: dict[str, Any] = {key: value for key, value in asdict(self).items() if value not in (None, (), {})}
        for key in ("swap_leads", "beats"):
            if key in plain:
                plain[key] = [list(pair) for pair in plain[key]]
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    def __bool__(self) -> bool:
        """Return whether anything is corrected."""
        return bool(self.to_dict())


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _list(name: str, value: object) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise InputError(f"{name}: must be a list", argument=name)
    return tuple(value)


def _names(name: str, value: object) -> tuple[str, ...]:
    found = _list(name, value)
    if not all(isinstance(one, str) and one for one in found):
        raise InputError(f'{name}: must be a list of leads such as ["V3"]', argument=name)
    return found


def _pair(value: object) -> tuple[str, str]:
    pair = _names("swap_leads", value)
    if len(pair) != 2 or pair[0] == pair[1]:
        raise InputError('swap_leads: must be pairs such as [["RA", "LA"]] or [["V1", "V2"]]', argument="swap_leads")
    limbs = sum(name in LIMB_ELECTRODES for name in pair)
    if limbs == 1 or {"RL", "N"} & set(pair):
        raise InputError(
            f"swap_leads: {pair[0]} and {pair[1]} cannot be exchanged back (what the right leg's electrode was put on, "
            "or a chest electrode on a limb, was not recorded); record again",
            argument="swap_leads",
        )
    return pair[0], pair[1]


def _beat(value: object) -> tuple[float, str]:
    pair = _list("beats", value)
    if len(pair) != 2 or not _is_number(pair[0]) or pair[0] < 0 or pair[1] not in BEAT_CLASSES:
        classes = ", ".join(BEAT_CLASSES)
        raise InputError(f'beats: must be pairs such as [[3.42, "V"]]: s, and one of {classes}', argument="beats")
    return float(pair[0]), str(pair[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeSettings:
    """How an ECG file is decoded.

    Parameters
    ----------
    formats : tuple of {"pdf", "svg", "png", "json"}
        What to write for each file.
    lang : {"en", "ru"}
    page : PageSettings
    patient : PatientSettings
    input_format : str, optional
        Forces a reader of the registry.
    fs : float, optional
        Hz, for files that do not say (CSV).
    leads : tuple of str
        Leads to read, by their standard names; empty: all.
    corrections : Corrections, optional
        What is put right before it is read.
    previous : str, optional
        An earlier ECG of the patient, or its report as JSON, that it is compared with.
    previous_sha256 : str, optional
        Hash of that file: another file is another result.
    stability_n : int
        How many altered readings are made, 0 to 1000; 0 makes none.
    saliency : bool
        Whether it is told and drawn where a model looked for the highest of its scores that counts.

    Raises
    ------
    InputError
        A value outside these.
    """

    formats: tuple[str, ...] = ("pdf", "json")
    lang: str = "en"
    page: PageSettings = field(default_factory=PageSettings)
    patient: PatientSettings = field(default_factory=PatientSettings)
    input_format: str | None = None
    fs: float | None = None
    leads: tuple[str, ...] = ()
    corrections: Corrections | None = None
    previous: str | None = None
    previous_sha256: str | None = None
    stability_n: int = 0
    saliency: bool = False

    def __post_init__(self) -> None:
        _check("lang", self.lang, LANGUAGES)
        check_stability_n(self.stability_n)
        for name in self.formats:
            _check("formats", name, OUTPUT_FORMATS)


def check_stability_n(n: int) -> int:
    """Return how many altered readings are to be made, or raise InputError."""
    if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= MOST_READINGS:
        raise InputError(f"stability_n: must be a whole number, 0 to {MOST_READINGS}", argument="stability_n")
    return n


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageSettings:
    """How a study of radiographs is triaged.

    Parameters
    ----------
    lang : {"en", "ru"}
        Language of the draft texts.
    thumbnail_px : int
        Longer side of thumbnails and overlays, pixels; 0 makes none.
    overlays : {"flagged", "all", "none"}
        Which images get outlines and heat map drawn: those with a finding seen, every accepted one, none.
    reduced : bool
        Whether JPEG 2000 and HTJ2K are decoded at the resolution that the models need.

    Raises
    ------
    InputError
        A value outside these.
    """

    lang: str = "en"
    thumbnail_px: int = 256
    overlays: str = "flagged"
    reduced: bool = True

    def __post_init__(self) -> None:
        _check("lang", self.lang, LANGUAGES)
        _check("overlays", self.overlays, OVERLAYS)
        if self.thumbnail_px != 0 and not 64 <= self.thumbnail_px <= 1024:
            raise InputError("thumbnail_px: give 0, or 64 to 1024", argument="thumbnail_px")
