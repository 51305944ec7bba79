"""What differs from an earlier ECG of the patient, and whether the difference is larger than measurement error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ecg_engine.errors import InputError
from ecg_engine.interpretation.context import RULES
from ecg_engine.types import Comparison, EcgChange, EcgReport, Note

__all__ = ["LIMITS", "ST_LIMIT", "Limit", "check_previous", "compare_ecg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much two ECGs of one patient may differ in a quantity without a change of the heart, and who says so."""

    value: float
    source: str


#: PR and QRS: IEC 60601-2-25 allows a program's errors a standard deviation of 10 ms, so that 95 of 100 differences of
#: two measurements lie within 1.96 * sqrt(2) * 10 ms. QTc: an increase of 60 ms and more calls for action (AHA/ACCF
#: 2010). Axis and rate, chosen: posture and the places of the electrodes turn the axis (Schijvenaars et al. 2008), and
#: a rate at rest changes by some 10 per minute within the day.
LIMITS: Final[Mapping[str, Limit]] = {
    "heart_rate_bpm": Limit(value=20.0, source="design"),
    "pr_ms": Limit(value=28.0, source="iec_60601_2_25"),
    "qrs_ms": Limit(value=28.0, source="iec_60601_2_25"),
    "qtc_fridericia_ms": Limit(value=60.0, source="aha_tdp_2010"),
    "qrs_axis_deg": Limit(value=30.0, source="schijvenaars_2008"),
}
#: ST at J by lead, mV: what counts as an elevation in the fourth Universal Definition.
ST_LIMIT: Final = Limit(value=0.1, source="udmi4")
_ST: Final = "st_j_mv"
#: Statements that are not compared: they say that nothing is wrong, or how the recording is.
_NOT_COMPARED: Final = frozenset({"normal_ecg", "undetermined_rhythm"})
_TECHNICAL: Final = "technical"


def check_previous(previous: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a report in plain JSON types, or raise InputError where it is none of an ECG."""
    try:
        measured = previous["measurements"]
        leads = previous["recording"]["leads"]
        usable = {name: lead["usable"] for name, lead in previous["quality"]["by_lead"].items()}
        parts = (measured["global"], measured["by_lead"], previous["recording"]["patient"], usable)
        codes = [(s["code"], s["evidence"]) for s in previous["statements"]]
        values = [q["value"] for table in (parts[0], *parts[1].values()) for q in table.values()]
        whole = all(isinstance(part, Mapping) for part in parts) and isinstance(leads, list) and codes is not None
        if not whole or not all(isinstance(v, (int, float)) for v in values):
            raise TypeError
    except (KeyError, TypeError, AttributeError) as exc:
        raise InputError(
            "previous: no report of an ECG; give what `EcgReport.to_dict` returns, or an ECG", argument="previous"
        ) from exc
    return previous


def compare_ecg(previous: Mapping[str, Any], current: EcgReport) -> tuple[Comparison | None, tuple[Note, ...]]:
    """Return what differs between two ECGs of a patient, and what is to be said of the comparison.

    Parameters
    ----------
    previous : mapping
        What ``EcgReport.to_dict`` returns, of whatever language.
    current : EcgReport

    Returns
    -------
    Comparison or None
        Every quantity of `LIMITS` that both have, ST in the leads that both have it in where it differs by more than
        `ST_LIMIT`, and each statement that one has and the other lacks. `beyond_error` of a statement is False where
        every measurement that it rests on, and that both reports have, differs by no more than its limit. None where
        the two are of different patients.
    notes : tuple of Note

    Raises
    ------
    InputError
        `previous` is no report of an ECG.
    """
    now = current.to_dict()
    before = check_previous(previous)
    same = _same_patient(before["recording"]["patient"], now["recording"]["patient"])
    if same is False:
        return None, (Note(stage="interpretation", code="previous_other_patient"),)
    notes = [] if same else [Note(stage="interpretation", code="previous_patient_unknown")]
    earlier, later = before["recording"].get("start"), now["recording"]["start"]
    if earlier and later and str(earlier) > str(later):
        notes.append(Note(stage="interpretation", code="previous_is_later"))
    changes = [*_measured(before, now), *_st(before, now)]
    if before["quality"].get("acceptable", True) and now["quality"]["acceptable"]:
        changes += [*_said(before, now, "new"), *_said(now, before, "resolved")]
    else:
        notes.append(Note(stage="interpretation", code="previous_not_acceptable"))
    return Comparison(start=earlier, changes=tuple(changes)), tuple(notes)


def _same_patient(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool | None:
    """Return whether two ECGs are of one patient; None where nothing says so."""
    known = [(before.get(key), now.get(key)) for key in ("id", "birth_date", "sex", "name")]
    both = [(a, b) for a, b in known[:3] if a is not None and b is not None]
    if any(a != b for a, b in both):
        return False
    named = [(a, b) for a, b in (known[0], known[1], known[3]) if a is not None and b is not None]
    return True if named and any(a == b for a, b in named) else None


def _values(report: Mapping[str, Any], lead: str | None = None) -> Mapping[str, float]:
    table = report["measurements"]["global"] if lead is None else report["measurements"]["by_lead"].get(lead, {})
    return {code: float(q["value"]) for code, q in table.items()}


def _difference(code: str, before: float, after: float) -> float:
    by = after - before
    return (by + 180.0) % 360.0 - 180.0 if code.endswith("_deg") else by


def _measured(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[EcgChange]:
    earlier, later = _values(before), _values(now)
    for code, limit in LIMITS.items():
        if code in earlier and code in later:
            by = _difference(code, earlier[code], later[code])
            yield EcgChange(
                code=code,
                kind="measurement",
                before=earlier[code],
                after=later[code],
                difference=by,
                limit=limit.value,
                beyond_error=_is_beyond(by, limit),
                source=limit.source,
            )


def _is_beyond(by: float, limit: Limit) -> bool:
    return round(abs(by), 9) >= limit.value


def _st(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[EcgChange]:
    for lead in now["measurements"]["by_lead"]:
        earlier, later = _values(before, lead).get(_ST), _values(now, lead).get(_ST)
        if earlier is not None and later is not None and _is_beyond(later - earlier, ST_LIMIT):
            yield EcgChange(
                code=_ST,
                kind="measurement",
                before=earlier,
                after=later,
                difference=later - earlier,
                limit=ST_LIMIT.value,
                beyond_error=True,
                source=ST_LIMIT.source,
                lead=lead,
            )


def _said(lacking: Mapping[str, Any], having: Mapping[str, Any], kind: str) -> Iterator[EcgChange]:
    """Yield the statements that one report has and the other lacks though it could have made them."""
    technical = {r.code for r in RULES if r.family == _TECHNICAL}
    there = {s["code"] for s in lacking["statements"]}
    usable = {name for name, lead in lacking["quality"]["by_lead"].items() if lead["usable"]}
    for statement in having["statements"]:
        code = statement["code"]
        if code in there | technical | _NOT_COMPARED:
            continue
        leads = {e["lead"] for e in statement["evidence"] if e.get("lead") is not None}
        if leads <= usable:
            yield EcgChange(code=code, kind=kind, beyond_error=_has_moved(statement, lacking, having))


def _has_moved(statement: Mapping[str, Any], lacking: Mapping[str, Any], having: Mapping[str, Any]) -> bool:
    """Return whether any measurement that stands at a threshold differs by more than error between the reports."""
    known = False
    for e in statement["evidence"]:
        code, lead = e["measurement"], e.get("lead")
        limit = ST_LIMIT if code == _ST else LIMITS.get(code)
        here, other = _values(having, lead).get(code), _values(lacking, lead).get(code)
        if e.get("threshold") is None or limit is None or here is None or other is None:
            continue
        known = True
        if _is_beyond(_difference(code, other, here), limit):
            return True
    return not known
