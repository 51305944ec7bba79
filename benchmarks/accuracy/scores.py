"""Cases scored tool by tool: rows for tables, gross and by record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.records import MarkedLead, Strip
from benchmarks.accuracy.store import Store
from benchmarks.peers import OURS, WAVES, Peer
from ecg_engine.evaluation import BeatScore, WaveScore, match_marks, score_beats, score_wave
from ecg_engine.evaluation.beats import WINDOW_S
from ecg_engine.types import ABSENT

Row = dict[str, Any]
NO_BEATS: NDArray[np.int64] = np.empty(0, np.int64)
NO_WAVES: NDArray[np.int64] = np.empty((0, 3), np.int64)


def _beat_row(case: str, who: str, record: str, score: BeatScore, offsets_ms: list[float]) -> Row:
    return {
        "case": case,
        "who": who,
        "record": record,
        "beats": score.hits + score.missed,
        "missed": score.missed,
        "false": score.false,
        "error_percent": score.error_percent,
        "sensitivity_percent": score.sensitivity_percent,
        "ppv_percent": score.ppv_percent,
        "median_offset_ms": float(np.median(offsets_ms)) if offsets_ms else float("nan"),
    }


def _outside(marks: NDArray[np.int64], strip: Strip) -> NDArray[np.int64]:
    for start, stop in strip.excluded:
        marks = marks[(marks < start) | (marks > stop)]
    return marks


def beats(
    case: str,
    strips: Iterable[Strip],
    peers: Iterable[Peer],
    store: Store,
    *,
    n_leads: int | None = 1,
    group: Callable[[str], str] = str,
    say: Callable[[str], None] = print,
) -> list[Row]:
    """Score detectors on strips: one row a group of records (each its own by default) and one "all", for each tool.

    Parameters
    ----------
    n_leads : int, optional
        Leads that are given to the detectors; where it is not 1, only ours takes part.
    group : callable
        Name of the group that a record belongs to.
    """
    tools = [peer for peer in peers if n_leads == 1 or peer.name == OURS]
    totals: dict[tuple[str, str], tuple[BeatScore, list[float]]] = {}
    for strip in strips:
        say(f"{case}: {strip.record}")
        ecg = np.ascontiguousarray(strip.ecg[0] if n_leads == 1 else strip.ecg[:n_leads])
        for tool in tools:
            options = {"amplitude_floor_mv": None} if tool.name == OURS and not strip.unit_is_known else {}
            found = store.marks(tool, ecg, strip.fs, **options).get("beats", NO_BEATS)
            score = score_beats(strip.beats, found, fs=strip.fs, excluded=strip.excluded)
            reference, found = _outside(strip.beats, strip), _outside(found, strip)
            a, b = match_marks(reference, found, window=round(WINDOW_S * strip.fs))
            late = (1000 * (found[b] - reference[a]) / strip.fs).tolist()
            for name in (group(strip.record), "all"):
                old, offsets = totals.get((tool.name, name), (BeatScore(), []))
                totals[tool.name, name] = (old + score, offsets + late)
    return [_beat_row(case, who, record, *kept) for (who, record), kept in totals.items()]


def _wave_row(case: str, who: str, part: str, wave: str, score: WaveScore) -> Row:
    n, m = score.hits + score.missed, score.hits + score.false
    row: Row = {"case": case, "who": who, "part": part, "wave": wave, "waves": n}
    row["sensitivity_percent"] = 100 * score.hits / n if n else float("nan")
    row["ppv_percent"] = 100 * score.hits / m if m else float("nan")
    row["f1_percent"] = score.f1_percent
    for name, errors in (("onset", score.onset_ms), ("offset", score.offset_ms)):
        row[f"{name}_mean_ms"] = float(np.mean(errors)) if errors else float("nan")
        row[f"{name}_sd_ms"] = float(np.std(errors)) if errors else float("nan")
    return row


def waves_by_lead(
    case: str,
    leads: Iterable[MarkedLead],
    peers: Iterable[Peer],
    store: Store,
    *,
    say: Callable[[str], None] = print,
) -> list[Row]:
    """Score delineators on leads of their own, each between its first and last mark: by lead, and over all."""
    tools = list(peers)
    totals: dict[tuple[str, str, str], WaveScore] = {}
    for lead in leads:
        say(f"{case}: {lead.record} {lead.lead}")
        at = np.concatenate([rows.ravel() for rows in lead.waves.values()])
        at = at[at != ABSENT]
        if not len(at):
            continue
        between = (int(at.min()), int(at.max()))
        for tool in tools:
            found = store.marks(tool, lead.ecg, lead.fs)
            for wave in WAVES:
                score = score_wave(lead.waves[wave], found.get(wave, NO_WAVES), fs=lead.fs, between=between)
                for part in (lead.lead, "all"):
                    key = (tool.name, part, wave)
                    totals[key] = totals.get(key, WaveScore()) + score
    return [_wave_row(case, who, part, wave, score) for (who, part, wave), score in totals.items()]


#: Points of the QT Database's tables, with the wave and column each is in.
POINTS = {
    "P onset": ("p", 0),
    "P peak": ("p", 1),
    "P offset": ("p", 2),
    "QRS onset": ("qrs", 0),
    "QRS offset": ("qrs", 2),
    "T peak": ("t", 1),
    "T offset": ("t", 2),
}


def closer_errors_ms(
    found: Iterable[Mapping[str, NDArray[np.int64]]], marks: NDArray[np.int64], wave: str, column: int, fs: float
) -> tuple[int, list[float]]:
    """Return how many marks there are, and the errors, ms, of those that a lead finds within 150 ms: the closer's.

    `marks` are the reference's, samples; `found` has a table of each wave for each lead, with the marks in `column`.
    """
    each = [one.get(wave, NO_WAVES)[:, column] for one in found]
    pool = np.concatenate([of_lead[of_lead != ABSENT] for of_lead in each])
    wanted = marks[marks != ABSENT]
    if not len(pool):
        return len(wanted), []
    errors = [1000 * float(min(pool - at, key=abs)) / fs for at in wanted]
    return len(wanted), [error for error in errors if abs(error) <= 1000 * WINDOW_S]


def points_of_closer_lead(
    case: str,
    records: Iterable[list[MarkedLead]],
    peers: Iterable[Peer],
    store: Store,
    *,
    say: Callable[[str], None] = print,
) -> list[Row]:
    """Score delineators by the literature's protocol: each reference mark takes the closer of the two leads' marks.

    A mark within 150 ms is found; its error is that of the closer lead (Martínez and others 2004). It flatters, and it
    flatters all alike. Nothing is said of false marks: the reference covers some 30 beats of each record.
    """
    tools = list(peers)
    errors: dict[tuple[str, str], list[float]] = {}
    asked: dict[tuple[str, str], int] = {}
    for leads in records:
        say(f"{case}: {leads[0].record}")
        fs, reference = leads[0].fs, leads[0].waves
        for tool in tools:
            found = [store.marks(tool, lead.ecg, lead.fs) for lead in leads]
            for point, (wave, column) in POINTS.items():
                wanted, near = closer_errors_ms(found, reference[wave][:, column], wave, column, fs)
                if wanted:
                    key = (tool.name, point)
                    asked[key] = asked.get(key, 0) + wanted
                    errors.setdefault(key, []).extend(near)
    rows = []
    for who, point in sorted(
        asked, key=lambda key: ([tool.name for tool in tools].index(key[0]), list(POINTS).index(key[1]))
    ):
        n = asked[who, point]
        e = errors.get((who, point), [])
        rows.append(
            {
                "case": case,
                "who": who,
                "point": point,
                "marks": n,
                "found_percent": 100 * len(e) / n,
                "mean_ms": float(np.mean(e)) if e else float("nan"),
                "sd_ms": float(np.std(e)) if e else float("nan"),
            }
        )
    return rows
