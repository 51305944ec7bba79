"""Urgency of a radiograph and of a study: one table, finding by finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ecg_engine.interpretation.urgency import LEVELS
from ecg_engine.types import Finding, Gate, ImageQuality, RadiographReport, Urgency

__all__ = [
    "FINDING_LEVELS",
    "UNLISTED_LEVEL",
    "FindingLevel",
    "by_urgency",
    "judge_radiograph",
    "judge_study",
    "level_of",
    "relative_score",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingLevel:
    """How soon a doctor should see a finding, and why."""

    level: str
    reason: str


#: Level of each finding that a `default` model sees. The ACR's Actionable Reporting Work Group sorts findings into
#: those to tell within minutes, hours and days (Larson PA et al. 2014, doi:10.1016/j.jacr.2013.12.016): `critical` is
#: its first category, `urgent` its second. Where a picture alone does not tell a mild case from a severe one, the level
#: is the severe one's. The reasons are this engine's.
FINDING_LEVELS: Final[Mapping[str, FindingLevel]] = {
    code: FindingLevel(level=level, reason=reason)
    for code, level, reason in (
        ("pneumothorax", "critical", "may come under tension within minutes"),
        ("edema", "urgent", "acute heart failure is treated the same day"),
        ("pneumonia", "urgent", "treatment starts the same day"),
        ("effusion", "urgent", "infection, heart failure, bleeding or tumour behind it; may need drainage"),
        (
            "nodule_mass",
            "urgent",
            "days would do, but a queue has no dates, and a possible cancer must not wait",
        ),
        ("opacity", "urgent", "pneumonia, oedema or tumour until a doctor has looked"),
        ("abnormal", "urgent", "what it is stays open: it may be any of these"),
        ("atelectasis", "routine", "mostly plate-like and harmless; a collapsed lobe is an opacity too"),
        ("cardiomegaly", "routine", "long-standing as a rule; acute failure shows as oedema or effusion"),
        ("pneumonia_paediatric", "urgent", "as pneumonia"),
    )
}
#: Level of a finding that is not in the table: a hospital's own model. Who makes a model `default` wants it seen.
UNLISTED_LEVEL: Final = "urgent"
#: Reasons of the gate that each model weighs by its own card; all others forbid every score.
_BY_CARD: Final = frozenset({"child", "child_by_sight"})


def level_of(code: str) -> str:
    """Return the level of a finding code.

    Examples
    --------
    >>> level_of("pneumothorax"), level_of("cardiomegaly"), level_of("scoliosis")
    ('critical', 'routine', 'urgent')
    """
    return FINDING_LEVELS[code].level if code in FINDING_LEVELS else UNLISTED_LEVEL


def relative_score(score: float, threshold: float) -> float:
    """Return a score in relation to its threshold: 0.5 at the threshold, 0 and 1 at the ends, linear between.

    So scores of models with different thresholds can be set side by side.

    Examples
    --------
    >>> relative_score(0.3, 0.3), relative_score(0.15, 0.3), relative_score(1.0, 0.3)
    (0.5, 0.25, 1.0)
    """
    if score >= threshold:
        return 1.0 if threshold >= 1.0 else 0.5 + 0.5 * min((score - threshold) / (1.0 - threshold), 1.0)
    return 0.5 * max(score, 0.0) / threshold


def by_urgency(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with the most pressing level first, and the highest relative score first within a level."""
    return tuple(
        sorted(findings, key=lambda f: (LEVELS.index(level_of(f.code)), -relative_score(f.score, f.threshold)))
    )


def judge_radiograph(gate: Gate, quality: ImageQuality, findings: Sequence[Finding]) -> Urgency:
    """Return how soon a doctor should see a radiograph.

    Parameters
    ----------
    gate : Gate
    quality : ImageQuality
    findings : sequence of Finding
        `research` ones count for nothing.

    Returns
    -------
    Urgency
        The most pressing level of what `default` models see. `unscored`, which goes before `routine`, where the gate
        keeps the picture out, its quality is not acceptable, or no `default` model scored it; `because` says which.
    """
    counted = [finding for finding in findings if finding.report == "default"]
    reasons: dict[str, list[str]] = {level: [] for level in LEVELS}
    for finding in by_urgency(finding for finding in counted if finding.seen):
        reasons[level_of(finding.code)].append(finding.code)
    reasons["unscored"].extend(_cannot_judge(gate, quality, bool(counted)))
    level = next((name for name in LEVELS if reasons[name]), "routine")
    return Urgency(level=level, because=tuple(dict.fromkeys(reasons[level])))


def _cannot_judge(gate: Gate, quality: ImageQuality, is_scored: bool) -> tuple[str, ...]:
    found = [code for code in gate.reasons if not (is_scored and code in _BY_CARD)]
    if not quality.acceptable:
        found.extend(quality.reasons)
    return tuple(found) or (() if is_scored else ("no_model",))


def judge_study(images: Sequence[RadiographReport]) -> tuple[Urgency, float | None]:
    """Return how soon a doctor should see a study, and its place among those of its level.

    Parameters
    ----------
    images : sequence of RadiographReport
        At least one.

    Returns
    -------
    urgency : Urgency
        The most pressing of the images'. `unscored` only where every image is: a lateral view beside a scored frontal
        one does not make the study so.
    priority : float, optional
        0 to 1, never falling as a score rises: the highest `relative_score` of a `default` model among the findings
        whose own level presses as much as the study's. None where the study is unscored.
    """
    scored = [image for image in images if image.urgency.level != "unscored"]
    judged = scored or images
    level = min((image.urgency.level for image in judged), key=LEVELS.index)
    because = dict.fromkeys(code for image in judged if image.urgency.level == level for code in image.urgency.because)
    urgency = Urgency(level=level, because=tuple(because))
    return urgency, _priority(scored, level) if scored else None


def _priority(images: Sequence[RadiographReport], level: str) -> float:
    pressing = LEVELS[: LEVELS.index(level) + 1]
    return max(
        (
            relative_score(finding.score, finding.threshold)
            for image in images
            for finding in image.findings
            if finding.report == "default" and level_of(finding.code) in pressing
        ),
        default=0.0,
    )
