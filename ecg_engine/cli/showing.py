"""``ecg-engine info``, ``convert`` and ``formats``."""

from __future__ import annotations

import os
import secrets
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from ecg_engine.cli import INTERRUPTED
from ecg_engine.cli.console import Talk, print_facts, print_json, print_table, shown
from ecg_engine.cli.files import find_inputs
from ecg_engine.errors import EcgEngineError, InputError
from ecg_engine.formats import Anonymizer, describe, losses, read_ecg, write_ecg
from ecg_engine.formats.anonymize import key_of_file, names_patient, read_key
from ecg_engine.formats.registry import FORMATS, find_writer, format_named
from ecg_engine.types.engine import engine
from ecg_engine.types.recording import check_fs

#: The key of pseudonyms, as hexadecimal digits or any other text.
KEY_VARIABLE: Final = "ECG_ENGINE_PSEUDONYM_KEY"


def _check_usage(input_format: str | None, fs: float | None) -> None:
    if input_format is not None:
        format_named(input_format)
    if fs is not None:
        check_fs(fs)


def _attempt(work: Callable[[], None], path: Path, talk: Talk, *, debug: bool) -> str | None:
    """Do one file's work; return None, or what went wrong, which is printed."""
    try:
        work()
    except EcgEngineError as exc:
        message = str(exc)
        error = message if message.startswith(os.fspath(path)) else f"{path}: {message}"
    except OSError as exc:
        error = f"{path}: {exc.strerror or type(exc).__name__}"
    except Exception as exc:  # the last door: a fault of ours must not stop the other files
        if debug:
            talk.traceback(traceback.format_exc())
        error = f"{path}: internal error ({type(exc).__name__}); please report it, with what --debug prints"
    else:
        return None
    talk.error(error)
    return error


def show_files(
    paths: Sequence[Path],
    *,
    input_format: str | None,
    fs: float | None,
    leads: tuple[str, ...],
    as_json: bool,
    phi: bool,
    debug: bool,
) -> int:
    """Print what is in files and return the exit status.

    Raises
    ------
    InputError
        Wrong usage: a reader that does not exist, an impossible rate.
    """
    _check_usage(input_format, fs)
    talk = Talk()
    talk.show_warnings()
    inputs, empty = find_inputs(paths, {suffix for row in FORMATS for suffix in row.suffixes})
    results: list[dict[str, Any]] = []
    for folder in empty:
        error = f"{folder}: no ECG file in this folder; name files"
        talk.error(error)
        results.append({"path": shown(folder), "error": shown(error), "info": None})
    for path in inputs:
        facts: dict[str, Any] = {}

        def read(path: Path = path, facts: dict[str, Any] = facts) -> None:
            facts.update(describe(read_ecg(path, format=input_format, fs=fs, leads=leads or None), phi=phi))

        try:
            failed = _attempt(read, path, talk, debug=debug)
        except KeyboardInterrupt:
            return INTERRUPTED
        results.append({"path": shown(path), "error": failed and shown(failed), "info": facts or None})
        if facts and not as_json:
            print_facts(shown(path), {k: v for k, v in facts.items() if k != "path"})
    if as_json:
        print_json({"engine": engine(), "results": results})
    return 1 if any(result["error"] for result in results) else 0


def convert_file(
    source: Path,
    target: Path,
    *,
    output_format: str | None,
    anonymize: bool,
    key_file: Path | None,
    input_format: str | None,
    fs: float | None,
    leads: tuple[str, ...],
    debug: bool,
) -> int:
    """Convert a file and return the exit status.

    Raises
    ------
    InputError
        Wrong usage: formats that do not exist, an impossible rate, a target that is the source or cannot be, a key that
        cannot be read or is too short.
    """
    _check_usage(input_format, fs)
    if key_file is not None and not anonymize:
        raise InputError("--key-file: only --anonymize uses a key", argument="key_file")
    row = _writer(target, output_format)
    if target.is_dir() or not target.parent.is_dir():
        raise InputError(f"OUT: {target}: name a file in an existing folder", argument="target")
    if _same_record(source, target):
        raise InputError(f"OUT: {target} is the input; name another file", argument="target")
    talk = Talk()
    talk.show_warnings()
    hide = _anonymizer(key_file, talk) if anonymize else None

    def work() -> None:
        recording = read_ecg(source, format=input_format, fs=fs, leads=leads or None)
        if hide is not None:
            if names_patient(target.name, recording.patient):
                talk.say("note: the output's own name holds the patient's name or number; rename it")
            recording = hide(recording)
        write_ecg(recording, target, format=row)
        talk.say(
            f"{target}: {recording.n_leads} leads, {recording.duration_s:g} s, {recording.fs:g} Hz, {row}; "
            f"read as {recording.source.format}" + (f", anonymized: {recording.patient.id}" if hide is not None else "")
        )
        lost = losses(recording, target, format=row)
        if lost:
            talk.say(f"note: {row} does not hold {', '.join(lost)}")

    return 1 if _attempt(work, source, talk, debug=debug) else 0


def _anonymizer(key_file: Path | None, talk: Talk) -> Anonymizer:
    """Return what takes the patient out, with the key of the file, else of the environment, else a new one."""
    said = os.environ.get(KEY_VARIABLE, "")
    if key_file is not None:
        return Anonymizer(key=key_of_file(key_file))
    if said.strip():
        return Anonymizer(key=read_key(said))
    key = secrets.token_bytes(32)
    talk.say(
        f"note: no key was given, so a new one was made: {key.hex()}. Keep it secret, and give it again (--key-file or "
        f"{KEY_VARIABLE}) where the same patient is to get the same pseudonym."
    )
    return Anonymizer(key=key)


def _writer(target: Path, name: str | None) -> str:
    """Return the name of the format to write, or raise InputError in the words of the command line."""
    if name is None:
        try:
            return find_writer(target, None).name
        except InputError as exc:
            known = ", ".join(f"{row.name} ({row.suffixes[0]})" for row in FORMATS if row.writer)
            message = f"OUT: the suffix {target.suffix!r} names no format; use --format with one of {known}"
            raise InputError(message, argument="target") from exc
    row = next((row for row in FORMATS if row.name == name and row.writer), None)
    if row is None:
        known = ", ".join(row.name for row in FORMATS if row.writer)
        raise InputError(f"--format: {name!r} is not one of {known}", argument="output_format")
    return row.name


def _same_record(source: Path, target: Path) -> bool:
    """Tell whether writing `target` would touch `source`: the same file, or the same WFDB record's other file."""
    pair = (".hea", ".dat")
    ends = pair if target.suffix.lower() in pair else (target.suffix,)
    touched = {os.path.realpath(target.with_suffix(end)) for end in ends} | {os.path.realpath(target)}
    own = {os.path.realpath(source)}
    if source.suffix.lower() in ("", *pair):
        own |= {os.path.realpath(source.with_suffix(end)) for end in pair}
    return bool(touched & own) or (target.exists() and source.exists() and target.samefile(source))


def show_formats(*, as_json: bool) -> None:
    """Print the table of formats."""
    rows = [
        {
            "name": row.name,
            "title": row.title,
            "suffixes": list(row.suffixes),
            "reads": True,
            "writes": row.writer is not None,
            "tried": row.tried,
            "extra": row.extra,
        }
        for row in FORMATS
    ]
    if as_json:
        print_json({"formats": rows})
        return
    print_table(
        ("name", "what", "suffixes", "writes", "extra", "tried on real files"),
        [
            (
                row.name,
                row.title,
                " ".join(row.suffixes),
                "yes" if row.writer is not None else "no",
                row.extra or "none",
                row.tried or "none: made-up files only",
            )
            for row in FORMATS
        ],
        wraps=(1, 5),
    )
