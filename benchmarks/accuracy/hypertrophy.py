"""Left ventricular hypertrophy: each named criterion beside our call, against readers' labels.

The contexts are those of `benchmarks.accuracy.statements`, measured once and kept::

    python -m benchmarks.accuracy.hypertrophy
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.accuracy.statements import GROUPS, Case, data_folder, load_cases
from ecg_engine.interpretation.hypertrophy import lvh_criteria

CRITERIA: Final = {
    "sokolow_lyon": "Sokolow-Lyon",
    "cornell": "Cornell voltage",
    "cornell_product": "Cornell product",
    "peguero": "Peguero-Lo Presti",
    "r_avl": "R of aVL",
    "romhilt_estes": "Romhilt-Estes, 5 points",
}


def calls() -> dict[str, Callable[[Case], bool]]:
    """Return what says hypertrophy of a case, by its name."""

    def alone(name: str) -> Callable[[Case], bool]:
        return lambda case: name in lvh_criteria(case.context)

    return {words: alone(name) for name, words in CRITERIA.items()} | {
        "our call": lambda case: any(s.code == "lvh" for s in case.said())
    }


def rates(cases: Sequence[Case], says: Callable[[Case], bool]) -> tuple[float, float, float]:
    """Return sensitivity, specificity, and calls on 100 plain normals, %."""
    group = next(group for group in GROUPS if group.name == "LVH")
    true = np.array([bool(group.is_true(case)) for case in cases])
    said = np.array([says(case) for case in cases])
    normal = np.array([case.is_plain_normal for case in cases])
    on_normals = 100 * said[normal].mean() if normal.any() else float("nan")
    return 100 * float(said[true].mean()), 100 * float((~said[~true]).mean()), float(on_normals)


def main() -> None:
    """Print the table of both sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path(".cache/contexts"))
    cases = load_cases(data_folder(), parser.parse_args().store)
    print("| criterion | set | sensitivity | specificity | on 100 plain normals |\n|---|---|---|---|---|")
    for source in ("ptbxl", "ludb"):
        part = [case for case in cases if case.source == source]
        for name, says in calls().items():
            se, sp, normals = rates(part, says)
            print(f"| {name} | {source} | {se:.1f} | {sp:.1f} | {'' if np.isnan(normals) else f'{normals:.1f}'} |")


if __name__ == "__main__":
    main()
