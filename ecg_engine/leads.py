"""Lead geometry: names, order, contiguity, frontal angles, derivation of one lead from others.

A leaf: it imports nothing but the standard library and NumPy, and everything that asks "which lead" asks here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONTIGUOUS",
    "FRONTAL_ANGLES_DEG",
    "LIMB_LEADS",
    "PRECORDIAL_LEADS",
    "STANDARD_LEADS",
    "TERRITORIES",
    "derive_limb_leads",
    "display_order",
    "exchange_electrodes",
    "named_leads",
    "standard_name",
]

LIMB_LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF")
PRECORDIAL_LEADS: Final = ("V1", "V2", "V3", "V4", "V5", "V6")
#: The twelve standard leads in the order in which they are printed and stored.
STANDARD_LEADS: Final = LIMB_LEADS + PRECORDIAL_LEADS
EXTRA_LEADS: Final = ("V7", "V8", "V9", "V3R", "V4R", "V5R", "V6R", "X", "Y", "Z")

#: Angle in the frontal plane in degrees, clockwise positive, of each limb lead (AHA/ACC/HRS 2007, part I,
#: doi:10.1161/CIRCULATIONAHA.106.180200).
FRONTAL_ANGLES_DEG: Final[Mapping[str, float]] = {
    "I": 0.0, "II": 60.0, "III": 120.0, "aVR": -150.0, "aVL": -30.0, "aVF": 90.0,
}  # fmt: skip

#: Anatomically contiguous sequences (AHA/ACC/HRS 2009, part VI, doi:10.1161/CIRCULATIONAHA.108.191098): two
#: neighbours in one of them are contiguous leads. ``-aVR`` stands between I and II in the Cabrera sequence.
CONTIGUOUS: Final = (("V1", "V2", "V3", "V4", "V5", "V6"), ("aVL", "I", "-aVR", "II", "aVF", "III"))

#: Leads that look at each territory of the left ventricle (fourth Universal Definition of Myocardial Infarction,
#: doi:10.1161/CIR.0000000000000617).
TERRITORIES: Final[Mapping[str, tuple[str, ...]]] = {
    "anterior": ("V1", "V2", "V3", "V4"),
    "inferior": ("II", "III", "aVF"),
    "lateral": ("I", "aVL", "V5", "V6"),
}

#: What each limb lead is when two electrodes change places: its sign and the lead that it becomes. Chest leads stay:
#: Wilson's terminal is the mean of the three whoever is where (AHA/ACC/HRS 2007, part I).
_EXCHANGED: Final[Mapping[frozenset[str], Mapping[str, tuple[int, str]]]] = {
    frozenset({"RA", "LA"}): {
        "I": (-1, "I"), "II": (1, "III"), "III": (1, "II"), "aVR": (1, "aVL"), "aVL": (1, "aVR"), "aVF": (1, "aVF"),
    },
    frozenset({"RA", "LL"}): {
        "I": (-1, "III"), "II": (-1, "II"), "III": (-1, "I"), "aVR": (1, "aVF"), "aVL": (1, "aVL"), "aVF": (1, "aVR"),
    },
    frozenset({"LA", "LL"}): {
        "I": (1, "II"), "II": (1, "I"), "III": (-1, "III"), "aVR": (1, "aVR"), "aVL": (1, "aVF"), "aVF": (1, "aVL"),
    },
}  # fmt: skip

_CANONICAL: Final = {name.upper(): name for name in STANDARD_LEADS + EXTRA_LEADS}
_ROMAN: Final = {
    "DI": "I",
    "DII": "II",
    "DIII": "III",
    "1": "I",
    "2": "II",
    "3": "III",
    "L1": "I",
    "L2": "II",
    "L3": "III",
}
#: Words in front of a lead's name in the files of devices ("ECG I", "Lead V1", "EKG.aVF").
_PREFIX: Final = re.compile(r"^(?:ECG|EKG|LEAD|DERIVATION|CHANNEL|MDC_ECG_LEAD)[\s_.:-]+", re.IGNORECASE)
#: Words behind it ("I (Einthoven)", "II-REF").
_SUFFIX: Final = re.compile(r"[\s_-]*(?:\([^)]*\)|-REF|\bLEAD)$", re.IGNORECASE)


#: Letters of Russian and Ukrainian keyboards in names of leads: В1 is V1, аВР is aVR.
_CYRILLIC: Final = str.maketrans("АВРЛФІ", "AVRLFI")


def standard_name(name: str) -> str:
    """Return the standard spelling of a lead's name.

    Names outside the standard ones (``MLII``, ``V``, ``MCL1``, ``CM5``, ``ECG1``) are kept as they are, stripped
    of surrounding white space: no statement by territory is made from them.

    Parameters
    ----------
    name : str
        The name as the file has it.

    Returns
    -------
    str
        ``"I"`` ... ``"V6"``, ``"V7"`` ... or `name` itself.

    Examples
    --------
    >>> standard_name("avf"), standard_name("ECG v1"), standard_name("Lead I (Einthoven)"), standard_name("MLII")
    ('aVF', 'V1', 'I', 'MLII')
    >>> standard_name("аВР"), standard_name("В1")
    ('aVR', 'V1')
    """
    kept = name.strip()
    bare = _SUFFIX.sub("", _PREFIX.sub("", kept)).strip()
    upper = bare.upper().translate(_CYRILLIC)
    if upper in _CANONICAL:
        return _CANONICAL[upper]
    had_prefix = _PREFIX.match(kept) is not None
    if upper in _ROMAN and (had_prefix or upper.startswith("D")):
        return _ROMAN[upper]
    return kept


def display_order(leads: Sequence[str]) -> tuple[int, ...]:
    """Return the indices that put `leads` in standard order, unknown names last and in their own order.

    Examples
    --------
    >>> display_order(("V1", "MLII", "II", "I"))
    (3, 2, 0, 1)
    """
    rank = {name: i for i, name in enumerate(STANDARD_LEADS + EXTRA_LEADS)}
    return tuple(sorted(range(len(leads)), key=lambda i: (rank.get(leads[i], len(rank)), i)))


def derive_limb_leads(signal: NDArray[np.floating], leads: Sequence[str]) -> dict[str, NDArray[np.floating]]:
    """Return the limb leads that are missing but follow from those present.

    Any two of I, II, III give all six (Einthoven's law and Goldberger's definitions; AHA/ACC/HRS 2007, part I,
    doi:10.1161/CIRCULATIONAHA.106.180200).

    Parameters
    ----------
    signal : (n_leads, n_samples) array
        mV.
    leads : sequence of str
        Standard names, one a row.

    Returns
    -------
    dict of str to (n_samples,) array
        Only leads that were not in `leads`; empty where fewer than two of I, II, III are there.
    """
    have = {name: signal[i] for i, name in enumerate(leads)}
    if "I" in have and "II" in have:
        one, two = have["I"], have["II"]
    elif "I" in have and "III" in have:
        one, two = have["I"], have["I"] + have["III"]
    elif "II" in have and "III" in have:
        one, two = have["II"] - have["III"], have["II"]
    else:
        return {}
    every = {
        "I": one, "II": two, "III": two - one,
        "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2,
    }  # fmt: skip
    return {name: row for name, row in every.items() if name not in have}


def exchange_electrodes(
    rows: Mapping[str, NDArray[np.floating]], first: str, second: str
) -> dict[str, NDArray[np.floating]]:
    """Return the leads as they are when two electrodes of the limbs change places.

    Parameters
    ----------
    rows : mapping of str to (n_samples,) array
        Leads by their standard names.
    first, second : {"RA", "LA", "LL"}

    Returns
    -------
    dict of str to (n_samples,) array
        The same leads. A limb lead is absent where what it becomes is not recorded and does not follow from others.

    Examples
    --------
    >>> exchange_electrodes({"I": np.array([1.0]), "II": np.array([3.0])}, "RA", "LA")
    {'I': array([-1.]), 'II': array([2.])}
    """
    known = {**rows}
    if any(name in LIMB_LEADS for name in rows):
        known |= derive_limb_leads(np.stack(list(rows.values())), list(rows))
    moved = _EXCHANGED[frozenset({first, second})]
    out = {}
    for name, row in rows.items():
        sign, becomes = moved.get(name, (1, name))
        if name not in moved:
            out[name] = row
        elif becomes in known:
            out[name] = known[becomes] if sign > 0 else -known[becomes]
    return out


def named_leads(leads: Sequence[str]) -> str:
    """Return the names of leads in one phrase, a whole row of chest leads by its ends.

    Examples
    --------
    >>> named_leads(("II", "V1", "V2", "V3", "V4", "V5", "V6"))
    'II, V1–V6'
    """
    if set(PRECORDIAL_LEADS) <= set(leads):
        ends = f"{PRECORDIAL_LEADS[0]}\N{EN DASH}{PRECORDIAL_LEADS[-1]}"
        leads = [*(name for name in leads if name not in PRECORDIAL_LEADS), ends]
    return ", ".join(leads)
