"""What differs from an earlier study of the patient, and whether the difference is larger than the method's error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from ecg_engine.types import Change, StudyReport

__all__ = ["CTR_LIMIT", "CTR_LIMIT_OTHER_VIEW", "SCORE_LIMIT", "compare", "compare_reports"]

_CTR: Final = "cardiothoracic_ratio"
#: What two films of one patient may differ by without any change of the heart, chosen: between systole and diastole its
#: width changes by some mm to 1 cm of a chest of about 28 cm (0.01 to 0.03), breath and posture add as much, and the
#: outlines have an error of their own.
CTR_LIMIT: Final = 0.05
#: The same for a PA beside an AP film, chosen: an AP film is taken nearer and often lying, and enlarges the heart's
#: shadow by up to a fifth.
CTR_LIMIT_OTHER_VIEW: Final = 0.10
#: Change of a calibrated probability that is worth a look, chosen: breath and exposure alone make smaller ones.
SCORE_LIMIT: Final = 0.2


def compare(previous: Mapping[str, Any], current: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what differs between two study reports in plain JSON types.

    Parameters
    ----------
    previous, current : mapping
        What ``StudyReport.to_dict`` returns, of whatever language.

    Returns
    -------
    list of dict
        The fields of `types.Change`. The cardiothoracic ratio, where both studies have it; each finding whose score
        crosses its threshold or changes by more than `SCORE_LIMIT`, where the same model (by its hash) scored both.
        `beyond_error` says whether the difference is larger than the limits of this module.
    """
    return [asdict(change) for change in _changes(previous, current)]


def compare_reports(previous: StudyReport | Mapping[str, Any], current: StudyReport) -> tuple[Change, ...]:
    """Return what differs between two study reports; see `compare`."""
    return tuple(_changes(_plain(previous), _plain(current)))


def _plain(study: StudyReport | Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a study report that is compared, in the structure of its ``to_dict``."""
    if not isinstance(study, StudyReport):
        return study
    return {
        "images": [
            {
                "gate": {"view": image.gate.view},
                "measurements": {"global": {code: {"value": v} for code, v in image.measurements.overall.items()}},
            }
            for image in study.images
        ],
        "findings": [asdict(finding) for finding in study.findings],
    }


def _changes(previous: Mapping[str, Any], current: Mapping[str, Any]) -> list[Change]:
    return [*_ratio_change(previous, current), *_score_changes(previous, current)]


def _ratio_change(previous: Mapping[str, Any], current: Mapping[str, Any]) -> list[Change]:
    before, after = _ratio(previous), _ratio(current)
    if before is None or after is None:
        return []
    # Of FRONTAL it is not known which of both it is: no reason to expect a difference.
    differ = {before[1], after[1]} == {"PA", "AP"}
    limit = CTR_LIMIT_OTHER_VIEW if differ else CTR_LIMIT
    beyond = round(abs(after[0] - before[0]), 9) > limit
    return [Change(code=_CTR, kind="measurement", before=before[0], after=after[0], beyond_error=beyond)]


def _ratio(study: Mapping[str, Any]) -> tuple[float, str | None] | None:
    """Return the cardiothoracic ratio of a study and the view it was measured in: of a PA film if there is one."""
    found = [
        (float(measured[_CTR]["value"]), image["gate"]["view"])
        for image in study["images"]
        if (measured := image["measurements"]["global"]).get(_CTR, {}).get("value") is not None
    ]
    return min(found, key=lambda one: one[1] != "PA", default=None)


def _score_changes(previous: Mapping[str, Any], current: Mapping[str, Any]) -> list[Change]:
    earlier = {(f["code"], f["model_sha256"]): f for f in previous["findings"] if f["report"] == "default"}
    changes = []
    for finding in current["findings"]:
        before = earlier.get((finding["code"], finding["model_sha256"]))
        if before is None or finding["report"] != "default":
            continue
        beyond = round(abs(finding["score"] - before["score"]), 9) > SCORE_LIMIT
        crosses = (finding["score"] >= finding["threshold"]) != (before["score"] >= finding["threshold"])
        if beyond or crosses:
            changes.append(
                Change(
                    code=finding["code"],
                    kind="finding",
                    before=float(before["score"]),
                    after=float(finding["score"]),
                    beyond_error=beyond,
                )
            )
    return changes
