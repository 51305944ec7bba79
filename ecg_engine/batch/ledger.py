"""What is known and done, in one SQLite file: sources, studies, failures. Nothing about a study stays in memory."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ecg_engine.errors import EcgEngineError, InputError

__all__ = ["Ledger"]

#: Version of the tables.
_VERSION: Final = 1
#: Rows that are read at a time, so that writing between two reads is allowed.
_PAGE: Final = 256

_TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    name BLOB NOT NULL UNIQUE,      -- bytes, as the file system has them
    position INTEGER NOT NULL,      -- in the walk
    walk INTEGER NOT NULL,          -- the last one that met it
    is_given INTEGER NOT NULL,
    stamp TEXT NOT NULL,
    state TEXT NOT NULL,            -- found, image, object, skipped, refused
    suffix TEXT,
    study_uid TEXT, series_uid TEXT, sop_uid TEXT, patient_id TEXT, birth_date TEXT, sex TEXT,
    date TEXT, time TEXT, modality TEXT,
    fingerprint TEXT,
    content TEXT,                   -- hash of all bytes, where another file has the same SOP Instance UID
    study TEXT,                     -- key of studies
    copy_of INTEGER,                -- another source with the same image
    error TEXT, error_kind TEXT
);
CREATE INDEX sources_by_state ON sources (state, position);
CREATE INDEX sources_by_study ON sources (study, position);
CREATE INDEX sources_by_study_uid ON sources (study_uid, patient_id);
CREATE INDEX sources_by_sop ON sources (sop_uid, content, study, position);
CREATE TABLE studies (
    key TEXT PRIMARY KEY,
    study_uid TEXT NOT NULL,
    name TEXT NOT NULL,             -- of its files
    position INTEGER NOT NULL,      -- of its first source
    walk INTEGER NOT NULL,
    job_key TEXT NOT NULL,
    state TEXT NOT NULL,            -- todo, done, refused, lost
    n_sources INTEGER NOT NULL,
    notes TEXT NOT NULL,            -- of the driver: JSON
    patient_id TEXT, birth_date TEXT, sex TEXT, date TEXT, time TEXT,
    level TEXT, rank REAL, merit REAL, arrived REAL,  -- what the worklist is sorted by, with the key
    cells TEXT                      -- of the worklist: JSON
) WITHOUT ROWID;
CREATE INDEX studies_by_state ON studies (state, position);
CREATE INDEX studies_by_rank ON studies (state, rank, merit, arrived, key);
CREATE INDEX studies_by_patient ON studies (patient_id);
CREATE TABLE failures (
    study TEXT NOT NULL, source BLOB NOT NULL, error TEXT NOT NULL, error_kind TEXT NOT NULL,
    PRIMARY KEY (study, source)
) WITHOUT ROWID;
"""


class Ledger:
    """The table of a triage, in the folder of its results.

    Parameters
    ----------
    path : Path
        Made where there is none.

    Raises
    ------
    InputError
        It is damaged, or of another version.

    Notes
    -----
    Write-ahead log with ``synchronous=NORMAL``: a commit costs no fsync. A process that is killed loses no commit. A
    machine that loses power may lose the last ones, in their order, and never more than that; the studies they name are
    done again, which gives the same files. The other way round nothing is claimed that is not there: a study's files
    are on the disk before its row is written. So FULL, an fsync a study, would buy nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA busy_timeout=10000")
            if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
                self._db.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={_VERSION}; COMMIT;")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as exc:
            raise InputError(f"out: {path} is damaged ({exc}); name another folder", argument="out") from exc
        if version != _VERSION:
            raise InputError(f"out: {path} is of another version of ecg_engine; name another folder", argument="out")

    def close(self) -> None:
        """Close the file; the log is merged into it."""
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Commit what happens inside as one; nothing of it where that raises."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as exc:
            raise EcgEngineError(f"{self.path}: cannot be written ({exc}); free some space and run --resume") from exc

    def run(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Execute one statement; return how many rows it changed."""
        return self._db.execute(statement, values).rowcount

    def run_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute one statement for each row."""
        self._db.executemany(statement, rows)

    def one(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Return the first value of the first row, or None."""
        row = self._db.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def rows(self, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query as they are asked for; nothing may be written meanwhile."""
        return iter(self._db.execute(statement, values))

    def pages(self, statement: str, values: Sequence[Any] = (), *, after: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query page by page; writing between them is allowed.

        Parameters
        ----------
        statement : str
            Its last two parameters are the first column of the row after which to go on, and how many rows to give; it
            is ordered by that column.
        values : sequence
            The parameters before those.
        after : str or int
            Less than any value of that column.
        """
        while page := self._db.execute(statement, (*values, after, _PAGE)).fetchall():
            yield from page
            after = page[-1][0]

    # ------------------------------------------------------------------------------------------------------------ meta

    def get(self, name: str) -> Any:
        """Return a fact of the whole triage, or None."""
        value = self.one("SELECT value FROM meta WHERE name = ?", (name,))
        return None if value is None else json.loads(value)

    def put(self, name: str, value: Any) -> None:
        """Keep a fact of the whole triage."""
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value, sort_keys=True)))

    # ---------------------------------------------------------------------------------------------------------- counts

    def counts(self) -> dict[str, int]:
        """Return how many studies of each level are done."""
        found = self.rows("SELECT level, COUNT(*) FROM studies WHERE state = 'done' GROUP BY level")
        return {str(level): int(n) for level, n in found}

    def skipped(self) -> dict[str, int]:
        """Return how many files were passed over, by suffix, and ``DICOM without image``."""
        found = {
            str(suffix): int(n)
            for suffix, n in self.rows(
                "SELECT suffix, COUNT(*) FROM sources WHERE state = 'skipped' GROUP BY suffix ORDER BY suffix"
            )
        }
        objects = int(self.one("SELECT COUNT(*) FROM sources WHERE state = 'object'"))
        return found | ({"DICOM without image": objects} if objects else {})

    def refused(self) -> Iterator[tuple[str, str, str]]:
        """Yield file, reason and kind of error of the quarantine, in the order of the walk."""
        found = self.rows(
            "SELECT name, error, error_kind FROM ("
            " SELECT name, position, error, error_kind FROM sources WHERE state = 'refused'"
            " UNION ALL SELECT source, position, failures.error, failures.error_kind FROM failures"
            " LEFT JOIN sources ON name = source) ORDER BY position, name"
        )
        return ((os.fsdecode(name), error, kind) for name, error, kind in found)

    def n_refused(self) -> int:
        """Return how many files stand in the quarantine."""
        of_sources = self.one("SELECT COUNT(*) FROM sources WHERE state = 'refused'")
        return int(of_sources) + int(self.one("SELECT COUNT(*) FROM failures"))

    def worklist(self) -> Iterator[dict[str, Any]]:
        """Yield the cells of each study that is done, in the order of the worklist."""
        found = self.rows("SELECT cells FROM studies WHERE state = 'done' ORDER BY rank, merit, arrived, key")
        return (json.loads(cells) for (cells,) in found)
