"""Pacing: of which chamber, and spikes that no beat follows."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.basic import is_narrow, is_paced
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.types import Evidence, Statement

#: A ventricular spike stands so shortly before R, ms, or within so much of the QRS: QRS begins at once after it.
VENTRICULAR_MS: Final = 120.0
VENTRICULAR_SHARE: Final = 0.8
#: In dual-chamber pacing the atrial spike stands so long before the ventricular one, ms (programmed AV delays).
AV_DELAY_MS: Final = (60.0, 350.0)
#: So many spikes without a beat are a failure to capture.
LOST_SPIKES: Final = 2


def _evidence(c: Context) -> tuple[Evidence, ...]:
    codes = ("n_pacing_spikes", "spikes_a_beat", "spike_to_r_ms", "first_spike_to_r_ms", "qrs_ms")
    return tuple(fact(c, code, source="iec_60601_2_27") for code in codes if c.get(code) is not None)


def _is_dual(c: Context) -> bool:
    first, last, count = c.get("first_spike_to_r_ms"), c.get("spike_to_r_ms"), c.get("spikes_a_beat")
    if first is None or last is None or count is None or count < 2:
        return False
    return AV_DELAY_MS[0] <= first - last <= AV_DELAY_MS[1]


def _is_ventricular(c: Context) -> bool:
    last, width = c.get("spike_to_r_ms"), c.get("qrs_ms")
    if last is None or width is None or is_narrow(c):
        return False
    return last <= max(VENTRICULAR_MS, VENTRICULAR_SHARE * width)


@rule("pacing")
def pacing_dual(c: Context) -> Statement | None:
    """Two spikes a beat, an AV delay apart."""
    if not is_paced(c) or not _is_dual(c):
        return None
    return Statement(code="pacing_dual", certainty="probable", evidence=_evidence(c))


@rule("pacing")
def pacing_ventricular(c: Context) -> Statement | None:
    """One spike a beat, at once before a wide QRS."""
    if not is_paced(c) or _is_dual(c) or not _is_ventricular(c):
        return None
    return Statement(code="pacing_ventricular", certainty="probable", evidence=_evidence(c))


@rule("pacing")
def pacing_atrial(c: Context) -> Statement | None:
    """One spike a beat, as far before the QRS as a P wave."""
    last = c.get("spike_to_r_ms")
    if not is_paced(c) or _is_dual(c) or _is_ventricular(c) or last is None or last <= VENTRICULAR_MS:
        return None
    return Statement(code="pacing_atrial", certainty="probable", evidence=_evidence(c))


@rule("pacing")
def pacing_failure_to_capture(c: Context) -> Statement | None:
    """Spikes that no beat follows though the ventricles had recovered."""
    lost = c.get("n_spikes_without_beat")
    if lost is None or lost < LOST_SPIKES or not (is_paced(c) or c.patient.pacemaker):
        return None
    evidence = (fact(c, "n_spikes_without_beat", ">=", float(LOST_SPIKES), source="iec_60601_2_27"), *_evidence(c))
    return Statement(
        code="pacing_failure_to_capture", certainty="probable" if c.patient.pacemaker else "possible", evidence=evidence
    )
