"""The driver: scans, plans, hands out studies, writes down what comes back."""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from ecg_engine import vocabulary
from ecg_engine.batch.comparing import Compare, compare_studies
from ecg_engine.batch.executors import Engine, Lost, run_all, run_groups
from ecg_engine.batch.files import plain_text, report_bytes, write_files
from ecg_engine.batch.ledger import Ledger
from ecg_engine.batch.plan import find_sources, hash_alike, plan_studies
from ecg_engine.batch.progress import BatchResult, Watcher
from ecg_engine.batch.tables import FOLDER, cells_of, entry_of, write_quarantine, write_worklist
from ecg_engine.batch.work import plain_words
from ecg_engine.errors import EcgEngineError
from ecg_engine.interpretation.worklist import sort_key
from ecg_engine.pipeline.keys import job_key
from ecg_engine.settings import TriageSettings
from ecg_engine.types.work import Failure, StudyOutcome, StudyTask

__all__ = ["Driver", "Parts"]

#: The worklist is written again when that takes less than a twentieth of the time since, and not more often, s.
_REWRITE_EVERY_S: Final = 5.0
_REWRITE_SHARE: Final = 20.0
#: Scanning, and loading models, get this long however little a study gets, s.
_LEAST_LIMIT_S: Final = 120.0
#: How long the start of the first worker may take until somebody is told why, s.
_SILENCE_S: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What does the work of a batch.

    Parameters
    ----------
    triage : callable
        One study, as `pipeline.triage_study`; workers find it by its name.
    compare : callable
        As `interpretation.comparison.compare`.
    prepare : callable, optional
        Runs once, in the first worker, with one argument that means nothing; returns the hashes of the models.
    summarise : callable, optional
        Writes a page of the whole, as `report.summary.write_summary`.
    """

    triage: Callable[[StudyTask], StudyOutcome]
    compare: Compare
    prepare: Callable[[Any], tuple[str, ...]] | None = None
    summarise: Callable[..., None] | None = None


def _is_worth_splitting(task: StudyTask, outcome: StudyOutcome | Lost) -> bool:
    """Return whether a study was lost by one of its files, and the others may still get a report."""
    return isinstance(outcome, Lost) and outcome.may_pass_later and len(task.sources) > 1


class Driver:
    """One run of a batch.

    Parameters
    ----------
    ledger : Ledger
    folder : Path
        Of the results; ``studies`` is in it.
    settings : TriageSettings
    engine : Engine
        Closed at the end.
    parts : Parts
    limit_s : float
        Time for one job, s.
    watcher : Watcher
    """

    def __init__(
        self,
        ledger: Ledger,
        folder: Path,
        settings: TriageSettings,
        engine: Engine,
        parts: Parts,
        *,
        limit_s: float,
        watcher: Watcher,
    ) -> None:
        self.ledger, self.folder, self.settings = ledger, folder, settings
        self.engine, self.parts, self.limit_s, self.watcher = engine, parts, limit_s, watcher
        self.models: tuple[str, ...] = ()
        self.n_kept = self.n_gone = self.n_over = 0
        self.began = self.rewritten_at = time.monotonic()
        self.started = datetime.now()
        self.rewriting_took_s = 0.0

    def run(self, paths: Sequence[Path]) -> BatchResult:
        """Do everything; see `run_triage`."""
        interrupted, is_clean = False, False
        try:
            self._prepare()
            self._plan(paths)
            self._do_all()
            compare_studies(self.ledger, self.folder / FOLDER, self.parts.compare, lang=self.settings.lang)
            is_clean = True
        except KeyboardInterrupt:
            interrupted = True
        finally:
            self.engine.close(now=not is_clean)
        self._write_tables(is_final=not interrupted)
        return BatchResult(
            out=self.folder,
            n_studies=int(self.ledger.one("SELECT COUNT(*) FROM studies")),
            n_done=int(self.ledger.one("SELECT COUNT(*) FROM studies WHERE state = 'done'")),
            n_kept=self.n_kept,
            n_gone=self.n_gone,
            levels=self.ledger.counts(),
            n_refused=self.ledger.n_refused(),
            skipped=self.ledger.skipped(),
            interrupted=interrupted,
        )

    def _prepare(self) -> None:
        """Let one worker fill the kernels' cache, which the others then find, and name the models."""
        if self.parts.prepare is None:
            return
        told = "Starting: models are loaded; the first time, kernels are compiled (about a minute) ..."
        news = threading.Timer(_SILENCE_S, self.watcher.say, [told])
        news.daemon = True
        news.start()
        try:
            limit_s = max(_LEAST_LIMIT_S, self.limit_s)
            ((_, models),) = run_all(self.engine, self.parts.prepare, [None], limit_s=limit_s)
        finally:
            news.cancel()
        if isinstance(models, Lost):
            if models.trace is not None:
                self.watcher.fault(models.trace)
            raise EcgEngineError(f"the models cannot be loaded: {models.error}")
        self.models = models

    def _plan(self, paths: Sequence[Path]) -> None:
        walk = int(self.ledger.get("walk") or 0) + 1
        with self.ledger.writing():
            self.ledger.put("walk", walk)
        limit_s = max(_LEAST_LIMIT_S, self.limit_s)
        find_sources(
            self.ledger, paths, self.engine, leave_out=self.folder, walk=walk, limit_s=limit_s, watcher=self.watcher
        )
        hash_alike(self.ledger, self.engine, limit_s=limit_s)
        engine = version("ecg_engine")
        self.n_gone = plan_studies(
            self.ledger,
            walk=walk,
            key_of=lambda content: job_key(content, self.settings, engine=engine, models=self.models),
            has_results=lambda name: (self.folder / FOLDER / f"{name}.json").exists(),
        )
        n_studies = int(self.ledger.one("SELECT COUNT(*) FROM studies"))
        self.n_over = n_studies - int(self.ledger.one("SELECT COUNT(*) FROM studies WHERE state IN ('todo', 'lost')"))
        self.n_kept = int(self.ledger.one("SELECT COUNT(*) FROM studies WHERE state = 'done'"))
        self.watcher.planned(n_studies, self.n_over)

    # --------------------------------------------------------------------------------------------------------- studies

    def _do_all(self) -> None:
        for group in run_groups(self.engine, self.parts.triage, self._tasks(), limit_s=self.limit_s):
            whole = [(task, outcome) for task, outcome in group if not _is_worth_splitting(task, outcome)]
            self._keep(whole)
            with self.ledger.writing():  # one of their files kills: it is looked for when nothing else is left to do
                for task in (task for task, outcome in group if _is_worth_splitting(task, outcome)):
                    self.ledger.run("UPDATE studies SET state = 'split' WHERE key = ?", (task.study_uid,))
            if time.monotonic() - self.rewritten_at > max(_REWRITE_EVERY_S, _REWRITE_SHARE * self.rewriting_took_s):
                self._write_tables(is_final=False)
        split = self.ledger.pages(
            "SELECT position, key FROM studies WHERE state = 'split' AND position > ? ORDER BY position LIMIT ?",
            after=-1,
        )
        for _, key in split:
            self._do_without_killers(key)

    def _tasks(self) -> Iterator[StudyTask]:
        todo = self.ledger.pages(
            "SELECT position, key FROM studies WHERE state = 'todo' AND position > ? ORDER BY position LIMIT ?",
            after=-1,
        )
        return (self._task(key) for _, key in todo)

    def _task(self, key: str) -> StudyTask:
        rows = self.ledger.rows(
            "SELECT name FROM sources WHERE study = ? AND copy_of IS NULL ORDER BY position", (key,)
        )
        return StudyTask(study_uid=key, sources=tuple(os.fsdecode(name) for (name,) in rows), settings=self.settings)

    def _do_without_killers(self, key: str) -> None:
        """Find the files of a study that kill, each alone, and do the study without them."""
        task = self._task(key)
        singles = [replace(task, sources=(source,)) for source in task.sources]
        lost = {
            single.sources[0]: Failure(source=single.sources[0], error=outcome.error, error_kind=outcome.error_kind)
            for single, outcome in run_all(self.engine, self.parts.triage, singles, limit_s=self.limit_s)
            if isinstance(outcome, Lost)
        }
        rest = replace(task, sources=tuple(source for source in task.sources if source not in lost))
        outcome: StudyOutcome | Lost = StudyOutcome(study_uid=key)
        if rest.sources:
            ((_, outcome),) = run_all(self.engine, self.parts.triage, [rest], limit_s=self.limit_s)
        if isinstance(outcome, StudyOutcome):  # else they still kill together
            outcome = replace(outcome, failures=(*outcome.failures, *lost.values()))
        self._keep([(task, outcome)])

    def _keep(self, group: Sequence[tuple[StudyTask, StudyOutcome | Lost]]) -> None:
        """Write down what became of studies: their files first, then the rows that say they are there."""
        files: dict[Path, bytes] = {}
        rows: list[tuple[str, str, Mapping[str, Any], Sequence[Failure]]] = []
        for task, outcome in group:
            key, values = task.study_uid, dict[str, Any]()
            if isinstance(outcome, StudyOutcome) and outcome.report is not None:
                try:
                    values, written = self._results(key, outcome.report, outcome.pictures)
                    files.update(written)
                except (KeyError, TypeError, ValueError) as exc:  # a fault of ours, in this report
                    text = f"internal error ({type(exc).__name__} in its report); please report it"
                    outcome = Lost(error=text, error_kind=type(exc).__name__, trace=traceback.format_exc())
            if isinstance(outcome, StudyOutcome):
                rows.append((key, "done" if values else "refused", values, outcome.failures))
            else:
                if outcome.trace is not None:
                    self.watcher.fault(outcome.trace)
                error, kind = outcome.error, outcome.error_kind
                rows.append((key, "lost", {}, [Failure(source=s, error=error, error_kind=kind) for s in task.sources]))
        write_files(files)
        with self.ledger.writing():
            for row in rows:
                self._keep_row(*row)
        for _, _, _, failures in rows:
            for failure in failures:
                self.watcher.refused(failure.source, plain_words(failure.error, failure.source))
        self.n_over += len(rows)
        self.watcher.done(self.n_over)

    def _results(
        self, key: str, report: Mapping[str, Any], pictures: Mapping[str, bytes]
    ) -> tuple[dict[str, Any], dict[Path, bytes]]:
        """Return what the ledger keeps of a report, and the study's files, the report last."""
        name, counted = next(self.ledger.rows("SELECT name, notes FROM studies WHERE key = ?", (key,)))
        notes = [
            {"stage": "batch", "code": code, "facts": facts,
             "text": vocabulary.note_text(code, self.settings.lang, facts)}
            for code, facts in json.loads(counted)
        ]  # fmt: skip
        report = {**report, "notes": [*report["notes"], *notes]}
        entry = entry_of(report, key)
        rank, merit, arrived, _ = sort_key(entry)
        cells = cells_of(report, name=name, pictures=pictures.keys())
        folder = self.folder / FOLDER
        files = {folder / f"{name}.{end}": content for end, content in pictures.items()}
        files[folder / f"{name}.json"] = report_bytes(report)
        return {
            "level": entry.level, "rank": rank, "merit": merit, "arrived": arrived, "cells": json.dumps(cells),
        }, files  # fmt: skip

    def _keep_row(self, key: str, state: str, values: Mapping[str, Any], failures: Sequence[Failure]) -> None:
        self.ledger.run("DELETE FROM failures WHERE study = ?", (key,))
        self.ledger.run_many(
            "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)",
            [(key, os.fsencode(f.source), plain_text(plain_words(f.error, f.source)), f.error_kind) for f in failures],
        )
        columns = ("level", "rank", "merit", "arrived", "cells")
        self.ledger.run(
            "UPDATE studies SET state = ?, level = ?, rank = ?, merit = ?, arrived = ?, cells = ? WHERE key = ?",
            (state, *(values.get(column) for column in columns), key),
        )

    # ---------------------------------------------------------------------------------------------------------- tables

    def _write_tables(self, *, is_final: bool) -> None:
        began = time.monotonic()
        write_worklist(self.folder / "worklist.csv", self.ledger.worklist())
        write_quarantine(self.folder / "quarantine.csv", self.ledger.refused())
        if self.parts.summarise is not None:
            self._summarise(self.parts.summarise, is_final=is_final)
        self.rewritten_at = time.monotonic()
        self.rewriting_took_s = self.rewritten_at - began

    def _summarise(self, summarise: Callable[..., None], *, is_final: bool) -> None:
        """Hand over the facts of the run; rows and refused files are read as they are asked for."""
        ledger = self.ledger
        facts = {
            "inputs": ledger.get("paths"),
            "engine": version("ecg_engine"),
            "models": [sha256[:12] for sha256 in self.models],
            "started": f"{self.started:%Y-%m-%d %H:%M:%S}",
            "finished": f"{datetime.now():%Y-%m-%d %H:%M:%S}" if is_final else None,
            "seconds": time.monotonic() - self.began,
            "n_files": int(ledger.one("SELECT COUNT(*) FROM sources")),
            "n_studies": int(ledger.one("SELECT COUNT(*) FROM studies")),
            "n_kept": self.n_kept,
            "n_gone": self.n_gone,
            "skipped": ledger.skipped(),
            "interrupted": not is_final,
        }
        summarise(
            self.folder / "summary.html",
            facts=facts,
            rows=({"rank": rank, **row} for rank, row in enumerate(ledger.worklist(), 1)),
            refused=({"file": file, "reason": reason, "kind": kind} for file, reason, kind in ledger.refused()),
            n_rows=int(ledger.one("SELECT COUNT(*) FROM studies WHERE state = 'done'")),
            lang=self.settings.lang,
        )
