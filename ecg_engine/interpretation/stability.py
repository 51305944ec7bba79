"""How often altered readings say a statement again, and how certain it may be called then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ecg_engine.types import Statement

__all__ = ["MOST_CERTAIN", "bounded", "with_stability"]

_CERTAINTIES: Final = ("possible", "probable", "definite")
#: Below a share of the altered readings a statement is at most so certain, chosen: what half of the readings do not say
#: is a guess, and what one in five does not say is not definite. Sampled 1 ms later, the same tracing got other
#: statements from programs of 1974 in a quarter to more than a half of all cases (Bailey et al., Circulation 50:88-93,
#: doi:10.1161/01.CIR.50.1.88).
MOST_CERTAIN: Final = ((0.5, "possible"), (0.8, "probable"))


def bounded(certainty: str, stability: float) -> str:
    """Return the certainty of a statement that `stability` of the altered readings say.

    Examples
    --------
    >>> bounded("definite", 0.97), bounded("definite", 0.7), bounded("probable", 0.4), bounded("possible", 1.0)
    ('definite', 'probable', 'possible', 'possible')
    """
    most = next((word for share, word in MOST_CERTAIN if stability < share), _CERTAINTIES[-1])
    return min(certainty, most, key=_CERTAINTIES.index)


def with_stability(statements: tuple[Statement, ...], said: Mapping[str, int], n: int) -> tuple[Statement, ...]:
    """Return the statements with the share of `n` readings that say them again, and no more certain than it allows.

    Parameters
    ----------
    statements : tuple of Statement
    said : mapping of str to int
        How many of the readings say a code.
    n : int
        At least 1.

    Returns
    -------
    tuple of Statement
    """
    shares = [said.get(s.code, 0) / n for s in statements]
    return tuple(
        replace(s, stability=share, certainty=bounded(s.certainty, share))
        for s, share in zip(statements, shares, strict=True)
    )
