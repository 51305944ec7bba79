"""Words: statements with their evidence, urgency. One rule a function, in files by family."""

from ecg_engine.interpretation.context import Context
from ecg_engine.interpretation.statements import interpret
from ecg_engine.interpretation.urgency import judge_urgency

__all__ = ["Context", "interpret", "judge_urgency"]
