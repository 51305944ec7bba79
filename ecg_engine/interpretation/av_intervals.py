"""Conduction from the atria to the ventricles, as the PR interval shows it."""

from __future__ import annotations

from typing import Final

from ecg_engine.interpretation.atrial import leads_from_elsewhere
from ecg_engine.interpretation.context import Context, fact, rule
from ecg_engine.interpretation.rhythm import is_sinus
from ecg_engine.types import Statement

#: A PR is called long when it is above the limit by more than its error, ms: twice the 10 ms that IEC 60601-2-25 allows
#: as standard deviation. What follows is the 220 ms of Minnesota code 6-3.
PR_ERROR_MS: Final = 20.0


@rule("conduction")
def av_block_1(c: Context) -> Statement | None:
    """PR above the limit of 200 ms by its error, 20 ms, and above it in three leads of four, in an atrial rhythm."""
    longest = c.limits.pr_long_ms
    limit = longest + PR_ERROR_MS
    pr, of_leads = c.get("pr_ms"), c.get("pr_most_leads_ms")
    if pr is None or not c.limits.adult or pr < limit or not (is_sinus(c) or leads_from_elsewhere(c)):
        return None
    evidence = [fact(c, "pr_ms", ">=", limit, source="minnesota")]
    if of_leads is not None:
        if of_leads < longest:
            return None
        evidence.append(fact(c, "pr_most_leads_ms", ">=", longest, source="aha_2009_iii"))
    return Statement(code="av_block_1", evidence=tuple(evidence))
