"""The draft text of a study of radiographs, sentence by sentence; the words are in `vocabulary`.

It says what the film is, what models saw and did not see, what was measured and what nobody looked at. It never says
that a film is normal: models look for what their cards name and for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from ecg_engine import vocabulary
from ecg_engine.interpretation.triage import by_urgency
from ecg_engine.radiograph.anatomy import CONFIDENT
from ecg_engine.types import Finding, Phrase, RadiographReport, StudyReport

__all__ = ["CTR_USUAL", "draft_phrases", "side_of"]

#: Usual upper limit of the cardiothoracic ratio in adults on a PA film (Danzer CS 1919, Am J Med Sci 157:513-521).
CTR_USUAL: Final = 0.50
#: Share of a finding's region within the lungs that must lie in one of them before a side is named.
_ONE_LUNG: Final = 0.9
#: Notes that belong to a film's description though they keep no model out.
_REMARKS: Final = ("view_contradicts_header", "maybe_mirrored", "age_unknown_radiograph")
#: Reasons that the first line of a description says already, by body part and view.
_IN_THE_HEADING: Final = frozenset({"other_body_part", "lateral_view"})


def draft_phrases(study: StudyReport) -> tuple[Phrase, ...]:
    """Return the draft text of a study as codes of `vocabulary.phrases` with their facts.

    Parameters
    ----------
    study : StudyReport
        Its `phrases` are not looked at.

    Returns
    -------
    tuple of Phrase
        The description, image by image (unscored images of one body part together, with a template for the doctor to
        fill in: ``___``), then the conclusion: findings of `default` models in order of urgency, or what the models
        looked for; why nothing was scored; what changed since the earlier study.
    """
    scored = [image for image in study.images if _is_scored(image)]
    unscored = [image for image in study.images if not _is_scored(image)]
    description = [phrase for image in scored for phrase in _scored_image(image)]
    for group in _groups(unscored):
        description.extend(_unscored_images(group))
    description.extend(_research(study))
    conclusion = [*_conclusion(study, scored, unscored), *_comparison(study)]
    return tuple(
        Phrase(section=section, code=code, facts=facts)
        for section, phrases in (("description", description), ("conclusion", conclusion))
        for code, facts in phrases
    )


_Said = tuple[str, dict[str, Any]]


def _is_scored(image: RadiographReport) -> bool:
    return image.urgency.level != "unscored"


# --------------------------------------------------------------------------------------------------------- description


def _scored_image(image: RadiographReport) -> list[_Said]:
    below = [finding.code for finding in image.findings if finding.report == "default" and not finding.seen]
    said = [_film([image]), *_remarks([image]), *_seen(image)]
    if below:
        said.append(("below_threshold", {"findings": list(dict.fromkeys(below))}))
    return [*said, *_heart(image), ("not_assessed", {})]


def _unscored_images(images: Sequence[RadiographReport]) -> list[_Said]:
    part = _body_part(images[0])
    known = [image for image in images if image.measurements.get("cardiothoracic_ratio") is not None]
    measured = [phrase for image in known for phrase in _heart(image)]
    seen = [phrase for image in images for phrase in _seen(image)]
    template = vocabulary.body_part(part).template if part else "other"
    return [_film(images), *_remarks(images), *seen, *measured, (f"template_{template}", {})]


def _seen(image: RadiographReport) -> list[_Said]:
    seen = by_urgency(finding for finding in image.findings if finding.report == "default" and finding.seen)
    return [("finding", {**_with_side(f, image), "threshold": float(f.threshold)}) for f in seen]


def _groups(images: Iterable[RadiographReport]) -> list[list[RadiographReport]]:
    """Return images of one body part and side together, in order."""
    groups: dict[tuple[str | None, str | None], list[RadiographReport]] = {}
    for image in images:
        groups.setdefault((_body_part(image), image.image.get("laterality")), []).append(image)
    return list(groups.values())


def _body_part(image: RadiographReport) -> str | None:
    """Return the body part: the gate's, or the file's where the gate does not contradict it."""
    if image.gate.body_part:
        return vocabulary.body_part(image.gate.body_part).code
    said = image.image.get("body_part")
    part = vocabulary.body_part(said).code if said else None
    return None if part == "CHEST" and "not_chest" in image.gate.reasons else part


def _film(images: Sequence[RadiographReport]) -> _Said:
    part = _body_part(images[0])
    if part is None:
        return "film_unknown", {}
    views = [view for image in images if (view := image.gate.view or image.image.get("view"))]
    film = {"body_part": part, "views": views, "laterality": images[0].image.get("laterality")}
    return ("film" if vocabulary.body_part(part).listed else "film_unlisted"), {"film": film}


def _remarks(images: Sequence[RadiographReport]) -> list[_Said]:
    said: list[_Said] = []
    for phrase, codes_of in (("quality", _quality_codes), ("remarks", _remark_codes)):
        reasons = [_reason(code, image) for image in images for code in codes_of(image)]
        unique = list({str(reason): reason for reason in reasons}.values())
        if unique:
            said.append((phrase, {"reasons": unique}))
    return said


def _quality_codes(image: RadiographReport) -> tuple[str, ...]:
    return image.quality.reasons


def _remark_codes(image: RadiographReport) -> list[str]:
    """Return what the gate says beyond what the film's own line tells."""
    noted = {note.code for note in image.notes}
    codes = [*image.gate.reasons, *(code for code in _REMARKS if code in noted)]
    return [code for code in dict.fromkeys(codes) if code not in _IN_THE_HEADING]


def _reason(code: str, image: RadiographReport) -> dict[str, Any]:
    """Return the code of a reason with the facts that the image's own note of it has."""
    facts: Mapping[str, Any] = next((note.facts for note in image.notes if note.code == code), {})
    return {"code": code, "facts": dict(facts)}


def _heart(image: RadiographReport) -> list[_Said]:
    ratio = image.measurements.get("cardiothoracic_ratio")
    if ratio is None:
        return [("ctr_missing", {})]
    facts = {"ratio": float(ratio), "limit": CTR_USUAL}
    code = "ctr_above" if _is_wide(image) else "ctr"
    if image.gate.view != "PA" or image.gate.child:
        code = "ctr_not_pa"
    error = image.measurements.get("cardiothoracic_ratio_error")
    return [(code, facts)] if error is None else [(code, facts), ("ratio_error", {"error": float(error)})]


def _is_wide(image: RadiographReport) -> bool:
    """Return whether the ratio is above the usual limit, as it is printed, on a film that the limit was made for."""
    ratio = image.measurements.get("cardiothoracic_ratio")
    return ratio is not None and image.gate.view == "PA" and not image.gate.child and round(ratio, 2) > CTR_USUAL


def _with_side(finding: Finding, image: RadiographReport | None) -> dict[str, Any]:
    side = None if image is None else side_of(finding, image)
    return {"finding": finding.code, "where": side, "score": float(finding.score)}


def side_of(finding: Finding, image: RadiographReport) -> str | None:
    """Return ``"right"`` or ``"left"`` (the patient's) where a finding's region lies clearly in one lung, else None.

    On a frontal film the patient's right is on the left of the picture. Where the lungs were outlined, nine tenths of
    what the region covers of them must be one lung; else the region must lie wholly in one half of the picture.
    """
    if finding.region is None or not vocabulary.finding(finding.code).sided:
        return None
    if image.gate.turned_deg or image.gate.view not in ("PA", "AP", "FRONTAL"):
        return None
    rows, columns = image.image["rows"], image.image["columns"]
    top, left, bottom, right = finding.region
    anatomy = image.anatomy
    if anatomy is None or anatomy.confidence < CONFIDENT:
        return "right" if right <= columns / 2 else "left" if left >= columns / 2 else None
    size = anatomy.right_lung.shape[0]
    scale = size / max(rows, columns)
    y, x = (size - rows * scale) / 2, (size - columns * scale) / 2
    box = np.s_[round(y + top * scale) : round(y + bottom * scale), round(x + left * scale) : round(x + right * scale)]
    in_right, in_left = int(anatomy.right_lung[box].sum()), int(anatomy.left_lung[box].sum())
    if not in_right + in_left:
        return None
    share = in_right / (in_right + in_left)
    return "right" if share >= _ONE_LUNG else "left" if share <= 1 - _ONE_LUNG else None


def _research(study: StudyReport) -> list[_Said]:
    scores = [{"code": f.code, "score": float(f.score)} for f in study.findings if f.report != "default"]
    return [("research_scores", {"scored": scores})] if scores else []


# ---------------------------------------------------------------------------------------------------------- conclusion


def _conclusion(
    study: StudyReport, scored: Sequence[RadiographReport], unscored: Sequence[RadiographReport]
) -> list[_Said]:
    seen = _unique(by_urgency(finding for finding in study.findings if finding.report == "default" and finding.seen))
    said: list[_Said] = [("conclusion_finding", _with_side(f, _image_of(f, study.images))) for f in seen]
    if scored and not seen:
        looked_for = [f.code for image in scored for f in image.findings if f.report == "default"]
        said.append(("no_findings", {"findings": list(dict.fromkeys(looked_for))}))
    wide = [image for image in scored if _is_wide(image)]
    said.extend(("conclusion_ctr", {"ratio": float(i.measurements.overall["cardiothoracic_ratio"])}) for i in wide)
    if not scored:
        reasons = [_study_reason(code, study) for code in study.urgency.because]
        said.append(("unscored", {"reasons": reasons}) if reasons else ("unscored_plain", {}))
        said.append(("conclusion_blank", {}))
    elif unscored:
        said.append(("unscored_images", {"number": len(unscored)}))
    return said


def _unique(findings: Iterable[Finding]) -> list[Finding]:
    """Return the first finding of each code: two models that see one thing make one line of a conclusion."""
    first: dict[str, Finding] = {}
    for finding in findings:
        first.setdefault(finding.code, finding)
    return list(first.values())


def _image_of(finding: Finding, images: Sequence[RadiographReport]) -> RadiographReport | None:
    """Return the image that a finding of the study is of."""
    return next((image for image in images if any(one is finding or one == finding for one in image.findings)), None)


def _study_reason(code: str, study: StudyReport) -> dict[str, Any]:
    """Return a reason with the facts of the first image that has a note of it."""
    for image in study.images:
        if any(note.code == code for note in image.notes):
            return _reason(code, image)
    return {"code": code, "facts": {}}


def _comparison(study: StudyReport) -> list[_Said]:
    if study.previous is None:
        return []
    changes = [asdict(change) for change in study.changes if change.beyond_error or change.kind == "finding"]
    day = study.previous.get("date")
    code = ("changed" if changes else "unchanged") + ("" if day else "_undated")
    facts: dict[str, Any] = {"changes": changes} if changes else {}
    return [(code, {**facts, "date": day} if day else facts)]
