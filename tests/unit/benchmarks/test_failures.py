"""Which records make the errors: shares of the sum of squares, and what is left without the worst."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("wfdb", reason="the extra `test` or `bench` brings wfdb")

from benchmarks.accuracy import failures

ERRORS = {"a": [1.0, -1.0], "b": [10.0, -10.0], "c": [], "d": [0.0, 0.0], "e": [2.0, -2.0]}


def test_shares_are_of_the_squares_about_the_common_mean() -> None:
    (first, worst), (second, next_one), *rest = failures.shares(ERRORS)
    assert (worst, next_one) == ("b", "e") and first == pytest.approx(200 / 210) and second == pytest.approx(8 / 210)
    assert [name for share, name in rest if share > 0] == ["a"]


def test_the_spread_is_numpys_over_all_errors_but_those_left_out() -> None:
    assert failures.spread(ERRORS) == pytest.approx(np.std([1, -1, 10, -10, 0, 0, 2, -2]))
    assert failures.spread(ERRORS, ["b"]) == pytest.approx(np.std([1, -1, 0, 0, 2, -2]))


def test_a_line_names_the_worst_records_with_their_own_mean_and_spread() -> None:
    (line,) = failures.markdown("a set", {"P onset": ERRORS}, {"P onset": 12.0})
    cells = [cell.strip() for cell in line.split("|")]
    assert cells[1:6] == ["a set", "P onset", "12", "5.1", "0.0"] and cells[6].startswith("b 95 % (+0 ± 10); e 4 %")
