"""What every reader shares: what it is asked, what it gives back, lead names, units, how foreign errors leave."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import CorruptFormatError, EcgEngineError, FormatError, InputError, UnsupportedFormatError
from ecg_engine.leads import standard_name
from ecg_engine.types import Annotation, Patient, Source

#: mV in one of each unit of voltage, by its name in small letters.
MV_PER_UNIT: Final = {
    "mv": 1.0, "millivolt": 1.0, "millivolts": 1.0, "mvolt": 1.0,
    "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "microvolt": 1e-3, "microvolts": 1e-3, "uvolt": 1e-3, "ìv": 1e-3,
    "v": 1e3, "volt": 1e3, "volts": 1e3,
    "мв": 1.0, "мкв": 1e-3, "в": 1e3, "нв": 1e-6,
    "nv": 1e-6, "nanovolt": 1e-6, "nanovolts": 1e-6,
}  # fmt: skip

#: Channels that stand beside an ECG in monitors' and sleep laboratories' files, even where their unit is a voltage.
_NO_ECG: Final = re.compile(
    r"^(?:abp|art|bp|nbp|ibp|pap|cvp|icp|lap|rap|uap|ao|p\d|pleth|ppg|spo2|sao2|resp|respiration|co2|etco2|temp|flow|airflow|"
    r"nasal|thor\w*|abdo\w*|effort|position|snore|activity|acc\w*|hr|pulse|pr|eeg|eog|emg|chin|leg|"
    r"stage|marker|event|status|trigger|light)(?:$|[^a-z0-9])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller of a reader knows better than the file.

    Parameters
    ----------
    fs : float, optional
        Hz, for files that do not say.
    leads : tuple of str, optional
        Keep only these, in this order.
    """

    fs: float | None = None
    leads: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """What a format's reader gives back: the header's facts, and a function that fetches samples.

    Parameters
    ----------
    fs : float
        Hz.
    leads : tuple of str
        Names of the leads kept.
    n_samples : int
        In each lead.
    fetch : callable
        ``fetch(start, stop)`` returns (n_leads, stop - start) float64 mV.
    start : datetime, optional
    patient : Patient
    source : Source
    annotations : tuple of Annotation
    """

    fs: float
    leads: tuple[str, ...]
    n_samples: int
    fetch: Callable[[int, int], NDArray[np.float64]]
    start: datetime | None = None
    patient: Patient = field(default_factory=Patient)
    source: Source = field(default_factory=Source)
    annotations: tuple[Annotation, ...] = ()


@contextmanager
def translated(path: Path, what: str, remedy: str = "copy or export the file again") -> Iterator[None]:
    """Let no foreign exception and no foreign warning out of the block.

    Parameters
    ----------
    path : Path
        The file being read.
    what : str
        What was being read, for the message.
    remedy : str
        How to mend.

    Raises
    ------
    CorruptFormatError
        In place of any exception that is not ours.
    FormatError
        In place of an error of the operating system.
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except EcgEngineError:
        raise
    except OSError as exc:
        if exc.strerror is None:  # a library's own word for a file that ends too soon, not the system's
            raise CorruptFormatError(f"{what} cannot be read (it ends too soon); {remedy}", path=path) from exc
        raise FormatError(f"cannot be read ({exc.strerror}); check the file", path=path) from exc
    except Exception as exc:
        raise CorruptFormatError(f"{what} cannot be read ({type(exc).__name__}); {remedy}", path=path) from exc


def mv_per_unit(unit: str) -> float | None:
    """Return how many mV one of `unit` is, None where it is no voltage.

    Examples
    --------
    >>> mv_per_unit("uV"), mv_per_unit("mmHg")
    (0.001, None)
    """
    return MV_PER_UNIT.get(unit.strip().lower())


def is_other_signal(label: str) -> bool:
    """Tell whether a channel's name says that it is no ECG.

    Examples
    --------
    >>> is_other_signal("PLETH"), is_other_signal("RESP"), is_other_signal("V5"), is_other_signal("ECG lead II")
    (True, True, False, False)
    """
    return _NO_ECG.match(label.strip()) is not None


def looks_like_ecg(label: str) -> bool:
    """Tell whether a channel's name says that it is an ECG: a standard lead, or the word."""
    name = standard_name(label)
    known = re.fullmatch(r"I{1,3}|aV[RLF]|V\d?R?|V[1-9]R?|MLI{1,3}|MV\d?|MCL\d?|CM\d|CC5|[XYZ]|D\d", name)
    return known is not None or re.search(r"ecg|ekg", label, re.IGNORECASE) is not None


def name_leads(labels: Sequence[str]) -> list[str]:
    """Return the standard names of channels; where two would share one, each keeps its own spelling.

    Identical spellings stay identical: `choose_leads` refuses them once they are asked for.

    Examples
    --------
    >>> name_leads(["ECG I", "avf"]), name_leads(["I", "ECG I"])
    (['I', 'aVF'], ['I', 'ECG I'])
    """
    names = [standard_name(label) for label in labels]
    times = Counter(names)
    return [
        name if times[name] == 1 else label.strip() or f"lead {i + 1}"
        for i, (name, label) in enumerate(zip(names, labels, strict=True))
    ]


def choose_leads(names: Sequence[str], wanted: Sequence[str] | None, *, path: Path) -> list[int]:
    """Return the rows of the leads to keep, in the order asked for.

    Parameters
    ----------
    names : sequence of str
        All leads of the file.
    wanted : sequence of str, optional
        Those to keep; None keeps all.
    path : Path

    Raises
    ------
    InputError
        A wanted lead is not there, or named twice.
    CorruptFormatError
        Two leads that would be kept have the same name.
    """
    if wanted is None:
        chosen = list(range(len(names)))
    else:
        if isinstance(wanted, str):
            wanted = (wanted,)
        asked = [standard_name(name) if name not in names else name for name in wanted]
        absent = [name for name in asked if name not in names]
        if absent or not asked:
            raise InputError(
                f"leads: {', '.join(absent) or 'none named'}; the file has {', '.join(names)}", argument="leads"
            )
        if len(set(asked)) < len(asked):
            raise InputError("leads: a lead is named twice; name each once", argument="leads")
        chosen = [i for name in asked for i, have in enumerate(names) if have == name]
    kept = [names[i] for i in chosen]
    for name, times in Counter(kept).items():
        if times > 1:
            raise CorruptFormatError(
                f"lead {name}: {times} channels have this name; keep others with leads=… (--leads) or export again",
                path=path,
                lead=name,
            )
    return chosen


def common_rate(names: Sequence[str], rates: Sequence[float], *, path: Path) -> float:
    """Return the one sampling rate of the leads kept, Hz.

    Raises
    ------
    UnsupportedFormatError
        They have several; the message names them.
    CorruptFormatError
        The rate is no number above zero.
    """
    for name, rate in zip(names, rates, strict=True):
        if not (np.isfinite(rate) and rate > 0):
            raise CorruptFormatError(
                f"lead {name}: sampling rate {rate:g} Hz in the header; mend the header or export again",
                path=path,
                lead=name,
            )
    if len(set(rates)) > 1:
        by_rate = {rate: [n for n, r in zip(names, rates, strict=True) if r == rate] for rate in dict.fromkeys(rates)}
        words = "; ".join(f"{rate:g} Hz: {', '.join(who)}" for rate, who in by_rate.items())
        raise UnsupportedFormatError(
            f"leads of different sampling rates ({words}); read those of one rate with leads=… (--leads)", path=path
        )
    return float(rates[0])


def no_ecg(labels: Sequence[str], *, path: Path) -> UnsupportedFormatError:
    """Return the error for a file without an ECG channel."""
    names = ", ".join(label.strip() or "(no name)" for label in labels) or "none"
    return UnsupportedFormatError(f"no ECG channel; its channels are: {names}", path=path)


def contradicted_fs(given: float | None, own: float) -> None:
    """Check that a rate given by the caller is the file's own.

    Raises
    ------
    InputError
        It is not.
    """
    if given is not None and abs(float(given) - own) > 1e-6 * own:
        raise InputError(
            f"fs: {float(given):g} Hz was given, but the file says {own:g} Hz; leave fs out", argument="fs"
        )
