"""What a rule may look at, and the table that rules join."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, TypeVar

from ecg_engine.interpretation.limits import Limits
from ecg_engine.types import Beats, Evidence, Measurements, Patient, Quality, Statement

__all__ = ["RULES", "Context", "Rule", "fact", "remembered", "rule"]

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything that the rules see: measurements with units, never samples.

    Parameters
    ----------
    measurements : Measurements
    quality : Quality
    beats : Beats
        With their classes.
    patient : Patient
    limits : Limits
    leads : tuple of str
        The leads of the recording, derived ones included.
    n_beats_in_median : int
    duration_s : float
    st_certain : bool
        Whether the source says that its filters leave ST as it was.
    said : frozenset of str
        Codes that stand in the conclusion, for the rules that judge it as a whole; empty before.
    """

    measurements: Measurements
    quality: Quality
    beats: Beats
    patient: Patient
    limits: Limits
    leads: tuple[str, ...]
    n_beats_in_median: int
    duration_s: float
    st_certain: bool
    said: frozenset[str] = frozenset()
    answers: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def get(self, code: str, lead: str | None = None) -> float | None:
        """Return a measurement, or None where it could not be had."""
        if lead is None:
            return self.measurements.overall.get(code)
        found = self.measurements.by_lead.get(lead)
        return None if found is None else found.get(code)


def remembered(function: Callable[[Context], _Answer]) -> Callable[[Context], _Answer]:
    """Let a context keep what a function says of it: what many rules ask is worked out once."""
    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def once(context: Context) -> _Answer:
        answers = context.answers
        if name not in answers:
            answers[name] = function(context)
        answer: _Answer = answers[name]
        return answer

    return once


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: a function of the context that says its statement, or nothing.

    Parameters
    ----------
    code : str
        Permanent name of the rule.
    family : str
    run : callable
    last : bool
        It judges what the others have said: `Context.said`.
    """

    code: str
    family: str
    run: Callable[[Context], Statement | None]
    last: bool = False


#: Every rule, in the order in which the families are imported.
RULES: Final[list[Rule]] = []


def rule(
    family: str, *, last: bool = False
) -> Callable[[Callable[[Context], Statement | None]], Callable[[Context], Statement | None]]:
    """Register a rule under its function's name; a `last` one is run when all others have spoken."""

    def register(function: Callable[[Context], Statement | None]) -> Callable[[Context], Statement | None]:
        RULES.append(Rule(code=function.__name__, family=family, run=function, last=last))
        return function

    return register


def fact(
    context: Context, code: str, relation: str | None = None, threshold: float | None = None, *, source: str,
    lead: str | None = None,
) -> Evidence:  # fmt: skip
    """Return the evidence that a measurement gives; it must have been measured."""
    value = context.get(code, lead)
    assert value is not None, code
    return Evidence(measurement=code, value=value, lead=lead, relation=relation, threshold=threshold, source=source)
