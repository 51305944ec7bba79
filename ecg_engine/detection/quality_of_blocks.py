"""Quality of a long recording from that of its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ecg_engine.detection.quality import overall_quality
from ecg_engine.types import LeadQuality, Quality, Spell

__all__ = ["quality_of_blocks"]


def quality_of_blocks(parts: Sequence[Quality]) -> Quality:
    """Return the quality of the whole from that of its blocks, which are of about one length."""
    names = tuple(parts[0].by_lead)
    scores = [part.score for part in parts if not np.isnan(part.score)]
    by_lead = {name: _lead_quality([part.by_lead[name] for part in parts]) for name in names}
    return overall_quality(by_lead, score=float(np.mean(scores)) if scores else float("nan"))


def _joined(spells: Sequence[Spell]) -> tuple[Spell, ...]:
    """Return the spells with those made one that a block's end cut in two."""
    out: list[Spell] = []
    last: dict[str, int] = {}
    for spell in spells:
        k = last.get(spell.reason)
        if k is not None and out[k].stop_s >= spell.start_s:
            out[k] = replace(out[k], stop_s=max(out[k].stop_s, spell.stop_s))
            continue
        last[spell.reason] = len(out)
        out.append(spell)
    return tuple(out)


def _lead_quality(parts: Sequence[LeadQuality]) -> LeadQuality:
    usable = 2 * sum(part.usable for part in parts) >= len(parts)
    alike = [part.reasons for part in parts if part.usable == usable]
    counted = dict.fromkeys(code for reasons in alike for code in reasons)
    often = {code: sum(code in reasons for reasons in alike) for code in counted}
    reasons = tuple(code for code in counted if 2 * often[code] >= len(alike))
    if not usable and not reasons:
        reasons = (max(counted, key=lambda code: often[code]),)

    def mean(name: str) -> float:
        return float(np.mean([getattr(part, name) for part in parts]))

    def median(name: str) -> float:
        known = [v for part in parts if not np.isnan(v := getattr(part, name))]
        return float(np.median(known)) if known else float("nan")

    return LeadQuality(
        usable=usable,
        reasons=reasons,
        gap_fraction=mean("gap_fraction"),
        flat_fraction=mean("flat_fraction"),
        clipped_fraction=mean("clipped_fraction"),
        noise_mv=median("noise_mv"),
        wander_mv=median("wander_mv"),
        mains_mv=median("mains_mv"),
        spells=_joined([spell for part in parts for spell in part.spells]),
    )
