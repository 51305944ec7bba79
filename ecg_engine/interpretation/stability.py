"""How often altered readings say a statement again, and how certain it may be called then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ecg_engine.types import Statement

__all__ = ["MOST_CERTAIN", "bounded", "with_stability"]

_CERTAINTIES: Final = ("possible", "probable", "definite")
#: Below a share of the altered readings a statement is at most so certain, chosen: what half of the readings do not say
#: is a guess, and what one in five does not say is not definite. Old programs changed the statements of a quarter to a
#: half of all tracings when these were sampled 1 ms later (Spodick and Bishop 1997, doi:10.1016/S0002-9149(96)00727-5,
#: found one in a hundred to one in seven identical pairs read differently).
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
