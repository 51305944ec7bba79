"""A hospital's table of studies: labels, and a model's scores from the table or from the files through the engine."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from ecg_engine.errors import EcgEngineError, InputError
from ecg_engine.evaluation.calibrating import Studies
from ecg_engine.models import ModelCard, read_library

__all__ = ["read_studies"]

_TRUTHS: Final[Mapping[str, float]] = {
    "1": 1.0, "true": 1.0, "yes": 1.0, "да": 1.0, "0": 0.0, "false": 0.0, "no": 0.0, "нет": 0.0, "": math.nan,
}  # fmt: skip
#: Probabilities are kept so far from 0 and 1.
_LEAST_P: Final = 1e-9
_TASKS: Final = ("ecg_scores", "radiograph_findings")


def read_studies(path: Path, card: ModelCard, *, told: Callable[[int, int], object] | None = None) -> Studies:
    """Read a table of studies and what a model says of each.

    Parameters
    ----------
    path : Path
        CSV with commas or semicolons. A column named by a label of the card holds 1, 0 or nothing (unknown). Scores are
        in columns ``score_LABEL``, as reports give them, or the studies are the files of the column ``file``, which are
        run through the engine; paths are relative to the table. ``patient`` keeps studies of one patient together.
    card : ModelCard
        A model of task ``ecg_scores`` or ``radiograph_findings``.
    told : callable, optional
        Is told how many files are done, of how many.

    Raises
    ------
    InputError
        The table cannot be read, or lacks something.
    """
    rows = _rows(path)
    codes = [label.code for label in card.labels if label.code in rows[0]]
    if not codes:
        raise InputError(
            f"{path}: no column is named by a label of {card.title} ({', '.join(one.code for one in card.labels)})",
            argument="labels",
        )
    truth = {code: np.array([_truth(row[code], path, i, code) for i, row in enumerate(rows)]) for code in codes}
    silent: Counter[str] = Counter()
    if "file" in rows[0]:
        files = [path.parent / row["file"] for row in rows]
        scores = _scores_of_files(files, card, codes, silent, told)
    else:
        lacking = [f"score_{code}" for code in codes if f"score_{code}" not in rows[0]]
        if lacking:
            raise InputError(f"{path}: no column {lacking[0]}, and no column file", argument="labels")
        scores = {code: [_score(row[f"score_{code}"], path, i, code) for i, row in enumerate(rows)] for code in codes}
        silent["no score in the table"] += sum(all(math.isnan(s[i]) for s in scores.values()) for i in range(len(rows)))
    patients = [row.get("patient") or f"row {i}" for i, row in enumerate(rows)]
    return Studies(
        truth=truth,
        logits={code: _logits(card, code, values) for code, values in scores.items()},
        patients=np.array(patients),
        silent={reason: n for reason, n in silent.items() if n},
    )


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{path}: cannot be read ({exc}); give a CSV in UTF-8", argument="labels") from exc
    head = text.partition("\n")[0]
    reader = csv.DictReader(text.splitlines(), delimiter=";" if head.count(";") > head.count(",") else ",")
    rows = [{str(k).strip(): (v or "").strip() for k, v in row.items() if k is not None} for row in reader]
    if not rows:
        raise InputError(f"{path}: holds no studies", argument="labels")
    return rows


def _truth(text: str, path: Path, row: int, code: str) -> float:
    if text.lower() not in _TRUTHS:
        raise InputError(f"{path}: row {row + 2}: {code} is {text!r}; write 1, 0 or nothing", argument="labels")
    return _TRUTHS[text.lower()]


def _score(text: str, path: Path, row: int, code: str) -> float:
    if not text:
        return math.nan
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 1.0:
        raise InputError(
            f"{path}: row {row + 2}: score_{code} is {text!r}; write 0 to 1, or nothing", argument="labels"
        )
    return value


def _logits(card: ModelCard, code: str, scores: list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return what the graph gave, from the probabilities that the card's calibration made of it."""
    label = next(one for one in card.labels if one.code == code)
    p = np.clip(np.array(scores, np.float64), _LEAST_P, 1 - _LEAST_P)
    logits = np.log(p / (1 - p))
    if label.calibration is not None:
        logits = (logits - label.calibration.intercept) / label.calibration.slope
    return np.asarray(logits, np.float64)


def _scores_of_files(
    files: list[Path],
    card: ModelCard,
    codes: list[str],
    silent: Counter[str],
    told: Callable[[int, int], object] | None,
) -> dict[str, list[float]]:
    if card.task not in _TASKS:
        raise InputError(f"{card.title}: a model of task {card.task} gives no scores to calibrate", argument="model")
    counts = read_library().find(card.name)
    if counts is None or counts.card.card_sha256 != card.card_sha256:
        raise InputError(
            f"{card.title}: reports come from another version of it; give the name alone, or scores in the table",
            argument="model",
        )
    run = _ecg_scores if card.task == "ecg_scores" else _radiograph_scores
    scores: dict[str, list[float]] = {code: [] for code in codes}
    for i, file in enumerate(files):
        try:
            found = run(file, card)
            reason = "" if found else "the model keeps silent"
        except EcgEngineError as exc:
            found, reason = {}, type(exc).__name__
        if reason:
            silent[reason] += 1
        for code in codes:
            scores[code].append(found.get(code, math.nan))
        if told is not None:
            told(i + 1, len(files))
    return scores


def _ecg_scores(file: Path, card: ModelCard) -> dict[str, float]:
    from ecg_engine.formats import read_ecg
    from ecg_engine.pipeline import analyze_ecg

    report = analyze_ecg(read_ecg(file))
    return {str(s["label"]): float(s["score"]) for s in report.scores if s["model"] == card.title}


def _radiograph_scores(file: Path, card: ModelCard) -> dict[str, float]:
    from ecg_engine.dicom.radiographs import read_radiograph
    from ecg_engine.pipeline import analyze_radiograph

    report = analyze_radiograph(read_radiograph(file))
    return {one.code: one.score for one in report.findings if one.model == card.title}
