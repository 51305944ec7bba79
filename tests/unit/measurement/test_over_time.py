"""The figures of a long recording, from tables written by hand."""

from __future__ import annotations

import pytest

from ecg_engine.measurement.over_time import over_time
from ecg_engine.types.long import Episode, Extreme, Hour, LongSummary


def hour(k, mean, *, analysed_s=3600.0):
    return Hour(start_s=3600.0 * k, stop_s=3600.0 * (k + 1), analysed_s=analysed_s, n_beats=4000, n_ventricular=0,
                n_supraventricular=0, n_paced=0, mean_bpm=mean, min_bpm=None, max_bpm=None, n_pauses=0,
                fibrillation_s=0.0)  # fmt: skip


def episode(kind, start_s, length_s, n_beats=0, bpm=None):
    return Episode(kind=kind, start_s=start_s, stop_s=start_s + length_s, n_beats=n_beats, rate_bpm=bpm)


def measured(*episodes, hours=(), counts=None, burden=None, analysed_s=86400.0, extremes=None):
    tables = LongSummary(
        duration_s=86400.0, analysed_s=analysed_s, counts={"beats": 100000, **(counts or {})}, burden=burden or {},
        extremes=extremes or {}, hours=hours, episodes=episodes,
    )  # fmt: skip
    return over_time(tables, slow_bpm=50.0, fast_bpm=100.0)


def test_pauses_are_counted_and_the_longest_is_placed():
    m = measured(episode("pause_3s", 3600.0, 3.1), episode("pause_3s", 7200.0, 4.2), episode("pause_2s", 9000.0, 2.9))
    assert (m["n_pauses_3s"], m["pause_longest_at_h"]) == (2, 2) and m["pause_longest_s"] == pytest.approx(4.2)
    assert "n_pauses_3s" not in measured(episode("pause_2s", 9000.0, 2.9))


def test_fibrillation_is_a_burden_with_its_longest_episode():
    m = measured(episode("atrial_fibrillation", 0.0, 60.0), episode("atrial_fibrillation", 36000.0, 2592.0),
                 burden={"atrial_fibrillation_percent": 3.07})  # fmt: skip
    assert m["n_fibrillation_episodes"] == 2 and m["fibrillation_burden_percent"] == 3.07
    assert m["fibrillation_longest_min"] == pytest.approx(43.2) and m["fibrillation_longest_at_h"] == 10


@pytest.mark.parametrize("name", ["ventricular", "supraventricular"])
def test_ectopic_beats_by_share_by_hour_and_in_runs(name):
    m = measured(episode(f"{name}_run", 10.0, 2.0, 5, 150.0), episode(f"{name}_run", 90.0, 3.0, 7, 140.0),
                 counts={name: 480}, burden={f"{name}_percent": 0.48}, analysed_s=43200.0)  # fmt: skip
    assert m[f"{name}_an_hour"] == 40 and m[f"{name}_burden_percent"] == 0.48
    assert (m[f"n_{name}_runs"], m[f"{name}_runs_most_beats"], m[f"{name}_runs_longest_bpm"]) == (2, 7, 140)


def test_slow_and_fast_hours_need_half_an_hour_that_could_be_read():
    hours = (hour(0, 49.0), hour(1, 50.0), hour(2, 44.0, analysed_s=1700.0), hour(3, 101.0), hour(4, 120.0))
    m = measured(hours=hours)
    assert (m["n_slow_hours"], m["slowest_hour_bpm"]) == (1, 49)
    assert (m["n_fast_hours"], m["fastest_hour_bpm"]) == (2, 120)
    assert not {"n_slow_hours", "n_fast_hours"} & set(measured(hours=hours[1:3]))


def test_the_extremes_of_the_rate():
    extremes = {"rate_min_bpm": Extreme(value=38.0, at_s=5.0), "rate_max_bpm": Extreme(value=141.0, at_s=9.0)}
    m = measured(extremes=extremes)
    assert (m["rate_min_bpm"], m["rate_max_bpm"]) == (38, 141)
