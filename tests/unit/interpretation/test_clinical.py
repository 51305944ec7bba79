"""What complaint and drugs add: named beside what they explain, and never instead of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import ecg_engine as ee
from ecg_engine import vocabulary
from ecg_engine.interpretation import judge_urgency
from ecg_engine.interpretation.clinical import clinical_notes, has_chest_pain, taken
from ecg_engine.interpretation.context import Context
from ecg_engine.interpretation.limits import limits_for
from ecg_engine.report import render_bytes
from ecg_engine.types import Beats, LeadQuality, Measurements, Patient, Quality, Statement
from tests.reference.ecg_model import LEADS, PRESETS, EcgSpec, simulate


def context(patient: Patient, **overall: float) -> Context:
    return Context(
        measurements=Measurements(overall=overall),
        quality=Quality(by_lead={"II": LeadQuality(usable=True)}, acceptable=True),
        beats=Beats(r_peaks=np.arange(1, 9) * 400, kinds=np.full(8, "N")),
        patient=patient,
        limits=limits_for(61, "F"),
        leads=("II",),
        n_beats_in_median=8,
        duration_s=10.0,
        st_certain=True,
    )


@pytest.mark.parametrize(
    "complaint",
    [
        "Chest pain since this morning",
        "chest pain with no relief",
        "Pain in the chest; nausea",
        "давящие боли за грудиной 2 часа",
        "боль в груди, не проходит",
        "Загрудинная боль",
        "боль в области сердца",
        "нет температуры, боль в груди",
        "приступ стенокардии",
    ],
)
def test_pain_in_the_chest(complaint: str) -> None:
    assert has_chest_pain(complaint)


@pytest.mark.parametrize(
    "complaint",
    [
        None, "", "palpitations", "No chest pain", "denies any chest pain", "боли в груди нет", "Без загрудинных болей",
        "отрицает боли за грудиной", "боль в животе", "чек-ап", "боли за грудиной отсутствуют",
    ],
)  # fmt: skip
def test_no_pain_in_the_chest(complaint: str | None) -> None:
    assert not has_chest_pain(complaint)


def test_drugs_are_known_by_the_beginning_of_a_word_in_both_languages() -> None:
    given = ("Sotalol 80 mg", "таб. Кордарон", "aspirin", "Амиодарона", "метопролол")
    assert taken(given, "qt_prolonging") == ("Sotalol 80 mg", "таб. Кордарон", "Амиодарона")
    assert taken(("Дигоксин 0,25",), "digitalis") == ("Дигоксин 0,25",)


@pytest.mark.parametrize(
    ("patient", "code", "notes"),
    [
        (Patient(drugs=("sotalol",)), "qt_prolonged", ["qt_drugs"]),
        (Patient(drugs=("sotalol",)), "sinus_rhythm", []),
        (Patient(drugs=("aspirin",)), "qt_prolonged", []),
        (Patient(drugs=("digoxin",)), "st_depression", ["digitalis_st"]),
        (Patient(drugs=("digoxin",)), "qt_prolonged", []),
    ],
)
def test_a_drug_is_named_beside_what_it_explains(patient: Patient, code: str, notes: list[str]) -> None:
    assert [n.code for n in clinical_notes(context(patient), (Statement(code=code),))] == notes


def test_a_pacemaker_without_spikes_is_named_beside_a_wide_qrs() -> None:
    paced = Patient(pacemaker=True)
    assert [n.code for n in clinical_notes(context(paced, qrs_ms=150.0), ())] == ["pacemaker_unseen"]
    assert clinical_notes(context(paced, qrs_ms=90.0), ()) == ()
    assert clinical_notes(context(Patient(), qrs_ms=150.0), ()) == ()


def elevated(complaint: str | None) -> ee.EcgReport:
    """A report that says ST elevation in V2 and V3 and nothing that proves an infarction."""
    who = Patient(age_years=61, sex="F", complaint=complaint)
    report = ee.analyze_ecg(recording("normal", who))
    said = (Statement(code="st_elevation", leads=("V2", "V3")),)
    return replace(report, statements=said, urgency=judge_urgency(context(who), said, judged=()))


def recording(spec: EcgSpec | str, who: Patient) -> ee.Recording:
    spec = PRESETS[spec] if isinstance(spec, str) else spec
    signal, _ = simulate(spec, fs=500, duration_s=10.0, rng=np.random.default_rng(5))
    return ee.Recording(signal=signal, fs=500, leads=LEADS, patient=who)


def test_chest_pain_beside_st_elevation_is_critical() -> None:
    quiet, pain = elevated("cough"), elevated("chest pain")
    assert (quiet.urgency.level, pain.urgency.level) == ("urgent", "critical")
    assert "chest_pain" in pain.urgency.because


def test_complaint_and_drugs_are_used_and_shown_on_the_page() -> None:
    spec = PRESETS["normal"]
    who = Patient(age_years=61, sex="M", complaint="syncope", drugs=("sotalol",))
    long_qt = recording(replace(spec, qt_ms=520.0), who)
    report = ee.analyze_ecg(long_qt)
    assert "qt_prolonged" in {s.code for s in report.statements}
    page = render_bytes(report, long_qt, "svg").decode()
    for words in ("syncope", "sotalol", "can prolong"):
        assert words in page


def test_every_group_of_drugs_has_a_source() -> None:
    for group in ("qt_prolonging", "digitalis"):
        table = vocabulary._table("drugs")[group]
        assert vocabulary.source(table["source"]).doi
        assert all(name == name.lower() for name in table["names"])
