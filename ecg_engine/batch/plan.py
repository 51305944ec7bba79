"""Which files there are, what their headers say, and which studies they make: into the ledger."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from ecg_engine.batch.executors import MAY_PASS_LATER, Engine, Lost, run_all
from ecg_engine.batch.files import plain_text, safe_name
from ecg_engine.batch.ledger import Ledger
from ecg_engine.batch.progress import Watcher
from ecg_engine.batch.work import hash_chunk, plain_words, scan_chunk
from ecg_engine.dicom.containers import Scanned, Source, iter_sources
from ecg_engine.types.work import Failure

__all__ = ["find_sources", "hash_alike", "plan_studies", "skipped_as"]

#: Files scanned as one job: some 50 ms of work.
_CHUNK: Final = 64
#: Suffixes of files that are meant to be images: what stands in one must be one.
_IMAGE_SUFFIXES: Final = frozenset({"", ".dcm", ".dicom", ".dic", ".ima", ".png", ".jpg", ".jpeg", ".zip"})
#: Files without a suffix that stand beside images, small letters.
_BESIDE_IMAGES: Final = frozenset(
    {"readme", "license", "licence", "notice", "version", "changelog", "copying", "makefile"}
)
_KEPT_STATES: Final = ("image", "object", "skipped")
_FACTS: Final = ("study_uid", "series_uid", "sop_uid", "patient_id", "birth_date", "sex", "date", "time", "modality",
                 "fingerprint", "content")  # fmt: skip


def skipped_as(name: str) -> str | None:
    """Return what a file that holds no image is counted as when it is passed over; None where it should hold one.

    Examples
    --------
    >>> skipped_as("export/notes.TXT"), skipped_as("export/.DS_Store"), skipped_as("export/README")
    ('.txt', 'hidden', 'readme')
    >>> skipped_as("IM000001"), skipped_as("1.2.840.10008.1"), skipped_as("a.dcm")
    (None, None, None)
    """
    base = os.path.basename(name).lower()
    suffix = os.path.splitext(base)[1]
    if base.startswith("."):
        return "hidden"
    if base in _BESIDE_IMAGES:
        return base
    is_uid = re.fullmatch(r"\.\d+", suffix) is not None
    return None if suffix in _IMAGE_SUFFIXES or is_uid else suffix


def find_sources(
    ledger: Ledger,
    paths: Sequence[Path],
    engine: Engine,
    *,
    leave_out: Path,
    walk: int,
    limit_s: float,
    watcher: Watcher,
) -> None:
    """Walk `paths` and scan the header of each file that is new or has changed.

    Parameters
    ----------
    ledger : Ledger
    paths : sequence of Path
    engine : Engine
        Scans, many files a job.
    leave_out : Path
        Folder that is not entered.
    walk : int
        Number of this walk; sources that it does not meet are forgotten at its end.
    limit_s : float
        Time for one job, s.
    watcher : Watcher
    """
    n_files = 0

    def chunks() -> Iterator[tuple[str, ...]]:
        nonlocal n_files
        for several in _chunked(iter_sources(paths, leave_out=[leave_out])):
            with ledger.writing():
                new = [s.name for i, s in enumerate(several, n_files) if _is_new(ledger, s, i, walk, watcher)]
            n_files += len(several)
            watcher.scanning(n_files)
            if new:
                yield tuple(new)

    again: list[tuple[str, ...]] = []
    for chunk, found in run_all(engine, scan_chunk, chunks(), limit_s=limit_s):
        if isinstance(found, Lost) and len(chunk) > 1:
            again.extend((name,) for name in chunk)
        else:
            _keep_scan(ledger, chunk, found, watcher)
    for chunk, found in run_all(engine, scan_chunk, again, limit_s=limit_s):
        _keep_scan(ledger, chunk, found, watcher)
    with ledger.writing():
        ledger.run("DELETE FROM sources WHERE walk != ?", (walk,))


def _chunked(sources: Iterable[Any]) -> Iterator[list[Any]]:
    several = iter(sources)
    while chunk := list(islice(several, _CHUNK)):
        yield chunk


def _is_new(ledger: Ledger, source: Source, position: int, walk: int, watcher: Watcher) -> bool:
    """Note that a walk met a source; return whether its header has to be read."""
    name = os.fsencode(source.name)
    known = next(ledger.rows("SELECT walk, is_given, stamp, state FROM sources WHERE name = ?", (name,)), None)
    if known is not None:
        last, was_given, stamp, state = known
        if last == walk:  # another of the paths leads here too, perhaps by its name: then it is no file beside images
            ledger.run("UPDATE sources SET is_given = MAX(is_given, ?) WHERE name = ?", (source.is_given, name))
            return bool(source.is_given and state == "skipped")
        if source.error is None and stamp == source.stamp and state in _KEPT_STATES and source.is_given <= was_given:
            ledger.run("UPDATE sources SET position = ?, walk = ? WHERE name = ?", (position, walk, name))
            return False
    error = source.error
    words, kind = (None, None) if error is None else (plain_words(str(error), source.name), type(error).__name__)
    ledger.run(
        "INSERT OR REPLACE INTO sources (name, position, walk, is_given, stamp, state, error, error_kind)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (name, position, walk, source.is_given, source.stamp, "found" if error is None else "refused", words, kind),
    )
    if words is not None:
        watcher.refused(source.name, words)
    return error is None


def _keep_scan(
    ledger: Ledger, chunk: tuple[str, ...], found: list[tuple[str, Scanned | Failure]] | Lost, watcher: Watcher
) -> None:
    if isinstance(found, Lost):
        failed = [Failure(source=name, error=found.error, error_kind=found.error_kind) for name in chunk]
        found = [(failure.source, failure) for failure in failed]
    with ledger.writing():
        for name, what in found:
            if isinstance(what, Scanned):
                _keep_facts(ledger, name, what)
            else:
                _keep_failure(ledger, name, what, watcher)


def _keep_facts(ledger: Ledger, name: str, scanned: Scanned) -> None:
    is_picture = scanned.study_uid == scanned.sop_instance_uid
    facts = {
        "study_uid": scanned.study_uid,
        "series_uid": scanned.series_uid,
        "sop_uid": scanned.sop_instance_uid,
        "patient_id": scanned.patient_id,
        "birth_date": scanned.birth_date,
        "sex": scanned.sex,
        "date": scanned.date,
        "time": scanned.time,
        "modality": scanned.modality,
        "fingerprint": scanned.fingerprint,
        "content": scanned.study_uid if is_picture else None,
    }
    values = ", ".join(f"{column} = :{column}" for column in _FACTS)
    plain = {key: None if value is None else plain_text(value) for key, value in facts.items()}
    ledger.run(
        f"UPDATE sources SET state = :state, {values} WHERE name = :name",
        {"name": os.fsencode(name), "state": "image" if scanned.is_image else "object", **plain},
    )


def _keep_failure(ledger: Ledger, name: str, failure: Failure, watcher: Watcher) -> None:
    where = os.fsencode(name)
    label = skipped_as(name) if failure.error_kind == "UnknownFormatError" else None
    if label is not None and not ledger.one("SELECT is_given FROM sources WHERE name = ?", (where,)):
        ledger.run("UPDATE sources SET state = 'skipped', suffix = ? WHERE name = ?", (plain_text(label), where))
        return
    ledger.run(
        "UPDATE sources SET state = 'refused', error = ?, error_kind = ? WHERE name = ?",
        (plain_text(failure.error), failure.error_kind, where),
    )
    watcher.refused(name, failure.error)


# ------------------------------------------------------------------------------------------------------------- studies


def hash_alike(ledger: Ledger, engine: Engine, *, limit_s: float) -> None:
    """Hash whole files where two have the same SOP Instance UID, to tell copies from different images."""
    alike = ledger.pages(
        "SELECT id, name FROM sources WHERE state = 'image' AND content IS NULL AND sop_uid IN (SELECT sop_uid FROM"
        " sources WHERE state = 'image' AND sop_uid IS NOT NULL GROUP BY sop_uid HAVING COUNT(*) > 1)"
        " AND id > ? ORDER BY id LIMIT ?",
        after=-1,
    )
    chunks = (tuple(os.fsdecode(name) for _, name in several) for several in _chunked(alike))
    for chunk, found in run_all(engine, hash_chunk, chunks, limit_s=limit_s):
        hashed = [] if isinstance(found, Lost) else found
        with ledger.writing():
            for name, what in hashed:
                if isinstance(what, str):
                    ledger.run("UPDATE sources SET content = ? WHERE name = ?", (what, os.fsencode(name)))
            # What cannot be read now will be refused when its study is done.
            ledger.run_many(
                "UPDATE sources SET content = 'unreadable ' || id WHERE name = ? AND content IS NULL",
                [(os.fsencode(name),) for name in chunk],
            )


def plan_studies(
    ledger: Ledger, *, walk: int, key_of: Callable[[bytes], str], has_results: Callable[[str], bool]
) -> int:
    """Group the sources into studies; those that are done already, and the same, stay done.

    Parameters
    ----------
    ledger : Ledger
    walk : int
        Number of the walk.
    key_of : callable
        Gives the job key of what a study is made of.
    has_results : callable
        Whether the files of a study, by their name, are there.

    Returns
    -------
    int
        Studies of earlier walks that are no more.

    Notes
    -----
    Images that share a Study Instance UID, but not the patient's ID, are two studies: no report mixes two patients.
    """
    with ledger.writing():
        _name_studies(ledger)
        mark_copies(ledger)
        shared = _sops_of_several(ledger)
        rows = ledger.rows(
            "SELECT study, study_uid, position, stamp, fingerprint, sop_uid, copy_of, patient_id, birth_date, sex,"
            " date, time FROM sources WHERE state = 'image' ORDER BY study, position"
        )
        for key, group in groupby(rows, key=itemgetter(0)):
            _keep_study(ledger, key, list(group), walk, shared, key_of, has_results)
        ledger.run("DELETE FROM failures WHERE study IN (SELECT key FROM studies WHERE walk != ?)", (walk,))
        return ledger.run("DELETE FROM studies WHERE walk != ?", (walk,))


def _name_studies(ledger: Ledger) -> None:
    ledger.run("UPDATE sources SET study = study_uid, copy_of = NULL WHERE state = 'image'")
    ledger.run(
        "UPDATE sources SET study = study_uid || char(10) || COALESCE(patient_id, '') WHERE state = 'image'"
        " AND study_uid IN (SELECT study_uid FROM sources WHERE state = 'image' GROUP BY study_uid"
        " HAVING COUNT(DISTINCT patient_id) > 1)"
    )


def mark_copies(ledger: Ledger) -> None:
    """Mark each image that is the same as one met before in its study, byte for byte."""
    ledger.run(
        "UPDATE sources SET copy_of = (SELECT first.id FROM sources AS first WHERE first.sop_uid = sources.sop_uid"
        " AND first.content = sources.content AND first.study = sources.study AND first.state = 'image'"
        " ORDER BY first.position LIMIT 1) WHERE state = 'image' AND content IS NOT NULL"
    )
    ledger.run("UPDATE sources SET copy_of = NULL WHERE copy_of = id")


def _sops_of_several(ledger: Ledger) -> str:
    """Fill a temporary table with the SOP Instance UIDs that stand in several studies; return its name."""
    ledger.run("DROP TABLE IF EXISTS temp.shared_sops")
    ledger.run(
        "CREATE TEMP TABLE shared_sops AS SELECT sop_uid FROM sources WHERE state = 'image' AND sop_uid IS NOT NULL"
        " GROUP BY sop_uid HAVING COUNT(DISTINCT study) > 1"
    )
    ledger.run("CREATE INDEX temp.shared_sops_by_uid ON shared_sops (sop_uid)")
    return "temp.shared_sops"


def _keep_study(
    ledger: Ledger,
    key: str,
    rows: Sequence[tuple[Any, ...]],
    walk: int,
    shared: str,
    key_of: Callable[[bytes], str],
    has_results: Callable[[str], bool],
) -> None:
    uid = rows[0][1]
    done = [row for row in rows if row[6] is None]
    sops = [row[5] for row in done if row[5] is not None]
    elsewhere = sum(bool(ledger.one(f"SELECT 1 FROM {shared} WHERE sop_uid = ?", (sop,))) for sop in sorted(set(sops)))
    counted = [
        ("duplicate_image", len(rows) - len(done)),
        ("uid_conflict", len(sops) - len(set(sops))),
        ("uid_in_other_study", elsewhere),
    ]
    said: list[tuple[str, dict[str, int]]] = [(code, {"count": n}) for code, n in counted if n]
    notes = json.dumps(said + ([("study_uid_shared", {})] if key != uid else []))
    content = "\n".join([*(f"{stamp} {print_}" for _, _, _, stamp, print_, *_ in done), notes])
    job_key = key_of(content.encode())
    first = [next((row[i] for row in rows if row[i]), None) for i in range(7, 12)]
    known = next(ledger.rows("SELECT job_key, state, name FROM studies WHERE key = ?", (key,)), None)
    if known is not None and known[0] == job_key and _is_over(ledger, key, known[1], known[2], has_results):
        ledger.run("UPDATE studies SET walk = ?, position = ? WHERE key = ?", (walk, rows[0][2], key))
        return
    ledger.run("DELETE FROM failures WHERE study = ?", (key,))
    ledger.run(
        "INSERT OR REPLACE INTO studies (key, study_uid, name, position, walk, job_key, state, n_sources, notes,"
        " patient_id, birth_date, sex, date, time) VALUES (?, ?, ?, ?, ?, ?, 'todo', ?, ?, ?, ?, ?, ?, ?)",
        (key, uid, safe_name(key), rows[0][2], walk, job_key, len(done), notes, *first),
    )


def _is_over(ledger: Ledger, key: str, state: str, name: str, has_results: Callable[[str], bool]) -> bool:
    """Return whether a study needs no second run; what its worker died of may pass with more time or memory."""
    if ledger.one("SELECT 1 FROM failures WHERE study = ? AND error_kind IN (?, ?)", (key, *MAY_PASS_LATER)):
        return False
    return state == "refused" or (state == "done" and has_results(name))
