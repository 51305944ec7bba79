"""Early repolarisation by its definition: a notch or slur at the end of the QRS, and how ST goes on behind it.

Macfarlane PW et al. 2015 (doi:10.1016/j.jacc.2015.05.033): Jp of 0.1 mV and more in two neighbouring leads other than
V1 to V3, QRS below 120 ms.
"""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.conduction import is_wide, rbbb_complete
from ecg_engine.interpretation.context import Context, fact, remembered
from ecg_engine.interpretation.st_segment import contiguous, st_judged
from ecg_engine.leads import STANDARD_LEADS
from ecg_engine.types import Evidence, Note

#: The peak of a notch, or the onset of a slur, counts from here, mV (Macfarlane 2015).
J_WAVE_MV: Final = 0.1
#: The QRS is measured where there is none (same source); in so many leads at least, chosen.
LEAST_PLAIN_LEADS: Final = 3
#: In these leads.
J_WAVE_LEADS: Final = ("I", "aVL", "II", "aVF", "III", "V4", "V5", "V6")
#: From here on, mV, it is a statement of its own: more than 0.2 mV trebled the risk of arrhythmic death where ST was
#: level or fell behind it (Tikkanen JT et al. 2011). Lower ones, which one healthy adult in twenty has, are a statement
#: where ST is elevated and a note elsewhere.
TALL_J_WAVE_MV: Final = 0.2


def j_wave_mv(c: Context, lead: str) -> float:
    """Return Jp of a lead, mV; 0 without notch and slur."""
    return max(c.get("j_notch_mv", lead) or 0.0, c.get("j_slur_mv", lead) or 0.0)


@remembered
def j_wave_leads(c: Context) -> tuple[str, ...]:
    """Return the leads with a notch or slur that counts and a neighbour of the kind."""
    return _reaching(c, J_WAVE_MV) if st_judged(c) and _is_narrow_without(c) else ()


def _is_narrow_without(c: Context) -> bool:
    """Return whether the QRS is narrow; that of the leads without notch and slur, where those alone make it wide."""
    if not is_wide(c):
        return True
    if rbbb_complete(c) is not None:
        return False
    ends = [c.get("qrs_end_ms", x) for x in STANDARD_LEADS if not j_wave_mv(c, x)]
    known = [end for end in ends if end is not None]
    return len(known) >= LEAST_PLAIN_LEADS and max(known) < c.limits.qrs_wide_ms


def _reaching(c: Context, least_mv: float) -> tuple[str, ...]:
    return contiguous(c, [lead for lead in J_WAVE_LEADS if j_wave_mv(c, lead) >= least_mv])


@remembered
def st_rises(c: Context) -> bool | None:
    """Return whether ST rises behind the J waves: in most leads, in the taller ones where they tie; None unknown."""
    rises = [(rise, j_wave_mv(c, x)) for x in j_wave_leads(c) if (rise := c.get("j_st_rise_mv", x)) is not None]
    if not rises:
        return None
    up, others = [mv for rise, mv in rises if rise > 0], [mv for rise, mv in rises if rise <= 0]
    return (len(up), sum(up)) >= (len(others), sum(others))


def has_tall_j_waves(c: Context) -> bool:
    """Return whether the J waves of two neighbouring leads are tall."""
    return bool(j_wave_leads(c)) and bool(_reaching(c, TALL_J_WAVE_MV))


def j_wave_evidence(c: Context) -> tuple[Evidence, ...]:
    """Return Jp of each lead, and ST behind it."""
    facts: list[Evidence] = []
    for lead in j_wave_leads(c):
        notch, slur = c.get("j_notch_mv", lead) or 0.0, c.get("j_slur_mv", lead) or 0.0
        code = "j_notch_mv" if notch >= slur else "j_slur_mv"
        facts.append(fact(c, code, ">=", J_WAVE_MV, source="macfarlane_2015", lead=lead))
        if c.get("j_st_rise_mv", lead) is not None:
            facts.append(fact(c, "j_st_rise_mv", source="tikkanen_2011", lead=lead))
    return tuple(facts)


def j_wave_notes(c: Context) -> tuple[Note, ...]:
    """Return in which leads there are J waves, how tall they are, and how ST goes on."""
    leads = j_wave_leads(c)
    if not leads:
        return ()
    course = {True: "j_waves_rising", False: "j_waves_level", None: "j_waves"}[st_rises(c)]
    tallest = max(j_wave_mv(c, lead) for lead in leads)
    return (
        Note(stage="interpretation", code=course, facts={"leads": ", ".join(leads), "value_mv": round(tallest, 2)}),
    )
