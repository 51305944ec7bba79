"""``ecg-engine models``: what models there are, whether they run, models of one's own and their calibration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecg_engine.errors import EcgEngineError, InputError

if TYPE_CHECKING:
    from ecg_engine.models import Found, ModelCard
    from ecg_engine.models.adding import Checked

#: Structure of the documents that ``--json`` prints.
JSON_VERSION = "1.0"
#: What a card says of one figure at more length is left to ``--json``.
_LONGEST_FIGURE = 400

models_app = typer.Typer(
    name="models",
    help="Models: list them, read a card, check one, add one's own, calibrate it on one's own studies.",
    epilog="""\b
Examples:
  ecg-engine models list
  ecg-engine models show chest_findings
  ecg-engine models add ours.onnx --card ours.toml
  ecg-engine models calibrate ours --labels studies.csv
""",
    no_args_is_help=True,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]


def _names() -> list[str]:
    from ecg_engine.models import read_library

    return [one.card.name for one in read_library().active()]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A model, its name and version, or the path of a card; see: ecg-engine models list.",
        autocompletion=_names,
    ),
]


def _found(name: str) -> Found:
    from ecg_engine.models import find_model

    return find_model(name)


def _look(card: ModelCard) -> object:
    """Look at what an ECG model's task needs beside the graph."""
    if card.task != "ecg_scores":
        return None
    from ecg_engine.measurement.model_inputs import preparation

    return preparation(card)


def _fail(exc: EcgEngineError) -> typer.Exit:
    from ecg_engine.cli.console import Talk

    Talk().error(str(exc))
    return typer.Exit(1)


@models_app.command(
    "list",
    epilog="""\b
Examples:
  ecg-engine models list
  ecg-engine models list --json
Exit status: 0 all well; 1 a card cannot be read; 2 wrong usage.
""",
)
def list_command(as_json: AsJson = False) -> None:
    """List the models, with version, task, labels, and which of several versions counts."""
    from ecg_engine.cli.console import Talk, print_json, print_table
    from ecg_engine.models import read_library

    library = read_library()
    counts = {one.path for one in library.active()}
    if as_json:
        models = [{**_facts(one), "counts": one.path in counts} for one in library.models]
        faults = [{"path": str(path), "error": fault} for path, fault in library.faults.items()]
        print_json({"schema_version": JSON_VERSION, "models": models, "faults": faults})
    else:
        rows = [
            [
                one.card.name, one.card.version, one.card.task, _labels(one.card, "default"),
                _labels(one.card, "research"), one.where, "yes" if one.path in counts else "no",
            ]
            for one in library.models
        ]  # fmt: skip
        print_table(["name", "version", "task", "default", "research", "from", "counts"], rows, wraps=(3, 4))
        for fault in library.faults.values():
            Talk().error(fault)
    raise typer.Exit(1 if library.faults else 0)


def _labels(card: ModelCard, report: str) -> str:
    return ", ".join(label.code for label in card.labels if label.report == report) or "-"


def _facts(one: Found) -> dict[str, Any]:
    card = one.card
    return {
        "name": card.name,
        "version": card.version,
        "task": card.task,
        "labels": [{"code": x.code, "report": x.report, "threshold": x.threshold} for x in card.labels],
        "sha256": card.sha256,
        "from": one.where,
        "path": str(one.path),
    }


@models_app.command(
    epilog="""\b
Examples:
  ecg-engine models show chest_findings
  ecg-engine models show "chest_findings 1.0"
  ecg-engine models show ours.toml --json
"""
)
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a model's card."""
    from ecg_engine.cli.console import print_facts, print_json, print_table, shown
    from ecg_engine.models.card_text import plain_document

    try:
        one = _found(name)
        document = plain_document(one.path)
    except EcgEngineError as exc:
        raise _fail(exc) from exc
    if as_json:
        print_json({"schema_version": JSON_VERSION, **_facts(one), "card": document})
        return
    card = one.card
    facts = {"task": card.task, "card": str(one.path), "SHA-256": card.sha256}
    lists = {}
    for key, value in document.items():
        if key in ("name", "version", "labels", "weights", "sha256", "task"):
            continue
        words = key.replace("_", " ")
        if isinstance(value, list) and value and not isinstance(value[0], int | float):
            lists[words] = [_line(one) for one in value]
        elif isinstance(value, dict) and any(isinstance(one, dict) for one in value.values()):
            lists[words] = [_figure(name, one) for name, one in value.items()]
        else:
            facts[words] = value
    print_facts(card.title, facts)
    for words, lines in lists.items():
        print(f"\n{shown(words)}")
        for line in lines:
            print(f"  - {shown(line)}")
    rows = []
    for label in card.labels:
        f = label.figures
        rows.append([label.code, f"{label.threshold:.3f}", label.report, _auc(f), label.chosen_for])
    if rows:
        print()
        print_table(["label", "threshold", "report", "AUC (95 %)", "threshold chosen for"], rows, numbers=1, wraps=(4,))


def _line(value: Any) -> str:
    """Return an entry of a list: of a table its words, and its numbers by their names."""
    if not isinstance(value, dict):
        return str(value)
    return "; ".join(one if isinstance(one, str) else _figure(key, one) for key, one in value.items())


def _figure(name: str, value: Any) -> str:
    words = f"{name.replace('_', ' ')} {_brief(value)}"
    return words if len(words) <= _LONGEST_FIGURE else f"{name.replace('_', ' ')}: see --json"


def _brief(value: Any) -> str:
    """Return a figure, or figures within one another, on one line; three digits are what a reader wants."""
    if isinstance(value, dict):
        return f"({', '.join(key.replace('_', ' ') + ' ' + _brief(one) for key, one in value.items())})"
    if isinstance(value, list):
        return f"[{', '.join(map(_brief, value))}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _auc(figures: Mapping[str, Any]) -> str:
    """Return the AUC and its interval; a card of somebody else's may hold anything under these names."""
    given, interval = figures.get("auc"), figures.get("auc_95")
    if not isinstance(given, int | float):
        return "-"
    if not (isinstance(interval, list) and len(interval) == 2 and all(isinstance(x, int | float) for x in interval)):
        return f"{given:.3f}"
    return f"{given:.3f} ({interval[0]:.3f}-{interval[1]:.3f})"


@models_app.command(
    epilog="""\b
Examples:
  ecg-engine models check                  every model that counts
  ecg-engine models check chest_findings --json
Exit status: 0 all well; 1 a model fails, or a card cannot be read; 2 wrong usage.
"""
)
def check(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One model; without it, all.", autocompletion=_names)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check hash, operators and shapes of models, and run each on zeros and on noise."""
    from ecg_engine.cli.console import Talk, print_json, print_table
    from ecg_engine.models import read_library
    from ecg_engine.models.adding import check_model

    library = read_library()
    found: list[Checked] = []
    failed: list[tuple[str, str]] = []
    try:
        models = library.active() if name is None else (_found(name),)
    except EcgEngineError as exc:
        raise _fail(exc) from exc
    if name is None:
        failed += [(path.name, fault) for path, fault in library.faults.items()]
    for one in models:
        try:
            found.append(check_model(one.card, look=_look))
        except EcgEngineError as exc:
            failed.append((one.card.title, str(exc)))
    if as_json:
        print_json(
            {
                "schema_version": JSON_VERSION,
                "models": [_checked(one) for one in found],
                "failed": [{"model": title, "error": error} for title, error in failed],
            }
        )
    else:
        rows = [
            [
                c.card.title, f"{c.n_bytes / 1e6:.2f}", str(c.opset), f"{c.milliseconds:.1f}",
                "yes" if c.takes_batches else "no", c.card.task,
            ]
            for c in found
        ]  # fmt: skip
        if rows:
            print_table(["model", "MB", "opset", "ms a run", "batches", "task"], rows, numbers=3)
        for _, error in failed:
            Talk().error(error)
    raise typer.Exit(1 if failed else 0)


def _checked(c: Checked) -> dict[str, Any]:
    return {
        "name": c.card.name,
        "version": c.card.version,
        "task": c.card.task,
        "sha256": c.card.sha256,
        "n_bytes": c.n_bytes,
        "opset": c.opset,
        "operators": list(c.operators),
        "takes_batches": c.takes_batches,
        "milliseconds": round(c.milliseconds, 3),
    }


@models_app.command(
    epilog="""\b
Examples:
  ecg-engine models add ours.onnx --card ours.toml

\b
What a card holds: docs/models.md. Everything is checked before anything is
kept; other versions of the model stay. A label without a calibration is
research: shown, and of no influence on the urgency.
"""
)
def add(
    weights: Annotated[Path, typer.Argument(metavar="FILE.onnx", help="The weights.")],
    card: Annotated[Path, typer.Option("--card", metavar="CARD.toml", help="Their card.")],
) -> None:
    """Add a model of one's own."""
    from ecg_engine.models.adding import add_model

    try:
        _say_added(add_model(weights, card, look=_look))
    except EcgEngineError as exc:
        raise _fail(exc) from exc


def _say_added(one: Found) -> None:
    from ecg_engine.cli.console import Talk

    talk = Talk()
    talk.say(f"{one.card.title}: kept as {one.path}")
    counts = _found(one.card.name).card
    if counts.version != one.card.version:
        talk.say(f"reports go on with {counts.title}, which is the higher version")
    told = {"default": "counts for the urgency", "research": "research, of no influence on the urgency"}
    for report, words in told.items():
        codes = _labels(one.card, report)
        if codes != "-":
            talk.say(f"{words}: {codes}")


def _published() -> list[str]:
    from ecg_engine.models.published import list_published

    return list(list_published())


@models_app.command(
    epilog="""\b
Examples:
  ecg-engine models fetch theirs.toml
  ecg-engine models fetch xrv-densenet121-all --out weights

\b
The card names the address (weights_url) and the SHA-256 that the weights must
have. By name: weights of other makers whose address and SHA-256 these publish
(xrv-densenet121-all, -pc, -rsna, -mimic-ch). They come as PyTorch files; the
command that makes a model of them is named.
"""
)
def fetch(
    name: Annotated[
        str,
        typer.Argument(
            metavar="CARD.toml|NAME", help="A card with weights_url and sha256, or a name.", autocompletion=_published
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for weights fetched by name.")] = Path(),
) -> None:
    """Fetch a model's weights from the address on its card, and add it; or weights of other makers."""
    import tempfile

    from ecg_engine.datasets import fetch_file
    from ecg_engine.models.adding import keep_model
    from ecg_engine.models.card_text import read_document
    from ecg_engine.models.published import list_published

    card = Path(name)
    try:
        if name in list_published():
            _fetch_published(name, out)
            return
        if not card.is_file():
            raise InputError(
                f"{name}: no such file, and no weights are known by this name: {', '.join(list_published())}; give "
                "one of them, or the path of a card with weights_url and sha256"
            )
        document = read_document(card)
        if "weights_url" not in document or "sha256" not in document:
            raise InputError(f"{card}: needs weights_url and sha256")
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "weights.onnx"
            fetch_file(str(document["weights_url"]), target, sha256=str(document["sha256"]))
            _say_added(keep_model(target, document, said=card, look=_look))
    except EcgEngineError as exc:
        raise _fail(exc) from exc


def _fetch_published(name: str, out: Path) -> None:
    from ecg_engine.cli.console import Talk
    from ecg_engine.datasets import fetch_file
    from ecg_engine.models.published import list_published

    one = list_published()[name]
    weights, points = out / f"{name}.pt", out / f"{name}.toml"
    fetch_file(one.address, weights, sha256=one.sha256)
    points.write_text(one.thresholds, encoding="utf-8")
    talk = Talk()
    talk.say(f"{weights}: {one.what} ({one.licence}, {one.page})")
    talk.say(
        "make a model of it in a checkout of ecg_engine with the extra train: "
        f"python -m training.import_model {weights} --thresholds {points} --name {name} --out {out}"
    )


@models_app.command(
    epilog="""\b
Examples:
  ecg-engine models calibrate ours --labels studies.csv
  ecg-engine models calibrate ours --labels studies.csv --report default
  ecg-engine models calibrate ours --labels pilot.csv --few

\b
studies.csv: a column named by each label (1, 0, or nothing), and either
file (ECG files or DICOM images, paths from the table) or score_LABEL (as
reports give them); patient keeps studies of one patient together.
"""
)
def calibrate(
    name: Name,
    labels: Annotated[Path, typer.Option("--labels", metavar="FILE.csv", help="The hospital's own studies.")],
    specificity: Annotated[
        float, typer.Option("--specificity", metavar="SHARE", help="That the thresholds are chosen for.")
    ] = 0.90,
    few: Annotated[
        bool, typer.Option("--few", help="Go on with fewer than 400 studies, or a class under 10 %.")
    ] = False,
    report: Annotated[
        str | None,
        typer.Option(
            "--report", metavar="default|research", help="Of the labels calibrated.  [default: as on the card]"
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder.  [default: the user's models]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Calibrate a model on one's own studies: a new card, under a new version."""
    from datetime import date

    from ecg_engine.cli.console import Talk, print_json, print_table
    from ecg_engine.evaluation.calibrating import FIGURE_HEADS, calibrated_document, figures_rows
    from ecg_engine.evaluation.studies import read_studies
    from ecg_engine.models.adding import keep_model
    from ecg_engine.models.card_text import read_document

    if report not in (None, "default", "research"):
        raise typer.BadParameter("give default or research", param_hint="--report")
    if not 0 < specificity <= 1:
        raise typer.BadParameter("give a share, more than 0, at most 1", param_hint="--specificity")
    talk = Talk()
    try:
        one = _found(name)
        with talk.progress() as bar:
            job = bar.add_task("studies", total=None)
            studies = read_studies(labels, one.card, told=lambda i, n: bar.update(job, completed=i, total=n))
        document, found = calibrated_document(
            read_document(one.path), studies, specificity=specificity, few=few, report=report, day=date.today()
        )
        kept = keep_model(one.card.weights, document, said=one.path, look=_look, folder=out)
    except EcgEngineError as exc:
        raise _fail(exc) from exc
    if as_json:
        silent = dict(studies.silent)
        print_json({"schema_version": JSON_VERSION, **_facts(kept), **found, "without_score": silent})
        return
    print_table(list(FIGURE_HEADS), figures_rows(found["figures"]), numbers=2)
    for remark in found["remarks"]:
        talk.say(remark)
    for reason, n in studies.silent.items():
        talk.say(f"{n} studies without a score: {reason}")
    _say_added(kept)
