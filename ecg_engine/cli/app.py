"""The commands and their options. Everything that costs time to import is imported inside the commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecg_engine.cli.fetching import datasets_app
from ecg_engine.cli.modelling import models_app
from ecg_engine.errors import InputError
from ecg_engine.settings import (
    GAINS_MM_MV,
    LANGUAGES,
    LAYOUTS,
    OUTPUT_FORMATS,
    OVERLAYS,
    READINGS,
    SPEEDS_MM_S,
    DecodeSettings,
    PageSettings,
    TriageSettings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Option that holds each argument of the settings, for messages.
_OPTION_OF = {
    "speed_mm_s": "--speed",
    "gain_mm_mv": "--gain",
    "layout": "--layout",
    "lang": "--lang",
    "formats": "--format",
    "fs": "--fs",
    "format": "--input-format",
    "age_years": "--age",
    "sex": "--sex",
    "patient": "--patient",
    "correct": "--correct",
    "previous": "--previous",
    "out": "--out",
    "thumbnail_px": "--thumbnails",
    "overlays": "--overlays",
    "engine": "--engine",
    "workers": "--workers",
    "limit_s": "--time-limit",
}

app = typer.Typer(
    name="ecg-engine",
    help="ECG files in; measurements, statements, an urgency and a page to sign out. "
    "Radiographs in; an ordered worklist out. Preliminary: a physician decides.",
    epilog="""\b
Examples:
  ecg-engine decode visit.edf --out results        a PDF page and a JSON report
  ecg-engine decode visits/ --out results --lang ru
  ecg-engine info visit.dcm                        what is in a file
  ecg-engine convert visit.dcm visit.edf           into another format
  ecg-engine triage studies/ --out worklist        radiographs into a worklist
  ecg-engine datasets fetch mitdb --out data       a public reference set
  ecg-engine models list                           models and their cards
""",
    no_args_is_help=True,
    # Without rich's markup the help costs a third of the time.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(datasets_app)
app.add_typer(models_app)


def _words(values: Iterable[object]) -> Callable[[], list[str]]:
    """Return a completion that offers `values`."""
    words = [f"{v:g}" if isinstance(v, float) else str(v) for v in values]

    def offer() -> list[str]:
        return words

    return offer


def _wrong_usage(exc: InputError) -> typer.BadParameter:
    """Return the usage error (exit status 2) of a wrong setting, naming its option."""
    option = _OPTION_OF.get(exc.argument or "")
    text = str(exc)
    return typer.BadParameter(text.removeprefix(f"{exc.argument}: ") if option else text, param_hint=option)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"ecg-engine {version('ecg_engine')}")
        raise typer.Exit


Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="ECG files, or folders to walk for them.")]
InputFormat = Annotated[
    str | None, typer.Option("--input-format", metavar="NAME", help="Force a reader; see: ecg-engine formats.")
]
Fs = Annotated[float | None, typer.Option("--fs", metavar="HZ", help="Sampling rate, for files that do not say (CSV).")]
Leads = Annotated[
    str | None, typer.Option("--leads", metavar="I,II,V1", help="Leads to keep; the others are left out.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an internal error.")]


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Every command has its own help: ecg-engine decode --help."""


@app.command(
    epilog="""\b
Examples:
  ecg-engine decode visit.edf --out results
  ecg-engine decode visits/ --out results --format pdf,png --lang ru
  ecg-engine decode strip.csv --fs 250 --age 61 --sex F --out results
  ecg-engine decode visit.dcm --patient patient.json --speed 50 --gain 20 --out results
  ecg-engine decode visits/ --json > visits.json   reports on stdout, no files
  ecg-engine decode visit.dcm --explain --stability
  ecg-engine decode visit.dcm --previous last_year.edf --correct arms.json --out results

\b
Exit status: 0 all well; 1 some inputs failed (each is named, the others are
done); 2 wrong usage; 130 interrupted (what is done stays).
"""
)
def decode(
    files: Files,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder for the results; without it, none are kept."),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="pdf,svg,png,json",
            help="What to write for each file.  [default: pdf,json]",
            autocompletion=_words(OUTPUT_FORMATS),
        ),
    ] = None,
    lang: Annotated[
        str, typer.Option("--lang", metavar="en|ru", help="Language of the results.", autocompletion=_words(LANGUAGES))
    ] = "en",
    age: Annotated[
        float | None, typer.Option("--age", metavar="YEARS", help="The patient's age; replaces what the files say.")
    ] = None,
    sex: Annotated[
        str | None,
        typer.Option(
            "--sex", metavar="F|M", help="The patient's sex; replaces what the files say.", autocompletion=_words("FM")
        ),
    ] = None,
    patient: Annotated[
        Path | None,
        typer.Option(
            "--patient",
            metavar="FILE.json",
            help="Facts of the patient: id, name, birth_date, age_years, sex, pacemaker, complaint, drugs.",
        ),
    ] = None,
    complaint: Annotated[
        str | None, typer.Option("--complaint", metavar="TEXT", help="What brings the patient.")
    ] = None,
    drugs: Annotated[
        str | None, typer.Option("--drugs", metavar="A,B", help="Drugs that the patient takes, by name.")
    ] = None,
    pacemaker: Annotated[
        bool | None, typer.Option("--pacemaker/--no-pacemaker", help="Whether the patient has a pacemaker.")
    ] = None,
    previous: Annotated[
        Path | None,
        typer.Option(
            "--previous", metavar="FILE", help="An earlier ECG of the patient, or its JSON report: what changed since."
        ),
    ] = None,
    correct: Annotated[
        Path | None,
        typer.Option(
            "--correct",
            metavar="FILE.json",
            help="Put right before reading: swap_leads, invert_leads, drop_leads, age_years, sex, marks, beats.",
        ),
    ] = None,
    stability: Annotated[
        bool, typer.Option("--stability", help=f"Say how many of {READINGS} slightly altered readings agree.")
    ] = False,
    saliency: Annotated[bool, typer.Option("--saliency", help="Tint on the page where a model looked.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print each statement with its numbers, limits and sources.")
    ] = False,
    fs: Fs = None,
    input_format: InputFormat = None,
    leads: Leads = None,
    speed: Annotated[
        float,
        typer.Option(
            "--speed", metavar="25|50", help="Paper speed, mm/s.", show_default="25", autocompletion=_words(SPEEDS_MM_S)
        ),
    ] = 25.0,
    gain: Annotated[
        float,
        typer.Option(
            "--gain", metavar="5|10|20", help="Gain, mm/mV.", show_default="10", autocompletion=_words(GAINS_MM_MV)
        ),
    ] = 10.0,
    layout: Annotated[
        str,
        typer.Option("--layout", metavar="auto|3x4|12x1", help="Leads on the page.", autocompletion=_words(LAYOUTS)),
    ] = "auto",
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    debug: Debug = False,
) -> None:
    """Decode ECG files: measurements, statements, urgency, and a page each."""
    from ecg_engine.cli import decoding
    from ecg_engine.cli.patients import patient_settings
    from ecg_engine.cli.rereading import hash_of, read_corrections

    if formats is not None and out is None:
        raise typer.BadParameter("nothing is written without --out; name a folder", param_hint="--format")
    try:
        wanted = DecodeSettings().formats if formats is None else _split(formats)
        settings = DecodeSettings(
            formats=() if out is None else wanted,
            lang=lang,
            page=PageSettings(speed_mm_s=speed, gain_mm_mv=gain, layout=layout),
            patient=patient_settings(
                patient,
                age_years=age,
                sex=sex,
                complaint=complaint,
                drugs=_names(drugs),
                pacemaker=pacemaker,
            ),
            input_format=input_format,
            fs=fs,
            leads=_names(leads),
            corrections=None if correct is None else read_corrections(correct),
            previous=None if previous is None else os.fspath(previous),
            previous_sha256=None if previous is None else hash_of(previous),
            stability_n=READINGS if stability else 0,
            saliency=saliency,
        )
        code = decoding.run(files, settings, out=out, as_json=as_json, explain=explain, quiet=quiet, debug=debug)
    except InputError as exc:
        raise _wrong_usage(exc) from exc
    raise typer.Exit(code)


def _names(leads: str | None) -> tuple[str, ...]:
    """Return the names of ``I,II,V1``."""
    return () if leads is None else tuple(name.strip() for name in leads.split(",") if name.strip())


def _split(formats: str) -> tuple[str, ...]:
    """Return the words of ``pdf,json``, each once."""
    words = tuple(dict.fromkeys(word.strip().lower() for word in formats.split(",") if word.strip()))
    if not words:
        raise InputError(f"formats: none named; choose of {', '.join(OUTPUT_FORMATS)}", argument="formats")
    return words


@app.command(
    epilog="""\b
Examples:
  ecg-engine triage studies/ --out results
  ecg-engine triage disc/DICOMDIR export.zip --out results --lang ru
  ecg-engine triage studies/ --out results --resume    go on after an interruption, or with new files
  ecg-engine triage /pacs/export --out results --engine tcp://scheduler:8786

\b
Results: worklist.csv, summary.html, quarantine.csv, and studies/ with a report
and pictures of each study.
Exit status: 0 all well; 1 some inputs failed (each is named, the others are
done); 2 wrong usage; 130 interrupted (what is done stays; --resume goes on).
"""
)
def triage(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="DICOM files, PNG, JPEG, folders, DICOMDIRs, zip archives.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the results.")],
    engine: Annotated[
        str,
        typer.Option(
            "--engine", metavar="local|tcp://HOST:PORT", help="This machine, or the scheduler of a Dask cluster."
        ),
    ] = "local",
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Studies at a time.  [default: as many as cores]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is in DIR: what is done and unchanged stays.")
    ] = False,
    lang: Annotated[
        str, typer.Option("--lang", metavar="en|ru", help="Language of the results.", autocompletion=_words(LANGUAGES))
    ] = "en",
    thumbnails: Annotated[
        int, typer.Option("--thumbnails", metavar="PX", help="Longer side of the small pictures; 0 makes none.")
    ] = 256,
    overlays: Annotated[
        str,
        typer.Option(
            "--overlays",
            metavar="flagged|all|none",
            help="Which images get outlines and heat map drawn: those with a finding, all, none.",
            autocompletion=_words(OVERLAYS),
        ),
    ] = "flagged",
    full: Annotated[
        bool, typer.Option("--full", help="Decode JPEG 2000 and HTJ2K in full, not as far as the models need.")
    ] = False,
    time_limit: Annotated[
        float, typer.Option("--time-limit", metavar="S", help="Time for one study; what takes longer is refused.")
    ] = 300.0,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    debug: Debug = False,
) -> None:
    """Triage radiographs: studies into a worklist, the most pressing first."""
    from ecg_engine.cli import triaging

    try:
        settings = TriageSettings(lang=lang, thumbnail_px=thumbnails, overlays=overlays, reduced=not full)
        code = triaging.run(
            paths,
            settings,
            out=out,
            engine=engine,
            n_workers=workers,
            resume=resume,
            limit_s=time_limit,
            as_json=as_json,
            quiet=quiet,
            debug=debug,
        )
    except InputError as exc:
        raise _wrong_usage(exc) from exc
    raise typer.Exit(code)


@app.command(
    epilog="""\b
Examples:
  ecg-engine info visit.edf
  ecg-engine info *.dcm --json
  ecg-engine info visit.hea --phi                  the patient's data too
"""
)
def info(
    files: Files,
    fs: Fs = None,
    input_format: InputFormat = None,
    leads: Leads = None,
    as_json: AsJson = False,
    phi: Annotated[bool, typer.Option("--phi", help="Show the patient's data too.")] = False,
    debug: Debug = False,
) -> None:
    """Show what is in ECG files, without the patient's data."""
    from ecg_engine.cli import showing

    try:
        code = showing.show_files(
            files, input_format=input_format, fs=fs, leads=_names(leads), as_json=as_json, phi=phi, debug=debug
        )
    except InputError as exc:
        raise _wrong_usage(exc) from exc
    raise typer.Exit(code)


@app.command(
    epilog="""\b
Examples:
  ecg-engine convert visit.dcm visit.edf
  ecg-engine convert strip.csv strip.hea --fs 250
  ecg-engine convert visit.edf visit.out --format csv
  ecg-engine convert visit.dcm one.dcm --anonymize --key-file hospital.key
"""
)
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="The file to read.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write; its suffix names the format.")],
    output_format: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="Format to write, where the suffix does not say.")
    ] = None,
    anonymize: Annotated[
        bool,
        typer.Option(
            "--anonymize",
            help="Take the patient out: a pseudonym, dates shifted by patient, no names, numbers or free text.",
        ),
    ] = False,
    key_file: Annotated[
        Path | None,
        typer.Option(
            "--key-file",
            metavar="FILE",
            help="The key that pseudonyms and shifts are made with; else ECG_ENGINE_PSEUDONYM_KEY, else a new one.",
        ),
    ] = None,
    fs: Fs = None,
    input_format: InputFormat = None,
    leads: Leads = None,
    debug: Debug = False,
) -> None:
    """Convert one ECG file into another format."""
    from ecg_engine.cli import showing

    try:
        code = showing.convert_file(
            source,
            target,
            output_format=output_format,
            anonymize=anonymize,
            key_file=key_file,
            input_format=input_format,
            fs=fs,
            leads=_names(leads),
            debug=debug,
        )
    except InputError as exc:
        raise _wrong_usage(exc) from exc
    raise typer.Exit(code)


@app.command(
    epilog="""\b
Examples:
  ecg-engine formats
  ecg-engine formats --json
"""
)
def formats(as_json: AsJson = False) -> None:
    """List the formats that can be read and written."""
    from ecg_engine.cli import showing

    showing.show_formats(as_json=as_json)
