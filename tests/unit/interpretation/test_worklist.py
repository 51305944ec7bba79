"""The order of the worklist: levels, first come first served, the cap on waiting."""

from __future__ import annotations

import random

import pytest

from ecg_engine.errors import InputError
from ecg_engine.interpretation.worklist import Entry, next_to_read, order, sort_key

HOUR = 3600.0


def entry(key: str, level: str = "routine", priority: float | None = None, arrived: float | None = None) -> Entry:
    return Entry(key=key, level=level, priority=priority, arrived=arrived)


def keys(entries: list[Entry], **cap: float) -> str:
    return "".join(e.key for e in order(entries, **cap))


def test_levels_come_in_their_order_whatever_the_priority() -> None:
    assert keys([entry("r", "routine", 1.0), entry("n", "unscored"), entry("u", "urgent", 0.2),
                 entry("c", "critical", 0.1)]) == "cunr"  # fmt: skip


def test_within_a_level_the_higher_priority_goes_first_then_who_came_first() -> None:
    a, b, c = entry("a", "urgent", 0.5, 20.0), entry("b", "urgent", 0.9, 30.0), entry("c", "urgent", 0.5, 10.0)
    assert keys([a, b, c]) == "bca"


def test_the_unscored_are_served_as_they_came() -> None:
    assert keys([entry("a", "unscored", 0.1, 10.0), entry("b", "unscored", 0.9, 20.0)]) == "ab"


def test_who_came_at_an_unknown_time_is_last_of_its_like_and_names_decide_the_rest() -> None:
    assert keys([entry("b"), entry("a"), entry("z", arrived=5.0)]) == "zab"


def test_beyond_the_cap_a_study_goes_before_all_but_the_critical_ones() -> None:
    waiting = [entry("r", "routine", 0.0, 0.0), entry("n", "unscored", None, 1 * HOUR),
               entry("u", "urgent", 1.0, 9 * HOUR), entry("c", "critical", 0.1, 10 * HOUR)]  # fmt: skip
    assert keys(waiting, now=10 * HOUR, cap_s=8 * HOUR) == "crnu"
    assert keys(waiting, now=10 * HOUR, cap_s=9 * HOUR) == "crun", "exactly at the cap is not beyond it"
    assert keys(waiting, now=10 * HOUR, cap_s=10 * HOUR) == "cunr"
    assert keys(waiting, now=10 * HOUR) == keys(waiting, cap_s=HOUR) == "cunr", "both, or no cap"


def test_a_routine_study_is_never_starved_by_a_stream_of_urgent_ones() -> None:
    """One reader, 10 minutes a study; an urgent one comes each time: without a cap the routine one never goes."""

    def read_until(key: str, cap_s: float | None) -> float | None:
        waiting = [entry(key, "routine", 0.0, 0.0)]
        for step in range(200):
            now = 600.0 * step
            waiting.append(entry(f"u{step:03}", "urgent", 0.9, now))
            first = next_to_read(waiting, now=now, cap_s=cap_s)
            assert first is not None
            if first.key == key:
                return now
            waiting.remove(first)
        return None

    assert read_until("r", None) is None
    waited = read_until("r", 4 * HOUR)
    assert waited is not None and 4 * HOUR < waited <= 4 * HOUR + 600.0


def test_the_order_does_not_depend_on_the_order_of_its_input() -> None:
    random.seed(3)
    several = [entry(str(i), random.choice(["urgent", "unscored", "routine"]), random.choice([None, 0.1, 0.2]),
                     random.choice([None, 1.0, 2.0])) for i in range(60)]  # fmt: skip
    first = order(several)
    for _ in range(5):
        random.shuffle(several)
        assert order(several) == first
        assert next_to_read(several) == first[0]
    assert [sort_key(e) for e in first] == sorted(sort_key(e) for e in several)


def test_nothing_waits_and_no_such_level() -> None:
    assert next_to_read([]) is None and order([]) == []
    with pytest.raises(InputError, match="level"):
        entry("a", "soon")
