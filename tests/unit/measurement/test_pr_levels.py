"""The PR segment against the line before P, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_engine.measurement.pr_levels import CODES, pr_levels

FS = 500.0
#: P from 200 to 300 ms, QRS from 360 ms on.
T_MS = np.arange(0, 400, 2.0)


def levels(lead, *, p=(200, 300), qrs=360, t_before=None):
    at = [round(x * FS / 1000) for x in (*p, qrs)]
    row = pr_levels(lead[None], fs=FS, p_onset=at[0], p_offset=at[1], qrs_onset=at[2], t_before=t_before)[0]
    return dict(zip(CODES, row.tolist(), strict=True))


def test_a_depressed_pr_segment():
    lead = np.interp(T_MS, [0, 200, 250, 300, 400], [0.02, 0.02, 0.15, -0.08, -0.08])
    assert levels(lead)["pr_segment_mv"] == pytest.approx(-0.1, abs=0.005)
    assert levels(lead + 0.7)["pr_segment_mv"] == pytest.approx(-0.1, abs=0.005)


def test_p_that_runs_into_the_qrs_leaves_no_segment():
    lead = np.interp(T_MS, [0, 200, 250, 350, 400], [0, 0, 0.15, -0.08, -0.08])
    assert np.isnan(levels(lead, p=(200, 350))["pr_segment_mv"])


@pytest.mark.parametrize(("t_before", "expected"), [(0, 0.1), (30, 0.07), (61, None), (None, None), (-500, 0.1)])
def test_the_fall_of_the_tp_line(t_before, expected):
    """0.1 mV over 200 ms; T ends at sample 30 (60 ms) or leaves less than 80 ms of it."""
    lead = np.interp(T_MS, [0, 200, 250, 300, 400], [0.1, 0, 0.15, 0, 0])
    fall = levels(lead, t_before=t_before)["tp_fall_mv"]
    assert np.isnan(fall) if expected is None else fall == pytest.approx(expected, abs=0.002)
