"""Statements of a long recording, on both sides of the published limits."""

from __future__ import annotations

import pytest

from ecg_engine.interpretation import interpret, judge_urgency
from tests.unit.interpretation.test_conduction import leads
from tests.unit.interpretation.test_rules import context

DAY = {"analysed_h": 24.0}
FIBRILLATION = {"n_fibrillation_episodes": 2.0, "fibrillation_burden_percent": 12.0}
RUNS = {"n_ventricular_runs": 6.0, "ventricular_runs_most_beats": 9.0, "ventricular_runs_longest_bpm": 150.0}


def found(**overall):
    return {s.code: s for s in interpret(context(by_lead=leads(), **(DAY | overall)))}


def shown(statement):
    return {e.measurement: e.value for e in statement.evidence}


#: 2022 ESC guidelines: 10 % of the beats; Binici 2010: 30 an hour, or a run of 20.
@pytest.mark.parametrize(
    ("overall", "code", "holds"),
    [
        ({"ventricular_burden_percent": 10.0, "ventricular_an_hour": 420.0}, "frequent_ventricular_ectopy", True),
        ({"ventricular_burden_percent": 9.9, "ventricular_an_hour": 420.0}, "frequent_ventricular_ectopy", False),
        ({"ventricular_burden_percent": 30.0, "analysed_h": 0.2}, "frequent_ventricular_ectopy", False),
        ({"ventricular_burden_percent": 51.0, "ventricular_an_hour": 2100.0}, "frequent_ventricular_ectopy", False),
        ({"supraventricular_an_hour": 30.0}, "frequent_supraventricular_ectopy", True),
        ({"supraventricular_an_hour": 29.0}, "frequent_supraventricular_ectopy", False),
        ({"supraventricular_runs_most_beats": 20.0}, "frequent_supraventricular_ectopy", True),
        ({"supraventricular_runs_most_beats": 19.0}, "frequent_supraventricular_ectopy", False),
        (FIBRILLATION, "atrial_fibrillation_episodes", True),
        ({"n_slow_hours": 3.0, "slowest_hour_bpm": 44.0}, "slow_hours", True),
        ({"n_fast_hours": 3.0, "fastest_hour_bpm": 112.0}, "fast_hours", True),
        ({}, "slow_hours", False),
    ],
)
def test_what_is_said_over_time(overall, code, holds):
    assert (code in found(**overall)) is holds


def test_early_beats_among_many_ventricular_ones_are_less_certain():
    often = {"supraventricular_an_hour": 60.0}
    assert found(**often)["frequent_supraventricular_ectopy"].certainty == "probable"
    bigeminy = found(**often, ventricular_burden_percent=25.0, ventricular_an_hour=900.0)
    assert bigeminy["frequent_supraventricular_ectopy"].certainty == "possible"


def test_paced_beats_are_no_ectopic_ones():
    c = context(by_lead=leads(), kinds="Q" * 9 + "VVV", **DAY, ventricular_burden_percent=25.0, n_pacing_spikes=9.0)
    assert "frequent_ventricular_ectopy" not in {s.code for s in interpret(c)}


def test_episodes_of_fibrillation_press_and_give_way_to_a_lasting_one():
    c = context(by_lead=leads(), **DAY, **FIBRILLATION)
    assert judge_urgency(c, interpret(c), judged=()).level == "urgent"
    lasting = {"fibrillation_percent": 99.0, "rr_irregularity_percent": 20.0, "rr_change_percent": 20.0}
    said = interpret(context(by_lead=leads(), without=("pr_ms",), **DAY, **FIBRILLATION, **lasting))
    codes = {s.code: shown(s) for s in said}
    assert "atrial_fibrillation_episodes" not in codes
    assert codes["atrial_fibrillation"]["fibrillation_burden_percent"] == 12


def test_a_pause_tells_how_many_there_are_and_when_the_longest_is():
    over = {"n_pauses_3s": 4.0, "pause_longest_s": 3.4, "pause_longest_at_h": 7.5}
    assert shown(found(pause_s=3.4, rr_max_ms=3400.0, **over)["pause"]) == {"pause_s": 3.4, **over}
    assert {"pause_s": 5.0, **over} == shown(found(pause_s=5.0, rr_max_ms=3400.0, **over)["asystole"])


def test_a_long_rr_that_noise_hides_is_no_pause_of_a_long_recording():
    """The table leaves it out; silence at an end of the recording is no RR and stays."""
    assert not {"pause", "asystole"} & set(found(pause_s=5.0, rr_max_ms=5000.0))
    other = {"n_pauses_3s": 1.0, "pause_longest_s": 3.1, "pause_longest_at_h": 2.0}
    assert shown(found(pause_s=5.0, rr_max_ms=5000.0, **other)["pause"]) == other
    assert "asystole" in found(pause_s=5.0, rr_max_ms=1100.0)
    assert "sinus_pause" not in found(pause_s=5.0, rr_max_ms=5000.0)
    assert "sinus_pause" in found(pause_s=2.5, rr_max_ms=2500.0)


def test_runs_are_counted_where_one_is_borne_out():
    assert "ventricular_run" not in found(**RUNS)
    run = found(ventricular_run_beats=9.0, ventricular_run_bpm=150.0, **RUNS)["ventricular_run"]
    assert RUNS.items() <= shown(run).items()
