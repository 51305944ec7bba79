"""Rhythm: no beats, pacing, rates of a rhythm that is not named, undetermined. What is named: the modules beside."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.atrial import (
    accelerated_junctional_rhythm,
    atrial_fibrillation,
    atrial_flutter,
    atrial_rhythm,
    junctional_rhythm,
    supraventricular_tachycardia,
)
from ecg_engine.interpretation.basic import MIN_BEATS, has_p, is_paced, is_sinus
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.over_time import is_longest_hidden, pauses_over_time
from ecg_engine.interpretation.ventricular_rhythm import (
    accelerated_idioventricular_rhythm,
    idioventricular_rhythm,
)
from ecg_engine.types import Statement

__all__ = [
    "asystole",
    "bradycardia",
    "has_p",
    "is_paced",
    "is_sinus",
    "paced_rhythm",
    "pause",
    "tachycardia",
    "undetermined_rhythm",
]

#: No QRS for so long on connected leads, s.
ASYSTOLE_S: Final = 4.0
PAUSE_S: Final = 3.0


def _silence(c: Context) -> tuple[str, float] | None:
    """Return the quantity that tells the longest time without QRS, and it, s, where the leads could have shown one."""
    if not c.quality.usable_leads:
        return None
    code = "pause_longest_s" if is_longest_hidden(c) else "pause_s"
    silent = c.get(code)
    return None if silent is None else (code, silent)


@rule("rhythm")
def asystole(c: Context) -> Statement | None:
    """No QRS for 4 s or more on connected leads."""
    silence = _silence(c)
    if silence is None or silence[1] < ASYSTOLE_S:
        return None
    limit = fact(c, silence[0], ">=", ASYSTOLE_S, source="design")
    return Statement(code="asystole", evidence=(limit, *pauses_over_time(c, silence[0])))


@rule("rhythm")
def pause(c: Context) -> Statement | None:
    """No QRS for 3 s or more on connected leads."""
    silence = _silence(c)
    if silence is None or not PAUSE_S <= silence[1] < ASYSTOLE_S:
        return None
    limit = fact(c, silence[0], ">=", PAUSE_S, source="acc_brady_2018")
    return Statement(code="pause", evidence=(limit, *pauses_over_time(c, silence[0])))


@rule("rhythm")
def paced_rhythm(c: Context) -> Statement | None:
    """Half of the beats or more behind a pacing spike."""
    if not is_paced(c) or len(c.beats.r_peaks) < MIN_BEATS:
        return None
    return Statement(code="paced_rhythm", evidence=(fact(c, "n_pacing_spikes", source="iec_60601_2_27"),))


@rule("rhythm")
def undetermined_rhythm(c: Context) -> Statement | None:
    """Beats, but no rhythm is proved."""
    if len(c.beats.r_peaks) < MIN_BEATS or is_paced(c) or is_sinus(c):
        return None
    named = (
        atrial_fibrillation, atrial_flutter, atrial_rhythm, junctional_rhythm, accelerated_junctional_rhythm,
        supraventricular_tachycardia, idioventricular_rhythm, accelerated_idioventricular_rhythm,
    )  # fmt: skip
    if any(name(c) is not None for name in named):
        return None
    facts = [
        fact(c, k, source="design")
        for k in ("p_share_percent", "pr_spread_ms", "p_axis_deg", "p_noise_mv")
        if c.get(k) is not None
    ]
    return Statement(code="undetermined_rhythm", evidence=tuple(facts))


@rule("rhythm")
def bradycardia(c: Context) -> Statement | None:
    """Slow ventricular rate in a rhythm that is not sinus."""
    rate = c.get("heart_rate_bpm")
    if rate is None or len(c.beats.r_peaks) < MIN_BEATS or is_sinus(c) or rate >= c.limits.slow_bpm:
        return None
    limit = fact(c, "heart_rate_bpm", "<", c.limits.slow_bpm, source="acc_brady_2018")
    return Statement(code="bradycardia", evidence=(limit,))


@rule("rhythm")
def tachycardia(c: Context) -> Statement | None:
    """Fast ventricular rate in a rhythm that is not sinus and names no tachycardia by itself."""
    rate = c.get("heart_rate_bpm")
    if rate is None or len(c.beats.r_peaks) < MIN_BEATS or is_sinus(c) or rate <= c.limits.fast_bpm:
        return None
    if supraventricular_tachycardia(c) is not None:
        return None
    limit = fact(c, "heart_rate_bpm", ">", c.limits.fast_bpm, source="acc_svt_2015")
    return Statement(code="tachycardia", evidence=(limit,))
