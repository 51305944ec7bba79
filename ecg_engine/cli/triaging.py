"""``ecg-engine triage``: run a batch, show how it goes, say what came of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ecg_engine.batch.progress import BatchResult, Watcher
from ecg_engine.cli import INTERRUPTED
from ecg_engine.cli.console import Talk, print_json, print_table, shown
from ecg_engine.errors import EcgEngineError, InputError
from ecg_engine.settings import TriageSettings
from ecg_engine.types.engine import engine

_STYLES: Final = {"critical": "bold red", "urgent": "yellow", "unscored": "magenta", "routine": "green"}
#: Structure of the document that ``--json`` prints.
JSON_VERSION: Final = "1.0"
#: Refused files that are named on the terminal; the quarantine has all.
_MOST_NAMED: Final = 50


class _Screen(Watcher):
    """Bars and lines on stderr.

    Parameters
    ----------
    talk : Talk
    bar : rich.progress.Progress
    debug : bool
        Print tracebacks of internal errors.
    """

    def __init__(self, talk: Talk, bar: Any, *, debug: bool) -> None:
        self.talk, self.bar, self.debug = talk, bar, debug
        self.step = bar.add_task("Files", total=None)
        self.n_refused = 0

    def say(self, message: str) -> None:
        self.talk.say(message)

    def scanning(self, n_files: int) -> None:
        self.bar.update(self.step, completed=n_files)

    def planned(self, n_studies: int, n_done: int) -> None:
        self.bar.remove_task(self.step)
        # What was done before is no measure of the rate.
        self.step = self.bar.add_task("Studies", total=n_studies, completed=n_done)
        if n_done:
            self.talk.say(f"Resumed: {n_done} of {n_studies} studies are done already")

    def done(self, n_studies: int) -> None:
        self.bar.update(self.step, completed=n_studies)

    def refused(self, source: str, error: str) -> None:
        self.n_refused += 1
        if self.n_refused <= _MOST_NAMED:
            self.talk.error(f"{source}: {error}")
        elif self.n_refused == _MOST_NAMED + 1:
            self.talk.error("more files are refused; all are listed in quarantine.csv")

    def fault(self, trace: str) -> None:
        if self.debug:
            self.talk.traceback(trace)


def run(
    paths: Sequence[Path],
    settings: TriageSettings,
    *,
    out: Path,
    engine: str,
    n_workers: int | None,
    resume: bool,
    limit_s: float,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> int:
    """Triage studies and return the exit status.

    Parameters
    ----------
    paths : sequence of Path
        Files, folders, DICOMDIRs, archives.
    settings : TriageSettings
    out : Path
        Folder of the results.
    engine : str
        ``local`` or ``tcp://host:port``.
    n_workers : int, optional
    resume : bool
        Go on with what is in `out`.
    limit_s : float
        Time for one study, s.
    as_json : bool
        Print a JSON document in place of the table.
    quiet : bool
        Print errors only (and the document).
    debug : bool
        Print the traceback of an internal error.

    Raises
    ------
    InputError
        Wrong usage: see `batch.run_triage`.
    """
    from ecg_engine.batch.run import run_triage

    if not limit_s > 0:
        raise InputError("limit_s: give more than 0", argument="limit_s")
    talk = Talk(quiet=quiet)
    talk.show_warnings()
    try:
        with talk.progress(with_rate=True) as bar:
            result = run_triage(
                paths,
                out,
                settings,
                engine=engine,
                n_workers=n_workers,
                resume=resume,
                limit_s=limit_s,
                watcher=_Screen(talk, bar, debug=debug),
            )
    except InputError:
        raise
    except EcgEngineError as exc:
        talk.error(str(exc))
        return 1
    if as_json:
        print_json(_document(result))
    elif not quiet:
        _print(result, settings.lang)
    if result.interrupted:
        talk.error(f"interrupted: {result.n_done} of {result.n_studies} studies done; go on with: --resume")
        return INTERRUPTED
    if not result.n_studies and not result.n_refused:
        talk.error(f"no image in {', '.join(os.fspath(path) for path in paths)}; name files or folders that hold some")
        return 1
    return 1 if result.n_refused else 0


def _document(result: BatchResult) -> dict[str, Any]:
    from ecg_engine.interpretation.urgency import LEVELS

    return {
        "schema_version": JSON_VERSION,
        "engine": engine(),
        "interrupted": result.interrupted,
        "out": shown(result.out),
        "worklist": shown(result.out / "worklist.csv"),
        "summary": shown(result.out / "summary.html"),
        "quarantine": shown(result.out / "quarantine.csv"),
        "n_studies": result.n_studies,
        "n_done": result.n_done,
        "n_kept": result.n_kept,
        "n_gone": result.n_gone,
        "n_refused": result.n_refused,
        "levels": {level: result.levels.get(level, 0) for level in LEVELS},
        "skipped": dict(result.skipped),
        "seconds": round(result.seconds, 3),
    }


def _print(result: BatchResult, lang: str) -> None:
    from ecg_engine.interpretation.urgency import LEVELS
    from ecg_engine.vocabulary import summary_text

    def word(key: str, **facts: Any) -> str:
        return summary_text(key, lang, **facts)

    rows = [[word(level), str(result.levels.get(level, 0)), word(f"{level}_means")] for level in LEVELS]
    print_table(
        [word("level"), word("n_studies"), ""], rows, numbers=1, styles={word(k): style for k, style in _STYLES.items()}
    )
    print()
    if result.n_refused:
        print(f"{word('refused', n=result.n_refused)}: {shown(result.out / 'quarantine.csv')}")
    skipped = ", ".join(f"{shown(name)}: {n}" for name, n in result.skipped.items())
    if skipped:
        print(f"{word('skipped')}: {skipped}")
    if result.n_gone:
        print(f"{word('n_gone')}: {result.n_gone}")
    print(f"{word('worklist')}: {shown(result.out / 'worklist.csv')}")
    print(f"{word('overview')}: {shown(result.out / 'summary.html')}")
    print(word("preliminary"))
