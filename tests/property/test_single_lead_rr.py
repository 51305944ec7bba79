"""Numbers about changes of RR: expected is what their definitions say, in plain loops; and rhythms of known order."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_engine.measurement.single_lead_rr import CHANGE_NUMBERS, change_numbers


def found_of(rr: list[float]) -> np.ndarray:
    return change_numbers(np.rint(np.cumsum([0.3, *rr]) * 100).astype(np.int64), fs=100.0)


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(st.integers(30, 160), min_size=5, max_size=60))
def test_they_are_what_their_definitions_say(steps: list[int]) -> None:
    rr = [step / 100 for step in steps]
    found = found_of(rr)
    assert found.shape == (CHANGE_NUMBERS,)
    assert np.isfinite(found).all()
    # turning points
    turns = [(b - a) * (c - b) < 0 for a, b, c in zip(steps, steps[1:], steps[2:], strict=False)]
    assert found[10] == pytest.approx(sum(turns) / len(turns))
    # entropy of sixteen bins, without the two shortest and longest, or an eighth of all at each end
    out = min(2, len(rr) // 8)
    kept = sorted(rr)[out : len(rr) - out]
    assert 0.0 <= found[11] <= 1.0
    if kept[0] == kept[-1]:
        assert found[11] == 0.0
    # the longest stretches of small and of large changes
    size = [abs(math.log(b / a)) for a, b in itertools.pairwise(rr)]
    runs = {even: [len(list(run)) for key, run in itertools.groupby(s < 0.06 for s in size) if key == even]
            for even in (True, False)}  # fmt: skip
    assert found[18] == max(runs[True], default=0)
    assert found[17] * len(size) == pytest.approx(max(runs[False], default=0))
    near = [statistics.median(min(s, 0.5) for s in size[max(0, i - 3) : i + 4]) for i in range(len(size))]
    assert found[23] == pytest.approx(sum(n > 0.06 for n in near) / len(near))
    # pairs of RR, all but the last of which count
    pairs = list(itertools.combinations(steps[:-1], 2))
    assert found[24] == pytest.approx(sum(abs(a - b) < 3 for a, b in pairs) / len(pairs), abs=0.05)


#: Changes of RR, in hundredths of a second, none on the border between two cells or of what is early.
CHANGES = [sign * size for sign in (-1, 1) for size in (0, 1, 3, 5, 7, 8, 9, 11, 12, 13, 19)]


@settings(max_examples=50, deadline=None)
@given(change=st.lists(st.sampled_from(CHANGES), min_size=4, max_size=60))
def test_places_in_the_plane_of_changes(change: list[int]) -> None:
    steps = np.cumsum([1200, *change])
    pairs = list(itertools.pairwise(change))
    at_origin = [abs(a) < 4 and abs(b) < 4 for a, b in pairs]
    cells = {(round(a / 4), round(b / 4)) for (a, b), still in zip(pairs, at_origin, strict=True) if not still}
    early = [a < -10 and b > 10 for a, b in pairs]
    found = found_of((steps / 100).tolist())
    assert found[0] == pytest.approx(len(cells) / len(pairs))
    assert found[1] == pytest.approx(sum(at_origin) / len(pairs))
    assert found[2] == pytest.approx(sum(early) / len(pairs))
    assert found[9] == pytest.approx((len(cells) - sum(at_origin) - 2 * sum(early)) / len(pairs))


def test_early_beats_are_no_evidence_of_fibrillation_and_uneven_rr_is() -> None:
    """Sarkar's evidence is high where changes scatter, and low where the same early beat comes again and again."""
    rng = np.random.default_rng(1)
    uneven = found_of((0.4 + 0.6 * rng.random(60)).tolist())
    early = found_of([0.8, 0.8, 0.8, 0.8, 0.5, 1.1] * 10)
    even = found_of([0.8] * 60)
    assert uneven[9] > 0.5 > early[9] > even[9]
    assert early[2] == pytest.approx(10 / 58)
    # Without the early beats and their pauses nothing is left of their unevenness.
    assert early[12:15] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    assert early[15] == pytest.approx(4 / 6, abs=0.02)
    assert uneven[13] > 0.1


def test_too_few_beats_say_nothing() -> None:
    assert not found_of([0.8, 0.5, 0.9, 0.7]).any()
    assert found_of([0.8, 0.5, 0.9, 0.7, 0.8]).any()
