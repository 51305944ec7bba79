"""What ECG models say of a recording: each whose card admits it; the others keep silent and a note says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg_engine.errors import EcgEngineError, ModelError
from ecg_engine.leads import derive_limb_leads, named_leads
from ecg_engine.measurement.model_inputs import preparation
from ecg_engine.measurement.saliency import most_telling, occlude
from ecg_engine.models import Model, ModelCard, load_model, read_library
from ecg_engine.types import Note, Recording

__all__ = ["TASK", "Admitted", "admit", "ecg_scores"]

TASK: Final = "ecg_scores"
#: A recording may be shorter by so much than a card asks, s: devices round ten seconds.
_TOLERANCE_S: Final = 0.05
#: Of several usable leads these come first: most models of one lead were made for them.
_PREFERRED: Final = ("II", "I", "MLII")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What a card says of a recording.

    Parameters
    ----------
    leads : tuple of str
        Those that the model takes, in its order; empty where it keeps silent.
    note : Note, optional
        Why it keeps silent; None also where it was not made for so many leads.
    """

    leads: tuple[str, ...] = ()
    note: Note | None = None


def ecg_scores(
    recording: Recording,
    *,
    usable: Sequence[str],
    unscorable: Sequence[str] = (),
    measured: Mapping[str, float] | None = None,
    saliency: bool = False,
) -> tuple[tuple[Mapping[str, Any], ...], tuple[Note, ...]]:
    """Score a recording by every model whose card admits it.

    Parameters
    ----------
    recording : Recording
    usable : sequence of str
        Leads whose quality allows measuring, those that follow from others included.
    unscorable : sequence of str
        Codes of what keeps the engine from judging the recording; empty where it can.
    measured : mapping of str to float, optional
        Quantities of the whole recording by code.
    saliency : bool
        Whether the highest score that counts of each model gets a ``saliency``: where blanking lowers it (`saliency`).

    Returns
    -------
    tuple of mapping
        ``model`` (name and version), ``model_sha256``, ``label``, ``score`` (a probability), ``threshold``,
        ``report`` (``default`` or ``research``), in the order of the models and their labels.
    tuple of Note
        Which models kept silent, and why. What a model lacks never keeps the others from scoring.
    """
    scores: list[Mapping[str, Any]] = []
    notes: list[Note] = []
    library = read_library()
    for path, fault in library.faults.items():
        notes.append(_failed(path.stem, fault.replace(str(path), path.name)))
    for found in library.active(TASK):
        admitted = admit(found.card, recording, usable=usable, unscorable=unscorable)
        if admitted.note is not None:
            notes.append(admitted.note)
        if not admitted.leads:
            continue
        try:
            model = load_model(found.card.title)
            scores += _scored(model, recording, admitted.leads, measured or {}, saliency=saliency)
        except ModelError as exc:
            notes.append(_failed(found.card.title, str(exc)))
    return tuple(scores), tuple(notes)


def admit(card: ModelCard, recording: Recording, *, usable: Sequence[str], unscorable: Sequence[str] = ()) -> Admitted:
    """Return which leads a model takes of a recording, or why it keeps silent.

    A model whose card lists its ``leads`` takes those. One that does not takes recordings of ``min_leads`` to
    ``max_leads`` leads, whatever their names: as many as its input has, usable ones first.
    """
    limits = card.limits
    named = "leads" in limits
    taken = _named_leads(card, recording) if named else _any_leads(card, recording, usable)
    if taken is None:
        return Admitted()
    fit = [name for name in taken if limits.get("any_quality", False) or name in usable]
    if named and len(fit) < len(limits["leads"]):
        return _silent(card, "score_needs_leads", missing=named_leads([n for n in limits["leads"] if n not in fit]))
    if not named and len(fit) < _n_leads(card):
        return _silent(card, "score_needs_more_leads", needed=_n_leads(card), usable=len(fit))
    low, high = limits.get("min_duration_s"), limits.get("max_duration_s")
    seconds = recording.duration_s
    if (low is not None and seconds < low - _TOLERANCE_S) or (high is not None and seconds > high + _TOLERANCE_S):
        return _silent(card, "score_other_duration", duration_s=round(seconds, 1), span=_span(low, high))
    slowest = limits.get("min_fs_hz")
    if slowest is not None and recording.fs < slowest:
        return _silent(card, "score_rate_too_low", fs_hz=recording.fs, needed_hz=slowest)
    if not _of_age(limits, recording.patient.age_years):
        return _silent(card, "score_other_age", span=_span(limits.get("age_min_years"), limits.get("age_max_years")))
    if unscorable and not limits.get("any_quality", False):
        return _silent(card, "score_needs_quality")
    return Admitted(leads=taken)


def _named_leads(card: ModelCard, recording: Recording) -> tuple[str, ...]:
    """Return those of the leads on the card that are there, or follow from others."""
    there = set(recording.leads) | set(derive_limb_leads(recording.signal[:, :1], recording.leads))
    return tuple(name for name in map(str, card.limits["leads"]) if name in there)


def _any_leads(card: ModelCard, recording: Recording, usable: Sequence[str]) -> tuple[str, ...] | None:
    """Return as many leads as the model takes, the best first; None where it was not made for so many."""
    least = int(card.limits.get("min_leads", 1))
    if recording.n_leads > int(card.limits.get("max_leads", least)):
        return None
    if recording.n_leads < least:
        return ()
    best = sorted(recording.leads, key=lambda name: (name not in usable, name not in _PREFERRED, name != _PREFERRED[0]))
    return tuple(best[: _n_leads(card)])


def _n_leads(card: ModelCard) -> int:
    """Return how many leads the graph takes: the axis before the samples."""
    return card.input_shape[1] if len(card.input_shape) > 2 else 1


def _of_age(limits: Mapping[str, Any], age: float | None) -> bool:
    low, high = limits.get("age_min_years"), limits.get("age_max_years")
    if age is None:
        # Who is of unknown age is judged as an adult; a model for children does not take them.
        return high is None or high >= 18
    return (low is None or age >= low) and (high is None or age <= high)


def _span(low: float | None, high: float | None) -> str:
    """Return limits as people write them; the signs are those of both languages."""
    if low is None:
        return f"≤ {high:g}"
    return f"≥ {low:g}" if high is None else f"{low:g}–{high:g}"


def _silent(card: ModelCard, code: str, **facts: Any) -> Admitted:
    return Admitted(note=Note(stage="models", code=code, facts={"model": card.title, **facts}))


def _failed(model: str, reason: str) -> Note:
    reason = reason.removeprefix(f"{model}: ")
    return Note(stage="models", code="model_failed", facts={"model": model, "reason": reason})


def picked(recording: Recording, leads: Sequence[str]) -> NDArray[np.float64]:
    """Return the leads of a recording, those that follow from others too, in mV.

    Returns
    -------
    (len(leads), n_samples) float64 array
    """
    derived = {}
    if not set(leads) <= set(recording.leads):
        derived = derive_limb_leads(np.asarray(recording.signal, np.float64), recording.leads)
    rows = [recording.lead(name) if name in recording.leads else derived[name] for name in leads]
    return np.ascontiguousarray(rows, np.float64)


def inputs_of(
    card: ModelCard, signal: NDArray[np.float64], *, fs: float, measured: Mapping[str, float]
) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """Return what the graph takes of a signal: its input and the others by name.

    Raises
    ------
    ModelError
        The preparation is not to be had, or cannot be made of this signal.
    """
    prepare = preparation(card)
    try:
        given = dict(prepare(signal, fs=fs, measured=measured))
    except ModelError:
        raise
    except (EcgEngineError, ValueError) as exc:
        raise ModelError(f"{card.title}: {card.preprocessing} cannot be made: {exc}") from exc
    if card.input_name not in given:
        raise ModelError(
            f"{card.title}: {card.preprocessing} makes {', '.join(given)}, the card takes "
            f"{card.input_name}; mend the card"
        )
    return given.pop(card.input_name), given


def _scored(
    model: Model, recording: Recording, leads: Sequence[str], measured: Mapping[str, float], *, saliency: bool
) -> list[Mapping[str, Any]]:
    card = model.card
    signal = picked(recording, leads)
    x, extra = inputs_of(card, signal, fs=recording.fs, measured=measured)
    logits = model.run_batch(x, extra=extra)["logits"]
    # Of several windows of one recording the mean counts.
    found: list[dict[str, Any]] = [
        {
            "model": card.title,
            "model_sha256": card.sha256,
            "label": score.code,
            "score": score.value,
            "threshold": score.threshold,
            "report": score.report,
        }
        for score in model.scores(logits.mean(axis=0))
    ]
    chosen = most_telling(model, [one["score"] for one in found]) if saliency else None
    if chosen is not None:
        seen = occlude(model, x, extra, chosen, duration_s=recording.duration_s)
        if seen is not None:
            found[chosen]["saliency"] = {
                "start_s": round(seen.start_s, 3),
                "step_s": seen.step_s,
                "leads": list(leads),
                "drop": [[round(value, 4) for value in row] for row in seen.drop.tolist()],
            }
    return list(found)
