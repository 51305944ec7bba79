"""How long studies wait to be read in the order of the worklist, beside first come, first served.

    python -m benchmarks.triage.waiting                       a table, and benchmarks/results/waiting.csv
    python -m benchmarks.triage.waiting --write-docs          docs/triage_waiting.md too
    python -m benchmarks.triage.waiting --label pneumothorax:0.9:0.95 --label abnormal:0.8:0.9

A queue with one reader, event by event, after Baltruschat et al. 2021 (doi:10.1007/s00330-020-07480-7): studies arrive
over the day, are read one after another, and the next to be read is chosen by `ecg_engine.interpretation.worklist`.
What a study shows is drawn first, then what the model says of it, from the model's own card: each label's scores are
two normal distributions of equal width whose distance gives the label's AUC among held-out patients (Hanley 1988,
doi:10.1177/0272989X8800800307), cut at the label's specificity there. The same studies wait in each order.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import tomllib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

from ecg_engine.interpretation.triage import level_of, relative_score
from ecg_engine.interpretation.urgency import LEVELS
from ecg_engine.interpretation.worklist import Entry, next_to_read

ROOT: Final = Path(__file__).resolve().parents[2]
CARD: Final = ROOT / "ecg_engine" / "models" / "weights" / "chest_findings.toml"
RESULTS: Final = ROOT / "benchmarks" / "results" / "waiting.csv"
DOCS: Final = ROOT / "docs" / "triage_waiting.md"
SEED: Final = 20260115
HOUR_S: Final = 3600.0

Floats = NDArray[np.float64]

#: Studies that arrive in each hour of the day, from midnight: 150 a day, a hospital's morning and a quiet night.
ARRIVALS: Final = (2, 2, 1, 1, 2, 4, 7, 9, 11, 13, 13, 12, 11, 11, 10, 9, 7, 6, 5, 4, 3, 3, 2, 2)
#: Mean time that a study takes the reader in each hour, minutes: other work included, most of it at night. Chosen so
#: that first come, first served gives the publication's mean wait of 80 minutes; its 890 minutes at most lie between
#: the longest wait of a month here and that of twenty.
READING_MIN: Final = (30.0,) * 7 + (5.0,) * 12 + (15.0,) * 5
#: Images of ChestX-ray14 that carry each label (Wang et al. 2017, doi:10.1109/CVPR.2017.369), by the finding that a
#: study shows here, one a study; what has no code here is ``other``.
LABELLED: Final[Mapping[str, int]] = {
    "opacity": 19_894 + 4_667 + 1_431, "effusion": 13_317, "atelectasis": 11_559, "nodule_mass": 6_331 + 5_782,
    "other": 3_385 + 2_516 + 1_686 + 227, "cardiomegaly": 2_776, "edema": 2_303,
}  # fmt: skip
PNEUMOTHORAX, ABNORMAL = 5_302 / 112_120, 1 - 60_361 / 112_120
#: Share of studies that the gate keeps from the model.
UNSCORED: Final = 0.05
#: Correlation of a model's scores of one study, whatever it shows: poor pictures and old scars raise all of them.
SHARED: Final = 0.5


# ------------------------------------------------------------------------------------------------------------ the queue


def simulate(
    arrived: Floats,
    work: Floats,
    *,
    mean_s: Callable[[float], float],
    entries: Sequence[Entry] | None = None,
    cap_s: float | None = None,
) -> Floats:
    """Return how long each study waits until its reading begins, s.

    Parameters
    ----------
    arrived : (n,) float64 array
        s, ascending.
    work : (n,) float64 array
        Time that each takes, in units of the mean.
    mean_s : callable
        Mean time of a reading that begins at a time, s.
    entries : sequence of Entry, optional
        Read in the order of the worklist; None: in that of arrival.
    cap_s : float, optional
        As `worklist.order`.
    """
    n = len(arrived)
    waits = np.empty(n)
    first_come: deque[int] = deque()
    waiting: dict[str, Entry] = {}
    number = {} if entries is None else {entry.key: i for i, entry in enumerate(entries)}
    now, here = 0.0, 0
    for _ in range(n):
        if not first_come and not waiting:
            now = max(now, float(arrived[here]))
        while here < n and arrived[here] <= now:
            if entries is None:
                first_come.append(here)
            else:
                waiting[entries[here].key] = entries[here]
            here += 1
        if entries is None:
            i = first_come.popleft()
        else:
            chosen = next_to_read(waiting.values(), now=now, cap_s=cap_s)
            assert chosen is not None
            del waiting[chosen.key]
            i = number[chosen.key]
        waits[i] = now - arrived[i]
        now += work[i] * mean_s(now)
    return waits


def arrivals(days: int, rng: np.random.Generator) -> Floats:
    """Return when studies arrive, s: Poisson, at the rates of `ARRIVALS`."""
    counts = rng.poisson(np.tile(ARRIVALS, days))
    hours = np.repeat(np.arange(len(counts)), counts)
    return np.sort((hours + rng.random(len(hours))) * HOUR_S)


def reading_s(now: float) -> float:
    """Return the mean time of a reading that begins at `now`, s."""
    return READING_MIN[int(now // HOUR_S) % 24] * 60.0


# ---------------------------------------------------------------------------------------------- studies and the model


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is known of one output that orders the worklist."""

    code: str
    auc: float
    specificity: float


def labels_of_card(path: Path) -> tuple[Label, ...]:
    """Return the labels of a card that may raise urgency."""
    card: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Label(code=one["code"], auc=one["figures"]["auc"], specificity=one["figures"]["specificity"])
        for one in card["labels"]
        if one["report"] == "default"
    )


def label_named(text: str) -> Label:
    """Return the label of ``code:AUC:specificity``."""
    try:
        code, auc, specificity = text.split(":")
        return Label(code=code, auc=float(auc), specificity=float(specificity))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}; give code:AUC:specificity, as effusion:0.85:0.9") from None


def shown(n: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """Return what each study shows: a finding's code, ``other``, or ``none``."""
    codes = ["none", "pneumothorax", *LABELLED]
    others = np.array(list(LABELLED.values()), np.float64)
    shares = [1 - ABNORMAL, PNEUMOTHORAX, *(others / others.sum() * (ABNORMAL - PNEUMOTHORAX))]
    return rng.choice(codes, n, p=shares)


def true_level(code: str) -> str:
    """Return how soon a study that shows `code` ought to be read."""
    return "routine" if code in ("none", "other") else level_of(code)


def judged(truth: Sequence[str], arrived: Floats, labels: Sequence[Label], rng: np.random.Generator) -> list[Entry]:
    """Return what the worklist knows of each study, by scores drawn from the labels' distributions."""
    n = len(truth)
    shared, own = rng.standard_normal(n), rng.standard_normal((len(labels), n))
    noise = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own
    codes = np.asarray(truth)
    is_there = np.array([codes != "none" if one.code == "abnormal" else codes == one.code for one in labels])
    distance = np.array([np.sqrt(2) * ndtri(one.auc) for one in labels])
    # As the share of those without the finding that score less: the same scale for every label.
    scores = ndtr(noise + distance[:, None] * is_there)
    unscored = rng.random(n) < UNSCORED
    entries = []
    for i in range(n):
        level, priority = ("unscored", None) if unscored[i] else _judge(labels, scores[:, i])
        entries.append(Entry(key=f"{i:06}", level=level, priority=priority, arrived=float(arrived[i])))
    return entries


def _judge(labels: Sequence[Label], scores: Floats) -> tuple[str, float]:
    """Return level and priority as `interpretation.triage.judge_study` has them."""
    relative = [relative_score(float(s), one.specificity) for one, s in zip(labels, scores, strict=True)]
    levels = [level_of(one.code) for one in labels]
    seen = [level for level, r in zip(levels, relative, strict=True) if r >= 0.5]
    level = min(seen, key=LEVELS.index, default="routine")
    pressing = LEVELS[: LEVELS.index(level) + 1]
    return level, max((r for one, r in zip(levels, relative, strict=True) if one in pressing), default=0.0)


def known(truth: Sequence[str], arrived: Floats) -> list[Entry]:
    """Return entries of a model that is always right: the best that an order can do."""
    return [
        Entry(key=f"{i:06}", level=true_level(code), priority=float(code != "none"), arrived=float(arrived[i]))
        for i, code in enumerate(truth)
    ]


# -------------------------------------------------------------------------------------------------------------- figures

CLASSES: Final = ("critical", "urgent", "routine")
#: Orders that are compared, by name: the entries they take, and the cap in hours.
ORDERS: Final[tuple[tuple[str, str, float | None], ...]] = (
    ("first come, first served", "none", None),
    ("worklist", "judged", None),
    ("worklist, cap 12 h", "judged", 12.0),
    ("worklist, cap 10 h", "judged", 10.0),
    ("worklist, cap 8 h", "judged", 8.0),
    ("worklist, cap 6 h", "judged", 6.0),
    ("worklist, cap 4 h", "judged", 4.0),
    ("always right, cap 8 h", "known", 8.0),
)


def one_month(labels: Sequence[Label], seed: int, *, days: int) -> list[dict[str, float]]:
    """Return the figures of each of `ORDERS` over the same studies; waits in minutes."""
    rng = np.random.default_rng(seed)
    arrived = arrivals(days, rng)
    work = rng.standard_exponential(len(arrived))
    truth = shown(len(arrived), rng)
    told = judged(truth, arrived, labels, rng)
    kinds = {"none": None, "judged": told, "known": known(truth, arrived)}
    level = np.array([true_level(code) for code in truth])
    # The first and last day fill and empty the queue.
    counts = (arrived >= 24 * HOUR_S) & (arrived < (days - 1) * 24 * HOUR_S)
    missed = np.array([entry.level not in ("critical", "urgent") for entry in told])
    fifo: Floats | None = None
    out = []
    for _, kind, cap_h in ORDERS:
        cap_s = None if cap_h is None else cap_h * HOUR_S
        waits = simulate(arrived, work, mean_s=reading_s, entries=kinds[kind], cap_s=cap_s) / 60.0
        fifo = waits if fifo is None else fifo
        row = {}
        for name in CLASSES:
            of = counts & (level == name)
            row[f"{name}_mean_min"] = float(waits[of].mean())
            row[f"{name}_ratio"] = float(waits[of].mean() / fifo[of].mean())
        row["all_mean_min"] = float(waits[counts].mean())
        row["longest_min"] = float(waits[counts].max())
        row["longest_ratio"] = float(waits[counts].max() / fifo[counts].max())
        lost = counts & missed & (level == "critical")
        row["missed_critical_share"] = float(lost.sum() / (counts & (level == "critical")).sum())
        row["missed_critical_p95_min"] = float(np.percentile(waits[lost], 95))
        row["missed_critical_p95_ratio"] = float(np.percentile(waits[lost], 95) / np.percentile(fifo[lost], 95))
        out.append(row)
    return out


def summary(months: Sequence[Sequence[Mapping[str, float]]]) -> list[dict[str, Any]]:
    """Return mean and 95 % interval (Student) over the months of each figure of each order."""
    rows = []
    for i, (name, _, _) in enumerate(ORDERS):
        row: dict[str, Any] = {"order": name, "months": len(months)}
        for key in months[0][i]:
            values = np.array([month[i][key] for month in months])
            half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
            row[key], row[f"{key}_low"], row[f"{key}_high"] = values.mean(), values.mean() - half, values.mean() + half
        row["longest_of_all_min"] = max(month[i]["longest_min"] for month in months)
        row["longest_of_all_ratio"] = row["longest_of_all_min"] / (rows[0] if rows else row)["longest_of_all_min"]
        rows.append(row)
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a markdown table."""
    heads = (
        ("order", None), ("critical, min", "critical_mean_min"), ("to FCFS", "critical_ratio"),
        ("urgent, min", "urgent_mean_min"), ("to FCFS", "urgent_ratio"), ("routine, min", "routine_mean_min"),
        ("longest of a month, min", "longest_min"), ("to FCFS", "longest_ratio"),
        ("longest of all, min", "longest_of_all_min"), ("to FCFS", "longest_of_all_ratio"),
        ("missed critical, 95th percentile, min", "missed_critical_p95_min"), ("to FCFS", "missed_critical_p95_ratio"),
    )  # fmt: skip

    def cell(row: Mapping[str, Any], key: str | None) -> str:
        if key is None:
            return str(row["order"])
        digits = 2 if key.endswith("ratio") else 0
        if f"{key}_low" not in row:
            return f"{row[key]:.{digits}f}"
        return f"{row[key]:.{digits}f} ({row[f'{key}_low']:.{digits}f}–{row[f'{key}_high']:.{digits}f})"

    lines = ["| " + " | ".join(head for head, _ in heads) + " |", "|---" + "|--:" * (len(heads) - 1) + "|"]
    lines += ["| " + " | ".join(cell(row, key) for _, key in heads) + " |" for row in rows]
    return "\n".join(lines)


def write_csv(rows: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Write the rows."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})


def words_of(labels: Sequence[Label]) -> str:
    """Return the labels that order the worklist, in words."""
    return "; ".join(
        f"`{one.code}` (AUC {one.auc:.3f}, specificity {one.specificity:.3f}, {level_of(one.code)})" for one in labels
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Waits in the worklist's order beside first come, first served.")
    parser.add_argument("--months", type=int, default=20, help="months simulated, each with a seed of its own")
    parser.add_argument("--days", type=int, default=28, help="days a month")
    parser.add_argument(
        "--card", type=Path, default=CARD, help="of the model, a TOML file [default: the one that ships]"
    )
    parser.add_argument(
        "--label", type=label_named, action="append", metavar="CODE:AUC:SPECIFICITY",
        help="what a model that is not there would say, may be repeated; in place of the card",
    )  # fmt: skip
    parser.add_argument("--csv", type=Path, default=RESULTS)
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {DOCS.relative_to(ROOT)}")
    given = parser.parse_args()
    labels = tuple(given.label or labels_of_card(given.card))
    if not labels:
        parser.error(f"{given.card}: no label may raise urgency, so the worklist is in the order of arrival")
    rows = summary([one_month(labels, SEED + i, days=given.days) for i in range(given.months)])
    write_csv(rows, given.csv)
    print(f"Labels: {words_of(labels)}\n")
    print(table(rows))
    if given.write_docs:
        write_docs(rows, labels, whose="Made-up labels" if given.label else "Labels of the card")


MARKS: Final = ("<!-- made by benchmarks/triage/waiting.py -->", "<!-- end -->")


def write_docs(rows: Sequence[Mapping[str, Any]], labels: Sequence[Label], *, whose: str) -> None:
    """Put the table between its marks in the documentation."""
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    missed = rows[1]["missed_critical_share"]
    said = (
        f"{whose} that order the worklist: {words_of(labels)}.\n"
        f"{rows[0]['months']} months of 28 days; mean (95 % interval over months). "
        f"{100 * missed:.0f} % of the critical studies are put among the routine or unscored ones (*missed*).\n"
    )
    parts = [before, MARKS[0], "\n\n", said, "\n", table(rows), "\n\n", MARKS[1], after]
    DOCS.write_text("".join(itertools.chain(parts)), encoding="utf-8")


if __name__ == "__main__":
    main()
