"""QT corrected for rate, by the four usual formulas."""

from __future__ import annotations

from ecg_engine.errors import InputError


def _check(qt_ms: float, rr_ms: float) -> None:
    if not (qt_ms > 0 and rr_ms > 0):
        raise InputError(f"QT {qt_ms:g} ms and RR {rr_ms:g} ms: both must be positive", argument="qt_ms")


def qtc_bazett_ms(qt_ms: float, rr_ms: float) -> float:
    """Return QT / sqrt(RR in s), ms (Bazett 1920, Heart 7:353-370).

    Examples
    --------
    >>> round(qtc_bazett_ms(400, 640))
    500
    """
    _check(qt_ms, rr_ms)
    return float(qt_ms / (rr_ms / 1000) ** 0.5)


def qtc_fridericia_ms(qt_ms: float, rr_ms: float) -> float:
    """Return QT / cbrt(RR in s), ms (Fridericia 1920, doi:10.1111/j.0954-6820.1920.tb18266.x).

    Examples
    --------
    >>> round(qtc_fridericia_ms(400, 512))
    500
    """
    _check(qt_ms, rr_ms)
    return float(qt_ms / (rr_ms / 1000) ** (1 / 3))


def qtc_framingham_ms(qt_ms: float, rr_ms: float) -> float:
    """Return QT + 154 (1 - RR in s), ms (Sagie 1992, doi:10.1016/0002-9149(92)90562-D).

    Examples
    --------
    >>> qtc_framingham_ms(400, 500)
    477.0
    """
    _check(qt_ms, rr_ms)
    return float(qt_ms + 154 * (1 - rr_ms / 1000))


def qtc_hodges_ms(qt_ms: float, rr_ms: float) -> float:
    """Return QT + 1.75 (rate - 60), ms (Hodges 1983, J Am Coll Cardiol 1:694).

    Examples
    --------
    >>> qtc_hodges_ms(400, 500)
    505.0
    """
    _check(qt_ms, rr_ms)
    return float(qt_ms + 1.75 * (60000 / rr_ms - 60))
