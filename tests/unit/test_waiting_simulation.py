"""The queue of benchmarks/triage/waiting.py against queueing theory, and its model against what the card says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from benchmarks.triage import waiting
from ecg_engine.interpretation.worklist import Entry

N = 30_000
RATE, MEAN_S = 0.7, 1.0


@pytest.fixture(scope="module")
def queue() -> tuple[np.ndarray, np.ndarray]:
    """Poisson arrivals, exponential work: load 0.7."""
    rng = np.random.default_rng(7)
    return np.cumsum(rng.exponential(1 / RATE, N)), rng.standard_exponential(N)


def fifo(queue: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return waiting.simulate(*queue, mean_s=lambda now: MEAN_S)


def test_the_mean_wait_is_that_of_m_m_1(queue: tuple[np.ndarray, np.ndarray]) -> None:
    expected = RATE * MEAN_S**2 / (1 - RATE * MEAN_S)
    assert fifo(queue).mean() == pytest.approx(expected, rel=0.08)


def test_as_many_wait_as_m_m_1_and_littles_law_say(queue: tuple[np.ndarray, np.ndarray]) -> None:
    arrived, waits = queue[0], fifo(queue)
    begun = arrived + waits
    # Who waits is counted at random times: arrived by then, not yet begun.
    times = np.random.default_rng(8).uniform(0, arrived[-1], 20_000)
    n_waiting = np.searchsorted(np.sort(arrived), times) - np.searchsorted(np.sort(begun), times)
    load = RATE * MEAN_S
    assert n_waiting.mean() == pytest.approx(load**2 / (1 - load), rel=0.08)


def test_nobody_overtakes_first_come_first_served(queue: tuple[np.ndarray, np.ndarray]) -> None:
    assert np.all(np.diff(queue[0] + fifo(queue)) >= 0)


def test_two_classes_wait_as_cobham_says(queue: tuple[np.ndarray, np.ndarray]) -> None:
    # Cobham 1954, doi:10.1287/opre.2.1.70: W0 = rate E[S^2] / 2,
    # W1 = W0 / (1 - rho1), W2 = W0 / ((1 - rho1) (1 - rho)).
    arrived, work = queue
    is_first = np.random.default_rng(9).random(N) < 0.3
    entries = [
        Entry(key=f"{i:06}", level="urgent" if first else "routine", arrived=float(at))
        for i, (first, at) in enumerate(zip(is_first, arrived, strict=True))
    ]
    waits = waiting.simulate(arrived, work, mean_s=lambda now: MEAN_S, entries=entries)
    left, first = RATE * MEAN_S**2, 0.3 * RATE * MEAN_S
    assert waits[is_first].mean() == pytest.approx(left / (1 - first), rel=0.05)
    assert waits[~is_first].mean() == pytest.approx(left / ((1 - first) * (1 - RATE * MEAN_S)), rel=0.08)


def test_entries_that_are_alike_are_read_first_come_first_served(queue: tuple[np.ndarray, np.ndarray]) -> None:
    arrived, work = queue[0][:3000], queue[1][:3000]
    alike = [Entry(key=f"{i:06}", level="routine", arrived=float(at)) for i, at in enumerate(arrived)]
    ours = waiting.simulate(arrived, work, mean_s=lambda now: MEAN_S, entries=alike)
    np.testing.assert_array_equal(ours, waiting.simulate(arrived, work, mean_s=lambda now: MEAN_S))


def test_a_short_cap_is_first_come_first_served(queue: tuple[np.ndarray, np.ndarray]) -> None:
    arrived, work = queue[0][:3000], queue[1][:3000]
    rng = np.random.default_rng(10)
    entries = [
        Entry(key=f"{i:06}", level="routine", priority=float(rng.random()), arrived=float(at))
        for i, at in enumerate(arrived)
    ]
    ours = waiting.simulate(arrived, work, mean_s=lambda now: MEAN_S, entries=entries, cap_s=0.0)
    np.testing.assert_allclose(ours, waiting.simulate(arrived, work, mean_s=lambda now: MEAN_S))


def test_what_the_model_says_has_the_cards_auc_and_specificity() -> None:
    label = waiting.Label(code="effusion", auc=0.85, specificity=0.9)
    rng = np.random.default_rng(11)
    truth = np.where(rng.random(20_000) < 0.3, "effusion", "none")
    entries = waiting.judged(truth, np.zeros(len(truth)), [label], rng)
    scored = np.array([entry.level != "unscored" for entry in entries])
    assert 1 - scored.mean() == pytest.approx(waiting.UNSCORED, abs=0.005)
    seen = np.array([entry.level == "urgent" for entry in entries])
    has_it = truth == "effusion"
    assert 1 - seen[scored & ~has_it].mean() == pytest.approx(0.9, abs=0.01)
    merit = np.array([-1.0 if entry.priority is None else entry.priority for entry in entries])
    # Those below the threshold of an urgent label have its score as priority too: nothing else is there to order them.
    raised = scored & seen
    place = merit + seen
    with_it, without = place[scored & has_it], place[scored & ~has_it]
    # The AUC is the statistic of Mann and Whitney over all pairs (Hanley and McNeil 1982).
    area = mannwhitneyu(with_it, without).statistic / (len(with_it) * len(without))
    assert area == pytest.approx(0.85, abs=0.01)
    assert merit[raised].min() >= 0.5
