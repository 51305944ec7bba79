"""Settings: frozen, picklable, built only by the doors (command line, service), part of the job key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ecg_engine.errors import InputError

LANGUAGES: Final = ("en", "ru")
PAGE_FORMATS: Final = ("pdf", "svg", "png")
OUTPUT_FORMATS: Final = (*PAGE_FORMATS, "json")
SPEEDS_MM_S: Final = (25.0, 50.0)
GAINS_MM_MV: Final = (5.0, 10.0, 20.0)
LAYOUTS: Final = ("auto", "3x4", "12x1")
OVERLAYS: Final = ("flagged", "all", "none")


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

    def __post_init__(self) -> None:
        _check("lang", self.lang, LANGUAGES)
        for name in self.formats:
            _check("formats", name, OUTPUT_FORMATS)


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
