"""``ecg-engine decode``: run the pipeline over files, write what it returns, print what was found."""

from __future__ import annotations

import os
import re
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from ecg_engine import vocabulary
from ecg_engine.cli import INTERRUPTED
from ecg_engine.cli.console import Talk, print_json, print_table, shown
from ecg_engine.cli.explaining import explained
from ecg_engine.cli.files import find_inputs, make_folder, result_names, split_images, write_whole
from ecg_engine.errors import InputError
from ecg_engine.settings import DecodeSettings, PatientSettings
from ecg_engine.types import Task
from ecg_engine.types.engine import engine

#: Quantities of the table.
_COLUMNS: Final = ("heart_rate_bpm", "pr_ms", "qrs_ms", "qtc_fridericia_ms")
_STYLES: Final = {"critical": "bold red", "urgent": "yellow", "unscored": "magenta", "routine": "green"}
#: Structure of the document that ``--json`` prints.
JSON_VERSION: Final = "1.0"


@dataclass(slots=True, kw_only=True)
class _Line:
    """What became of one input."""

    path: Path
    report: Mapping[str, Any] | None = None
    files: dict[str, Path] = field(default_factory=dict)
    error: str | None = None
    error_kind: str | None = None


def run(
    paths: Sequence[Path],
    settings: DecodeSettings,
    *,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    debug: bool,
    explain: bool = False,
) -> int:
    """Decode files and return the exit status.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.
    settings : DecodeSettings
    out : Path, optional
        Folder of the results; None writes none.
    as_json : bool
        Print a JSON document in place of the table.
    quiet : bool
        Print errors only (and the document).
    debug : bool
        Print the traceback of an internal error.
    explain : bool
        Print each statement with its evidence above the table.

    Raises
    ------
    InputError
        Wrong usage: a reader that does not exist, a folder that cannot be written.
    """
    from ecg_engine.formats.registry import FORMATS, format_named
    from ecg_engine.types.recording import check_fs

    if settings.input_format is not None:
        format_named(settings.input_format)
    if settings.fs is not None:
        check_fs(settings.fs)
    if out is not None:
        make_folder(out)
    talk = Talk(quiet=quiet)
    talk.show_warnings()
    _say_patient(settings.patient, talk)
    inputs, empty = find_inputs(paths, {suffix for row in FORMATS for suffix in row.suffixes})
    inputs, images = split_images(inputs, paths)
    if settings.previous is not None and len(inputs) != 1:
        raise InputError(f"previous: belongs to one ECG, and {len(inputs)} are named", argument="previous")
    if images and not inputs:
        empty += [path for path in paths if path.is_dir() and path not in empty]
    lines = [
        _Line(path=folder, error=f"{folder}: no ECG file in this folder; name files", error_kind="FormatError")
        for folder in empty
    ]
    if images:
        talk.say(f"Radiographs left out: {len(images)}; `ecg-engine triage` takes them")
    for line in lines:
        talk.error(line.error or "")
    interrupted = False
    try:
        _decode_all(inputs, settings, lines, out=out, talk=talk, debug=debug)
    except KeyboardInterrupt:
        interrupted = True
    if as_json:
        print_json(_document(lines, interrupted=interrupted))
    elif not quiet:
        if explain:
            print("\n".join(text for line in lines for text in explained(line.path, line.report, settings.lang)))
        _print_lines(lines, settings, out)
    if interrupted:
        talk.error(f"interrupted: {len(lines) - len(empty)} of {len(inputs)} files done")
        return INTERRUPTED
    return 1 if any(line.error for line in lines) else 0


def _say_patient(patient: PatientSettings, talk: Talk) -> None:
    given = [f.name for f in fields(patient) if getattr(patient, f.name) not in (None, ())]
    if given:
        talk.say(f"Of the patient, as given, in place of what the files say: {', '.join(given)}")


def _decode_all(
    inputs: Sequence[Path],
    settings: DecodeSettings,
    lines: list[_Line],
    *,
    out: Path | None,
    talk: Talk,
    debug: bool,
) -> None:
    """Append a line for each input, in order; what is done when an interrupt comes is in `lines`."""
    from ecg_engine.kernels._jit import on_compile

    on_compile(lambda: talk.say("First run: compiling the kernels (about a minute, once) ..."))
    protected = {os.path.realpath(path) for path in inputs}
    with talk.progress() as bar:
        step = bar.add_task("", total=len(inputs))
        for path, name in zip(inputs, result_names(inputs), strict=True):
            bar.update(step, description=shown(path.name))
            line, rendered = _decode_one(path, settings, talk=talk, debug=debug)
            if out is not None:
                _write(line, {suffix: out / f"{name}.{suffix}" for suffix in rendered}, rendered, protected)
            lines.append(line)
            if line.error:
                talk.error(line.error)
            bar.advance(step)


def _decode_one(path: Path, settings: DecodeSettings, *, talk: Talk, debug: bool) -> tuple[_Line, Mapping[str, bytes]]:
    """Run the pipeline over one file; whatever it raises, the others go on."""
    from ecg_engine import pipeline

    line = _Line(path=path)
    try:
        outcome = pipeline.decode_file(Task(path=os.fspath(path), settings=settings))
    except Exception as exc:  # the last door: a fault of ours must not stop the other files
        if debug:
            talk.traceback(traceback.format_exc())
        line.error = f"{path}: internal error ({type(exc).__name__}); please report it, with what --debug prints"
        line.error_kind = type(exc).__name__
        return line, {}
    line.report, line.error_kind = outcome.report, outcome.error_kind
    if outcome.error is not None:
        line.error = outcome.error if outcome.error.startswith(os.fspath(path)) else f"{path}: {outcome.error}"
    return line, outcome.files


def _write(line: _Line, targets: Mapping[str, Path], rendered: Mapping[str, bytes], protected: set[str]) -> None:
    """Write the results of one input, and note in its line what was written or went wrong."""
    for suffix, target in targets.items():
        if os.path.realpath(target) in protected:
            line.error = f"{line.path}: {target} is one of the inputs and is left as it is; name another --out"
            line.error_kind = "InputError"
            return
        try:
            write_whole(target, rendered[suffix])
        except OSError as exc:
            line.error = f"{line.path}: {target} cannot be written ({exc.strerror or type(exc).__name__})"
            line.error_kind = type(exc).__name__
            return
        line.files[suffix] = target


def _document(lines: Sequence[_Line], *, interrupted: bool) -> dict[str, Any]:
    return {
        "schema_version": JSON_VERSION,
        "engine": engine(),
        "interrupted": interrupted,
        "n_failed": sum(line.error is not None for line in lines),
        "results": [
            {
                "path": shown(line.path),
                "files": {suffix: shown(target) for suffix, target in line.files.items()},
                "error": line.error and shown(line.error),
                "error_kind": line.error_kind,
                "report": line.report,
            }
            for line in lines
        ],
    }


def _print_lines(lines: Sequence[_Line], settings: DecodeSettings, out: Path | None) -> None:
    if not lines:
        return
    heads = _heads(settings.lang)
    doubled = {name for name, n in Counter(line.path.name for line in lines).items() if n > 1}
    rows = [
        [shown(line.path if line.path.name in doubled else line.path.name), *_cells(line, settings.lang)]
        for line in lines
    ]
    styles = {_level_word(level, settings.lang): style for level, style in _STYLES.items()} | {"failed": "bold red"}
    print_table(heads, rows, numbers=len(_COLUMNS), wraps=(0, len(heads) - 1), styles=styles)
    print()
    for suffix in settings.formats:
        written = [line.files[suffix] for line in lines if suffix in line.files]
        if written and out is not None:
            print(f"{suffix.upper()}: {shown(out / f'*.{suffix}')} ({len(written)})")
    if any(line.report for line in lines):
        print(vocabulary.page_text("preliminary", settings.lang) + ".")


def _heads(lang: str) -> list[str]:
    def word(key: str) -> str:
        return vocabulary.page_text(key, lang)

    def short(code: str) -> str:
        return f"{vocabulary.quantity(code).text[lang]} {word('unit_ms')}"

    numbers = [word("heart_rate"), short("pr_ms"), short("qrs_ms"), f"QTcF {word('unit_ms')}"]
    return [word("file"), *numbers, word("urgency"), word("conclusion")]


def _cells(line: _Line, lang: str) -> list[str]:
    """Return what stands behind the file's name."""
    if line.report is None:
        return [*("" for _ in _COLUMNS), "failed", line.error_kind or ""]
    measured = line.report["measurements"]["global"]
    numbers = [
        f"{measured[code]['value']:.{vocabulary.quantity(code).decimals}f}" if code in measured else "-"
        for code in _COLUMNS
    ]
    statements = "; ".join(
        s["text"] if s["certainty"] == "definite" else f"{s['text']} ({vocabulary.page_text(s['certainty'], lang)})"
        for s in line.report["statements"]
    )
    return [*numbers, _level_word(line.report["urgency"]["level"], lang), statements or "-"]


def _level_word(level: str, lang: str) -> str:
    """Return the word of an urgency: the page says "urgent (today)", and what stands in front is enough here."""
    return re.split(r"\s*[:(]", vocabulary.page_text(level, lang))[0].lower()
