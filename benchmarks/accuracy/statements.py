"""Statements beside cardiologists' labels: sensitivity, specificity and PPV by group, and what plain normals are told.

Each record is measured once and its context kept on disk under the hash of the code that measures; later runs read it
and run the rules alone, so that a rule can be tried within seconds::

    python -m benchmarks.accuracy.statements [--wrong rbbb_complete] [--csv FILE]
"""

from __future__ import annotations

import argparse
import ast
import csv
import hashlib
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

import ecg_engine as ee
from ecg_engine.detection.whole import see
from ecg_engine.interpretation import Context, interpret, judge_urgency
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.pipeline._ecg_context import judge, ventricular_of
from ecg_engine.types import Statement

#: Folders and files whose code changes what a context holds.
MEASURING: Final = ("detection", "kernels", "measurement", "types", "leads.py", "pipeline", "interpretation/limits.py")
SINUS: Final = frozenset({"sinus_rhythm", "sinus_bradycardia", "sinus_tachycardia", "sinus_arrhythmia"})
#: Statements that call nothing abnormal.
NOT_ABNORMAL: Final = SINUS | {"normal_ecg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One record: what its readers said, and what the rules see.

    Parameters
    ----------
    record, source : str
    labels : frozenset of str
        PTB-XL: SCP codes; LUDB: each line of its table in lower case.
    context : Context
    judged : tuple of str
        What kept the engine from judging.
    """

    record: str
    source: str
    labels: frozenset[str]
    context: Context
    judged: tuple[str, ...]

    def said(self) -> tuple[Statement, ...]:
        """Return the statements of today's rules."""
        return interpret(self.context)

    @property
    def is_plain_normal(self) -> bool:
        """Whether a cardiologist said normal, and at most sinus rhythm beside it."""
        return self.source == "ptbxl" and self.labels <= {"NORM", "SR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A diagnosis: the labels of each set that mean it, and the codes that say it.

    Parameters
    ----------
    name : str
    codes : frozenset of str
    ptbxl : frozenset of str
        SCP codes; empty where the set does not ask.
    ludb : tuple of str
        Parts of LUDB's words.
    ludb_not : tuple of str
        What a line that has such a part must not contain.
    """

    name: str
    codes: frozenset[str]
    ptbxl: frozenset[str] = frozenset()
    ludb: tuple[str, ...] = ()
    ludb_not: tuple[str, ...] = ()

    def is_true(self, case: Case) -> bool | None:
        """Return whether the readers said it, or None where their set does not ask."""
        if case.source == "ptbxl":
            return bool(self.ptbxl & case.labels) if self.ptbxl else None
        if not self.ludb:
            return None
        return any(
            any(part in line for part in self.ludb) and not any(part in line for part in self.ludb_not)
            for line in case.labels
        )


def _group(name: str, codes: str, ptbxl: str = "", ludb: tuple[str, ...] = (), ludb_not: tuple[str, ...] = ()) -> Group:
    return Group(
        name=name, codes=frozenset(codes.split()), ptbxl=frozenset(ptbxl.split()), ludb=ludb, ludb_not=ludb_not
    )


GROUPS: Final = (
    _group(
        "sinus rhythm",
        " ".join(SINUS),
        "SR SBRAD STACH SARRH",
        ("sinus rhythm", "sinus brady", "sinus tachy", "sinus arrhy"),
    ),
    _group("sinus bradycardia", "sinus_bradycardia", "SBRAD", ("sinus bradycardia",)),
    _group("sinus tachycardia", "sinus_tachycardia", "STACH", ("sinus tachycardia",)),
    _group("sinus arrhythmia", "sinus_arrhythmia", "SARRH", ("sinus arrhythmia",)),
    _group("atrial fibrillation", "atrial_fibrillation", "AFIB", ("atrial fibrillation",)),
    _group("atrial flutter", "atrial_flutter", "AFLT", ("atrial flutter",)),
    _group("premature atrial", "premature_atrial_complex", "PAC", ("atrial extrasystole",)),
    _group("premature ventricular", "premature_ventricular_complex", "PVC", ("ventricular extrasystole",)),
    _group("paced", "paced_rhythm", "PACE", ("pacing",), ("presence",)),
    _group("AV block I", "av_block_1", "1AVB", ("i degree av block",), ("ii",)),
    _group("AV block III", "av_block_3", "3AVB", ("iii degree",)),
    _group("RBBB", "rbbb_complete", "CRBBB", ("complete right bundle",), ("incomplete",)),
    _group("incomplete RBBB", "rbbb_incomplete", "IRBBB", ("incomplete right bundle",)),
    _group("LBBB", "lbbb_complete", "CLBBB", ("complete left bundle",), ("incomplete",)),
    _group("incomplete LBBB", "lbbb_incomplete", "ILBBB", ("incomplete left bundle",)),
    _group("IVCD", "ivcd", "IVCD", ("intravintricular", "intraventricular")),
    _group("LAFB", "lafb", "LAFB", ("left anterior hemiblock",)),
    _group("LPFB", "lpfb", "LPFB"),
    _group("LVH", "lvh", "LVH", ("left ventricular hypertrophy",)),
    _group("LVH by voltage", "lvh", "LVH VCLVH"),
    _group("RVH", "rvh", "RVH", ("right ventricular hypertrophy",)),
    _group("left atrium", "left_atrial_enlargement", "LAO/LAE", ("left atrial hypertrophy", "left atrial overload")),
    _group("right atrium", "right_atrial_enlargement", "RAO/RAE", ("right atrial overload",)),
    _group("low voltage", "low_voltage", "LVOLT"),
    _group(
        "infarction, inferior",
        "infarction_inferior",
        "IMI ILMI IPMI IPLMI",
        # The posterior wall of Russian tradition is the inferior one: its scars have Q in III and aVF.
        ("scar formation: inferior", "scar formation: posterior", "stemi: inferior"),
    ),
    _group(
        "infarction, anterior",
        "infarction_anterior",
        "AMI ASMI ALMI",
        ("scar formation: anterior", "scar formation: septal", "stemi: anterior", "stemi: septal"),
    ),
    _group("infarction, lateral", "infarction_lateral", "LMI ALMI ILMI", ("scar formation: lateral", "stemi: lateral")),
    _group("ST elevation", "st_elevation st_elevation_mi", "", ("stemi",), ("nstemi",)),
    _group("ST depression", "st_depression st_depression_diffuse", "STD_"),
    _group("early repolarisation", "early_repolarization", "", ("early repolarization",)),
    _group(
        "non-specific ST-T",
        "st_t_nonspecific st_depression t_inversion",
        "NDT NST_ NT_ LOWT",
        ("non-specific repolarization",),
    ),
    _group("long QT", "qt_prolonged", "LNGQT"),
)
#: Normal or not: asked of PTB-XL alone, records that are neither plain normals nor free of the word left out.
NORMAL: Final = "normal"


def data_folder() -> Path:
    """Return the folder of the reference data.

    Raises
    ------
    SystemExit
        ECG_ENGINE_DATA is not set.
    """
    found = os.environ.get("ECG_ENGINE_DATA")
    if not found:
        raise SystemExit("set ECG_ENGINE_DATA to the folder of the reference data")
    return Path(found)


def ptbxl_recordings(data: Path) -> Iterator[tuple[str, frozenset[str], Callable[[], ee.Recording]]]:
    """Yield name, SCP codes and a way to the recording of PTB-XL's part in mV."""
    folder = data / "ecg" / "ptbxl"
    packed = np.load(folder / "raw_500hz.npz")
    x, gain = packed["x"], float(packed["gain_per_mV"])
    with open(folder / "raw_500hz.csv", newline="") as file:
        for samples, row in zip(x, csv.DictReader(file), strict=True):
            age = min(float(row["age"]), 100.0) if row["age"] else None
            who = ee.Patient(age_years=age, sex={"0": "M", "1": "F"}.get(row["sex"]))

            def made(samples: Any = samples, who: ee.Patient = who) -> ee.Recording:
                return ee.Recording(signal=samples / gain, fs=500.0, leads=STANDARD_LEADS, patient=who)

            yield row["ecg_id"], frozenset(ast.literal_eval(row["scp_codes"])), made


def ludb_recordings(data: Path) -> Iterator[tuple[str, frozenset[str], Callable[[], ee.Recording]]]:
    """Yield name, label lines and a way to the recording of LUDB."""
    folder = data / "ecg" / "ludb"
    with open(folder / "ludb.csv", newline="") as file:
        for row in csv.DictReader(file):
            name = row.pop("ID").strip()
            path = folder / f"{name}.hea"
            lines = {line.strip().lower() for cell in row.values() for line in cell.split("\n")}
            if path.exists():
                yield name, frozenset(lines - {""}), lambda path=path: ee.read_ecg(path)  # type: ignore[misc]


SETS: Final = {"ludb": ludb_recordings, "ptbxl": ptbxl_recordings}


def code_hash() -> str:
    """Return the hash of the code that makes contexts."""
    root = Path(ee.__file__).parent
    digest = hashlib.sha256()
    for name in MEASURING:
        path = root / name
        files = [path] if path.is_file() else [f for f in path.rglob("*") if f.suffix in (".py", ".npz", ".toml")]
        for file in sorted(files):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def load_cases(data: Path, store: Path) -> list[Case]:
    """Return every record of both sets; measured where the store does not hold it yet."""
    folder = store / code_hash()
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for source, recordings in SETS.items():
        for name, labels, made in recordings(data):
            path = folder / f"{source}-{name}.pickle"
            if path.is_file():
                context, judged = pickle.loads(path.read_bytes())
            else:
                context, judged = context_of(made())
                path.write_bytes(pickle.dumps((context, judged)))
            cases.append(Case(record=name, source=source, labels=labels, context=context, judged=judged))
    return cases


def context_of(recording: ee.Recording) -> tuple[Context, tuple[str, ...]]:
    """Return what the rules are shown of a recording, and what kept the engine from judging."""
    seen = see(recording.signal, fs=recording.fs, leads=recording.leads)
    judged = judge(recording, seen, ventricular=ventricular_of(recording, seen))
    return judged.context, judged.judged


def tabulate(cases: Sequence[Case], least: int) -> list[dict[str, Any]]:
    """Return a row for each group and set, and for both together, with at least so many cases."""
    said = {id(case): {s.code for s in case.said()} for case in cases}
    rows = []
    for group in GROUPS:
        for source in (*SETS, "both"):
            pairs = [
                (true, bool(group.codes & said[id(case)]))
                for case in cases
                if source in ("both", case.source) and (true := group.is_true(case)) is not None
            ]
            rows.append(_row(group.name, source, pairs))
    pairs = [
        (case.is_plain_normal, "normal_ecg" in said[id(case)])
        for case in cases
        if case.source == "ptbxl" and (case.is_plain_normal or "NORM" not in case.labels)
    ]
    rows.append(_row(NORMAL, "ptbxl", pairs))
    return [row for row in rows if row is not None and row["n"] >= least]


def _row(name: str, source: str, pairs: list[tuple[bool, bool]]) -> Any:
    if not pairs:
        return None
    true, got = (np.array(side) for side in zip(*pairs, strict=True))
    tp, fn = int((true & got).sum()), int((true & ~got).sum())
    fp, tn = int((~true & got).sum()), int((~true & ~got).sum())

    def percent(part: int, whole: int) -> float:
        return round(100 * part / whole, 1) if whole else float("nan")

    return {
        "group": name, "set": source, "n": tp + fn, "tp": tp, "fp": fp, "sensitivity": percent(tp, tp + fn),
        "specificity": percent(tn, tn + fp), "ppv": percent(tp, tp + fp), "f1": percent(2 * tp, 2 * tp + fn + fp),
    }  # fmt: skip


def on_normals(cases: Sequence[Case]) -> tuple[float, dict[str, int], dict[str, int]]:
    """Return the abnormal statements on 100 plain normals, how often each, and the levels of urgency."""
    normals = [case for case in cases if case.is_plain_normal]
    counts: dict[str, int] = {}
    levels: dict[str, int] = {}
    for case in normals:
        statements = case.said()
        level = judge_urgency(case.context, statements, judged=case.judged).level
        levels[level] = levels.get(level, 0) + 1
        for code in {s.code for s in statements} - NOT_ABNORMAL:
            counts[code] = counts.get(code, 0) + 1
    per_100 = 100 * sum(counts.values()) / max(1, len(normals))
    return per_100, dict(sorted(counts.items(), key=lambda item: -item[1])), levels


def show_wrong(cases: Sequence[Case], code: str) -> None:
    """Print each record in which a code and the labels of its group disagree, with the evidence."""
    group = next(group for group in GROUPS if code in group.codes)
    for case in cases:
        true = group.is_true(case)
        found = [s for s in case.said() if s.code in group.codes]
        if true is None or true == bool(found):
            continue
        facts = "; ".join(f"{e.lead or ''} {e.measurement} {e.value:.3g}" for s in found for e in s.evidence)
        others = [s.code for s in case.said() if s.code not in group.codes]
        verdict = "missed" if true else "false "
        print(f"{verdict} {case.source} {case.record:>6} {sorted(case.labels)} said {others} {facts}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", metavar="CODE", help="list the records in which a statement and the labels disagree")
    parser.add_argument("--least", type=int, default=5, help="groups with fewer cases are left out")
    parser.add_argument("--csv", type=Path, help="write the table here too")
    parser.add_argument("--store", type=Path, default=Path(".cache/contexts"))
    asked = parser.parse_args()
    cases = load_cases(data_folder(), asked.store)
    if asked.wrong:
        show_wrong(cases, asked.wrong)
        return
    rows = tabulate(cases, asked.least)
    print(f"{'group':24} {'set':6} {'n':>4} {'Se':>6} {'Sp':>6} {'PPV':>6} {'F1':>6}")
    for row in rows:
        figures = " ".join(f"{row[key]:6.1f}" for key in ("sensitivity", "specificity", "ppv", "f1"))
        print(f"{row['group']:24} {row['set']:6} {row['n']:4} {figures}")
    per_100, counts, levels = on_normals(cases)
    print(f"abnormal statements on 100 plain normals: {per_100:.1f}, of these {counts}; urgency {levels}")
    if asked.csv:
        with asked.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
